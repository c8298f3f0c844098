/*
 * Interval timers of a process: one of real time (alarm, ITIMER_REAL), and two of its own processor time
 * (ITIMER_VIRTUAL: in user mode, ITIMER_PROF: the kernel's work for it included).
 *
 * The timer interrupt only compares and counts; whose timer has run out, and what to send, is found out in
 * deferred work, as interrupt handlers send no signals.
 *
 * Source: setitimer(2).
 */
#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "kernel/process.h"
#include "lib/deferred.h"

#include <linux/signal.h>
#include <linux/time.h>

/* Written with interrupts disabled. */
static uint64_t earliest; /* tick of the first real-time timer; 0: none is set */

static const int timer_signals[PROCESS_TIMERS] = {
    [ITIMER_REAL] = SIGALRM,
    [ITIMER_VIRTUAL] = SIGVTALRM,
    [ITIMER_PROF] = SIGPROF,
};

static void find_earliest(void) {
    uint64_t first = 0;
    list_for_each (process, &processes, struct process, all) {
        uint64_t tick = process->timers[ITIMER_REAL].expires;
        if (tick && (!first || tick < first))
            first = tick;
    }
    unsigned irq = irq_save();
    earliest = first;
    irq_restore(irq);
}

static void send(struct process *process, int which) {
    struct signal_info info = {.code = SI_KERNEL};
    signal_send_info(process, NULL, timer_signals[which], &info);
}

static void expire_timers(void) {
    uint64_t now = time_ticks();
    list_for_each (process, &processes, struct process, all) {
        struct process_timer *real = &process->timers[ITIMER_REAL];
        if (real->expires && real->expires <= now) {
            real->expires = real->interval ? now + real->interval : 0;
            send(process, ITIMER_REAL);
        }
        for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
            if (!process->timers[which].expired)
                continue;
            process->timers[which].expired = false;
            send(process, which);
        }
    }
    find_earliest();
}

static struct deferred expiry = {.function = expire_timers};

void timers_tick(uint64_t now) {
    if (earliest && earliest <= now)
        deferred_queue(&expiry);
}

/* A timer of processor time holds the ticks left. */
static void count_down(struct process_timer *timer) {
    if (timer->expires == 0 || --timer->expires > 0)
        return;
    timer->expires = timer->interval;
    timer->expired = true;
    deferred_queue(&expiry);
}

void timers_account(struct process *process, bool user) {
    if (user)
        count_down(&process->timers[ITIMER_VIRTUAL]);
    count_down(&process->timers[ITIMER_PROF]);
}

void timer_get(const struct process *process, int which, uint64_t *ticks, uint64_t *interval) {
    const struct process_timer *timer = &process->timers[which];
    uint64_t now = which == ITIMER_REAL ? time_ticks() : 0;
    *ticks = timer->expires > now ? timer->expires - now : 0;
    *interval = timer->interval;
}

void timer_set(struct process *process, int which, uint64_t ticks, uint64_t interval) {
    uint64_t start = which == ITIMER_REAL ? time_ticks() : 0;
    unsigned irq = irq_save();
    process->timers[which] = (struct process_timer){
        .expires = ticks ? start + ticks : 0,
        .interval = interval,
    };
    irq_restore(irq);
    find_earliest();
}

void timers_clear(struct process *process) {
    for (int which = 0; which < PROCESS_TIMERS; which++)
        timer_set(process, which, 0, 0);
}
