/*
 * System calls: the table's row type, restarting, and the functions, one for each number, which
 * kernel/sys_*.c implement. Their parameters are those of the Linux call, in registers' order; 64-bit
 * values take two registers, low half first, as i386 passes them. They return a result or negative errno.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include "lib/types.h"

/* What becomes of a call that a signal cut short with -EINTR. */
enum restart {
    RESTART_NEVER,
    RESTART_ALWAYS,          /* again unless a handler without SA_RESTART was entered */
    RESTART_WITHOUT_HANDLER, /* again unless a handler was entered: sleeps and polls */
};

/* The name of system call @number, for traces; NULL: unknown. */
const char *syscall_name(uint32_t number);

/* sys_file.c */
long sys_openat(int directory_fd, vaddr_t user_path, unsigned flags, unsigned mode);
long sys_open(vaddr_t user_path, unsigned flags, unsigned mode);
long sys_creat(vaddr_t user_path, unsigned mode);
long sys_memfd_create(vaddr_t user_name, unsigned flags);
long sys_close(int fd);
long sys_read(int fd, vaddr_t buffer, size_t bytes);
long sys_write(int fd, vaddr_t buffer, size_t bytes);
long sys_pread64(int fd, vaddr_t buffer, size_t bytes, uint64_t position);
long sys_pwrite64(int fd, vaddr_t buffer, size_t bytes, uint64_t position);
long sys_readv(int fd, vaddr_t vector, unsigned count);
long sys_writev(int fd, vaddr_t vector, unsigned count);
long sys_preadv(int fd, vaddr_t vector, unsigned count, uint64_t position);
long sys_pwritev(int fd, vaddr_t vector, unsigned count, uint64_t position);
long sys_lseek(int fd, long offset, int whence);
long sys_llseek(int fd, uint32_t high, uint32_t low, vaddr_t result, int whence);
long sys_fallocate(int fd, unsigned mode, uint32_t offset_low, int32_t offset_high, uint32_t bytes_low,
                   int32_t bytes_high);
long sys_ftruncate64(int fd, uint64_t size);
long sys_ftruncate(int fd, long size);
long sys_fsync(int fd);
long sys_sync(void);
long sys_syncfs(int fd);
long sys_dup(int fd);
long sys_dup3(int fd, int to, unsigned flags);
long sys_dup2(int fd, int to);
long sys_fcntl(int fd, unsigned command, unsigned long argument);
long sys_ioctl(int fd, unsigned request, vaddr_t argument);
long sys_pipe2(vaddr_t user_fds, unsigned flags);
long sys_pipe(vaddr_t user_fds);

/* sys_path.c */
long sys_mkdirat(int directory_fd, vaddr_t user_path, unsigned mode);
long sys_mkdir(vaddr_t user_path, unsigned mode);
long sys_mknodat(int directory_fd, vaddr_t user_path, unsigned mode, unsigned device);
long sys_mknod(vaddr_t user_path, unsigned mode, unsigned device);
long sys_unlinkat(int directory_fd, vaddr_t user_path, unsigned flags);
long sys_unlink(vaddr_t user_path);
long sys_rmdir(vaddr_t user_path);
long sys_renameat2(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path, unsigned flags);
long sys_renameat(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path);
long sys_rename(vaddr_t old_path, vaddr_t new_path);
long sys_linkat(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path, unsigned flags);
long sys_link(vaddr_t old_path, vaddr_t new_path);
long sys_symlinkat(vaddr_t user_target, int directory_fd, vaddr_t user_path);
long sys_symlink(vaddr_t target, vaddr_t user_path);
long sys_readlinkat(int directory_fd, vaddr_t user_path, vaddr_t buffer, int size);
long sys_readlink(vaddr_t user_path, vaddr_t buffer, int size);
long sys_faccessat2(int directory_fd, vaddr_t user_path, unsigned mode, unsigned flags);
long sys_faccessat(int directory_fd, vaddr_t user_path, unsigned mode);
long sys_access(vaddr_t user_path, unsigned mode);
long sys_fchmodat(int directory_fd, vaddr_t user_path, unsigned mode);
long sys_chmod(vaddr_t user_path, unsigned mode);
long sys_fchmod(int fd, unsigned mode);
long sys_fchownat(int directory_fd, vaddr_t user_path, uint32_t uid, uint32_t gid, unsigned flags);
long sys_chown32(vaddr_t user_path, uint32_t uid, uint32_t gid);
long sys_lchown32(vaddr_t user_path, uint32_t uid, uint32_t gid);
long sys_fchown32(int fd, uint32_t uid, uint32_t gid);
long sys_utimensat_time64(int directory_fd, vaddr_t user_path, vaddr_t user_times, unsigned flags);
long sys_utimensat(int directory_fd, vaddr_t user_path, vaddr_t user_times, unsigned flags);
long sys_utimes(vaddr_t user_path, vaddr_t user_times);
long sys_truncate64(vaddr_t user_path, uint64_t size);
long sys_truncate(vaddr_t user_path, long size);
long sys_chdir(vaddr_t user_path);
long sys_fchdir(int fd);
long sys_getcwd(vaddr_t buffer, size_t size);
long sys_umask(unsigned mask);

