/*
 * Futexes: sleeping on a word of user memory.
 *
 * A lock in user space costs no system call until somebody must wait; then he asks the kernel to sleep if
 * the word still has the value he saw, and whoever changes the word asks to wake him. The kernel knows no
 * lock, only who sleeps on which word. Comparing and falling asleep are one step, because the kernel is not
 * preempted and nothing sleeps between the two.
 *
 * A word is named by where it lives, not by its address, when it lies in shared memory: (object or amap,
 * offset), so that two processes meet although they have mapped it at different places. A private word is
 * named by (space, address).
 *
 * Source: Franke, Russell and Kirkwood, "Fuss, futexes and furwocks: fast userlevel locking in Linux", OLS
 * 2002; futex(2).
 */
#include "kernel/futex.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"

#include <linux/futex.h>

struct key {
    const void *owner; /* space, object or amap */
    uint64_t offset;   /* bytes */
};

struct sleeper {
    struct list link;
    struct key key;
    uint32_t bits; /* FUTEX_WAIT_BITSET */
    bool woken;
    struct waitq queue;
};

static struct list sleepers = LIST_INITIALIZER(sleepers); /* oldest first */

static struct key key_of(vaddr_t address, bool private) {
    struct space *space = process_current()->space;
    const struct area *area = private ? NULL : space_find(space, address);
    if (!area || !(area->flags & AREA_SHARED))
        return (struct key){space, address};
    vaddr_t inside = address - area->start;
    if (area->object)
        return (struct key){area->object, ((uint64_t)area->object_offset << PAGE_SHIFT) + inside};
    return (struct key){area->amap, ((uint64_t)area->amap_offset << PAGE_SHIFT) + inside};
}

static bool same_key(const struct key *a, const struct key *b) {
    return a->owner == b->owner && a->offset == b->offset;
}

static int check_address(vaddr_t address) {
    return address % sizeof(uint32_t) == 0 ? 0 : -EINVAL;
}

/* --- waking --- */

static void wake(struct sleeper *sleeper) {
    list_remove(&sleeper->link);
    sleeper->woken = true;
    wake_all(&sleeper->queue);
}

static int wake_key(const struct key *key, unsigned count, uint32_t bits) {
    int woken = 0;
    list_for_each_safe (sleeper, &sleepers, struct sleeper, link) {
        if ((unsigned)woken == count)
            break;
        if (!same_key(&sleeper->key, key) || !(sleeper->bits & bits))
            continue;
        wake(sleeper);
        woken++;
    }
    return woken;
}

int futex_wake(vaddr_t address, unsigned count) {
    struct key shared = key_of(address, false), private = key_of(address, true);
    int woken = wake_key(&shared, count, FUTEX_BITSET_MATCH_ANY);
    if (!same_key(&shared, &private))
        woken += wake_key(&private, count - (unsigned)woken, FUTEX_BITSET_MATCH_ANY);
    return woken;
}

/* Wakes @count; moves at most @moved of the others to sleep on @to. */
static long requeue(const struct key *from, const struct key *to, unsigned count, unsigned moved) {
    long total = wake_key(from, count, FUTEX_BITSET_MATCH_ANY);
    list_for_each_safe (sleeper, &sleepers, struct sleeper, link) {
        if (moved == 0)
            break;
        if (!same_key(&sleeper->key, from))
            continue;
        sleeper->key = *to;
        moved--;
        total++;
    }
    return total;
}

/* --- sleeping --- */

/* The word as it is now, in memory: to be compared before anything sleeps. */
static int word_differs(vaddr_t address, uint32_t expected) {
    uint32_t value;
    if (user_read(&value, address, sizeof value))
        return -EFAULT;
    return value == expected ? 0 : -EAGAIN;
}

static int sleep_once(struct sleeper *self, const struct time_limit *limit) {
    if (limit->until == 0)
        return wait_interruptible(&self->queue);
    return time_limit_passed(limit) ? -ETIMEDOUT : wait_timeout(&self->queue, limit->until - time_ticks());
}

static long futex_wait(vaddr_t address, bool private, uint32_t expected, const struct time_limit *limit,
                       uint32_t bits) {
    struct sleeper self = {.bits = bits};
    if (bits == 0)
        return -EINVAL;
    int error = word_differs(address, expected);
    if (error)
        return error;
    self.key = key_of(address, private);
    list_add_tail(&sleepers, &self.link);
    while (!self.woken && !error)
        error = sleep_once(&self, limit);
    if (self.woken)
        return 0;
    list_remove(&self.link);
    return error;
}

/* --- the system call --- */

