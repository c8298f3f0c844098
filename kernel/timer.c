/*
 * Real-time interval timers: alarm() and setitimer(ITIMER_REAL), one a process.
 *
 * The timer interrupt only compares the time with that of the earliest timer; whose it is, and what to
 * send, is found out in deferred work, as interrupt handlers touch no process.
 */
#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "kernel/process.h"
#include "lib/deferred.h"

#include <linux/signal.h>

static uint64_t earliest; /* tick; 0: no timer is set. Written with interrupts disabled. */

static void find_earliest(void) {
    uint64_t first = 0;
    list_for_each (process, &processes, struct process, all) {
        if (process->alarm_tick && (!first || process->alarm_tick < first))
            first = process->alarm_tick;
    }
    unsigned irq = irq_save();
    earliest = first;
    irq_restore(irq);
}

static void expire_timers(void) {
    uint64_t now = time_ticks();
    list_for_each (process, &processes, struct process, all) {
        if (!process->alarm_tick || process->alarm_tick > now)
            continue;
        process->alarm_tick = process->alarm_interval ? now + process->alarm_interval : 0;
        struct signal_info info = {.code = SI_KERNEL};
        signal_send_info(process, NULL, SIGALRM, &info);
    }
    find_earliest();
}

void timers_tick(uint64_t now) {
    static struct deferred expiry = {.function = expire_timers};
    if (earliest && earliest <= now)
        deferred_queue(&expiry);
}

void timer_set(struct process *process, uint64_t ticks, uint64_t interval, uint64_t *old_ticks,
               uint64_t *old_interval) {
    uint64_t now = time_ticks();
    if (old_ticks)
        *old_ticks = process->alarm_tick > now ? process->alarm_tick - now : 0;
    if (old_interval)
        *old_interval = process->alarm_interval;
    process->alarm_tick = ticks ? now + ticks : 0;
    process->alarm_interval = interval;
    find_earliest();
}
