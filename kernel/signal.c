/*
 * Signals: sent, kept pending, and acted on before the return to user mode.
 *
 * A signal is pending for a process, or for one thread of it, until a thread that does not block it takes
 * it, in signal_deliver(), on its own way to user mode: there default actions are done, and handlers
 * entered by a frame on the user's stack (arch/x86/sigframe.h). Only death does not wait for that: a signal
 * that will end the process dooms it at once, which cuts killable sleeps short and makes faults give up, so
 * that a process can be killed while it waits for a page.
 *
 * A system call that a signal cut short returned -EINTR. Whether it is run again is decided here, when it
 * is known whether a handler was entered: see enum restart.
 *
 * Source: POSIX.1-2017, 2.4 (signal concepts); sigaction(2), signal(7).
 */
#include "arch/x86/abi.h"
#include "arch/x86/sigframe.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"

#include <linux/signal.h>
#include <linux/wait.h>

#define BIT(signal)     (1ull << ((signal)-1))
#define STOP_SIGNALS    (BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
#define FIRST_REAL_TIME 32
#define QUEUED_MAX      64
#define NEVER_BLOCKED   (BIT(SIGKILL) | BIT(SIGSTOP))
/* Whose default action is to do nothing. */
#define HARMLESS_SIGNALS (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH))

static bool is_default(const struct process *process, int signal) {
    return process->actions[signal].handler == (vaddr_t)SIG_DFL;
}

static bool is_ignored(const struct process *process, int signal) {
    if (process->actions[signal].handler == (vaddr_t)SIG_IGN)
        return true;
    return is_default(process, signal) && (HARMLESS_SIGNALS & BIT(signal));
}

static bool is_fatal(const struct process *process, int signal) {
    return is_default(process, signal) && !((HARMLESS_SIGNALS | STOP_SIGNALS) & BIT(signal));
}

/* --- sending --- */

static void resume(struct process *process) {
    if (!process->stopped)
        return;
    process->stopped = false;
    process->stop_signal = 0;
    wake_all(&process->stop_waiters);
}

/* Stop and continue signals cancel each other while pending; SIGCONT acts even when it is blocked. */
static void settle_stop_and_continue(struct process *process, int signal) {
    if (STOP_SIGNALS & BIT(signal))
        process->signals_pending &= ~BIT(SIGCONT);
    if (signal == SIGCONT) {
        process->signals_pending &= ~STOP_SIGNALS;
        if (process->stopped) {
            resume(process);
            process->continued = true;
            process_notify_parent(process, CLD_CONTINUED, SIGCONT);
        }
    }
    if (signal == SIGKILL)
        resume(process);
}

/* The thread that a signal to the process will be taken by: the first that does not block it, or NULL. */
static struct thread *receiver(const struct process *process, int signal) {
    list_for_each (thread, &process->threads, struct thread, siblings) {
        if (!(thread->signals_blocked & BIT(signal)))
            return thread;
    }
    return NULL;
}

void signal_wake_doomed(struct process *process) {
    list_for_each (thread, &process->threads, struct thread, siblings) {
        if (thread_doomed(thread) && (thread->killable || thread->interruptible))
            sched_wake(thread, -EINTR);
    }
}

void signal_attend(struct process *process) {
    list_for_each (thread, &process->threads, struct thread, siblings)
        thread->attention = true;
}

/* A real-time signal that is pending already: its information waits in line. */
struct queued_signal {
    struct list link;
    int signal;
    struct signal_info info;
};

static void enqueue(struct process *process, int signal, const struct signal_info *info) {
    unsigned count = 0;
    list_for_each (queued, &process->queued, struct queued_signal, link) {
        count++;
    }
    struct queued_signal *queued = count < QUEUED_MAX ? kmalloc_try(sizeof *queued) : NULL;
    if (!queued)
        return; /* as POSIX allows: the line is full */
    queued->signal = signal;
    queued->info = *info;
    list_add_tail(&process->queued, &queued->link);
}

