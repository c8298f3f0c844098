/*
 * System calls of processes: their life, family and identity, limits and usage.
 */
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"

#include <asm/ldt.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

/* --- birth and death --- */

long sys_fork(void) {
    struct clone_request request = {0};
    return process_clone(&request);
}

long sys_vfork(void) {
    struct clone_request request = {.flags = CLONE_VFORK | CLONE_VM};
    return process_clone(&request);
}

long sys_clone(uint32_t flags, vaddr_t stack, vaddr_t parent_tid, vaddr_t tls, vaddr_t child_tid) {
    struct clone_request request = {flags, stack, parent_tid, child_tid, tls};
    return process_clone(&request);
}

long sys_execve(vaddr_t user_path, vaddr_t argv, vaddr_t envp) {
    int error;
    char *path = path_argument(user_path, &error);
    if (!path)
        return error;
    error = path[0] == '\0' ? -ENOENT : exec_user(path, argv, envp, thread_current->trap);
    path_argument_free(path);
    return error;
}

long sys_exit(int status) {
    process_exit_thread((status & 0xFF) << 8);
}

long sys_exit_group(int status) {
    process_exit((status & 0xFF) << 8);
}

/* --- usage --- */

static struct __kernel_old_timeval timeval_of_ticks(uint64_t ticks) {
    return (struct __kernel_old_timeval){
        (long)(ticks / TICKS_PER_SECOND),
        (long)(ticks % TICKS_PER_SECOND * (1000000 / TICKS_PER_SECOND)),
    };
}

static long write_usage(vaddr_t to, const struct child_usage *from) {
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    usage.ru_utime = timeval_of_ticks(from->user_ticks);
    usage.ru_stime = timeval_of_ticks(from->kernel_ticks);
    usage.ru_minflt = (long)from->minor;
    usage.ru_majflt = (long)from->major;
    usage.ru_maxrss = (long)from->peak_resident * (long)(PAGE_SIZE / 1024);
    return user_write(to, &usage, sizeof usage);
}

long sys_getrusage(int who, vaddr_t result) {
    const struct process *process = process_current();
    struct child_usage children = {process->child_user_ticks, process->child_kernel_ticks,
                                   process->child_minor, process->child_major, process->child_peak_resident};
    struct child_usage own = {process->user_ticks, process->kernel_ticks,
                              process->minor + process->space->faults.minor,
                              process->major + process->space->faults.major,
                              MAX(process->peak_resident, process->space->peak_resident)};
    switch (who) {
    case RUSAGE_SELF:
    case RUSAGE_THREAD:
        return write_usage(result, &own);
    case RUSAGE_CHILDREN:
        return write_usage(result, &children);
    default:
        return -EINVAL;
    }
}

/* --- waiting --- */

long sys_wait4(int pid, vaddr_t user_status, unsigned options, vaddr_t user_usage) {
    struct wait_request request = {.options = options | WEXITED};
    struct wait_report report;
    if (options & ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE))
        return -EINVAL;
    if (pid == INT32_MIN) /* no group: it has no opposite */
        return -ESRCH;
    if (pid != -1) {
        request.which = pid > 0 ? WAIT_PROCESS : WAIT_GROUP;
        request.id = pid > 0 ? pid : pid == 0 ? process_current()->group : -pid;
    }
    int found = process_wait(&request, &report);
    if (found <= 0)
        return found;
    if (user_status && user_write(user_status, &report.status, sizeof report.status))
        return -EFAULT;
    if (user_usage && write_usage(user_usage, &report.usage))
        return -EFAULT;
    return found;
}

long sys_waitpid(int pid, vaddr_t user_status, unsigned options) {
    return sys_wait4(pid, user_status, options, 0);
}

