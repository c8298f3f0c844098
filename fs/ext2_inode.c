/*
 * ext2: in-core inodes. Each file that is in use, or whose pages are still in memory, has one struct
 * ext2_inode with its vnode inside, found by number in a hash: so one file is one vnode is one object, and
 * all who open or map it meet in the same pages.
 *
 *   absent --ext2_inode_get--> in use --last reference--> unused, pages kept --last page goes--> absent
 *                                 ^                            |
 *                                 +------ext2_inode_get--------+
 *
 * An unlinked file (links 0) loses its pages when its last reference is given up, and is freed by a sync after
 * that (ext2_order.c). The in-core copy is
 * stored into the inode table's page at every change, so it is never the only copy: forgetting it is free.
 *
 * Source: the in-core inode table of Bach, "The Design of the UNIX Operating System", ch. 4.
 */
#include "fs/ext2.h"

#include "drivers/block.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define LARGE_FILE        ((uint64_t)1 << 31) /* bytes; from here on the file system must be marked */
#define EXTRA_INODE_BYTES 32u                 /* of the part behind the first 128 that current tools expect */
#define SYMLINK_MAX       PATH_MAX_BYTES

static struct list *bucket_of(struct ext2_fs *fs, uint32_t number) {
    return &fs->inodes[number % EXT2_INODE_BUCKETS];
}

/* Gets the block of the inode table that holds the inode; *@raw points to the inode in it. */
static int table_get(struct ext2_fs *fs, uint32_t number, struct ext2_block *block,
                     struct ext2_disk_inode **raw) {
    ASSERT(number >= 1 && number <= fs->super.inodes);
    uint32_t group = (number - 1) / fs->super.inodes_per_group;
    uint32_t byte = (number - 1) % fs->super.inodes_per_group * fs->inode_size;
    int error = ext2_block_get(fs, fs->groups[group].inode_table + (byte >> fs->block_shift), block);
    if (!error)
        *raw = (struct ext2_disk_inode *)(block->data + (byte & (fs->block_size - 1)));
    return error;
}

int ext2_inode_store(struct ext2_inode *inode) {
    struct ext2_block block;
    struct ext2_disk_inode *raw;
    int error = table_get(inode->fs, inode->number, &block, &raw);
    if (error)
        return error;
    *raw = inode->disk;
    if (raw->links == 0 && raw->dtime == 0)
        raw->links = 1; /* its name may still be on the disk: see ext2_order.c */
    ext2_block_put_modified(inode->fs, &block);
    return 0;
}

/* --- a disk inode becomes a vnode --- */

bool ext2_fast_symlink(const struct ext2_inode *inode) {
    uint32_t attribute_sectors = inode->disk.attribute_block ? inode->fs->block_size / SECTOR_SIZE : 0;
    return inode->disk.sectors == attribute_sectors;
}

static uint64_t disk_size(const struct ext2_disk_inode *disk) {
    return S_ISREG(disk->mode) ? disk->size | (uint64_t)disk->size_high << 32 : disk->size;
}

/* Rejects what cannot be an inode that a name leads to. */
static int check_inode(struct ext2_fs *fs, uint32_t number, const struct ext2_disk_inode *disk) {
    uint64_t size = disk_size(disk);
    if (disk->links == 0 || disk->mode == 0)
        return ext2_damaged(fs, "a name leads to inode %u, which is free", number);
    if (disk->flags & (EXT2_FLAG_EXTENTS | EXT2_FLAG_INLINE_DATA))
        return ext2_damaged(fs, "inode %u: flags 0x%x", number, disk->flags);
    if (S_ISREG(disk->mode) && size > fs->max_size)
        return ext2_damaged(fs, "inode %u: size out of range", number);
    if (S_ISDIR(disk->mode) &&
        (size == 0 || size & (fs->block_size - 1) || size >> fs->block_shift > fs->super.blocks))
        return ext2_damaged(fs, "inode %u: directory of %u bytes", number, disk->size);
    if (S_ISLNK(disk->mode) && (size == 0 || size > SYMLINK_MAX))
        return ext2_damaged(fs, "inode %u: symbolic link of %u bytes", number, disk->size);
    if (!S_ISREG(disk->mode) && !S_ISDIR(disk->mode) && !S_ISLNK(disk->mode) && !S_ISCHR(disk->mode) &&
        !S_ISBLK(disk->mode) && !S_ISFIFO(disk->mode) && !S_ISSOCK(disk->mode))
        return ext2_damaged(fs, "inode %u: mode 0%o", number, disk->mode);
    return 0;
}

static const struct vnode_operations *operations_of(uint32_t mode) {
    if (S_ISREG(mode))
        return &ext2_file_operations;
    if (S_ISDIR(mode))
        return &ext2_directory_operations;
    return S_ISLNK(mode) ? &ext2_symlink_operations : &ext2_special_operations;
}

