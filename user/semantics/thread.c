/*
 * Threads: one address space, several that fault in it; storage of their own; futexes; who gets which signal;
 * what fork, exec and exit do to the others.
 */
#include "user/semantics/facts.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 6 };

static void start(pthread_t *thread, void *(*run)(void *), void *argument) {
    int error = pthread_create(thread, NULL, run, argument);
    if (error != 0)
        fail("pthread_create: %s", strerror(error));
}

static void *join(pthread_t thread) {
    void *result;
    if (pthread_join(thread, &result) != 0)
        fail("pthread_join");
    return result;
}

static void run_all(void *(*run)(void *), void *results[THREADS]) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        start(&threads[i], run, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        results[i] = join(threads[i]);
}

/* --- one space ----------------------------------------------------------------------------------- */

enum { SPACE_PAGES = 512 };
static uint32_t *space;

/* All threads fault on the same pages, in different orders, and each adds its share to each page. */
static void *touch_all(void *argument) {
    unsigned self = (unsigned)(intptr_t)argument;
    for (unsigned i = 0; i < SPACE_PAGES; i++) {
        unsigned page = (i * 7 + self * 101) % SPACE_PAGES;
        __atomic_add_fetch(&space[page * PAGE / 4 + 1], self + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void faulting_together(void) {
    void *results[THREADS];
    space = (uint32_t *)(void *)some_pages(SPACE_PAGES);
    run_all(touch_all, results);
    page_out(space, SPACE_PAGES);
    run_all(touch_all, results);
    unsigned right = 0;
    for (unsigned i = 0; i < SPACE_PAGES; i++)
        right += space[i * PAGE / 4 + 1] == 2 * THREADS * (THREADS + 1) / 2;
    fact("pages of 512 that hold the sum of what six threads added, twice", "%u", right);
}

static void *map_and_touch(void *argument) {
    uintptr_t right = 1;
    for (unsigned round = 0; round < 20; round++) {
        char *pages = some_pages(8);
        memset(pages, (int)(intptr_t)argument + 1, 8 * PAGE);
        sched_yield();
        right &= all_bytes(pages, 8 * PAGE, (char)((intptr_t)argument + 1));
        munmap(pages, 8 * PAGE);
    }
    return (void *)right;
}

static void mapping_together(void) {
    void *results[THREADS];
    uintptr_t right = 0;
    run_all(map_and_touch, results);
    for (unsigned i = 0; i < THREADS; i++)
        right += (uintptr_t)results[i];
    fact("threads of six that map, fill and unmap, undisturbed", "%u", (unsigned)right);
}

static void *forbid(void *argument) {
    mprotect(argument, PAGE, PROT_READ);
    munmap((char *)argument + PAGE, PAGE);
    return NULL;
}

static void changes_by_others(void) {
    char *pages = lonely_pages(3);
    memset(pages, 'x', 3 * PAGE);
    pthread_t thread;
    start(&thread, forbid, pages);
    join(thread);
    fact("a store after another thread's mprotect", "%s", writing(pages));
    fact("a load after another thread's munmap", "%s", reading(pages + PAGE));
}

/* --- of their own -------------------------------------------------------------------------------- */

static __thread int own = 7;
static pid_t ids[THREADS];

static void *use_own(void *argument) {
    int self = (int)(intptr_t)argument;
    bool fresh = own == 7;
    own = self;
    ids[self] = (pid_t)syscall(SYS_gettid);
    for (unsigned i = 0; i < 10; i++)
        sched_yield();
    return (void *)(intptr_t)(fresh && own == self && syscall(SYS_getpid) == getpid() &&
                              ids[self] != getpid());
}

static void identity(void) {
    void *results[THREADS];
    run_all(use_own, results);
    unsigned good = 0, different = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        good += (unsigned)(intptr_t)results[i];
        different += i == 0 || ids[i] != ids[i - 1];
    }
    fact("threads with storage and an id of their own, one process's id", "%u", good);
    fact("different ids", "%u", different);
    fact_true("the first thread's id is the process's", syscall(SYS_gettid) == getpid());
    fact("the first thread's storage", "%d", own);
}

static void *keep_floating(void *argument) {
    double value = (double)(intptr_t)argument + 0.25, x = value;
    for (unsigned i = 0; i < 2000; i++) {
        x = x * 3 - value * 2; /* stays what it is, if nobody else's registers get in */
        if (i % 100 == 0)
            sched_yield();
    }
    return (void *)(intptr_t)(x == value);
}

static void floating(void) {
    void *results[THREADS];
    run_all(keep_floating, results);
    unsigned good = 0;
    for (unsigned i = 0; i < THREADS; i++)
        good += (unsigned)(intptr_t)results[i];
    fact("threads that keep their FPU registers", "%u", good);
}

/* --- futexes ------------------------------------------------------------------------------------- */

static uint32_t word;

static long futex(uint32_t *address, int operation, uint32_t value, const struct timespec *timeout) {
    return syscall(SYS_futex, address, operation, value, timeout, NULL, 0);
}

static void futexes(void) {
    struct timespec short_time = {0, 20000000};
    word = 5;
    fact_call("futex wait for a value that it is not", futex(&word, FUTEX_WAIT, 4, NULL));
    fact_call("futex wait in which nobody wakes", futex(&word, FUTEX_WAIT, 5, &short_time));
    fact_call("futex wake of nobody", futex(&word, FUTEX_WAKE, 1, NULL));
    fact_call("futex wait at an odd address", futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 5, NULL));
    fact_call("futex wait nowhere", futex((uint32_t *)nowhere(), FUTEX_WAIT, 5, NULL));
    fact_call("futex wait with a bad time", futex(&word, FUTEX_WAIT, 5, &(struct timespec){0, 2000000000}));
}

static void *wait_on_word(void *argument) {
    (void)argument;
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
        futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL);
    return (void *)1;
}

