/*
 * What the kernel tells when something happens: frames of signals, the ends of children, what is left of a sleep that
 * is cut short, somebody else's lock, the ids of a clone. Looked at like the structures that calls fill
 * (structures.c).
 */
#include "user/secrets/secrets.h"

#include <asm/ldt.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

/* Of those that differ only in the call. */
struct variant {
    long number;
    int command;
};

/* --- frames of signals --------------------------------------------------------------------------- */

static void note_nothing(int number) {
    (void)number;
}

static void note_info(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
}

/* The frame is written on another stack, `out`, as far as it goes. */
static void take_signal(const void *data) {
    bool with_info = *(const bool *)data;
    stack_t stack = {.ss_sp = out, .ss_size = ROOM}, off = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_flags = SA_ONSTACK};
    if (with_info) {
        action.sa_sigaction = note_info;
        action.sa_flags |= SA_SIGINFO;
    } else {
        action.sa_handler = note_nothing;
    }
    soil_kernel_stack();
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    soil_kernel_stack();
    syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR1);
    sigaltstack(&off, NULL);
}

static void wait_signal(const void *data) {
    const struct variant *variant = data;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    soil_kernel_stack();
    syscall(variant->number, &set, out, NULL, 8);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void wait_child(const void *data) {
    const struct variant *variant = data;
    int pid = fork_checked();
    if (pid == 0)
        _exit(0);
    soil_kernel_stack();
    if (variant->number == SYS_waitid)
        syscall(SYS_waitid, P_PID, pid, out, WEXITED, out2);
    else
        syscall(variant->number, pid, out, 0, out2);
}

/* Somebody else has locked the file: who, and what. */
static void ask_for_lock(const void *data) {
    const struct variant *variant = data;
    int file = open("secrets.dir/a", O_RDWR), ends[2];
    struct flock lock = {.l_type = F_WRLCK, .l_start = 100};
    if (file < 0 || pipe(ends) != 0)
        fail_errno("secrets.dir/a");
    int pid = fork_checked();
    if (pid == 0) {
        if (fcntl(file, F_SETLK, &lock) != 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    read(ends[0], out2, 1);
    memset(out, 0, 24); /* an F_RDLCK of all, in each layout */
    soil_kernel_stack();
    syscall(variant->number, file, variant->command, out);
    kill(pid, SIGKILL);
    wait_for(pid);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

/* The time that is left of a sleep, and of a wait for nothing, when a signal cuts it short. */
static void cut_sleep(const void *data) {
    const struct variant *variant = data;
    struct sigaction action = {.sa_handler = note_nothing};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {.it_value = {0, 2000}, .it_interval = {0, 2000}}, never = {{0, 0}, {0, 0}};
    long *time = (long *)out2; /* the signal comes again, as the first may come before the sleep */
    memset(out2, 0, 16);
    time[0] = 100; /* seconds */
    setitimer(ITIMER_REAL, &often, NULL);
    soil_kernel_stack();
    switch (variant->number) {
    case SYS_nanosleep:
        syscall(SYS_nanosleep, out2, out);
        break;
    case SYS_clock_nanosleep:
    case SYS_clock_nanosleep_time64:
        syscall(variant->number, CLOCK_MONOTONIC, 0, out2, out);
        break;
    case SYS_pselect6:
    case SYS_pselect6_time64:
        syscall(variant->number, 0, NULL, NULL, NULL, out2, NULL);
        break;
    default: /* the polls */
        syscall(variant->number, out, 0, out2, NULL, 8);
    }
    setitimer(ITIMER_REAL, &never, NULL);
}

/* What the creation of a process tells both of them. */
static void clone_tells(const void *data) {
    (void)data;
    soil_kernel_stack();
    long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, out, 0, out2);
    if (pid == 0)
        _exit(find_secret(out2, ROOM) < ROOM);
    if (wait_for((int)pid) != 0)
        memset(out, secret, 2);
}

static void set_thread_area(const void *data) {
    (void)data;
    struct user_desc descriptor = {.entry_number = (unsigned)-1, .limit = 1, .useable = 1};
    memcpy(out, &descriptor, sizeof(descriptor));
    soil_kernel_stack();
    syscall(SYS_set_thread_area, out);
    struct user_desc empty = {.read_exec_only = 1, .seg_not_present = 1};
    memcpy(&empty.entry_number, out, sizeof(empty.entry_number));
    syscall(SYS_set_thread_area, &empty);
}

static int end_at_once(void *unused) {
    (void)unused;
    return 0;
}

/* What the thread's end leaves at the address that the call has named, when somebody shares the memory. */
static void clear_tid(const void *data) {
    static char stack[4 * PAGE] __attribute__((aligned(16)));
    (void)data;
    soil_kernel_stack();
    wait_for(clone(end_at_once, stack + sizeof(stack),
                   CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, out));
}

void look_at_events(void) {
    static const bool plain = false, with_info = true;
    static const struct {
        const char *name;
        void (*fill)(const void *);
        struct variant variant;
    } events[] = {
        {"siginfo of sigtimedwait", wait_signal, {SYS_rt_sigtimedwait, 0}},
        {"siginfo of sigtimedwait, 64-bit times", wait_signal, {SYS_rt_sigtimedwait_time64, 0}},
        {"status and usage of a child", wait_child, {SYS_wait4, 0}},
        {"status of a child", wait_child, {SYS_waitpid, 0}},
        {"siginfo and usage of a child", wait_child, {SYS_waitid, 0}},
        {"a lock", ask_for_lock, {SYS_fcntl64, 12 /* F_GETLK64 */}},
        {"a lock, older layout", ask_for_lock, {SYS_fcntl64, 5 /* F_GETLK */}},
        {"a lock, older call", ask_for_lock, {SYS_fcntl, 5 /* F_GETLK */}},
        {"what is left of a sleep", cut_sleep, {SYS_nanosleep, 0}},
        {"what is left of a sleep by a clock", cut_sleep, {SYS_clock_nanosleep, 0}},
        {"what is left of a sleep, 64-bit times", cut_sleep, {SYS_clock_nanosleep_time64, 0}},
        {"what is left of a wait", cut_sleep, {SYS_ppoll, 0}},
        {"what is left of a wait, 64-bit times", cut_sleep, {SYS_ppoll_time64, 0}},
        {"what is left of a select", cut_sleep, {SYS_pselect6, 0}},
        {"what is left of a select, 64-bit times", cut_sleep, {SYS_pselect6_time64, 0}},
        {"clone", clone_tells, {SYS_clone, 0}},
        {"set_thread_area", set_thread_area, {SYS_set_thread_area, 0}},
        {"the end of a thread", clear_tid, {SYS_exit, 0}},
    };
    look_after("a signal's frame", SYS_tgkill, take_signal, &plain);
    look_after("a signal's frame with siginfo", SYS_tgkill, take_signal, &with_info);
    for (unsigned i = 0; i < COUNT_OF(events); i++)
        look_after(events[i].name, events[i].variant.number, events[i].fill, &events[i].variant);
}