/* A new in-core inode with the contents of @disk, in the hash, with one reference. */
static int make_incore(struct ext2_fs *fs, uint32_t number, const struct ext2_disk_inode *disk,
                       struct ext2_inode **made) {
    struct ext2_inode *inode = kmalloc(sizeof *inode);
    if (!inode)
        return -ENOMEM;
    inode->fs = fs;
    inode->number = number;
    inode->disk = *disk;
    list_init(&inode->unused);
    list_add_head(bucket_of(fs, number), &inode->bucket);

    struct vnode *vnode = &inode->vnode;
    object_init(&vnode->object, &ext2_pager, disk_size(disk));
    vnode->operations = operations_of(disk->mode);
    vnode->mount = &fs->mount;
    vnode->mode = disk->mode;
    vnode->inode = number;
    vnode->has_pages = S_ISREG(disk->mode);
    vnode->seekable = S_ISREG(disk->mode) || S_ISDIR(disk->mode);
    *made = inode;
    return 0;
}

static struct ext2_inode *find_incore(struct ext2_fs *fs, uint32_t number) {
    list_for_each (inode, bucket_of(fs, number), struct ext2_inode, bucket) {
        if (inode->number == number)
            return inode;
    }
    return NULL;
}

static void take_from_unused(struct ext2_inode *inode) {
    if (!list_empty(&inode->unused)) {
        list_remove(&inode->unused);
        inode->fs->unused_count--;
    }
}

int ext2_inode_get(struct ext2_fs *fs, uint32_t number, struct ext2_inode **found) {
    if ((number != EXT2_ROOT_INODE && number < fs->first_inode) || number > fs->super.inodes)
        return ext2_damaged(fs, "a name leads to inode %u, which does not exist", number);
    struct ext2_inode *inode = find_incore(fs, number);
    if (inode && inode->disk.links == 0)
        return ext2_damaged(fs, "a name leads to inode %u, which has been unlinked", number);
    if (inode) {
        take_from_unused(inode);
        vnode_ref(&inode->vnode);
        *found = inode;
        return 0;
    }
    struct ext2_block block;
    struct ext2_disk_inode *raw;
    int error = table_get(fs, number, &block, &raw);
    if (error)
        return error;
    struct ext2_disk_inode disk = *raw;
    ext2_block_put(&block);
    error = check_inode(fs, number, &disk);
    return error ? error : make_incore(fs, number, &disk, found);
}

bool ext2_inode_is_directory(struct ext2_fs *fs, uint32_t number) {
    struct ext2_block block;
    struct ext2_disk_inode *raw;
    if (number < 1 || number > fs->super.inodes || table_get(fs, number, &block, &raw))
        return false;
    bool directory = S_ISDIR(raw->mode) && raw->links > 0;
    ext2_block_put(&block);
    return directory;
}

/* --- making --- */

/* Writes a new inode into the table: the part behind the first 128 bytes is cleared, and its length set. */
static void fill_raw(struct ext2_fs *fs, struct ext2_disk_inode *raw, const struct ext2_disk_inode *disk) {
    memset(raw, 0, fs->inode_size);
    *raw = *disk;
    if (fs->inode_size >= EXT2_INODE_BYTES + EXTRA_INODE_BYTES)
        *(uint16_t *)(raw + 1) = EXTRA_INODE_BYTES;
}

