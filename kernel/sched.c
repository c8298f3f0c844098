/*
 * The scheduler: round robin, with a short cut for threads that come back from a sleep.
 *
 * There are two ready queues. A thread that wakes up with part of its time slice left goes to `woken`,
 * which is served first, and whoever is in user mode gives way at its next chance: so a page-in is
 * followed at once by the next page-in of the same process, and the disk works while others compute. A
 * thread whose slice is used up gets a new one and goes to the tail of `ready`. Because ticks use up the
 * slice of whoever runs, nobody can live in `woken` for ever, and nobody starves in `ready`.
 *
 *      wake-up, slice left --> [ woken ] --+
 *                                          +--> running --> asleep
 *      slice used up, new ---> [ ready ] --+
 *                                 ^  preempted: back to the head, with the rest of the slice
 *
 * When both are empty the boot thread runs: the idle loop. The kernel is not preempted: a switch happens
 * in sched_sleep(), thread_yield(), thread_exit(), and before a return to user mode, nowhere else.
 *
 * Source: round robin with a quantum, Tanenbaum and Bos, "Modern Operating Systems", 2.4.3; the boost for
 * I/O-bound threads as the wake-up credit of the classic UNIX and Windows schedulers.
 */
#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "drivers/block.h"
#include "kernel/debug.h"
#include "kernel/process.h"
#include "kernel/status.h"
#include "kernel/thread.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"
#include "mm/trace.h"
#include "mm/vm.h"

#define SLICE_TICKS 5u

static struct thread boot_thread; /* becomes the idle thread */
struct thread *thread_current = &boot_thread;

/* Guarded by disabled interrupts, as interrupt handlers wake threads. */
static struct list woken = LIST_INITIALIZER(woken);
static struct list ready = LIST_INITIALIZER(ready);
static struct list sleepers = LIST_INITIALIZER(sleepers); /* with a time limit; earliest first */
bool sched_wants_preempt;

void sched_init(void) {
    boot_thread.name = "idle";
    trace_name(TRACE_NAME, thread_trace_id(&boot_thread), boot_thread.name);
    boot_thread.state = THREAD_RUNNING;
    boot_thread.at_rest = true; /* idling */
    list_init(&boot_thread.link);
    list_init(&boot_thread.timed);
    list_init(&boot_thread.siblings);
    list_add_tail(&threads, &boot_thread.all);
}

/* --- switching; interrupts disabled --- */

static bool anyone_ready(void) {
    return !list_empty(&woken) || !list_empty(&ready);
}

static struct thread *take_next(void) {
    if (!anyone_ready())
        return &boot_thread;
    struct list *queue = list_empty(&woken) ? &ready : &woken;
    struct thread *thread = list_first(queue, struct thread, link);
    list_remove(&thread->link);
    return thread;
}

/*
 * Runs the next thread. The caller has put the running one where it belongs: into a queue, asleep or dead.
 * Returns when it is its turn again. A kernel thread runs in whatever space is loaded: nothing is reloaded.
 */
static void switch_to_next(void) {
    ASSERT(!irq_enabled());
    struct thread *previous = thread_current;
    struct thread *next = take_next();
    sched_wants_preempt =
        !list_empty(&woken); /* they are not to wait for the slice of one that came before them */
    next->state = THREAD_RUNNING;
    if (next == previous)
        return;
    count(COUNT_CTXT);
    unsigned who = thread_trace_id(next);
    trace(TRACE_SWITCH, previous->state, 0, 0, who, 0);
    trace_who = who << 16;
    thread_current = next;
    if (thread_space(next))
        space_activate(thread_space(next));
    context_switch(&previous->context, &next->context);
}

void thread_ready(struct thread *thread) {
    unsigned irq = irq_save();
    ASSERT(thread->state == THREAD_ASLEEP);
    thread->state = THREAD_READY;
    if (thread->slice > 0) {
        list_add_tail(&woken, &thread->link);
        sched_wants_preempt = true;
    } else {
        thread->slice = SLICE_TICKS;
        list_add_tail(&ready, &thread->link);
    }
    irq_restore(irq);
}

