/*
 * The paging unit: pages that come and go together, as if the machine had pages of 8, 16 or 32 KiB.
 *
 * A unit is what an area has of an aligned cluster of unit= pages. One fault brings all of it in: pages that do not
 * exist yet are zero-filled, those on swap are read in one request, those of a file likewise. They are mapped at
 * once, but without the Accessed bit, so that the processor tells which of them are ever used. A victim takes its unit
 * with it. If any page of the unit is modified all are written, side by side in the order of their addresses, so that
 * the next fault finds them in one piece: a large page has one modified bit. Likewise it has one reference bit: when a
 * policy asks for a page's, the bits of its unit are gathered and every page of it learns the answer, so that a policy,
 * which knows frames only, comes to the same end for each of them.
 *
 * Nothing of this is stored. A unit is found from the address in the first mapping of a frame, in the page tables; a
 * frame that is not mapped stands for itself. So whatever tears a unit apart (mprotect, munmap, mlock, a pin,
 * copy-on-write, sharing at another address) needs no care: the pieces are what the page tables show afterwards.
 *
 * What stays a matter of single pages: protection and copy-on-write; locked areas, traced spaces, new pages of shared
 * memory objects; and all of it where memory is so tight that one instruction could want more units than fit.
 *
 * Pages brought in with their unit are counted (unit_pages), and whether they were used before they left: unit_used,
 * unit_unused. The latter is the internal fragmentation.
 *
 * Source: clusters of VAX/VMS's page faults; the "click" of 2 KiB on VAXes running 4BSD, made of four hardware pages
 * (Babaoglu and Joy, "Converting a swap-based system to do paging in an architecture lacking page-referenced bits",
 * 1981).
 */
#include "mm/unit.h"

#include "arch/x86/pmap.h"
#include "drivers/block.h"
#include "lib/errno.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

struct range {
    vaddr_t start, end;
};

/* --- which pages --- */

/* Units that must fit, so that an instruction can have all its pages at once and there is one to replace. */
#define UNITS_LEAST (FRAMES_PER_INSTRUCTION + 2)

unsigned unit_pages(const struct set *set) {
    pfn_t taken = frames_of_kernel() + frame_count(FRAME_PINNED) + pageout_high_mark();
    pfn_t room = frames_pageable() - MIN(taken, frames_pageable());

    if (set->quota != 0 && set != &set_global)
        room = MIN(room, set->quota);
    return set->traced || room < UNITS_LEAST * vm_options.unit ? 1 : vm_options.unit;
}

/* The pages of @area that belong together with the one at @address. */
static struct range unit_of(const struct space *space, const struct area *area, vaddr_t address) {
    bool alone = space->trace != NULL || (area->flags & AREA_LOCKED);
    vaddr_t size = (vaddr_t)(alone ? 1 : unit_pages(space->set)) << PAGE_SHIFT;
    vaddr_t start = address & ~(size - 1);

    return (struct range){MAX(start, area->start), MIN(start + size, area_end(area))};
}

static struct anon *anon_at(const struct area *area, vaddr_t address) {
    return area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + area_page(area, address));
}

/* A page that does not exist yet, and will be zeros. */
static bool is_zero_fill(const struct area *area, vaddr_t address) {
    pgoff_t limit = area->amap == NULL ? 0 : area->amap->limit;

    return area->object == NULL && anon_at(area, address) == NULL &&
           (limit == 0 || area->amap_offset + area_page(area, address) < limit);
}

/* The area shows pages of a file, which stay the file's. */
static bool shows_file(const struct area *area) {
    return area->object != NULL && area->object->amap == NULL &&
           (vm_options.load == LOAD_FILE || !(area->flags & AREA_IMAGE));
}

/* The page of a file at @address, where the area shows that: its frame, or NULL. *@exists: the file is that long. */
static struct frame *file_page(const struct area *area, vaddr_t address, bool *exists) {
    pgoff_t index = area->object_offset + area_page(area, address);

    *exists = shows_file(area) && anon_at(area, address) == NULL && index < object_page_count(area->object);
    return *exists ? object_lookup(area->object, index) : NULL;
}

