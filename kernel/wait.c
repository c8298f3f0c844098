/*
 * Sleeping and waking: wait queues, and the mutex made from one.
 *
 * A queue is a chain of waiters, oldest first; each waiter lives on the kernel stack of the thread that
 * sleeps, so queues cost no memory and cannot fail, and a thread may stand in several (poll). A wake-up
 * takes the waiter out of the queue and makes its thread ready; a thread that leaves by another door
 * (signal, time limit) takes its waiter out itself.
 *
 * Source: Thompson's sleep and wakeup in UNIX; event counts of queues as in Pintos and OS/161 ("wait
 * channels").
 */
#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "lib/errno.h"
#include "lib/log.h"

/* --- queues; interrupts disabled, because interrupt handlers wake --- */

void waitq_add(struct waitq *queue, struct waiter *waiter) {
    unsigned irq = irq_save();
    struct waiter **last = &queue->first;
    while (*last)
        last = &(*last)->next;
    *waiter = (struct waiter){.thread = thread_current, .queued = true};
    *last = waiter;
    irq_restore(irq);
}

void waitq_remove(struct waitq *queue, struct waiter *waiter) {
    unsigned irq = irq_save();
    if (waiter->queued) {
        struct waiter **link = &queue->first;
        while (*link != waiter)
            link = &(*link)->next;
        *link = waiter->next;
        waiter->queued = false;
    }
    irq_restore(irq);
}

/* Takes out the oldest waiter and wakes its thread; false if the thread was awake already. */
static bool wake_first(struct waitq *queue) {
    struct waiter *waiter = queue->first;
    queue->first = waiter->next;
    waiter->queued = false;
    return sched_wake(waiter->thread, 0);
}

/* A waiter whose thread has been woken by a signal cannot use the wake-up: the next in line gets it. */
void waitq_wake_one(struct waitq *queue) {
    unsigned irq = irq_save();
    while (queue->first && !wake_first(queue))
        continue;
    irq_restore(irq);
}

void waitq_wake_all(struct waitq *queue) {
    unsigned irq = irq_save();
    while (queue->first)
        wake_first(queue);
    irq_restore(irq);
}

/* --- sleeping --- */

/* True when a sleep of this kind would be cut short at once. */
static bool interrupted(enum sleep_kind kind) {
    if (kind == SLEEP_DEEP)
        return false;
    return wait_killed() || (kind == SLEEP_INTERRUPTIBLE && signal_pending());
}

static int sleep_in(struct waitq *queue, enum sleep_kind kind, uint64_t until) {
    may_sleep();
    unsigned irq = irq_save();
    int result = -EINTR;
    if (!interrupted(kind)) {
        struct waiter waiter;
        waitq_add(queue, &waiter);
        result = sched_sleep(kind, until);
        waitq_remove(queue, &waiter);
    }
    irq_restore(irq);
    return result;
}

void wait_on(struct waitq *queue) {
    sleep_in(queue, SLEEP_DEEP, 0);
}

int wait_killable(struct waitq *queue) {
    return sleep_in(queue, SLEEP_KILLABLE, 0);
}

int wait_interruptible(struct waitq *queue) {
    return sleep_in(queue, SLEEP_INTERRUPTIBLE, 0);
}

int wait_timeout(struct waitq *queue, uint64_t ticks) {
    if (ticks == 0)
        return -ETIMEDOUT;
    return sleep_in(queue, SLEEP_INTERRUPTIBLE, time_ticks() + ticks);
}

struct thread *wait_self(void) {
    return thread_current;
}

bool wait_killed(void) {
    return thread_doomed(thread_current);
}

unsigned sleep_forbidden; /* of the running thread, which does not change while it is not 0 */

void may_not_sleep_here(void) {
    ASSERT(!irq_in_handler());
    ASSERT(sleep_forbidden == 0);
}

void no_sleep_begin(void) {
    sleep_forbidden++;
}

void no_sleep_end(void) {
    ASSERT(sleep_forbidden > 0);
    sleep_forbidden--;
}

/* --- the mutex --- */

void mutex_lock(struct mutex *mutex) {
    may_sleep();
    ASSERT(mutex->holder != thread_current);
    while (mutex->holder)
        wait_on(&mutex->waiters);
    mutex->holder = thread_current;
    thread_current->mutexes++;
}

void mutex_unlock(struct mutex *mutex) {
    ASSERT(mutex->holder == thread_current);
    mutex->holder = NULL;
    thread_current->mutexes--;
    wake_one(&mutex->waiters);
}
