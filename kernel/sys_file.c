/*
 * System calls on open files: open to close, reading and writing, descriptors, pipes.
 *
 * The work is done by fs/file.h; here are the descriptor table, the flags, and the vectors. A broken pipe
 * becomes SIGPIPE here, because a file system knows no processes.
 */
#include "arch/x86/usercopy.h"
#include "fs/direct.h"
#include "fs/mode.h"
#include "kernel/descriptor.h"
#include "kernel/filelock.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include <linux/uio.h>

#define MEMFD_NAME_BYTES 250         /* as Linux: with "memfd:" in front it is a file name */
#define TRANSFER_MAX     0x7FFFF000u /* as Linux: the result must fit a signed long */

/* --- open and close --- */

long sys_openat(int directory_fd, vaddr_t user_path, unsigned flags, unsigned mode) {
    int error;
    char *path = path_argument(user_path, &error);
    if (!path)
        return error;
    struct vnode *start;
    struct file *file;
    error = path_start(directory_fd, path, &start);
    if (!error) {
        error = file_open(start, path, flags, mode & 07777 & ~process_current()->umask, &file);
        path_start_release(start);
    }
    path_argument_free(path);
    return error ? error : descriptor_allocate(file, 0, flags & O_CLOEXEC);
}

long sys_open(vaddr_t user_path, unsigned flags, unsigned mode) {
    return sys_openat(AT_FDCWD, user_path, flags, mode);
}

/* The name is for debuggers, and there is nobody to tell it to; nothing can be sealed. */
long sys_memfd_create(vaddr_t user_name, unsigned flags) {
    char name[MEMFD_NAME_BYTES];
    struct vnode *vnode;
    struct file *file;
    int length = user_string(name, user_name, sizeof name);
    if (length < 0 || (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING)))
        return length == -EFAULT ? length : -EINVAL;
    int error = tmpfs_make_unnamed(&vnode);
    if (error)
        return error;
    error = file_open_vnode(vnode, O_RDWR, &file);
    if (error)
        vnode_unref(vnode);
    return error ? error : descriptor_allocate(file, 0, flags & MFD_CLOEXEC);
}

long sys_creat(vaddr_t user_path, unsigned mode) {
    return sys_openat(AT_FDCWD, user_path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_close(int fd) {
    struct file *file = descriptor_take(fd);
    if (!file)
        return -EBADF;
    descriptor_close(file);
    return 0;
}

/* --- reading and writing --- */

static long write_or_sigpipe(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position) {
    long written = file_write(file, buffer, bytes, position);
    if (written == -EPIPE)
        signal_send_process(process_current(), SIGPIPE);
    return written;
}

long sys_read(int fd, vaddr_t buffer, size_t bytes) {
    struct file *file = descriptor_file(fd);
    return file ? file_read(file, buffer, bytes, NULL) : -EBADF;
}

long sys_write(int fd, vaddr_t buffer, size_t bytes) {
    struct file *file = descriptor_file(fd);
    return file ? write_or_sigpipe(file, buffer, bytes, NULL) : -EBADF;
}

long sys_pread64(int fd, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct file *file = descriptor_file(fd);
    return file ? file_read(file, buffer, bytes, &position) : -EBADF;
}

long sys_pwrite64(int fd, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct file *file = descriptor_file(fd);
    return file ? file_write(file, buffer, bytes, &position) : -EBADF;
}

typedef long transfer_function(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position);

/* One piece after the other; the first that comes up short ends it. @position NULL: the file's own. */
static long transfer_vector(struct file *file, vaddr_t vector, unsigned count, uint64_t *position,
                            transfer_function *transfer) {
    long total = 0;
    if (count > UIO_MAXIOV)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        struct iovec piece;
        long done = user_read(&piece, vector + i * sizeof piece, sizeof piece);
        if (done == 0 && piece.iov_len > 0)
            done = transfer(file, (vaddr_t)piece.iov_base, MIN(piece.iov_len, TRANSFER_MAX - (size_t)total),
                            position);
        else if (done == 0)
            continue;
        if (done < 0)
            return total > 0 ? total : done;
        total += done;
        if (position)
            *position += (uint64_t)done;
        if ((size_t)done < piece.iov_len)
            break;
    }
    return total;
}

long sys_readv(int fd, vaddr_t vector, unsigned count) {
    struct file *file = descriptor_file(fd);
    return file ? transfer_vector(file, vector, count, NULL, file_read) : -EBADF;
}

long sys_writev(int fd, vaddr_t vector, unsigned count) {
    struct file *file = descriptor_file(fd);
    return file ? transfer_vector(file, vector, count, NULL, write_or_sigpipe) : -EBADF;
}

long sys_preadv(int fd, vaddr_t vector, unsigned count, uint64_t position) {
    struct file *file = descriptor_file(fd);
    return file ? transfer_vector(file, vector, count, &position, file_read) : -EBADF;
}

long sys_pwritev(int fd, vaddr_t vector, unsigned count, uint64_t position) {
    struct file *file = descriptor_file(fd);
    return file ? transfer_vector(file, vector, count, &position, file_write) : -EBADF;
}

long sys_lseek(int fd, long offset, int whence) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    long long position = file_seek(file, offset, whence);
    return position > 0x7FFFFFFF ? -EOVERFLOW : (long)position;
}

long sys_llseek(int fd, uint32_t high, uint32_t low, vaddr_t result, int whence) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    long long position = file_seek(file, (long long)((uint64_t)high << 32 | low), whence);
    return position < 0 ? (long)position : user_write(result, &position, sizeof position);
}

long sys_ftruncate64(int fd, uint64_t size) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    if ((file->flags & O_ACCMODE) == O_RDONLY || !file->vnode->has_pages || (int64_t)size < 0)
        return -EINVAL;
    return vnode_truncate(file->vnode, size);
}