/* The frame of the page at @address, or NULL; *@absent: it has none, and a fault would bring it in. */
static struct frame *frame_at(const struct area *area, vaddr_t address, bool *absent) {
    struct anon *anon = anon_at(area, address);
    struct frame *frame = anon == NULL ? file_page(area, address, absent) : anon->frame;

    if (anon != NULL)
        *absent = !anon->read_error;
    else if (is_zero_fill(area, address))
        *absent = true;
    *absent = *absent && frame == NULL;
    return frame;
}

/* --- in --- */

pfn_t unit_lacks(struct space *space, struct area *area, vaddr_t address, struct frame **page) {
    struct range range = unit_of(space, area, address);
    pfn_t lacking = 0;
    bool absent, its_absent = false;

    for (vaddr_t at = range.start; at < range.end; at += PAGE_SIZE) {
        struct frame *frame = frame_at(area, at, &absent);

        lacking += absent;
        if (at == address)
            its_absent = absent;
        else if (frame != NULL && frame->state == FRAME_BUSY && !frame->io_write)
            *page = frame;
    }
    return its_absent ? lacking : 0;
}

/* The frame holds, or will hold, a page that nobody has asked for but whose unit somebody has. */
static void came_with_unit(struct frame *frame) {
    frame->with_unit = true;
    count(COUNT_UNIT_PAGES);
}

/* A frame for the anon if it is on swap only. False: it is not, or none can be had. */
static bool will_be_read(const struct space *space, struct anon *anon) {
    struct frame *frame;

    if (anon == NULL || anon->frame != NULL || anon->slot == 0 || anon->read_error)
        return false;
    frame = frame_take(USE_USER);
    if (frame == NULL)
        return false;
    frame->set = space->set;
    anon_set_frame(anon, frame);
    came_with_unit(frame);
    count(COUNT_UNIT_SWAP);
    return true;
}

void unit_read_swap(struct space *space, struct area *area, vaddr_t address, struct anon *anon) {
    struct range range = unit_of(space, area, address);
    struct anon *anons[UNIT_PAGES_MAX];
    unsigned total = 0;

    if (anon_at(area, address) !=
        anon) /* a private map of a memory object: the neighbours are not the area's */
        range = (struct range){address, address + PAGE_SIZE};
    /* All are BUSY before the first swap_read() may sleep, so nobody frees them meanwhile. */
    for (vaddr_t at = range.start; at < range.end; at += PAGE_SIZE) {
        struct anon *other = at == address ? anon : anon_at(area, at);

        if (other == anon || will_be_read(space, other))
            anons[total++] = other;
    }
    block_plug();
    for (unsigned i = 0; i < total; i++)
        swap_read(anons[i]);
    block_unplug();
}

void unit_read_object(struct space *space, struct area *area, vaddr_t address, pgoff_t index,
                      enum page_access access, struct frame *frame) {
    struct range range = unit_of(space, area, address);
    struct object *object = area->object;
    pgoff_t first = index - (pgoff_t)((address - range.start) >> PAGE_SHIFT);
    unsigned pages = (unsigned)((range.end - range.start) >> PAGE_SHIFT);

    object_ref(object); /* another thread may unmap it while a bio is waited for */
    block_plug();
    object->pager->get(object, index, access, frame);
    if (shows_file(area))
        object_readahead(object, first, pages);
    block_unplug();
    object_unref(object);
}

/* --- the entries --- */

/* 0 or -ENOMEM. */
static int map_one(struct space *space, vaddr_t address, struct frame *frame, bool writable) {
    if (frame->state == FRAME_BUSY)
        return 0; /* being written: a fault of its own will wait for it */
    if (frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN) {
        frame_activate(frame, space->set);
        came_with_unit(frame);
    }
    return frame_map(frame, space, address, writable ? PMAP_WRITABLE : 0);
}

