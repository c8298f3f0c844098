/* Time as system calls see it: limits of sleeps, in ticks, made from nanoseconds. See kernel/sys_time.c. */
#ifndef KERNEL_SYSTIME_H
#define KERNEL_SYSTIME_H

#include "lib/types.h"

#include <linux/time_types.h>

#define NANOSECONDS_PER_SECOND      1000000000ull
#define NANOSECONDS_PER_MILLISECOND 1000000ull
#define NANOSECONDS_PER_MICROSECOND 1000ull

/* The tick at which a sleep ends at the latest; 0: no limit. */
struct time_limit {
    uint64_t until;
};

static inline struct time_limit time_limit_none(void) {
    return (struct time_limit){0};
}

/*
 * The time limit of the system call that runs (it has one at most): at least @nanoseconds from now, never 0
 * ticks, a limit of 0 nanoseconds has passed at once. Of a call that is resumed: the limit it has had.
 */
struct time_limit time_limit_after(uint64_t nanoseconds);
bool time_limit_passed(const struct time_limit *limit);

/* From a timespec in user memory (@time64: with 64-bit seconds), 0 meaning none. -EFAULT, -EINVAL. */
int time_limit_from_user(vaddr_t user, bool time64, struct time_limit *limit);

/* Reads either timespec into nanoseconds. -EFAULT, -EINVAL. */
int nanoseconds_from_user(vaddr_t user, bool time64, uint64_t *nanoseconds);
int nanoseconds_to_user(vaddr_t user, bool time64, uint64_t nanoseconds);

/* Nanoseconds since 1970, by the CMOS clock at boot. */
uint64_t time_since_epoch(void);

#endif
