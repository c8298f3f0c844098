/*
 * Fault-around: when a fault has mapped a page, its neighbours that are in memory already are mapped with it, as far
 * as that is nothing but setting entries. A program that goes over cached pages then faults once for a window of
 * them, not once for each.
 *
 * It brings nothing in. Of a file, pages in use (ACTIVE or PINNED) are mapped, read-only; and where read-ahead has
 * guessed right for the page of the fault, also those it has brought in with it and left in the pool. Of anonymous
 * memory only the latter. They are mapped without their Accessed bit, so that neither replacement takes them for
 * referenced nor the count of useful guesses for used. A page that the program has copied, or that is under way, is
 * left to a fault of its own. Windows are aligned, so that going backwards gains as much as going forwards.
 *
 * Not where a page may be counted on to fault: in traced and locked areas, and where the program has said that it
 * goes at random.
 *
 * Source of the idea: Linux's fault-around (do_fault_around, 3.15); FreeBSD's vm_fault_prefault.
 */
#include "mm/faultaround.h"

#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/vm.h"

static bool worth_it(const struct space *space, const struct area *area) {
    return vm_options.around > 1 && space->trace == NULL && !(area->flags & AREA_LOCKED) &&
           area->advice != ADVICE_RANDOM;
}

/* Read-ahead has brought it in, and nobody has asked for it yet. */
static bool is_guess(const struct frame *frame) {
    return frame->state == FRAME_CLEAN && frame->prefetched;
}

/* A page beside the fault's, if it may be mapped: its frame, or NULL, and the entry's rights. */
struct neighbour {
    struct frame *frame;
    unsigned bits;
};

/* The object's page that the area shows as its page @page. */
static struct neighbour of_object(const struct area *area, pgoff_t page, bool stream) {
    struct frame *frame = NULL;

    if (area->object_offset + page < object_page_count(area->object))
        frame = object_lookup(area->object, area->object_offset + page);
    if (frame != NULL && frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED &&
        !(stream && is_guess(frame)))
        frame = NULL;
    return (struct neighbour){frame, 0};
}

/* The anon's page: writable where a fault would make it so. */
static struct neighbour of_anon(const struct area *area, const struct anon *anon, bool stream) {
    bool alone = (area->flags & AREA_SHARED) || anon->refs == 1;

    if (!stream || anon->frame == NULL || !is_guess(anon->frame))
        return (struct neighbour){NULL, 0};
    return (struct neighbour){anon->frame, alone && (area->flags & AREA_WRITE) ? PMAP_WRITABLE : 0};
}

static struct neighbour neighbour(const struct area *area, pgoff_t page, bool stream) {
    const struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + page);

    if (anon != NULL)
        return of_anon(area, anon, stream);
    if (area->object == NULL)
        return (struct neighbour){NULL, 0};
    return of_object(area, page, stream);
}

void fault_around(struct space *space, struct area *area, pgoff_t page, bool stream) {
    pgoff_t window, first, end;

    if (!worth_it(space, area))
        return;
    window = vm_options.around;
    first = page / window * window;
    end = MIN(first + window, area->pages);
    for (; first < end; first++) {
        vaddr_t address = area->start + ((vaddr_t)first << PAGE_SHIFT);
        struct neighbour found = neighbour(area, first, stream);

        if (found.frame == NULL || first == page || pmap_query(&space->pmap, address, NULL) != 0)
            continue;
        if (is_guess(found.frame))
            frame_activate_ahead(found.frame, space->set);
        if (frame_map(found.frame, space, address, found.bits) != 0)
            return; /* memory is short: the pages' own faults will wait for it */
        count(COUNT_FAULT_AROUND);
    }
}
