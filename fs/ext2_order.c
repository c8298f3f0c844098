/*
 * ext2: the order in which changes reach the disk, so that a power cut loses nothing that was durable.
 *
 * There is no journal: pages of metadata are written whenever the paging daemon or a sync comes round to them,
 * in any order, and after a power cut e2fsck makes a file system of what is there. It can do that without loss
 * as long as nothing on the disk leads to what already belongs to somebody else. Hence these rules:
 *
 *  1. A block that has been freed gets no new owner before the change that freed it is on the disk. Until then
 *     it is *held*: still marked in the bitmap.
 *  2. An unlinked file keeps its inode and its blocks, on the disk, until the directory without its name is
 *     there. Until then it is *doomed*. So after rename("new", "old") the disk has one or the other, whole.
 *  3. An indirect block or a directory's block is zeros on the disk before anything leads to it: what an earlier
 *     owner left there could look like block numbers, and e2fsck clears a file that has many bad ones.
 *  4. When a file moves from one directory block to another, the new name is on the disk before the old one
 *     goes: see ext2_rename().
 *
 *       unlink          sync of metadata          sync of metadata
 *     named -> doomed ---------------------> held ----------------> free
 *                       truncate, cut off
 *               linked file ---------------> held
 *
 * A lack of space is therefore only real when nothing is pending: who gets -ENOSPC calls ext2_reclaim() and
 * tries again while that returns true. What counts is what was pending before the attempt: one that fails
 * half-way makes something pending itself, its own new inode, and would try for ever.
 *
 * Source: the rules are those of Ganger and Patt, "Metadata Update Performance in File Systems" (OSDI 1994):
 * never point to what is not initialised, never reuse before the old pointer is gone, never drop the last
 * pointer before the new one is there. They keep them by ordering each write; here everything waits for the
 * next sync.
 */
#include "fs/ext2.h"

#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"

#define DOOMED_MAX 64u /* files; more make a sync worth its price */

static size_t held_bytes(const struct ext2_fs *fs) {
    return (fs->super.blocks + 31) / 32 * sizeof(uint32_t);
}

int ext2_order_init(struct ext2_fs *fs) {
    list_init(&fs->doomed);
    list_init(&fs->leaving);
    for (unsigned i = 0; i < 2; i++) {
        fs->held[i].blocks = kmalloc(held_bytes(fs));
        if (!fs->held[i].blocks)
            return -ENOMEM;
        memset(fs->held[i].blocks, 0, held_bytes(fs));
    }
    return 0;
}

void ext2_order_end(struct ext2_fs *fs) {
    for (unsigned i = 0; i < 2; i++)
        kfree(fs->held[i].blocks);
}

/* --- held blocks --- */

bool ext2_block_held(const struct ext2_fs *fs, uint32_t block) {
    uint32_t word = fs->held[0].blocks[block / 32] | fs->held[1].blocks[block / 32];
    return word >> block % 32 & 1;
}

void ext2_block_hold(struct ext2_fs *fs, uint32_t block) {
    struct ext2_held *held = &fs->held[fs->holding];
    held->blocks[block / 32] |= 1u << block % 32;
    held->count++;
}

/* The changes that freed them are on the disk. Locked. */
static void free_held(struct ext2_fs *fs, struct ext2_held *held) {
    for (uint32_t i = 0; held->count > 0 && i < held_bytes(fs) / sizeof(uint32_t); i++) {
        while (held->blocks[i]) {
            uint32_t bit = (uint32_t)__builtin_ctz(held->blocks[i]);
            held->blocks[i] &= held->blocks[i] - 1;
            held->count--;
            int error = ext2_block_release(fs, i * 32 + bit);
            if (error)
                klog("ext2: %s: block %u could not be freed (error %d)", fs->device->name, i * 32 + bit,
                     -error);
        }
    }
}

/* They are not: they are held on. Locked. */
static void keep_held(struct ext2_fs *fs, struct ext2_held *old) {
    struct ext2_held *held = &fs->held[fs->holding];
    for (uint32_t i = 0; i < held_bytes(fs) / sizeof(uint32_t); i++) {
        held->blocks[i] |= old->blocks[i];
        old->blocks[i] = 0;
    }
    held->count += old->count;
    old->count = 0;
}

/* --- doomed files --- */

