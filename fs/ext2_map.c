/*
 * ext2: the block map of a file. 15 words in the inode: 12 name blocks of the file, then one each leads over
 * one, two and three levels of indirect blocks, each full of block numbers. A zero anywhere is a hole, of one
 * block or of all that lie below it.
 *
 *      inode          indirect       indirect       indirect
 *   0  [ b0 ]
 *   …
 *  11  [ b11]
 *  12  [  ---------> [ b12 … ]
 *  13  [  ---------> [  ---------> [ … ]
 *  14  [  ---------> [  ---------> [  ---------> [ … ]
 *
 * A *path* is the chain of at most four slot numbers that leads to a block, the way page tables are walked.
 *
 * Promise: reading never allocates; a change keeps the file's `sectors` right; a loop or a wild number on
 * the disk costs an error, not a crash, since paths are bounded and every number is checked before use.
 *
 * Source: Ritchie and Thompson, "The UNIX Time-Sharing System" (1974), section 4.
 */
#include "fs/ext2.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#define LEVELS_MAX 4u

struct path {
    unsigned levels;           /* 1: direct, … 4: triple indirect */
    uint32_t slot[LEVELS_MAX]; /* in the inode, then in each indirect block */
};

uint64_t ext2_map_max_blocks(const struct ext2_fs *fs) {
    uint64_t n = fs->pointers;
    uint64_t by_map = EXT2_DIRECT + n + n * n + n * n * n;
    /* The inode counts sectors in 32 bits, those of indirect blocks, too: half of them is plenty. */
    uint64_t by_sectors = UINT32_MAX / (fs->block_size / SECTOR_SIZE) / 2;
    return MIN(by_map, by_sectors);
}

/* The path to block @index; false if there is none, the file cannot be that large. */
static bool find_path(const struct ext2_fs *fs, uint32_t index, struct path *path) {
    uint32_t n = fs->pointers;
    if (index < EXT2_DIRECT) {
        *path = (struct path){.levels = 1, .slot = {index}};
        return true;
    }
    index -= EXT2_DIRECT;
    if (index < n) {
        *path = (struct path){.levels = 2, .slot = {EXT2_DIRECT, index}};
        return true;
    }
    index -= n;
    if (index < n * n) {
        *path = (struct path){.levels = 3, .slot = {EXT2_DIRECT + 1, index / n, index % n}};
        return true;
    }
    index -= n * n;
    *path = (struct path){.levels = 4, .slot = {EXT2_DIRECT + 2, index / n / n, index / n % n, index % n}};
    return index / n / n < n;
}

static int bad_pointer(struct ext2_inode *inode, uint32_t block) {
    return ext2_damaged(inode->fs, "inode %u: block number %u", inode->number, block);
}

/* --- looking --- */

/* Words of the map that are looked at: more where the file is gone over in order. */
#define RUN_IN_ORDER 128u
#define RUN_AT_FIRST 8u

/* Walks the path to block @index, at most @run->count words of the map at its end. Returns as ext2_map_peek(). */
static int walk(struct ext2_inode *inode, uint32_t index, bool read, struct ext2_run *run) {
    struct path path;
    run->block = 0;
    if (!find_path(inode->fs, index, &path))
        return 0;
    unsigned slot = path.slot[path.levels - 1];
    uint32_t number = inode->disk.block[path.slot[0]];
    unsigned most = MIN(run->count, (path.levels == 1 ? EXT2_DIRECT : inode->fs->pointers) - slot);
    run->count =
        path.levels == 1 ? ext2_run_length(&inode->disk.block[slot], most) : most; /* if it is a hole */
    for (unsigned level = 1; number && level < path.levels; level++) {
        if (!ext2_block_valid(inode->fs, number))
            return bad_pointer(inode, number);
        run->count = most;
        int result = ext2_block_peek(inode->fs, number, path.slot[level], read, &number, &run->count);
        if (result)
            return result;
        if (level + 1 < path.levels)
            run->count = most;
    }
    if (number)
        run->count = ext2_blocks_valid(inode->fs, number, run->count);
    if (run->count == 0)
        return bad_pointer(inode, number);
    run->block = number;
    return 0;
}

/*
 * What was looked up is kept, since the next question is mostly for the next block. All blocks of a page are in the
 * same part of the map, which is in memory when one of them had to be looked up: so who has asked for the page's
 * blocks and has not slept finds them all again, here or there.
 */
