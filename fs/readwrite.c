/*
 * Reading and writing files through their pages. There is no buffer besides the frames of the file's object:
 * read() copies out of the very frames that mappings show, write() copies into them.
 *
 * Each page is pinned while it is copied, and nothing else is held, because the copy to or from user memory
 * may fault, even on the page being copied. Where both are in memory nothing can sleep, and nothing is pinned:
 * that is tried first. What keeps writers of one file apart is a turn, not a lock: no fault ever waits for it.
 *
 * A write makes room on the disk first, then copies, then moves the end of the file, then says "modified":
 * in this order no page beyond the end is ever laundered (its data would be dropped), and a copy that stops
 * part way leaves zeros behind what was copied, never an earlier owner's bytes. Where nothing but the contents
 * of a page in memory changes, none of this is needed, and the copy is all: that is tried first here, too.
 *
 * Source: Gingell, Moran, Shannon, "Virtual Memory Architecture in SunOS" (1987): one cache for both; the
 * doubling read-ahead window is that of McKusick and Karels, "The Design … of 4.4BSD", section 7.4.
 */
#include "arch/x86/usercopy.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/vm.h"

#define READAHEAD_FIRST 4u /* pages of the first window */

/* A page's number has 32 bits: from here on no file has bytes, and the numbers would begin anew at 0. */
#define POSITION_LIMIT ((uint64_t)UINT32_MAX << PAGE_SHIFT)

static pgoff_t page_of(uint64_t position) {
    return (pgoff_t)(position >> PAGE_SHIFT);
}

/* --- reading --- */

/* Notes that a reader is at page @index: true if it has come from the page before, else a new stream begins. */
static bool follow_reader(struct vnode *vnode, pgoff_t index) {
    bool sequential = index == vnode->readahead_next;
    vnode->readahead_next = index + 1;
    if (!sequential) {
        vnode->readahead_window = 0;
        vnode->readahead_end = index;
    }
    return sequential;
}

static bool is_same_page(const struct vnode *vnode, pgoff_t index) {
    return index + 1 == vnode->readahead_next;
}

/* Starts reading what a sequential reader, now at page @index, will want; it wants @pages for certain. */
static void read_ahead(struct vnode *vnode, pgoff_t index, unsigned pages) {
    if (is_same_page(vnode, index))
        return;
    bool sequential = follow_reader(vnode, index);
    unsigned ahead = vnode->readahead_end > index ? vnode->readahead_end - index : 0;
    if (ahead > vnode->readahead_window / 2 || vm_options.readahead == 0 || (!sequential && pages == 1))
        return;
    unsigned window = MAX(MAX(vnode->readahead_window * 2, READAHEAD_FIRST), pages);
    vnode->readahead_window = MIN(window, vm_options.readahead);
    pgoff_t first = index + ahead, end = page_of(PAGE_UP(vnode->object.size));
    pgoff_t last = MIN(index + vnode->readahead_window, end);
    if (last > first)
        object_readahead(&vnode->object, first, last - first);
    vnode->readahead_end = MAX(last, first);
}

/*
 * The common case: the page is in memory, and so is what it is copied to. Nothing here sleeps, so that the page
 * stays where it is without being pinned. False: it has to go the long way, read_page().
 */
static bool read_resident(struct vnode *vnode, vaddr_t user, size_t bytes, uint64_t position) {
    pgoff_t index = page_of(position);
    const struct frame *frame = page_find(&vnode->object, index);
    if (!frame)
        return false;
    if (!is_same_page(vnode, index))
        follow_reader(vnode, index);
    return user_copy_out_resident(user, (uint8_t *)frame_data(frame) + ((unsigned)position & PAGE_MASK),
                                  bytes);
}

/* Copies out (@from NULL: zeros) to user memory, or to @kernel memory where that is given: bytes not copied.
 */
static size_t copy_out(void *kernel, vaddr_t user, const void *from, size_t bytes) {
    if (!kernel)
        return from ? user_copy_out(user, from, bytes) : user_clear(user, bytes);
    if (from)
        memcpy(kernel, from, bytes);
    else
        memset(kernel, 0, bytes);
    return 0;
}

/* The page, pinned; NULL for one that does not exist and need not be made to be read. 0 or errno. */
static int get_page_or_hole(struct object *object, pgoff_t index, struct frame **frame) {
    *frame = NULL;
    if (memobject_is_hole(object, index))
        return 0;
    return page_get(object, index, PAGE_READ, frame);
}

