/*
 * System calls of signals: actions, masks, sending, and the way back from a handler.
 */
#include "arch/x86/abi.h"
#include "arch/x86/sigframe.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"

#include <linux/signal.h>

#define MASK_BYTES sizeof(uint64_t) /* of the rt_ calls' sets */

/* --- actions --- */

/* As rt_sigaction lays it out on i386. */
struct user_action {
    uint32_t handler, flags, restorer;
    uint64_t mask;
} __attribute__((packed));

/* And as the older sigaction does. */
struct old_user_action {
    uint32_t handler, mask, flags, restorer;
};

static void exchange_action(int signal, const struct signal_action *wanted, struct signal_action *old) {
    struct process *process = process_current();
    *old = process->actions[signal];
    if (!wanted)
        return;
    process->actions[signal] = *wanted;
    signal_discard_ignored(process, signal);
}

static bool action_allowed(int signal, bool change) {
    return signal > 0 && signal <= SIGNALS && !(change && (signal == SIGKILL || signal == SIGSTOP));
}

long sys_rt_sigaction(int signal, vaddr_t wanted, vaddr_t result, size_t mask_bytes) {
    struct user_action user;
    struct signal_action action, old;
    if (mask_bytes != MASK_BYTES || !action_allowed(signal, wanted))
        return -EINVAL;
    if (wanted && user_read(&user, wanted, sizeof user))
        return -EFAULT;
    if (wanted)
        action = (struct signal_action){user.handler, user.restorer, user.mask, user.flags};
    exchange_action(signal, wanted ? &action : NULL, &old);
    user = (struct user_action){(uint32_t)old.handler, old.flags, (uint32_t)old.restorer, old.mask};
    return result ? user_write(result, &user, sizeof user) : 0;
}

long sys_sigaction(int signal, vaddr_t wanted, vaddr_t result) {
    struct old_user_action user;
    struct signal_action action, old;
    if (!action_allowed(signal, wanted))
        return -EINVAL;
    if (wanted && user_read(&user, wanted, sizeof user))
        return -EFAULT;
    if (wanted)
        action = (struct signal_action){user.handler, user.restorer, user.mask, user.flags};
    exchange_action(signal, wanted ? &action : NULL, &old);
    user = (struct old_user_action){(uint32_t)old.handler, (uint32_t)old.mask, old.flags,
                                    (uint32_t)old.restorer};
    return result ? user_write(result, &user, sizeof user) : 0;
}

long sys_signal(int signal, vaddr_t handler) {
    struct signal_action action = {.handler = handler, .flags = SA_RESETHAND | SA_NODEFER}, old;
    if (!action_allowed(signal, true))
        return -EINVAL;
    exchange_action(signal, &action, &old);
    return (long)old.handler;
}

/* --- masks --- */

static int change_mask(int how, uint64_t set) {
    uint64_t mask = thread_current->signals_blocked;
    switch (how) {
    case SIG_BLOCK:
        mask |= set;
        break;
    case SIG_UNBLOCK:
        mask &= ~set;
        break;
    case SIG_SETMASK:
        mask = set;
        break;
    default:
        return -EINVAL;
    }
    signal_set_mask(mask);
    return 0;
}

/* @bytes: of the user's sets, 4 or 8; bits beyond stay as they are. */
static long sigprocmask(int how, vaddr_t user_set, vaddr_t user_old, size_t bytes) {
    uint64_t set = 0, old = thread_current->signals_blocked;
    if (user_set) {
        if (user_read(&set, user_set, bytes))
            return -EFAULT;
        if (how == SIG_SETMASK && bytes < MASK_BYTES)
            set |= old >> 32 << 32;
        int error = change_mask(how, set);
        if (error)
            return error;
    }
    return user_old ? user_write(user_old, &old, bytes) : 0;
}

long sys_rt_sigprocmask(int how, vaddr_t set, vaddr_t old, size_t mask_bytes) {
    return mask_bytes == MASK_BYTES ? sigprocmask(how, set, old, MASK_BYTES) : -EINVAL;
}