int ext2_map_peek_run(struct ext2_inode *inode, uint32_t index, bool read, struct ext2_run *run) {
    struct ext2_run *known = &inode->run;
    uint32_t at = index - known->first;
    if (at >= known->count) { /* unsigned: also above @index */
        struct ext2_run found = {.first = index};
        found.count = known->count && at == known->count ? RUN_IN_ORDER : RUN_AT_FIRST;
        int result = walk(inode, index, read, &found);
        if (result)
            return result;
        *known = found;
        at = 0;
    }
    run->first = index;
    run->count = known->count - at;
    run->block = known->block ? known->block + at : 0;
    return 0;
}

int ext2_map_peek(struct ext2_inode *inode, uint32_t index, bool read, uint32_t *block) {
    struct ext2_run run = {.block = 0};
    int result = ext2_map_peek_run(inode, index, read, &run);
    *block = run.block;
    return result;
}

/* The map changes. */
static void forget_run(struct ext2_inode *inode) {
    inode->run.count = 0;
}

int ext2_map(struct ext2_inode *inode, uint32_t index, uint32_t *block) {
    int result;
    do
        result = ext2_map_peek(inode, index, true, block);
    while (result == 1);
    return result;
}

/* --- allocating --- */

/* Only regular files' data is not metadata. */
static bool leaf_is_metadata(const struct ext2_inode *inode) {
    return !inode->vnode.has_pages;
}

/* The word that names the next block of a path: in the inode, or in a pinned indirect block. */
struct holder {
    struct ext2_block block; /* frame NULL: the inode */
    uint32_t *words;
    bool modified;
};

static void holder_put(struct ext2_fs *fs, struct holder *holder) {
    if (!holder->block.frame)
        return;
    if (holder->modified)
        ext2_block_put_modified(fs, &holder->block);
    else
        ext2_block_put(&holder->block);
}

/* Where a new block for @slot should be: behind the file's last one, or behind its neighbour in the map. */
static uint32_t choose_goal(struct ext2_inode *inode, const struct holder *holder, unsigned slot,
                            uint32_t index) {
    struct ext2_fs *fs = inode->fs;
    if (inode->last_block && (index == inode->last_index + 1 || index == inode->last_index))
        return inode->last_block + 1;
    unsigned lowest = slot > 32 ? slot - 32 : 0;
    for (unsigned i = slot; i-- > lowest;) {
        if (holder->words[i])
            return holder->words[i] + 1;
    }
    return ext2_group_first_block(fs, (inode->number - 1) / fs->super.inodes_per_group);
}

/*
 * Gives the empty word @slot of @holder a block. Find, prepare, commit: when a step fails nothing has been
 * changed. A block of metadata is cleared first, on the disk and in its page, which is left pinned in @cleared.
 */
static int fill_slot(struct ext2_inode *inode, struct holder *holder, unsigned slot, uint32_t index,
                     struct ext2_block *cleared) {
    struct ext2_fs *fs = inode->fs;
    struct ext2_claim claim;
    int error = ext2_block_claim(fs, choose_goal(inode, holder, slot, index), &claim);
    if (error)
        return error;
    if (cleared) {
        error = ext2_block_zero_on_disk(fs, claim.number);
        if (!error)
            error = ext2_block_get(fs, claim.number, cleared);
        if (error) {
            ext2_claim_drop(&claim);
            return error;
        }
        memset(cleared->data, 0, fs->block_size);
    }
    holder->words[slot] = claim.number;
    holder->modified = true;
    forget_run(inode);
    inode->disk.sectors += fs->block_size / SECTOR_SIZE;
    inode->last_block = claim.number;
    inode->last_index = index;
    ext2_block_take(fs, &claim);
    return 0;
}

/* Steps from @holder to the indirect block in its @slot, which is made if it is missing. */
static int descend(struct ext2_inode *inode, struct holder *holder, unsigned slot, uint32_t index) {
    struct ext2_fs *fs = inode->fs;
    struct holder next = {.words = NULL};
    int error;
    if (holder->words[slot] == 0) {
        error = fill_slot(inode, holder, slot, index, &next.block);
        next.modified = true;
    } else if (!ext2_block_valid(fs, holder->words[slot])) {
        error = bad_pointer(inode, holder->words[slot]);
    } else {
        error = ext2_block_get(fs, holder->words[slot], &next.block);
    }
    holder_put(fs, holder);
    next.words = (uint32_t *)next.block.data;
    *holder = next;
    if (error)
        holder->block.frame = NULL;
    return error;
}

