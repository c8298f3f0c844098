/*
 * Structures that the kernel fills: padding and unused fields must not show what its stack held before. Right
 * before each call the kernel's stack is soiled with the secret; what comes back is searched for it. Once more
 * with another secret before it counts, as two bytes may look like anything. A call that has written nothing has
 * shown nothing: that is told, too.
 */
#include "user/secrets/secrets.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>

unsigned char out[ROOM], out2[ROOM];

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

static bool untouched(const unsigned char *bytes) {
    for (unsigned i = 0; i < ROOM; i++)
        if (bytes[i] != UNTOUCHED)
            return false;
    return true;
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

void look_after(const char *what, long number, void (*fill)(const void *), const void *data) {
    size_t found = search_after(fill, data);
    if (untouched(out) && untouched(out2))
        report_silent(what);
    else
        report(what, found < ROOM, found);
    looked_at(number);
}

static void call(const void *data) {
    const struct probe *p = data;
    const long *a = p->arguments;
    soil_kernel_stack();
    syscall(p->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void look_at_calls(const struct probe *probes, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        look_after(probes[i].name, probes[i].number, call, &probes[i]);
}

/* Those that may have nothing to tell. */
static void look_if_told(const struct probe *probes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        size_t found = search_after(call, &probes[i]);
        report(probes[i].name, found < ROOM, found);
    }
}

/* A set that tells of both ends of a pipe. */
static int watched_pipe(int ends[2]) {
    struct epoll_event in = {.events = EPOLLIN}, room = {.events = EPOLLOUT};
    int set = epoll_create1(0);
    if (set < 0 || pipe(ends) != 0 || write(ends[1], "x", 1) != 1 ||
        epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &in) != 0 ||
        epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &room) != 0)
        fail_errno("epoll");
    return set;
}

static void look_at_files_structures(void) {
    static long no_time[4];
    int file = open("secrets.dir", O_RDONLY | O_DIRECTORY);
    int ends[2], set = watched_pipe(ends);
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
        {"poll", SYS_poll, {OUT, 1, 0}},
        {"ppoll", SYS_ppoll, {OUT, 1, (long)no_time, 0, 8}},
        {"select", SYS__newselect, {3, OUT, OUT2, 0, (long)no_time}},
        {"pselect6", SYS_pselect6, {3, OUT, OUT2, 0, (long)no_time, 0}},
        {"ppoll_time64", SYS_ppoll_time64, {OUT, 1, (long)no_time, 0, 8}},
        {"pselect6_time64", SYS_pselect6_time64, {3, OUT, OUT2, 0, (long)no_time, 0}},
        {"epoll_wait", SYS_epoll_wait, {set, OUT, 8, 0}},
        {"epoll_pwait", SYS_epoll_pwait, {set, OUT, 8, 0, 0, 8}},
        {"ioctl, a pipe's input", SYS_ioctl, {ends[0], FIONREAD, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    const struct probe terminal[] = {
        {"terminal's settings", SYS_ioctl, {0, TCGETS, OUT}},
        {"terminal's size", SYS_ioctl, {0, TIOCGWINSZ, OUT}},
        {"terminal's group", SYS_ioctl, {0, TIOCGPGRP, OUT}},
        {"terminal's input", SYS_ioctl, {0, FIONREAD, OUT}},
    };
    (isatty(0) ? look_at_calls : look_if_told)(terminal, COUNT_OF(terminal));
    close(file);
    close(set);
    close(ends[0]);
    close(ends[1]);
}

static void look_at_process_structures(void) {
    static const uint32_t capabilities[2] = {0x20080522}; /* version 3, the caller's */
    char *memory = allocate_pages(16 * PAGE);
    const struct probe probes[] = {
        {"getrusage", SYS_getrusage, {0, OUT}},
        {"getrusage of children", SYS_getrusage, {-1, OUT}},
        {"uname", SYS_uname, {OUT}},
        {"sysinfo", SYS_sysinfo, {OUT}},
        {"times", SYS_times, {OUT}},
        {"time", SYS_time, {OUT}},
        {"gettimeofday", SYS_gettimeofday, {OUT, OUT2}},
        {"clock_gettime", SYS_clock_gettime, {1, OUT}},
        {"clock_gettime64", SYS_clock_gettime64, {1, OUT}},
        {"clock_gettime of the process", SYS_clock_gettime, {2, OUT}},
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
        {"capset, its version", SYS_capset, {OUT, 0}},
        {"getresgid, 16 bits", SYS_getresgid, {OUT, OUT + 64, OUT2}},
        {"sigaction", SYS_sigaction, {SIGUSR2, 0, OUT}},
        {"rt_sigaction", SYS_rt_sigaction, {SIGUSR2, 0, OUT, 8}},
        {"sigprocmask", SYS_sigprocmask, {0, 0, OUT}},
        {"rt_sigprocmask", SYS_rt_sigprocmask, {0, 0, OUT, 8}},
        {"rt_sigpending", SYS_rt_sigpending, {OUT, 8}},
        {"sigaltstack", SYS_sigaltstack, {0, OUT}},
        {"FUTEX_WAKE_OP", SYS_futex, {OUT, 5, 0, 0, OUT2, 0}},
        {"FUTEX_WAKE_OP, the other call", SYS_futex_time64, {OUT, 5, 0, 0, OUT2, 0}},
        {"getrandom", SYS_getrandom, {OUT, 64, 0}},
        {"mincore", SYS_mincore, {(long)memory, 16 * PAGE, OUT}},
        {"shmctl, about all", SYS_shmctl, {0, SHM_INFO, OUT}},
        {"shmctl, limits", SYS_shmctl, {0, 3 /* IPC_INFO */, OUT}},
        {"ipc, about all", SYS_ipc, {24, 0, SHM_INFO | 0x100, 0, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    look_if_told(&(struct probe){"getgroups", SYS_getgroups32, {100, OUT}}, 1);
    munmap(memory, 16 * PAGE);
}

/* Where among all segments @segment is. */
static int place_of(int segment) {
    struct shmid_ds about;
    int highest = shmctl(0, SHM_INFO, &about);
    for (int place = 0; place <= highest; place++)
        if (shmctl(place, SHM_STAT, &about) == segment)
            return place;
    fail("segment %d has no place", segment);
}

static void look_at_segments(void) {
    int segment = shmget(IPC_PRIVATE, PAGE, 0600);
    const struct probe probes[] = {
        {"shmctl, a place", SYS_shmctl, {place_of(segment), SHM_STAT, OUT}},
        {"shmat by ipc", SYS_ipc, {21, segment, 0, OUT, 0}},
        {"shmctl, a segment", SYS_shmctl, {segment, IPC_STAT, OUT}},
        {"shmctl, a segment, older layout", SYS_ipc, {24, segment, IPC_STAT, 0, OUT}},
        {"shmctl, a segment, newer layout", SYS_ipc, {24, segment, IPC_STAT | 0x100, 0, OUT}},
    };
    look_at_calls(probes, COUNT_OF(probes));
    shmctl(segment, IPC_RMID, NULL);
}

void look_at_structures(void) {
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
    look_at_events();
    report_calls();
}
