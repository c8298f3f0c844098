/*
 * System calls that work on names: directories, links, attributes, the working directory. Each older call
 * is its …at() successor with the working directory as its start.
 */
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#define R_OK 4
#define W_OK 2
#define X_OK 1

/* A path argument with the directory it starts from: what most calls here begin with. */
struct location {
    char *path;
    struct vnode *start;
};

static int location_get(struct location *location, int directory_fd, vaddr_t user_path) {
    int error;
    location->path = path_argument(user_path, &error);
    if (!location->path)
        return error;
    error = path_start(directory_fd, location->path, &location->start);
    if (error)
        path_argument_free(location->path);
    return error;
}

static void location_put(struct location *location) {
    path_start_release(location->start);
    path_argument_free(location->path);
}

/* --- making and removing names --- */

static long create_node(int directory_fd, vaddr_t user_path, unsigned mode, uint64_t rdevice) {
    struct location at;
    struct vnode *made;
    int error = location_get(&at, directory_fd, user_path);
    if (error)
        return error;
    error = vnode_create(at.start, at.path, mode, rdevice, &made);
    if (!error)
        vnode_unref(made);
    location_put(&at);
    return error;
}

long sys_mkdirat(int directory_fd, vaddr_t user_path, unsigned mode) {
    return create_node(directory_fd, user_path, S_IFDIR | (mode & 01777 & ~process_current()->umask), 0);
}

long sys_mkdir(vaddr_t user_path, unsigned mode) {
    return sys_mkdirat(AT_FDCWD, user_path, mode);
}

long sys_mknodat(int directory_fd, vaddr_t user_path, unsigned mode, unsigned device) {
    unsigned type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
    if (S_ISDIR(type))
        return -EPERM;
    if (!S_ISREG(type) && !S_ISCHR(type) && !S_ISBLK(type) && !S_ISFIFO(type) && !S_ISSOCK(type))
        return -EINVAL; /* a type that there is not would be damage, once it is on the disk */
    return create_node(directory_fd, user_path, type | (mode & 07777 & ~process_current()->umask), device);
}

long sys_mknod(vaddr_t user_path, unsigned mode, unsigned device) {
    return sys_mknodat(AT_FDCWD, user_path, mode, device);
}

long sys_unlinkat(int directory_fd, vaddr_t user_path, unsigned flags) {
    struct location at;
    if (flags & ~(unsigned)AT_REMOVEDIR)
        return -EINVAL;
    int error = location_get(&at, directory_fd, user_path);
    if (error)
        return error;
    error = vnode_unlink(at.start, at.path, flags & AT_REMOVEDIR);
    location_put(&at);
    return error;
}

long sys_unlink(vaddr_t user_path) {
    return sys_unlinkat(AT_FDCWD, user_path, 0);
}

long sys_rmdir(vaddr_t user_path) {
    return sys_unlinkat(AT_FDCWD, user_path, AT_REMOVEDIR);
}

long sys_renameat2(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path, unsigned flags) {
    struct location from, to;
    if (flags)
        return -EINVAL;
    int error = location_get(&from, old_fd, old_path);
    if (error)
        return error;
    error = location_get(&to, new_fd, new_path);
    if (!error) {
        error = vnode_rename(from.start, from.path, to.start, to.path);
        location_put(&to);
    }
    location_put(&from);
    return error;
}

long sys_renameat(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path) {
    return sys_renameat2(old_fd, old_path, new_fd, new_path, 0);
}

