/*
 * First in, first out: the page that has been in memory longest goes, used or not. It needs nothing of the
 * hardware. More frames may cost more faults (Belady's anomaly: 1,2,3,4,1,2,5,1,2,3,4,5 faults 9 times with
 * three frames and 10 times with four).
 *
 * A page that was away only to be written early, or pinned, comes back as the youngest; in a traced set that
 * does not happen.
 *
 * Source: Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain programs running
 * in a paging machine" (1969).
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static struct frame *fifo_victim(struct set *set) {
    struct frame *frame = queue_first(set);

    count(COUNT_PGSCAN);
    /* It is left in the set, and the daemon may find that it cannot leave: then another one is next. */
    if (frame != NULL)
        queue_requeue(set, frame);
    return frame;
}

const struct policy policy_fifo = {
    .name = "fifo",
    .add = queue_add,
    .remove = queue_remove,
    .victim = fifo_victim,
};
