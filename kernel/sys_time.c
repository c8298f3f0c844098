/*
 * System calls of time: clocks, sleeping, interval timers.
 *
 * Clocks are as fine as the time-stamp counter; sleeps end with a timer tick, the first that is late enough.
 */
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"

#include <linux/time.h>
#include <linux/times.h>

#define NANOSECONDS_PER_TICK (NANOSECONDS_PER_SECOND / TICKS_PER_SECOND)

/* --- conversions --- */

static uint64_t tick_after(uint64_t nanoseconds) {
    uint64_t now = time_ticks();
    if (nanoseconds == 0)
        return now ? now : 1;
    /* One more: the tick that is under way is not a whole one. */
    return now + (nanoseconds + NANOSECONDS_PER_TICK - 1) / NANOSECONDS_PER_TICK + 1;
}

/* A call that a stop has interrupted goes on with what is left of its time, and not all of it again. */
struct time_limit time_limit_after(uint64_t nanoseconds) {
    struct thread *self = thread_current;
    if (!self->resuming)
        self->time_limit = tick_after(nanoseconds);
    self->untidy = true;
    return (struct time_limit){self->time_limit};
}

bool time_limit_passed(const struct time_limit *limit) {
    return limit->until != 0 && time_ticks() >= limit->until;
}

int nanoseconds_from_user(vaddr_t user, bool time64, uint64_t *nanoseconds) {
    int64_t seconds;
    int64_t fraction;
    if (time64) {
        struct __kernel_timespec given;
        if (user_read(&given, user, sizeof given))
            return -EFAULT;
        seconds = given.tv_sec;
        fraction = (int32_t)given.tv_nsec; /* the upper half is padding for 32-bit programs */
    } else {
        struct __kernel_old_timespec given;
        if (user_read(&given, user, sizeof given))
            return -EFAULT;
        seconds = given.tv_sec;
        fraction = given.tv_nsec;
    }
    if (seconds < 0 || fraction < 0 || fraction >= (int64_t)NANOSECONDS_PER_SECOND)
        return -EINVAL;
    /* A century is for ever, and does not overflow. */
    seconds = MIN(seconds, (int64_t)100 * 365 * 86400);
    *nanoseconds = (uint64_t)seconds * NANOSECONDS_PER_SECOND + (uint64_t)fraction;
    return 0;
}

int nanoseconds_to_user(vaddr_t user, bool time64, uint64_t nanoseconds) {
    uint64_t seconds = nanoseconds / NANOSECONDS_PER_SECOND;
    uint32_t fraction = (uint32_t)(nanoseconds % NANOSECONDS_PER_SECOND);
    if (time64) {
        struct __kernel_timespec result = {(int64_t)seconds, fraction};
        return user_write(user, &result, sizeof result);
    }
    struct __kernel_old_timespec result = {(long)seconds, (long)fraction};
    return user_write(user, &result, sizeof result);
}

int time_limit_from_user(vaddr_t user, bool time64, struct time_limit *limit) {
    uint64_t nanoseconds;
    *limit = time_limit_none();
    if (user == 0)
        return 0;
    int error = nanoseconds_from_user(user, time64, &nanoseconds);
    if (!error)
        *limit = time_limit_after(nanoseconds);
    return error;
}

uint64_t time_since_epoch(void) {
    return time_boot_epoch() * NANOSECONDS_PER_SECOND + time_nanoseconds();
}

/* --- clocks --- */

static int read_clock(int clock, uint64_t *nanoseconds) {
    const struct process *process = process_current();
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *nanoseconds = time_since_epoch();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *nanoseconds = time_nanoseconds();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        *nanoseconds = (process->user_ticks + process->kernel_ticks) * NANOSECONDS_PER_TICK;
        return 0;
    default:
        return -EINVAL;
    }
}

static long clock_gettime(int clock, vaddr_t result, bool time64) {
    uint64_t nanoseconds;
    int error = read_clock(clock, &nanoseconds);
    return error ? error : nanoseconds_to_user(result, time64, nanoseconds);
}

long sys_clock_gettime(int clock, vaddr_t result) {
    return clock_gettime(clock, result, false);
}

long sys_clock_gettime64(int clock, vaddr_t result) {
    return clock_gettime(clock, result, true);
}

static long clock_getres(int clock, vaddr_t result, bool time64) {
    uint64_t now;
    int error = read_clock(clock, &now);
    bool by_ticks = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
    if (error || result == 0)
        return error;
    return nanoseconds_to_user(result, time64, by_ticks ? NANOSECONDS_PER_TICK : 1);
}

long sys_clock_getres(int clock, vaddr_t result) {
    return clock_getres(clock, result, false);
}

long sys_clock_getres_time64(int clock, vaddr_t result) {
    return clock_getres(clock, result, true);
}

long sys_gettimeofday(vaddr_t result, vaddr_t zone) {
    uint64_t now = time_since_epoch();
    struct __kernel_old_timeval value = {
        (long)(now / NANOSECONDS_PER_SECOND),
        (long)(now % NANOSECONDS_PER_SECOND / NANOSECONDS_PER_MICROSECOND),
    };
    struct timezone utc = {0, 0};
    if (result && user_write(result, &value, sizeof value))
        return -EFAULT;
    return zone ? user_write(zone, &utc, sizeof utc) : 0;
}

