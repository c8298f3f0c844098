/*
 * Clock: the frames of the set stand in a circle, and a hand goes round. A frame whose page was referenced
 * since the hand last passed gets another round and loses its reference bit; the first one found
 * unreferenced is the victim. An approximation of LRU for the price of one bit.
 *
 * A new frame is put just behind the hand, so that the hand meets it last (mm/policy/order.c).
 *
 * The sweep is bounded by count, not by "back where I started": two rounds suffice, since the first clears
 * every reference bit and nothing runs meanwhile. A clock that stops at its starting frame breaks when that
 * frame leaves the circle under it.
 *
 * Source: Corbató, "A paging experiment with the Multics system" (1968).
 */
#include "mm/policy/order.h"

static struct frame *clock_victim(struct set *set) {
    for (pfn_t looks = 2 * set->count; looks > 0; looks--) {
        struct frame *frame = circle_advance(set);

        if (!frame_test_referenced(frame))
            return frame;
    }
    return set->hand; /* NULL for an empty set; else only if somebody keeps touching pages meanwhile */
}

const struct policy policy_clock = {
    .name = "clock",
    .add = circle_add,
    .remove = circle_remove,
    .victim = clock_victim,
};
