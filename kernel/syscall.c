/*
 * System calls: the table, and the way from int 0x80 to a row of it.
 *
 * Numbers are Linux's for i386, from its own header. A number without a function is answered -ENOSYS and
 * logged, once each, with the program that asked: that is the list of what to build next.
 *
 * Functions declare the parameters they have, and are called with all six argument registers: three in registers,
 * three on the stack, which on i386 the caller cleans, so surplus arguments are harmless. A 64-bit parameter takes
 * two: it is the second or the fourth, as it is never half in a register.
 */
#include "kernel/syscall.h"
#include "arch/x86/abi.h"
#include "kernel/descriptor.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/vm.h"

#include <asm/unistd_32.h>

typedef long syscall_function(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);

struct syscall {
    const char *name;
    syscall_function *function; /* NULL: known by name only */
    enum restart restart;
};

enum { SOIL = 0xB5, SOILED_BYTES = 1536 }; /* user/secrets.c knows the byte */

#define FUNCTION(function)         (syscall_function *)(void (*)(void))sys_##function
#define CALL(name)                 [__NR_##name] = {#name, FUNCTION(name), RESTART_NEVER}
#define CALL_AS(name, function)    [__NR_##name] = {#name, FUNCTION(function), RESTART_NEVER}
#define CALL_AGAIN(name)           [__NR_##name] = {#name, FUNCTION(name), RESTART_ALWAYS}
#define CALL_AGAIN_AS(name, other) [__NR_##name] = {#name, FUNCTION(other), RESTART_ALWAYS}
#define CALL_SLEEP(name)           [__NR_##name] = {#name, FUNCTION(name), RESTART_WITHOUT_HANDLER}
#define CALL_SLEEP_AS(name, other) [__NR_##name] = {#name, FUNCTION(other), RESTART_WITHOUT_HANDLER}
#define REFUSED(name)              [__NR_##name] = {#name, NULL, RESTART_NEVER}

// clang-format off
static const struct syscall syscalls[] = {
    /* open files */
    CALL_AGAIN(open), CALL_AGAIN(openat), CALL(creat), CALL(memfd_create), CALL(close),
    CALL_AGAIN(read), CALL_AGAIN(write), CALL_AGAIN(readv), CALL_AGAIN(writev),
    CALL_AGAIN(pread64), CALL_AGAIN(pwrite64), CALL_AGAIN(preadv), CALL_AGAIN(pwritev),
    CALL(lseek), CALL_AS(_llseek, llseek), CALL(ftruncate), CALL(ftruncate64), CALL(fallocate),
    CALL(fsync), CALL_AS(fdatasync, fsync), CALL(sync), CALL(syncfs),
    CALL(dup), CALL(dup2), CALL(dup3), CALL_AGAIN(fcntl), CALL_AGAIN_AS(fcntl64, fcntl), CALL_AGAIN(flock), CALL_AGAIN(ioctl),
    CALL(pipe), CALL(pipe2),
    CALL_SLEEP(poll), CALL_SLEEP(ppoll), CALL_SLEEP_AS(ppoll_time64, ppoll_time64),
    CALL_SLEEP_AS(_newselect, newselect), CALL_SLEEP(pselect6), CALL_SLEEP(pselect6_time64),
    CALL(epoll_create), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),

    /* names */
    CALL(mkdir), CALL(mkdirat), CALL(mknod), CALL(mknodat), CALL(unlink), CALL(unlinkat), CALL(rmdir),
    CALL(rename), CALL(renameat), CALL(renameat2), CALL(link), CALL(linkat), CALL(symlink), CALL(symlinkat),
    CALL(readlink), CALL(readlinkat), CALL(access), CALL(faccessat), CALL(faccessat2),
    CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL_AS(chown, chown32), CALL_AS(lchown, lchown32),
    CALL_AS(fchown, fchown32), CALL(chown32), CALL(lchown32), CALL(fchown32), CALL(fchownat),
    CALL(utimes), CALL(utimensat), CALL(utimensat_time64), CALL(truncate), CALL(truncate64),
    CALL(chdir), CALL(fchdir), CALL(getcwd), CALL(umask),
    CALL(stat), CALL(lstat), CALL(fstat), CALL(stat64), CALL(lstat64), CALL(fstat64), CALL(fstatat64),
    CALL(statx), CALL(statfs64), CALL(fstatfs64), CALL(getdents), CALL(getdents64),

    /* memory */
    CALL(brk), CALL(mmap), CALL(mmap2), CALL(munmap), CALL(mprotect), CALL(mremap), CALL(msync),
    CALL(madvise), CALL(mincore), CALL(mlock), CALL(mlock2), CALL(munlock), CALL(mlockall), CALL(munlockall),
    CALL(ipc), CALL(shmget), CALL(shmat), CALL(shmdt), CALL(shmctl),

    /* processes */
    CALL(fork), CALL(vfork), CALL(clone), CALL(execve), CALL(exit), CALL(exit_group),
    CALL_AGAIN(wait4), CALL_AGAIN(waitpid), CALL_AGAIN(waitid), CALL(getrusage),
    CALL(getpid), CALL(gettid), CALL(getppid), CALL(getpgid), CALL(getpgrp), CALL(getsid), CALL(setpgid),
    CALL(setsid),
    CALL(getuid), CALL_AS(geteuid, getuid), CALL_AS(getgid, getuid), CALL_AS(getegid, getuid),
    CALL_AS(getuid32, getuid), CALL_AS(geteuid32, getuid), CALL_AS(getgid32, getuid),
    CALL_AS(getegid32, getuid), CALL(setuid), CALL_AS(setgid, setuid), CALL_AS(setuid32, setuid),
    CALL_AS(setgid32, setuid), CALL(getgroups), CALL_AS(getgroups32, getgroups), CALL(getresuid),
    CALL_AS(getresgid, getresuid), CALL_AS(getresuid32, getresuid), CALL_AS(getresgid32, getresuid),
    CALL(capget), CALL(capset), CALL(set_tid_address), CALL(set_thread_area),
    CALL(ugetrlimit), CALL(getrlimit), CALL(setrlimit), CALL(prlimit64),
    CALL(sched_yield), CALL(sched_getaffinity),

    /* signals */
    CALL(signal), CALL(sigaction), CALL(rt_sigaction), CALL(sigprocmask), CALL(rt_sigprocmask),
    CALL(rt_sigpending), CALL(sigreturn), CALL(rt_sigreturn), CALL(sigaltstack),
    CALL_SLEEP(pause), CALL_SLEEP(sigsuspend), CALL_SLEEP(rt_sigsuspend),
    CALL(rt_sigtimedwait), CALL(rt_sigtimedwait_time64), CALL(kill), CALL(tkill), CALL(tgkill),
    CALL(rt_sigqueueinfo), CALL_AGAIN(futex), CALL_AGAIN(futex_time64),

    /* time */
    CALL(time), CALL(gettimeofday), CALL(times), CALL(clock_gettime), CALL(clock_gettime64),
    CALL(clock_getres), CALL(clock_getres_time64), CALL_SLEEP(nanosleep), CALL_SLEEP(clock_nanosleep),
    CALL_SLEEP(clock_nanosleep_time64), CALL(getitimer), CALL(setitimer), CALL(alarm),

    /* the machine */
    CALL(uname), CALL(sysinfo), CALL(getrandom), CALL(reboot),

    /* refused; C libraries go on without them */
    REFUSED(set_robust_list), REFUSED(rseq), REFUSED(clone3), REFUSED(prctl),
    REFUSED(sendfile64), REFUSED(fadvise64_64), REFUSED(socketcall), REFUSED(copy_file_range),
};
// clang-format on

