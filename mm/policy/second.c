/*
 * Second chance: FIFO, but a page that was referenced since it was last at the head of the queue goes to the
 * tail instead, its bit cleared, as if it had just come. It chooses the same victims as clock, which moves a
 * hand instead of pages; both are here because lectures draw both.
 *
 * Bounded by count: after one round every bit is clear.
 *
 * Source: Tanenbaum, "Modern Operating Systems", 3.4.4.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static struct frame *second_victim(struct set *set) {
    for (pfn_t looks = 2 * set->count; looks > 0; looks--) {
        struct frame *frame = queue_first(set);

        count(COUNT_PGSCAN);
        queue_requeue(set, frame); /* the victim too: should it stay, it is not the next again */
        if (!frame_test_referenced(frame))
            return frame;
    }
    return queue_first(set);
}

const struct policy policy_second = {
    .name = "second",
    .add = queue_add,
    .remove = queue_remove,
    .victim = second_victim,
};
