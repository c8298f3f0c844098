/*
 * Work that an interrupt handler leaves for later. The kernel is not preempted, so data that only threads
 * touch needs no lock; to keep it so, interrupt handlers do not touch it either: they finish with the
 * device, queue a `struct deferred`, and its function runs in thread context, interrupts enabled, at the
 * next safe point: before the return to user mode, when a thread is about to sleep, or in the idle loop.
 * It must not sleep.
 */
#ifndef LIB_DEFERRED_H
#define LIB_DEFERRED_H

#include "lib/types.h"

struct deferred {
    struct deferred *next;
    bool queued;
    void (*function)(void);
};

/* Queues @work unless it is queued already. Any context. */
void deferred_queue(struct deferred *work);

/* Runs what is queued; called by the scheduler and the trap return path. */
void deferred_run(void);

extern struct deferred *volatile deferred_first; /* the oldest; for deferred_pending() alone */

static inline bool deferred_pending(void) {
    return deferred_first != NULL;
}

#endif
