/*
 * How long the faults of some programs took, by kind: for /proc/PID/faults and the program fault-time. A space
 * asks for it on behalf of the processes that it will fork, and theirs; all of them add to one table. Who has not
 * been asked for pays a load and a branch a fault.
 *
 * Thread context; only fault_times_start() needs memory, and nothing sleeps.
 */
#ifndef MM_FAULT_TIMES_H
#define MM_FAULT_TIMES_H

#include "lib/types.h"

struct space;

/* In the order of enum kind in mm/fault_steps.h; then those that were refused. */
#define FAULT_TIMES_KINDS 9u
extern const char *const fault_times_names[FAULT_TIMES_KINDS];

struct fault_times {
    unsigned refs; /* of spaces: twice by one that counts and whose children will */
    struct {
        uint32_t count, major;
        uint64_t nanoseconds, longest;
    } kinds[FAULT_TIMES_KINDS];
};

/* From now on children of this space count in a new table, all zero. 0 or -ENOMEM. */
int fault_times_start(struct space *space);

/* A fault of @space has taken so long. */
void fault_times_add(struct space *space, unsigned kind, bool major, uint64_t nanoseconds);

/* @child counts where @parent's children do; after exec, @next where @space did, and its children too. */
void fault_times_fork(struct space *child, const struct space *parent);
void fault_times_exec(struct space *next, const struct space *space);
void fault_times_leave(struct space *space);

#endif