int ext2_map_allocate(struct ext2_inode *inode, uint32_t index, uint32_t *block, bool *fresh) {
    struct ext2_fs *fs = inode->fs;
    struct path path;
    *fresh = false;
    if (!find_path(fs, index, &path))
        return -EFBIG;
    struct holder holder = {.words = inode->disk.block};
    int error = 0;
    for (unsigned level = 0; !error && level + 1 < path.levels; level++)
        error = descend(inode, &holder, path.slot[level], index);
    unsigned last = path.slot[path.levels - 1];
    if (!error && holder.words[last] == 0) {
        struct ext2_block cleared;
        bool metadata = leaf_is_metadata(inode);
        error = fill_slot(inode, &holder, last, index, metadata ? &cleared : NULL);
        if (!error && metadata)
            ext2_block_put(&cleared);
        *fresh = !error;
    }
    if (!error) {
        *block = holder.words[last];
        if (!ext2_block_valid(fs, *block))
            error = bad_pointer(inode, *block);
    }
    holder_put(fs, &holder);
    return error;
}

/* --- freeing --- */

static void account_freed(struct ext2_inode *inode) {
    uint32_t sectors = inode->fs->block_size / SECTOR_SIZE;
    inode->disk.sectors -= MIN(sectors, inode->disk.sectors);
}

static bool all_zero(const uint32_t *words, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (words[i])
            return false;
    }
    return true;
}

static int free_words(struct ext2_inode *inode, uint32_t *words, unsigned count, unsigned depth,
                      uint32_t first, bool *changed);

/*
 * Frees what hangs below *@word, where @depth levels of indirect blocks lie above the data, from the
 * subtree's block @first on; and the word's own block, if nothing is left of it. The word is zeroed before
 * its block is freed, so an error leaks blocks but leaves none in two files.
 */
static int free_tree(struct ext2_inode *inode, uint32_t *word, unsigned depth, uint32_t first) {
    struct ext2_fs *fs = inode->fs;
    uint32_t block = *word;
    if (!ext2_block_valid(fs, block))
        return bad_pointer(inode, block);
    if (depth > 0) {
        struct ext2_block indirect;
        int error = ext2_block_get(fs, block, &indirect);
        if (error)
            return error;
        uint32_t *words = (uint32_t *)indirect.data;
        bool changed = false;
        error = free_words(inode, words, fs->pointers, depth - 1, first, &changed);
        bool keep = error || !all_zero(words, fs->pointers);
        if (changed && keep)
            ext2_block_put_modified(fs, &indirect);
        else
            ext2_block_put(&indirect);
        if (keep)
            return error;
    }
    *word = 0;
    forget_run(inode);
    account_freed(inode);
    return ext2_block_free(fs, block, depth > 0 || leaf_is_metadata(inode));
}

/* The same for each of @count words, each of which covers pointers^depth blocks. */
static int free_words(struct ext2_inode *inode, uint32_t *words, unsigned count, unsigned depth,
                      uint32_t first, bool *changed) {
    uint32_t covers = 1;
    for (unsigned i = 0; i < depth; i++)
        covers *= inode->fs->pointers;
    for (unsigned i = first / covers; i < count; i++) {
        uint32_t from = i == first / covers ? first % covers : 0;
        if (words[i] == 0)
            continue;
        int error = free_tree(inode, &words[i], depth, from);
        *changed = *changed || words[i] == 0;
        if (error)
            return error;
    }
    return 0;
}

int ext2_map_truncate(struct ext2_inode *inode, uint32_t index) {
    bool changed = false;
    uint32_t *words = inode->disk.block;
    inode->last_block = 0;
    int error = 0;
    if (index < EXT2_DIRECT)
        error = free_words(inode, words, EXT2_DIRECT, 0, index, &changed);
    uint64_t start = EXT2_DIRECT, covers = inode->fs->pointers; /* of the first block below the next word */
    for (unsigned depth = 1; depth < LEVELS_MAX && !error; depth++) {
        uint32_t *word = &words[EXT2_DIRECT + depth - 1];
        uint32_t first = index > start ? index - (uint32_t)start : 0;
        if (*word && first < covers)
            error = free_tree(inode, word, depth, first);
        start += covers;
        covers *= inode->fs->pointers;
    }
    return error;
}
