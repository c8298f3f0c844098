/*
 * poll and select: waiting for any of several files.
 *
 * The thread puts one waiter into the queue of each file, asks every file, and sleeps if none is ready and
 * no waiter has been taken out of its queue meanwhile: a wake-up between question and sleep is thus never
 * lost, and nothing polls the clock. select is translated into poll.
 *
 * Source: poll(2), select(2).
 */
#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "fs/mode.h"
#include "kernel/descriptor.h"
#include "kernel/poll.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define ALWAYS_REPORTED (POLLERR | POLLHUP | POLLNVAL)

unsigned poll_file(const struct file *file) {
    if (!file)
        return POLLNVAL;
    if (!file->vnode->operations->poll)
        return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; /* files and directories never block */
    unsigned events = file->vnode->operations->poll(file->vnode);
    if (S_ISFIFO(file->vnode->mode)) /* an end of a pipe has nothing of the other's */
        events &= ~((file_may_read(file) ? 0 : POLLIN | POLLRDNORM | POLLHUP) |
                    (file_may_write(file) ? 0 : POLLOUT | POLLWRNORM | POLLERR));
    return events;
}

/* Asks every file; the number of entries with something to report. */
static int ask_all(struct poll_set *set) {
    int ready = 0;
    for (unsigned i = 0; i < set->count; i++) {
        struct pollfd *entry = &set->entries[i];
        entry->revents = 0;
        if (entry->fd < 0)
            continue;
        entry->revents =
            (short)(poll_file(set->files[i]) & ((unsigned short)entry->events | ALWAYS_REPORTED));
        ready += entry->revents != 0;
    }
    return ready;
}

static struct waitq *queue_of(const struct poll_set *set, unsigned i) {
    const struct file *file = set->files[i];
    return file ? &file->vnode->pollers : NULL;
}

static void stand_in_queues(struct poll_set *set) {
    for (unsigned i = 0; i < set->count; i++) {
        struct waitq *queue = queue_of(set, i);
        if (queue)
            waitq_add(queue, &set->waiters[i]);
    }
}

static void leave_queues(struct poll_set *set) {
    for (unsigned i = 0; i < set->count; i++) {
        struct waitq *queue = queue_of(set, i);
        if (queue)
            waitq_remove(queue, &set->waiters[i]);
    }
}

/* True if a file has changed since we stood in its queue. */
static bool woken_already(const struct poll_set *set) {
    for (unsigned i = 0; i < set->count; i++) {
        if (queue_of(set, i) && !set->waiters[i].queued)
            return true;
    }
    return false;
}

/* Sleeps until a file may have changed: 0, -ETIMEDOUT or -EINTR. @until: tick; 0: no limit. */
static int sleep_for_any(struct poll_set *set, uint64_t until) {
    may_sleep();
    unsigned irq = irq_save();
    int result = 0;
    if (signal_pending())
        result = -EINTR;
    else if (!woken_already(set))
        result = sched_sleep(SLEEP_INTERRUPTIBLE, until);
    irq_restore(irq);
    return result;
}

int poll_once(struct poll_set *set, const struct time_limit *limit) {
    stand_in_queues(set);
    int ready = ask_all(set), slept = 0;
    if (ready == 0 && !time_limit_passed(limit))
        slept = sleep_for_any(set, limit->until);
    else if (ready == 0)
        slept = -ETIMEDOUT;
    leave_queues(set);
    return ready > 0 ? ready : slept;
}

/* The number of ready entries, 0 after the time limit, or -EINTR. */
static int wait_for_files(struct poll_set *set, const struct time_limit *limit) {
    int ready;
    do
        ready = poll_once(set, limit);
    while (ready == 0);
    return ready == -ETIMEDOUT ? 0 : ready;
}

static int poll_wait(struct poll_set *set, const struct time_limit *limit) {
    for (unsigned i = 0; i < set->count; i++)
        set->files[i] = descriptor_file_ref(set->entries[i].fd);
    int result = wait_for_files(set, limit);
    for (unsigned i = 0; i < set->count; i++) {
        if (set->files[i])
            descriptor_file_unref(set->files[i]);
    }
    return result;
}

/* --- poll --- */

