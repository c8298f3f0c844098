/*
 * epoll: a set of files to wait for, which the kernel keeps.
 *
 * An interest is (file, descriptor): it goes with EPOLL_CTL_DEL, or with the file when its last descriptor is closed,
 * in whatever process, and holds no reference, so that it keeps no pipe open. epoll_wait is poll over the interests
 * there are at the moment, and over the set itself, so that a change by another thread is noticed. Whoever was told
 * last is asked first the next time, from the one after: a file that is always ready starves nobody.
 *
 * Reports are of levels, or with EPOLLET of edges: then only what has come since the last report counts, bytes or room
 * or an end that has come or gone, which the file counts itself (inputs, outputs and ends of struct vnode). Adding and
 * changing an interest is an edge too. Sets of sets are refused.
 *
 * Source: epoll(7), epoll_ctl(2); Linux's fs/eventpoll.c for the errors.
 */
#include "arch/x86/usercopy.h"
#include "fs/mode.h"
#include "kernel/descriptor.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "mm/heap.h"

#include <linux/eventpoll.h>
#include <linux/fcntl.h>

enum { INTERESTS_MAX = FILES_MAX - 1 }; /* and the set itself */

struct interest {
    struct file *file;
    int fd;
    bool told;                      /* EPOLLONESHOT: nothing more until EPOLL_CTL_MOD */
    bool edge;                      /* EPOLLET: something has come since the last report */
    uint32_t inputs, outputs, ends; /* of the file, when that was found out */
    uint32_t events;
    uint64_t data;
};

struct epoll {
    struct vnode vnode;
    struct list link; /* of all sets */
    unsigned count, next;
    struct interest interests[INTERESTS_MAX];
};

#define OPTIONS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

static struct list sets = LIST_INITIALIZER(sets);

static struct epoll *epoll_of(const struct file *file) {
    return container_of(file->vnode, struct epoll, vnode);
}

static void forget(struct epoll *epoll, unsigned i) {
    epoll->interests[i] = epoll->interests[--epoll->count];
    epoll->next = 0;
}

/* Called when a file is closed for good. */
static void forget_file(const struct file *file) {
    list_for_each (epoll, &sets, struct epoll, link) {
        for (unsigned i = epoll->count; i-- > 0;) {
            if (epoll->interests[i].file == file)
                forget(epoll, i);
        }
    }
}

/* --- edges --- */

/* For a file that is open for one direction, as an end of a pipe, the other's edges are nothing. */
static bool edge_since(const struct interest *interest) {
    const struct vnode *vnode = interest->file->vnode;
    bool reads = (interest->events & (EPOLLIN | EPOLLRDNORM)) && file_may_read(interest->file);
    bool writes = (interest->events & (EPOLLOUT | EPOLLWRNORM)) && file_may_write(interest->file);
    return vnode->ends != interest->ends || (reads && vnode->inputs != interest->inputs) ||
           (writes && vnode->outputs != interest->outputs);
}

/* From here on edges are counted. @edge: there is one already. */
static void count_edges(struct interest *interest, bool edge) {
    interest->edge = edge;
    interest->inputs = interest->file->vnode->inputs;
    interest->outputs = interest->file->vnode->outputs;
    interest->ends = interest->file->vnode->ends;
}

/* May the file's state be reported, if there is anything in it? */
static bool may_be_told(const struct interest *interest) {
    return !interest->told && (!(interest->events & EPOLLET) || interest->edge || edge_since(interest));
}

/* --- the set as a file --- */

static unsigned epoll_poll(struct vnode *vnode) {
    const struct epoll *epoll = container_of(vnode, struct epoll, vnode);
    for (unsigned i = 0; i < epoll->count; i++) {
        const struct interest *interest = &epoll->interests[i];
        if (may_be_told(interest) && (poll_file(interest->file) & (interest->events | POLLERR | POLLHUP)))
            return POLLIN | POLLRDNORM;
    }
    return 0;
}

