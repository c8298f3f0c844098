/*
 * ext2: the file pager, between the frames of a regular file and its blocks on the disk.
 *
 * Holes. A page over a hole reads as zeros and needs no block. A block is allocated only when the page that
 * will fill it is in memory and held there, and in the same breath the page is marked modified over that
 * block: so there is never a block on the disk that the map names and nobody has written, and stale bytes of
 * an earlier owner cannot be read.
 *
 * The end. Bytes past the end of the file are zero in memory when a page comes in (mm clears them), and are
 * cleared again before it goes out, because a program may have stored there through a mapping.
 *
 * Locking. The block map is read without the mutex: what is in memory is walked in one go; what is not is
 * read holding nothing, and the walk starts over. So a fault never waits for whoever changes the file system,
 * except to allocate; and the paging daemon (put) never does.
 */
#include "fs/ext2.h"

#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"

#define PAGE_BLOCKS_MAX (PAGE_SIZE / 1024u) /* the smallest blocks */

/* The file block with which page @index begins. */
static uint32_t first_block(const struct ext2_fs *fs, pgoff_t index) {
    return index << (PAGE_SHIFT - fs->block_shift);
}

/* Bytes of page @index that lie in the file, 0 to PAGE_SIZE. */
static unsigned bytes_in_file(const struct object *object, pgoff_t index) {
    uint64_t start = (uint64_t)index << PAGE_SHIFT;
    return start >= object->size ? 0 : (unsigned)MIN(object->size - start, (uint64_t)PAGE_SIZE);
}

/*
 * Looks at the map of the page's blocks over bytes [from, to). 0, with *@holes; 1: some of the map is not in
 * memory (with @read, it has slept to read one piece of it); -EIO.
 */
static int peek_page(struct ext2_inode *inode, pgoff_t index, unsigned from, unsigned to, bool read,
                     bool *holes) {
    struct ext2_fs *fs = inode->fs;
    *holes = false;
    for (unsigned at = from & ~(fs->block_size - 1); at < to; at += fs->block_size) {
        uint32_t block;
        int result = ext2_map_peek(inode, first_block(fs, index) + (at >> fs->block_shift), read, &block);
        if (result)
            return result;
        if (block == 0)
            *holes = true;
    }
    return 0;
}

/* --- allocation --- */

/*
 * Gives bytes [from, to) of the file's page, pinned in @frame, their blocks, and marks the page modified over
 * those that are new. Locked. 0, -ENOSPC, -EIO.
 */
static int allocate_page(struct ext2_inode *inode, struct frame *frame, pgoff_t index, unsigned from,
                         unsigned to) {
    struct ext2_fs *fs = inode->fs;
    for (unsigned at = from & ~(fs->block_size - 1); at < to; at += fs->block_size) {
        uint32_t file_block = first_block(fs, index) + (at >> fs->block_shift), block;
        bool fresh;
        int error = ext2_map_allocate(inode, file_block, &block, &fresh);
        if (error)
            return error;
        if (fresh) {
            frame_pin(frame); /* one more, for page_put_modified() to take */
            page_put_modified(frame, at, at + fs->block_size);
            inode->allocated_end = MAX(inode->allocated_end, file_block + 1);
        }
    }
    return 0;
}

int ext2_prepare_write(struct vnode *vnode, struct frame *frame, pgoff_t index, unsigned from, unsigned to) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    struct ext2_fs *fs = inode->fs;
    uint64_t end = ((uint64_t)index << PAGE_SHIFT) + to;
    if (end > fs->max_size || (fs->super.revision == 0 && end >> 31))
        return -EFBIG;
    bool holes = false;
    int error = ext2_writable(fs);
    if (error)
        return error;
    do
        error = peek_page(inode, index, from, to, true, &holes);
    while (error == 1);
    if (error || !holes || !frame)
        return error ? error : holes;
    int second;
    bool pending;
    do {
        mutex_lock(&fs->lock);
        pending = ext2_pending(fs);
        error = allocate_page(inode, frame, index, from, to);
        second = ext2_inode_store(inode);
        mutex_unlock(&fs->lock);
    } while (error == -ENOSPC && pending && ext2_reclaim(fs));
    return error ? error : second;
}

/* The inode's times are those of whole seconds: all writes of a second but the first leave them as they are. */
bool ext2_write_in_place(struct vnode *vnode, pgoff_t index, unsigned from, unsigned to) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    uint32_t now = ext2_now();
    bool holes;
    return inode->disk.mtime == now && inode->disk.ctime == now && !ext2_writable(inode->fs) &&
           peek_page(inode, index, from, to, false, &holes) == 0 && !holes;
}

/* A mapping is about to write to the page: the whole of it, as far as the file goes, needs blocks. */
static int fill_holes(struct ext2_inode *inode, pgoff_t index) {
    struct object *object = &inode->vnode.object;
    struct frame *frame = object_lookup(object, index);
    if (!frame || frame->state == FRAME_BUSY)
        return 0; /* it comes in as zeros first; prepare is called again after that */
    int error = page_get(object, index, PAGE_READ, &frame);
    if (error)
        return error;
    int second;
    bool pending;
    do {
        mutex_lock(&inode->fs->lock);
        pending = ext2_pending(inode->fs);
        error = allocate_page(inode, frame, index, 0, bytes_in_file(object, index));
        inode->disk.mtime = inode->disk.ctime = ext2_now();
        second = ext2_inode_store(inode);
        mutex_unlock(&inode->fs->lock);
    } while (error == -ENOSPC && pending && ext2_reclaim(inode->fs));
    page_put(frame);
    return error ? error : second ? second : 1;
}

