/* File descriptors and path arguments: what the system calls of files share. See descriptor.c. */
#ifndef KERNEL_DESCRIPTOR_H
#define KERNEL_DESCRIPTOR_H

#include "fs/file.h"

/*
 * The current process's open file, or NULL. It stays open until the system call is over, even if another
 * thread closes the descriptor meanwhile: at most HELD_FILES_MAX in one call.
 */
struct file *descriptor_file(int fd);
/* At the end of every system call: lets go of what descriptor_file() has found. */
void descriptor_release_held(void);
/* The same file with a reference of the caller's own, to be given back. */
struct file *descriptor_file_ref(int fd);
void descriptor_file_unref(struct file *file);

/* Gives @file (whose reference passes) the lowest free descriptor from @lowest on; -EMFILE: it is closed. */
int descriptor_allocate(struct file *file, int lowest, bool close_on_exec);

/* Frees the descriptor: its file, or NULL; descriptor_close() is then what closing does to the file. */
struct file *descriptor_take(int fd);
void descriptor_close(struct file *file);

void descriptor_set_close_on_exec(int fd, bool on);

/* A path argument, copied from user memory into a page: NULL with *@error -EFAULT, -ENAMETOOLONG, … */
char *path_argument(vaddr_t user, int *error);
void path_argument_free(char *path);

/* The vnode of an open descriptor, or the working directory for AT_FDCWD; with a reference. -EBADF. */
int descriptor_vnode(int fd, struct vnode **found);

/* The working directory, with a reference. */
struct vnode *working_directory(void);

/* Where a relative path of an …at() call starts, with a reference; NULL: the root. -EBADF, -ENOTDIR. */
int path_start(int directory_fd, const char *path, struct vnode **start);
void path_start_release(struct vnode *start);

/*
 * The vnode, with a reference, that (directory descriptor, path, AT_* flags) name; with AT_EMPTY_PATH and an
 * empty path the descriptor itself.
 */
int path_lookup_at(int directory_fd, vaddr_t user_path, unsigned flags, struct vnode **found);

#endif
