/*
 * A round: a process that makes CALLS_PER_ROUND calls, with a thread that changes the memory under them and
 * makes calls of its own, a timer that interrupts those that sleep, and handlers that bring it back from
 * whatever it does to itself. It ends by exit, by the end of its first thread, or by SIGKILL.
 */
#include "user/fuzz/fuzz.h"

#include <asm/unistd_32.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { STACK_BYTES = 4 * PAGE };

static int main_thread;
static sigjmp_buf way_back;
static volatile bool way_back_known;
static uint32_t data_selector;
static char thread_stack[STACK_BYTES] __attribute__((aligned(PAGE)));
static char signal_stack[4 * PAGE] __attribute__((aligned(PAGE)));

/* --- staying alive ------------------------------------------------------------------------------- */

static void on_trap(int number) {
    (void)number;
    if (raw_call(__NR_gettid, 0, 0, 0, 0, 0, 0) != main_thread)
        raw_call(__NR_exit, 0, 0, 0, 0, 0, 0);
    if (way_back_known)
        siglongjmp(way_back, 1);
    _exit(3);
}

static void on_timer(int number) {
    (void)number;
}

/* Again and again, as the calls undo it. */
static void defend(void) {
    static const int traps[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < COUNT_OF(traps); i++)
        sigaction(traps[i], &(struct sigaction){.sa_handler = on_trap, .sa_flags = SA_ONSTACK | SA_NODEFER},
                  NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_timer, .sa_flags = SA_ONSTACK}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_timer, .sa_flags = SA_ONSTACK}, NULL);
}