/* sys_stat.c */
long sys_fstatat64(int directory_fd, vaddr_t user_path, vaddr_t buffer, unsigned flags);
long sys_stat64(vaddr_t user_path, vaddr_t buffer);
long sys_lstat64(vaddr_t user_path, vaddr_t buffer);
long sys_fstat64(int fd, vaddr_t buffer);
long sys_stat(vaddr_t user_path, vaddr_t buffer);
long sys_lstat(vaddr_t user_path, vaddr_t buffer);
long sys_fstat(int fd, vaddr_t buffer);
long sys_statx(int directory_fd, vaddr_t user_path, unsigned flags, unsigned mask, vaddr_t buffer);
long sys_statfs64(vaddr_t user_path, size_t size, vaddr_t buffer);
long sys_fstatfs64(int fd, size_t size, vaddr_t buffer);
long sys_getdents64(int fd, vaddr_t buffer, size_t size);
long sys_getdents(int fd, vaddr_t buffer, size_t size);

/* sys_epoll.c */
long sys_epoll_create(int size);
long sys_epoll_create1(unsigned flags);
long sys_epoll_ctl(int epfd, int operation, int fd, vaddr_t user_event);
long sys_epoll_wait(int epfd, vaddr_t events, int most, int milliseconds);
long sys_epoll_pwait(int epfd, vaddr_t events, int most, int milliseconds, vaddr_t mask);

/* sys_poll.c */
long sys_poll(vaddr_t entries, unsigned count, int milliseconds);
long sys_ppoll(vaddr_t entries, unsigned count, vaddr_t timeout, vaddr_t mask);
long sys_ppoll_time64(vaddr_t entries, unsigned count, vaddr_t timeout, vaddr_t mask);
long sys_pselect6(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout, vaddr_t mask);
long sys_pselect6_time64(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout,
                         vaddr_t mask);
long sys_newselect(int count, vaddr_t read, vaddr_t write, vaddr_t except, vaddr_t timeout);

/* sys_memory.c */
long sys_brk(vaddr_t wanted);
long sys_mmap2(vaddr_t address, size_t length, unsigned protection, unsigned flags, int fd, pgoff_t page);
long sys_mmap(vaddr_t arguments);
long sys_munmap(vaddr_t address, size_t length);
long sys_mprotect(vaddr_t address, size_t length, unsigned protection);
long sys_mremap(vaddr_t old, size_t old_length, size_t new_length, unsigned flags, vaddr_t new_place);
long sys_msync(vaddr_t address, size_t length, unsigned flags);
long sys_madvise(vaddr_t address, size_t length, int advice);
long sys_mlock(vaddr_t address, size_t length);
long sys_mlock2(vaddr_t address, size_t length, unsigned flags);
long sys_munlock(vaddr_t address, size_t length);
long sys_mlockall(unsigned flags);
long sys_munlockall(void);
long sys_mincore(vaddr_t address, size_t length, vaddr_t result);

/* capability.c */
long sys_capget(vaddr_t user_header, vaddr_t user_data);
long sys_capset(vaddr_t user_header, vaddr_t user_data);

