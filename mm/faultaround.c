/*
 * Fault-around: when a fault has mapped a page, its neighbours that are in memory already are mapped with it, as far
 * as that is nothing but setting entries. A program that goes over cached pages then faults once for a window of
 * them, not once for each.
 *
 * It brings nothing in. Of a file, pages in use (ACTIVE or PINNED) are mapped, read-only; of anonymous memory, pages in
 * use that nobody shows, as they have been written early; and where read-ahead has guessed right for the page of the
 * fault, also those it has brought in with it and left in the pool. They are mapped without their Accessed bit, so that
 * neither replacement takes them for referenced nor the count of useful guesses for used. A page that is under way is left
 * to a fault of its own, and so is one that the program has copied, unless it has been written early. Windows are aligned,
 * so that going backwards gains as much as going forwards in a file.
 *
 * Not where a page may be counted on to fault: in traced and locked areas, and where the program has said that it
 * goes at random.
 *
 * Source of the idea: Linux's fault-around (do_fault_around, 3.15); FreeBSD's vm_fault_prefault.
 */
#include "mm/faultaround.h"

#include "lib/errno.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/scope.h"
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
    struct frame *frame = object_lookup(area->object, area->object_offset + page);

    if (frame != NULL && frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED &&
        !(stream && is_guess(frame)))
        frame = NULL;
    return (struct neighbour){frame, 0};
}

/* The anon's page: writable where a fault would make it so. */
static struct neighbour of_anon(const struct area *area, const struct anon *anon, bool stream) {
    bool alone = (area->flags & AREA_SHARED) || anon->refs == 1;

    if (anon->frame == NULL || !(frame_is_apart(anon->frame) || (stream && is_guess(anon->frame))))
        return (struct neighbour){NULL, 0};
    return (struct neighbour){anon->frame, alone && (area->flags & AREA_WRITE) ? PMAP_WRITABLE : 0};
}

/* Pages at the area's beginning that the object has. */
static pgoff_t pages_of_object(const struct area *area) {
    pgoff_t pages = area->object == NULL ? 0 : object_page_count(area->object);

    return pages > area->object_offset ? pages - area->object_offset : 0;
}

/* False: there was no memory for it, or its program may have no more. A page that has its entry already keeps it; none in the pool has one. */
static bool map_neighbour(struct space *space, const struct area *area, pgoff_t page,
                          struct neighbour found) {
    vaddr_t address = area->start + ((vaddr_t)page << PAGE_SHIFT);

    if (is_guess(found.frame)) {
        if (scope_room(space) == 0)
            return false;
        frame_activate_ahead(found.frame, space->set);
    }
    int error = frame_map(found.frame, space, address, found.bits);

    if (error == 0)
        count(COUNT_FAULT_AROUND);
    return error != -ENOMEM;
}

void fault_around(struct space *space, struct area *area, pgoff_t page, bool stream) {
    pgoff_t window, first, end, of_object_end;

    if (!worth_it(space, area))
        return;
    window = vm_options.around;
    first = page / window * window;
    end = MIN(first + window, area->pages);
    of_object_end = pages_of_object(area);
    for (; first < end; first++) {
        struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + first);
        struct neighbour found = {NULL, 0};

        if (first == page)
            continue;
        if (anon != NULL)
            found = of_anon(area, anon, stream);
        else if (first < of_object_end)
            found = of_object(area, first, stream);
        if (found.frame != NULL && !map_neighbour(space, area, first, found))
            return; /* memory is short: the pages' own faults will wait for it */
    }
}