/* The next of the line, when one has been taken: pending again, with its own information. */
static void dequeue(struct process *process, int signal) {
    list_for_each_safe (queued, &process->queued, struct queued_signal, link) {
        if (queued->signal != signal)
            continue;
        process->info[signal] = queued->info;
        process->signals_pending |= BIT(signal);
        signal_attend(process);
        list_remove(&queued->link);
        kfree(queued);
        return;
    }
}

void signal_forget_all(struct process *process) {
    list_for_each_safe (queued, &process->queued, struct queued_signal, link) {
        list_remove(&queued->link);
        kfree(queued);
    }
}

static void make_pending(struct process *process, struct thread *thread, int signal,
                         const struct signal_info *info) {
    uint64_t *pending = thread ? &thread->signals_pending : &process->signals_pending;
    if ((*pending & BIT(signal)) && signal >= FIRST_REAL_TIME) {
        enqueue(process, signal, info);
        return;
    }
    *pending |= BIT(signal);
    process->info[signal] = *info;
    signal_attend(process);
}

void signal_send_info(struct process *process, struct thread *thread, int signal,
                      const struct signal_info *info) {
    ASSERT(signal > 0 && signal <= SIGNALS);
    if (process->exiting || process->dying)
        return;
    settle_stop_and_continue(process, signal);
    struct thread *taker = thread ? thread : receiver(process, signal);
    bool blocked = !taker || (taker->signals_blocked & BIT(signal));
    bool awaited = taker && (taker->signals_awaited & BIT(signal));
    if (is_ignored(process, signal) && !blocked && !awaited)
        return;
    make_pending(process, thread, signal, info);
    if (blocked || (process->stopped && signal != SIGKILL))
        return;
    if (is_fatal(process, signal) && !awaited)
        process_doom(process, signal);
    else if (taker->interruptible)
        sched_wake(taker, -EINTR);
}

void signal_send_process(struct process *process, int signal) {
    struct process *sender = process_current();
    struct signal_info info = {.code = sender ? SI_USER : SI_KERNEL, .pid = sender ? sender->pid : 0};
    signal_send_info(process, NULL, signal, &info);
}

void signal_send_group(int group, int signal) {
    list_for_each (process, &processes, struct process, all) {
        if (process->group == group)
            signal_send_process(process, signal);
    }
}

/* --- what is pending --- */

bool signal_pending(void) {
    return thread_current->process && signal_deliverable(thread_current) != 0;
}

void signal_retarget(struct process *process) {
    list_for_each (thread, &process->threads, struct thread, siblings) {
        if (thread != thread_current && thread->interruptible && signal_deliverable(thread))
            sched_wake(thread, -EINTR);
    }
}

void signal_set_mask(uint64_t mask) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    uint64_t newly_blocked = mask & ~self->signals_blocked;
    self->signals_blocked = mask & ~NEVER_BLOCKED;
    self->attention = true;
    if (process->signals_pending & newly_blocked)
        signal_retarget(process);
    /* What was pending may have become fatal: a sleep must not outlast it. */
    uint64_t pending = signal_deliverable(self);
    for (int signal = 1; pending && signal <= SIGNALS; signal++) {
        if ((pending & BIT(signal)) && is_fatal(process, signal))
            process_doom(process, signal);
    }
}

void signal_discard_ignored(struct process *process, int signal) {
    if (!is_ignored(process, signal))
        return;
    process->signals_pending &= ~BIT(signal);
    list_for_each (thread, &process->threads, struct thread, siblings) {
        thread->signals_pending &= ~BIT(signal);
    }
}

void signal_reset_for_exec(struct process *process) {
    for (int signal = 1; signal <= SIGNALS; signal++) {
        struct signal_action *action = &process->actions[signal];
        vaddr_t handler = action->handler == (vaddr_t)SIG_IGN ? action->handler : (vaddr_t)SIG_DFL;
        *action = (struct signal_action){.handler = handler};
    }
    thread_current->alternate_stack = 0;
    thread_current->alternate_size = 0;
}

