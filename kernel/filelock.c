/*
 * Advisory locks on files: ranges of bytes that a process has told others to keep off.
 *
 * A lock is (file, owner, range, shared or exclusive). The owner of a record lock (fcntl) is a process: it
 * loses its locks on a file when it closes any descriptor of it, as POSIX has it. The owner of flock's lock,
 * which covers the whole file, is the open file. Locks of one kind do not see those of the other.
 *
 * All are in one list; there are few: beyond LOCKS_MAX of all processes together there is -ENOLCK, or one could
 * fill the kernel's memory with them. Whoever must wait is woken when any lock goes, and looks again. A
 * circle of waiters is not detected: they can be killed.
 *
 * Source: fcntl(2), flock(2); POSIX.1-2017, fcntl().
 */
#include "kernel/filelock.h"
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "mm/heap.h"

#include <linux/fcntl.h>

#define TO_THE_END UINT64_MAX
#define LOCKS_MAX  2048u

struct lock {
    struct list link;
    const struct vnode *vnode;
    const void *owner; /* struct process or struct file */
    bool flock, exclusive;
    int pid;
    uint64_t start, end; /* bytes, end exclusive */
};

static struct list locks = LIST_INITIALIZER(locks);
static unsigned lock_count; /* in the list */
static struct waitq released;

static bool overlap(const struct lock *a, const struct lock *b) {
    return a->vnode == b->vnode && a->flock == b->flock && a->start < b->end && b->start < a->end;
}

/* A lock of somebody else that forbids @wanted, or NULL. */
static const struct lock *conflict(const struct lock *wanted) {
    list_for_each (lock, &locks, struct lock, link) {
        if (overlap(lock, wanted) && lock->owner != wanted->owner && (lock->exclusive || wanted->exclusive))
            return lock;
    }
    return NULL;
}

/* --- changing --- */

static void add(struct lock *lock) {
    list_add_tail(&locks, &lock->link);
    lock_count++;
}

static void drop(struct lock *lock) {
    list_remove(&lock->link);
    lock_count--;
    kfree(lock);
}

/*
 * Cuts @range out of its owner's locks. A lock that lies on both sides of it needs a second struct: @spare,
 * which is NULL afterwards if it has been used.
 */
static void cut_out(const struct lock *range, struct lock **spare) {
    list_for_each_safe (lock, &locks, struct lock, link) {
        if (lock->owner != range->owner || !overlap(lock, range))
            continue;
        if (lock->start < range->start && lock->end > range->end) {
            **spare = *lock;
            (*spare)->start = range->end;
            add(*spare);
            *spare = NULL;
            lock->end = range->start;
        } else if (lock->start < range->start) {
            lock->end = range->start;
        } else if (lock->end > range->end) {
            lock->start = range->end;
        } else {
            drop(lock);
        }
    }
}

/* Sets or, with @remove, removes the owner's lock on the range. 0, -EAGAIN, -ENOLCK, -ENOMEM. May sleep for memory. */
static int change(const struct lock *wanted, bool remove) {
    struct lock *lock = kmalloc(sizeof *lock), *spare = kmalloc(sizeof *spare);
    int error = lock && spare ? 0 : -ENOMEM;
    if (!error && !remove && conflict(wanted)) /* somebody was quicker while we slept */
        error = -EAGAIN;
    if (!error && lock_count >= (remove ? 2 : 1) * LOCKS_MAX) /* taking one back may make two of it */
        error = -ENOLCK;
    if (!error) {
        cut_out(wanted, &spare);
        if (!remove) {
            *lock = *wanted;
            add(lock);
            lock = NULL;
        }
        wake_all(&released);
    }
    kfree(lock);
    kfree(spare);
    return error;
}

/* 0, -EAGAIN (only without @wait), -EINTR, -ENOLCK, -ENOMEM. */
static int lock_range(const struct lock *wanted, bool wait) {
    for (;;) {
        int error = conflict(wanted) ? -EAGAIN : change(wanted, false);
        if (error != -EAGAIN || !wait)
            return error;
        if (conflict(wanted) && wait_interruptible(&released) == -EINTR)
            return -EINTR;
    }
}

static void drop_all(const struct vnode *vnode, const void *owner) {
    bool any = false;
    list_for_each_safe (lock, &locks, struct lock, link) {
        if (lock->vnode != vnode || lock->owner != owner)
            continue;
        drop(lock);
        any = true;
    }
    if (any)
        wake_all(&released);
}

void filelock_closing(const struct process *process, const struct file *file) {
    drop_all(file->vnode, process);
}

