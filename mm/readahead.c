/* Read-ahead: see mm/readahead.h. */
#include "mm/readahead.h"

#include "drivers/block.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

#define WINDOW_FIRST 3u

unsigned readahead_window(struct area *area, pgoff_t index) {
    unsigned window = area->readahead_window;

    if (index != area->readahead_next)
        window = 0;
    else
        window = window == 0 ? WINDOW_FIRST : 2 * window + 1;
    window = MIN(window, vm_options.readahead);
    area->readahead_window = window;
    area->readahead_next = index + 1 + window;
    return window;
}

/* The anon of page @index if it is on swap only, in the slot wanted, and a frame for it can be had. */
static struct anon *next_in_cluster(struct area *area, pgoff_t index, slot_t slot) {
    struct anon *anon;
    struct frame *frame;

    if (index >= area->pages)
        return NULL;
    anon = amap_get(area->amap, area->amap_offset + index);
    if (anon == NULL || anon->frame != NULL || anon->slot != slot)
        return NULL;
    frame = frame_take(USE_USER);
    if (frame == NULL)
        return NULL;
    frame->prefetched = true;
    anon_set_frame(anon, frame);
    count(COUNT_READAHEAD_SWAP);
    return anon;
}

void readahead_swap_in(struct area *area, pgoff_t index, struct anon *anon) {
    struct anon *cluster[SWAP_CLUSTER_MAX];
    unsigned window = MIN(readahead_window(area, index), SWAP_CLUSTER_MAX - 1);
    unsigned total = 1;

    /* All are BUSY before the first swap_read() may sleep, so nobody frees them meanwhile. */
    cluster[0] = anon;
    while (total <= window &&
           (cluster[total] = next_in_cluster(area, index + total, anon->slot + total)) != NULL)
        total++;
    block_plug();
    for (unsigned i = 0; i < total; i++)
        swap_read(cluster[i]);
    block_unplug();
}

void readahead_file_in(struct object *object, pgoff_t index, enum page_access access, struct frame *frame,
                       unsigned window) {
    object_ref(object); /* another thread may unmap it while a bio or a block map is waited for */
    block_plug();
    object->pager->get(object, index, access, frame);
    if (window > 0)
        object_readahead(object, index + 1, window);
    block_unplug();
    object_unref(object);
}
