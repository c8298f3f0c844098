/*
 * Most recently used: the page used last goes. Wrong for almost everything, and right for a loop that is
 * longer than memory, where the page used last is the one that is wanted again latest: there it is OPT.
 *
 * The order is kept as by LRU (mm/policy/lru.c), sampled or exact. Pages that came or were touched at this very
 * moment of virtual time are passed over: an instruction may need several at once, and would take them from
 * itself in turn for ever.
 *
 * Source: Chou and DeWitt, "An evaluation of buffer management strategies for relational database systems"
 * (1985), for the looping scans of joins.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static struct frame *mru_victim(struct set *set) {
    struct frame *frame = queue_last(set);

    for (pfn_t looks = set->count; looks > 1 && frame->policy == set->now; looks--) {
        count(COUNT_PGSCAN);
        frame = list_entry(frame->link.prev, struct frame, link);
    }
    if (frame != NULL) { /* should it stay, another one is next */
        list_remove(&frame->link);
        list_add_head(&set->frames, &frame->link);
    }
    return frame;
}

static void mru_tick(struct set *set) {
    policy_lru.tick(set);
}

static void mru_add(struct set *set, struct frame *frame) {
    frame->policy = set->now;
    queue_add(set, frame);
}

static void mru_touch(struct frame *frame) {
    frame->policy = frame->set->now;
    policy_lru.touch(frame);
}

const struct policy policy_mru = {
    .name = "mru",
    .add = mru_add,
    .remove = queue_remove,
    .victim = mru_victim,
    .tick = mru_tick,
    .touch = mru_touch,
};