void filelock_file_gone(const struct file *file) {
    drop_all(file->vnode, file);
}

/* --- fcntl --- */

/* What both layouts of struct flock say, and where to write the answer. */
struct request {
    bool wide; /* flock64 */
    vaddr_t user;
    int type, whence, pid;
    int64_t start, length;
};

static int read_request(struct request *request, bool wide, vaddr_t user) {
    struct flock narrow_lock;
    struct flock64 wide_lock;
    if (wide && user_read(&wide_lock, user, sizeof wide_lock) == 0)
        *request = (struct request){
            true, user, wide_lock.l_type, wide_lock.l_whence, 0, wide_lock.l_start, wide_lock.l_len};
    else if (!wide && user_read(&narrow_lock, user, sizeof narrow_lock) == 0)
        *request = (struct request){
            false, user, narrow_lock.l_type, narrow_lock.l_whence, 0, narrow_lock.l_start, narrow_lock.l_len};
    else
        return -EFAULT;
    return 0;
}

static long write_request(const struct request *request) {
    struct flock narrow_lock = {
        .l_type = (short)request->type,
        .l_start = (long)request->start,
        .l_len = (long)request->length,
        .l_pid = request->pid,
    };
    struct flock64 wide_lock = {
        .l_type = (short)request->type,
        .l_start = request->start,
        .l_len = request->length,
        .l_pid = request->pid,
    };
    return request->wide ? user_write(request->user, &wide_lock, sizeof wide_lock)
                         : user_write(request->user, &narrow_lock, sizeof narrow_lock);
}

/* The range in bytes from the start of the file; a negative length counts backwards, 0 means to the end. */
static int make_lock(const struct request *request, const struct file *file, struct lock *lock) {
    const int64_t bases[] = {0, (int64_t)file->position, (int64_t)file->vnode->object.size};
    int64_t start, end;
    if (request->whence < 0 || request->whence > 2 ||
        __builtin_add_overflow(bases[request->whence], request->start, &start) ||
        __builtin_add_overflow(start, request->length, &end))
        return -EINVAL;
    if (MIN(start, end) < 0)
        return -EINVAL;
    *lock = (struct lock){
        .vnode = file->vnode,
        .owner = process_current(),
        .exclusive = request->type == F_WRLCK,
        .pid = process_current()->pid,
        .start = (uint64_t)MIN(start, end),
        .end = request->length == 0 ? TO_THE_END : (uint64_t)MAX(start, end),
    };
    return 0;
}

/* Tells of a lock that is in the way, or that none is. */
static long tell(struct request *request, const struct lock *wanted) {
    const struct lock *found = conflict(wanted);
    if (!found) {
        request->type = F_UNLCK;
        return write_request(request);
    }
    request->type = found->exclusive ? F_WRLCK : F_RDLCK;
    request->start = (int64_t)found->start;
    request->length = found->end == TO_THE_END ? 0 : (int64_t)(found->end - found->start);
    request->pid = found->pid;
    return write_request(request);
}

long filelock_fcntl(struct file *file, unsigned command, vaddr_t user) {
    struct request request;
    struct lock lock;
    unsigned mode = file->flags & O_ACCMODE;
    bool wide = command == F_GETLK64 || command == F_SETLK64 || command == F_SETLKW64;
    int error = read_request(&request, wide, user);
    if (!error)
        error = make_lock(&request, file, &lock);
    if (error)
        return error;
    if (command == F_GETLK || command == F_GETLK64)
        return request.type == F_UNLCK ? -EINVAL : tell(&request, &lock);
    switch (request.type) {
    case F_UNLCK:
        return change(&lock, true);
    case F_RDLCK:
        return mode == O_WRONLY ? -EBADF : lock_range(&lock, command == F_SETLKW || command == F_SETLKW64);
    case F_WRLCK:
        return mode == O_RDONLY ? -EBADF : lock_range(&lock, command == F_SETLKW || command == F_SETLKW64);
    default:
        return -EINVAL;
    }
}

/* --- flock --- */

long sys_flock(int fd, unsigned operation) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    unsigned what = operation & ~(unsigned)LOCK_NB;
    struct lock lock = {
        .vnode = file->vnode,
        .owner = file,
        .flock = true,
        .exclusive = what == LOCK_EX,
        .pid = process_current()->pid,
        .end = TO_THE_END,
    };
    switch (what) {
    case LOCK_UN:
        return change(&lock, true);
    case LOCK_SH:
    case LOCK_EX:
        return lock_range(&lock, !(operation & LOCK_NB));
    default:
        return -EINVAL;
    }
}
