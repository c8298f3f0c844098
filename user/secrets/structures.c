/*
 * Structures that the kernel fills: padding and unused fields must not show what its stack held before. Right
 * before each call the kernel's stack is soiled with the secret; what comes back is searched for it. Once more
 * with another secret before it counts, as two bytes may look like anything.
 */
#include "user/secrets/secrets.h"

#include <asm/ldt.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>

enum { ROOM = 4096 };

static unsigned char out[ROOM], out2[ROOM];

/* A call that fills `out`, or `out2`, or both. */
struct probe {
    const char *name;
    long number;
    long arguments[6];
};

#define OUT  (long)out
#define OUT2 (long)out2

static size_t search(void) {
    size_t found = find_secret(out, ROOM);
    return found < ROOM ? found : find_secret(out2, ROOM);
}

/* Where the secret was found by both of two tries; ROOM: not. */
static size_t search_after(void (*fill)(const void *), const void *data) {
    size_t found = ROOM;
    for (unsigned try = 0; try < 2; try++) {
        change_secret();
        memset(out, UNTOUCHED, ROOM);
        memset(out2, UNTOUCHED, ROOM);
        fill(data);
        found = search();
        if (found == ROOM)
            return ROOM;
    }
    return found;
}

static void call(const void *data) {
    const struct probe *p = data;
    const long *a = p->arguments;
    soil_kernel_stack();
    syscall(p->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- calls ---------------------------------------------------------------------------------------- */

static void look_at_calls(const struct probe *probes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        size_t found = search_after(call, &probes[i]);
        report(probes[i].name, found < ROOM, found);
    }
}

static void look_at_files_structures(void) {
    static long no_time[2];
    int file = open("secrets.dir", O_RDONLY | O_DIRECTORY);
    const long path = (long)"secrets.dir", name = (long)"secrets.dir/a";
    const struct probe probes[] = {
        {"stat", SYS_stat, {name, OUT}},
        {"lstat", SYS_lstat, {name, OUT}},
        {"fstat", SYS_fstat, {file, OUT}},
        {"stat64", SYS_stat64, {path, OUT}},
        {"lstat64", SYS_lstat64, {name, OUT}},
        {"fstat64", SYS_fstat64, {0, OUT}},
        {"fstatat64", SYS_fstatat64, {AT_FDCWD, name, OUT, 0}},
        {"statx", SYS_statx, {AT_FDCWD, name, 0, 0xFFF, OUT}},
        {"statfs64", SYS_statfs64, {path, 84, OUT}},
        {"fstatfs64", SYS_fstatfs64, {file, 84, OUT}},
        {"getdents", SYS_getdents, {file, OUT, ROOM}},
        {"_llseek", SYS__llseek, {file, 0, 0, OUT, SEEK_SET}},
        {"getdents64", SYS_getdents64, {file, OUT, ROOM}},
        {"getcwd", SYS_getcwd, {OUT, ROOM}},
        {"readlink", SYS_readlink, {(long)"/proc/self/exe", OUT, ROOM}},
        {"pipe", SYS_pipe, {OUT}},
        {"readlinkat", SYS_readlinkat, {AT_FDCWD, (long)"/proc/self/exe", OUT, ROOM}},
        {"pipe2", SYS_pipe2, {OUT, O_CLOEXEC}},
        {"fcntl, a lock", SYS_fcntl64, {0, 12 /* F_GETLK64 */, OUT}},
        {"fcntl, a lock's older layout", SYS_fcntl64, {0, 5 /* F_GETLK */, OUT}},
        {"poll", SYS_poll, {OUT, 1, 0}},
        {"ppoll", SYS_ppoll, {OUT, 1, (long)no_time, 0, 8}},
        {"select", SYS__newselect, {3, OUT, OUT2, 0, (long)no_time}},
        {"pselect6", SYS_pselect6, {3, OUT, OUT2, 0, (long)no_time, 0}},
        {"terminal's settings", SYS_ioctl, {0, TCGETS, OUT}},
        {"terminal's size", SYS_ioctl, {0, TIOCGWINSZ, OUT}},
        {"terminal's group", SYS_ioctl, {0, TIOCGPGRP, OUT}},
        {"terminal's input", SYS_ioctl, {0, FIONREAD, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    close(file);
}

static void look_at_process_structures(void) {
    static long no_time[2];
    static const uint32_t capabilities[2] = {0x20080522}; /* version 3, the caller's */
    char *memory = allocate_pages(16 * PAGE);
    const struct probe probes[] = {
        {"getrusage", SYS_getrusage, {0, OUT}},
        {"getrusage of children", SYS_getrusage, {-1, OUT}},
        {"wait4", SYS_wait4, {-1, OUT, WNOHANG, OUT2}},
        {"uname", SYS_uname, {OUT}},
        {"sysinfo", SYS_sysinfo, {OUT}},
        {"times", SYS_times, {OUT}},
        {"time", SYS_time, {OUT}},
        {"gettimeofday", SYS_gettimeofday, {OUT, OUT2}},
        {"clock_gettime", SYS_clock_gettime, {1, OUT}},
        {"clock_gettime64", SYS_clock_gettime64, {1, OUT}},
        {"clock_gettime of the process", SYS_clock_gettime, {2, OUT}},
        {"nanosleep", SYS_nanosleep, {(long)no_time, OUT}},
        {"clock_nanosleep", SYS_clock_nanosleep, {1, 0, (long)no_time, OUT}},
        {"clock_getres", SYS_clock_getres, {1, OUT}},
        {"clock_getres_time64", SYS_clock_getres_time64, {1, OUT}},
        {"getitimer", SYS_getitimer, {0, OUT}},
        {"setitimer's old value", SYS_setitimer, {1, 0, OUT}},
        {"ugetrlimit", SYS_ugetrlimit, {3, OUT}},
        {"getrlimit", SYS_getrlimit, {3, OUT}},
        {"prlimit64", SYS_prlimit64, {0, 3, 0, OUT}},
        {"sched_getaffinity", SYS_sched_getaffinity, {0, 128, OUT}},
        {"getresuid", SYS_getresuid32, {OUT, OUT + 64, OUT2}},
        {"getresgid", SYS_getresgid32, {OUT, OUT + 64, OUT2}},
        {"getresuid, 16 bits", SYS_getresuid, {OUT, OUT + 64, OUT2}},
        {"capget", SYS_capget, {(long)capabilities, OUT}},
        {"capget, its version", SYS_capget, {OUT, 0}},
        {"getgroups", SYS_getgroups32, {100, OUT}},
        {"sigaction", SYS_sigaction, {SIGUSR2, 0, OUT}},
        {"rt_sigaction", SYS_rt_sigaction, {SIGUSR2, 0, OUT, 8}},
        {"sigprocmask", SYS_sigprocmask, {0, 0, OUT}},
        {"rt_sigprocmask", SYS_rt_sigprocmask, {0, 0, OUT, 8}},
        {"rt_sigpending", SYS_rt_sigpending, {OUT, 8}},
        {"sigaltstack", SYS_sigaltstack, {0, OUT}},
        {"rt_sigtimedwait, nothing", SYS_rt_sigtimedwait, {(long)no_time, OUT, (long)no_time, 8}},
        {"FUTEX_WAKE_OP", SYS_futex, {OUT, 5, 0, 0, OUT2, 0}},
        {"set_tid_address", SYS_set_tid_address, {OUT}},
        {"mincore", SYS_mincore, {(long)memory, 16 * PAGE, OUT}},
        {"shmctl, about all", SYS_shmctl, {0, SHM_INFO, OUT}},
        {"shmctl, limits", SYS_shmctl, {0, 3 /* IPC_INFO */, OUT}},
        {"ipc, about all", SYS_ipc, {24, 0, SHM_INFO | 0x100, 0, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    munmap(memory, 16 * PAGE);
}

static void look_at_segments(void) {
    int segment = shmget(IPC_PRIVATE, PAGE, 0600);
    const struct probe probes[] = {
        {"shmctl, a place", SYS_shmctl, {0, SHM_STAT, OUT}},
        {"shmat by ipc", SYS_ipc, {21, segment, 0, OUT, 0}},
        {"shmctl, a segment", SYS_shmctl, {segment, IPC_STAT, OUT}},
        {"shmctl, a segment, older layout", SYS_ipc, {24, segment, IPC_STAT, 0, OUT}},
        {"shmctl, a segment, newer layout", SYS_ipc, {24, segment, IPC_STAT | 0x100, 0, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    shmctl(segment, IPC_RMID, NULL);
}

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
    (void)data;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    soil_kernel_stack();
    syscall(SYS_rt_sigtimedwait, &set, out, NULL, 8);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void wait_child(const void *data) {
    (void)data;
    int pid = fork_checked();
    if (pid == 0)
        _exit(0);
    soil_kernel_stack();
    syscall(SYS_wait4, pid, out, 0, out2);
}

/* The time that is left of a sleep, and of a wait for nothing, when a signal cuts it short. */
static void cut_sleep(const void *data) {
    bool poll = *(const bool *)data;
    struct sigaction action = {.sa_handler = note_nothing};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {.it_value = {0, 2000}};
    long *time = (long *)out2;
    time[0] = 100;
    time[1] = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
    soil_kernel_stack();
    if (poll)
        syscall(SYS_ppoll, out, 0, out2, NULL, 8);
    else
        syscall(SYS_nanosleep, out2, out);
}

/* What the creation of a process tells both of them. */
static void clone_tells(const void *data) {
    (void)data;
    soil_kernel_stack();
    long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, out, 0, out2);
    if (pid == 0)
        _exit(find_secret(out2, ROOM) < ROOM);
    int status = wait_for((int)pid);
    if (status != 0)
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

void look_at_structures(void) {
    static const bool plain = false, with_info = true;
    static const struct {
        const char *name;
        void (*fill)(const void *);
        const void *data;
    } others[] = {
        {"a signal's frame", take_signal, &plain},
        {"a signal's frame with siginfo", take_signal, &with_info},
        {"siginfo of sigtimedwait", wait_signal, NULL},
        {"status and usage of a child", wait_child, NULL},
        {"what is left of a sleep", cut_sleep, &plain},
        {"what is left of a wait", cut_sleep, &with_info},
        {"clone", clone_tells, NULL},
        {"set_thread_area", set_thread_area, NULL},
    };
    if (mkdir("secrets.dir", 0700) != 0)
        fail_errno("secrets.dir");
    for (const char *name = "abcdefg"; *name != '\0'; name++) {
        char path[20];
        snprintf(path, sizeof(path), "secrets.dir/%.*s", (int)strlen(name), name);
        close(open(path, O_WRONLY | O_CREAT, 0600));
    }
    close(open("secrets.dir/a", O_WRONLY | O_CREAT, 0600));
    look_at_files_structures();
    look_at_process_structures();
    look_at_segments();
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        size_t found = search_after(others[i].fill, others[i].data);
        report(others[i].name, found < ROOM, found);
    }
}
