/*
 * Processes: space, files, family, signals. What runs is a thread (kernel/thread.h); a process is what its
 * threads share, and what wait4 finds when they have ended.
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "fs/file.h"
#include "kernel/limits.h"
#include "kernel/thread.h"
#include "mm/space.h"

#define FILES_MAX 64
#define SIGNALS   64

#define PROCESS_TIMERS 3

/* Why a signal was sent: the fields of Linux's siginfo that depend on it. One per signal: none queue. */
struct signal_info {
    int code;        /* SI_USER, CLD_EXITED, SEGV_MAPERR, … */
    int pid;         /* sender, or child */
    int status;      /* of the child */
    int value;       /* of sigqueue */
    vaddr_t address; /* of the fault */
};

struct process {
    int pid, group, session;
    struct space *space; /* NULL once it has been given back (exit) */
    struct list threads; /* running, by `siblings` */
    struct process *parent;
    struct list children, sibling; /* sibling: link in the parent's children */
    struct list all;
    struct file *files[FILES_MAX];
    uint64_t close_on_exec; /* bit a descriptor */
    struct vnode *cwd;
    struct vnode *executable;
    char *executable_path; /* absolute, for /proc/PID/exe; heap; NULL before the first exec */
    unsigned umask;
    char name[16]; /* last component of the program's path */

    /* exit.c */
    bool dying;                   /* told to end: each of its threads does so as soon as it can */
    bool exiting;                 /* the last thread gives everything back: no signal reaches it any more */
    bool exited;                  /* a zombie: only the entry for wait4 is left */
    int exit_status;              /* Linux's wait status */
    struct thread *survivor;      /* in exec: all threads but this one end; else NULL */
    bool uses_parents_space;      /* after vfork, until exec or exit */
    struct waitq child_event;     /* wait4 and vfork sleep here; exec, until the other threads are gone */
    int child_minor, child_major; /* fault counts of children waited for */
    uint32_t minor, major;        /* and of this process's earlier spaces */
    pgoff_t peak_resident, child_peak_resident; /* the most pages they had in memory; and that a child had */
    uint64_t user_ticks, kernel_ticks, child_user_ticks, child_kernel_ticks;
    uint64_t start_tick;

    /* signal.c */
    bool stopped, continued;   /* continued: not yet reported to wait4 */
    int stop_signal;           /* that stopped it, not yet reported to wait4; else 0 */
    struct waitq stop_waiters; /* its threads sleep here while it is stopped */
    uint64_t signals_pending;
    struct signal_info info[SIGNALS + 1];
    struct list queued; /* real-time signals sent again while pending */
    struct signal_action {
        vaddr_t handler, restorer; /* handler: 0 SIG_DFL, 1 SIG_IGN */
        uint64_t mask;
        uint32_t flags; /* SA_* */
    } actions[SIGNALS + 1];

    /* timer.c: setitimer and alarm, by ITIMER_REAL and its sisters; in ticks */
    struct process_timer {
        uint64_t expires; /* when, or, of processor time, in how many ticks; 0: off */
        uint64_t interval;
        bool expired; /* the signal is still to be sent */
    } timers[PROCESS_TIMERS];

    struct resource_limit limits[LIMITS];
};

extern struct list processes;
extern struct process *process_init; /* pid 1 */

static inline struct process *process_current(void) {
    return thread_current->process;
}

struct process *process_find(int pid); /* or NULL; zombies too */

/* An empty process with a new pid, no parent and no thread; NULL: no memory. May sleep. */
struct process *process_create(void);
/* Frees the entry of a process that has given everything else back. */
void process_destroy(struct process *process);
/* Makes @thread one of @process: the first has the process's pid as its id, others get a new one. */
void process_adopt_thread(struct process *process, struct thread *thread);
void process_set_parent(struct process *process, struct process *parent);

/* Nobody else has a hand in its process's files and memory; another thread would be made by @thread itself. */
static inline bool thread_alone(const struct thread *thread) {
    return thread->process->threads.next == thread->process->threads.prev;
}

/* The space that a thread runs in; NULL: none, as for kernel threads. */
static inline struct space *thread_space(const struct thread *thread) {
    if (thread->borrowed || !thread->process)
        return thread->borrowed;
    return thread->process->space;
}

/*
 * Makes the running thread, and it alone, use @space; NULL: its process's again. For exec and fork, which
 * fill a space that is not yet, or not their own process's.
 */
void process_borrow_space(struct space *space);

/* True when @thread has been told to end: by a fatal signal, exit in another thread, or exec there. */
static inline bool thread_doomed(const struct thread *thread) {
    const struct process *process = thread->process;
    return process && (process->dying || (process->survivor && process->survivor != thread));
}

/* Adds the fault counts of a space that the process is about to leave to its own. */
void process_count_faults(struct process *process, const struct space *space);

