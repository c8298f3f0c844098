/*
 * OPT: the page that will not be used for the longest time goes. No policy has fewer faults, and none can be
 * built, as it needs the future. Here the future is a recorded reference string that is being replayed:
 * set->now is the number of references so far, and frame->policy the position of the page's next one.
 *
 * Only for traced sets with a string, in the simulator and in the reference mode of the guest. Where there is
 * no string, every page is wanted never again, and it is FIFO.
 *
 * Of several pages that are never used again, the one that came first goes.
 *
 * Source: Belady, "A study of replacement algorithms for a virtual-storage computer" (1966), MIN.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"
#include "mm/refstring.h"

/* set->now counts the reference that is being made, so its position is one less. */
static void opt_touch(struct frame *frame) {
    const struct set *set = frame->set;
    uint32_t at = set->now - 1;

    frame->policy = set->future != NULL && at < set->future->count ? set->future->next[at] : REFERENCE_NEVER;
}

static struct frame *opt_victim(struct set *set) {
    struct frame *latest = queue_first(set);

    list_for_each (frame, &set->frames, struct frame, link) {
        count(COUNT_PGSCAN);
        if (frame->policy > latest->policy)
            latest = frame;
        if (latest->policy == REFERENCE_NEVER)
            break;
    }
    return latest;
}

const struct policy policy_opt = {
    .name = "opt",
    .needs_future = true,
    .add = queue_add,
    .remove = queue_remove,
    .victim = opt_victim,
    .touch = opt_touch,
};
