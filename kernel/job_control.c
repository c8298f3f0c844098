/*
 * Job control: which session the terminal controls, which group of it is in the foreground, and what the others may
 * not do. The leader of a session that has no terminal gets the first one it opens; what a key means (SIGINT, SIGTSTP)
 * goes to the foreground; who reads in the background is stopped, and who changes the terminal.
 *
 * Source: POSIX.1-2017, 11.1.3 and 11.1.4.
 */
#include "kernel/job_control.h"

#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "lib/errno.h"

#include <asm/ioctls.h>
#include <asm/signal.h>

static struct {
    int session; /* whose controlling terminal it is, 0: nobody's */
    int group;   /* in the foreground: gets the signals from the keys, and may read */
} controlled;

void job_control_signal(int signal) {
    if (controlled.group > 0)
        signal_send_group(controlled.group, signal);
}

static bool controls(const struct process *process) {
    return controlled.session != 0 && process->session == controlled.session;
}

static bool refuses(const struct process *process, int signal) {
    return process->actions[signal].handler == (vaddr_t)SIG_IGN ||
           (thread_current->signals_blocked & 1ull << (signal - 1)) != 0;
}

int job_control_check(int signal) {
    struct process *process = process_current();

    if (!controls(process) || process->group == controlled.group)
        return 0;
    if (refuses(process, signal))
        return -EIO;
    signal_send_group(process->group, signal);
    return -EINTR;
}

int job_control_check_change(void) {
    int error = job_control_check(SIGTTOU);

    return error == -EIO ? 0 : error;
}

static bool group_in_session(int group, int session) {
    list_for_each (process, &processes, struct process, all) {
        if (process->group == group && process->session == session)
            return true;
    }
    return false;
}

static int set_group(vaddr_t argument) {
    int group;

    if (!controls(process_current()))
        return -ENOTTY;
    int error = user_read(&group, argument, sizeof(group));

    if (error == 0)
        error = job_control_check_change();
    if (error != 0)
        return error;
    if (!group_in_session(group, controlled.session))
        return -EPERM;
    controlled.group = group;
    return 0;
}

/* The session's leader makes this its controlling terminal, unless it is another session's. */
static int take_control(void) {
    struct process *process = process_current();

    if (controls(process))
        return 0;
    if (process->session != process->pid ||
        (controlled.session != 0 && process_find(controlled.session) != NULL)) /* a dead leader's is free */
        return -EPERM;
    controlled.session = process->session;
    controlled.group = process->group;
    return 0;
}

static int give_up_control(void) {
    struct process *process = process_current();

    if (!controls(process))
        return -ENOTTY;
    if (process->session == process->pid) {
        job_control_signal(SIGHUP);
        job_control_signal(SIGCONT);
        controlled.session = controlled.group = 0;
    }
    return 0;
}

void job_control_offer(void) {
    const struct process *process = process_current();

    if (process != NULL && process->pid == process->session && controlled.session == 0)
        take_control();
}

int job_control_ioctl(unsigned request, vaddr_t argument) {
    bool ours = controls(process_current());

    switch (request) {
    case TIOCGPGRP:
        return ours ? user_write(argument, &controlled.group, sizeof(controlled.group)) : -ENOTTY;
    case TIOCSPGRP:
        return set_group(argument);
    case TIOCGSID:
        return ours ? user_write(argument, &controlled.session, sizeof(controlled.session)) : -ENOTTY;
    case TIOCSCTTY:
        return take_control();
    case TIOCNOTTY:
        return give_up_control();
    default:
        return -ENOTTY;
    }
}
