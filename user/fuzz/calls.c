/*
 * The calls, and the kind of each argument as a letter (arguments.c has the list). What stands here is what
 * the kernel implements; other numbers are tried without knowledge of their arguments.
 */
#include "user/fuzz/fuzz.h"

#include <asm/unistd_32.h>

#define CALL(name, kinds)                                                                                    \
    { #name, __NR_##name, kinds }

// clang-format off
const struct call calls[] = {
    /* open files */
    CALL(open, "pxo"), CALL(openat, "dpxo"), CALL(creat, "po"), CALL(memfd_create, "px"), CALL(close, "f"),
    CALL(read, "fbl"), CALL(write, "fbl"), CALL(readv, "fvc"), CALL(writev, "fvc"),
    CALL(pread64, "fblLH"), CALL(pwrite64, "fblLH"), CALL(preadv, "fvcLH"), CALL(pwritev, "fvcLH"),
    CALL(lseek, "fLw"), CALL(_llseek, "fHLbw"), CALL(ftruncate, "fL"), CALL(ftruncate64, "fLH"),
    CALL(fallocate, "fsLHLH"),
    CALL(fsync, "f"), CALL(fdatasync, "f"), CALL(sync, ""), CALL(syncfs, "f"),
    CALL(dup, "f"), CALL(dup2, "ff"), CALL(dup3, "ffx"), CALL(fcntl, "fNK"), CALL(fcntl64, "fNK"),
    CALL(flock, "fs"), CALL(ioctl, "fIb"), CALL(pipe, "b"), CALL(pipe2, "bx"),
    CALL(poll, "PsW"), CALL(ppoll, "Pstqz"), CALL(ppoll_time64, "Pstqz"), CALL(_newselect, "sSSSt"),
    CALL(pselect6, "sSSStB"), CALL(pselect6_time64, "sSSStB"),
    CALL(epoll_create, "s"), CALL(epoll_create1, "x"), CALL(epoll_ctl, "fsfB"), CALL(epoll_wait, "fbsW"),
    CALL(epoll_pwait, "fbsWqz"),
    /* names */
    CALL(mkdir, "po"), CALL(mkdirat, "dpo"), CALL(mknod, "poD"), CALL(mknodat, "dpoD"), CALL(unlink, "p"),
    CALL(unlinkat, "dpx"), CALL(rmdir, "p"), CALL(rename, "pp"), CALL(renameat, "dpdp"),
    CALL(renameat2, "dpdpx"), CALL(link, "pp"), CALL(linkat, "dpdpx"), CALL(symlink, "pp"),
    CALL(symlinkat, "pdp"), CALL(readlink, "pbl"), CALL(readlinkat, "dpbl"), CALL(access, "ps"),
    CALL(faccessat, "dps"), CALL(faccessat2, "dpsx"), CALL(chmod, "po"), CALL(fchmod, "fo"),
    CALL(fchmodat, "dpo"), CALL(chown, "p.."), CALL(lchown, "p.."), CALL(fchown, "f.."), CALL(chown32, "p.."),
    CALL(lchown32, "p.."), CALL(fchown32, "f.."), CALL(fchownat, "dp..x"), CALL(utimes, "pt"),
    CALL(utimensat, "dptx"), CALL(utimensat_time64, "dptx"), CALL(truncate, "pL"), CALL(truncate64, "pLH"),
    CALL(chdir, "p"), CALL(fchdir, "f"), CALL(getcwd, "bl"), CALL(umask, "o"),
    CALL(stat, "pb"), CALL(lstat, "pb"), CALL(fstat, "fb"), CALL(stat64, "pb"), CALL(lstat64, "pb"),
    CALL(fstat64, "fb"), CALL(fstatat64, "dpbx"), CALL(statx, "dpx.b"), CALL(statfs64, "pZb"),
    CALL(fstatfs64, "fZb"), CALL(getdents, "fbl"), CALL(getdents64, "fbl"),
    /* memory */
    CALL(brk, "a"), CALL(mmap, "y"), CALL(mmap2, "anrmfL"), CALL(munmap, "an"), CALL(mprotect, "anr"),
    CALL(mremap, "annsa"), CALL(msync, "ans"), CALL(madvise, "anM"), CALL(mincore, "anb"), CALL(mlock, "an"),
    CALL(mlock2, "ans"), CALL(munlock, "an"), CALL(mlockall, "s"), CALL(munlockall, ""),
    CALL(ipc, "shnsba"), CALL(shmget, "enx"), CALL(shmat, "hax"), CALL(shmdt, "a"), CALL(shmctl, "hGb"),
    /* processes */
    CALL(fork, ""), CALL(vfork, ""), CALL(clone, "Cabub"), CALL(execve, "pVV"), CALL(exit, "."),
    CALL(exit_group, "."), CALL(wait4, "ibsb"), CALL(waitpid, "ibs"), CALL(waitid, "cibsb"), CALL(getrusage, "sb"), CALL(getpid, ""),
    CALL(gettid, ""), CALL(getppid, ""), CALL(getpgid, "i"), CALL(getpgrp, ""), CALL(getsid, "i"),
    CALL(setpgid, "ii"), CALL(setsid, ""), CALL(getuid, ""), CALL(geteuid, ""), CALL(getgid, ""),
    CALL(getegid, ""), CALL(getuid32, ""), CALL(geteuid32, ""), CALL(getgid32, ""), CALL(getegid32, ""),
    CALL(setuid, "s"), CALL(setgid, "s"), CALL(setuid32, "s"), CALL(setgid32, "s"), CALL(getgroups, "sb"),
    CALL(getgroups32, "sb"), CALL(getresuid, "bbb"), CALL(getresgid, "bbb"), CALL(getresuid32, "bbb"),
    CALL(getresgid32, "bbb"), CALL(capget, "bb"), CALL(capset, "bb"), CALL(set_tid_address, "b"), CALL(set_thread_area, "u"),
    CALL(ugetrlimit, "sb"), CALL(getrlimit, "sb"), CALL(setrlimit, "Rb"), CALL(prlimit64, "iRbb"),
    CALL(sched_yield, ""), CALL(sched_getaffinity, "ilb"),
    /* signals */
    CALL(signal, "ga"), CALL(sigaction, "gAb"), CALL(rt_sigaction, "gAbz"), CALL(sigprocmask, "sqb"),
    CALL(rt_sigprocmask, "sqbz"), CALL(rt_sigpending, "bz"), CALL(sigreturn, "X"), CALL(rt_sigreturn, "X"),
    CALL(sigaltstack, "Bb"), CALL(pause, ""), CALL(sigsuspend, "..Q"), CALL(rt_sigsuspend, "qz"),
    CALL(rt_sigtimedwait, "qbtz"), CALL(rt_sigtimedwait_time64, "qbtz"), CALL(kill, "kg"), CALL(tkill, "kg"),
    CALL(tgkill, "kkg"), CALL(rt_sigqueueinfo, "kgB"), CALL(futex, "FO.tFs"), CALL(futex_time64, "FO.tFs"),
    /* time */
    CALL(time, "b"), CALL(gettimeofday, "bb"), CALL(times, "b"), CALL(clock_gettime, "sb"),
    CALL(clock_gettime64, "sb"), CALL(clock_getres, "sb"), CALL(clock_getres_time64, "sb"),
    CALL(nanosleep, "tb"), CALL(clock_nanosleep, "sstb"), CALL(clock_nanosleep_time64, "sstb"),
    CALL(getitimer, "sb"), CALL(setitimer, "stb"), CALL(alarm, "s"),
    /* the machine */
    CALL(uname, "b"), CALL(sysinfo, "b"), CALL(getrandom, "blx"), CALL(reboot, "..."),
};
// clang-format on
const unsigned call_count = COUNT_OF(calls);
