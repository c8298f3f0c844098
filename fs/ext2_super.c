/*
 * ext2: the file system as a whole. Mounting checks everything that later code relies on: sizes are powers
 * of two within bounds, every group's bitmaps and inode table lie on the disk. Features decide the rest: an
 * unknown incompatible feature refuses the mount, an unknown read-only-compatible one makes it read-only.
 *
 * Promise: while mounted read-write the superblock says "not clean"; after unmount it says what it said
 * before the mount, and e2fsck agrees.
 *
 * Source: the superblock's description in Linux's Documentation/filesystems/ext2 and in e2fsprogs.
 */
#include "fs/ext2.h"

#include "arch/x86/time.h"
#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define SYNC_PASSES    3u  /* of sync(2): names, then what they free, then the bitmaps */
#define UNMOUNT_TRIES  4u  /* of writes that fail: there is no later chance */
#define COMPLAINTS_MAX 20u /* log lines about one damaged file system */

_Static_assert(sizeof(struct ext2_super) == EXT2_SUPER_BYTES, "superblock layout");
_Static_assert(sizeof(struct ext2_group) == 32, "group descriptor layout");
_Static_assert(sizeof(struct ext2_disk_inode) == EXT2_INODE_BYTES, "inode layout");

uint32_t ext2_now(void) {
    return time_epoch();
}

int ext2_damaged(struct ext2_fs *fs, const char *format, ...) {
    fs->damaged = true;
    if (fs->complaints++ < COMPLAINTS_MAX) {
        char text[160];
        va_list args;
        va_start(args, format);
        print_to_v(text, sizeof text, format, args);
        va_end(args);
        klog("ext2: %s: damaged: %s (run e2fsck)", fs->device->name, text);
    }
    return -EIO;
}

int ext2_writable(struct ext2_fs *fs) {
    return fs->read_only || fs->damaged ? -EROFS : 0;
}

/* --- to the disk --- */

/* Copies @bytes at byte @position of the partition out of or into its pages. 0 or -EIO. */
static int raw_copy(struct ext2_fs *fs, uint64_t position, void *buffer, size_t bytes, bool write) {
    uint8_t *p = buffer;
    while (bytes) {
        unsigned from = (unsigned)position & PAGE_MASK;
        unsigned n = MIN((unsigned)bytes, PAGE_SIZE - from);
        struct frame *frame;
        int error = page_get(fs->metadata, (pgoff_t)(position >> PAGE_SHIFT), PAGE_READ, &frame);
        if (error)
            return error;
        uint8_t *data = (uint8_t *)frame_data(frame) + from;
        if (write) {
            memcpy(data, p, n);
            page_put_modified(frame, from, from + n);
        } else {
            memcpy(p, data, n);
            page_put(frame);
        }
        p += n, position += n, bytes -= n;
    }
    return 0;
}

static uint64_t descriptor_position(const struct ext2_fs *fs) {
    return (uint64_t)(fs->super.first_data_block + 1) << fs->block_shift;
}

int ext2_store_super(struct ext2_fs *fs) {
    fs->super.free_blocks = fs->free_blocks;
    fs->super.free_inodes = fs->free_inodes;
    fs->super.write_time = ext2_now();
    if (fs->damaged)
        fs->super.state |= EXT2_STATE_ERRORS;
    int error = 0;
    if (fs->groups_changed) {
        fs->groups_changed = false;
        error = raw_copy(fs, descriptor_position(fs), fs->groups, fs->group_count * sizeof *fs->groups, true);
    }
    int second = raw_copy(fs, EXT2_SUPER_OFFSET, &fs->super, sizeof fs->super, true);
    return error ? error : second;
}

/* --- mount operations --- */

static int ext2_sync(struct mount *mount) {
    struct ext2_fs *fs = mount->data;
    int error = object_flush_all();
    int second = ext2_sync_metadata(fs);
    for (unsigned i = 0; i < SYNC_PASSES && !second && ext2_pending(fs); i++)
        second = ext2_sync_metadata(fs);
    return error ? error : second;
}

