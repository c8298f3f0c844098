/*
 * ext2: allocation. A bit for each block and each inode, one bitmap block of each kind a group. Taking one is
 * two steps, so that a change of the file system never stops half-way: *claim* finds a free bit and pins its
 * bitmap (may fail, changes nothing), *take* sets the bit and adjusts the counts (cannot fail). The file
 * system's mutex is held from one to the other, so the bit stays free.
 *
 * Policy: a block goes right behind its predecessor, else near it, in the same group if there is room; an
 * inode goes into its directory's group; a directory goes into a group that is emptier than the average.
 *
 * Source: McKusick et al., "A Fast File System for UNIX" (1984), section 3.
 */
#include "fs/ext2.h"

#include "lib/errno.h"
#include "lib/log.h"

uint32_t ext2_group_first_block(struct ext2_fs *fs, uint32_t group) {
    return fs->super.first_data_block + group * fs->super.blocks_per_group;
}

static uint32_t blocks_in_group(struct ext2_fs *fs, uint32_t group) {
    return MIN(fs->super.blocks_per_group, fs->super.blocks - ext2_group_first_block(fs, group));
}

/* --- bits --- */

static bool bit_test(const uint8_t *bitmap, uint32_t bit) {
    return bitmap[bit / 8] & 1u << bit % 8;
}