/* Puts the running thread into the ready queue: at the head if it has time left that it did not give up. */
static void give_way(bool keep_place) {
    struct thread *self = thread_current;
    unsigned irq = irq_save();
    if (self != &boot_thread) {
        self->state = THREAD_READY;
        if (keep_place && self->slice > 0) {
            list_add_head(&ready, &self->link);
        } else {
            self->slice = SLICE_TICKS;
            list_add_tail(&ready, &self->link);
        }
    }
    switch_to_next();
    irq_restore(irq);
}

void thread_yield(void) {
    may_sleep();
    deferred_run();
    give_way(false);
}

void sched_preempt(void) {
    give_way(true);
}

NORETURN void sched_switch_from_dead(void) {
    switch_to_next();
    panic("sched: a dead thread ran");
}

/* --- sleeping and waking --- */

static void add_sleeper(struct thread *thread, uint64_t until) {
    struct list *position = sleepers.next;
    while (position != &sleepers && list_entry(position, struct thread, timed)->wake_tick <= until)
        position = position->next;
    thread->wake_tick = until;
    list_insert_before(position, &thread->timed);
}

int sched_sleep(enum sleep_kind kind, uint64_t until) {
    struct thread *self = thread_current;
    ASSERT(!irq_enabled() && sleep_forbidden == 0 && self != &boot_thread);
    block_before_sleep();
    self->state = THREAD_ASLEEP;
    self->wait_result = 0;
    self->killable = kind != SLEEP_DEEP;
    self->interruptible = kind == SLEEP_INTERRUPTIBLE;
    if (until)
        add_sleeper(self, until);
    /* Deferred work may be the very wake-up we are about to sleep for: then we are ready again below. */
    if (deferred_pending()) {
        irq_enable();
        deferred_run();
        irq_disable();
    }
    switch_to_next();
    return self->wait_result;
}

bool sched_wake(struct thread *thread, int result) {
    unsigned irq = irq_save();
    bool asleep = thread->state == THREAD_ASLEEP;
    if (asleep) {
        trace(TRACE_WAKE, 0, 0, 0, thread_trace_id(thread), 0);
        thread->wait_result = result;
        thread->wake_tick = 0;
        list_remove(&thread->timed);
        thread_ready(thread);
    }
    irq_restore(irq);
    return asleep;
}

/* --- time --- */

static void wake_sleepers(uint64_t now) {
    while (!list_empty(&sleepers)) {
        struct thread *first = list_first(&sleepers, struct thread, timed);
        if (first->wake_tick > now)
            return;
        sched_wake(first, -ETIMEDOUT);
    }
}

static uint64_t machine_ticks[3]; /* by enum sched_time, of all threads that ever ran */

static void account(struct thread *thread, bool user) {
    uint64_t *of_thread = user ? &thread->user_ticks : &thread->kernel_ticks;
    (*of_thread)++;
    machine_ticks[thread == &boot_thread ? SCHED_IDLE : user ? SCHED_USER : SCHED_KERNEL]++;
    if (thread->process) {
        uint64_t *of_process = user ? &thread->process->user_ticks : &thread->process->kernel_ticks;
        (*of_process)++;
        timers_account(thread->process, user);
    }
}

uint64_t sched_ticks(enum sched_time which) {
    return machine_ticks[which];
}

void kernel_tick(bool user) {
    struct thread *self = thread_current;
    ASSERT(!user || self->attention || !signal_work_pending()); /* else a signal would be late */
    account(self, user);
    if (self->slice > 0 && --self->slice == 0)
        sched_wants_preempt = true;
    wake_sleepers(time_ticks());
    timers_tick(time_ticks());
    block_tick();
    vm_tick();
    status_tick();
    breakage_tick();
}

/* --- idling --- */

/*
 * Between the last look at the queues and the halt, interrupts are disabled, so that no wake-up falls
 * between them. It never spins: QEMU's disk is four times slower under a guest that does.
 */
NORETURN void sched_idle(void) {
    ASSERT(thread_current == &boot_thread);
    for (;;) {
        irq_enable();
        deferred_run();
        if (!anyone_ready())
            vm_idle();
        irq_disable();
        if (anyone_ready())
            switch_to_next();
        else if (!deferred_pending())
            irq_enable_and_halt();
    }
}