const char *syscall_name(uint32_t number) {
    return number < ARRAY_SIZE(syscalls) ? syscalls[number].name : NULL;
}

/* One line for each number, however often it is asked for. */
static __attribute__((noinline)) long refuse(uint32_t number) {
    static uint32_t logged[(ARRAY_SIZE(syscalls) + 31) / 32];
    static bool logged_beyond;
    const struct process *process = process_current();
    const char *name = syscall_name(number);
    if (number < ARRAY_SIZE(syscalls)) {
        uint32_t bit = 1u << number % 32;
        if (logged[number / 32] & bit)
            return -ENOSYS;
        logged[number / 32] |= bit;
    } else {
        if (logged_beyond)
            return -ENOSYS;
        logged_beyond = true;
    }
    klog("syscall: %s[%d] asked for %u (%s), which there is not", process->name, process->pid, number,
         name ? name : "unnamed");
    return -ENOSYS;
}

/*
 * What a call finds on its stack is never by chance zero: a field that it forgets to fill shows this byte, in the
 * program `secrets` looks for it. With the boot word check= only.
 */
static __attribute__((noinline)) void soil_stack(void) {
    uint8_t bytes[SOILED_BYTES];
    memset(bytes, SOIL, sizeof bytes);
}

/*
 * A signal has cut the call short: whether it is run once more is decided when it is known what the signal does.
 * After a handler, the time that a wait has left is nobody's but the program's.
 */
static __attribute__((noinline)) void cut_short(struct thread *self, uint32_t number) {
    enum restart restart = syscalls[number].restart;
    bool timed_wait = restart == RESTART_ALWAYS && self->time_limit != 0;
    self->syscall_number = number;
    self->restart = timed_wait ? RESTART_WITHOUT_HANDLER : restart;
    self->attention = true;
}

/* What the call has held is given back. A limit of its time outlives it only where it may be run once more. */
static __attribute__((noinline)) void put_away(struct thread *self) {
    descriptor_release_held();
    self->resuming = false;
    if (!self->restart)
        self->time_limit = 0;
    self->untidy = false;
}

/* Called by trap_system_call (vectors.asm). What few calls need is behind one flag each: most do little themselves. */
void kernel_syscall(struct trap_frame *frame) {
    uint32_t number = abi_syscall_number(frame);
    syscall_function *function = number < ARRAY_SIZE(syscalls) ? syscalls[number].function : NULL;
    count(COUNT_SYSCALLS);
    if (vm_options.check)
        soil_stack();
    long result = function ? function(ABI_SYSCALL_ARGUMENTS(frame)) : refuse(number);
    if (result == -EINTR)
        cut_short(thread_current, number);
    if (thread_current->untidy)
        put_away(thread_current);
    abi_set_result(frame, (uint32_t)result);
}
