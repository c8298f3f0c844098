/*
 * Aging: a counter of eight bits for each page. At every tick it is shifted right, and the reference bit,
 * which is cleared, comes in at the left. So the counter remembers the last eight ticks, the latest weighing
 * most, and the page with the lowest counter is the victim; of equals, the one that came first.
 *
 * What it forgets, compared to LRU: the order within a tick, and all that is more than eight ticks ago.
 *
 * A new page starts as if referenced in the last tick, or it would be the victim before it had been used.
 *
 * Source: Tanenbaum, "Modern Operating Systems", 3.4.7.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

#define AGE_REFERENCED 0x80u

static void aging_add(struct set *set, struct frame *frame) {
    if (frame->policy == 0)
        frame->policy = AGE_REFERENCED;
    queue_add(set, frame);
}

static void aging_tick(struct set *set) {
    list_for_each (frame, &set->frames, struct frame, link)
        frame->policy = frame->policy >> 1 | (frame_test_referenced(frame) ? AGE_REFERENCED : 0);
}

/* The search ends at a counter of 0: there is none lower. */
static struct frame *aging_victim(struct set *set) {
    struct frame *oldest = queue_first(set);

    list_for_each (frame, &set->frames, struct frame, link) {
        count(COUNT_PGSCAN);
        if (frame->policy < oldest->policy)
            oldest = frame;
        if (oldest->policy == 0)
            break;
    }
    if (oldest != NULL)
        queue_requeue(set, oldest); /* should it stay, another one is next */
    return oldest;
}

const struct policy policy_aging = {
    .name = "aging",
    .add = aging_add,
    .remove = queue_remove,
    .victim = aging_victim,
    .tick = aging_tick,
};
