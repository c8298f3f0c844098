/*
 * Pipes: a ring of bytes between writers and readers.
 *
 *      0        read_at          read_at + count (mod size)
 *      |  free  |     data       |     free      |
 *
 * One reader and one writer at a time have the turn; the others wait for it. The reader copies straight out
 * of the data part and then moves read_at, the writer copies straight into the free part and then raises
 * count: so neither ever touches the bytes the other is at, and either may sleep in a page fault in the
 * middle of its copy, with nothing locked. A write of up to PIPE_BUF bytes is atomic, because it waits for
 * room for all of it and becomes visible at once.
 *
 * The ring's pages are allocated when first written to. An empty pipe starts again at the front, so one
 * through which little flows has one page.
 *
 * Source: POSIX.1-2017, pipe() and write(); Lamport's one-reader one-writer ring ("Proving the Correctness of
 * Multiprocess Programs", 1977).
 */
#include "arch/x86/usercopy.h"
#include "fs/mode.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/frame.h"
#include "mm/heap.h"

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/limits.h>

#define PIPE_PAGES 16u
#define PIPE_SHARE                                                                                           \
    8u /* all pipes together get so many bytes: an eighth of memory; then they are a page each */

struct pipe {
    struct vnode vnode;
    uint8_t *pages[PIPE_PAGES];
    unsigned size;                       /* bytes it may hold */
    unsigned read_at, count;             /* bytes */
    unsigned readers, writers;           /* open ends */
    unsigned reader_opens, writer_opens; /* so far: who waits for a peer sees one that has gone again */
    bool reading, writing;               /* somebody has the turn */
    struct vnode *fifo;                  /* its name in a file system, referenced; or NULL */
    struct list fifos;                   /* of all that have one */
    struct waitq events;                 /* bytes, room, a turn, or an end has come or gone */
};

static struct list fifos = LIST_INITIALIZER(fifos);
static unsigned pages_promised; /* to all pipes */

static struct pipe *pipe_of(struct vnode *vnode) {
    return container_of(vnode, struct pipe, vnode);
}

static void changed(struct pipe *pipe) {
    wake_all(&pipe->events);
    wake_all(&pipe->vnode.pollers);
}

static void ends_changed(struct pipe *pipe) {
    pipe->vnode.ends++;
    changed(pipe);
}

/* As poll() sees it: room for what is written at once or not at all. */
static bool has_room(const struct pipe *pipe) {
    return pipe->size - pipe->count >= PIPE_BUF;
}

/* Sleeps until something has changed: 0, -EINTR, or -EAGAIN for those who would rather not. */
static int wait_change(struct pipe *pipe, bool nonblock) {
    return nonblock ? -EAGAIN : wait_interruptible(&pipe->events);
}

static int take_turn(struct pipe *pipe, bool *turn, bool nonblock) {
    while (*turn) {
        int error = wait_change(pipe, nonblock);
        if (error)
            return error;
    }
    *turn = true;
    return 0;
}

static void end_turn(struct pipe *pipe, bool *turn) {
    *turn = false;
    if (pipe->count == 0 && !pipe->reading && !pipe->writing)
        pipe->read_at = 0;
    changed(pipe);
}

/* --- reading --- */

/* Copies out from the front of the data, up to @bytes: bytes copied, fewer if user memory is bad. */
static size_t copy_out(struct pipe *pipe, vaddr_t buffer, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        unsigned at = (pipe->read_at + (unsigned)done) % pipe->size;
        unsigned n = (unsigned)MIN(bytes - done, (size_t)(PAGE_SIZE - at % PAGE_SIZE));
        size_t left = user_copy_out(buffer + done, pipe->pages[at / PAGE_SIZE] + at % PAGE_SIZE, n);
        done += n - left;
        if (left)
            break;
    }
    return done;
}

static long read_in_turn(struct pipe *pipe, vaddr_t buffer, size_t bytes, bool nonblock) {
    while (pipe->count == 0) {
        if (pipe->writers == 0)
            return 0;
        int error = wait_change(pipe, nonblock);
        if (error)
            return error;
    }
    bool had_room = has_room(pipe);
    size_t copied = copy_out(pipe, buffer, MIN(bytes, (size_t)pipe->count));
    pipe->read_at = (pipe->read_at + (unsigned)copied) % pipe->size;
    pipe->count -= (unsigned)copied;
    pipe->vnode.outputs += !had_room && has_room(pipe);
    return copied ? (long)copied : -EFAULT;
}