/* Forgets the files that are in memory only for their pages, with what could not be written of them. */
static void drop_unused(struct ext2_fs *fs) {
    while (!list_empty(&fs->unused)) {
        struct ext2_inode *inode = list_first(&fs->unused, struct ext2_inode, unused);
        list_remove(&inode->unused);
        fs->unused_count--;
        vnode_ref(&inode->vnode);
        object_truncate(&inode->vnode.object, 0);
        vnode_unref(&inode->vnode);
    }
}

static bool any_in_core(const struct ext2_fs *fs) {
    for (unsigned i = 0; i < EXT2_INODE_BUCKETS; i++) {
        if (!list_empty(&fs->inodes[i]))
            return true;
    }
    return false;
}

/*
 * Writes metadata until nothing is pending: freeing what an earlier write allows to free makes more of it. What
 * could not be written is still modified, and is tried again. 0 or the last error.
 */
static int write_all_metadata(struct ext2_fs *fs) {
    for (unsigned failures = 0;;) {
        bool more = ext2_pending(fs);
        int error = ext2_sync_metadata(fs);
        failures += error != 0;
        if (error ? failures == UNMOUNT_TRIES : !more)
            return error;
    }
}

/*
 * Everything written, and marked clean if all of it could be. Where somebody still has a file in use, the memory is
 * not freed.
 */
static int ext2_unmount(struct mount *mount) {
    struct ext2_fs *fs = mount->data;
    vnode_unref(mount->root);
    int error, second;
    for (unsigned tries = 0; (error = object_flush_all()) != 0 && ++tries < UNMOUNT_TRIES;)
        ;
    second = write_all_metadata(fs);
    if (!second) {
        fs->super.state = fs->state_at_mount;
        second = write_all_metadata(fs);
    }
    ext2_forget_doomed(fs);
    drop_unused(fs);
    if (!any_in_core(fs)) {
        ext2_order_end(fs);
        kfree(fs->groups);
        kfree(fs);
    }
    return error ? error : second;
}

static int ext2_statfs(struct mount *mount, uint32_t *block_size, uint64_t *blocks, uint64_t *free,
                       uint64_t *files, uint64_t *files_free) {
    struct ext2_fs *fs = mount->data;
    *block_size = fs->block_size;
    *blocks = fs->super.blocks;
    *free = fs->free_blocks + ext2_pending_blocks(fs);
    *files = fs->super.inodes;
    *files_free = fs->free_inodes;
    return 0;
}

/* --- mounting --- */

/* Refuses the mount with the reason in the log. */
static int refuse(const struct ext2_fs *fs, const char *reason) {
    klog("ext2: %s: not mounted: %s", fs->device->name, reason);
    return -EINVAL;
}

/* Incompatible features by their bits, for the log; all but filetype are ext3's and ext4's. */
static const char *const feature_names[] = {
    [0] = "compression",
    [2] = "needs journal recovery",
    [3] = "journal device",
    [4] = "meta_bg",
    [6] = "extents",
    [7] = "64bit",
    [8] = "mmp",
    [9] = "flex_bg",
    [10] = "ea_inode",
    [12] = "dirdata",
    [13] = "csum_seed",
    [14] = "large_dir",
    [15] = "inline_data",
    [16] = "encrypt",
    [17] = "casefold",
};

