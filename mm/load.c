/*
 * Where the pages of a program come from, the three ways of the lecture (boot word load=):
 *
 *     file        (the default) from the file, on demand. Pages never written to are dropped and read again;
 *                 swap holds only what differs from the file
 *     swap        the whole image is copied to swap when the program starts, and paged from there only: a
 * slow start, and swap space for every page, but swap is laid out for paging and the file is not needed again
 *     file,swap   from the file the first time; what is replaced goes to swap and comes back from there
 *
 * The last two are one line of the fault: a page of the image becomes an anonymous page when it is first
 * touched (fault_object() in mm/fault_object.c), and anonymous pages go to swap. What load=swap adds is here: it
 * touches every page before the program starts, and writes it out.
 *
 * Source: Silberschatz, "Operating System Concepts", 10.2.3 (use of swap space for the image).
 */
#include "mm/load.h"

#include "lib/errno.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

/* The frame of the area's anonymous page @index, if it is in memory and may be moved; else NULL. */
static struct frame *movable_frame(const struct area *area, pgoff_t index) {
    struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + index);
    struct frame *frame = anon == NULL ? NULL : anon->frame;

    return frame != NULL && frame->state == FRAME_ACTIVE ? frame : NULL;
}

/* Writes pages [first, end) of the area to swap, into the pool. Where swap is full they just stay. */
static void write_out(struct area *area, pgoff_t first, pgoff_t end) {
    struct frame *cluster[SWAP_CLUSTER_MAX];
    unsigned found = 0;

    for (pgoff_t i = first; i < end; i++) {
        struct frame *frame = movable_frame(area, i);

        if (frame == NULL)
            continue;
        frame_unmap_all(frame);
        if (frame->modified)
            frame_to_pool(frame);
        if (frame->state == FRAME_DIRTY)
            cluster[found++] = frame;
    }
    if (found > 0)
        swap_write(cluster, found);
}

static int load_area(struct space *space, struct area *area) {
    for (pgoff_t first = 0; first < area->pages; first += SWAP_CLUSTER_MAX) {
        pgoff_t end = MIN(first + SWAP_CLUSTER_MAX, area->pages);

        for (pgoff_t i = first; i < end; i++) {
            enum fault_result result = vm_fault(space, area->start + ((vaddr_t)i << PAGE_SHIFT), FAULT_READ);

            if (result == FAULT_KILLED)
                return -EINTR;
            if (result != FAULT_OK)
                return -EIO;
        }
        write_out(area, first, end);
    }
    return 0;
}

/*
 * prepage=: the beginning of each segment is under way while the program starts. Guesses are counted as
 * such.
 */
static void prepage_area(const struct area *area) {
    if (area->object != NULL)
        object_readahead(area->object, area->object_offset, MIN(vm_options.prepage, area->pages));
}

/* Nobody else knows the new space yet, so its areas stay as they are while this sleeps. */
int load_image(struct space *space) {
    may_sleep();
    list_for_each (area, &space->areas, struct area, link) {
        if (area->flags & AREA_IMAGE) {
            int error = vm_options.load == LOAD_SWAP ? load_area(space, area) : 0;

            if (error != 0)
                return error;
            if (vm_options.prepage > 0)
                prepage_area(area);
        }
    }
    return 0;
}
