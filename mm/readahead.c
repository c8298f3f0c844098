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
#define WINDOW_SHARE 32u /* else at most this part of it, … */
#define WINDOW_USUAL 31u /* … up to this; longer ones take no more than a share of the pool */
#define POOL_SHARE   3u

/*
 * A request costs much the same however long it is, so windows are long; but where memory is small, pages that are
 * only a guess may not push out many that are used.
 */
static unsigned longest_window(void) {
    pfn_t share = MAX(WINDOW_SMALL, frames_pageable() / WINDOW_SHARE);

    return share < WINDOW_USUAL ? MIN(vm_options.readahead, share) : vm_options.readahead;
}

/* No more than their share of what can be had without waiting, but for windows of the usual length. */
static unsigned pool_share(unsigned wanted, unsigned available) {
    return MIN(wanted, MAX(WINDOW_USUAL, available / POOL_SHARE));
}

/* Frames that can be had without waiting, the reserve left out. */
static unsigned frames_at_hand(void) {
    pfn_t available = frames_available(), reserved = frames_reserved();

    return available > reserved ? available - reserved - 1 : 0;
}

/*
 * Frames that can be had without waiting, for a window of at most @wanted pages: one that is cut short is not one that
 * was read. Two windows are in the pool at a time, and what is asked for meanwhile comes out of it, too: long ones
 * must leave enough beside them, or they lose their pages before these are used.
 */
static unsigned frames_for_guesses(unsigned wanted) {
    unsigned most = frames_at_hand();

    return pool_share(MIN(wanted, most), most);
}

/* How far page @index lies before (below 0) or behind @other, in the stream's direction. */
static int64_t beyond(const struct readahead_stream *stream, pgoff_t index, pgoff_t other) {
    return stream->step * ((int64_t)index - (int64_t)other);
}

/* Is @index among the pages read last? */
static bool in_window(const struct readahead_stream *stream, pgoff_t index) {
    return stream->step != 0 && beyond(stream, index, stream->mark) >= 0 &&
           beyond(stream, index, stream->edge) <= 0;
}

/* The direction in which @index, which is not in memory, continues the stream, or 0: it does not. */
static int continues(const struct readahead_stream *stream, pgoff_t index) {
    if (!stream->used)
        return 0;
    if (stream->step >= 0 && index == stream->edge + 1)
        return 1;
    if (stream->step <= 0 && index + 1 == stream->edge)
        return -1;
    return in_window(stream, index) ? stream->step : 0;
}

/* Moves stream @which to the front: the last is the one used longest ago. */
static struct readahead_stream *to_front(struct readahead_stream *streams, unsigned which) {
    struct readahead_stream chosen = streams[which];

    for (; which > 0; which--)
        streams[which] = streams[which - 1];
    streams[0] = chosen;
    return &streams[0];
}

/*
 * Streams that have come to read the same pages are one: else each would take turns with the other in reading what
 * the other has left of its window, and requests would be short for ever. It is the first of @streams that stays.
 */
static void join(struct readahead_stream *streams) {
    struct readahead_stream *own = &streams[0];

    for (unsigned i = 1; i < READAHEAD_STREAMS; i++) {
        struct readahead_stream *other = &streams[i];

        if (own->step == 0 || other->step != own->step ||
            (!in_window(own, other->edge) && !in_window(other, own->edge)))
            continue;
        if (beyond(own, other->edge, own->edge) > 0)
            own->edge = other->edge;
        *other = (struct readahead_stream){.used = false};
    }
}

/* --- windows --- */

/* Pages of the area that lie behind @index in direction @step. */
static pgoff_t pages_behind(const struct area *area, pgoff_t index, int step) {
    return step > 0 ? area->pages - 1 - index : index;
}

static pgoff_t moved(pgoff_t index, int step, unsigned pages) {
    return step > 0 ? index + pages : index - pages;
}

static unsigned grown(const struct readahead_stream *stream) {
    return MIN(stream->window == 0 ? WINDOW_FIRST : 2u * stream->window + 1, longest_window());
}

/* The window of a fault on @index, with which the stream, the area's first, goes on in direction @step. */
static struct readahead_plan window_at(struct readahead_stream *stream, const struct area *area,
                                       pgoff_t index, int step) {
    join(stream);
    bool lost = stream->step != 0 && in_window(stream, index);
    unsigned window = lost ? stream->window / 2 : grown(stream);
    pgoff_t before = stream->edge; /* what lies behind a lost page may still be there */

    if (area->advice == ADVICE_SEQUENTIAL)
        window = longest_window();
    stream->step = (int8_t)step;
    stream->window = (uint16_t)window;
    stream->mark = moved(index, step, 1);
    window = pool_share(MIN(window, pages_behind(area, index, step)), frames_at_hand());
    stream->edge = moved(index, step, window);
    if (lost && beyond(stream, before, stream->edge) > 0)
        stream->edge = before;
    return (struct readahead_plan){window, step};
}

struct readahead_plan readahead_plan(struct area *area, pgoff_t index) {
    struct readahead_stream *stream;

    if (area->advice == ADVICE_RANDOM)
        return (struct readahead_plan){0, 1};
    for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
        int step = continues(&area->streams[i], index);

