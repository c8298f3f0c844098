/*
 * O_DIRECT: reading and writing files without the page cache. The disk moves the bytes straight into and out
 * of the program's own frames, which are pinned meanwhile (mm/pin.h).
 *
 *     user pages    |....aaaa|bbbbbbbb|cccc....|      one bio for each piece that lies in one frame and in
 *                        |        |        |          one run of sectors; all of them are in flight at a
 *     sectors           aaaa bbbbbbbb   cccc          time, and the block layer joins neighbours
 *
 * The page cache stays right: modified pages of the range are written before, and after a write the pages of
 * the range are dropped, or, if somebody has stored into them meanwhile, brought up to date.
 *
 * What has no place on the disk goes the ordinary way: a hole is cleared memory to a reader; a write into a
 * hole or past the end of the file goes through the cache and is flushed.
 *
 * Promise: a transfer is the file's turn (fs/vnode.h), like a write, so that no block is given to another
 * file while the disk works on it. The turn is held while user pages are faulted in, which no fault minds.
 *
 * Source: open(2) on O_DIRECT; Linux's fs/direct-io.c for what it promises about the cache.
 */
#include "fs/direct.h"

#include "arch/x86/usercopy.h"
#include "drivers/block.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/frame.h"
#include "mm/pin.h"
#include "mm/vm.h"

/* A transfer under way: what is still to be started, and what the disk has not finished. */
struct direct {
    struct vnode *vnode;
    struct object *object; /* whose pages cache the range */
    struct space *space;
    bool write;          /* to the disk */
    vaddr_t buffer;      /* next byte in user memory, */
    uint64_t position;   /* in the file, */
    size_t bytes;        /* and how many from there */
    struct extent here;  /* where that byte lies and what follows it; 0 sectors: not known */
    unsigned in_flight;  /* bios */
    int error;           /* the first of them to fail */
    struct waitq waiter; /* asleep until in_flight is 0 */
};

static bool aligned(vaddr_t buffer, size_t bytes, uint64_t position) {
    return ((buffer | bytes | (size_t)position) & (SECTOR_SIZE - 1)) == 0;
}

bool direct_possible(const struct vnode *vnode) {
    return S_ISBLK(vnode->mode) || (vnode->has_pages && vnode->operations->map_blocks);
}

/* The object that caches the vnode's bytes, or NULL: no memory. */
static struct object *cache_of(struct vnode *vnode) {
    return vnode->has_pages ? &vnode->object : object_of_device(vnode->data);
}

static pgoff_t first_page(uint64_t position) {
    return (pgoff_t)(position >> PAGE_SHIFT);
}

/* Pages that [position, position + bytes) touches. */
static pgoff_t pages_touched(uint64_t position, size_t bytes) {
    return first_page(PAGE_UP(position + bytes)) - first_page(position);
}

static int flush(struct object *object, uint64_t position, size_t bytes) {
    return bytes == 0 ? 0 : object_flush(object, first_page(position), pages_touched(position, bytes));
}

#define DEVICE_RUN 1024u /* sectors of a device, which all lie side by side */

/* Where byte @position lies on its disk, as fs/vnode.h has it. */
static int map_blocks(struct vnode *vnode, uint64_t position, struct extent *extent) {
    if (vnode->has_pages)
        return vnode->operations->map_blocks(vnode, position, extent);
    extent->device = vnode->data;
    extent->sector = (sector_t)(position / SECTOR_SIZE);
    extent->sectors = DEVICE_RUN;
    return 0;
}

/* --- the pieces --- */

static void piece_done(struct bio *bio, int error) {
    struct direct *direct = bio->data;
    struct frame *frame = &frame_table[bio->address >> PAGE_SHIFT];

    pin_release(frame, !bio->write);
    bio_free(bio);
    if (error != 0)
        direct->error = error;
    if (--direct->in_flight == 0)
        wake_all(&direct->waiter);
}