static int request_of_waitid(struct wait_request *request, int which, int id) {
    const unsigned events = WEXITED | WSTOPPED | WCONTINUED;
    const unsigned known = events | WNOHANG | WNOWAIT | __WNOTHREAD | __WALL | __WCLONE;
    if ((request->options & ~known) || !(request->options & events))
        return -EINVAL;
    request->id = id;
    switch (which) {
    case P_ALL:
        request->which = WAIT_ANY;
        return 0;
    case P_PID:
        request->which = WAIT_PROCESS;
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        request->which = WAIT_GROUP;
        if (id == 0)
            request->id = process_current()->group;
        return id >= 0 ? 0 : -EINVAL;
    case P_PIDFD: /* no file is one */
        return id >= 0 ? -EBADF : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* A wait status as siginfo has it: CLD_*, and the code or signal that goes with it. */
static int child_event(int status, int *value) {
    int signal = status & 0x7F;
    if (status == 0xFFFF) {
        *value = SIGCONT;
        return CLD_CONTINUED;
    }
    *value = signal == 0 || signal == 0x7F ? status >> 8 : signal;
    return signal == 0 ? CLD_EXITED : signal == 0x7F ? CLD_STOPPED : CLD_KILLED;
}

/* What has become of child @pid; only these fields of siginfo, as on Linux: the rest stays as it is. */
static int write_child_info(vaddr_t to, int pid, int status) {
    siginfo_t info = {0};
    if (pid > 0) {
        int value, code = child_event(status, &value);
        info.si_signo = SIGCHLD;
        info.si_code = code;
        info.si_pid = pid;
        info.si_status = value;
    }
    return user_write(to, &info, offsetof(siginfo_t, si_utime));
}

/* Where no child is found, siginfo says so by zeros, after an error, too. */
long sys_waitid(int which, int id, vaddr_t user_info, unsigned options, vaddr_t user_usage) {
    struct wait_request request = {.options = options};
    struct wait_report report = {0};
    int found = request_of_waitid(&request, which, id);
    if (found == 0)
        found = process_wait(&request, &report);
    if (found > 0 && user_usage && write_usage(user_usage, &report.usage))
        return -EFAULT;
    if (user_info && write_child_info(user_info, found, report.status))
        return -EFAULT;
    return found > 0 ? 0 : found;
}

/* --- family --- */

long sys_getpid(void) {
    return process_current()->pid;
}

long sys_gettid(void) {
    return thread_current->id;
}

long sys_getppid(void) {
    const struct process *parent = process_current()->parent;
    return parent ? parent->pid : 0;
}

/* The process @pid (0: the caller), as far as it lives. */
static struct process *find_or_self(int pid) {
    struct process *process = pid == 0 ? process_current() : process_find(pid);
    return process && !process->exited ? process : NULL;
}

long sys_getpgid(int pid) {
    const struct process *process = find_or_self(pid);
    return process ? process->group : -ESRCH;
}

long sys_getpgrp(void) {
    return process_current()->group;
}

long sys_getsid(int pid) {
    const struct process *process = find_or_self(pid);
    return process ? process->session : -ESRCH;
}

static bool group_in_session(int group, int session) {
    list_for_each (process, &processes, struct process, all) {
        if (process->group == group && process->session == session)
            return true;
    }
    return false;
}

long sys_setpgid(int pid, int group) {
    struct process *self = process_current();
    struct process *process = find_or_self(pid);
    if (group < 0)
        return -EINVAL;
    if (!process || (process != self && process->parent != self))
        return -ESRCH;
    if (group == 0)
        group = process->pid;
    if (process->session == process->pid || process->session != self->session)
        return -EPERM;
    if (group != process->pid && !group_in_session(group, self->session))
        return -EPERM;
    process->group = group;
    return 0;
}

long sys_setsid(void) {
    struct process *self = process_current();
    list_for_each (process, &processes, struct process, all) {
        if (process->group == self->pid)
            return -EPERM;
    }
    self->session = self->group = self->pid;
    return self->pid;
}

/* --- identity: everybody is root --- */

long sys_getuid(void) {
    return 0;
}

long sys_setuid(uint32_t id) {
    return id == 0 ? 0 : -EPERM;
}

long sys_getgroups(int size, vaddr_t list) {
    (void)list;
    return size < 0 ? -EINVAL : 0;
}

long sys_getresuid(vaddr_t real, vaddr_t effective, vaddr_t saved) {
    uint32_t root = 0;
    return user_write(real, &root, sizeof root) || user_write(effective, &root, sizeof root) ||
                   user_write(saved, &root, sizeof root)
               ? -EFAULT
               : 0;
}

/* --- threads' registers --- */

long sys_set_tid_address(vaddr_t address) {
    thread_current->clear_tid = address;
    return thread_current->id;
}

long sys_set_thread_area(vaddr_t user_descriptor) {
    struct user_desc descriptor;
    if (user_read(&descriptor, user_descriptor, sizeof descriptor))
        return -EFAULT;
    int error = context_set_tls(&thread_current->context, &descriptor);
    return error ? error : user_write(user_descriptor, &descriptor, sizeof descriptor);
}

/* --- scheduling --- */

long sys_sched_yield(void) {
    thread_yield();
    return 0;
}

/* One processor. The result is the size of the kernel's set. */
long sys_sched_getaffinity(int pid, size_t bytes, vaddr_t result) {
    uint32_t cpus = 1;
    if (bytes < sizeof cpus)
        return -EINVAL;
    if (!find_or_self(pid))
        return -ESRCH;
    return user_write(result, &cpus, sizeof cpus) ? -EFAULT : (long)sizeof cpus;
}