static const struct vnode_operations epoll_operations = {.poll = epoll_poll};

static void epoll_release(struct object *object) {
    struct epoll *epoll = container_of(vnode_of_object(object), struct epoll, vnode);
    list_remove(&epoll->link);
    kfree(epoll);
}

static const struct pager epoll_pager = {.name = "epoll", .release = epoll_release};

long sys_epoll_create1(unsigned flags) {
    static struct mount nowhere = {.type = "anon_inodefs"};
    static uint64_t last_inode;
    struct file *file;
    if (flags & ~(unsigned)O_CLOEXEC)
        return -EINVAL;
    struct epoll *epoll = kmalloc(sizeof *epoll);
    if (!epoll)
        return -ENOMEM;
    if (!nowhere.device)
        nowhere.device = mount_anonymous_device();
    file_closed_for_good = forget_file;
    object_init(&epoll->vnode.object, &epoll_pager, 0);
    epoll->vnode.operations = &epoll_operations;
    epoll->vnode.mount = &nowhere;
    epoll->vnode.mode = 0600;
    epoll->vnode.inode = ++last_inode;
    list_add_tail(&sets, &epoll->link);
    int error = file_open_vnode(&epoll->vnode, O_RDWR, &file);
    if (error) {
        vnode_unref(&epoll->vnode);
        return error;
    }
    return descriptor_allocate(file, 0, flags & O_CLOEXEC);
}

long sys_epoll_create(int size) {
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* The set of a descriptor, or NULL with *@error. */
static struct epoll *find_set(int fd, struct file **file, int *error) {
    *file = descriptor_file(fd);
    *error = !*file ? -EBADF : (*file)->vnode->operations != &epoll_operations ? -EINVAL : 0;
    return *error ? NULL : epoll_of(*file);
}

/* --- changing it --- */

static struct interest *find_interest(struct epoll *epoll, const struct file *file, int fd) {
    for (unsigned i = 0; i < epoll->count; i++) {
        if (epoll->interests[i].file == file && epoll->interests[i].fd == fd)
            return &epoll->interests[i];
    }
    return NULL;
}

static long add(struct epoll *epoll, struct file *file, int fd, const struct epoll_event *event) {
    if (find_interest(epoll, file, fd))
        return -EEXIST;
    if (epoll->count == INTERESTS_MAX)
        return -ENOSPC;
    struct interest *interest = &epoll->interests[epoll->count++];
    *interest = (struct interest){.file = file, .fd = fd, .events = event->events, .data = event->data};
    count_edges(interest, true);
    return 0;
}

static long change(struct epoll *epoll, struct file *file, int fd, int operation,
                   const struct epoll_event *event) {
    struct interest *interest = find_interest(epoll, file, fd);
    if (operation == EPOLL_CTL_ADD)
        return add(epoll, file, fd, event);
    if (operation != EPOLL_CTL_DEL && operation != EPOLL_CTL_MOD)
        return -EINVAL;
    if (!interest)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        forget(epoll, (unsigned)(interest - epoll->interests));
        return 0;
    }
    interest->events = event->events;
    interest->data = event->data;
    interest->told = false;
    count_edges(interest, true);
    return 0;
}

long sys_epoll_ctl(int epfd, int operation, int fd, vaddr_t user_event) {
    struct epoll_event event = {0};
    struct file *set_file;
    int error = 0;
    if (operation != EPOLL_CTL_DEL && user_read(&event, user_event, sizeof event))
        return -EFAULT;
    struct file *file = descriptor_file(fd);
    struct epoll *epoll = find_set(epfd, &set_file, &error);
    if (!set_file || !file)
        return -EBADF;
    if (!file->vnode->operations->poll)
        return -EPERM;
    if (!epoll || file->vnode->operations == &epoll_operations)
        return -EINVAL;
    long result = change(epoll, file, fd, operation, &event);
    if (result == 0)
        wake_all(&epoll->vnode.pollers); /* who waits for the set asks anew */
    return result;
}

