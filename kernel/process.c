/*
 * The table of processes, and what mm asks of it: whose fault this is, and whom to kill for want of memory.
 *
 * A process is made by process_create() (fork and boot), lives with at least one thread, becomes a zombie
 * in process_exit(), and is freed when its parent has waited for it. All of this is thread-context data:
 * no locks.
 */
#include "kernel/process.h"
#include "arch/x86/time.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/heap.h"
#include "mm/vm.h"

#define PID_MAX 32767

struct list processes = LIST_INITIALIZER(processes);
struct process *process_init;

struct process *process_find(int pid) {
    list_for_each (process, &processes, struct process, all) {
        if (process->pid == pid)
            return process;
    }
    return NULL;
}

/* A number is also in use as thread, group or session: those outlive the process that founded them. */
static bool pid_in_use(int pid) {
    list_for_each (process, &processes, struct process, all) {
        if (process->pid == pid || process->group == pid || process->session == pid)
            return true;
    }
    list_for_each (thread, &threads, struct thread, all) {
        if (thread->id == pid)
            return true;
    }
    return false;
}

static int next_pid(void) {
    static int last;
    do {
        last = last == PID_MAX ? 1 : last + 1;
    } while (pid_in_use(last));
    return last;
}

struct process *process_create(void) {
    struct process *process = kmalloc(sizeof *process);
    if (!process)
        return NULL;
    process->pid = next_pid();
    process->group = process->session = process->pid;
    process->umask = 022;
    process->start_tick = time_ticks();
    limits_init(process->limits);
    list_init(&process->threads);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->queued);
    list_add_tail(&processes, &process->all);
    return process;
}

void process_destroy(struct process *process) {
    ASSERT(!process->space && list_empty(&process->threads) && list_empty(&process->children));
    list_remove(&process->sibling);
    list_remove(&process->all);
    signal_forget_all(process);
    kfree(process->executable_path);
    kfree(process);
}

void process_adopt_thread(struct process *process, struct thread *thread) {
    bool first = list_empty(&process->threads);
    thread->process = process;
    thread->id = first ? process->pid : next_pid();
    list_add_tail(&process->threads, &thread->siblings);
}

void process_set_parent(struct process *process, struct process *parent) {
    list_remove(&process->sibling);
    process->parent = parent;
    list_add_tail(&parent->children, &process->sibling);
}

void process_borrow_space(struct space *space) {
    thread_current->borrowed = space;
    space_activate(thread_space(thread_current));
}

void process_count_faults(struct process *process, const struct space *space) {
    process->minor += space->faults.minor;
    process->major += space->faults.major;
    process->peak_resident = MAX(process->peak_resident, space->peak_resident);
}

/* --- for mm --- */

const char *vm_current_name(void) {
    struct process *process = process_current();
    return process ? process->name : thread_current->name;
}

struct space *vm_current_space(void) {
    struct process *process = process_current();
    return process ? process->space : NULL;
}

void vm_stop_threads(struct space *space) {
    list_for_each (process, &processes, struct process, all) {
        if (process->space != space)
            continue;
        list_for_each (thread, &process->threads, struct thread, siblings)
            thread->attention = true;
    }
}

int vm_current_pid(void) {
    struct process *process = process_current();
    return process ? process->pid : 0;
}

/* What ends with a process and gives memory back: pages in memory and on swap, and the tables that show them. */
static pgoff_t pages_held(const struct process *process, struct space_usage *usage) {
    space_usage(process->space, usage);
    return usage->resident + usage->swapped + process->space->pmap.tables;
}

/*
 * Kills the largest process, so that memory comes back. One that is dying already counts as success: to
 * wait for it is all that can be done. Pid 1 only dies when it is the last. The sum is that of Linux's
 * oom_badness().
 */
bool vm_kill_largest(void) {
    struct process *largest = NULL;
    struct space_usage usage;
    pgoff_t most = 0;
    list_for_each (process, &processes, struct process, all) {
        if (!process->space)
            continue;
        if (process->dying || process->exiting)
            return true;
        pgoff_t held = pages_held(process, &usage);
        if (!largest || largest == process_init || (held > most && process != process_init)) {
            largest = process;
            most = held;
        }
    }
    if (!largest)
        return false;
    pages_held(largest, &usage);
    klog("oom: killed %s[%d]: %u pages resident, %u swapped, %u of page tables", largest->name, largest->pid,
         usage.resident, usage.swapped, largest->space->pmap.tables);
    count(COUNT_OOM_KILL);
    signal_send_process(largest, 9 /* SIGKILL */);
    return true;
}