static long pipe_read(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                      bool nonblock) {
    struct pipe *pipe = pipe_of(vnode);
    if (bytes == 0)
        return 0;
    int error = take_turn(pipe, &pipe->reading, nonblock);
    if (error)
        return error;
    long result = read_in_turn(pipe, buffer, bytes, nonblock);
    end_turn(pipe, &pipe->reading);
    return result;
}

/* --- writing --- */

/* Copies in behind the data, where there is room for @bytes. Bytes copied, or -ENOMEM, -EFAULT if none. */
static long copy_in(struct pipe *pipe, vaddr_t buffer, size_t bytes) {
    unsigned start = pipe->read_at + pipe->count; /* stays the same while the reader goes on */
    size_t done = 0;
    while (done < bytes) {
        unsigned at = (start + (unsigned)done) % pipe->size;
        uint8_t **page = &pipe->pages[at / PAGE_SIZE];
        if (!*page)
            *page = kpage_alloc();
        if (!*page)
            return done ? (long)done : -ENOMEM;
        unsigned n = (unsigned)MIN(bytes - done, (size_t)(PAGE_SIZE - at % PAGE_SIZE));
        size_t left = user_copy_in(*page + at % PAGE_SIZE, buffer + done, n);
        done += n - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}

/* Waits for room for @wanted bytes: 0, -EPIPE, -EAGAIN, -EINTR. */
static int wait_room(struct pipe *pipe, size_t wanted, bool nonblock) {
    while (pipe->readers > 0 && pipe->size - pipe->count < wanted) {
        int error = wait_change(pipe, nonblock);
        if (error)
            return error;
    }
    return pipe->readers > 0 ? 0 : -EPIPE;
}

static long write_in_turn(struct pipe *pipe, vaddr_t buffer, size_t bytes, bool nonblock) {
    size_t done = 0;
    long result = 0;
    while (done < bytes && result >= 0) {
        result = wait_room(pipe, bytes <= PIPE_BUF ? bytes : 1, nonblock);
        if (result)
            break;
        size_t n = MIN(bytes - done, (size_t)(pipe->size - pipe->count));
        result = copy_in(pipe, buffer + done, n);
        if (result > 0) {
            pipe->count += (unsigned)result;
            done += (size_t)result;
            pipe->vnode.inputs++;
            changed(pipe);
            if ((size_t)result < n)
                break;
        }
    }
    return done ? (long)done : result;
}

static long pipe_write(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                       bool nonblock) {
    struct pipe *pipe = pipe_of(vnode);
    if (bytes == 0)
        return 0;
    int error = take_turn(pipe, &pipe->writing, nonblock);
    if (error)
        return error;
    long result = write_in_turn(pipe, buffer, bytes, nonblock);
    end_turn(pipe, &pipe->writing);
    return result;
}

/* --- the rest --- */

/* Of both ends at once: who asks for one leaves out what is the other's (poll_file(), kernel/sys_poll.c). */
static unsigned pipe_poll(struct vnode *vnode) {
    struct pipe *pipe = pipe_of(vnode);
    unsigned events = 0;
    if (pipe->count > 0)
        events |= POLLIN | POLLRDNORM;
    if (pipe->writers == 0)
        events |= POLLHUP;
    if (has_room(pipe))
        events |= POLLOUT | POLLWRNORM;
    if (pipe->readers == 0)
        events |= POLLERR;
    return events;
}

static int pipe_ioctl(struct vnode *vnode, unsigned request, vaddr_t argument) {
    int count = (int)pipe_of(vnode)->count;
    return request == FIONREAD ? user_write(argument, &count, sizeof count) : -ENOTTY;
}

static void pipe_opened(struct vnode *vnode, bool read, bool write) {
    struct pipe *pipe = pipe_of(vnode);
    pipe->readers += read;
    pipe->writers += write;
    pipe->reader_opens += read;
    pipe->writer_opens += write;
    ends_changed(pipe);
}

static void pipe_closed(struct vnode *vnode, bool read, bool write) {
    struct pipe *pipe = pipe_of(vnode);
    pipe->readers -= read;
    pipe->writers -= write;
    ends_changed(pipe);
}

static int pipe_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    struct pipe *pipe = pipe_of(vnode);
    if (pipe->fifo)
        return vnode_get_attributes(pipe->fifo, attributes);
    *attributes = (struct vnode_attributes){.mode = vnode->mode,
                                            .links = 1,
                                            .block_size = PAGE_SIZE,
                                            .inode = vnode->inode,
                                            .device = vnode->mount->device};
    return 0;
}

