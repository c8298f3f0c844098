/*
 * The table of replacement policies, and what is the same for all: starting a set, its virtual time, and
 * changing its policy while it is full. A new policy is one file and one line here.
 */
#include "mm/policy.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"

static const struct policy *const policies[] = {
    &policy_eeclock, &policy_clock, &policy_clockpro, &policy_fifo, &policy_second, &policy_nru,
    &policy_aging,   &policy_lru,   &policy_wsclock,  &policy_mru,  &policy_random, &policy_opt,
};

struct set set_global;
struct list sets = LIST_INITIALIZER(sets);

const struct policy *policy_number(unsigned i) {
    return i < ARRAY_SIZE(policies) ? policies[i] : NULL;
}

const struct policy *policy_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    return NULL;
}

int set_start(struct set *set, const struct policy *policy, pfn_t quota) {
    *set = (struct set){.policy = policy, .quota = quota, .period = SET_PERIOD, .tau = SET_TAU, .seed = 1};
    list_init(&set->frames);
    list_init(&set->hot);
    return policy->start == NULL ? 0 : policy->start(set);
}

void set_stop(struct set *set) {
    ASSERT(set->count == 0);
    if (set->policy->stop != NULL)
        set->policy->stop(set);
}

void set_tick(struct set *set) {
    if (++set->now % set->period == 0 && set->policy->tick != NULL)
        set->policy->tick(set);
}

void sets_forget(uint64_t page) {
    list_for_each (set, &sets, struct set, link)
        if (set->policy->forget != NULL)
            set->policy->forget(set, page);
}

/* Takes every frame out, the next victims first: from the hand round, then the ones kept apart. */
static void take_all(struct set *set, struct list *frames) {
    while (set->count > 0) {
        struct frame *frame = set->hand;

        if (frame == NULL)
            frame = list_first(list_empty(&set->frames) ? &set->hot : &set->frames, struct frame, link);
        set->policy->remove(set, frame);
        list_add_tail(frames, &frame->link);
    }
}

int set_change_policy(struct set *set, const struct policy *policy) {
    struct set fresh = *set;
    struct list frames;

    fresh.policy = policy;
    fresh.history = NULL;
    if (policy->start != NULL && policy->start(&fresh) != 0)
        return -ENOMEM;
    list_init(&frames);
    take_all(set, &frames);
    set_stop(set);
    set->policy = policy;
    set->history = fresh.history;
    while (!list_empty(&frames)) {
        struct frame *frame = list_first(&frames, struct frame, link);

        list_remove(&frame->link);
        frame->policy = 0;
        policy->add(set, frame);
    }
    return 0;
}
