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
#define WINDOW_SMALL 15u /* the longest in the smallest memory */
#define WINDOW_SHARE 32u /* else at most this part of it */

/*
 * A request costs much the same however long it is, so windows are long; but where memory is small, pages that are
 * only a guess may not push out many that are used.
 */
static unsigned longest_window(void) {
    return MIN(vm_options.readahead, MAX(WINDOW_SMALL, frames_pageable() / WINDOW_SHARE));
}

/* The direction in which @index continues the stream, or 0: it does not. */
static int continues(const struct readahead_stream *stream, pgoff_t index) {
    if (!stream->used)
        return 0;
    if (stream->step >= 0 && index == stream->edge + 1)
        return 1;
    if (stream->step <= 0 && index + 1 == stream->edge)
        return -1;
    return 0;
}

/* Moves stream @which to the front: the last is the one used longest ago. */
static struct readahead_stream *to_front(struct readahead_stream *streams, unsigned which) {
    struct readahead_stream chosen = streams[which];

    for (; which > 0; which--)
        streams[which] = streams[which - 1];
    streams[0] = chosen;
    return &streams[0];
}

struct readahead_plan readahead_plan(struct area *area, pgoff_t index) {
    struct readahead_stream *stream;

    if (area->advice == ADVICE_RANDOM)
        return (struct readahead_plan){0, 1};
    if (area->advice == ADVICE_SEQUENTIAL)
        return (struct readahead_plan){MIN(vm_options.readahead, area->pages - 1 - index), 1};

    for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
        int step = continues(&area->streams[i], index);

        if (step == 0)
            continue;
        stream = to_front(area->streams, i);
        unsigned window = stream->window == 0 ? WINDOW_FIRST : 2u * stream->window + 1;
        unsigned room = step > 0 ? area->pages - 1 - index : index;

        window = MIN(MIN(window, longest_window()), room);
        stream->step = (int8_t)step;
        stream->window = (uint16_t)window;
        stream->edge = step > 0 ? index + window : index - window;
        return (struct readahead_plan){window, step};
    }
    stream = to_front(area->streams, READAHEAD_STREAMS - 1);
    *stream = (struct readahead_stream){.edge = index, .used = true};
    return (struct readahead_plan){0, 1};
}

bool readahead_take_frame(struct anon *anon) {
    struct frame *frame = frame_take(USE_USER);

    if (frame == NULL)
        return false;
    frame->prefetched = true;
    anon_set_frame(anon, frame);
    count(COUNT_READAHEAD_SWAP);
    return true;
}

static bool neighbours(slot_t a, slot_t b) {
    return a + 1 == b || b + 1 == a;
}

/* The anon of page @index if it is on swap only, in a slot beside @slot, and a frame for it can be had. */
static struct anon *next_in_cluster(struct area *area, pgoff_t index, slot_t slot) {
    struct anon *anon = amap_get(area->amap, area->amap_offset + index);

    if (anon == NULL || anon->frame != NULL || anon->slot == 0 || !neighbours(anon->slot, slot))
        return NULL;
    return readahead_take_frame(anon) ? anon : NULL;
}

void readahead_swap_in(struct area *area, pgoff_t index, struct anon *anon) {
    struct anon *cluster[SWAP_CLUSTER_MAX] = {anon};
    struct readahead_plan plan = readahead_plan(area, index);
    unsigned total = 1;

    /* All are BUSY before the first swap_read() may sleep, so nobody frees them meanwhile. */
    if (area->amap == NULL || amap_get(area->amap, area->amap_offset + index) != anon)
        plan.pages = 0; /* a private map of a memory object: the neighbours are not the area's */
    while (total <= MIN(plan.pages, SWAP_CLUSTER_MAX - 1)) {
        index = plan.step > 0 ? index + 1 : index - 1;
        anon = next_in_cluster(area, index, anon->slot);
        if (anon == NULL)
            break;
        cluster[total++] = anon;
    }
    block_plug();
    for (unsigned i = 0; i < total; i++)
        swap_read(cluster[i]);
    block_unplug();
}

void readahead_file_in(struct object *object, pgoff_t index, enum page_access access, struct frame *frame,
                       struct readahead_plan plan) {
    pgoff_t below = MIN(plan.pages, index);

    object_ref(object); /* another thread may unmap it while a bio is waited for */
    block_plug();
    object->pager->get(object, index, access, frame);
    if (plan.step > 0)
        object_readahead(object, index + 1, plan.pages);
    else
        object_readahead(object, index - below, below);
    block_unplug();
    object_unref(object);
}