/* Where a device inode keeps its number: Linux's old 16-bit form in word 0, or the new one in word 1. */
static void set_device_number(struct ext2_disk_inode *disk, uint64_t rdevice) {
    uint32_t major = (uint32_t)rdevice >> 8 & 0xfff;
    uint32_t minor = ((uint32_t)rdevice & 0xff) | ((uint32_t)(rdevice >> 12) & 0xfff00u);
    if (major < 256 && minor < 256)
        disk->block[0] = major << 8 | minor;
    else
        disk->block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static uint64_t device_number_of(const struct ext2_disk_inode *disk) {
    return disk->block[0] ? disk->block[0] & 0xffff : disk->block[1];
}

int ext2_inode_make(struct ext2_inode *parent, uint32_t mode, uint64_t rdevice, struct ext2_inode **made) {
    struct ext2_fs *fs = parent->fs;
    struct ext2_claim claim;
    int error = ext2_inode_claim(fs, parent->number, S_ISDIR(mode), &claim);
    if (error)
        return error;
    struct ext2_disk_inode disk = {.mode = (uint16_t)mode, .atime = ext2_now(), .generation = claim.number};
    disk.ctime = disk.mtime = disk.atime;
    if (S_ISCHR(mode) || S_ISBLK(mode))
        set_device_number(&disk, rdevice);
    struct ext2_block block;
    struct ext2_disk_inode *raw;
    error = table_get(fs, claim.number, &block, &raw);
    if (error) {
        ext2_claim_drop(&claim);
        return error;
    }
    error = make_incore(fs, claim.number, &disk, made);
    if (error) {
        ext2_block_put(&block);
        ext2_claim_drop(&claim);
        return error;
    }
    fill_raw(fs, raw, &disk);
    ext2_block_put_modified(fs, &block);
    ext2_inode_take(fs, &claim, S_ISDIR(mode));
    (*made)->parent = parent->number;
    return 0;
}

/* --- the end of one --- */

/* Drops a reference to the block of extended attributes, which several inodes may share. */
static int free_attributes(struct ext2_inode *inode) {
    enum { ATTRIBUTE_MAGIC = 0xea020000 };
    uint32_t number = inode->disk.attribute_block;
    if (!number)
        return 0;
    inode->disk.attribute_block = 0;
    if (!ext2_block_valid(inode->fs, number))
        return ext2_damaged(inode->fs, "inode %u: attributes in block %u", inode->number, number);
    struct ext2_block block;
    int error = ext2_block_get(inode->fs, number, &block);
    if (error)
        return error;
    uint32_t *header = (uint32_t *)block.data; /* magic, references, … */
    if (header[0] != (uint32_t)ATTRIBUTE_MAGIC || header[1] == 0) {
        ext2_block_put(&block);
        return ext2_damaged(inode->fs, "inode %u: bad attribute block %u", inode->number, number);
    }
    if (--header[1] > 0) {
        ext2_block_put_modified(inode->fs, &block);
        return 0;
    }
    ext2_block_put(&block);
    return ext2_block_free(inode->fs, number, true);
}

/* Whether the words of the block map are block numbers, not a short link's text or a device's number. */
static bool has_blocks(const struct ext2_inode *inode) {
    uint32_t mode = inode->vnode.mode;
    return S_ISREG(mode) || S_ISDIR(mode) || (S_ISLNK(mode) && !ext2_fast_symlink(inode));
}

/* What cannot be freed is lost until e2fsck. */
void ext2_free_unlinked(struct ext2_inode *inode) {
    struct ext2_fs *fs = inode->fs;
    bool directory = S_ISDIR(inode->vnode.mode);
    mutex_lock(&fs->lock);
    int error = 0;
    if (!ext2_writable(fs)) {
        if (has_blocks(inode))
            error = ext2_map_truncate(inode, 0);
        if (!error)
            error = free_attributes(inode);
        inode->disk.size = inode->disk.size_high = 0;
        inode->disk.dtime = ext2_now();
        int second = ext2_inode_store(inode);
        if (!error && !second)
            error = ext2_inode_free(fs, inode->number, directory);
    }
    if (error)
        klog("ext2: %s: inode %u could not be freed (error %d)", fs->device->name, inode->number, -error);
    list_remove(&inode->bucket); /* from now on the number may come back as another file */
    mutex_unlock(&fs->lock);
}

/* Forgets the files unused for longest, with their clean pages, when there are too many. */
static void trim_unused(struct ext2_fs *fs) {
    while (fs->unused_count > EXT2_UNUSED_MAX) {
        struct ext2_inode *oldest = list_first(&fs->unused, struct ext2_inode, unused);
        list_remove(&oldest->unused);
        fs->unused_count--;
        /* May release it; with modified pages left it just lives on. */
        object_drop_pages(&oldest->vnode.object, 0);
    }
}

void ext2_unused(struct object *object) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    if (inode->disk.links == 0) {
        if (!list_empty(&inode->bucket))
            ext2_doom(inode);
        return;
    }
    take_from_unused(inode);
    list_add_tail(&inode->fs->unused, &inode->unused);
    inode->fs->unused_count++;
    trim_unused(inode->fs);
}

void ext2_release(struct object *object) {
    struct ext2_inode *inode = ext2_inode_of(vnode_of_object(object));
    take_from_unused(inode);
    list_remove(&inode->bucket);
    kfree(inode);
}

/* --- attributes --- */

int ext2_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    const struct ext2_disk_inode *disk = &inode->disk;
    *attributes = (struct vnode_attributes){
        .mode = vnode->mode,
        .links = disk->links,
        .uid = disk->uid | (uint32_t)disk->uid_high << 16,
        .gid = disk->gid | (uint32_t)disk->gid_high << 16,
        .blocks = disk->sectors,
        .block_size = inode->fs->block_size,
        .inode = inode->number,
        .size = vnode->object.size,
        .device = vnode->mount->device,
        .atime = disk->atime,
        .mtime = disk->mtime,
        .ctime = disk->ctime,
    };
    if (S_ISCHR(vnode->mode) || S_ISBLK(vnode->mode))
        attributes->rdevice = device_number_of(disk);
    return 0;
}