/* Reads @bytes within one page, whatever that takes. Bytes read, 0 at the end of the file, or errno if none. */
static long read_page(struct vnode *vnode, void *kernel, vaddr_t user, size_t bytes, uint64_t position) {
    struct object *object = &vnode->object;
    struct frame *frame;
    int error = wait_killed() && !kernel ? -EINTR : get_page_or_hole(object, page_of(position), &frame);
    if (error)
        return position < object->size ? error : 0; /* 0: truncated while this slept */
    size_t n = position < object->size ? (size_t)MIN((uint64_t)bytes, object->size - position) : 0;
    size_t left = copy_out(kernel, user,
                           frame ? (uint8_t *)frame_data(frame) + ((unsigned)position & PAGE_MASK) : NULL, n);
    if (frame)
        page_put(frame);
    return n > 0 && left == n ? -EFAULT : (long)(n - left);
}

static long read_pages(struct vnode *vnode, void *kernel, vaddr_t user, size_t bytes, uint64_t position) {
    size_t done = 0;
    while (done < bytes && position < vnode->object.size) {
        unsigned from = (unsigned)position & PAGE_MASK;
        size_t n = MIN(bytes - done, (size_t)(PAGE_SIZE - from));
        n = (size_t)MIN((uint64_t)n, vnode->object.size - position);
        long copied = (long)n;
        if (kernel || !read_resident(vnode, user + done, n, position)) {
            read_ahead(vnode, page_of(position), page_of(from + (bytes - done) + PAGE_MASK));
            copied = read_page(vnode, kernel ? (uint8_t *)kernel + done : NULL, user + done, n, position);
        }
        if (copied <= 0)
            return done ? (long)done : copied;
        done += (size_t)copied;
        position += (size_t)copied;
    }
    return (long)done;
}

long vnode_read_kernel(struct vnode *vnode, void *buffer, size_t bytes, uint64_t position) {
    ASSERT(vnode->has_pages);
    return read_pages(vnode, buffer, 0, bytes, position);
}

long vnode_read_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    ASSERT(vnode->has_pages);
    return read_pages(vnode, NULL, buffer, bytes, position);
}

/* --- writing --- */

int vnode_write_begin(struct vnode *vnode) {
    while (vnode->writing) {
        if (wait_killable(&vnode->writers))
            return -EINTR;
    }
    vnode->writing = true;
    return 0;
}

void vnode_write_end(struct vnode *vnode) {
    ASSERT(vnode->writing);
    vnode->writing = false;
    wake_one(&vnode->writers);
}

/*
 * The file is about to reach to byte @position and beyond. What a mapping has stored behind the old end must
 * not become part of the file; and a page that mappings may write to gets its new blocks at the next store.
 */
static int cross_old_end(struct vnode *vnode, uint64_t position) {
    struct object *object = &vnode->object;
    unsigned from = (unsigned)object->size & PAGE_MASK;
    pgoff_t index = page_of(object->size);
    if (from == 0 || position < object->size || !object_lookup(object, index))
        return 0;
    struct frame *frame;
    int error = page_get(object, index, PAGE_READ, &frame);
    if (error)
        return error;
    bool same_page =
        position >> PAGE_SHIFT == index; /* page_of() would cut a position that no file can have */
    unsigned to = same_page ? (unsigned)position & PAGE_MASK : PAGE_SIZE;
    memset((uint8_t *)frame_data(frame) + from, 0, to - from);
    frame_write_protect(frame);
    page_put(frame);
    return 0;
}

/* A write under way. */
struct write {
    struct vnode *vnode;
    vaddr_t buffer;    /* what is still to be written, */
    size_t bytes;      /* so many bytes, */
    uint64_t position; /* to here */
    void *bounce;      /* a page, or NULL as long as none was needed */
    bool noted;        /* end_write() has something to note: more than contents may have changed */
};

/*
 * The common case: the page is in memory and has its place, and what is copied to it is in memory, too; the file
 * stays as long as it is. Nothing here sleeps, so that nothing is pinned. Not all may have been copied where it
 * fails, but the page counts as modified then. False: it has to go the long way, write_page().
 */
static bool write_resident(const struct write *write, unsigned bytes) {
    struct vnode *vnode = write->vnode;
    const struct vnode_operations *operations = vnode->operations;
    pgoff_t index = page_of(write->position);
    unsigned from = (unsigned)write->position & PAGE_MASK;
    if (write->position + bytes > vnode->object.size || !operations->write_in_place)
        return false;
    struct frame *frame = page_find(&vnode->object, index);
    if (!frame || !operations->write_in_place(vnode, index, from, from + bytes))
        return false;
    page_modified(frame, from, from + bytes);
    return user_copy_in_resident((uint8_t *)frame_data(frame) + from, write->buffer, bytes);
}

/* Ends the write of @bytes at byte @from of the pinned page: the end of the file first, then "modified". */
static void page_written(struct write *write, struct frame *frame, unsigned from, unsigned bytes) {
    struct object *object = &write->vnode->object;
    if (bytes)
        object->size = MAX(object->size, write->position + bytes);
    page_put_modified(frame, from, from + bytes);
}

