/*
 * The end of threads and processes, and wait4.
 *
 * A process ends with its last thread. When it is to end as a whole (exit_group, a fatal signal), all its
 * threads are told so, and each ends when it next returns to user mode, or at once if it is asleep in a way
 * that may be cut short; exec does the same to all threads but its own.
 *
 * A process gives back its memory first, because others may be waiting for frames, then its files; then it
 * hands its children to init, becomes a zombie (pid, status and usage for the parent's wait4), and its
 * thread ends. While it does so, no signal reaches it and nothing it waits for can be cut short: to delete
 * an unlinked file half would ruin the file system.
 */
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/futex.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/trace.h"

#include <linux/signal.h>
#include <linux/wait.h>

static void release_space(struct process *process) {
    struct space *space = process->space;
    process->space = NULL;
    process_count_faults(process, space);
    space_unref(space);
}

static void release_files(struct process *process) {
    for (int fd = 0; fd < FILES_MAX; fd++) {
        struct file *file = process->files[fd];
        process->files[fd] = NULL;
        if (file)
            descriptor_close(file);
    }
    struct vnode *cwd = process->cwd, *executable = process->executable;
    process->cwd = process->executable = NULL;
    if (cwd)
        vnode_unref(cwd);
    if (executable) {
        vnode_run_end(executable);
        vnode_unref(executable);
    }
}

/* Init waits for whoever has no other parent. */
static void hand_over_children(struct process *process) {
    while (!list_empty(&process->children)) {
        struct process *child = list_first(&process->children, struct process, sibling);
        process_set_parent(child, process_init);
        if (child->exited)
            process_notify_parent(child, CLD_EXITED, child->exit_status >> 8);
    }
}

void process_release_vfork(struct process *process) {
    if (process->uses_parents_space) {
        process->uses_parents_space = false;
        wake_all(&process->parent->child_event);
    }
}

void process_notify_parent(struct process *process, int code, int status) {
    struct process *parent = process->parent;
    if (!parent)
        return;
    bool stop_event = code == CLD_STOPPED || code == CLD_CONTINUED;
    if (!stop_event || !(parent->actions[SIGCHLD].flags & SA_NOCLDSTOP)) {
        struct signal_info info = {.code = code, .pid = process->pid, .status = status};
        signal_send_info(parent, NULL, SIGCHLD, &info);
    }
    wake_all(&parent->child_event);
}

/* A parent that ignores SIGCHLD does not wait for its children: they leave no zombies. */
static bool parent_ignores(const struct process *process) {
    const struct signal_action *action = &process->parent->actions[SIGCHLD];
    return action->handler == (vaddr_t)SIG_IGN || (action->flags & SA_NOCLDWAIT);
}

static void become_zombie(struct process *process, int wait_status) {
    int signal = wait_status & 0x7F;
    process->exited = true;
    bool unwanted = parent_ignores(process);
    process_notify_parent(process, signal ? CLD_KILLED : CLD_EXITED, signal ? signal : wait_status >> 8);
    if (unwanted)
        process_destroy(process);
}

/* The last thread gives back what the process has. */
static void end_process(struct process *process) {
    int wait_status = process->exit_status;
    process->exiting = true; /* from here on nothing cuts a sleep short: what is begun is finished */
    process->dying = false;
    process->stopped = false;
    thread_current->signals_blocked = ~0ull;
    timers_clear(process);
    release_space(process);
    process_release_vfork(process);
    release_files(process);
    if (process == process_init)
        machine_shutdown(wait_status);
    hand_over_children(process);
    become_zombie(process, wait_status);
}

/* The word that set_tid_address named: pthread_join sleeps on it. */
static void clear_tid(struct thread *self) {
    uint32_t zero = 0;
    bool shared = !thread_alone(self) || self->process->space->refs > 1;
    if (shared && self->clear_tid && !user_write(self->clear_tid, &zero, sizeof zero))
        futex_wake(self->clear_tid, 1);
}

NORETURN void process_exit_thread(int wait_status) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    if (!process->dying)
        process->exit_status = wait_status;
    clear_tid(self);
    list_remove(&self->siblings);
    trace(TRACE_EXIT, list_empty(&process->threads), 0, 0, (uint32_t)process->pid,
          (uint32_t)process->exit_status);
    if (list_empty(&process->threads)) {
        end_process(process);
    } else {
        signal_retarget(process);
        wake_all(&process->child_event); /* for exec, which waits until it is alone */
    }
    self->process = NULL;
    thread_exit();
}

void process_doom(struct process *process, int wait_status) {
    if (process->dying || process->exiting)
        return;
    process->dying = true;
    process->exit_status = wait_status;
    signal_attend(process);
    signal_wake_doomed(process);
}

NORETURN void process_exit(int wait_status) {
    process_doom(process_current(), wait_status);
    process_exit_thread(wait_status);
}

void process_end_other_threads(void) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    if (thread_alone(self))
        return;
    process->survivor = self;
    signal_attend(process);
    signal_wake_doomed(process);
    while (!thread_alone(self))
        wait_on(&process->child_event);
    process->survivor = NULL;
    self->id = process->pid;
}

/* --- wait4 --- */

/* wait4's first argument: a pid, -1 any, 0 own group, -GROUP. */
static bool matches(const struct process *child, int pid) {
    if (pid > 0)
        return child->pid == pid;
    if (pid == -1)
        return true;
    return child->group == (pid == 0 ? process_current()->group : -pid);
}

static int reap(struct process *child, int *status, struct child_usage *usage) {
    struct process *self = process_current();
    int pid = child->pid;
    *status = child->exit_status;
    *usage = (struct child_usage){
        .user_ticks = child->user_ticks + child->child_user_ticks,
        .kernel_ticks = child->kernel_ticks + child->child_kernel_ticks,
        .minor = child->minor + child->child_minor,
        .major = child->major + child->child_major,
        .peak_resident = MAX(child->peak_resident, child->child_peak_resident),
    };
    self->child_user_ticks += usage->user_ticks;
    self->child_kernel_ticks += usage->kernel_ticks;
    self->child_minor += usage->minor;
    self->child_major += usage->major;
    self->child_peak_resident = MAX(self->child_peak_resident, usage->peak_resident);
    process_destroy(child);
    return pid;
}

/* What there is to report of @child: its pid with *@status, or 0. */
static int report(struct process *child, unsigned options, int *status, struct child_usage *usage) {
    if (child->exited)
        return reap(child, status, usage);
    if (child->stop_signal && (options & WUNTRACED)) {
        *status = child->stop_signal << 8 | 0x7F;
        child->stop_signal = 0;
        return child->pid;
    }
    if (child->continued && (options & WCONTINUED)) {
        *status = 0xFFFF;
        child->continued = false;
        return child->pid;
    }
    return 0;
}

int process_wait(int pid, unsigned options, int *status, struct child_usage *usage) {
    struct process *self = process_current();
    for (;;) {
        bool any = false;
        list_for_each_safe (child, &self->children, struct process, sibling) {
            if (!matches(child, pid))
                continue;
            any = true;
            int found = report(child, options, status, usage);
            if (found)
                return found;
        }
        if (!any)
            return -ECHILD;
        if (options & WNOHANG)
            return 0;
        if (wait_interruptible(&self->child_event) == -EINTR)
            return -EINTR;
    }
}
