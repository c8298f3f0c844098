/*
 * Waiting for children by waitid: which are found, what is told of them, what is taken away by telling, and what is
 * refused. Raw calls, as a C library would hide what the kernel writes.
 */
#include "user/semantics/facts.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { PIDFD = 3, UNTOUCHED = 0x5A, USED_PAGES = 100 };

static siginfo_t info;
static struct rusage usage;
static int child;

static long wait_id(int which, int id, int options) {
    memset(&info, UNTOUCHED, sizeof(info));
    memset(&usage, UNTOUCHED, sizeof(usage));
    return syscall(SYS_waitid, which, id, &info, options, &usage);
}

static const char *code_name(int code) {
    static const char *const names[] = {"0",           "CLD_EXITED",  "CLD_KILLED",   "CLD_DUMPED",
                                        "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"};
    return code >= 0 && code < (int)COUNT_OF(names) ? names[code] : "?";
}

/* The result, and what siginfo says. */
static void told(const char *what, long result) {
    const char *who = info.si_pid == 0 ? "nobody" : info.si_pid == child ? "the child" : "another";
    if (result < 0)
        fact(what, "%s, %s, %s", errno_name(errno), code_name(info.si_code), who);
    else
        fact(what, "%ld, %s, %s of %s, status %d, errno %d, user %u", result, signal_name(info.si_signo),
             code_name(info.si_code), who, info.si_status, info.si_errno, (unsigned)info.si_uid);
}

/* A child that sleeps until a signal ends it. */
static int sleeping_child(void) {
    int pid = fork_checked();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static int ended_child(int status) {
    int pid = fork_checked();
    if (pid == 0)
        _exit(status);
    return pid;
}

static void ends(void) {
    child = ended_child(7);
    told("WNOWAIT", wait_id(P_PID, child, WEXITED | WNOWAIT));
    told("the same once more", wait_id(P_ALL, 0, WEXITED | WNOWAIT | WNOHANG));
    told("only stops are asked for", wait_id(P_PID, child, WSTOPPED | WCONTINUED));
    told("its end", wait_id(P_PID, child, WEXITED));
    told("it is told once", wait_id(P_PID, child, WEXITED));
    child = sleeping_child();
    told("nothing yet", wait_id(P_ALL, 0, WEXITED | WNOHANG));
    kill(child, SIGKILL);
    told("killed", wait_id(P_ALL, 0, WEXITED));
    told("nobody left", wait_id(P_ALL, 0, WEXITED | WNOHANG));
}

/* A child that uses some memory and stops. */
static int stopping_child(void) {
    int pid = fork_checked();
    if (pid != 0)
        return pid;
    memset(some_pages(USED_PAGES), 1, USED_PAGES * PAGE);
    raise(SIGSTOP);
    for (;;)
        pause();
}

static void stops(void) {
    child = stopping_child();
    told("stopped, left as it is", wait_id(P_PID, child, WSTOPPED | WNOWAIT));
    told("stopped", wait_id(P_PID, child, WSTOPPED | WEXITED));
    fact_true("it has used memory", usage.ru_maxrss > 0 && usage.ru_minflt > USED_PAGES / 2);
    told("that is told once", wait_id(P_PID, child, WSTOPPED | WNOHANG));
    kill(child, SIGCONT);
    told("continued", wait_id(P_PID, child, WCONTINUED));
    told("that too", wait_id(P_PID, child, WCONTINUED | WNOHANG));
    kill(child, SIGTERM);
    told("ended by a signal", wait_id(P_PID, child, WEXITED | WSTOPPED));
}

static void groups_of_children(void) {
    child = sleeping_child();
    setpgid(child, child);
    kill(child, SIGKILL);
    told("of a group that nobody is in", wait_id(P_PGID, child + 1, WEXITED));
    told("of our group", wait_id(P_PGID, 0, WEXITED));
    told("of group 1, which is not \"any\"", wait_id(P_PGID, 1, WEXITED));
    told("of its group", wait_id(P_PGID, child, WEXITED));
    child = ended_child(0);
    told("in our group", wait_id(P_PGID, 0, WEXITED));
}

static void written(void) {
    child = ended_child(3);
    wait_id(P_PID, child, WEXITED | WNOWAIT);
    const char *bytes = (const char *)&info;
    fact_true("siginfo behind the fields is left alone", all_bytes(bytes + 24, sizeof(info) - 24, UNTOUCHED));
    fact_call("without siginfo", syscall(SYS_waitid, P_PID, child, NULL, WEXITED | WNOWAIT, NULL));
    fact_call("siginfo nowhere", syscall(SYS_waitid, P_PID, child, nowhere(), WEXITED | WNOWAIT, NULL));
    fact_call("usage nowhere", syscall(SYS_waitid, P_PID, child, &info, WEXITED, nowhere()));
    fact_call("after that", syscall(SYS_waitid, P_PID, child, &info, WEXITED, NULL));
    fact_call("no child, siginfo nowhere", syscall(SYS_waitid, P_PID, child, nowhere(), WEXITED, NULL));
}

static void nothing_done(int number) {
    (void)number;
}

static void cut_short(void) {
    struct sigaction action = {.sa_handler = nothing_done};
    /* Again and again: one comes while we wait, however slow the machine. */
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    child = sleeping_child();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    told("a signal", wait_id(P_PID, child, WEXITED));
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    kill(child, SIGKILL);
    told("and then", wait_id(P_PID, child, WEXITED));
}

static void refused(void) {
    child = ended_child(0);
    told("no event", wait_id(P_PID, child, WNOHANG));
    told("an unknown option", wait_id(P_PID, child, WEXITED | 0x100));
    told("an unknown kind", wait_id(4, child, WEXITED));
    told("process 0", wait_id(P_PID, 0, WEXITED));
    told("a negative process", wait_id(P_PID, -1, WEXITED));
    told("a negative group", wait_id(P_PGID, -1, WEXITED));
    told("what is no file", wait_id(PIDFD, 60, WEXITED));
    told("a negative file", wait_id(PIDFD, -1, WEXITED));
    told("not a child", wait_id(P_PID, getpid(), WEXITED));
    told("the child at last", wait_id(P_PID, child, WEXITED));
}

static const struct group groups[] = {
    {"ends", ends},       {"stops", stops},         {"groups", groups_of_children},
    {"written", written}, {"cut short", cut_short}, {"refused", refused},
};
THEME(children, "waiting for children by waitid", groups);
