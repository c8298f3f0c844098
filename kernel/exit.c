/*
 * The end of threads and processes, and what wait4 and waitid find.
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

/* --- wait4, waitid --- */

static bool matches(const struct process *child, const struct wait_request *request) {
    switch (request->which) {
    case WAIT_PROCESS:
        return child->pid == request->id;
    case WAIT_GROUP:
        return child->group == request->id;
    default:
        return true;
    }
}

/* What the child and those it has waited for have used so far. */
static struct child_usage usage_of(const struct process *child) {
    struct child_usage usage = {
        .user_ticks = child->user_ticks + child->child_user_ticks,
        .kernel_ticks = child->kernel_ticks + child->child_kernel_ticks,
        .minor = child->minor + (uint32_t)child->child_minor,
        .major = child->major + (uint32_t)child->child_major,
        .peak_resident = MAX(child->peak_resident, child->child_peak_resident),
    };
    const struct space *space = child->space;
    if (space) {
        usage.minor += space->faults.minor;
        usage.major += space->faults.major;
        usage.peak_resident = MAX(usage.peak_resident, space->peak_resident);
    }
    return usage;
}

static void reap(struct process *child, const struct child_usage *usage) {
    struct process *self = process_current();
    self->child_user_ticks += usage->user_ticks;
    self->child_kernel_ticks += usage->kernel_ticks;
    self->child_minor += usage->minor;
    self->child_major += usage->major;
    self->child_peak_resident = MAX(self->child_peak_resident, usage->peak_resident);
    process_destroy(child);
}

/* What there is to report of @child: its pid with *@found, or 0. With WNOWAIT it can be reported again. */
static int report(struct process *child, unsigned options, struct wait_report *found) {
    bool keep = options & WNOWAIT;
    int pid = child->pid;
    found->usage = usage_of(child);
    if (child->exited) {
        if (!(options & WEXITED))
            return 0;
        found->status = child->exit_status;
        if (!keep)
            reap(child, &found->usage);
        return pid;
    }
    if (child->stop_signal && (options & WSTOPPED)) {
        found->status = child->stop_signal << 8 | 0x7F;
        if (!keep)
            child->stop_signal = 0;
        return pid;
    }
    if (child->continued && (options & WCONTINUED)) {
        found->status = 0xFFFF;
        child->continued = keep;
        return pid;
    }
    return 0;
}

int process_wait(const struct wait_request *request, struct wait_report *found) {
    struct process *self = process_current();
    for (;;) {
        bool any = false;
        list_for_each_safe (child, &self->children, struct process, sibling) {
            if (!matches(child, request))
                continue;
            any |= !child->exited || (request->options & WEXITED); /* nothing else will come of a zombie */
            int pid = report(child, request->options, found);
            if (pid)
                return pid;
        }
        if (!any)
            return -ECHILD;
        if (request->options & WNOHANG)
            return 0;
        if (wait_interruptible(&self->child_event) == -EINTR)
            return -EINTR;
    }
}