/* Sends the next @sectors sectors on their way, to or from the pinned frame of the next user byte. */
static void start_piece(struct direct *direct, struct frame *frame, unsigned sectors) {
    struct bio *bio = bio_alloc();

    bio->device = direct->here.device;
    bio->sector = direct->here.sector;
    bio->sectors = (uint16_t)sectors;
    bio->write = direct->write;
    bio->cause = BLOCK_RAW;
    bio->address = frame_address(frame) + (direct->buffer & PAGE_MASK);
    bio->done = piece_done;
    bio->data = direct;
    direct->in_flight++;
    bio_submit(bio);
}

static void advance(struct direct *direct, size_t bytes) {
    direct->buffer += bytes;
    direct->position += bytes;
    direct->bytes -= bytes;
    direct->here.sector += bytes / SECTOR_SIZE;
    direct->here.sectors -= bytes / SECTOR_SIZE;
}

/* A hole: zeros to a reader. 1: a writer must go another way. */
static int pass_hole(struct direct *direct) {
    size_t bytes = MIN(direct->bytes, (size_t)direct->here.sectors * SECTOR_SIZE);

    if (direct->write)
        return 1;
    if (user_clear(direct->buffer, bytes))
        return -EFAULT;
    advance(direct, bytes);
    return 0;
}

static int next_piece(struct direct *direct) {
    struct frame *frame;
    int error = direct->here.sectors ? 0 : map_blocks(direct->vnode, direct->position, &direct->here);
    if (error)
        return error;
    if (direct->here.device == NULL)
        return pass_hole(direct);
    size_t in_page = PAGE_SIZE - (direct->buffer & PAGE_MASK);
    size_t bytes = MIN(MIN(direct->bytes, in_page), (size_t)direct->here.sectors * SECTOR_SIZE);
    error = pin_user_page(direct->space, direct->buffer, !direct->write, &frame);
    if (error)
        return error;
    start_piece(direct, frame, (unsigned)(bytes / SECTOR_SIZE));
    advance(direct, bytes);
    return 0;
}

/*
 * Moves direct->bytes past the cache, which is flushed of them first, as far as it goes, and waits for the disk, even when killed: it still writes into our
 * frames. 0 or 1 (a hole is in the way of a write) with what is left in direct->bytes, or errno.
 */
static int move(struct direct *direct) {
    int result = flush(direct->object, direct->position, direct->bytes);

    if (result != 0)
        return result;
    block_plug();
    while (direct->bytes > 0 && result == 0)
        result = next_piece(direct);
    block_unplug();
    while (direct->in_flight > 0)
        wait_on(&direct->waiter);
    return direct->error != 0 ? direct->error : result;
}

/* --- after a write --- */

/* Reads from the disk what lies in [position, end) of a cached page that could not be dropped. */
static int reread(struct direct *direct, pgoff_t index, uint64_t position, uint64_t end) {
    struct frame *frame;
    int error = page_get(direct->object, index, PAGE_READ, &frame);
    if (error)
        return error;
    position = MAX(position, (uint64_t)index << PAGE_SHIFT);
    end = MIN(end, (uint64_t)(index + 1) << PAGE_SHIFT);
    while (position < end && !error) {
        struct extent extent;
        error = map_blocks(direct->vnode, position, &extent);
        if (error || extent.device == NULL)
            break;
        unsigned sectors = MIN((unsigned)(end - position) / SECTOR_SIZE, extent.sectors);
        error = block_transfer(extent.device, extent.sector, sectors,
                               (uint8_t *)frame_data(frame) + (position & PAGE_MASK), false);
        position += sectors * SECTOR_SIZE;
    }
    page_put(frame);
    return error;
}

/* The disk holds something newer than the cache does for [position, end). */
static int update_cache(struct direct *direct, uint64_t position, uint64_t end) {
    int error = 0;

    if (direct->object->resident == 0)
        return 0;
    for (pgoff_t i = first_page(position); i < first_page(PAGE_UP(end)) && !error; i++)
        if (object_drop_page(direct->object, i) != 0)
            error = reread(direct, i, position, end);
    return error;
}

/* --- reading --- */