long sys_sigprocmask(int how, vaddr_t set, vaddr_t old) {
    return sigprocmask(how, set, old, sizeof(uint32_t));
}

long sys_rt_sigpending(vaddr_t result, size_t mask_bytes) {
    const struct thread *self = thread_current;
    uint64_t pending = (self->signals_pending | self->process->signals_pending) & self->signals_blocked;
    return mask_bytes > MASK_BYTES ? -EINVAL : user_write(result, &pending, mask_bytes);
}

/* --- waiting --- */

long sys_pause(void) {
    struct waitq nobody = {0};
    while (wait_interruptible(&nobody) != -EINTR)
        continue;
    return -EINTR;
}

/* The old mask comes back when the signal that ends the sleep has been delivered. */
static long suspend(uint64_t mask) {
    thread_current->signals_saved = thread_current->signals_blocked;
    thread_current->restore_mask = true;
    signal_set_mask(mask);
    return sys_pause();
}

long sys_rt_sigsuspend(vaddr_t user_mask, size_t mask_bytes) {
    uint64_t mask;
    if (mask_bytes != MASK_BYTES)
        return -EINVAL;
    return user_read(&mask, user_mask, sizeof mask) ? -EFAULT : suspend(mask);
}

/* Two unused arguments in front, for historical reasons. */
long sys_sigsuspend(int unused1, int unused2, uint32_t mask) {
    (void)unused1;
    (void)unused2;
    return suspend(mask);
}

static long write_siginfo(vaddr_t to, int signal, const struct signal_info *from) {
    siginfo_t info = {0};
    info.si_signo = signal;
    info.si_code = from->code;
    info.si_pid = from->pid;
    if (signal == SIGCHLD)
        info.si_status = from->status;
    else if (from->code == SI_QUEUE)
        info.si_int = from->value;
    return user_write(to, &info, sizeof info);
}

/*
 * The awaited signals are blocked, so that they do not end the sleep by themselves; while it sleeps the
 * thread lets them through its mask, where they do not do what they do to others: one that would end the process, or
 * be ignored, is taken here. 0: nothing came, *@error says why.
 */
static int await_signal(uint64_t set, const struct time_limit *limit, struct signal_info *info, int *error) {
    struct thread *self = thread_current;
    struct waitq nobody = {0};
    uint64_t blocked = self->signals_blocked;
    for (;;) {
        int signal = signal_take(set, info);
        if (signal)
            return signal;
        *error = -EAGAIN;
        if (time_limit_passed(limit))
            return 0;
        self->signals_blocked = blocked & ~set;
        self->signals_awaited = blocked & set;
        *error =
            limit->until ? wait_timeout(&nobody, limit->until - time_ticks()) : wait_interruptible(&nobody);
        self->signals_blocked = blocked;
        self->signals_awaited = 0;
        if (*error == -EINTR)
            return signal_take(set, info);
    }
}

static long sigtimedwait(vaddr_t user_set, vaddr_t user_info, vaddr_t timeout, size_t mask_bytes,
                         bool time64) {
    struct time_limit limit;
    struct signal_info info;
    uint64_t set;
    if (mask_bytes != MASK_BYTES)
        return -EINVAL;
    int error =
        user_read(&set, user_set, sizeof set) ? -EFAULT : time_limit_from_user(timeout, time64, &limit);
    if (error)
        return error;
    int signal = await_signal(set, &limit, &info, &error);
    if (!signal)
        return error;
    return user_info && write_siginfo(user_info, signal, &info) ? -EFAULT : signal;
}

long sys_rt_sigtimedwait(vaddr_t set, vaddr_t info, vaddr_t timeout, size_t mask_bytes) {
    return sigtimedwait(set, info, timeout, mask_bytes, false);
}

long sys_rt_sigtimedwait_time64(vaddr_t set, vaddr_t info, vaddr_t timeout, size_t mask_bytes) {
    return sigtimedwait(set, info, timeout, mask_bytes, true);
}

/* --- handlers --- */

