/*
 * Sleeping and waking. mm, fs and drivers sleep through this interface; kernel/sched.c implements it.
 *
 * The kernel is not preempted (kernel/sched.c), so a thread that tests a condition and then
 * calls wait_on() cannot miss a wake-up given by another thread. Where the condition is changed by an
 * interrupt handler, test it and call wait_on() with interrupts disabled: the switch happens before they
 * are enabled again, and wait_on() returns with them disabled.
 *
 * A wake-up is a hint: whoever returns from wait_on() tests its condition again, in a loop.
 */
#ifndef LIB_WAIT_H
#define LIB_WAIT_H

#include "lib/types.h"

struct thread;
struct waiter;

/* First in, first out. All zero is an empty queue. The waiters live on their threads' kernel stacks. */
struct waitq {
    struct waiter *first;
};

/* Sleeps until woken. Thread context only; asserts that sleeping is allowed here. */
void wait_on(struct waitq *queue);

/* As wait_on, but a fatal signal (one that will end the process) also wakes: then -EINTR. */
int wait_killable(struct waitq *queue);

/* As wait_on, but any deliverable signal also wakes: then -EINTR. */
int wait_interruptible(struct waitq *queue);

/*
 * As wait_interruptible, for at most @ticks timer ticks (0: do not sleep at all): -ETIMEDOUT when they
 * have passed, -EINTR on a signal, 0 when woken.
 */
int wait_timeout(struct waitq *queue, uint64_t ticks);

/* Make the first or all sleepers ready; there may be none. Any context, interrupts in any state. */
void waitq_wake_one(struct waitq *queue);
void waitq_wake_all(struct waitq *queue);

/* The same; that nobody sleeps there, which is the rule, is found out in line. */
static inline void wake_one(struct waitq *queue) {
    if (queue->first != NULL)
        waitq_wake_one(queue);
}

static inline void wake_all(struct waitq *queue) {
    if (queue->first != NULL)
        waitq_wake_all(queue);
}

/* The running thread, to be compared only. */
struct thread *wait_self(void);

/* True when the running thread's process has been told to die; long loops and waits give up then. */
bool wait_killed(void);

/*
 * Asserts that sleeping is allowed here: thread context, and not between no_sleep_begin() and
 * no_sleep_end(). Call it at the head of every function that might sleep, even where it seldom does.
 */
#ifdef FAULTLINE_HOST
void may_sleep(void);
#else
extern unsigned sleep_forbidden; /* interrupt handlers under way, and no_sleep_begin() without their end */
void may_not_sleep_here(void);
static inline void may_sleep(void) {
    if (sleep_forbidden != 0)
        may_not_sleep_here();
}
#endif
void no_sleep_begin(void);
void no_sleep_end(void);

/* A sleeping lock. Held by a thread, never over a user-memory copy; not recursive. All zero is free. */
struct mutex {
    struct thread *holder;
    struct waitq waiters;
};

void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif
