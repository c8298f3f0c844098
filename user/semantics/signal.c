/*
 * Signals: what installs, blocks, sends, waits for and interrupts; which calls start over; timers; children.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

/* What the last handlers were told, in order: one letter each, and the last siginfo. */
static char order[64];
static volatile unsigned handled;
static siginfo_t last;

static char letter_of(int number) {
    return number == SIGUSR1 ? '1' : number == SIGUSR2 ? '2' : number == SIGALRM ? 'A' : 's';
}

static void note(int number, siginfo_t *info, void *context) {
    (void)context;
    last = *info;
    if (handled < sizeof(order) - 1)
        order[handled++] = letter_of(number);
}

static void forget(void) {
    memset(order, 0, sizeof(order));
    handled = 0;
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    if (sigaction(number, &action, NULL) != 0)
        fail_errno("sigaction %d", number);
}

static sigset_t set_of(int number, int other) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    if (other != 0)
        sigaddset(&set, other);
    return set;
}

/* --- actions ------------------------------------------------------------------------------------- */

static void actions(void) {
    struct sigaction old, action = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART};
    sigaddset(&action.sa_mask, SIGUSR2);
    fact_call("sigaction of SIGKILL", sigaction(SIGKILL, &action, NULL));
    fact_call("sigaction of SIGSTOP", sigaction(SIGSTOP, &action, NULL));
    fact_call("to ask for SIGKILL's", sigaction(SIGKILL, NULL, &old));
    fact_call("sigaction of signal 0", sigaction(0, &action, NULL));
    fact_call("sigaction of signal 65", sigaction(65, &action, NULL));
    sigaction(SIGUSR1, &action, NULL);
    fact_call("sigaction from nowhere", syscall(SYS_rt_sigaction, SIGUSR1, nowhere(), NULL, 8));
    sigaction(SIGUSR1, NULL, &old);
    fact_true("the old action is told: handler, mask, flags",
              old.sa_handler == SIG_IGN && sigismember(&old.sa_mask, SIGUSR2) &&
                  !sigismember(&old.sa_mask, SIGUSR1) && (old.sa_flags & SA_RESTART));
    fact_call("raise of a signal ignored", raise(SIGUSR1));
    install(SIGUSR1, note, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    fact("SA_RESETHAND: handled, then by default", "%s, %s", order, old.sa_handler == SIG_DFL ? "yes" : "no");
}

static int raise_it(void *argument) {
    raise((int)(intptr_t)argument);
    return 0;
}

static void defaults(void) {
    fact("SIGUSR1 by default, 128 +", "%d", in_child(raise_it, (void *)SIGUSR1));
    fact("SIGCHLD by default, 128 +", "%d", in_child(raise_it, (void *)SIGCHLD));
    fact("SIGWINCH by default, 128 +", "%d", in_child(raise_it, (void *)SIGWINCH));
    fact("a real-time signal by default, 128 +", "%d",
         in_child(raise_it, (void *)(intptr_t)SIGRTMIN) - SIGRTMIN);
}

static void sending(void) {
    fact_call("kill of no process", kill(0x3ffffff, SIGUSR1));
    fact_call("kill of the group that no number has", kill(INT32_MIN, SIGUSR1));
    fact_call("wait for one of that group", waitpid(INT32_MIN, NULL, WNOHANG));
    fact_call("kill with signal 65", kill(getpid(), 65));
    fact_call("kill with signal 0", kill(getpid(), 0));
    install(SIGUSR1, note, 0);
    kill(getpid(), SIGUSR1);
    fact("si_code and si_pid of kill", "%d, %s", last.si_code, last.si_pid == getpid() ? "own" : "other");
    raise(SIGUSR1);
    fact("si_code and si_pid of raise", "%d, %s", last.si_code, last.si_pid == getpid() ? "own" : "other");
    install(SIGPIPE, note, 0);
    int ends[2];
    if (pipe(ends) != 0)
        fail_errno("pipe");
    close(ends[0]);
    fact_call("write to a pipe nobody reads", write(ends[1], "x", 1));
    fact("its SIGPIPE's si_code", "%d", last.si_signo == SIGPIPE ? last.si_code : 99);
}

/* --- masks --------------------------------------------------------------------------------------- */

static bool blocked(int number) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, number) == 1;
}

static char during[8];

static void look_at_mask(int number) {
    (void)number;
    snprintf(during, sizeof(during), "%d%d%d", blocked(SIGUSR1), blocked(SIGUSR2), blocked(SIGALRM));
}

static void masks(void) {
    struct sigaction action = {.sa_handler = look_at_mask};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    fact("in a handler: its own signal, one in sa_mask, another are blocked", "%s", during);
    fact_true("after it, all as before", !blocked(SIGUSR1) && !blocked(SIGUSR2));
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    fact("the same with SA_NODEFER", "%s", during);
    sigset_t all;
    sigfillset(&all);
    fact_call("all signals can be asked to be blocked", sigprocmask(SIG_BLOCK, &all, NULL));
    fact("SIGKILL, SIGSTOP, SIGTERM then are", "%d%d%d", blocked(SIGKILL), blocked(SIGSTOP),
         blocked(SIGTERM));
    fact_call("sigprocmask in an unknown way", sigprocmask(77, &all, NULL));
}

static void pending_signals(void) {
    sigset_t both = set_of(SIGUSR1, SIGUSR2), now, real_time = set_of(SIGRTMIN, 0);
    install(SIGUSR1, note, 0);
    install(SIGUSR2, note, 0);
    sigprocmask(SIG_BLOCK, &both, NULL);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigpending(&now);
    fact("pending: 1, 2, another", "%d%d%d", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
         sigismember(&now, SIGTERM));
    fact("handled while blocked", "%u", handled);
    sigprocmask(SIG_UNBLOCK, &both, NULL);
    fact("handlers that ran when unblocked, the last signal's first", "%s", order);
    forget();
    install(SIGRTMIN, note, 0);
    sigprocmask(SIG_BLOCK, &real_time, NULL);
    for (int i = 0; i < 3; i++)
        kill(getpid(), SIGRTMIN);
    sigprocmask(SIG_UNBLOCK, &real_time, NULL);
    fact("a real-time signal sent three times while blocked", "%u handled", handled);
}

static void forgotten_when_ignored(void) {
    sigset_t one = set_of(SIGUSR1, 0), now;
    sigprocmask(SIG_BLOCK, &one, NULL);
    kill(getpid(), SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&now);
    fact_true("a pending signal that is then ignored is pending no more", !sigismember(&now, SIGUSR1));
}

/* --- nesting ------------------------------------------------------------------------------------- */

static void nest(int number, siginfo_t *info, void *context) {
    note(number, info, context);
    if (number == SIGUSR1) {
        raise(SIGUSR2);
        raise(SIGUSR1); /* blocked now: comes when this handler is done */
        if (handled < sizeof(order) - 1)
            order[handled++] = '.';
    }
    if (handled > 6)
        signal(SIGUSR1, SIG_IGN);
}

static void nesting(void) {
    install(SIGUSR1, nest, 0);
    install(SIGUSR2, nest, 0);
    raise(SIGUSR1);
    fact("a handler that raises another signal, and its own", "%s", order);
}

/* --- calls that are interrupted ------------------------------------------------------------------ */

static volatile int write_end;

/* The alarm's handler writes what the interrupted read waits for: only a read that starts over sees it. */
static void note_and_write(int number, siginfo_t *info, void *context) {
    note(number, info, context);
    if (write(write_end, "r", 1) != 1)
        _exit(3);
}

/*
 * An alarm every @milliseconds until the call with 0: however slow the machine, one comes while the call that is to
 * be interrupted sleeps.
 */
static void alarms_every(unsigned milliseconds) {
    struct timeval interval = {0, (suseconds_t)milliseconds * 1000};
    setitimer(ITIMER_REAL, &(struct itimerval){interval, interval}, NULL);
}

static void interrupted_reads(void) {
    int ends[2];
    char byte = '?';
    if (pipe(ends) != 0)
        fail_errno("pipe");
    write_end = ends[1];
    install(SIGALRM, note, 0);
    alarms_every(30);
    fact_call("read, interrupted", read(ends[0], &byte, 1));
    install(SIGALRM, note_and_write, SA_RESTART);
    long count = read(ends[0], &byte, 1);
    alarms_every(0);
    fact("read, interrupted, SA_RESTART", "%ld %c", count, byte);
}

/* The child ends when the handler of the second half lets it. */
static void interrupted_waits(void) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0)
        fail_errno("pipe");
    write_end = ends[1];
    int pid = fork_checked();
    if (pid == 0) {
        read_all(ends[0], &byte, 1);
        _exit(0);
    }
    install(SIGALRM, note, 0);
    alarms_every(30);
    fact_call("waitpid, interrupted", waitpid(pid, NULL, 0));
    install(SIGALRM, note_and_write, SA_RESTART);
    bool found = waitpid(pid, NULL, 0) == pid;
    alarms_every(0);
    fact_true("waitpid, interrupted, SA_RESTART", found);
}

static void never_restarted(void) {
    struct timespec left = {0, 0};
    int ends[2];
    if (pipe(ends) != 0)
        fail_errno("pipe");
    struct pollfd poll_for = {ends[0], POLLIN, 0};
    install(SIGALRM, note, SA_RESTART);
    alarms_every(30);
    fact_call("pause, SA_RESTART or not", pause());
    fact_call("poll, the same", poll(&poll_for, 1, 30000));
    fact_call("nanosleep, the same", nanosleep(&(struct timespec){30, 0}, &left));
    fact_true("the time left is told", left.tv_sec >= 20 && left.tv_sec < 30);
    signal(SIGALRM, SIG_IGN);
    fact_call("nanosleep while the signal is ignored", nanosleep(&(struct timespec){0, 80000000}, NULL));
    alarms_every(0);
    fact_call("poll whose time is over", poll(&poll_for, 1, 10));
}

/* --- stopped while they wait --- */

/* Milliseconds: stopped early, continued when the time is over. Who begins again then needs most of LIMIT. */
enum { LIMIT = 2400, STOPPED_AFTER = 300, STOPPED_FOR = 2400, LATE_AFTER = 1200 };

static long wait_by_nanosleep(int end) {
    (void)end;
    return nanosleep(&(struct timespec){LIMIT / 1000, LIMIT % 1000 * 1000000}, NULL);
}

static long wait_by_poll(int end) {
    return poll(&(struct pollfd){end, POLLIN, 0}, 1, LIMIT);
}

static long wait_by_futex(int end) {
    uint32_t word = (uint32_t)end;
    long result = syscall(SYS_futex, &word, FUTEX_WAIT, word,
                          &(struct timespec){LIMIT / 1000, LIMIT % 1000 * 1000000}, NULL, 0);
    return result == -1 && errno == ETIMEDOUT ? 0 : 1;
}

static long wait_by_sigtimedwait(int end) {
    sigset_t set = set_of(SIGUSR1, SIGUSR1);
    (void)end;
    sigprocmask(SIG_BLOCK, &set, NULL);
    return sigtimedwait(&set, NULL, &(struct timespec){LIMIT / 1000, LIMIT % 1000 * 1000000});
}

static const struct {
    const char *name;
    long (*wait)(int end);
} waits[] = {
    {"nanosleep", wait_by_nanosleep},
    {"poll", wait_by_poll},
    {"futex wait", wait_by_futex},
    {"sigtimedwait", wait_by_sigtimedwait},
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum outcome { AS_LONG_AS_IT_SHOULD, LONGER, TOO_SOON, INTERRUPTED, FAILED };

/* A busy machine makes every wait longer, none shorter: who waits too long is seen by stopped_while_waiting(). */
static enum outcome wait_and_measure(unsigned which, int ready, int end) {
    double start = seconds_now();
    write_all(ready, "r", 1);
    long result = waits[which].wait(end);
    double took = (seconds_now() - start) * 1000;
    if (result != 0)
        return errno == EINTR ? INTERRUPTED : FAILED;
    return took < LIMIT / 2 ? TOO_SOON : AS_LONG_AS_IT_SHOULD;
}

static void sleep_for(long milliseconds) {
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

/* All of them at once, so that it takes no longer than one. */
static void stopped_while_waiting(void) {
    static const char *const outcomes[] = {"waits as long as it should", "waits longer", "ends too soon",
                                           "EINTR", "fails"};
    int ends[2], ready[2], pids[COUNT_OF(waits)], status;
    char bytes[COUNT_OF(waits)];
    if (pipe(ends) != 0 || pipe(ready) != 0)
        fail_errno("pipe");
    for (unsigned i = 0; i < COUNT_OF(waits); i++) {
        pids[i] = fork_checked();
        if (pids[i] == 0)
            _exit((int)wait_and_measure(i, ready[1], ends[0]));
    }
    read_all(ready[0], bytes, sizeof(bytes));
    sleep_for(STOPPED_AFTER);
    for (unsigned i = 0; i < COUNT_OF(waits); i++) {
        kill(pids[i], SIGSTOP);
        waitpid(pids[i], &status, WUNTRACED);
    }
    sleep_for(STOPPED_FOR);
    for (unsigned i = 0; i < COUNT_OF(waits); i++)
        kill(pids[i], SIGCONT);
    sleep_for(LATE_AFTER);
    for (unsigned i = 0; i < COUNT_OF(waits); i++) {
        bool late = waitpid(pids[i], &status, WNOHANG) == 0;
        int ended = late ? wait_for(pids[i]) : WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        int outcome = late && ended == AS_LONG_AS_IT_SHOULD ? LONGER : ended;
        char what[64];
        snprintf(what, sizeof(what), "%s, stopped and continued meanwhile", waits[i].name);
        fact(what, "%s", (unsigned)outcome < COUNT_OF(outcomes) ? outcomes[outcome] : "dies");
    }
}

static long futex_for_ever(void) {
    uint32_t word = 0;
    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* A wait with a limit ends with EINTR whatever the flags; one without is resumed, so only SIGKILL would end it. */
static void interrupted_futexes(void) {
    uint32_t word = 0;
    handled = 0;
    install(SIGALRM, note, SA_RESTART);
    alarms_every(30);
    fact_call("futex wait with a limit, interrupted, SA_RESTART",
              syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec){30, 0}, NULL, 0));
    install(SIGALRM, note, 0);
    fact_call("futex wait without, interrupted", futex_for_ever());
    alarms_every(0);
}

/* The calls of select's family say what is left of their time, where the limit was. */
static void time_left_of_polls(void) {
    struct pollfd nothing = {-1, 0, 0};
    struct timespec limit = {30, 0};
    struct timeval select_limit = {30, 0};
    install(SIGALRM, note, SA_RESTART);
    alarms_every(30);
    fact_call("pselect6, interrupted", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &limit, NULL));
    fact_true("it tells the time left", limit.tv_sec >= 20 && limit.tv_sec < 30);
    limit = (struct timespec){30, 0};
    fact_call("ppoll, interrupted", syscall(SYS_ppoll, &nothing, 1, &limit, NULL, 8));
    fact_true("it tells the time left", limit.tv_sec >= 20 && limit.tv_sec < 30);
    fact_call("select, interrupted", syscall(SYS__newselect, 0, NULL, NULL, NULL, &select_limit));
    fact_true("it tells the time left", select_limit.tv_sec >= 20 && select_limit.tv_sec < 30);
    alarms_every(0);
    limit = (struct timespec){0, 1000000};
    fact_call("pselect6 whose time is over", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &limit, NULL));
    fact_true("nothing is left of it", limit.tv_sec == 0 && limit.tv_nsec == 0);
}

/* A child that waits for a signal, whose default action is not the point, and is sent it meanwhile. */
static int await(void *signal) {
    sigset_t set = set_of((int)(intptr_t)signal, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int parent = getpid(), sender = fork_checked();
    if (sender == 0) {
        usleep(30000);
        kill(parent, (int)(intptr_t)signal);
        _exit(0);
    }
    int taken = sigtimedwait(&set, NULL, &(struct timespec){20, 0});
    wait_for(sender);
    return taken == (int)(intptr_t)signal ? 0 : 1;
}

static void waiting_for_signals(void) {
    sigset_t blocked_set = set_of(SIGUSR1, SIGALRM), none;
    sigemptyset(&none);
    siginfo_t info;
    install(SIGALRM, note, 0);
    sigprocmask(SIG_BLOCK, &blocked_set, NULL);
    alarms_every(30);
    fact_call("sigsuspend", sigsuspend(&none));
    alarms_every(0);
    signal(SIGALRM, SIG_IGN); /* another one may be pending already */
    fact_true("the mask is the old one after it", blocked(SIGALRM) && blocked(SIGUSR1));
    fact("the signal was handled", "%.1s", order);
    kill(getpid(), SIGUSR1);
    fact_true("sigtimedwait takes a pending signal",
              sigtimedwait(&blocked_set, &info, &(struct timespec){1, 0}) == SIGUSR1);
    fact_true("and tells who sent it", info.si_signo == SIGUSR1 && info.si_pid == getpid());
    fact_call("sigtimedwait when none comes",
              sigtimedwait(&blocked_set, &info, &(struct timespec){0, 1000000}));
    fact("a signal that ends programs comes while it is awaited", "%d", in_child(await, (void *)SIGUSR2));
    fact("and one that does nothing", "%d", in_child(await, (void *)SIGWINCH));
    fact("and one that stops them", "%d", in_child(await, (void *)SIGTSTP));
}

/* --- timers -------------------------------------------------------------------------------------- */

/* Nearly all of it in user mode, where a timer of one's own processor time counts: a loop that asks for the
 * time in each round is in the kernel for nearly all ticks. The end is for timers that never come. */
static void spin_until(unsigned count) {
    time_t end = time(NULL) + 120;
    while (handled < count && time(NULL) < end)
        for (volatile unsigned round = 0; round < 1000000 && handled < count; round++)
            ;
}

static void timers(void) {
    struct itimerval timer = {{0, 20000}, {0, 20000}}, old;
    install(SIGALRM, note, 0);
    install(SIGVTALRM, note, 0);
    install(SIGPROF, note, 0);
    fact_call("setitimer of an unknown clock", setitimer(77, &timer, NULL));
    fact_call("setitimer of a million microseconds",
              setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000000}}, NULL));
    setitimer(ITIMER_REAL, &timer, NULL);
    spin_until(3);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, &old);
    fact("a timer that repeats", "%.3s", order);
    fact_true("the old one is told when it is stopped", old.it_interval.tv_usec == 20000);
    fact("si_code of its signal", "%#x", (unsigned)last.si_code);
    forget();
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    spin_until(2);
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){0}, NULL);
    fact_true("a timer of one's own processor time", handled >= 2 && last.si_signo == SIGVTALRM);
    forget();
    setitimer(ITIMER_PROF, &timer, NULL);
    spin_until(2);
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
    fact_true("a timer of processor time, the kernel's included", handled >= 2 && last.si_signo == SIGPROF);
    alarm(100);
    fact_true("alarm tells what was left of the one before", alarm(0) >= 50);
}

