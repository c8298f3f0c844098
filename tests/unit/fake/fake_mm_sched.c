/*
 * Threads on the host, for lib/wait.h: coroutines with a stack each. The one processor changes threads only
 * in schedule(), as the kernel does; when nobody is ready, time passes: the disk completes a transfer, or the
 * clock moves on. Deferred work runs there too, and vm_check() now and then, because in schedule() everybody
 * sleeps or is about to run: a safe point.
 */
#define _GNU_SOURCE /* pthread_getattr_np */
#include "fake_mm.h"

#include "arch/x86/time.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "mm/counters.h"
#include "mm/space.h"
#include "mm/vm.h"

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_BYTES    (256u * 1024u)
#define PATIENCE       2000000u /* switches before a hang is believed */
#define IDLE_TICKS_MAX 500u     /* with nobody ready and no disk at work */

enum thread_state { READY, ASLEEP, DEAD };

struct thread {
    struct list link; /* ready, or dead */
    struct list all;
    ucontext_t context;
    void *stack; /* NULL: the test's own */
    size_t stack_bytes;
    const void *stack_bottom;
    void *sanitizer_stack;
    enum thread_state state;
    void (*entry)(void *);
    void *argument;
    struct space *space;
    bool daemon, killed, killable;
    unsigned no_sleep;
    int result;         /* of its sleep */
    uint64_t wake_tick; /* 0: none */
};

struct waiter {
    struct thread *thread;
    struct waiter *next;
    bool queued;
};

unsigned fake_kills;
unsigned fake_check_every;
unsigned fake_switches;

static struct thread main_thread;
static struct thread *current = &main_thread;
static struct list ready = LIST_INITIALIZER(ready);
static struct list dead = LIST_INITIALIZER(dead);
static struct list everybody = LIST_INITIALIZER(everybody);
static uint64_t ticks = 1;
struct deferred *volatile deferred_first;

/* --- the clock and deferred work --- */

uint64_t time_nanoseconds(void) {
    return 0;
}

uint64_t time_ticks(void) {
    return ticks;
}

void deferred_queue(struct deferred *work) {
    if (work->queued)
        return;
    work->queued = true;
    work->next = deferred_first;
    deferred_first = work;
}

void deferred_run(void) {
    while (deferred_first != NULL) {
        struct deferred *work = deferred_first;

        deferred_first = work->next;
        work->queued = false;
        work->function();
    }
}

static void make_ready(struct thread *thread, int result) {
    if (thread->state != ASLEEP)
        return;
    thread->state = READY;
    thread->result = result;
    thread->wake_tick = 0;
    list_add_tail(&ready, &thread->link);
}

void fake_tick(unsigned count) {
    ticks += count;
    list_for_each (thread, &everybody, struct thread, all) {
        if (thread->state == ASLEEP && thread->wake_tick != 0 && thread->wake_tick <= ticks)
            make_ready(thread, -ETIMEDOUT);
    }
}

/* --- switching --- */

static void switch_to(struct thread *next) {
    struct thread *before = current;

    if (next == before)
        return;
    current = next;
    fake_switches++;
    count(COUNT_CTXT);
    __sanitizer_start_switch_fiber(before->state == DEAD ? NULL : &before->sanitizer_stack,
                                   next->stack_bottom, next->stack_bytes);
    swapcontext(&before->context, &next->context);
    __sanitizer_finish_switch_fiber(current->sanitizer_stack, NULL, NULL);
}

static bool daemons_only(void) {
    list_for_each (thread, &everybody, struct thread, all) {
        if (!thread->daemon && thread->state != DEAD)
            return false;
    }
    return true;
}

static bool hands_free(void) {
    return list_empty(&ready);
}

/* Nobody is ready: the disk works, or else time passes. False: nothing will ever happen again. */
static bool idle_once(void) {
    for (unsigned i = 0; i < IDLE_TICKS_MAX && hands_free(); i++) {
        vm_idle();
        if (fake_disk_complete_one()) {
            deferred_run();
            return true;
        }
        if (hands_free())
            fake_tick(1);
    }
    return !hands_free();
}

static struct thread *pick_ready(void) {
    unsigned total = 0, nth;
    struct thread *chosen;

    list_for_each (thread, &ready, struct thread, link)
        total++;
    nth = fake_random_below(total);
    chosen = list_first(&ready, struct thread, link);
    while (nth-- > 0)
        chosen = list_next(chosen, struct thread, link);
    return chosen;
}

static void check_sometimes(void) {
    static unsigned since;

    if (fake_check_every == 0 || ++since < fake_check_every)
        return;
    since = 0;
    vm_check();
}

/* The running thread has been put where it belongs (asleep, ready, dead): another runs. */
static void schedule(void) {
    block_before_sleep();
    deferred_run();
    if (fake_chance(20) && fake_disk_complete_one())
        deferred_run();
    if (fake_chance(2))
        fake_tick(1);
    check_sometimes();
    while (hands_free())
        if (!idle_once())
            panic("everybody sleeps, and nothing is under way");
    struct thread *next = pick_ready();

    list_remove(&next->link);
    switch_to(next);
}

/* --- life of a thread --- */

static void first_step(void) {
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    current->entry(current->argument);
    current->state = DEAD;
    list_remove(&current->all);
    list_add_tail(&dead, &current->link);
    schedule();
    abort();
}

static void know_main_stack(void) {
    pthread_attr_t attributes;
    void *bottom;

    if (main_thread.stack_bytes != 0)
        return;
    list_init(&main_thread.all);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &bottom, &main_thread.stack_bytes);
    pthread_attr_destroy(&attributes);
    main_thread.stack_bottom = bottom;
    main_thread.daemon = true;
}

