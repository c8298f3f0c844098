/*
 * Scope of replacement: do processes compete for all frames (global), or does each replace within its own
 * (local), and then how many may each have? See mm/scope.c.
 */
#ifndef MM_SCOPE_H
#define MM_SCOPE_H

#include "lib/types.h"

struct policy;
struct set;
struct space;

enum scope { SCOPE_GLOBAL, SCOPE_LOCAL };

enum quota_rule {
    QUOTA_EQUAL,        /* frames / processes */
    QUOTA_PROPORTIONAL, /* by the size of the processes */
    QUOTA_FIXED,        /* vm_options.quota_fixed frames each */
    QUOTA_PFF,          /* by page-fault frequency */
};

/* A new space gets its set: its own where replacement is local and there is memory for one. Never sleeps. */
void scope_enter(struct space *space);
/* A space without areas gives its set back: what is left in it becomes everybody's. Never sleeps. */
void scope_leave(struct space *space);

/*
 * Gives a space a policy of its own, and for that, if it has none yet, a set of its own. 0 or -ENOMEM. Never
 * sleeps.
 */
int scope_set_policy(struct space *space, const struct policy *policy);
/* A child after fork, and the program after exec, has the policy of its own that @from has, if memory allows. Never sleeps. */
void scope_inherit(struct space *space, const struct space *from);
/* Gives every set another policy (those of traced ranges keep theirs). 0, or -ENOMEM for some. Never sleeps. */
int scope_set_policy_of_all(const struct policy *policy);

/*
 * Local from now on, or global: every space gets a set of its own, with the pages that only it has mapped, or gives
 * its set back (also one that it has for the sake of a policy of its own). 0, or -ENOMEM where some space could not
 * have one: it replaces globally. Never sleeps.
 */
int scope_change(enum scope scope);
/* An instruction may need several pages, and must be able to have them at once. */
#define QUOTA_LEAST 16u

/* All quotas anew. Never sleeps. */
void scope_divide(void);

/* Before a fault of the space: makes room in its own set if that is full. Never sleeps. */
void scope_make_room(struct space *space);

/*
 * Frames that the space may have beyond those it has; the most there could ever be where it has no quota. Never
 * sleeps.
 */
pfn_t scope_room(const struct space *space);

/*
 * Quotas shrink, and pages that were being written or pinned come back to sets that are full: the daemon trims sets
 * that are above their quota. False: a page that must leave cannot. Never sleeps.
 */
bool scope_trim(void);
bool scope_quotas_met(void);

/* The set that the daemon takes the next victim from: the one that is furthest above its quota. */
struct set *scope_victim_set(void);

/* A tick during which the program of process @pid ran: virtual time, and now and then new quotas. */
void scope_tick(int pid);

#endif