static int check_features(struct ext2_fs *fs) {
    const struct ext2_super *super = &fs->super;
    uint32_t unknown = super->incompatible & ~(uint32_t)EXT2_INCOMPAT_FILETYPE;
    if (unknown) {
        for (unsigned bit = 0; bit < 32; bit++)
            if (unknown & 1u << bit)
                klog("ext2: %s: unsupported feature: %s (incompatible, bit %u)", fs->device->name,
                     bit < ARRAY_SIZE(feature_names) && feature_names[bit] ? feature_names[bit] : "unknown",
                     bit);
        return refuse(fs, "unsupported incompatible features");
    }
    unknown = super->read_only_compatible & ~(uint32_t)(EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE |
                                                        EXT2_RO_BTREE_DIR | EXT2_RO_EXTRA_ISIZE);
    if (unknown && !fs->read_only) {
        klog("ext2: %s: read-only for the sake of unknown features 0x%x", fs->device->name, unknown);
        fs->read_only = true;
    }
    return 0;
}

/* The numbers in the superblock that all arithmetic leans on. */
static int check_geometry(struct ext2_fs *fs) {
    struct ext2_super *super = &fs->super;
    if (super->log_block_size > 2)
        return refuse(fs, "block size is not 1, 2 or 4 KiB");
    fs->block_shift = 10 + super->log_block_size;
    fs->block_size = 1u << fs->block_shift;
    fs->pointers = fs->block_size / sizeof(uint32_t);
    fs->inode_size = super->revision == 0 ? EXT2_INODE_BYTES : super->inode_size;
    fs->first_inode = super->revision == 0 ? 11 : super->first_inode;
    if (fs->inode_size < EXT2_INODE_BYTES || fs->inode_size > fs->block_size ||
        (fs->inode_size & (fs->inode_size - 1)))
        return refuse(fs, "bad inode size");
    uint64_t device_blocks = (uint64_t)fs->device->sectors * SECTOR_SIZE >> fs->block_shift;
    if (super->blocks > device_blocks)
        return refuse(fs, "file system is larger than its partition");
    if (super->first_data_block != (fs->block_size == 1024 ? 1u : 0u) || super->blocks < 8)
        return refuse(fs, "bad first block or number of blocks");
    uint32_t bits = fs->block_size * 8;
    if (super->blocks_per_group < 8 || super->blocks_per_group > bits || super->inodes_per_group < 8 ||
        super->inodes_per_group > bits || super->inodes_per_group * fs->inode_size % fs->block_size)
        return refuse(fs, "bad group size");
    fs->group_count = (super->blocks - super->first_data_block - 1) / super->blocks_per_group + 1;
    if ((uint64_t)fs->group_count * super->inodes_per_group != super->inodes)
        return refuse(fs, "inodes do not match the groups");
    if (fs->first_inode < 3 || fs->first_inode > super->inodes)
        return refuse(fs, "bad first inode");
    return 0;
}

/* Reads the descriptors; every block number in them must lie on the disk. */
static int read_groups(struct ext2_fs *fs) {
    uint32_t bytes = fs->group_count * sizeof *fs->groups;
    fs->descriptor_blocks = (bytes + fs->block_size - 1) >> fs->block_shift;
    if (fs->descriptor_blocks + fs->super.first_data_block + 1 >= fs->super.blocks)
        return refuse(fs, "group descriptors do not fit");
    fs->groups = kmalloc(bytes);
    if (!fs->groups)
        return -ENOMEM;
    int error = raw_copy(fs, descriptor_position(fs), fs->groups, bytes, false);
    if (error)
        return error;
    uint32_t table_blocks = fs->super.inodes_per_group * fs->inode_size >> fs->block_shift;
    for (uint32_t i = 0; i < fs->group_count; i++) {
        struct ext2_group *g = &fs->groups[i];
        uint32_t low = fs->super.first_data_block + 1, high = fs->super.blocks;
        if (g->block_bitmap < low || g->block_bitmap >= high || g->inode_bitmap < low ||
            g->inode_bitmap >= high || g->inode_table < low || g->inode_table >= high ||
            table_blocks > high - g->inode_table)
            return refuse(fs, "a group descriptor points outside the file system");
        fs->free_blocks += g->free_blocks;
        fs->free_inodes += g->free_inodes;
    }
    return 0;
}