static struct thread *thread_new(void) {
    struct thread *thread;

    if (!list_empty(&dead)) {
        thread = list_first(&dead, struct thread, link);
        list_remove(&thread->link);
        void *stack = thread->stack;
        *thread = (struct thread){.stack = stack};
    } else {
        thread = calloc(1, sizeof(*thread));
        thread->stack = malloc(STACK_BYTES);
    }
    thread->stack_bottom = thread->stack;
    thread->stack_bytes = STACK_BYTES;
    return thread;
}

static void make_context(ucontext_t *context, void *stack) {
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = NULL;
    makecontext(context, first_step, 0);
}

static struct thread *spawn(void (*entry)(void *), void *argument, bool daemon) {
    struct thread *thread = thread_new();

    know_main_stack();
    thread->entry = entry;
    thread->argument = argument;
    thread->daemon = daemon;
    thread->state = ASLEEP;
    make_context(&thread->context, thread->stack);
    list_add_tail(&everybody, &thread->all);
    make_ready(thread, 0);
    return thread;
}

struct thread *fake_thread(void (*entry)(void *), void *argument, struct space *space) {
    struct thread *thread = spawn(entry, argument, false);

    thread->space = space;
    return thread;
}

pgoff_t vm_lock_limit(void) {
    return VM_LOCK_UNLIMITED;
}

void vm_spawn_daemon(const char *name UNUSED, void (*entry)(void *)) {
    spawn(entry, NULL, true);
}

void fake_yield(void) {
    know_main_stack();
    list_add_tail(&ready, &current->link);
    schedule();
}

void fake_join(void) {
    unsigned patience = PATIENCE;

    while (!daemons_only()) {
        ASSERT(patience-- > 0);
        if (hands_free() && !idle_once())
            panic("threads are left, asleep for ever");
        fake_yield();
    }
}

void fake_settle(void) {
    do
        fake_yield();
    while (!hands_free() || fake_disk_complete_one());
}

/* --- sleeping --- */

static int sleep_in(struct waitq *queue, bool killable, uint64_t wake_tick) {
    struct waiter waiter = {.thread = current, .queued = true};
    struct waiter **link = &queue->first;

    may_sleep();
    if (killable && current->killed)
        return -EINTR;
    while (*link != NULL)
        link = &(*link)->next;
    *link = &waiter;
    current->state = ASLEEP;
    current->killable = killable;
    current->wake_tick = wake_tick;
    schedule();
    if (waiter.queued) {
        for (link = &queue->first; *link != &waiter; link = &(*link)->next)
            ;
        *link = waiter.next;
    }
    return current->result;
}

void wait_on(struct waitq *queue) {
    sleep_in(queue, false, 0);
}

int wait_killable(struct waitq *queue) {
    return sleep_in(queue, true, 0);
}

int wait_interruptible(struct waitq *queue) {
    return sleep_in(queue, true, 0);
}

int wait_timeout(struct waitq *queue, uint64_t count) {
    return count == 0 ? -ETIMEDOUT : sleep_in(queue, true, ticks + count);
}

void waitq_wake_one(struct waitq *queue) {
    struct waiter *waiter = queue->first;

    if (waiter == NULL)
        return;
    queue->first = waiter->next;
    waiter->queued = false;
    make_ready(waiter->thread, 0);
}

void waitq_wake_all(struct waitq *queue) {
    while (queue->first != NULL)
        wake_one(queue);
}

struct thread *wait_self(void) {
    return current;
}

bool wait_killed(void) {
    return current->killed;
}

void may_sleep(void) {
    ASSERT(current->no_sleep == 0);
}

void no_sleep_begin(void) {
    current->no_sleep++;
}

void no_sleep_end(void) {
    ASSERT(current->no_sleep > 0);
    current->no_sleep--;
}

void mutex_lock(struct mutex *mutex) {
    while (mutex->holder != NULL)
        wait_on(&mutex->waiters);
    mutex->holder = current;
}

void mutex_unlock(struct mutex *mutex) {
    ASSERT(mutex->holder == current);
    mutex->holder = NULL;
    wake_one(&mutex->waiters);
}

/* --- what kernel/ provides to mm --- */

void fake_set_space(struct space *space) {
    current->space = space;
}

void fake_kill(struct thread *thread) {
    thread->killed = true;
    if (thread->killable)
        make_ready(thread, -EINTR);
}

/* As the kernel's: who is dying already is given the time to. */
bool vm_kill_largest(void) {
    struct thread *largest = NULL;
    pgoff_t most = 0;

    list_for_each (thread, &everybody, struct thread, all) {
        struct space_usage usage;

        if (thread->space == NULL)
            continue;
        if (thread->killed)
            return true;
        space_usage(thread->space, &usage);
        if (largest == NULL || usage.resident + usage.swapped > most) {
            most = usage.resident + usage.swapped;
            largest = thread;
        }
    }
    if (largest == NULL)
        return false;
    fake_kills++;
    fake_kill(largest);
    return true;
}

const char *vm_current_name(void) {
    return "test";
}

struct space *vm_current_space(void) {
    return current->space;
}

/* Objects here are held by areas, and by tests. */
bool vm_count_references(void (*visit)(struct object *object)) {
    (void)visit;
    return false;
}

void vm_stop_threads(struct space *space) {
    (void)space; /* nobody goes to user mode here */
}

int vm_current_pid(void) {
    return 1;
}
