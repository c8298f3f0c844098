/*
 * Signals: sent, kept pending, and acted on before the return to user mode.
 *
 * A signal that will end the process (default action, not blocked) sets process->killed_by at once, which
 * ends killable sleeps and makes faults give up; so a process can be killed while it waits for a page. All
 * else happens in signal_deliver(), in the receiving thread's own context, on its way to user mode:
 * default actions, and entering a handler by a frame on the user's stack (arch/x86/sigframe.h).
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

#include <linux/signal.h>
#include <linux/wait.h>

#define BIT(signal)   (1ull << ((signal)-1))
#define STOP_SIGNALS  (BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
#define NEVER_BLOCKED (BIT(SIGKILL) | BIT(SIGSTOP))
/* Whose default action is to do nothing. */
#define HARMLESS_SIGNALS (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH))

static struct thread *main_thread(const struct process *process) {
    return list_first(&process->threads, struct thread, siblings);
}

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

/* Ends the sleep of the process's threads, if it is of a kind that this signal may cut short. */
static void interrupt_sleep(struct process *process) {
    list_for_each (thread, &process->threads, struct thread, siblings) {
        if (thread->interruptible || (thread->killable && process->killed_by))
            sched_wake(thread, -EINTR);
    }
}

void signal_send_info(struct process *process, struct thread *thread, int signal,
                      const struct signal_info *info) {
    ASSERT(signal > 0 && signal <= SIGNALS);
    if (process->exiting)
        return;
    settle_stop_and_continue(process, signal);
    bool blocked = main_thread(process)->signals_blocked & BIT(signal);
    if (is_ignored(process, signal) && !blocked)
        return;
    process->info[signal] = *info;
    if (thread)
        thread->signals_pending |= BIT(signal);
    else
        process->signals_pending |= BIT(signal);
    if (blocked)
        return;
    if (is_fatal(process, signal) && !process->killed_by)
        process->killed_by = signal;
    interrupt_sleep(process);
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

static uint64_t deliverable(const struct thread *thread) {
    return (thread->signals_pending | thread->process->signals_pending) & ~thread->signals_blocked;
}

bool signal_pending(void) {
    return thread_current->process && deliverable(thread_current) != 0;
}

bool signal_work_pending(void) {
    struct thread *self = thread_current;
    return self->process->killed_by || deliverable(self) || self->restart || self->restore_mask;
}

void signal_set_mask(uint64_t mask) {
    thread_current->signals_blocked = mask & ~NEVER_BLOCKED;
    /* What was pending may have become fatal: a sleep must not outlast it. */
    struct process *process = process_current();
    uint64_t pending = deliverable(thread_current);
    for (int signal = 1; pending && signal <= SIGNALS; signal++) {
        if ((pending & BIT(signal)) && is_fatal(process, signal) && !process->killed_by)
            process->killed_by = signal;
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

/* --- delivery --- */

/* Takes the next deliverable signal out: those of the instruction just executed first. 0: none. */
static int take_signal(void) {
    struct thread *self = thread_current;
    uint64_t own = self->signals_pending & ~self->signals_blocked;
    uint64_t pending = own ? own : deliverable(self);
    if (!pending)
        return 0;
    int signal = __builtin_ctzll(pending) + 1;
    self->signals_pending &= ~BIT(signal);
    if (!own)
        self->process->signals_pending &= ~BIT(signal);
    return signal;
}

static void stop(struct process *process, int signal) {
    process->stopped = true;
    process->continued = false;
    process->stop_signal = signal;
    process_notify_parent(process, CLD_STOPPED, signal);
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
    self->restart = RESTART_NEVER;
}

/* The mask to return to after the handler: sigsuspend's caller's, where that is how we got here. */
static uint64_t mask_before_handler(void) {
    struct thread *self = thread_current;
    uint64_t mask = self->restore_mask ? self->signals_saved : self->signals_blocked;
    self->restore_mask = false;
    return mask;
}

static void enter_handler(struct trap_frame *frame, int signal) {
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
        .code = process->info[signal].code,
        .pid = process->info[signal].pid,
        .status = process->info[signal].status,
        .address = process->info[signal].address,
        .trap_vector = self->trap_vector,
        .trap_error = self->trap_error,
        .trap_address = self->trap_address,
    };
    if (sigframe_push(frame, &self->context, &request) < 0) {
        klog("signal: %s[%d]: no stack for the handler of signal %d", process->name, process->pid, signal);
        process_exit(SIGSEGV);
    }
    uint64_t blocked = request.mask | action.mask | ((action.flags & SA_NODEFER) ? 0 : BIT(signal));
    if (action.flags & SA_RESETHAND)
        process->actions[signal].handler = (vaddr_t)SIG_DFL;
    signal_set_mask(blocked);
}

void signal_deliver(struct trap_frame *frame) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    int signal;
    while ((signal = take_signal()) != 0) {
        if (process->killed_by)
            break;
        if (is_ignored(process, signal))
            continue;
        if (!is_default(process, signal))
            enter_handler(frame, signal);
        else if (STOP_SIGNALS & BIT(signal))
            stop(process, signal);
        else
            process_exit(signal);
    }
    if (process->killed_by)
        process_exit(process->killed_by);
    settle_restart(frame, NULL);
    if (self->restore_mask) {
        self->restore_mask = false;
        signal_set_mask(self->signals_saved);
    }
}