static long poll_user(struct poll_set *set, vaddr_t entries, unsigned count, const struct time_limit *limit) {
    size_t bytes = count * sizeof set->entries[0];
    set->count = count;
    if (user_read(set->entries, entries, bytes))
        return -EFAULT;
    int ready = poll_wait(set, limit);
    if (ready >= 0 && user_write(entries, set->entries, bytes))
        return -EFAULT;
    return ready;
}

static long poll_with_limit(vaddr_t entries, unsigned count, const struct time_limit *limit) {
    if (count > FILES_MAX)
        return -EINVAL;
    struct poll_set *set = kmalloc(sizeof *set);
    if (!set)
        return -ENOMEM;
    long ready = poll_user(set, entries, count, limit);
    kfree(set);
    return ready;
}

long sys_poll(vaddr_t entries, unsigned count, int milliseconds) {
    struct time_limit limit = time_limit_none();
    if (milliseconds >= 0)
        limit = time_limit_after((uint64_t)milliseconds * NANOSECONDS_PER_MILLISECOND);
    return poll_with_limit(entries, count, &limit);
}

/* The signal mask for the time of a call; put back when the signal that ends it has been delivered. */
static void use_mask(uint64_t mask) {
    thread_current->signals_saved = thread_current->signals_blocked;
    thread_current->restore_mask = true;
    signal_set_mask(mask);
}

int poll_use_mask(vaddr_t user_mask) {
    uint64_t mask;
    if (user_mask == 0)
        return 0;
    if (user_read(&mask, user_mask, sizeof mask))
        return -EFAULT;
    use_mask(mask);
    return 0;
}

/*
 * As on Linux, the time left goes where the limit came from. A call that is run once more reads it there; how
 * long a stop lasted does not count.
 */
static uint64_t time_left(const struct time_limit *limit) {
    uint64_t now = time_ticks();
    thread_current->time_limit = 0;
    return limit->until > now ? (limit->until - now) * (NANOSECONDS_PER_SECOND / TICKS_PER_SECOND) : 0;
}

static void tell_time_left(vaddr_t timeout, bool time64, const struct time_limit *limit) {
    if (timeout)
        (void)nanoseconds_to_user(timeout, time64, time_left(limit)); /* it may lie in read-only memory */
}

static long ppoll(vaddr_t entries, unsigned count, vaddr_t timeout, vaddr_t mask, bool time64) {
    struct time_limit limit;
    int error = time_limit_from_user(timeout, time64, &limit);
    if (!error)
        error = poll_use_mask(mask);
    if (error)
        return error;
    long ready = poll_with_limit(entries, count, &limit);
    tell_time_left(timeout, time64, &limit);
    return ready;
}

long sys_ppoll(vaddr_t entries, unsigned count, vaddr_t timeout, vaddr_t mask) {
    return ppoll(entries, count, timeout, mask, false);
}

long sys_ppoll_time64(vaddr_t entries, unsigned count, vaddr_t timeout, vaddr_t mask) {
    return ppoll(entries, count, timeout, mask, true);
}

/* --- select --- */

/* The three bit sets; only the first FILES_MAX descriptors can exist. */
struct select_sets {
    vaddr_t user[3]; /* read, write, exception; 0: not given */
    uint64_t bits[3];
    size_t bytes; /* of each set in user memory that we look at */
};

static const unsigned select_events[3] = {POLLIN | POLLRDNORM | POLLHUP | POLLERR,
                                          POLLOUT | POLLWRNORM | POLLERR, POLLPRI};

static int read_sets(struct select_sets *sets) {
    for (int i = 0; i < 3; i++) {
        sets->bits[i] = 0;
        if (sets->user[i] && user_read(&sets->bits[i], sets->user[i], sets->bytes))
            return -EFAULT;
    }
    return 0;
}

static int write_sets(const struct select_sets *sets) {
    for (int i = 0; i < 3; i++) {
        if (sets->user[i] && user_write(sets->user[i], &sets->bits[i], sets->bytes))
            return -EFAULT;
    }
    return 0;
}

