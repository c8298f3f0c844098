/*
 * The queue of deferred work: first in, first out, linked through the work itself, so that queueing never
 * allocates and never fails. The queue is the one thing here that interrupt handlers share with threads;
 * interrupts are disabled for the few instructions that touch it.
 *
 * Source of the idea: the bottom halves of early Unix interrupt handlers; Linux's tasklets.
 */
#include "lib/deferred.h"

#include "arch/x86/irq.h"
#include "lib/log.h"
#include "lib/wait.h"

struct deferred *volatile deferred_first;
static struct deferred *last;

void deferred_queue(struct deferred *work) {
    unsigned state = irq_save();
    if (!work->queued) {
        work->queued = true;
        work->next = NULL;
        if (deferred_first)
            last->next = work;
        else
            deferred_first = work;
        last = work;
    }
    irq_restore(state);
}

/* Unlinks the oldest work. It counts as not queued from here on, so that it may be queued while it runs. */
static struct deferred *take(void) {
    unsigned state = irq_save();
    struct deferred *work = deferred_first;
    if (work) {
        deferred_first = work->next;
        work->queued = false;
    }
    irq_restore(state);
    return work;
}

void deferred_run(void) {
    struct deferred *work;

    ASSERT(irq_enabled() && !irq_in_handler());
    while ((work = take()) != NULL) {
        no_sleep_begin();
        work->function();
        no_sleep_end();
    }
}