/* The thread's own first: among them are those of the instruction just executed. */
int signal_take(uint64_t set, struct signal_info *info) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    uint64_t own = self->signals_pending & set;
    uint64_t pending = own ? own : process->signals_pending & set;
    if (!pending)
        return 0;
    int signal = __builtin_ctzll(pending) + 1;
    if (own)
        self->signals_pending &= ~BIT(signal);
    else
        process->signals_pending &= ~BIT(signal);
    *info = process->info[signal];
    if (signal >= FIRST_REAL_TIME)
        dequeue(process, signal);
    return signal;
}

/* --- delivery --- */

/* Starts the stop; each thread then sleeps in wait_while_stopped(). */
static void stop(struct process *process, int signal) {
    process->stopped = true;
    signal_attend(process);
    process->continued = false;
    process->stop_signal = signal;
    process_notify_parent(process, CLD_STOPPED, signal);
}

static void wait_while_stopped(struct process *process) {
    while (process->stopped && wait_killable(&process->stop_waiters) != -EINTR)
        continue;
}

/* The call that a signal interrupted: run it again, or let its -EINTR stand. Once per system call. */
static void settle_restart(struct trap_frame *frame, const struct signal_action *handler) {
    struct thread *self = thread_current;
    bool again = self->restart == RESTART_ALWAYS ? !handler || (handler->flags & SA_RESTART)
                                                 : self->restart == RESTART_WITHOUT_HANDLER && !handler;
    if (again)
        abi_restart_syscall(frame, (uint32_t)self->syscall_number);
    if (handler || again) {
        self->resuming = !handler && self->time_limit != 0;
        self->untidy = true; /* at the end of the call that resumes */
        if (!self->resuming)
            self->time_limit = 0;
    }
    self->restart = RESTART_NEVER;
}

/* The mask to return to after the handler: sigsuspend's caller's, where that is how we got here. */
static uint64_t mask_before_handler(void) {
    struct thread *self = thread_current;
    uint64_t mask = self->restore_mask ? self->signals_saved : self->signals_blocked;
    self->restore_mask = false;
    return mask;
}

static void enter_handler(struct trap_frame *frame, int signal, const struct signal_info *info) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    struct signal_action action = process->actions[signal];
    settle_restart(frame, &action);
    struct sigframe_request request = {
        .signal = signal,
        .handler = action.handler,
        .restorer = (action.flags & SA_RESTORER) ? action.restorer : 0,
        .with_info = action.flags & SA_SIGINFO,
        .on_alternate = action.flags & SA_ONSTACK,
        .alternate_stack = self->alternate_stack,
        .alternate_size = self->alternate_size,
        .mask = mask_before_handler(),
        .code = info->code,
        .pid = info->pid,
        .status = info->status,
        .value = info->value,
        .address = info->address,
        .trap_vector = self->trap_vector,
        .trap_error = self->trap_error,
        .trap_address = self->trap_address,
    };
    if (action.flags & SA_RESETHAND)
        process->actions[signal].handler = (vaddr_t)SIG_DFL;
    if (sigframe_push(frame, &self->context, &request) < 0) {
        klog("signal: %s[%d]: no stack for the handler of signal %d", process->name, process->pid, signal);
        process_exit(SIGSEGV);
    }
    signal_set_mask(request.mask | action.mask | ((action.flags & SA_NODEFER) ? 0 : BIT(signal)));
}

static void act_on(struct trap_frame *frame, int signal, const struct signal_info *info) {
    struct process *process = process_current();
    if (is_ignored(process, signal))
        return;
    if (!is_default(process, signal))
        enter_handler(frame, signal, info);
    else if (STOP_SIGNALS & BIT(signal))
        stop(process, signal);
    else
        process_exit(signal);
}

void signal_deliver(struct trap_frame *frame) {
    struct thread *self = thread_current;
    struct signal_info info;
    for (;;) {
        wait_while_stopped(self->process);
        if (thread_doomed(self))
            process_exit_thread(0); /* the status has been set by whoever doomed us */
        int signal = signal_take(~self->signals_blocked, &info);
        if (!signal)
            break;
        act_on(frame, signal, &info);
    }
    settle_restart(frame, NULL);
    if (self->restore_mask) {
        self->restore_mask = false;
        signal_set_mask(self->signals_saved);
    }
}
