/*
 * Threads: what the scheduler runs. A process (kernel/process.h) is what threads share. Kernel threads
 * have no process.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "arch/x86/context.h"
#include "kernel/capability.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"
#include "mm/trace.h"

struct file;
struct process;
struct space;
struct trap_frame;

#define HELD_FILES_MAX 4

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_ASLEEP, THREAD_DEAD };

struct thread {
    struct context context;
    struct list link;        /* a ready queue, or the list of the dead */
    struct list all;         /* list of all threads */
    struct list siblings;    /* threads of the process */
    struct process *process; /* NULL: kernel thread */
    const char *name;        /* of a kernel thread */
    int id;                  /* Linux's tid; 0: kernel thread */
    uint16_t kernel_number;  /* of kernel threads, for the trace */
    void *stack_top;         /* kernel stack; NULL: the boot stack */
    void (*entry)(void *);   /* of a kernel thread */
    void *argument;
    struct space *borrowed; /* used instead of the process's, see process_borrow_space(); else NULL */

    /* descriptor.c: what the system call under way has looked up; nobody can close it under its feet */
    struct file *held[HELD_FILES_MAX];
    unsigned held_count;
    bool untidy; /* that call has files held, or a limit of its time: syscall.c puts it away */

    struct capabilities capabilities;

    /* sched.c */
    enum thread_state state;
    uint64_t wake_tick;           /* of a sleep with a time limit; else 0 */
    struct list timed;            /* list of sleepers with a time limit */
    int wait_result;              /* what the sleep returns: 0, -EINTR, -ETIMEDOUT */
    bool interruptible, killable; /* what may cut the sleep short */
    unsigned mutexes;             /* held */
    bool at_rest;                 /* on its way to user mode, with nothing in hand */
    unsigned slice;               /* ticks left */
    uint64_t user_ticks, kernel_ticks;

    /* signal.c */
    struct trap_frame
        *trap; /* the program's registers, while the thread is in the kernel: always in this place */
    uint64_t signals_blocked;
    uint64_t signals_awaited; /* by sigtimedwait: let through the mask, but to be taken and not acted upon */
    uint64_t signals_pending; /* sent to this thread alone */
    uint64_t signals_saved;   /* mask to put back after sigsuspend */
    bool restore_mask;
    bool attention;      /* signal_work_pending() may have become true since it was last seen to be false */
    uint8_t restart;     /* enum restart of the system call that was cut short, see kernel/syscall.h */
    long syscall_number; /* of that call */
    uint64_t time_limit; /* tick at which the call under way ends at the latest; 0: it has no limit */
    bool resuming;       /* the call runs once more, with the limit that it has had */
    vaddr_t alternate_stack;          /* sigaltstack */
    size_t alternate_size;            /* 0: none */
    uint32_t trap_vector, trap_error; /* last exception, for signal frames */
    vaddr_t trap_address;             /* address of the last page fault */
    vaddr_t clear_tid;                /* set_tid_address */
};

extern struct thread *thread_current;

/* What the trace calls the thread. */
static inline unsigned thread_trace_id(const struct thread *thread) {
    return thread->id != 0 ? (unsigned)thread->id & 0xFFFF : TRACE_KERNEL + thread->kernel_number;
}

extern struct list threads; /* all of them */

/* Ready to run; NULL: no memory. May sleep. @entry may return, which ends the thread. */
struct thread *thread_create_kernel(const char *name, void (*entry)(void *), void *argument);

/* A thread of no process yet, with a kernel stack, not ready; NULL: no memory. May sleep. */
struct thread *thread_create(void);
void thread_destroy(struct thread *thread); /* one that has never run */
/*
 * There are as many threads as memory should bear: a process needs a dozen frames that cannot be paged, and who
 * forks without end must be refused before he has them all. fork and clone return -EAGAIN then.
 */
#define FRAMES_PER_THREAD 24u
bool threads_enough(void);

/* A kernel stack's high-water mark: the most bytes that were ever in use, of KSTACK_PAGES pages. */
struct kstack_mark {
    unsigned bytes;
    int id; /* of the thread; 0: a kernel thread */
    char name[16];
};
/* Calls @visit for every thread. Never sleeps, nor may @visit. */
void threads_for_each_mark(void (*visit)(const struct kstack_mark *mark, void *data), void *data);
/* The highest of all; of threads that are gone, too, where check= is on. */
struct kstack_mark threads_deepest(void);

/* Gives the processor to the next ready thread; returns when this one runs again. Thread context. */
void thread_yield(void);
/* Makes a thread that is asleep or new ready. Any context. */
void thread_ready(struct thread *thread);
NORETURN void thread_exit(void);

void sched_init(void); /* makes the boot thread the idle thread */
NORETURN void sched_idle(void);

/* Timer ticks since boot that found the processor so. */
enum sched_time { SCHED_USER, SCHED_KERNEL, SCHED_IDLE };
uint64_t sched_ticks(enum sched_time which);

/*
 * Sleeping, for kernel/wait.c and for whoever waits for several queues at once (poll): put a waiter in
 * each, test the conditions, call sched_sleep() with interrupts disabled while every waiter is still
 * queued, and take them out again.
 */
struct waiter {
    struct thread *thread;
    struct waiter *next;
    bool queued; /* false once a wake-up has taken it out */
};
void waitq_add(struct waitq *queue, struct waiter *waiter);
void waitq_remove(struct waitq *queue, struct waiter *waiter);

enum sleep_kind { SLEEP_DEEP, SLEEP_KILLABLE, SLEEP_INTERRUPTIBLE };

/*
 * Sleeps until sched_wake(), or until tick @until (0: no limit). Interrupts disabled on entry and on
 * return. Returns what sched_wake() was given: 0, -EINTR or -ETIMEDOUT.
 */
int sched_sleep(enum sleep_kind kind, uint64_t until);

/* Ends the sleep of @thread with @result; false if it was not asleep. Any context. */
bool sched_wake(struct thread *thread, int result);

/* True when the running thread should give way before it returns to user mode; sched_preempt() does. */
extern bool sched_wants_preempt; /* the scheduler's; for sched_preempt_wanted() alone */
static inline bool sched_preempt_wanted(void) {
    return sched_wants_preempt;
}
void sched_preempt(void);

/* The last step of a thread that is THREAD_DEAD. Interrupts disabled. */
NORETURN void sched_switch_from_dead(void);

#endif
