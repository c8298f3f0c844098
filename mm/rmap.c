/*
 * The reverse map: from a frame to every page-table entry that shows it. With it a page leaves memory by
 * visiting just its own entries, however many processes share it, and a frame's Accessed and Dirty bits are
 * gathered the same way.
 *
 * Most frames have one mapping, so the first is part of the frame; more are linked behind it. The list and
 * the present page-table entries are a bijection, which vm_check() verifies.
 *
 * Source of the idea: the pv_entry lists of Mach's pmap (Rashid et al., 1987).
 */
#include "arch/x86/pmap.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

/* What a page-table entry said goes into the frame before the entry is forgotten. */
static ALWAYS_INLINE void fold(struct frame *frame, unsigned bits) {
    if (bits & PMAP_REFERENCED) {
        frame->referenced = true;
        if (frame->prefetched)
            frame_was_useful(frame);
        if (frame->with_unit)
            frame_guess_used(frame);
    }
    if (bits & PMAP_MODIFIED)
        frame->modified = true;
}

/* The entry of a mapping, which stays in the list, has been removed and said @bits. */
static ALWAYS_INLINE void entry_removed(struct frame *frame, struct space *space, vaddr_t address,
                                        unsigned bits) {
    fold(frame, bits);
    trace(TRACE_UNMAP, bits, trace_entry(frame), address, (uint32_t)space->owner_pid, 0);
}

/*
 * Enters the frame in the page tables of @space at @address. 0; -EEXIST: something is present there, and stays;
 * -ENOMEM: a page table or a mapping could not be had at once. Never sleeps.
 */
int frame_map(struct frame *frame, struct space *space, vaddr_t address, unsigned bits) {
    ASSERT(frame->state == FRAME_ACTIVE || frame->state == FRAME_PINNED);
    int error = pmap_enter(&space->pmap, address, frame_number(frame), bits);

    if (error != 0)
        return error;
    if (frame->map.space == NULL) { /* and so without a next one, and not locked: drop_first() */
        frame->map.space = space;
        frame->map.address = address;
    } else {
        struct mapping *more = kmalloc_try(sizeof(*more));

        if (more == NULL) {
            pmap_remove(&space->pmap, address);
            return -ENOMEM;
        }
        *more = (struct mapping){.space = space, .address = address, .next = frame->map.next};
        frame->map.next = more;
    }
    space->peak_resident = MAX(space->peak_resident, space->pmap.resident);
    trace(TRACE_MAP, bits, trace_entry(frame), address, (uint32_t)space->owner_pid, 0);
    return 0;
}

/* The mapping of @space at @address, or NULL. */
static struct mapping *find_mapping(struct frame *frame, struct space *space, vaddr_t address) {
    for (struct mapping *m = &frame->map; m != NULL; m = m->next)
        if (m->space == space && m->address == address)
            return m;
    return NULL;
}

void frame_lock_mapping(struct frame *frame, struct space *space, vaddr_t address) {
    struct mapping *mapping = find_mapping(frame, space, address);

    ASSERT(mapping != NULL && !mapping->locked);
    mapping->locked = true;
    frame_lock(frame);
    if (frame->owner == OWNER_ANON && frame->anon->slot != 0) {
        anon_drop_slot(frame->anon); /* one page, one place: others may need the slot */
        frame->modified = true;
    }
}

/* Takes the first mapping out of the list; the next one moves into its place. */
static ALWAYS_INLINE void drop_first(struct frame *frame) {
    struct mapping *next = frame->map.next;

    if (frame->map.locked)
        frame_unlock(frame);
    if (next == NULL) {
        frame->map.space = NULL;
        frame->map.locked = false;
    } else {
        frame->map = *next;
        kfree(next);
    }
}

STOP_POINT void frame_unmapped(struct frame *frame, struct space *space, vaddr_t address, unsigned bits) {
    struct mapping *mapping = &frame->map;

    entry_removed(frame, space, address, bits);
    if (mapping->space == space && mapping->address == address) {
        drop_first(frame);
        return;
    }
    for (; mapping->next != NULL; mapping = mapping->next) {
        struct mapping *found = mapping->next;

        if (found->space == space && found->address == address) {
            mapping->next = found->next;
            if (found->locked)
                frame_unlock(frame);
            kfree(found);
            return;
        }
    }
    panic("frame %u: no mapping at %p", (unsigned)frame_number(frame), (void *)address);
}

void frame_unmap_one(struct frame *frame, struct space *space, vaddr_t address) {
    frame_unmapped(frame, space, address, pmap_remove(&space->pmap, address));
}

void frame_unmap_all(struct frame *frame) {
    while (frame_mapped(frame)) {
        struct mapping *first = &frame->map;

        entry_removed(frame, first->space, first->address, pmap_remove(&first->space->pmap, first->address));
        drop_first(frame);
    }
}

static unsigned clear_in_all(struct frame *frame, unsigned bits) {
    unsigned seen = 0;

    if (frame_mapped(frame))
        for (struct mapping *m = &frame->map; m != NULL; m = m->next)
            seen |= pmap_clear(&m->space->pmap, m->address, bits);
    return seen;
}

/* Folds these bits of all entries, and clears them there. Those that were set. */
static unsigned gather(struct frame *frame, unsigned bits) {
    bits &= clear_in_all(frame, bits);
    fold(frame, bits);
    return bits;
}

bool frame_gather_references(struct frame *frame) {
    return gather(frame, PMAP_REFERENCED) != 0;
}

static ALWAYS_INLINE bool test_referenced(struct frame *frame, unsigned bits) {
    if (vm_options.unit > 1)
        unit_share_reference(frame);
    gather(frame, bits);
    bool referenced = frame->referenced;

    frame->referenced = false;
    if (referenced && frame->prefetched)
        frame_was_useful(frame);
    if (referenced)
        trace(TRACE_REFERENCED, 0, trace_entry(frame), 0, (uint32_t)(uintptr_t)frame->anon, 0);
    return referenced;
}

bool frame_test_referenced(struct frame *frame) {
    return test_referenced(frame, PMAP_REFERENCED);
}

bool frame_test_anew(struct frame *frame) {
    return test_referenced(frame, PMAP_REFERENCED | PMAP_MODIFIED);
}

bool frame_test_modified(struct frame *frame) {
    if (frame->modified || !frame_mapped(frame))
        return frame->modified;
    for (struct mapping *m = &frame->map; m != NULL; m = m->next) {
        unsigned bits = pmap_query(&m->space->pmap, m->address, NULL) & PMAP_MODIFIED;

        fold(frame, bits);
        if (bits)
            trace(TRACE_DIRTIED, 0, trace_entry(frame), m->address, (uint32_t)m->space->owner_pid, 0);
    }
    return frame->modified;
}

bool frame_take_modified(struct frame *frame) {
    return gather(frame, PMAP_MODIFIED) != 0;
}

void frame_write_protect(struct frame *frame) {
    if (frame_mapped(frame))
        for (struct mapping *m = &frame->map; m != NULL; m = m->next)
            if (pmap_query(&m->space->pmap, m->address, NULL) & PMAP_WRITABLE)
                pmap_set_writable(&m->space->pmap, m->address, false);
}