static int sets_to_poll(const struct select_sets *sets, unsigned count, struct poll_set *set) {
    for (unsigned fd = 0; fd < count; fd++) {
        unsigned events = 0;
        for (int i = 0; i < 3; i++)
            events |= (sets->bits[i] >> fd & 1) ? select_events[i] : 0;
        if (events == 0)
            continue;
        if (!process_current()->files[fd])
            return -EBADF;
        set->entries[set->count++] = (struct pollfd){.fd = (int)fd, .events = (short)events};
    }
    return 0;
}

/* Back to bit sets; the number of bits set. */
static int poll_to_sets(const struct poll_set *set, struct select_sets *sets) {
    uint64_t wanted[3];
    int bits = 0;
    memcpy(wanted, sets->bits, sizeof wanted);
    memset(sets->bits, 0, sizeof sets->bits);
    for (unsigned entry = 0; entry < set->count; entry++) {
        for (int i = 0; i < 3; i++) {
            uint64_t bit = 1ull << set->entries[entry].fd;
            if (!(wanted[i] & bit) || !((unsigned)set->entries[entry].revents & select_events[i]))
                continue;
            sets->bits[i] |= bit;
            bits++;
        }
    }
    return bits;
}

static long select_sets(struct select_sets *sets, unsigned count, const struct time_limit *limit) {
    struct poll_set *set = kmalloc(sizeof *set);
    if (!set)
        return -ENOMEM;
    long result = read_sets(sets);
    if (!result)
        result = sets_to_poll(sets, count, set);
    if (!result)
        result = poll_wait(set, limit);
    if (result >= 0) {
        result = poll_to_sets(set, sets);
        if (write_sets(sets))
            result = -EFAULT;
    }
    kfree(set);
    return result;
}

static long select_with_limit(int count, vaddr_t read, vaddr_t write, vaddr_t except,
                              const struct time_limit *limit) {
    if (count < 0)
        return -EINVAL;
    unsigned looked_at = MIN((unsigned)count, (unsigned)FILES_MAX);
    struct select_sets sets = {
        .user = {read, write, except}, .bytes = (looked_at + 31) / 32 * 4, /* sets are arrays of longs */
    };
    return select_sets(&sets, looked_at, limit);
}

/* The last argument of pselect6: a pointer to {mask, its size}. */
static int use_packed_mask(vaddr_t packed) {
    uint32_t argument[2];
    if (packed == 0)
        return 0;
    if (user_read(argument, packed, sizeof argument))
        return -EFAULT;
    return poll_use_mask(argument[0]);
}

static long pselect(int count, const vaddr_t sets[3], vaddr_t timeout, vaddr_t packed_mask, bool time64) {
    struct time_limit limit;
    int error = time_limit_from_user(timeout, time64, &limit);
    if (!error)
        error = use_packed_mask(packed_mask);
    if (error)
        return error;
    long ready = select_with_limit(count, sets[0], sets[1], sets[2], &limit);
    tell_time_left(timeout, time64, &limit);
    return ready;
}

long sys_pselect6(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout, vaddr_t mask) {
    return pselect(count, (vaddr_t[]){read, write, except}, timeout, mask, false);
}

long sys_pselect6_time64(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout,
                         vaddr_t mask) {
    return pselect(count, (vaddr_t[]){read, write, except}, timeout, mask, true);
}

/* Its time limit is a timeval. */
long sys_newselect(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout) {
    struct time_limit limit = time_limit_none();
    struct __kernel_old_timeval given;
    if (timeout) {
        if (user_read(&given, timeout, sizeof given))
            return -EFAULT;
        if (given.tv_sec < 0 || given.tv_usec < 0)
            return -EINVAL;
        limit = time_limit_after((uint64_t)given.tv_sec * NANOSECONDS_PER_SECOND +
                                 (uint64_t)given.tv_usec * NANOSECONDS_PER_MICROSECOND);
    }
    long ready = select_with_limit(count, read, write, except, &limit);
    if (timeout) {
        uint64_t left = time_left(&limit);
        given.tv_sec = (long)(left / NANOSECONDS_PER_SECOND);
        given.tv_usec = (long)(left % NANOSECONDS_PER_SECOND / NANOSECONDS_PER_MICROSECOND);
        (void)user_write(timeout, &given, sizeof given);
    }
    return ready;
}
