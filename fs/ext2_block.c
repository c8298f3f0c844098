/*
 * ext2: blocks, as numbers that a map may name and as pieces of the partition's pages.
 *
 * A block of a file may be none that the file system itself needs: no superblock, descriptor, bitmap or inode table.
 * That is asked of each number that the disk gives, before it is used. Blocks of metadata are worked on in the pages of
 * the partition's own object, pinned from get to put; nobody copies them.
 *
 * Source: Card, Ts'o, Tweedie, "Design and Implementation of the Second Extended Filesystem" (1994): block groups.
 */
#include "fs/ext2.h"

#include "lib/log.h"
#include "mm/frame.h"

static bool group_has_super(const struct ext2_fs *fs, uint32_t group) {
    if (!(fs->super.read_only_compatible & EXT2_RO_SPARSE_SUPER) || group <= 1)
        return true;
    for (uint32_t base = 3; base <= 7; base += 2) {
        uint32_t power = base;
        while (power < group && power <= UINT32_MAX / base)
            power *= base;
        if (power == group)
            return true;
    }
    return false;
}

bool ext2_block_valid(struct ext2_fs *fs, uint32_t block) {
    return ext2_blocks_valid(fs, block, 1) != 0;
}

/* Of @most blocks from @block on, those before the @count blocks from @start on. */
static unsigned blocks_before(uint32_t block, unsigned most, uint32_t start, uint32_t count) {
    if (block - start < count) /* unsigned: also false below @start */
        return 0;
    return start > block ? MIN(most, start - block) : most;
}

/* Asked within one group: what follows in the next begins with a question of its own. */
unsigned ext2_blocks_valid(struct ext2_fs *fs, uint32_t block, unsigned most) {
    if (block < fs->super.first_data_block || block >= fs->super.blocks)
        return 0;
    uint32_t group = (block - fs->super.first_data_block) / fs->super.blocks_per_group;
    uint32_t start = ext2_group_first_block(fs, group);
    const struct ext2_group *g = &fs->groups[group];
    uint32_t table_blocks = fs->super.inodes_per_group * fs->inode_size >> fs->block_shift;
    most = MIN(most, fs->super.blocks - block);
    most = MIN(most, start + fs->super.blocks_per_group - block);
    most = blocks_before(block, most, g->block_bitmap, 1);
    most = blocks_before(block, most, g->inode_bitmap, 1);
    most = blocks_before(block, most, g->inode_table, table_blocks);
    if (group_has_super(fs, group))
        most = blocks_before(block, most, start, 1 + fs->descriptor_blocks);
    return most;
}

/* Not asked of the block: that it is one of a file's, since bitmaps and inode tables come here, too. */
int ext2_block_get(struct ext2_fs *fs, uint32_t block, struct ext2_block *buffer) {
    ASSERT(block < fs->super.blocks);
    uint64_t byte = (uint64_t)block << fs->block_shift;
    int error = page_get(fs->metadata, (pgoff_t)(byte >> PAGE_SHIFT), PAGE_READ, &buffer->frame);
    if (error)
        return error;
    buffer->offset = (unsigned)byte & PAGE_MASK;
    buffer->data = (uint8_t *)frame_data(buffer->frame) + buffer->offset;
    return 0;
}

void ext2_block_put(struct ext2_block *buffer) {
    page_put(buffer->frame);
    buffer->frame = NULL;
}

void ext2_block_put_modified(struct ext2_fs *fs, struct ext2_block *buffer) {
    page_put_modified(buffer->frame, buffer->offset, buffer->offset + fs->block_size);
    buffer->frame = NULL;
}

unsigned ext2_run_length(const uint32_t *words, unsigned most) {
    unsigned count = 1;
    while (count < most && words[count] == (words[0] ? words[0] + count : 0))
        count++;
    return count;
}

int ext2_block_peek(struct ext2_fs *fs, uint32_t block, unsigned slot, bool read, uint32_t *word,
                    unsigned *count) {
    uint64_t byte = ((uint64_t)block << fs->block_shift) + slot * sizeof *word;
    pgoff_t index = (pgoff_t)(byte >> PAGE_SHIFT);
    struct frame *frame = object_lookup(fs->metadata, index);
    bool at_hand = frame && (frame->state != FRAME_BUSY || frame->io_write);
    if (!at_hand && !read)
        return 1;
    bool pin = !at_hand || frame->state != FRAME_BUSY;
    if (pin) { /* takes a page from the pool into use, so that no one steals it before the caller is done */
        int error = page_get(fs->metadata, index, PAGE_READ, &frame);
        if (error)
            return error;
    }
    const uint32_t *words = (uint32_t *)((uint8_t *)frame_data(frame) + (byte & PAGE_MASK));
    *word = words[0];
    *count = ext2_run_length(words, MIN(*count, fs->pointers - slot));
    if (pin)
        page_put(frame);
    return at_hand ? 0 : 1;
}