long sys_time(vaddr_t result) {
    int32_t seconds = (int32_t)(time_since_epoch() / NANOSECONDS_PER_SECOND);
    if (result && user_write(result, &seconds, sizeof seconds))
        return -EFAULT;
    return seconds;
}

/* Ticks are Linux's clock_t: both are hundredths of a second. */
long sys_times(vaddr_t result) {
    const struct process *process = process_current();
    struct tms times = {
        .tms_utime = (long)process->user_ticks,
        .tms_stime = (long)process->kernel_ticks,
        .tms_cutime = (long)process->child_user_ticks,
        .tms_cstime = (long)process->child_kernel_ticks,
    };
    if (result && user_write(result, &times, sizeof times))
        return -EFAULT;
    return (long)(time_ticks() & 0x7FFFFFFF);
}

/* --- sleeping --- */

/* Sleeps until the limit has passed: 0, or -EINTR. Nobody else wakes this queue. */
static int sleep_until(const struct time_limit *limit) {
    struct waitq nobody = {0};
    while (!time_limit_passed(limit)) {
        if (wait_timeout(&nobody, limit->until - time_ticks()) == -EINTR)
            return -EINTR;
    }
    return 0;
}

static long sleep_and_report(const struct time_limit *limit, vaddr_t remaining, bool time64) {
    int error = sleep_until(limit);
    if (error && remaining) {
        uint64_t now = time_ticks();
        uint64_t left = limit->until > now ? limit->until - now : 0;
        if (nanoseconds_to_user(remaining, time64, left * NANOSECONDS_PER_TICK))
            return -EFAULT;
    }
    return error;
}

static long clock_nanosleep(int clock, bool absolute, vaddr_t request, vaddr_t remaining, bool time64) {
    uint64_t wanted, now;
    int error = read_clock(clock, &now);
    if (!error)
        error = nanoseconds_from_user(request, time64, &wanted);
    if (error)
        return error;
    if (absolute)
        wanted = wanted > now ? wanted - now : 0;
    struct time_limit limit = time_limit_after(wanted);
    return sleep_and_report(&limit, absolute ? 0 : remaining, time64);
}

long sys_nanosleep(vaddr_t request, vaddr_t remaining) {
    return clock_nanosleep(CLOCK_MONOTONIC, false, request, remaining, false);
}

long sys_clock_nanosleep(int clock, unsigned flags, vaddr_t request, vaddr_t remaining) {
    return clock_nanosleep(clock, flags & TIMER_ABSTIME, request, remaining, false);
}

long sys_clock_nanosleep_time64(int clock, unsigned flags, vaddr_t request, vaddr_t remaining) {
    return clock_nanosleep(clock, flags & TIMER_ABSTIME, request, remaining, true);
}

/* --- interval timers --- */

static uint64_t ticks_of_timeval(const struct __kernel_old_timeval *value) {
    uint64_t nanoseconds = (uint64_t)value->tv_sec * NANOSECONDS_PER_SECOND +
                           (uint64_t)value->tv_usec * NANOSECONDS_PER_MICROSECOND;
    return (nanoseconds + NANOSECONDS_PER_TICK - 1) / NANOSECONDS_PER_TICK;
}

static struct __kernel_old_timeval timeval_of_ticks(uint64_t ticks) {
    return (struct __kernel_old_timeval){
        (long)(ticks / TICKS_PER_SECOND),
        (long)(ticks % TICKS_PER_SECOND * (1000000 / TICKS_PER_SECOND)),
    };
}

/* The layout of struct itimerval, with the kernel's own timeval. */
struct interval_timer {
    struct __kernel_old_timeval interval, value;
};

static bool timeval_valid(const struct __kernel_old_timeval *value) {
    return value->tv_sec >= 0 && value->tv_usec >= 0 && value->tv_usec < 1000000;
}

static struct interval_timer timer_now(int which) {
    uint64_t ticks, interval;
    timer_get(process_current(), which, &ticks, &interval);
    return (struct interval_timer){timeval_of_ticks(interval), timeval_of_ticks(ticks)};
}

long sys_getitimer(int which, vaddr_t result) {
    if (which < 0 || which >= PROCESS_TIMERS)
        return -EINVAL;
    struct interval_timer timer = timer_now(which);
    return user_write(result, &timer, sizeof timer);
}

long sys_setitimer(int which, vaddr_t request, vaddr_t result) {
    struct interval_timer timer = {0};
    if (request && user_read(&timer, request, sizeof timer))
        return -EFAULT;
    if (which < 0 || which >= PROCESS_TIMERS || !timeval_valid(&timer.value) ||
        !timeval_valid(&timer.interval))
        return -EINVAL;
    struct interval_timer old = timer_now(which);
    timer_set(process_current(), which, ticks_of_timeval(&timer.value), ticks_of_timeval(&timer.interval));
    return result ? user_write(result, &old, sizeof old) : 0;
}

/* Whole seconds left of the alarm before, rounded up so that "none" and "soon" differ. */
long sys_alarm(unsigned seconds) {
    uint64_t old, interval;
    timer_get(process_current(), ITIMER_REAL, &old, &interval);
    timer_set(process_current(), ITIMER_REAL, (uint64_t)seconds * TICKS_PER_SECOND, 0);
    return (long)((old + TICKS_PER_SECOND - 1) / TICKS_PER_SECOND);
}