/* It is our turn. Whole sectors straight, the end of a file that is less than one by the cache. */
static long read_in_turn(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct object *object = cache_of(vnode);
    if (!object)
        return -ENOMEM;
    if (position >= object->size)
        return 0;
    bytes = (size_t)MIN((uint64_t)bytes, object->size - position);
    size_t tail = bytes % SECTOR_SIZE, whole = bytes - tail;
    struct direct direct = {.vnode = vnode,
                            .object = object,
                            .space = vm_current_space(),
                            .buffer = buffer,
                            .position = position,
                            .bytes = whole};
    int error = move(&direct);
    size_t done = whole - direct.bytes;
    if (error)
        return direct.error == 0 && done ? (long)done : error;
    long last = tail ? vnode_read_user(vnode, buffer + whole, tail, position + whole) : 0;
    return last < 0 && whole == 0 ? last : (long)whole + MAX(last, 0);
}

long direct_read(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    if (!aligned(buffer, bytes, position))
        return -EINVAL;
    int error = vnode_write_begin(vnode);
    if (error)
        return error;
    long result = read_in_turn(vnode, buffer, bytes, position);
    vnode_write_end(vnode);
    return result;
}

/* --- writing --- */

/* It is our turn. Writes what has its place on the disk, up to the first hole: bytes, or errno. */
static long overwrite(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct object *object = cache_of(vnode);
    if (!object)
        return -ENOMEM;
    uint64_t room = position < object->size ? object->size - position : 0;
    size_t whole = (size_t)MIN((uint64_t)bytes, room) & ~(size_t)(SECTOR_SIZE - 1);
    if (whole == 0)
        return 0;
    struct direct direct = {.vnode = vnode,
                            .object = object,
                            .space = vm_current_space(),
                            .write = true,
                            .buffer = buffer,
                            .position = position,
                            .bytes = whole};
    int error = move(&direct);
    int second = update_cache(&direct, position, direct.position);
    if (vnode->has_pages && direct.position > position && !second)
        second = vnode->operations->end_write(vnode);
    if (direct.error)
        return direct.error;
    size_t done = whole - direct.bytes;
    return done || error == 1 ? (long)done : error ? error : second;
}

/* The rest, or up to the end of the page if that may be only a hole, through the cache and to the disk. */
static long write_through(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct object *object = &vnode->object;
    if (position + SECTOR_SIZE <= object->size)
        bytes = MIN(bytes, (size_t)(PAGE_SIZE - (position & PAGE_MASK)));
    long written = vnode_write_user(vnode, buffer, bytes, position);
    int error = written > 0 ? flush(object, position, (size_t)written) : 0;
    return error ? error : written;
}

/* Some bytes, at least one; or errno. */
static long write_some(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    int error = vnode_write_begin(vnode);
    if (error)
        return error;
    long written = overwrite(vnode, buffer, bytes, position);
    vnode_write_end(vnode);
    if (written != 0)
        return written;
    return vnode->has_pages ? write_through(vnode, buffer, bytes, position) : -ENOSPC;
}

/* May this file be written to at all? Asked of the file system, whose answer write_through() would get. */
static int check_writable(struct vnode *vnode, uint64_t position) {
    if (!vnode->has_pages)
        return 0;
    int error = vnode->operations->prepare_write(vnode, NULL, first_page(position), 0, SECTOR_SIZE);
    return MIN(error, 0);
}

long direct_write(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    size_t done = 0;
    if (!aligned(buffer, bytes, position))
        return -EINVAL;
    long written = check_writable(vnode, position);
    while (done < bytes && written >= 0) {
        written = write_some(vnode, buffer + done, bytes - done, position + done);
        done += (size_t)MAX(written, 0);
    }
    return done ? (long)done : written;
}

long direct_append(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position) {
    if (!aligned(buffer, bytes, 0))
        return -EINVAL;
    long written = vnode_append_user(vnode, buffer, bytes, position);
    int error = written > 0 ? flush(&vnode->object, *position, (size_t)written) : 0;
    return error ? error : written;
}