static int read_super(struct ext2_fs *fs) {
    if (fs->metadata->size < EXT2_SUPER_OFFSET + EXT2_SUPER_BYTES)
        return refuse(fs, "partition is too small");
    int error = raw_copy(fs, EXT2_SUPER_OFFSET, &fs->super, sizeof fs->super, false);
    if (error)
        return error;
    if (fs->super.magic != EXT2_MAGIC)
        return refuse(fs, "no ext2 superblock");
    if (fs->super.revision > 1)
        return refuse(fs, "unknown revision");
    if (fs->super.revision == 0) /* has no feature words: what stands there means nothing */
        fs->super.compatible = fs->super.incompatible = fs->super.read_only_compatible = 0;
    error = check_geometry(fs);
    if (!error)
        error = check_features(fs);
    if (!error)
        error = read_groups(fs);
    return error;
}

/* From here on the disk says that it is in use; one that cannot be told so may not be changed. */
static void mark_in_use(struct ext2_fs *fs) {
    fs->state_at_mount = fs->super.state;
    if (!(fs->super.state & EXT2_STATE_CLEAN) || fs->super.state & EXT2_STATE_ERRORS)
        klog("ext2: %s: was not unmounted in order, or has errors: run e2fsck", fs->device->name);
    if (fs->read_only)
        return;
    fs->super.state &= (uint16_t)~EXT2_STATE_CLEAN;
    fs->super.mount_time = ext2_now();
    fs->super.mounts++;
    for (unsigned tries = 0; tries < 2; tries++) {
        if (ext2_sync_metadata(fs) == 0)
            return;
    }
    klog("ext2: %s: its superblock cannot be written: read-only", fs->device->name);
    fs->read_only = true;
}

static int get_root(struct ext2_fs *fs) {
    struct ext2_inode *root;
    mutex_lock(&fs->lock);
    int error = ext2_inode_get(fs, EXT2_ROOT_INODE, &root);
    mutex_unlock(&fs->lock);
    if (error)
        return error;
    if (root->vnode.operations != &ext2_directory_operations) {
        vnode_unref(&root->vnode);
        return refuse(fs, "the root is not a directory");
    }
    fs->mount.root = &root->vnode;
    return 0;
}

static void init_fs(struct ext2_fs *fs, struct block_device *device, bool read_only) {
    fs->device = device;
    fs->metadata = object_of_device(device);
    fs->read_only = read_only;
    for (unsigned i = 0; i < EXT2_INODE_BUCKETS; i++)
        list_init(&fs->inodes[i]);
    list_init(&fs->unused);
    fs->mount.type = "ext2";
    print_to(fs->mount.source, sizeof fs->mount.source, "/dev/%s", device->name);
    fs->mount.device = (uint64_t)mount_anonymous_device();
    fs->mount.sync = ext2_sync;
    fs->mount.unmount = ext2_unmount;
    fs->mount.count_references = ext2_count_doomed;
    fs->mount.statfs = ext2_statfs;
    fs->mount.data = fs;
    list_init(&fs->mount.link);
}

int ext2_mount(struct block_device *device, bool read_only, struct mount **mount) {
    struct ext2_fs *fs = kmalloc(sizeof *fs);
    if (!fs)
        return -ENOMEM;
    init_fs(fs, device, read_only);
    int error = read_super(fs);
    if (!error)
        error = ext2_order_init(fs);
    if (!error) {
        fs->max_size = ext2_map_max_blocks(fs) << fs->block_shift;
        error = get_root(fs);
    }
    if (error) {
        ext2_order_end(fs);
        kfree(fs->groups);
        kfree(fs);
        return error;
    }
    mark_in_use(fs);
    fs->mount.read_only = fs->read_only;
    klog("ext2: %s: mounted %s, %u of %u blocks of %u bytes free", device->name,
         fs->read_only ? "read-only" : "read-write", fs->free_blocks, fs->super.blocks, fs->block_size);
    *mount = &fs->mount;
    return 0;
}