static void bit_set(uint8_t *bitmap, uint32_t bit) {
    bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void bit_clear(uint8_t *bitmap, uint32_t bit) {
    bitmap[bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

/* First clear bit in [from, to), or @to. */
static uint32_t bit_find_clear(const uint8_t *bitmap, uint32_t from, uint32_t to) {
    while (from < to) {
        if (from % 8 == 0 && bitmap[from / 8] == 0xff)
            from += 8;
        else if (bit_test(bitmap, from))
            from++;
        else
            return from;
    }
    return to;
}

/* First bit of a wholly free byte in [from, to), or @to. */
static uint32_t bit_find_clear_byte(const uint8_t *bitmap, uint32_t from, uint32_t to) {
    for (from = (from + 7) & ~7u; from + 8 <= to; from += 8) {
        if (bitmap[from / 8] == 0)
            return from;
    }
    return to;
}

/*
 * The best free bit of [0, end), near @goal: the goal itself or one close behind it; else the start of eight
 * free ones, so that the blocks that follow find room; else any. @end if none is free.
 */
static uint32_t bit_choose(const uint8_t *bitmap, uint32_t goal, uint32_t end) {
    enum { CLOSE = 32 };
    if (goal < end) {
        uint32_t close = MIN(goal + CLOSE, end);
        uint32_t bit = bit_find_clear(bitmap, goal, close);
        if (bit < close)
            return bit;
        bit = bit_find_clear_byte(bitmap, goal, end);
        if (bit < end)
            return bit;
        bit = bit_find_clear(bitmap, goal, end);
        if (bit < end)
            return bit;
    }
    return bit_find_clear(bitmap, 0, end);
}

void ext2_claim_drop(struct ext2_claim *claim) {
    ext2_block_put(&claim->bitmap);
}

/* --- blocks --- */

/* Claims a block of @group. -ENOSPC where it has none. */
static int claim_in_group(struct ext2_fs *fs, uint32_t group, uint32_t goal, struct ext2_claim *claim) {
    struct ext2_group *g = &fs->groups[group];
    if (g->free_blocks == 0)
        return -ENOSPC;
    int error = ext2_block_get(fs, g->block_bitmap, &claim->bitmap);
    if (error)
        return error;
    uint32_t end = blocks_in_group(fs, group);
    claim->group = group;
    claim->bit = bit_choose(claim->bitmap.data, goal, end);
    claim->number = ext2_group_first_block(fs, group) + claim->bit;
    if (claim->bit < end && ext2_block_valid(fs, claim->number))
        return 0;
    ext2_claim_drop(claim);
    if (claim->bit < end)
        return ext2_damaged(fs, "block %u holds metadata but is free in the bitmap", claim->number);
    return ext2_damaged(fs, "group %u: %u blocks free, none in the bitmap", group, g->free_blocks);
}

int ext2_block_claim(struct ext2_fs *fs, uint32_t goal, struct ext2_claim *claim) {
    uint32_t first = fs->super.first_data_block;
    if (goal < first || goal >= fs->super.blocks)
        goal = first;
    uint32_t group = (goal - first) / fs->super.blocks_per_group;
    uint32_t bit = (goal - first) % fs->super.blocks_per_group;
    for (uint32_t tried = 0; tried < fs->group_count; tried++) {
        int error = claim_in_group(fs, group, bit, claim);
        if (error != -ENOSPC)
            return error;
        group = (group + 1) % fs->group_count;
        bit = 0;
    }
    return -ENOSPC;
}

void ext2_block_take(struct ext2_fs *fs, struct ext2_claim *claim) {
    bit_set(claim->bitmap.data, claim->bit);
    ext2_block_put_modified(fs, &claim->bitmap);
    fs->groups[claim->group].free_blocks--;
    fs->free_blocks--;
    fs->groups_changed = true;
}

int ext2_block_free(struct ext2_fs *fs, uint32_t block, bool metadata) {
    if (!ext2_block_valid(fs, block))
        return ext2_damaged(fs, "block %u to be freed is none of a file's", block);
    if (ext2_block_held(fs, block))
        return ext2_damaged(fs, "block %u is freed twice", block);
    if (metadata) { /* a late write of its page would overwrite the next owner's data */
        uint64_t byte = (uint64_t)block << fs->block_shift;
        unsigned from = (unsigned)byte & PAGE_MASK;
        object_forget(fs->metadata, (pgoff_t)(byte >> PAGE_SHIFT), from, from + fs->block_size);
    }
    ext2_block_hold(fs, block);
    return 0;
}

int ext2_block_release(struct ext2_fs *fs, uint32_t block) {
    uint32_t group = (block - fs->super.first_data_block) / fs->super.blocks_per_group;
    uint32_t bit = (block - fs->super.first_data_block) % fs->super.blocks_per_group;
    struct ext2_block bitmap;
    int error = ext2_block_get(fs, fs->groups[group].block_bitmap, &bitmap);
    if (error)
        return error;
    if (!bit_test(bitmap.data, bit)) {
        ext2_block_put(&bitmap);
        return ext2_damaged(fs, "block %u is freed twice", block);
    }
    bit_clear(bitmap.data, bit);
    ext2_block_put_modified(fs, &bitmap);
    fs->groups[group].free_blocks++;
    fs->free_blocks++;
    fs->groups_changed = true;
    return 0;
}

/* --- inodes --- */

/*
 * The group for a new directory: of those with more free inodes than average, the one with most free
 * blocks.
 */
static uint32_t directory_group(struct ext2_fs *fs, uint32_t parent_group) {
    uint32_t average = fs->free_inodes / fs->group_count, best = parent_group, best_blocks = 0;
    for (uint32_t i = 0; i < fs->group_count; i++) {
        const struct ext2_group *g = &fs->groups[i];
        if (g->free_inodes > 0 && g->free_inodes >= average && g->free_blocks > best_blocks) {
            best = i;
            best_blocks = g->free_blocks;
        }
    }
    return best;
}

static int claim_inode_in_group(struct ext2_fs *fs, uint32_t group, struct ext2_claim *claim) {
    struct ext2_group *g = &fs->groups[group];
    if (g->free_inodes == 0)
        return -ENOSPC;
    int error = ext2_block_get(fs, g->inode_bitmap, &claim->bitmap);
    if (error)
        return error;
    uint32_t end = fs->super.inodes_per_group;
    claim->group = group;
    claim->bit = bit_find_clear(claim->bitmap.data, 0, end);
    claim->number = group * fs->super.inodes_per_group + claim->bit + 1;
    if (claim->bit < end && claim->number >= fs->first_inode)
        return 0;
    ext2_claim_drop(claim);
    return ext2_damaged(fs, "group %u: %u inodes free, none in the bitmap", group, g->free_inodes);
}

int ext2_inode_claim(struct ext2_fs *fs, uint32_t parent, bool directory, struct ext2_claim *claim) {
    uint32_t group = (parent - 1) / fs->super.inodes_per_group;
    if (directory)
        group = directory_group(fs, group);
    for (uint32_t tried = 0; tried < fs->group_count; tried++) {
        int error = claim_inode_in_group(fs, group, claim);
        if (error != -ENOSPC)
            return error;
        group = (group + 1) % fs->group_count;
    }
    return -ENOSPC;
}

void ext2_inode_take(struct ext2_fs *fs, struct ext2_claim *claim, bool directory) {
    bit_set(claim->bitmap.data, claim->bit);
    ext2_block_put_modified(fs, &claim->bitmap);
    struct ext2_group *g = &fs->groups[claim->group];
    g->free_inodes--;
    g->directories += directory;
    fs->free_inodes--;
    fs->groups_changed = true;
}

int ext2_inode_free(struct ext2_fs *fs, uint32_t number, bool directory) {
    uint32_t group = (number - 1) / fs->super.inodes_per_group;
    uint32_t bit = (number - 1) % fs->super.inodes_per_group;
    struct ext2_group *g = &fs->groups[group];
    struct ext2_block bitmap;
    int error = ext2_block_get(fs, g->inode_bitmap, &bitmap);
    if (error)
        return error;
    if (!bit_test(bitmap.data, bit)) {
        ext2_block_put(&bitmap);
        return ext2_damaged(fs, "inode %u is freed twice", number);
    }
    bit_clear(bitmap.data, bit);
    ext2_block_put_modified(fs, &bitmap);
    g->free_inodes++;
    g->directories -= directory;
    fs->free_inodes++;
    fs->groups_changed = true;
    return 0;
}