static int ext2_prepare(struct object *object, pgoff_t index, enum page_access access) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    bool holes;
    if (access == PAGE_WRITE) {
        int error = ext2_writable(inode->fs);
        if (error)
            return error;
    }
    int result = peek_page(inode, index, 0, bytes_in_file(object, index), true, &holes);
    return result == 0 && holes && access == PAGE_WRITE ? fill_holes(inode, index) : result;
}

static bool ext2_ready(struct object *object, pgoff_t index) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    bool holes;
    return peek_page(inode, index, 0, bytes_in_file(object, index), false, &holes) == 0;
}

int ext2_map_blocks(struct vnode *vnode, uint64_t position, struct extent *extent) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    struct ext2_fs *fs = inode->fs;
    unsigned skip = ((unsigned)position & (fs->block_size - 1)) / SECTOR_SIZE;
    struct ext2_run run;
    int error;
    do
        error = ext2_map_peek_run(inode, (uint32_t)(position >> fs->block_shift), true, &run);
    while (error == 1);
    if (error)
        return error;
    extent->device = run.block ? fs->device : NULL;
    extent->sector = (run.block << (fs->block_shift - 9)) + skip;
    extent->sectors = (run.count << (fs->block_shift - 9)) - skip;
    return 0;
}

/* --- transfers --- */

/* A run of blocks that are neighbours in the page and on the disk: one piece of a transfer. */
struct run {
    struct ext2_fs *fs;
    struct frame *frame;
    uint32_t block;         /* first, on the disk */
    unsigned offset, bytes; /* in the page; bytes 0: empty */
};

static void run_submit(struct run *run) {
    if (run->bytes)
        frame_io_part(run->frame, run->fs->device, run->block << (run->fs->block_shift - 9), run->offset,
                      run->bytes / SECTOR_SIZE, BLOCK_FILE);
    run->bytes = 0;
}

static void run_add(struct run *run, uint32_t block, unsigned offset) {
    bool joins = run->bytes && run->offset + run->bytes == offset &&
                 run->block + (run->bytes >> run->fs->block_shift) == block;
    if (!joins) {
        run_submit(run);
        run->block = block;
        run->offset = offset;
    }
    run->bytes += run->fs->block_size;
}

/* Transfers the page's @blocks, of which 0 stands for "none"; those are cleared when reading. */
static void transfer(struct ext2_fs *fs, struct frame *frame, const uint32_t *blocks) {
    struct run run = {.fs = fs, .frame = frame};
    for (unsigned i = 0; i < PAGE_SIZE >> fs->block_shift; i++) {
        unsigned at = i << fs->block_shift;
        if (blocks[i])
            run_add(&run, blocks[i], at);
        else if (!frame->io_write)
            memset((uint8_t *)frame_data(frame) + at, 0, fs->block_size);
    }
    run_submit(&run);
}

/* The whole map first, because a transfer may sleep for a bio and the map's pages may go meanwhile. */
static void ext2_get(struct object *object, pgoff_t index, enum page_access access UNUSED,
                     struct frame *frame) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    struct ext2_fs *fs = inode->fs;
    uint32_t blocks[PAGE_BLOCKS_MAX] = {0};
    unsigned valid = bytes_in_file(object, index);
    int error = 0;
    for (unsigned i = 0; i << fs->block_shift < valid && !error; i++) {
        error = ext2_map_peek(inode, first_block(fs, index) + i, false, &blocks[i]);
        ASSERT(error <= 0); /* prepare() has just walked it, and nothing has slept since */
    }
    frame_io_begin(frame);
    if (!error)
        transfer(fs, frame, blocks);
    frame_io_end(frame, error);
}

static bool is_zero(const uint8_t *bytes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* The blocks of a page that is to be written. A hole's zeros need no block, and get none. */
static int map_for_put(struct ext2_inode *inode, struct frame *frame, unsigned valid, uint32_t *blocks) {
    struct ext2_fs *fs = inode->fs;
    for (unsigned i = 0; i << fs->block_shift < valid; i++) {
        const uint8_t *data = (const uint8_t *)frame_data(frame) + (i << fs->block_shift);
        int error = ext2_map(inode, first_block(fs, frame->index) + i, &blocks[i]);
        if (error)
            return error;
        if (blocks[i] == 0 && !is_zero(data, fs->block_size))
            return ext2_damaged(fs, "inode %u: page %u has data but no block", inode->number, frame->index);
    }
    return 0;
}

static void put_page(struct ext2_inode *inode, struct frame *frame) {
    uint32_t blocks[PAGE_BLOCKS_MAX] = {0};
    unsigned valid = bytes_in_file(&inode->vnode.object, frame->index);
    frame_io_begin(frame);
    memset((uint8_t *)frame_data(frame) + valid, 0, PAGE_SIZE - valid);
    int error = map_for_put(inode, frame, valid, blocks);
    if (!error)
        transfer(inode->fs, frame, blocks);
    frame_io_end(frame, error);
}

static void ext2_put(struct object *object, struct frame **frames, unsigned count) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    block_plug();
    for (unsigned i = 0; i < count; i++)
        put_page(inode, frames[i]);
    block_unplug();
}

static int ext2_sync_object(struct object *object) {
    return ext2_sync_inode(vnode_of_object(object));
}

static void ext2_write_failed(struct object *object, int error) {
    mount_write_failed(&ext2_inode_of(vnode_of_object(object))->fs->mount, error);
}

const struct pager ext2_pager = {
    .name = "ext2",
    .of_files = true,
    .recounted = true,
    .prepare = ext2_prepare,
    .get = ext2_get,
    .put = ext2_put,
    .ready = ext2_ready,
    .unused = ext2_unused,
    .release = ext2_release,
    .sync = ext2_sync_object,
    .write_failed = ext2_write_failed,
};
