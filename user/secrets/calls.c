/*
 * Is every call looked at? Each call that the kernel has is here, by what it writes to its program's memory.
 * Those that fill something must have been looked at, with something written, when all is done (structures.c,
 * events.c). The others stand under the reason why there is nothing to look for. tests/secrets/calls compares the
 * list with the kernel's table, and what is said to write nothing with the kernel's source.
 */
#include "user/secrets/secrets.h"

#include <asm/unistd_32.h>

enum written {
    FILLS,      /* a structure, a word or some bytes of the kernel's making */
    COPIES,     /* bytes of files, pipes and devices: files.c looks at what comes of holes, tails and ends */
    GIVES,      /* pages: memory.c looks at them */
    BEGINS,     /* a program: start.c looks at what it finds */
    LEAVES_TID, /* a zero, where set_tid_address or clone has said: events.c looks at the end of a thread */
    NOTHING,    /* its result is in a register */
};

static const char *const written_names[] = {"fills", "copies", "gives", "begins", "leaves-tid", "nothing"};

#define ROW(name, written)                                                                                   \
    { #name, __NR_##name, written }
#define FILLS(name)      ROW(name, FILLS)
#define COPIES(name)     ROW(name, COPIES)
#define GIVES(name)      ROW(name, GIVES)
#define BEGINS(name)     ROW(name, BEGINS)
#define LEAVES_TID(name) ROW(name, LEAVES_TID)
#define NOTHING(name)    ROW(name, NOTHING)

// clang-format off
static const struct {
    const char *name;
    unsigned number;
    enum written written;
} calls[] = {

    /* open files */
    NOTHING(open), NOTHING(openat), NOTHING(creat), NOTHING(memfd_create), NOTHING(close),
    COPIES(read), NOTHING(write), COPIES(readv), NOTHING(writev),
    COPIES(pread64), NOTHING(pwrite64), COPIES(preadv), NOTHING(pwritev),
    NOTHING(lseek), FILLS(_llseek), NOTHING(ftruncate), NOTHING(ftruncate64), NOTHING(fallocate),
    NOTHING(fsync), NOTHING(fdatasync), NOTHING(sync), NOTHING(syncfs),
    NOTHING(dup), NOTHING(dup2), NOTHING(dup3), FILLS(fcntl), FILLS(fcntl64), NOTHING(flock), FILLS(ioctl),
    FILLS(pipe), FILLS(pipe2),
    FILLS(poll), FILLS(ppoll), FILLS(ppoll_time64),
    FILLS(_newselect), FILLS(pselect6), FILLS(pselect6_time64),
    NOTHING(epoll_create), NOTHING(epoll_create1), NOTHING(epoll_ctl), FILLS(epoll_wait), FILLS(epoll_pwait),

    /* names */
    NOTHING(mkdir), NOTHING(mkdirat), NOTHING(mknod), NOTHING(mknodat), NOTHING(unlink), NOTHING(unlinkat),
    NOTHING(rmdir),
    NOTHING(rename), NOTHING(renameat), NOTHING(renameat2), NOTHING(link), NOTHING(linkat), NOTHING(symlink),
    NOTHING(symlinkat),
    FILLS(readlink), FILLS(readlinkat), NOTHING(access), NOTHING(faccessat), NOTHING(faccessat2),
    NOTHING(chmod), NOTHING(fchmod), NOTHING(fchmodat), NOTHING(chown), NOTHING(lchown),
    NOTHING(fchown), NOTHING(chown32), NOTHING(lchown32), NOTHING(fchown32), NOTHING(fchownat),
    NOTHING(utimes), NOTHING(utimensat), NOTHING(utimensat_time64), NOTHING(truncate), NOTHING(truncate64),
    NOTHING(chdir), NOTHING(fchdir), FILLS(getcwd), NOTHING(umask),
    FILLS(stat), FILLS(lstat), FILLS(fstat), FILLS(stat64), FILLS(lstat64), FILLS(fstat64), FILLS(fstatat64),
    FILLS(statx), FILLS(statfs64), FILLS(fstatfs64), FILLS(getdents), FILLS(getdents64),

    /* memory */
    GIVES(brk), GIVES(mmap), GIVES(mmap2), NOTHING(munmap), NOTHING(mprotect), GIVES(mremap), NOTHING(msync),
    GIVES(madvise), FILLS(mincore), NOTHING(mlock), NOTHING(mlock2), NOTHING(munlock), NOTHING(mlockall),
    NOTHING(munlockall),
    FILLS(ipc), NOTHING(shmget), GIVES(shmat), NOTHING(shmdt), FILLS(shmctl),

    /* processes */
    BEGINS(fork), BEGINS(vfork), FILLS(clone), BEGINS(execve), LEAVES_TID(exit), LEAVES_TID(exit_group),
    FILLS(wait4), FILLS(waitpid), FILLS(waitid), FILLS(getrusage),
    NOTHING(getpid), NOTHING(gettid), NOTHING(getppid), NOTHING(getpgid), NOTHING(getpgrp), NOTHING(getsid),
    NOTHING(setpgid),
    NOTHING(setsid),
    NOTHING(getuid), NOTHING(geteuid), NOTHING(getgid), NOTHING(getegid),
    NOTHING(getuid32), NOTHING(geteuid32), NOTHING(getgid32),
    NOTHING(getegid32), NOTHING(setuid), NOTHING(setgid), NOTHING(setuid32),
    NOTHING(setgid32), NOTHING(getgroups), NOTHING(getgroups32), FILLS(getresuid),
    FILLS(getresgid), FILLS(getresuid32), FILLS(getresgid32),
    FILLS(capget), FILLS(capset), NOTHING(set_tid_address), FILLS(set_thread_area),
    FILLS(ugetrlimit), FILLS(getrlimit), NOTHING(setrlimit), FILLS(prlimit64),
    NOTHING(sched_yield), FILLS(sched_getaffinity),

    /* signals */
    NOTHING(signal), FILLS(sigaction), FILLS(rt_sigaction), FILLS(sigprocmask), FILLS(rt_sigprocmask),
    FILLS(rt_sigpending), NOTHING(sigreturn), NOTHING(rt_sigreturn), FILLS(sigaltstack),
    NOTHING(pause), NOTHING(sigsuspend), NOTHING(rt_sigsuspend),
    FILLS(rt_sigtimedwait), FILLS(rt_sigtimedwait_time64), NOTHING(kill), NOTHING(tkill), NOTHING(tgkill),
    NOTHING(rt_sigqueueinfo), FILLS(futex), FILLS(futex_time64),

    /* time */
    FILLS(time), FILLS(gettimeofday), FILLS(times), FILLS(clock_gettime), FILLS(clock_gettime64),
    FILLS(clock_getres), FILLS(clock_getres_time64), FILLS(nanosleep), FILLS(clock_nanosleep),
    FILLS(clock_nanosleep_time64), FILLS(getitimer), FILLS(setitimer), NOTHING(alarm),

    /* the machine */
    FILLS(uname), FILLS(sysinfo), FILLS(getrandom), NOTHING(reboot),
};
// clang-format on

static bool seen[512];

void looked_at(long number) {
    seen[number] = true;
}

void report_calls(void) {
    for (unsigned i = 0; i < COUNT_OF(calls); i++)
        if (calls[i].written == FILLS && !seen[calls[i].number])
            report_silent(calls[i].name);
}

void list_calls(void) {
    for (unsigned i = 0; i < COUNT_OF(calls); i++)
        printf("%s %s\n", calls[i].name, written_names[calls[i].written]);
}
