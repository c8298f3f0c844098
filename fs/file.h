/* Open files: what a file descriptor refers to. A vnode, a position, and how it was opened. */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "fs/vnode.h"

struct file {
    struct list all; /* link in the list of all */
    unsigned refs;   /* descriptors, in all processes */
    struct vnode *vnode;
    unsigned flags; /* Linux's O_* */
    uint64_t position;
    uint64_t directory_position;
    struct error_cursor *errors; /* which failed writes it has been told of; NULL where there are no pages */
    uint32_t system_errors_told; /* the same of its file system's, by syncfs */
};

/* open(2): handles O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW. refs 1. */
int file_open(struct vnode *start, const char *path, unsigned flags, unsigned mode, struct file **file);
/* An open file on a vnode that the caller holds a reference to, which passes to the file. */
int file_open_vnode(struct vnode *vnode, unsigned flags, struct file **file);
/* Is it open for that? */
bool file_may_read(const struct file *file);
bool file_may_write(const struct file *file);
void file_ref(struct file *file);
void file_unref(struct file *file);
/* Never sleeps, nor may @visit. */
void file_for_each(void (*visit)(const struct file *file, void *data), void *data);
/* Told of each open file that goes with its last reference, unless it is NULL. Must not sleep. */
extern void (*file_closed_for_good)(const struct file *file);

/* position NULL: the file's own, which moves. Bytes, or errno. */
long file_read(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position);
long file_write(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position);
/*
 * fsync(2): data, then what leads to them, on the medium. 0; -EIO or -ENOSPC for a write that has failed since
 * this open file was last told; -EINVAL. May sleep.
 */
int file_sync(struct file *file);
/*
 * syncfs(2): all of the file's file system on the medium. 0, or the error of a write in it that has failed since this
 * open file was last told, as with fsync. May sleep.
 */
int file_sync_system(struct file *file);
long long file_seek(struct file *file, long long offset, int whence);

#endif
