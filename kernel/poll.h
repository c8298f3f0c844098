/* Waiting for any of several files: what poll, select and epoll share. See sys_poll.c. */
#ifndef KERNEL_POLL_H
#define KERNEL_POLL_H

#include "fs/file.h"
#include "kernel/process.h"
#include "kernel/systime.h"

#include <linux/poll.h>

struct poll_set {
    unsigned count;
    struct pollfd entries[FILES_MAX];
    struct file *files[FILES_MAX]; /* of the entries, with references; NULL: not open */
    struct waiter waiters[FILES_MAX];
};

/* What the file has to report now: POLLIN, …; NULL: POLLNVAL. */
unsigned poll_file(const struct file *file);

/*
 * Asks all files of the set, and if none is ready sleeps until one may have changed. The number of ready entries, 0
 * (ask again), -ETIMEDOUT or -EINTR.
 */
int poll_once(struct poll_set *set, const struct time_limit *limit);

/* For the time of the call the mask is the one at @user_mask, if that is not 0. 0 or -EFAULT. */
int poll_use_mask(vaddr_t user_mask);

#endif
