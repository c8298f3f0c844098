/*
 * Threads: what the scheduler runs. A process (kernel/process.h) is what threads share. Kernel threads
 * have no process.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "arch/x86/context.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"

struct process;
struct trap_frame;

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_ASLEEP, THREAD_DEAD };

struct thread {
    struct context context;
    struct list link;        /* ready list, or the list of the dead */
    struct list all;         /* list of all threads */
    struct list siblings;    /* threads of the process */
    struct process *process; /* NULL: kernel thread */
    const char *name;        /* of a kernel thread */
    int id;                  /* Linux's tid */
    enum thread_state state;
    struct waitq *waiting_on; /* while asleep */
    struct thread *wait_next; /* next in that queue */
    uint64_t wake_tick;       /* 0: no time limit */
    int wait_result;
    bool interruptible, killable; /* what may cut the sleep short */
    unsigned no_sleep;            /* depth of no_sleep_begin */
    unsigned slice;               /* ticks left */
    uint64_t user_ticks, kernel_ticks;
    struct trap_frame *trap; /* user registers of the current system call or fault */
    uint64_t signals_blocked;
    uint64_t signals_pending; /* sent to this thread alone */
    vaddr_t clear_tid;        /* set_tid_address */
};

extern struct thread *thread_current;

struct thread *thread_create_kernel(const char *name, void (*entry)(void *), void *argument); /* or NULL */

/* Gives the processor to the next ready thread; returns when this one runs again. Thread context. */
void thread_yield(void);
void thread_ready(struct thread *thread);
NORETURN void thread_exit(void);

void sched_init(void); /* makes the boot thread the idle thread */
NORETURN void sched_idle(void);

#endif
