/*
 * Random: any page, each with the same chance. It keeps no state and has no worst case of its own, which
 * makes it the line to compare others with: a policy that is worse than random on a load misunderstands it.
 *
 * The numbers come from set->seed, so a run can be repeated.
 *
 * Source of the generator: Marsaglia, "Xorshift RNGs" (2003).
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static uint32_t random_below(struct set *set, uint32_t below) {
    set->seed ^= set->seed << 13;
    set->seed ^= set->seed >> 17;
    set->seed ^= set->seed << 5;
    return (uint32_t)((uint64_t)set->seed * below >> 32);
}

static struct frame *random_victim(struct set *set) {
    struct frame *frame = queue_first(set);

    count(COUNT_PGSCAN);
    if (frame != NULL)
        for (uint32_t steps = random_below(set, set->count); steps > 0; steps--)
            frame = list_next(frame, struct frame, link);
    return frame;
}

const struct policy policy_random = {
    .name = "random",
    .add = queue_add,
    .remove = queue_remove,
    .victim = random_victim,
};