void ext2_doom(struct ext2_inode *inode) {
    struct ext2_fs *fs = inode->fs;
    object_truncate(&inode->vnode.object, 0);
    vnode_ref(&inode->vnode); /* the list's */
    list_add_tail(&fs->doomed, &inode->unused);
    fs->doomed_count++;
    fs->doomed_blocks += inode->disk.sectors / (fs->block_size / SECTOR_SIZE);
}

void ext2_count_doomed(struct mount *mount, void (*count)(struct object *object)) {
    struct ext2_fs *fs = mount->data;
    list_for_each (inode, &fs->doomed, struct ext2_inode, unused) {
        count(&inode->vnode.object);
    }
    list_for_each (inode, &fs->leaving, struct ext2_inode, unused) {
        count(&inode->vnode.object);
    }
}

static struct ext2_inode *take_first(struct list *list) {
    struct ext2_inode *inode = list_first(list, struct ext2_inode, unused);
    list_remove(&inode->unused);
    return inode;
}

static void free_leaving(struct ext2_fs *fs) {
    while (!list_empty(&fs->leaving)) {
        struct ext2_inode *inode = take_first(&fs->leaving);
        fs->doomed_count--;
        fs->doomed_blocks -= inode->disk.sectors / (fs->block_size / SECTOR_SIZE);
        ext2_free_unlinked(inode);
        vnode_unref(&inode->vnode);
    }
}

void ext2_forget_doomed(struct ext2_fs *fs) {
    while (!list_empty(&fs->doomed)) {
        struct ext2_inode *inode = take_first(&fs->doomed);
        list_remove(&inode->bucket); /* so that nobody tries again to free it */
        vnode_unref(&inode->vnode);
    }
}

static void move_all(struct list *from, struct list *to) {
    while (!list_empty(from))
        list_add_tail(to, &take_first(from)->unused);
}

/* --- sync --- */

/* From here on freed blocks and unlinked files are the next sync's. */
static int begin_sync(struct ext2_fs *fs) {
    mutex_lock(&fs->lock);
    int error = ext2_store_super(fs);
    fs->holding ^= 1;
    move_all(&fs->doomed, &fs->leaving);
    mutex_unlock(&fs->lock);
    return error;
}

static void end_sync(struct ext2_fs *fs, bool good) {
    mutex_lock(&fs->lock);
    if (good) {
        free_held(fs, &fs->held[fs->holding ^ 1]);
    } else {
        keep_held(fs, &fs->held[fs->holding ^ 1]);
        move_all(&fs->leaving, &fs->doomed);
    }
    mutex_unlock(&fs->lock);
    if (good)
        free_leaving(fs);
}

int ext2_flush_metadata(struct ext2_fs *fs) {
    int error = object_flush(fs->metadata, 0, (pgoff_t)(PAGE_UP(fs->metadata->size) >> PAGE_SHIFT));
    int second = block_flush(fs->device);
    return error ? error : second;
}

int ext2_sync_metadata(struct ext2_fs *fs) {
    if (fs->read_only)
        return 0;
    mutex_lock(&fs->syncing);
    int error = begin_sync(fs);
    int second = ext2_flush_metadata(fs);
    end_sync(fs, !error && !second);
    mutex_unlock(&fs->syncing);
    return error ? error : second;
}

bool ext2_pending(const struct ext2_fs *fs) {
    return fs->doomed_count > 0 || fs->held[0].count > 0 || fs->held[1].count > 0;
}

uint32_t ext2_pending_blocks(const struct ext2_fs *fs) {
    return fs->held[0].count + fs->held[1].count + fs->doomed_blocks;
}

bool ext2_reclaim(struct ext2_fs *fs) {
    return ext2_pending(fs) && ext2_sync_metadata(fs) == 0;
}

void ext2_limit_doomed(struct ext2_fs *fs) {
    if (fs->doomed_count >= DOOMED_MAX)
        ext2_sync_metadata(fs);
}

/* --- new blocks of metadata --- */

int ext2_block_zero_on_disk(struct ext2_fs *fs, uint32_t block) {
    static uint8_t zeros[PAGE_SIZE]; /* never written to */
    int error =
        block_transfer(fs->device, block << (fs->block_shift - 9), fs->block_size / SECTOR_SIZE, zeros, true);
    return error ? error
                 : block_flush(fs->device); /* or the drive's cache may lose them, and keep the pointer */
}
