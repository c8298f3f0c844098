/*
 * Clock: the frames of the set stand in a circle, and a hand goes round. A frame whose page was referenced
 * since the hand last passed gets another round and loses its reference bit; the first one found
 * unreferenced is the victim. An approximation of LRU for the price of one bit.
 *
 * A new frame is put just behind the hand, so that the hand meets it last.
 *
 * The sweep is bounded by count, not by "back where I started": two rounds suffice, since the first clears
 * every reference bit and nothing runs meanwhile. A clock that stops at its starting frame breaks when that
 * frame leaves the circle under it.
 *
 * Source: Corbató, "A paging experiment with the Multics system" (1968).
 */
#include "lib/log.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/policy.h"

static struct frame *clock_next(struct set *set, struct frame *frame) {
    struct list *next = frame->link.next;

    if (next == &set->frames)
        next = next->next;
    return list_entry(next, struct frame, link);
}

static void clock_add(struct set *set, struct frame *frame) {
    if (set->hand == NULL) {
        list_add_tail(&set->frames, &frame->link);
        set->hand = frame;
    } else {
        list_insert_before(&set->hand->link, &frame->link);
    }
    set->count++;
}

static void clock_remove(struct set *set, struct frame *frame) {
    ASSERT(set->count > 0);
    if (set->hand == frame)
        set->hand = set->count > 1 ? clock_next(set, frame) : NULL;
    list_remove(&frame->link);
    set->count--;
}

static struct frame *clock_victim(struct set *set) {
    for (pfn_t looks = 2 * set->count; looks > 0; looks--) {
        struct frame *frame = set->hand;

        count(COUNT_PGSCAN);
        set->hand = clock_next(set, frame);
        if (!frame_test_referenced(frame))
            return frame;
    }
    return set->hand; /* NULL for an empty set; else only if somebody keeps touching pages meanwhile */
}

const struct policy policy_clock = {
    .name = "clock",
    .add = clock_add,
    .remove = clock_remove,
    .victim = clock_victim,
};