        if (step != 0)
            return window_at(to_front(area->streams, i), area, index, step);
    }
    stream = to_front(area->streams, READAHEAD_STREAMS - 1);
    *stream = (struct readahead_stream){.edge = index, .used = true};
    if (area->advice == ADVICE_SEQUENTIAL)
        return window_at(stream, area, index, 1);
    return (struct readahead_plan){0, 1};
}

bool readahead_take_frame(struct anon *anon) {
    struct frame *frame = frame_take(USE_AHEAD);

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

/* Anons whose frames are BUSY, to be read together. */
struct cluster {
    struct anon *anons[READAHEAD_MAX + 1];
    unsigned total;
};

/* All are BUSY before the first swap_read() may sleep, so nobody frees them meanwhile. */
static void read_cluster(const struct cluster *cluster) {
    block_plug();
    for (unsigned i = 0; i < cluster->total; i++)
        swap_read(cluster->anons[i]);
    block_unplug();
}

/* Adds the anons of up to @pages pages behind page @index, whose own has @slot, as far as slots are neighbours. */
static void gather(struct cluster *cluster, struct area *area, pgoff_t index, slot_t slot,
                   struct readahead_plan plan) {
    for (unsigned n = 1; n <= plan.pages && cluster->total <= READAHEAD_MAX; n++) {
        struct anon *anon = next_in_cluster(area, moved(index, plan.step, n), slot);

        if (anon == NULL)
            return;
        slot = anon->slot;
        cluster->anons[cluster->total++] = anon;
    }
}

void readahead_swap_in(struct area *area, pgoff_t index, struct anon *anon) {
    struct readahead_plan plan = readahead_plan(area, index);
    struct cluster cluster; /* not cleared: it is long */

    cluster.anons[0] = anon;
    cluster.total = 1;
    /* In a private map of a memory object the neighbours are not the area's. */
    if (plan.pages > 0 && area->amap != NULL && amap_get(area->amap, area->amap_offset + index) == anon) {
        gather(&cluster, area, index, anon->slot, plan);
        area->streams[0].edge = moved(index, plan.step, cluster.total - 1);
    }
    read_cluster(&cluster);
}

/* --- the next window --- */

/*
 * The last page, in the stream's direction, of those that fault-around maps together with @index: so that a mark
 * cannot be mapped without being seen.
 */
static pgoff_t mapped_with(const struct readahead_stream *stream, pgoff_t index) {
    pgoff_t around = MAX(vm_options.around, 1u), first = index / around * around;

    return stream->step > 0 ? first + around - 1 : first;
}

/* The stream that has read page @index ahead and whose next window is due, or NULL. */
static struct readahead_stream *stream_due(struct area *area, pgoff_t index) {
    for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
        struct readahead_stream *stream = &area->streams[i];

        if (stream->step != 0 && beyond(stream, mapped_with(stream, index), stream->mark) >= 0 &&
            beyond(stream, index, stream->edge) <= 0) {
            to_front(area->streams, i);
            join(area->streams);
            return &area->streams[0];
        }
    }
    return NULL;
}

/* Starts reading the pages of anonymous memory behind the stream's edge, as planned; moves the edge. */
static void swap_ahead(struct area *area, struct readahead_stream *stream, struct readahead_plan plan) {
    struct cluster cluster;
    pgoff_t first = moved(stream->edge, plan.step, 1);
    struct anon *anon = amap_get(area->amap, area->amap_offset + first);

    if (anon == NULL || anon->frame != NULL || anon->slot == 0 || !readahead_take_frame(anon))
        return;
    cluster.anons[0] = anon;
    cluster.total = 1;
    plan.pages--;
    gather(&cluster, area, first, anon->slot, plan);
    stream->edge = moved(first, plan.step, cluster.total - 1);
    read_cluster(&cluster);
}

/* The same for pages of a file. */
static void file_ahead(struct area *area, struct readahead_stream *stream, struct readahead_plan plan) {
    pgoff_t first = moved(stream->edge, plan.step, 1), last = moved(stream->edge, plan.step, plan.pages);
    struct object *object = area->object;
    pgoff_t from = area->object_offset + MIN(first, last), end = from + plan.pages;

    stream->edge = last;
    object_ref(object); /* another thread may unmap it while a bio is waited for */
    from = object_readahead(object, from, plan.pages);
    if (from < end &&
        object_find_place(object, from)) /* else the next fault would begin with small windows */
        object_readahead(object, from, end - from);
    object_unref(object);
}

static bool is_anonymous(const struct area *area, pgoff_t index) {
    return area->amap != NULL && amap_get(area->amap, area->amap_offset + index) != NULL;
}

/* As many pages as a fault's own with the window behind it: a request of the same length. */
void readahead_follow(struct area *area, pgoff_t index) {
    struct readahead_stream *stream = stream_due(area, index);

    if (stream == NULL || area->advice == ADVICE_RANDOM || stream->edge >= area->pages)
        return; /* the area may have become smaller */
    unsigned window = frames_for_guesses(grown(stream));
    pgoff_t edge = stream->edge;
    struct readahead_plan plan = {MIN(window + 1, pages_behind(area, edge, stream->step)), stream->step};

    if (window == 0 || plan.pages == 0)
        return;
    stream->window = (uint16_t)window;
    stream->mark = moved(edge, plan.step, 1);
    if (is_anonymous(area, index))
        swap_ahead(area, stream, plan);
    else
        file_ahead(area, stream, plan);
}

/* --- files --- */

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