static int alarm_left(void *argument) {
    (void)argument;
    return (int)alarm(0);
}

static void inheriting(void) {
    sigset_t one = set_of(SIGUSR1, 0), now;
    alarm(100);
    fact("a child has no alarm", "%d", in_child(alarm_left, NULL));
    alarm(0);
    sigprocmask(SIG_BLOCK, &one, NULL);
    kill(getpid(), SIGUSR1);
    int pid = fork_checked();
    if (pid == 0) {
        sigpending(&now);
        _exit(blocked(SIGUSR1) + 2 * sigismember(&now, SIGUSR1));
    }
    fact("a child has the mask (1), but nothing pending (2)", "%d", wait_for(pid));
}

/* --- children ------------------------------------------------------------------------------------ */

static int exit_with(void *argument) {
    return (int)(intptr_t)argument;
}

static void children(void) {
    sigset_t chld = set_of(SIGCHLD, 0);
    siginfo_t info;
    sigprocmask(SIG_BLOCK, &chld, NULL);
    in_child(exit_with, (void *)7);
    sigwaitinfo(&chld, &info);
    fact("SIGCHLD of a child that exited: code, status", "%s, %d",
         info.si_code == CLD_EXITED ? "CLD_EXITED" : "?", info.si_status);
    in_child(raise_it, (void *)SIGTERM);
    sigwaitinfo(&chld, &info);
    fact("of one that was killed", "%s, %s", info.si_code == CLD_KILLED ? "CLD_KILLED" : "?",
         signal_name(info.si_status));
    fact_call("waitpid without a child", waitpid(-1, NULL, 0));
    signal(SIGCHLD, SIG_IGN);
    int pid = fork_checked();
    if (pid == 0)
        _exit(0);
    fact_call("waitpid while SIGCHLD is ignored", waitpid(pid, NULL, 0));
}

static void stopping(void) {
    int status, ends[2];
    char byte;
    if (pipe(ends) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(3);
    }
    waitpid(pid, &status, WUNTRACED);
    fact("a child stopped by", "%s", WIFSTOPPED(status) ? signal_name(WSTOPSIG(status)) : "nothing");
    fact("waitpid now, without waiting", "%d", waitpid(pid, &status, WNOHANG | WUNTRACED));
    kill(pid, SIGUSR2);
    fact("nor after a signal it cannot handle while it is stopped", "%d", waitpid(pid, &status, WNOHANG));
    kill(pid, SIGKILL);
    fact("a stopped child killed, 128 +", "%d", wait_for(pid));
    pid = fork_checked();
    if (pid == 0) {
        raise(SIGTSTP);
        read_all(ends[0], &byte, 1); /* it can be seen to go on before it ends */
        _exit(4);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGCONT);
    fact_true("a child continued says so", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    write_all(ends[1], "e", 1);
    fact("and ends with", "%d", wait_for(pid));
}

static const struct group groups[] = {
    {"actions", actions},
    {"default actions", defaults},
    {"sending", sending},
    {"masks", masks},
    {"pending signals", pending_signals},
    {"pending and ignored", forgotten_when_ignored},
    {"nested handlers", nesting},
    {"interrupted reads", interrupted_reads},
    {"interrupted waits", interrupted_waits},
    {"calls that are never restarted", never_restarted},
    {"stopped while they wait", stopped_while_waiting},
    {"interrupted futexes", interrupted_futexes},
    {"time left", time_left_of_polls},
    {"waiting for signals", waiting_for_signals},
    {"timers", timers},
    {"fork and signals", inheriting},
    {"children", children},
    {"stopping and continuing", stopping},
};
THEME(signal, "signals: actions, masks, interrupted calls, timers, children", groups);