static void wind_timer(void) {
    struct itimerval often = {{0, 10000}, {0, 10000}};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

/* --- one call ------------------------------------------------------------------------------------ */

static void tell(const struct entry *e) {
    char line[160];
    const char *name = "?";
    for (unsigned i = 0; i < call_count; i++)
        if (calls[i].number == e->number)
            name = calls[i].name;
    int bytes = snprintf(line, sizeof(line), "fuzz: %d %s(%u) %x %x %x %x %x %x flags %x\n", getpid(), name,
                         e->number, e->a[0], e->a[1], e->a[2], e->a[3], e->a[4], e->a[5], e->flags);
    int console = open("/dev/console", O_WRONLY | O_NOCTTY);
    (void)!write(console, line, (size_t)bytes);
    close(console);
}

static void note(struct fuzzer *f, uint32_t number, uint32_t result) {
    tally->calls[number < NUMBERS ? number : NUMBERS - 1]++;
    tally->progress[f->slot]++;
    if (result < (uint32_t)-4095)
        tally->errors[0]++;
    else if (-result < ERRORS)
        tally->errors[-result]++;
    else
        tally->strange++;
}

/* Init, all others at once, or whoever waits for this round's end. */
static bool is_watcher(uint32_t id) {
    return id == 1 || id == (uint32_t)-1 || id == (uint32_t)getppid();
}

/* What would harm not the kernel but the test: a machine that stops, the death of those who watch. */
static bool harmless(const struct entry *e) {
    switch (e->number) {
    case __NR_reboot:
        return e->a[0] != 0xFEE1DEAD;
    case __NR_kill:
    case __NR_rt_sigqueueinfo:
    case __NR_tkill:
    case __NR_prlimit64:
        return !is_watcher(e->a[0]);
    case __NR_tgkill:
    case __NR_rt_tgsigqueueinfo:
        return !is_watcher(e->a[0]) && !is_watcher(e->a[1]);
    default:
        return true;
    }
}

static const struct call *choose(struct fuzzer *f, bool main) {
    for (;;) {
        const struct call *call = &calls[pick(f, call_count)];
        bool ends = call->number == __NR_exit || call->number == __NR_exit_group ||
                    call->number == __NR_execve || call->number == __NR_sigreturn ||
                    call->number == __NR_rt_sigreturn;
        bool makes = call->number == __NR_fork || call->number == __NR_vfork || call->number == __NR_clone;
        if (options.only != NULL && main && strcmp(call->name, options.only) != 0)
            continue;
        if ((ends || makes) && (!main || (options.only == NULL && !chance(f, 20))))
            continue;
        return call;
    }
}

static void prepare(struct fuzzer *f, struct entry *e, bool main) {
    const struct call *call = choose(f, main);
    *e = (struct entry){.number = call->number, .flags = 0x202, .ds = data_selector, .es = data_selector};
    unsigned given = (unsigned)strlen(call->kinds);
    for (unsigned i = 0; i < ARGUMENTS; i++)
        e->a[i] = i < given ? argument(f, call->kinds[i]) : wild_word(f);
    if (main && options.only == NULL && chance(f, 4)) /* numbers without a call, and above all */
        e->number = chance(f, 50) ? pick(f, 460) : wild_word(f);
    if (chance(f, 10))
        e->flags |= chance(f, 50) ? 0x400 : 0x40000; /* direction, alignment check */
    if (main && chance(f, 2))
        e->flags |= chance(f, 50) ? 0x100 : 0x4000; /* single step, nested task */
    if (main && chance(f, 2))
        e->ds = e->es = chance(f, 50) ? 0 : 0x3B;
}

static bool is_sigreturn(uint32_t number) {
    return number == __NR_sigreturn || number == __NR_rt_sigreturn;
}

static bool may_share(const struct entry *e) {
    return e->number == __NR_vfork || e->number == __NR_clone;
}

/* Numbers chosen blindly may be those of calls that need care. */
static bool needs_main(uint32_t number) {
    return is_sigreturn(number) || number == __NR_fork || number == __NR_vfork || number == __NR_clone ||
           number == __NR_execve || number == __NR_exit || number == __NR_exit_group;
}

static uint32_t make_call(struct fuzzer *f, struct entry *e) {
    if (is_sigreturn(e->number)) {
        e->flags = 0x202;
        e->ds = e->es = data_selector;
        e->stack = forged_frame(f, (uint32_t)(uintptr_t)__builtin_frame_address(0)) & ~3u;
        return enter_with_stack(e);
    }
    bool shares = e->number == __NR_vfork || (e->number == __NR_clone && (e->a[0] & CLONE_VM));
    if (e->number == __NR_clone && !shares)
        e->a[1] = 0; /* the child goes on where we are */
    return may_share(e) && shares ? enter_sharing(e) : enter(e);
}

/* In a child that a fuzzed fork has made: some calls more. */
static bool became_child(const struct entry *e, uint32_t result) {
    return result == 0 && (e->number == __NR_fork || e->number == __NR_clone);
}

static void one_call(struct fuzzer *f, unsigned *left) {
    static struct entry entry;
    prepare(f, &entry, true);
    if (!harmless(&entry))
        return;
    if (options.tell)
        tell(&entry);
    wind_timer();
    note(f, entry.number, 0); /* before, as some never come back; */
    uint32_t result = make_call(f, &entry);
    if (result >= (uint32_t)-4095 && -result < ERRORS) { /* and corrected after */
        tally->errors[0]--;
        tally->errors[-result]++;
    } else if (result >= (uint32_t)-4095) {
        tally->strange++;
    }
    if (became_child(&entry, result)) {
        main_thread = (int)raw_call(__NR_gettid, 0, 0, 0, 0, 0, 0);
        *left = CALLS_OF_A_FORK;
        f->random = generator_start(f->random.state + 1);
    } else if (entry.number == __NR_fork || entry.number == __NR_clone) {
        f->last_child = (int)result;
    } else if (entry.number == __NR_shmget && (int)result >= 0) {
        f->last_shm = (int)result;
    }
}

/* --- the second thread --------------------------------------------------------------------------- */

static struct fuzzer second;

static void second_call(void) {
    struct entry e;
    prepare(&second, &e, false);
    if (!harmless(&e) || needs_main(e.number) || e.number == __NR_setitimer || e.number == __NR_alarm)
        return;
    note(&second, e.number, enter(&e));
}

/* Runs without thread storage: no C library beyond memcpy and the like. */
static void second_thread(void) {
    for (unsigned i = 0; i < 2 * CALLS_PER_ROUND; i++) {
        if (chance(&second, 70))
            arena_change(&second);
        else
            second_call();
        raw_call(__NR_sched_yield, 0, 0, 0, 0, 0, 0);
    }
    raw_call(__NR_exit, 0, 0, 0, 0, 0, 0);
}

static void start_second(const struct fuzzer *first) {
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    second = *first;
    second.random = generator_start(first->random.state ^ 0x5EC0);
    clone((int (*)(void *))(void (*)(void))second_thread, thread_stack + STACK_BYTES, flags, NULL);
}

/* --- the round ----------------------------------------------------------------------------------- */

NO_RETURN static void end(struct fuzzer *f) {
    switch (pick(f, 4)) {
    case 0:
        kill(getpid(), SIGKILL);
        break;
    case 1: /* the second thread ends it */
        raw_call(__NR_exit, 0, 0, 0, 0, 0, 0);
        break;
    }
    _exit(0);
}

NO_RETURN void round_run(uint32_t round, unsigned slot) {
    static struct fuzzer f;
    static volatile unsigned made;
    static unsigned left = CALLS_PER_ROUND;
    f.random = generator_start(scramble(options.seed) + round);
    f.slot = slot;
    __asm__ volatile("movl %%ds, %0" : "=r"(data_selector));
    main_thread = (int)raw_call(__NR_gettid, 0, 0, 0, 0, 0, 0);
    setsid();
    arena_files();
    arena_map();
    defend();
    if (chance(&f, 80))
        start_second(&f);
    sigsetjmp(way_back, 1);
    way_back_known = true;
    while (left > 0) {
        left--;
        if (made++ % 8 == 0)
            defend();
        one_call(&f, &left);
    }
    end(&f);
}