/* A page of zeros for entry @index of the amap: its frame, or NULL: memory is short. */
static struct frame *zero_fill(const struct space *space, struct amap *amap, pgoff_t index) {
    struct frame *frame = amap_prepare(amap, index) != 0 ? NULL : frame_take_zeroed(USE_USER);
    struct anon *anon = frame == NULL ? NULL : anon_create(frame);

    if (frame != NULL && anon == NULL)
        frame_release(frame);
    if (anon == NULL)
        return NULL;
    frame_activate(frame, space->set);
    came_with_unit(frame);
    amap_set(amap, index, anon);
    return frame;
}

/* 0, also where there is nothing to be mapped, or -ENOMEM. */
static int unit_map_page(struct space *space, struct area *area, vaddr_t address) {
    struct anon *anon = anon_at(area, address);
    bool alone = (area->flags & AREA_SHARED) || (anon != NULL && anon->refs == 1), exists;
    struct frame *frame = anon == NULL ? file_page(area, address, &exists) : anon->frame;

    if (is_zero_fill(area, address) && area->amap != NULL) {
        frame = zero_fill(space, area->amap, area->amap_offset + area_page(area, address));
        if (frame == NULL)
            return -ENOMEM;
        alone = true;
    } else if (anon == NULL) {
        alone = false; /* a file's page: its first write is a fault of its own */
    }
    return frame == NULL ? 0 : map_one(space, address, frame, alone && (area->flags & AREA_WRITE));
}

void unit_map(struct space *space, struct area *area, vaddr_t address) {
    struct range range = unit_of(space, area, address);

    for (vaddr_t at = range.start; at < range.end; at += PAGE_SIZE)
        if (pmap_query(&space->pmap, at, NULL) == 0 && unit_map_page(space, area, at) != 0)
            return; /* memory is short: the pages' own faults will wait for it */
}

/* --- out --- */

/* The frames of @frame's unit that a policy may choose too, itself among them, in the order of addresses. */
static unsigned unit_frames(struct frame *frame, struct frame **frames) {
    struct space *space = frame->map.space;
    struct area *area = space == NULL ? NULL : space_find(space, frame->map.address);
    struct range range = {0, 0};
    unsigned total = 0;
    pfn_t pfn;

    if (area != NULL)
        range = unit_of(space, area, frame->map.address);
    for (vaddr_t at = range.start; at < range.end; at += PAGE_SIZE) {
        struct frame *other = pmap_query(&space->pmap, at, &pfn) == 0 ? NULL : &frame_table[pfn];

        if (other != NULL && other->state == FRAME_ACTIVE && other->set == frame->set &&
            other->map.space == space && other->map.address == at)
            frames[total++] = other;
    }
    if (total == 0)
        frames[total++] = frame;
    return total;
}

void unit_share_reference(struct frame *frame) {
    struct frame *frames[UNIT_PAGES_MAX];
    unsigned total = unit_frames(frame, frames);
    bool referenced = false;

    for (unsigned i = 0; i < total; i++)
        referenced |= frame_gather_references(frames[i]);
    for (unsigned i = 0; i < total; i++)
        frames[i]->referenced |= referenced;
}

/* Is there room on swap for pages that need not be written but for their unit's sake? */
static bool may_rewrite(void) {
    return vm_options.swap_static || swap_free_slots() >= swap_total() / 4;
}

unsigned unit_evict(struct frame *frame) {
    struct frame *frames[UNIT_PAGES_MAX];
    unsigned total = unit_frames(frame, frames), left = 0;
    bool modified = false;

    for (unsigned i = 0; i < total; i++)
        modified |= frames[i]->owner == OWNER_ANON && frame_test_modified(frames[i]);
    modified &= may_rewrite();
    for (unsigned i = 0; i < total; i++) {
        if (frames[i]->owner == OWNER_ANON && !frames[i]->anon->lazily_free)
            frames[i]->modified |= modified;
        if (!pageout_evictable(frames[i]))
            continue;
        pageout_evict(frames[i]);
        left++;
    }
    return left;
}

bool unit_same(const struct frame *a, const struct frame *b) {
    return a->index / vm_options.unit == b->index / vm_options.unit;
}