static int pipe_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes,
                               unsigned which) {
    struct pipe *pipe = pipe_of(vnode);
    return pipe->fifo ? vnode_set_attributes(pipe->fifo, attributes, which) : 0;
}

static int pipe_parent(struct vnode *vnode, struct vnode **parent) {
    struct vnode *fifo = pipe_of(vnode)->fifo;
    return fifo && fifo->operations->parent ? fifo->operations->parent(fifo, parent) : -ENOENT;
}

static const struct vnode_operations pipe_operations = {
    .parent = pipe_parent,
    .get_attributes = pipe_get_attributes,
    .set_attributes = pipe_set_attributes,
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .opened = pipe_opened,
    .closed = pipe_closed,
};

static void pipe_release(struct object *object) {
    struct pipe *pipe = pipe_of(vnode_of_object(object));
    for (unsigned i = 0; i < PIPE_PAGES; i++)
        kpage_free(pipe->pages[i]);
    pages_promised -= pipe->size / PAGE_SIZE;
    kfree(pipe);
}

/* Nobody has it open: its name stands for a new pipe the next time. */
static void pipe_unused(struct object *object) {
    struct pipe *pipe = pipe_of(vnode_of_object(object));
    struct vnode *fifo = pipe->fifo;
    if (!fifo)
        return;
    pipe->fifo = NULL;
    list_remove(&pipe->fifos);
    vnode_unref(fifo);
}

static const struct pager pipe_pager = {.name = "pipe", .unused = pipe_unused, .release = pipe_release};

int pipe_create(struct vnode **made) {
    static struct mount pipes = {.type = "pipe"}; /* in no tree: only so that stat tells pipes from files */
    static uint64_t last_inode;
    struct pipe *pipe = kmalloc(sizeof *pipe);
    if (!pipe)
        return -ENOMEM;
    if (!pipes.device)
        pipes.device = mount_anonymous_device();
    object_init(&pipe->vnode.object, &pipe_pager, 0);
    pipe->vnode.operations = &pipe_operations;
    pipe->vnode.mount = &pipes;
    pipe->vnode.mode = S_IFIFO | 0600;
    pipe->vnode.inode = ++last_inode;
    pipe->size = (pages_promised < frame_total / PIPE_SHARE ? PIPE_PAGES : 1) * PAGE_SIZE;
    pages_promised += pipe->size / PAGE_SIZE;
    list_init(&pipe->fifos);
    *made = &pipe->vnode;
    return 0;
}

/* --- named pipes --- */

static struct pipe *find_open(const struct vnode *fifo) {
    list_for_each (pipe, &fifos, struct pipe, fifos) {
        if (pipe->fifo == fifo)
            return pipe;
    }
    return NULL;
}

int fifo_find(struct vnode **vnode) {
    struct vnode *made;
    int error = pipe_create(&made); /* first, since it may sleep */
    if (error)
        return error;
    struct pipe *open = find_open(*vnode), *pipe = pipe_of(made);
    if (open) {
        vnode_ref(&open->vnode);
        vnode_unref(made);
        vnode_unref(*vnode); /* the pipe has one */
        *vnode = &open->vnode;
        return 0;
    }
    pipe->fifo = *vnode;
    pipe->vnode.mount = (*vnode)->mount;
    pipe->vnode.mode = (*vnode)->mode;
    pipe->vnode.inode = (*vnode)->inode;
    list_add_tail(&fifos, &pipe->fifos);
    *vnode = made;
    return 0;
}

static unsigned openers; /* asleep below, with a reference to where the path began */

bool fifo_count_references(void (*count)(struct object *object)) {
    list_for_each (pipe, &fifos, struct pipe, fifos) {
        count(&pipe->fifo->object);
    }
    return openers == 0;
}

int fifo_wait_peer(struct vnode *vnode, bool read, bool write, bool nonblock) {
    struct pipe *pipe = pipe_of(vnode);
    if (!pipe->fifo || read == write || (read && nonblock)) /* both ends at once never wait */
        return 0;
    if (nonblock)
        return pipe->readers > 0 ? 0 : -ENXIO;
    const unsigned *ends = read ? &pipe->writers : &pipe->readers;
    const unsigned *opens = read ? &pipe->writer_opens : &pipe->reader_opens;
    for (unsigned before = *opens; *ends == 0 && *opens == before;) {
        openers++;
        int error = wait_interruptible(&pipe->events);
        openers--;
        if (error)
            return error;
    }
    return 0;
}