/*
 * Copies user bytes to [from, to) of the pinned page. Bytes written, fewer if user memory is bad, or errno.
 */
static long fill_page(struct write *write, struct frame *frame, unsigned from, unsigned to) {
    struct vnode *vnode = write->vnode;
    int error = vnode->operations->prepare_write(vnode, frame, page_of(write->position), from, to);
    if (error) {
        page_put(frame);
        return error;
    }
    size_t left = user_copy_in((uint8_t *)frame_data(frame) + from, write->buffer, to - from);
    unsigned copied = to - from - (unsigned)left;
    page_written(write, frame, from, copied);
    return copied;
}

/*
 * Overwrites a page of the file that is not in memory, all that the file has of it: there is no need to read
 * it. But the copy may fail half-way, and then the old bytes are needed; so it goes to a bounce page first,
 * and the page is complete from the moment others can see it. 0: do it the ordinary way.
 */
static long replace_page(struct write *write, pgoff_t index, unsigned bytes) {
    struct vnode *vnode = write->vnode;
    struct frame *frame;
    if (vnode->operations->prepare_write(vnode, NULL, index, 0, bytes) != 0)
        return 0;
    if (!write->bounce)
        write->bounce = kpage_alloc();
    if (!write->bounce || user_copy_in(write->bounce, write->buffer, bytes))
        return 0;
    int error = page_get_new(&vnode->object, index, &frame);
    if (error)
        return error;
    memcpy(frame_data(frame), write->bounce, bytes);
    page_written(write, frame, 0, bytes);
    return bytes;
}

/* Writes within one page. As fill_page(). */
static long write_page(struct write *write, unsigned bytes) {
    struct object *object = &write->vnode->object;
    pgoff_t index = page_of(write->position);
    unsigned from = (unsigned)write->position & PAGE_MASK, to = from + bytes;
    uint64_t start = (uint64_t)index << PAGE_SHIFT;
    bool beyond_end = start >= object->size;
    bool replaces_all = from == 0 && (to == PAGE_SIZE || start + to >= object->size);
    struct frame *frame;
    write->noted = true;
    if (replaces_all && !beyond_end && !object_lookup(object, index)) {
        long written = replace_page(write, index, bytes);
        if (written)
            return written;
    }
    int error = beyond_end ? page_get_new(object, index, &frame) : page_get(object, index, PAGE_READ, &frame);
    return error ? error : fill_page(write, frame, from, to);
}

/* It is the caller's turn. Bytes, or errno if none. */
static long write_pages(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct write write = {.vnode = vnode, .buffer = buffer, .bytes = bytes, .position = position};
    int error = cross_old_end(vnode, position);
    while (write.bytes && !error) {
        unsigned n = (unsigned)MIN(write.bytes, (size_t)(PAGE_SIZE - (write.position & PAGE_MASK)));
        long written = n;
        if (!write_resident(&write, n))
            written = wait_killed() ? -EINTR : write_page(&write, n);
        if (written < (long)n)
            error = written < 0 ? (int)written : -EFAULT;
        written = MAX(written, 0);
        write.buffer += (size_t)written;
        write.bytes -= (size_t)written;
        write.position += (size_t)written;
    }
    if (write.bounce)
        kpage_free(write.bounce);
    int second = write.noted ? vnode->operations->end_write(vnode) : 0;
    size_t done = bytes - write.bytes;
    return done ? (long)done : error ? error : second;
}

static long write_in_turn(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position,
                          bool append) {
    ASSERT(vnode->has_pages && vnode->operations->prepare_write && vnode->operations->end_write);
    if (bytes == 0)
        return 0;
    int error = vnode_write_begin(vnode);
    if (error)
        return error;
    if (append)
        *position = vnode->object.size;
    long result = -EFBIG;
    if (*position < POSITION_LIMIT) {
        bytes = (size_t)MIN((uint64_t)bytes, POSITION_LIMIT - *position);
        result = write_pages(vnode, buffer, bytes, *position);
    }
    vnode_write_end(vnode);
    return result;
}

long vnode_write_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    return write_in_turn(vnode, buffer, bytes, &position, false);
}

long vnode_append_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position) {
    return write_in_turn(vnode, buffer, bytes, position, true);
}

int vnode_truncate(struct vnode *vnode, uint64_t size) {
    if (!vnode->has_pages || !vnode->operations->set_attributes)
        return -EINVAL;
    int error = vnode_write_begin(vnode);
    if (error)
        return error;
    struct vnode_attributes attributes = {.size = size};
    error = cross_old_end(vnode, size);
    if (!error)
        error = vnode->operations->set_attributes(vnode, &attributes, SET_SIZE);
    vnode_write_end(vnode);
    return error;
}
