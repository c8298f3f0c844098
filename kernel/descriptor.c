/*
 * File descriptors: a small table in each process, and the path arguments of system calls.
 *
 * Paths are copied into a page before anything is looked up, so that a lookup never touches user memory,
 * and a program that changes the string meanwhile deceives nobody.
 */
#include "kernel/descriptor.h"
#include "arch/x86/usercopy.h"
#include "kernel/filelock.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/heap.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

static struct file *look_up(int fd) {
    return fd >= 0 && fd < FILES_MAX ? process_current()->files[fd] : NULL;
}

struct file *descriptor_file_ref(int fd) {
    struct file *file = look_up(fd);
    if (file)
        file_ref(file);
    return file;
}

void descriptor_file_unref(struct file *file) {
    if (file->refs == 1)
        filelock_file_gone(file);
    file_unref(file);
}

static __attribute__((noinline)) void hold(struct thread *self, struct file *file) {
    ASSERT(self->held_count < HELD_FILES_MAX);
    file_ref(file);
    self->held[self->held_count++] = file;
    self->untidy = true;
}

struct file *descriptor_file(int fd) {
    struct thread *self = thread_current;
    struct file *file = look_up(fd);
    if (file && !thread_alone(self))
        hold(self, file);
    return file;
}

void descriptor_release_held(void) {
    struct thread *self = thread_current;
    while (self->held_count > 0)
        descriptor_file_unref(self->held[--self->held_count]);
}

void descriptor_set_close_on_exec(int fd, bool on) {
    struct process *process = process_current();
    if (on)
        process->close_on_exec |= 1ull << fd;
    else
        process->close_on_exec &= ~(1ull << fd);
}

int descriptor_allocate(struct file *file, int lowest, bool close_on_exec) {
    struct process *process = process_current();
    for (int fd = lowest; fd < limit_files(); fd++) {
        if (process->files[fd])
            continue;
        process->files[fd] = file;
        descriptor_set_close_on_exec(fd, close_on_exec);
        return fd;
    }
    file_unref(file);
    return -EMFILE;
}

struct file *descriptor_take(int fd) {
    struct file *file = look_up(fd);
    if (file) {
        process_current()->files[fd] = NULL;
        descriptor_set_close_on_exec(fd, false);
    }
    return file;
}

void descriptor_close(struct file *file) {
    filelock_closing(process_current(), file);
    descriptor_file_unref(file);
}

char *path_argument(vaddr_t user, int *error) {
    char *path = kpage_alloc();
    *error = -ENOMEM;
    if (!path)
        return NULL;
    int length = user_string(path, user, PATH_MAX_BYTES);
    if (length >= 0)
        return path;
    *error = length;
    kpage_free(path);
    return NULL;
}

void path_argument_free(char *path) {
    kpage_free(path);
}

struct vnode *working_directory(void) {
    struct vnode *cwd = process_current()->cwd;
    vnode_ref(cwd);
    return cwd;
}

int descriptor_vnode(int fd, struct vnode **found) {
    if (fd == AT_FDCWD) {
        *found = working_directory();
        return 0;
    }
    const struct file *file = look_up(fd);
    if (!file)
        return -EBADF;
    *found = file->vnode;
    vnode_ref(*found);
    return 0;
}

int path_start(int directory_fd, const char *path, struct vnode **start) {
    *start = NULL;
    if (path[0] == '/')
        return 0;
    int error = descriptor_vnode(directory_fd, start);
    if (!error && !S_ISDIR((*start)->mode)) {
        vnode_unref(*start);
        error = -ENOTDIR;
    }
    return error;
}

void path_start_release(struct vnode *start) {
    if (start)
        vnode_unref(start);
}

int path_lookup_at(int directory_fd, vaddr_t user_path, unsigned flags, struct vnode **found) {
    int error;
    char *path = path_argument(user_path, &error);
    if (!path)
        return error;
    struct vnode *start;
    if (path[0] == '\0') {
        error = (flags & AT_EMPTY_PATH) ? descriptor_vnode(directory_fd, found) : -ENOENT;
    } else {
        error = path_start(directory_fd, path, &start);
        if (!error) {
            error = path_walk(start, path, (flags & AT_SYMLINK_NOFOLLOW) ? WALK_NOFOLLOW : 0, found);
            path_start_release(start);
        }
    }
    path_argument_free(path);
    return error;
}
