/*
 * Most recently used: the page used last goes. Wrong for almost everything, and right for a loop that is
 * longer than memory, where the page used last is the one that is wanted again latest: there it is OPT.
 *
 * The order is kept as by LRU (mm/policy/lru.c), sampled or exact.
 *
 * Source: Chou and DeWitt, "An evaluation of buffer management strategies for relational database systems"
 * (1985), for the looping scans of joins.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static struct frame *mru_victim(struct set *set) {
    struct frame *frame = queue_last(set);

    count(COUNT_PGSCAN);
    if (frame != NULL) { /* should it stay, another one is next */
        list_remove(&frame->link);
        list_add_head(&set->frames, &frame->link);
    }
    return frame;
}

static void mru_tick(struct set *set) {
    policy_lru.tick(set);
}

static void mru_touch(struct frame *frame) {
    policy_lru.touch(frame);
}

const struct policy policy_mru = {
    .name = "mru",
    .add = queue_add,
    .remove = queue_remove,
    .victim = mru_victim,
    .tick = mru_tick,
    .touch = mru_touch,
};