long sys_rename(vaddr_t old_path, vaddr_t new_path) {
    return sys_renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

long sys_linkat(int old_fd, vaddr_t old_path, int new_fd, vaddr_t new_path, unsigned flags) {
    struct vnode *target;
    struct location to;
    unsigned lookup = (flags & AT_SYMLINK_FOLLOW) ? 0 : AT_SYMLINK_NOFOLLOW;
    int error = path_lookup_at(old_fd, old_path, lookup | (flags & AT_EMPTY_PATH), &target);
    if (error)
        return error;
    error = location_get(&to, new_fd, new_path);
    if (!error) {
        error = vnode_link(target, to.start, to.path);
        location_put(&to);
    }
    vnode_unref(target);
    return error;
}

long sys_link(vaddr_t old_path, vaddr_t new_path) {
    return sys_linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

long sys_symlinkat(vaddr_t user_target, int directory_fd, vaddr_t user_path) {
    struct location at;
    int error;
    char *target = path_argument(user_target, &error);
    if (!target)
        return error;
    error = target[0] == '\0' ? -ENOENT : location_get(&at, directory_fd, user_path);
    if (!error) {
        error = vnode_symlink(target, at.start, at.path);
        location_put(&at);
    }
    path_argument_free(target);
    return error;
}

long sys_symlink(vaddr_t target, vaddr_t user_path) {
    return sys_symlinkat(target, AT_FDCWD, user_path);
}

/* --- looking --- */

static long read_link(struct vnode *link, vaddr_t buffer, size_t size) {
    if (!S_ISLNK(link->mode) || !link->operations->readlink)
        return -EINVAL;
    char *text = kpage_alloc();
    if (!text)
        return -ENOMEM;
    int bytes = link->operations->readlink(link, text, MIN(size, (size_t)PAGE_SIZE));
    if (bytes > 0 && user_write(buffer, text, (size_t)bytes))
        bytes = -EFAULT;
    kpage_free(text);
    return bytes;
}

long sys_readlinkat(int directory_fd, vaddr_t user_path, vaddr_t buffer, int size) {
    struct vnode *link;
    if (size <= 0)
        return -EINVAL;
    int error = path_lookup_at(directory_fd, user_path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &link);
    if (error)
        return error;
    long bytes = read_link(link, buffer, (size_t)size);
    vnode_unref(link);
    return bytes;
}

long sys_readlink(vaddr_t user_path, vaddr_t buffer, int size) {
    return sys_readlinkat(AT_FDCWD, user_path, buffer, size);
}

/* Everybody is root here: only execution of what nobody may execute is refused. */
long sys_faccessat2(int directory_fd, vaddr_t user_path, unsigned mode, unsigned flags) {
    struct vnode *vnode;
    if (mode & ~(unsigned)(R_OK | W_OK | X_OK))
        return -EINVAL;
    int error = path_lookup_at(directory_fd, user_path, flags, &vnode);
    if (error)
        return error;
    if ((mode & X_OK) && !S_ISDIR(vnode->mode) && !(vnode->mode & 0111))
        error = -EACCES;
    vnode_unref(vnode);
    return error;
}

long sys_faccessat(int directory_fd, vaddr_t user_path, unsigned mode) {
    return sys_faccessat2(directory_fd, user_path, mode, 0);
}

long sys_access(vaddr_t user_path, unsigned mode) {
    return sys_faccessat2(AT_FDCWD, user_path, mode, 0);
}

/* --- changing attributes --- */

static int set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which) {
    if (!vnode->operations->set_attributes)
        return -EROFS;
    return vnode->operations->set_attributes(vnode, attributes, which);
}

static long set_attributes_at(int directory_fd, vaddr_t user_path, unsigned flags,
                              const struct vnode_attributes *attributes, unsigned which) {
    struct vnode *vnode;
    int error = path_lookup_at(directory_fd, user_path, flags, &vnode);
    if (error)
        return error;
    error = set_attributes(vnode, attributes, which);
    vnode_unref(vnode);
    return error;
}

long sys_fchmodat(int directory_fd, vaddr_t user_path, unsigned mode) {
    struct vnode_attributes attributes = {.mode = mode & 07777};
    return set_attributes_at(directory_fd, user_path, 0, &attributes, SET_MODE);
}

long sys_chmod(vaddr_t user_path, unsigned mode) {
    return sys_fchmodat(AT_FDCWD, user_path, mode);
}

long sys_fchmod(int fd, unsigned mode) {
    struct vnode_attributes attributes = {.mode = mode & 07777};
    struct file *file = descriptor_file(fd);
    return file ? set_attributes(file->vnode, &attributes, SET_MODE) : -EBADF;
}

/* -1 leaves an id as it is. */
static long change_owner(struct vnode *vnode, uint32_t uid, uint32_t gid) {
    struct vnode_attributes attributes;
    int error = vnode_get_attributes(vnode, &attributes);
    if (error)
        return error;
    attributes.uid = uid == UINT32_MAX ? attributes.uid : uid;
    attributes.gid = gid == UINT32_MAX ? attributes.gid : gid;
    return set_attributes(vnode, &attributes, SET_OWNER);
}

long sys_fchownat(int directory_fd, vaddr_t user_path, uint32_t uid, uint32_t gid, unsigned flags) {
    struct vnode *vnode;
    long error = path_lookup_at(directory_fd, user_path, flags, &vnode);
    if (error)
        return error;
    error = change_owner(vnode, uid, gid);
    vnode_unref(vnode);
    return error;
}

long sys_chown32(vaddr_t user_path, uint32_t uid, uint32_t gid) {
    return sys_fchownat(AT_FDCWD, user_path, uid, gid, 0);
}

long sys_lchown32(vaddr_t user_path, uint32_t uid, uint32_t gid) {
    return sys_fchownat(AT_FDCWD, user_path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown32(int fd, uint32_t uid, uint32_t gid) {
    struct file *file = descriptor_file(fd);
    return file ? change_owner(file->vnode, uid, gid) : -EBADF;
}

#define UTIME_NOW  0x3FFFFFFFl
#define UTIME_OMIT 0x3FFFFFFEl

/* A time argument of utimensat in seconds, or @now, or the @old one. */
static uint32_t choose_time(const struct __kernel_timespec *wanted, uint32_t now, uint32_t old) {
    if (wanted->tv_nsec == UTIME_NOW)
        return now;
    return wanted->tv_nsec == UTIME_OMIT ? old : (uint32_t)wanted->tv_sec;
}

/* @times: access and modification, or NULL for now. */
static long set_times(int directory_fd, vaddr_t user_path, unsigned flags,
                      const struct __kernel_timespec *times) {
    struct __kernel_timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct vnode *vnode;
    struct vnode_attributes attributes;
    if (!times)
        times = now;
    /* futimens() passes no path */
    int error = user_path ? path_lookup_at(directory_fd, user_path, flags, &vnode)
                          : descriptor_vnode(directory_fd, &vnode);
    if (error)
        return error;
    error = vnode_get_attributes(vnode, &attributes);
    if (!error) {
        attributes.ctime = time_epoch();
        attributes.atime = choose_time(&times[0], attributes.ctime, attributes.atime);
        attributes.mtime = choose_time(&times[1], attributes.ctime, attributes.mtime);
        error = set_attributes(vnode, &attributes, SET_TIMES);
    }
    vnode_unref(vnode);
    return error;
}

long sys_utimensat_time64(int directory_fd, vaddr_t user_path, vaddr_t user_times, unsigned flags) {
    struct __kernel_timespec times[2];
    if (user_times && user_read(times, user_times, sizeof times))
        return -EFAULT;
    return set_times(directory_fd, user_path, flags, user_times ? times : NULL);
}

long sys_utimensat(int directory_fd, vaddr_t user_path, vaddr_t user_times, unsigned flags) {
    struct __kernel_old_timespec given[2];
    struct __kernel_timespec times[2];
    if (user_times && user_read(given, user_times, sizeof given))
        return -EFAULT;
    for (int i = 0; user_times && i < 2; i++)
        times[i] = (struct __kernel_timespec){given[i].tv_sec, given[i].tv_nsec};
    return set_times(directory_fd, user_path, flags, user_times ? times : NULL);
}

long sys_utimes(vaddr_t user_path, vaddr_t user_times) {
    struct __kernel_old_timeval given[2];
    struct __kernel_timespec times[2];
    if (user_times && user_read(given, user_times, sizeof given))
        return -EFAULT;
    for (int i = 0; user_times && i < 2; i++)
        times[i] = (struct __kernel_timespec){given[i].tv_sec, 0};
    return set_times(AT_FDCWD, user_path, 0, user_times ? times : NULL);
}

long sys_truncate64(vaddr_t user_path, uint64_t size) {
    struct vnode *vnode;
    int error = path_lookup_at(AT_FDCWD, user_path, 0, &vnode);
    if (error)
        return error;
    if (S_ISDIR(vnode->mode))
        error = -EISDIR;
    else if (vnode->running > 0)
        error = -ETXTBSY;
    else
        error = !vnode->has_pages || (int64_t)size < 0 ? -EINVAL : vnode_truncate(vnode, size);
    vnode_unref(vnode);
    return error;
}

long sys_truncate(vaddr_t user_path, long size) {
    return sys_truncate64(user_path, (uint64_t)(int64_t)size);
}

/* --- the working directory --- */

/* Takes over the caller's reference to @directory. */
static long change_directory(struct vnode *directory) {
    struct process *process = process_current();
    if (!S_ISDIR(directory->mode)) {
        vnode_unref(directory);
        return -ENOTDIR;
    }
    struct vnode *old = process->cwd;
    process->cwd = directory;
    vnode_unref(old);
    return 0;
}

long sys_chdir(vaddr_t user_path) {
    struct vnode *directory;
    int error = path_lookup_at(AT_FDCWD, user_path, 0, &directory);
    return error ? error : change_directory(directory);
}

long sys_fchdir(int fd) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    vnode_ref(file->vnode);
    return change_directory(file->vnode);
}

/* As Linux's, the result counts the NUL. */
long sys_getcwd(vaddr_t buffer, size_t size) {
    char *path = kpage_alloc();
    if (!path)
        return -ENOMEM;
    struct vnode *cwd = working_directory();
    long length = path_of(cwd, path, PAGE_SIZE);
    vnode_unref(cwd);
    if (length >= 0)
        length++;
    if (length > 0 && (size_t)length > size)
        length = -ERANGE;
    if (length > 0 && user_write(buffer, path, (size_t)length))
        length = -EFAULT;
    kpage_free(path);
    return length;
}

long sys_umask(unsigned mask) {
    struct process *process = process_current();
    unsigned old = process->umask;
    process->umask = mask & 0777;
    return (long)old;
}