/* kernel/fork.c. Returns the child's pid, or the new thread's id, or errno. @flags: Linux's CLONE_*; @stack
 * 0: the parent's. */
struct clone_request {
    uint32_t flags;
    vaddr_t stack, parent_tid, child_tid, tls;
};
long process_clone(const struct clone_request *request);

/*
 * Replaces the current process's image: @frame becomes the state in which user mode is entered. 0, or
 * errno with the old image intact. The strings are the kernel's. kernel/exec.c
 */
int exec_program(const char *path, const char *const *argv, const char *const *envp,
                 struct trap_frame *frame);
/* The same with argv and envp as the program passed them. @path: kernel memory. */
int exec_user(const char *path, vaddr_t argv, vaddr_t envp, struct trap_frame *frame);

/* --- kernel/exit.c --- */
/* Tells all threads of @process to end, and the process to end with @wait_status. */
void process_doom(struct process *process, int wait_status);
/* Ends the current process with a wait status, and so the running thread; the others as they can. */
NORETURN void process_exit(int wait_status);
/* Ends the running thread; the process, with @wait_status, if it was the last. */
NORETURN void process_exit_thread(int wait_status);
/* Ends all other threads of the running one's process, and gives it the process's id. Sleeps deeply. */
void process_end_other_threads(void);
/* Tells a vfork parent that its space is its own again. */
void process_release_vfork(struct process *process);
/* SIGCHLD with @code (CLD_*) and @status, and a wake-up for wait4. */
void process_notify_parent(struct process *process, int code, int status);
struct wait_request {
    enum { WAIT_ANY, WAIT_PROCESS, WAIT_GROUP } which;
    int id; /* of the process or group */
    unsigned
        options; /* WEXITED, WSTOPPED, WCONTINUED: what to report; WNOHANG; WNOWAIT: and leave it as it is */
};
struct wait_report {
    int status; /* Linux's wait status */
    struct child_usage {
        uint64_t user_ticks, kernel_ticks;
        uint32_t minor, major;
        pgoff_t peak_resident;
    } usage;
};
/* wait4 and waitid: pid of the child that *@found is about, 0 (WNOHANG), or -ECHILD, -EINTR. May sleep. */
int process_wait(const struct wait_request *request, struct wait_report *found);

/* The end of the machine, when pid 1 has ended with @wait_status. kernel/shutdown.c */
NORETURN void machine_shutdown(int wait_status);
/* The same where pid 1 was never there. */
NORETURN void machine_finish(int wait_status);

/* --- signals (Linux numbers). kernel/signal.c --- */
void signal_send_process(struct process *process, int signal);
void signal_send_info(struct process *process, struct thread *thread, int signal,
                      const struct signal_info *info); /* thread NULL: any */
void signal_send_group(int group, int signal);
bool signal_pending(void); /* a deliverable one, for the running thread */
/* Before the return to user mode: runs default actions, enters handlers, restarts system calls. */
void signal_deliver(struct trap_frame *frame);
/* What has been sent to @thread, or to its process, and is not blocked. */
static inline uint64_t signal_deliverable(const struct thread *thread) {
    return (thread->signals_pending | thread->process->signals_pending) & ~thread->signals_blocked;
}

/*
 * Something has changed that signal_work_pending() depends on: every thread of @process looks again before it
 * returns to user mode. Any context.
 */
void signal_attend(struct process *process);

/* signal_deliver() has something to do for the running thread, which is one of a process. */
static inline bool signal_work_pending(void) {
    const struct thread *self = thread_current;
    return thread_doomed(self) || self->process->stopped || self->restart || self->restore_mask ||
           signal_deliverable(self) != 0;
}
void signal_set_mask(uint64_t mask);
void signal_reset_for_exec(struct process *process);
/* Forgets a pending signal that would now be ignored. */
void signal_discard_ignored(struct process *process, int signal);
/* Takes one of the signals in @set that is pending for the running thread: its number, or 0. */
int signal_take(uint64_t set, struct signal_info *info);
/* After a thread has left or changed its mask: lets others know of what it leaves pending. */
void signal_retarget(struct process *process);
/* Cuts short the sleeps of @process's threads that have been told to end. */
void signal_wake_doomed(struct process *process);
void signal_forget_all(struct process *process); /* frees what is queued */

/* --- timers. kernel/timer.c --- */
void timers_tick(uint64_t now);                          /* interrupt context */
void timers_account(struct process *process, bool user); /* a tick of its time; interrupt context */
/* @which: ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF; in ticks from now; 0: off. */
void timer_set(struct process *process, int which, uint64_t ticks, uint64_t interval);
void timer_get(const struct process *process, int which, uint64_t *ticks, uint64_t *interval);
void timers_clear(struct process *process);

#endif
