/* Advisory locks on files: fcntl's record locks and flock. See filelock.c. */
#ifndef KERNEL_FILELOCK_H
#define KERNEL_FILELOCK_H

#include "fs/file.h"

struct process;

/* fcntl(F_GETLK, F_SETLK, F_SETLKW) with a struct flock or flock64 at @user. May sleep. */
long filelock_fcntl(struct file *file, unsigned command, vaddr_t user);

/* @process closes a descriptor of @file: its record locks on it go. */
void filelock_closing(const struct process *process, const struct file *file);
/* The open file itself is about to go: and so does flock's lock. */
void filelock_file_gone(const struct file *file);

#endif