struct futex_call {
    vaddr_t address;
    unsigned command;
    bool private, time64;
    uint32_t value;
    vaddr_t timeout; /* or a count */
    vaddr_t address2;
    uint32_t value3;
};

/* FUTEX_WAIT's limit is a while from now, FUTEX_WAIT_BITSET's a time of the clock. */
static int get_limit(const struct futex_call *call, bool realtime, struct time_limit *limit) {
    uint64_t nanoseconds;
    *limit = time_limit_none();
    if (call->timeout == 0)
        return 0;
    int error = nanoseconds_from_user(call->timeout, call->time64, &nanoseconds);
    if (error)
        return error;
    if (call->command == FUTEX_WAIT_BITSET) {
        uint64_t now = realtime ? time_since_epoch() : time_nanoseconds();
        nanoseconds = nanoseconds > now ? nanoseconds - now : 0;
    }
    *limit = time_limit_after(nanoseconds);
    return 0;
}

/* FUTEX_WAKE_OP: changes the second word, wakes sleepers of the first, and of the second if it was so. */
static long wake_op(const struct futex_call *call, const struct key *key, const struct key *key2) {
    uint32_t old, code = call->value3;
    uint32_t operand = code >> 12 & 0xFFF, compared = code & 0xFFF;
    if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
        operand = 1u << (operand & 31);
    if (user_read(&old, call->address2, sizeof old))
        return -EFAULT;
    const uint32_t results[] = {operand, old + operand, old | operand, old & ~operand, old ^ operand};
    unsigned operation = code >> 28 & 7, comparison = code >> 24 & 15;
    if (operation >= ARRAY_SIZE(results) || comparison > FUTEX_OP_CMP_GE)
        return -ENOSYS;
    if (user_write(call->address2, &results[operation], sizeof old))
        return -EFAULT;
    int32_t a = (int32_t)old, b = (int32_t)compared;
    const bool holds[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    long woken = wake_key(key, call->value, FUTEX_BITSET_MATCH_ANY);
    if (holds[comparison])
        woken += wake_key(key2, (unsigned)call->timeout, FUTEX_BITSET_MATCH_ANY);
    return woken;
}

static long wait_call(const struct futex_call *call, bool realtime) {
    struct time_limit limit;
    uint32_t bits = call->command == FUTEX_WAIT_BITSET ? call->value3 : FUTEX_BITSET_MATCH_ANY;
    int error = get_limit(call, realtime, &limit);
    return error ? error : futex_wait(call->address, call->private, call->value, &limit, bits);
}

static long wake_call(const struct futex_call *call) {
    struct key key = key_of(call->address, call->private);
    struct key key2 = key_of(call->address2, call->private);
    int error = 0;
    switch (call->command) {
    case FUTEX_WAKE:
        return wake_key(&key, call->value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return call->value3 == 0 ? -EINVAL : wake_key(&key, call->value, call->value3);
    case FUTEX_WAKE_OP:
        return check_address(call->address2) ? -EINVAL : wake_op(call, &key, &key2);
    case FUTEX_CMP_REQUEUE:
        error = word_differs(call->address, call->value3);
        break;
    }
    if (!error)
        error = check_address(call->address2);
    return error ? error : requeue(&key, &key2, call->value, (unsigned)call->timeout);
}

static long futex(const struct futex_call *call, bool realtime) {
    if (check_address(call->address))
        return -EINVAL;
    switch (call->command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return wait_call(call, realtime);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
    case FUTEX_WAKE_OP:
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return wake_call(call);
    default: /* those with priority inheritance */
        return -ENOSYS;
    }
}

static long futex_from(vaddr_t address, unsigned operation, uint32_t value, vaddr_t timeout, vaddr_t address2,
                       uint32_t value3, bool time64) {
    struct futex_call call = {
        .address = address,
        .command = operation & FUTEX_CMD_MASK,
        .private = operation & FUTEX_PRIVATE_FLAG,
        .time64 = time64,
        .value = value,
        .timeout = timeout,
        .address2 = address2,
        .value3 = value3,
    };
    return futex(&call, operation & FUTEX_CLOCK_REALTIME);
}

long sys_futex(vaddr_t address, unsigned operation, uint32_t value, vaddr_t timeout, vaddr_t address2,
               uint32_t value3) {
    return futex_from(address, operation, value, timeout, address2, value3, false);
}

long sys_futex_time64(vaddr_t address, unsigned operation, uint32_t value, vaddr_t timeout, vaddr_t address2,
                      uint32_t value3) {
    return futex_from(address, operation, value, timeout, address2, value3, true);
}
