/*
 * Processes: space, files, family, signals. What runs is a thread (kernel/thread.h); a process is what its
 * threads share, and what wait4 finds when they have ended.
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "fs/file.h"
#include "kernel/thread.h"
#include "mm/space.h"

#define FILES_MAX 64
#define SIGNALS   64

/* Why a signal was sent: the fields of Linux's siginfo that depend on it. One per signal: none queue. */
struct signal_info {
    int code;        /* SI_USER, CLD_EXITED, SEGV_MAPERR, … */
    int pid;         /* sender, or child */
    int status;      /* of the child */
    vaddr_t address; /* of the fault */
};

struct process {
    int pid, group, session;
    struct space *space; /* NULL once it has been given back (exit) */
    struct list threads;
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
    bool exiting;                 /* process_exit() has begun: no signal reaches it any more */
    bool exited;                  /* a zombie: only the entry for wait4 is left */
    int exit_status;              /* Linux's wait status */
    struct process *vfork_child;  /* the child whose exec or exit this process waits for */
    struct waitq child_event;     /* wait4 and vfork sleep here */
    int child_minor, child_major; /* fault counts of children waited for */
    uint32_t minor, major;        /* and of this process's earlier spaces */
    uint64_t user_ticks, kernel_ticks, child_user_ticks, child_kernel_ticks;
    uint64_t start_tick;

    /* signal.c */
    int killed_by;             /* fatal signal under way, or 0 */
    bool stopped, continued;   /* continued: not yet reported to wait4 */
    int stop_signal;           /* that stopped it, not yet reported to wait4; else 0 */
    struct waitq stop_waiters; /* its threads sleep here while it is stopped */
    uint64_t signals_pending;
    struct signal_info info[SIGNALS + 1];
    struct signal_action {
        vaddr_t handler, restorer; /* handler: 0 SIG_DFL, 1 SIG_IGN */
        uint64_t mask;
        uint32_t flags; /* SA_* */
    } actions[SIGNALS + 1];

    /* timer.c: setitimer(ITIMER_REAL) and alarm, in ticks; 0: off */
    uint64_t alarm_tick, alarm_interval;
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
/* Makes @thread one of @process, with the process's pid as its id if it is the first. */
void process_adopt_thread(struct process *process, struct thread *thread);
void process_set_parent(struct process *process, struct process *parent);

/*
 * Makes @space the one that the running process uses, and returns the one it used. For exec and fork,
 * which write into a space that is not yet in use.
 */
struct space *process_use_space(struct space *space);

/* Adds the fault counts of a space that the process is about to leave to its own. */
void process_count_faults(struct process *process, const struct space *space);

/* kernel/fork.c. Returns the child's pid or errno. @flags: Linux's CLONE_*; @stack 0: the parent's. */
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

/* Ends the current process with a wait status. kernel/exit.c */
NORETURN void process_exit(int wait_status);
/* Tells a vfork parent that its space is its own again. */
void process_release_vfork(struct process *process);
/* SIGCHLD with @code (CLD_*) and @status, and a wake-up for wait4. */
void process_notify_parent(struct process *process, int code, int status);
/* wait4: pid of the child and its wait status, 0 (WNOHANG), or -ECHILD, -EINTR. @usage: or NULL. */
struct child_usage {
    uint64_t user_ticks, kernel_ticks;
    uint32_t minor, major;
};
int process_wait(int pid, unsigned options, int *status, struct child_usage *usage);

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
bool signal_work_pending(void); /* signal_deliver() has something to do */
void signal_set_mask(uint64_t mask);
void signal_reset_for_exec(struct process *process);

/* --- timers. kernel/timer.c --- */
void timers_tick(uint64_t now); /* interrupt context */
/* Sets or clears (0) the real-time interval timer; the old values are returned, in ticks. */
void timer_set(struct process *process, uint64_t ticks, uint64_t interval, uint64_t *old_ticks,
               uint64_t *old_interval);

#endif