long sys_ftruncate(int fd, long size) {
    return sys_ftruncate64(fd, (uint64_t)(int64_t)size);
}

/*
 * No file system here gives out blocks ahead of what is written, as ext2 does not on Linux: C libraries write zeros
 * instead. The other refusals are Linux's.
 */
long sys_fallocate(int fd, unsigned mode, uint32_t offset_low, int32_t offset_high, uint32_t bytes_low,
                   int32_t bytes_high) {
    const struct file *file = descriptor_file(fd);
    (void)offset_low;
    if (!file)
        return -EBADF;
    if (offset_high < 0 || bytes_high < 0 || (bytes_high == 0 && bytes_low == 0))
        return -EINVAL;
    if (mode != 0)
        return -EOPNOTSUPP;
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (S_ISFIFO(file->vnode->mode))
        return -ESPIPE;
    return S_ISREG(file->vnode->mode) || S_ISBLK(file->vnode->mode) ? -EOPNOTSUPP : -ENODEV;
}

long sys_fsync(int fd) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    return file_sync(file);
}

long sys_sync(void) {
    mounts_sync(); /* as POSIX has it, no way to report an error: fsync has one */
    return 0;
}

long sys_syncfs(int fd) {
    struct file *file = descriptor_file(fd);
    return file ? file_sync_system(file) : -EBADF;
}

/* --- descriptors --- */

static long duplicate(int fd, int lowest, bool close_on_exec) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    if (lowest < 0 || lowest >= FILES_MAX)
        return -EINVAL;
    file_ref(file);
    return descriptor_allocate(file, lowest, close_on_exec);
}

long sys_dup(int fd) {
    return duplicate(fd, 0, false);
}

long sys_dup3(int fd, int to, unsigned flags) {
    struct file *file = descriptor_file(fd);
    if (!file || to < 0 || to >= FILES_MAX)
        return -EBADF;
    if (fd == to || (flags & ~(unsigned)O_CLOEXEC))
        return -EINVAL;
    file_ref(file);
    struct file *replaced = descriptor_take(to);
    process_current()->files[to] = file;
    descriptor_set_close_on_exec(to, flags & O_CLOEXEC);
    if (replaced)
        descriptor_close(replaced);
    return to;
}

long sys_dup2(int fd, int to) {
    if (fd == to)
        return descriptor_file(fd) ? to : -EBADF;
    return sys_dup3(fd, to, 0);
}

#define SETTABLE_FLAGS ((unsigned)(O_APPEND | O_NONBLOCK | O_DIRECT))

static long set_status_flags(struct file *file, unsigned flags) {
    if (flags & O_DIRECT && !direct_possible(file->vnode))
        return -EINVAL;
    file->flags = (file->flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
    return 0;
}

long sys_fcntl(int fd, unsigned command, unsigned long argument) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
        return duplicate(fd, (int)argument, false);
    case F_DUPFD_CLOEXEC:
        return duplicate(fd, (int)argument, true);
    case F_GETFD:
        return process_current()->close_on_exec >> fd & 1 ? FD_CLOEXEC : 0;
    case F_SETFD:
        descriptor_set_close_on_exec(fd, argument & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return (long)(file->flags & ~(unsigned)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC));
    case F_SETFL:
        return set_status_flags(file, (unsigned)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_GETLK64:
    case F_SETLK64:
    case F_SETLKW64:
        return filelock_fcntl(file, command, argument);
    default:
        return -EINVAL;
    }
}

long sys_ioctl(int fd, unsigned request, vaddr_t argument) {
    struct file *file = descriptor_file(fd);
    int on;
    if (!file)
        return -EBADF;
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        descriptor_set_close_on_exec(fd, request == FIOCLEX);
        return 0;
    case FIONBIO:
        if (user_read(&on, argument, sizeof on))
            return -EFAULT;
        return set_status_flags(file, on ? file->flags | O_NONBLOCK : file->flags & ~(unsigned)O_NONBLOCK);
    default:
        if (!file->vnode->operations->ioctl)
            return -ENOTTY;
        return file->vnode->operations->ioctl(file->vnode, request, argument);
    }
}

/* --- pipes --- */

/* The two ends as descriptors; whatever fails, nothing stays open. */
static int open_pipe(unsigned flags, int fds[2]) {
    struct vnode *pipe;
    struct file *reader, *writer;
    int error = pipe_create(&pipe);
    if (error)
        return error;
    vnode_ref(pipe); /* one reference for each end */
    error = file_open_vnode(pipe, O_RDONLY | (flags & O_NONBLOCK), &reader);
    if (error) {
        vnode_unref(pipe);
        vnode_unref(pipe);
        return error;
    }
    error = file_open_vnode(pipe, O_WRONLY | (flags & O_NONBLOCK), &writer);
    if (error) {
        vnode_unref(pipe);
        file_unref(reader);
        return error;
    }
    fds[0] = descriptor_allocate(reader, 0, flags & O_CLOEXEC);
    fds[1] = fds[0] < 0 ? -EMFILE : descriptor_allocate(writer, 0, flags & O_CLOEXEC);
    if (fds[0] < 0)
        file_unref(writer);
    else if (fds[1] < 0)
        file_unref(descriptor_take(fds[0]));
    return fds[1] < 0 ? fds[1] : 0;
}

long sys_pipe2(vaddr_t user_fds, unsigned flags) {
    int fds[2];
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int error = open_pipe(flags, fds);
    if (!error && user_write(user_fds, fds, sizeof fds)) {
        sys_close(fds[0]);
        sys_close(fds[1]);
        error = -EFAULT;
    }
    return error;
}

long sys_pipe(vaddr_t user_fds) {
    return sys_pipe2(user_fds, 0);
}