void ext2_inode_set_size(struct ext2_inode *inode, uint64_t size) {
    inode->vnode.object.size = size;
    inode->disk.size = (uint32_t)size;
    if (S_ISREG(inode->vnode.mode))
        inode->disk.size_high = (uint32_t)(size >> 32);
    if (size >= LARGE_FILE)
        inode->fs->super.read_only_compatible |= EXT2_RO_LARGE_FILE;
}

/* First block that a file of @size bytes does not need. */
static uint32_t block_after(const struct ext2_fs *fs, uint64_t size) {
    return (uint32_t)((size + fs->block_size - 1) >> fs->block_shift);
}

/* Brings the page that holds byte @size into memory, and clears what lies behind @size where @clear. */
static int last_page(struct ext2_inode *inode, uint64_t size, bool clear) {
    struct frame *frame;
    unsigned from = (unsigned)size & PAGE_MASK;
    if (from == 0)
        return 0;
    int error = page_get(&inode->vnode.object, (pgoff_t)(size >> PAGE_SHIFT), PAGE_READ, &frame);
    if (error)
        return error;
    if (!clear) {
        page_put(frame);
        return 0;
    }
    memset((uint8_t *)frame_data(frame) + from, 0, PAGE_SIZE - from);
    page_put_modified(frame, from, PAGE_SIZE);
    return 0;
}

/*
 * The pages first, then their blocks. The new last page keeps bytes past the end on the disk, which would
 * come back when the file grows again: so it is marked modified, and is written with its tail cleared. It
 * is read before anything is changed, since that may fail.
 */
static int shrink_pages(struct ext2_inode *inode, uint64_t size) {
    int error = last_page(inode, size, false);
    if (error)
        return error;
    object_truncate(&inode->vnode.object, size);
    return last_page(inode, size, true);
}

/* It is the caller's turn to write (vnode_write_begin). */
static int change_size(struct ext2_inode *inode, uint64_t size) {
    struct ext2_fs *fs = inode->fs;
    bool shrink = size < inode->vnode.object.size;
    if (size > fs->max_size || (size >= LARGE_FILE && fs->super.revision == 0))
        return -EFBIG;
    int error = shrink ? shrink_pages(inode, size) : 0;
    if (error && inode->vnode.object.size != size)
        return error; /* nothing has been changed yet */
    mutex_lock(&fs->lock);
    ext2_inode_set_size(inode, size);
    int second = shrink ? ext2_map_truncate(inode, block_after(fs, size)) : 0;
    inode->disk.mtime = inode->disk.ctime = ext2_now();
    int third = ext2_inode_store(inode);
    mutex_unlock(&fs->lock);
    return error ? error : second ? second : third;
}

int ext2_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    struct ext2_disk_inode *disk = &inode->disk;
    int error = ext2_writable(inode->fs);
    if (!error && which & SET_SIZE)
        error = S_ISREG(vnode->mode) ? change_size(inode, attributes->size) : -EINVAL;
    if (error || !(which & ~(unsigned)SET_SIZE))
        return error;
    mutex_lock(&inode->fs->lock);
    if (which & SET_MODE) {
        vnode->mode = (vnode->mode & S_IFMT) | (attributes->mode & 07777);
        disk->mode = (uint16_t)vnode->mode;
    }
    if (which & SET_OWNER) {
        disk->uid = (uint16_t)attributes->uid, disk->uid_high = (uint16_t)(attributes->uid >> 16);
        disk->gid = (uint16_t)attributes->gid, disk->gid_high = (uint16_t)(attributes->gid >> 16);
    }
    if (which & SET_TIMES)
        disk->atime = attributes->atime, disk->mtime = attributes->mtime;
    disk->ctime = ext2_now();
    error = ext2_inode_store(inode);
    mutex_unlock(&inode->fs->lock);
    return error;
}

int ext2_end_write(struct vnode *vnode) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    struct ext2_fs *fs = inode->fs;
    uint32_t end = block_after(fs, vnode->object.size);
    bool too_many = inode->allocated_end > end; /* the copy from user memory stopped short */
    if (too_many)
        object_truncate(&vnode->object, vnode->object.size);
    mutex_lock(&fs->lock);
    int error = too_many ? ext2_map_truncate(inode, end) : 0;
    inode->allocated_end = 0;
    ext2_inode_set_size(inode, vnode->object.size);
    inode->disk.mtime = inode->disk.ctime = ext2_now();
    int second = ext2_inode_store(inode);
    mutex_unlock(&fs->lock);
    return error ? error : second;
}

int ext2_sync_inode(struct vnode *vnode) {
    return ext2_sync_metadata(ext2_inode_of(vnode)->fs);
}