/* --- waiting --- */

struct epoll_waiting {
    struct poll_set set;
    struct epoll_event events[FILES_MAX];
};

/*
 * What is to be asked: the interests, from the next one round, and the set itself, which is only waited for. So are
 * files without an edge: their descriptor is -1 for poll_once().
 */
static void gather(struct epoll *epoll, struct file *set_file, struct poll_set *set) {
    set->count = 0;
    for (unsigned n = 0; n < epoll->count; n++) {
        const struct interest *interest = &epoll->interests[(epoll->next + n) % epoll->count];
        if (interest->told)
            continue;
        file_ref(interest->file);
        set->files[set->count] = interest->file;
        set->entries[set->count++] = (struct pollfd){.fd = may_be_told(interest) ? interest->fd : -1,
                                                     .events = (short)(interest->events & ~OPTIONS)};
    }
    file_ref(set_file);
    set->files[set->count] = set_file;
    set->entries[set->count++] = (struct pollfd){0};
}

static void let_go(struct poll_set *set) {
    for (unsigned i = 0; i < set->count; i++)
        descriptor_file_unref(set->files[i]);
}

/* What there is to report, of what is still wanted; their number. */
static int take_events(struct epoll *epoll, struct epoll_waiting *waiting, int most) {
    int taken = 0;
    for (unsigned i = 0; i < waiting->set.count && taken < most; i++) {
        const struct pollfd *entry = &waiting->set.entries[i];
        struct interest *interest =
            entry->revents ? find_interest(epoll, waiting->set.files[i], entry->fd) : NULL;
        if (!interest || interest->told)
            continue;
        waiting->events[taken++] =
            (struct epoll_event){.events = (unsigned short)entry->revents, .data = interest->data};
        interest->told = interest->events & EPOLLONESHOT;
        count_edges(interest, false);
        epoll->next = (unsigned)(interest - epoll->interests) + 1;
    }
    return taken;
}

static long wait_for_events(struct epoll *epoll, struct file *set_file, struct epoll_waiting *waiting,
                            int most, const struct time_limit *limit) {
    for (;;) {
        gather(epoll, set_file, &waiting->set);
        int ready = poll_once(&waiting->set, limit);
        if (ready > 0)
            ready = take_events(epoll, waiting, most);
        let_go(&waiting->set);
        if (ready != 0)
            return ready == -ETIMEDOUT ? 0 : ready;
    }
}

static long epoll_wait(int epfd, vaddr_t events, int most, const struct time_limit *limit) {
    struct file *set_file;
    int error;
    struct epoll *epoll = find_set(epfd, &set_file, &error);
    if (!epoll)
        return error;
    if (most <= 0)
        return -EINVAL;
    struct epoll_waiting *waiting = kmalloc(sizeof *waiting);
    if (!waiting)
        return -ENOMEM;
    long ready = wait_for_events(epoll, set_file, waiting, MIN(most, (int)FILES_MAX), limit);
    if (ready > 0 && user_write(events, waiting->events, (size_t)ready * sizeof waiting->events[0]))
        ready = -EFAULT;
    kfree(waiting);
    return ready;
}

long sys_epoll_pwait(int epfd, vaddr_t events, int most, int milliseconds, vaddr_t mask) {
    struct time_limit limit = time_limit_none();
    if (milliseconds >= 0)
        limit = time_limit_after((uint64_t)milliseconds * NANOSECONDS_PER_MILLISECOND);
    int error = poll_use_mask(mask);
    return error ? error : epoll_wait(epfd, events, most, &limit);
}

long sys_epoll_wait(int epfd, vaddr_t events, int most, int milliseconds) {
    return sys_epoll_pwait(epfd, events, most, milliseconds, 0);
}
