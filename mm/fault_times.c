/* See mm/fault_times.h. */
#include "mm/fault_times.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "mm/heap.h"
#include "mm/space.h"

const char *const fault_times_names[FAULT_TIMES_KINDS] = {
    "spurious", "resident", "upgrade", "reclaim", "zero", "swap", "file", "copy", "bad"};

static struct fault_times *hold(struct fault_times *times) {
    if (times != NULL)
        times->refs++;
    return times;
}

static void let_go(struct fault_times *times) {
    if (times != NULL && --times->refs == 0)
        kfree(times);
}

int fault_times_start(struct space *space) {
    struct fault_times *times = kmalloc_try(sizeof(*times));

    if (times == NULL)
        return -ENOMEM;
    let_go(space->times_of_children);
    space->times_of_children = hold(times);
    return 0;
}

void fault_times_add(struct space *space, unsigned kind, bool major, uint64_t nanoseconds) {
    struct fault_times *times = space->times;

    ASSERT(kind < FAULT_TIMES_KINDS);
    if (times == NULL)
        return;
    times->kinds[kind].count++;
    times->kinds[kind].major += major;
    times->kinds[kind].nanoseconds += nanoseconds;
    times->kinds[kind].longest = MAX(times->kinds[kind].longest, nanoseconds);
}

void fault_times_fork(struct space *child, const struct space *parent) {
    ASSERT(child->times == NULL && child->times_of_children == NULL);
    child->times = hold(parent->times_of_children);
    child->times_of_children = hold(parent->times_of_children);
}

void fault_times_exec(struct space *next, const struct space *space) {
    ASSERT(next->times == NULL && next->times_of_children == NULL);
    next->times = hold(space->times);
    next->times_of_children = hold(space->times_of_children);
}

void fault_times_leave(struct space *space) {
    let_go(space->times);
    let_go(space->times_of_children);
    space->times = space->times_of_children = NULL;
}