static long back_from_handler(bool rt) {
    struct thread *self = thread_current;
    uint64_t mask;
    if (sigframe_pop(self->trap, &self->context, rt, &mask)) {
        signal_send_process(self->process, SIGSEGV);
        return -EFAULT;
    }
    signal_set_mask(mask);
    return (long)abi_result(self->trap);
}

long sys_sigreturn(void) {
    return back_from_handler(false);
}

long sys_rt_sigreturn(void) {
    return back_from_handler(true);
}

/* i386's stack_t. */
struct user_stack {
    uint32_t base;
    int32_t flags;
    uint32_t bytes;
};

static bool on_alternate_stack(void) {
    const struct thread *self = thread_current;
    return abi_stack_pointer(self->trap) - self->alternate_stack < self->alternate_size;
}

long sys_sigaltstack(vaddr_t wanted, vaddr_t result) {
    struct thread *self = thread_current;
    struct user_stack stack;
    struct user_stack old = {
        .base = (uint32_t)self->alternate_stack,
        .flags = self->alternate_size == 0 ? SS_DISABLE : (on_alternate_stack() ? SS_ONSTACK : 0),
        .bytes = self->alternate_size,
    };
    if (wanted) {
        if (user_read(&stack, wanted, sizeof stack))
            return -EFAULT;
        if (on_alternate_stack())
            return -EPERM;
        bool off = stack.flags == SS_DISABLE;
        if (!off && stack.flags != 0 && stack.flags != SS_ONSTACK)
            return -EINVAL;
        if (!off && stack.bytes < MINSIGSTKSZ)
            return -ENOMEM;
        self->alternate_stack = off ? 0 : stack.base;
        self->alternate_size = off ? 0 : stack.bytes;
    }
    return result ? user_write(result, &old, sizeof old) : 0;
}

/* --- sending --- */

/* Whom kill(@pid) means. -1: everybody but init and the sender. */
static bool kill_matches(const struct process *process, int pid) {
    const struct process *self = process_current();
    if (process->exited)
        return false;
    if (pid > 0)
        return process->pid == pid;
    if (pid == -1)
        return process != process_init && process != self;
    return process->group == (pid == 0 ? self->group : -pid);
}

long sys_kill(int pid, int signal) {
    bool found = false;
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    if (pid == INT32_MIN) /* no group: it has no opposite */
        return -ESRCH;
    list_for_each (process, &processes, struct process, all) {
        if (!kill_matches(process, pid))
            continue;
        found = true;
        if (signal)
            signal_send_process(process, signal);
    }
    /* A zombie can be signalled, to no effect. */
    return found || (pid > 0 && process_find(pid)) ? 0 : -ESRCH;
}

static long send_to_thread(int group, int tid, int signal) {
    if (signal < 0 || signal > SIGNALS || tid <= 0 || group == 0)
        return -EINVAL;
    list_for_each (thread, &threads, struct thread, all) {
        if (thread->id != tid || !thread->process || (group > 0 && thread->process->pid != group))
            continue;
        struct signal_info info = {.code = SI_TKILL, .pid = process_current()->pid};
        if (signal)
            signal_send_info(thread->process, thread, signal, &info);
        return 0;
    }
    return -ESRCH;
}

/* Only a code that no kernel gives may be sent, so that nobody can pretend to be one. */
long sys_rt_sigqueueinfo(int pid, int signal, vaddr_t user_info) {
    siginfo_t given;
    if (user_read(&given, user_info, sizeof given))
        return -EFAULT;
    struct process *process = process_find(pid);
    if (!process)
        return -ESRCH;
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    if (given.si_code >= 0 && process != process_current())
        return -EPERM;
    struct signal_info info = {.code = given.si_code, .pid = given.si_pid, .value = given.si_int};
    if (signal && !process->exited)
        signal_send_info(process, NULL, signal, &info);
    return 0;
}

long sys_tkill(int tid, int signal) {
    return send_to_thread(-1, tid, signal);
}

long sys_tgkill(int group, int tid, int signal) {
    return send_to_thread(group, tid, signal);
}