/* sys_process.c */
long sys_fork(void);
long sys_vfork(void);
long sys_clone(uint32_t flags, vaddr_t stack, vaddr_t parent_tid, vaddr_t tls, vaddr_t child_tid);
long sys_execve(vaddr_t user_path, vaddr_t argv, vaddr_t envp);
long sys_exit(int status);
long sys_exit_group(int status);
long sys_getrusage(int who, vaddr_t result);
long sys_wait4(int pid, vaddr_t user_status, unsigned options, vaddr_t user_usage);
long sys_waitpid(int pid, vaddr_t user_status, unsigned options);
long sys_waitid(int which, int id, vaddr_t user_info, unsigned options, vaddr_t user_usage);
long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_getpgid(int pid);
long sys_getpgrp(void);
long sys_getsid(int pid);
long sys_setpgid(int pid, int group);
long sys_setsid(void);
long sys_getuid(void);
long sys_setuid(uint32_t id);
long sys_getgroups(int size, vaddr_t list);
long sys_getresuid(vaddr_t real, vaddr_t effective, vaddr_t saved);
long sys_set_tid_address(vaddr_t address);
long sys_set_thread_area(vaddr_t user_descriptor);
long sys_sched_yield(void);
long sys_sched_getaffinity(int pid, size_t bytes, vaddr_t result);

/* sys_signal.c */
long sys_rt_sigaction(int signal, vaddr_t wanted, vaddr_t result, size_t mask_bytes);
long sys_sigaction(int signal, vaddr_t wanted, vaddr_t result);
long sys_signal(int signal, vaddr_t handler);
long sys_rt_sigprocmask(int how, vaddr_t set, vaddr_t old, size_t mask_bytes);
long sys_sigprocmask(int how, vaddr_t set, vaddr_t old);
long sys_rt_sigpending(vaddr_t result, size_t mask_bytes);
long sys_pause(void);
long sys_rt_sigsuspend(vaddr_t user_mask, size_t mask_bytes);
long sys_sigsuspend(int unused1, int unused2, uint32_t mask);
long sys_rt_sigtimedwait(vaddr_t set, vaddr_t info, vaddr_t timeout, size_t mask_bytes);
long sys_rt_sigtimedwait_time64(vaddr_t set, vaddr_t info, vaddr_t timeout, size_t mask_bytes);
long sys_sigreturn(void);
long sys_rt_sigreturn(void);
long sys_sigaltstack(vaddr_t wanted, vaddr_t result);
long sys_kill(int pid, int signal);
long sys_rt_sigqueueinfo(int pid, int signal, vaddr_t user_info);
long sys_tkill(int tid, int signal);
long sys_tgkill(int group, int tid, int signal);

/* sys_time.c */
long sys_clock_gettime(int clock, vaddr_t result);
long sys_clock_gettime64(int clock, vaddr_t result);
long sys_clock_getres(int clock, vaddr_t result);
long sys_clock_getres_time64(int clock, vaddr_t result);
long sys_gettimeofday(vaddr_t result, vaddr_t zone);
long sys_time(vaddr_t result);
long sys_times(vaddr_t result);
long sys_nanosleep(vaddr_t request, vaddr_t remaining);
long sys_clock_nanosleep(int clock, unsigned flags, vaddr_t request, vaddr_t remaining);
long sys_clock_nanosleep_time64(int clock, unsigned flags, vaddr_t request, vaddr_t remaining);
long sys_getitimer(int which, vaddr_t result);
long sys_setitimer(int which, vaddr_t request, vaddr_t result);
long sys_alarm(unsigned seconds);

/* sys_info.c */
long sys_uname(vaddr_t result);
long sys_sysinfo(vaddr_t result);
long sys_getrandom(vaddr_t buffer, size_t bytes, unsigned flags);
long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command);
/* futex.c */
long sys_futex(vaddr_t address, unsigned operation, uint32_t value, vaddr_t timeout, vaddr_t address2,
               uint32_t value3);
long sys_futex_time64(vaddr_t address, unsigned operation, uint32_t value, vaddr_t timeout, vaddr_t address2,
                      uint32_t value3);
/* limits.c */
long sys_ugetrlimit(unsigned resource, vaddr_t result);
long sys_getrlimit(unsigned resource, vaddr_t result);
long sys_setrlimit(unsigned resource, vaddr_t wanted);
long sys_prlimit64(int pid, unsigned resource, vaddr_t wanted, vaddr_t result);
/* shm.c */
long sys_shmget(int key, size_t size, unsigned flags);
long sys_shmat(int id, vaddr_t address, unsigned flags);
long sys_shmdt(vaddr_t address);
long sys_shmctl(int id, unsigned command, vaddr_t buffer);
long sys_ipc(unsigned call, int first, uint32_t second, vaddr_t third, vaddr_t pointer);
/* filelock.c */
long sys_flock(int fd, unsigned operation);

#endif
