/* The table of replacement policies. A new policy is one file and one line here. */
#include "mm/policy.h"

#include "lib/string.h"

static const struct policy *const policies[] = {
    &policy_clock,
};

struct set set_global;

const struct policy *policy_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    return NULL;
}

const char *policy_names(void) {
    return "clock";
}

void set_init(struct set *set, const struct policy *policy) {
    *set = (struct set){.policy = policy};
    list_init(&set->frames);
}
