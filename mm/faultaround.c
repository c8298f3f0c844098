/*
 * Fault-around: when a fault has mapped a page of a file, its neighbours that are in memory already are mapped with
 * it, as far as that is nothing but setting entries. A program that goes over cached pages then faults once for a
 * window of them, not once for each.
 *
 * It brings nothing in: only pages in use (ACTIVE or PINNED) are mapped, and where read-ahead has guessed right
 * for the page of the fault, also those it has brought in with it and left in the pool. They are mapped read-only
 * and without their Accessed bit, so that replacement does not take them for referenced. A page that the program
 * has copied, or that is under way, is left to a fault of its own. Windows are aligned, so that going backwards
 * gains as much as going forwards.
 *
 * Not where a page may be counted on to fault: in traced and locked areas, and where the program has said that it
 * goes at random.
 *
 * Source of the idea: Linux's fault-around (do_fault_around, 3.15); FreeBSD's vm_fault_prefault.
 */
#include "mm/faultaround.h"

#include "mm/amap.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/vm.h"

static bool worth_it(const struct space *space, const struct area *area) {
    return vm_options.around > 1 && space->trace == NULL && !(area->flags & AREA_LOCKED) &&
           area->advice != ADVICE_RANDOM;
}

static bool usable(const struct frame *frame, bool stream) {
    return frame->state == FRAME_ACTIVE || frame->state == FRAME_PINNED ||
           (stream && frame->state == FRAME_CLEAN && frame->prefetched);
}

/* The frame with the object's page that the area shows as its page @page, if it may be mapped; or NULL. */
static struct frame *neighbour(const struct area *area, pgoff_t page, bool stream) {
    struct frame *frame = object_lookup(area->object, area->object_offset + page);

    if (frame == NULL || !usable(frame, stream))
        return NULL;
    if (area->amap != NULL && amap_get(area->amap, area->amap_offset + page) != NULL)
        return NULL;
    return frame;
}

/* 0 or -ENOMEM. */
static int map_neighbour(struct space *space, vaddr_t address, struct frame *frame) {
    if (frame->state == FRAME_CLEAN) {
        frame_activate(frame, space->set);
        frame->referenced = false;
    }
    return frame_map(frame, space, address, 0);
}

void fault_around(struct space *space, struct area *area, pgoff_t page, bool stream) {
    pgoff_t window, first, end;

    if (!worth_it(space, area))
        return;
    window = vm_options.around;
    first = page / window * window;
    end = MIN(MIN(first + window, area->pages), object_page_count(area->object) - area->object_offset);
    for (; first < end; first++) {
        vaddr_t address = area->start + ((vaddr_t)first << PAGE_SHIFT);
        struct frame *frame = first == page ? NULL : neighbour(area, first, stream);

        if (frame == NULL || pmap_query(&space->pmap, address, NULL) != 0)
            continue;
        if (map_neighbour(space, address, frame) != 0)
            return; /* memory is short: the pages' own faults will wait for it */
        count(COUNT_FAULT_AROUND);
    }
}