static void waking(void) {
    pthread_t threads[THREADS];
    unsigned woken = 0;
    word = 0;
    for (unsigned i = 0; i < THREADS; i++)
        start(&threads[i], wait_on_word, NULL);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
    futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        woken += (unsigned)(uintptr_t)join(threads[i]);
    fact("threads that waited and were woken", "%u", woken);
}

/* A futex in shared memory is one for all who map it, wherever; a private one is of the address alone. */
static void between_processes(void) {
    sem_t *semaphores =
        (sem_t *)(void *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&semaphores[0], 1, 0);
    sem_init(&semaphores[1], 1, 0);
    int pid = fork_checked();
    if (pid == 0) {
        for (unsigned i = 0; i < 50; i++) {
            sem_wait(&semaphores[0]);
            sem_post(&semaphores[1]);
        }
        _exit(0);
    }
    unsigned rounds = 0;
    for (unsigned i = 0; i < 50; i++) {
        sem_post(&semaphores[0]);
        page_out(semaphores, 1);
        sem_wait(&semaphores[1]);
        rounds++;
    }
    fact("rounds of two processes with semaphores in shared memory", "%u, status %d", rounds, wait_for(pid));
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static unsigned turn, count;

/* Each in its turn, a hundred times. */
static void *take_turns(void *argument) {
    unsigned self = (unsigned)(intptr_t)argument;
    for (unsigned i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != self)
            pthread_cond_wait(&turned, &mutex);
        turn++;
        count++;
        pthread_cond_broadcast(&turned);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void conditions(void) {
    void *results[THREADS];
    run_all(take_turns, results);
    fact("turns taken by six threads, in order", "%u", count);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += 20000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mutex);
    fact("a wait with a time limit", "%s", errno_name(pthread_cond_timedwait(&turned, &mutex, &end)));
}

/* --- signals ------------------------------------------------------------------------------------- */

static volatile pid_t handled_by;
static volatile uintptr_t handled_at;

static void who(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    handled_by = (pid_t)syscall(SYS_gettid);
    handled_at = (uintptr_t)info->si_addr;
    if (number == SIGSEGV)
        mprotect((void *)(handled_at & ~(uintptr_t)(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE);
}

static void *fault_alone(void *argument) {
    ((volatile char *)argument)[77] = 1;
    return (void *)(uintptr_t)(handled_by == (pid_t)syscall(SYS_gettid) &&
                               handled_at == (uintptr_t)argument + 77);
}

static void *wait_for_signal(void *argument) {
    sigset_t none;
    (void)argument;
    sigemptyset(&none);
    sigsuspend(&none);
    return (void *)(uintptr_t)(handled_by == (pid_t)syscall(SYS_gettid));
}

static void signals(void) {
    struct sigaction action = {.sa_sigaction = who, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    char *page = some_pages(1);
    mprotect(page, PAGE, PROT_NONE);
    pthread_t thread;
    start(&thread, fault_alone, page);
    fact_true("a bad access is handled by the thread that made it", join(thread) != NULL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    start(&thread, wait_for_signal, NULL);
    pthread_kill(thread, SIGUSR1);
    fact_true("a signal to a thread is handled by it", join(thread) != NULL);
    start(&thread, wait_for_signal, NULL);
    kill(getpid(), SIGUSR1);
    fact_true("a signal to the process is handled by one that does not block it", join(thread) != NULL);
}

/* --- ends ---------------------------------------------------------------------------------------- */

static void *sleep_long(void *argument) {
    nanosleep(&(struct timespec){3000, 0}, NULL);
    return argument;
}

static void *end_process(void *argument) {
    exit((int)(intptr_t)argument);
}

static void *trap_in_thread(void *argument) {
    *(volatile char *)argument = 1;
    return NULL;
}

static int with_threads(void *(*run)(void *), void *argument) {
    pthread_t threads[3];
    start(&threads[0], sleep_long, NULL);
    start(&threads[1], sleep_long, NULL);
    start(&threads[2], run, argument);
    join(threads[0]);
    return 99;
}

static int exit_from_thread(void *argument) {
    return with_threads(end_process, argument);
}

static int trap_from_thread(void *argument) {
    return with_threads(trap_in_thread, argument);
}

static void *exec_in_thread(void *argument) {
    execl("/bin/sh", "sh", "-c", "exit 21", NULL);
    return argument;
}

static int exec_from_thread(void *argument) {
    return with_threads(exec_in_thread, argument);
}

/* Without exit()'s destructors, which would take away the unwinder's tables that pthread_exit() is using. */
static void *end_process_at_once(void *argument) {
    _exit((int)(intptr_t)argument);
}

static int leave_first_thread(void *argument) {
    pthread_t thread;
    (void)argument;
    start(&thread, end_process_at_once, (void *)23);
    pthread_exit(NULL);
}

static void ends(void) {
    fact("exit in one thread ends all, with", "%d", in_child(exit_from_thread, (void *)22));
    fact("a bad access in one thread ends all, 128 +", "%d", in_child(trap_from_thread, NULL));
    fact("exec in one thread replaces all, and ends with", "%d", in_child(exec_from_thread, NULL));
    fact("a process whose first thread is gone ends with", "%d", in_child(leave_first_thread, NULL));
}

static void *fork_in_thread(void *argument) {
    int pid = fork_checked();
    if (pid == 0)
        _exit(own == 7 ? 31 : 32); /* this thread's storage, not the first one's */
    return (void *)(intptr_t)(wait_for(pid) + (int)(intptr_t)argument);
}

static void forking(void) {
    pthread_t other, thread;
    own = 8;
    start(&other, sleep_long, NULL);
    start(&thread, fork_in_thread, NULL);
    fact("fork in a thread: the child is that thread, alone, and ends with", "%d",
         (int)(intptr_t)join(thread));
}

static void *nothing(void *argument) {
    return argument;
}

static void many(void) {
    unsigned good = 0;
    for (intptr_t i = 1; i <= 200; i++) {
        pthread_t thread;
        start(&thread, nothing, (void *)i);
        good += join(thread) == (void *)i;
    }
    fact("threads of 200 that came and went", "%u", good);
}

static const struct group groups[] = {
    {"threads that fault together", faulting_together},
    {"threads that map together", mapping_together},
    {"changes by other threads", changes_by_others},
    {"what is a thread's own", identity},
    {"FPU registers of threads", floating},
    {"futexes", futexes},
    {"waking", waking},
    {"futexes between processes", between_processes},
    {"conditions", conditions},
    {"signals to threads", signals},
    {"the end of threads", ends},
    {"fork in a thread", forking},
    {"many threads", many},
};
THEME(thread, "threads: one space, own storage, futexes, signals, ends", groups);
