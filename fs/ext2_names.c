/*
 * ext2: names. What a directory can be asked to do. Each function is one transaction under the file system's
 * mutex: find everything (records, room, inodes), check everything, then commit. References are dropped
 * after the mutex, because dropping the last one of an unlinked file takes it again to free the file.
 *
 * Link counts: a file has one for each name; a directory has one for its name, one for its ".", and one for
 * the ".." of each directory in it.
 *
 * Renaming, which changes two directories, is in fs/ext2_rename.c.
 *
 * Source: POSIX.1-2017, the functions of the same names.
 */
#include "fs/ext2.h"

#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define FAST_SYMLINK (EXT2_BLOCK_SLOTS * sizeof(uint32_t))

int ext2_begin_change(struct ext2_inode *directory) {
    ext2_limit_doomed(directory->fs);
    mutex_lock(&directory->fs->lock);
    int error = ext2_writable(directory->fs);
    if (!error && directory->disk.links == 0)
        error = -ENOENT;
    if (error)
        mutex_unlock(&directory->fs->lock);
    return error;
}

int ext2_get_named(struct ext2_inode *directory, const char *name, size_t length, struct ext2_inode **found) {
    struct ext2_place place;
    if (length > EXT2_NAME_MAX)
        return -ENAMETOOLONG;
    int error = ext2_dir_find(directory, name, length, &place);
    if (error)
        return error;
    uint32_t number = place.record->inode;
    ext2_block_put(&place.block);
    return ext2_inode_get(directory->fs, number, found);
}

/* Room for a name that must not exist yet. Locked. 0, -EEXIST, … */
static int get_room(struct ext2_inode *directory, const char *name, size_t length, struct ext2_place *room) {
    if (length > EXT2_NAME_MAX)
        return -ENAMETOOLONG;
    int error = ext2_dir_find(directory, name, length, room);
    if (error == 0) {
        ext2_block_put(&room->block);
        return -EEXIST;
    }
    return error == -ENOENT ? ext2_dir_find_room(directory, length, room) : error;
}

int ext2_store_two(struct ext2_inode *a, struct ext2_inode *b) {
    int error = ext2_inode_store(a);
    int second = ext2_inode_store(b);
    return error ? error : second;
}

static int ext2_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *inode;
    mutex_lock(&directory->fs->lock);
    int error = ext2_get_named(directory, name, length, &inode);
    mutex_unlock(&directory->fs->lock);
    if (error)
        return error;
    inode->parent = directory->number;
    *found = &inode->vnode;
    return 0;
}

/* --- new names --- */

/*
 * Ends the making of @child (NULL: it was not even made): gives it the name in @room, or, on an error, drops
 * it, which frees it. Locked; unlocks.
 */
static int finish_new(struct ext2_inode *directory, struct ext2_place *room, const char *name, size_t length,
                      struct ext2_inode *child, int error) {
    if (error) {
        ext2_dir_drop(directory, room);
    } else {
        bool subdirectory = ext2_is_directory(child);
        ext2_dir_fill(directory, room, name, length, child->number, child->vnode.mode);
        child->disk.links = subdirectory ? 2 : 1;
        directory->disk.links = (uint16_t)(directory->disk.links + subdirectory);
        error = ext2_store_two(child, directory);
    }
    mutex_unlock(&directory->fs->lock);
    if (error && child)
        vnode_unref(&child->vnode);
    return error;
}

static int try_create(struct vnode *vnode, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                      struct vnode **made) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *child = NULL;
    int error = ext2_begin_change(directory);
    if (error)
        return error;
    struct ext2_place room;
    error = S_ISDIR(mode) && directory->disk.links >= EXT2_LINKS_MAX
                ? -EMLINK
                : get_room(directory, name, length, &room);
    if (error) {
        mutex_unlock(&directory->fs->lock);
        return error;
    }
    error = ext2_inode_make(directory, mode, rdevice, &child);
    if (!error && S_ISDIR(mode))
        error = ext2_dir_begin(child, directory->number);
    error = finish_new(directory, &room, name, length, child, error);
    if (!error)
        *made = &child->vnode;
    return error;
}

/* The text of a new symbolic link: in the inode if it is short, else in a block. Locked. */
static int write_symlink(struct ext2_inode *link, const char *target, size_t length) {
    struct ext2_fs *fs = link->fs;
    if (length < FAST_SYMLINK) {
        memcpy(link->disk.block, target, length);
    } else {
        uint32_t number;
        bool fresh;
        struct ext2_block block;
        int error = ext2_map_allocate(link, 0, &number, &fresh);
        if (!error)
            error = ext2_block_get(fs, number, &block);
        if (error)
            return error;
        memset(block.data, 0, fs->block_size);
        memcpy(block.data, target, length);
        ext2_block_put_modified(fs, &block);
    }
    ext2_inode_set_size(link, length);
    return 0;
}

static int try_symlink(struct vnode *vnode, const char *name, size_t length, const char *target) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *child = NULL;
    size_t target_length = strlen(target);
    if (target_length == 0)
        return -ENOENT;
    if (target_length >= directory->fs->block_size)
        return -ENAMETOOLONG;
    int error = ext2_begin_change(directory);
    if (error)
        return error;
    struct ext2_place room;
    error = get_room(directory, name, length, &room);
    if (error) {
        mutex_unlock(&directory->fs->lock);
        return error;
    }
    error = ext2_inode_make(directory, S_IFLNK | 0777, 0, &child);
    if (!error)
        error = write_symlink(child, target, target_length);
    error = finish_new(directory, &room, name, length, child, error);
    if (!error)
        vnode_unref(&child->vnode);
    return error;
}

static int try_link(struct vnode *vnode, const char *name, size_t length, struct vnode *target_vnode) {
    struct ext2_inode *directory = ext2_inode_of(vnode);
    if (target_vnode->mount != vnode->mount)
        return -EXDEV;
    struct ext2_inode *target = ext2_inode_of(target_vnode);
    if (ext2_is_directory(target))
        return -EPERM;
    int error = ext2_begin_change(directory);
    if (error)
        return error;
    struct ext2_place room;
    if (target->disk.links == 0)
        error = -ENOENT;
    else if (target->disk.links >= EXT2_LINKS_MAX)
        error = -EMLINK;
    else
        error = get_room(directory, name, length, &room);
    if (!error) {
        ext2_dir_fill(directory, &room, name, length, target->number, target->vnode.mode);
        target->disk.links++;
        target->disk.ctime = ext2_now();
        error = ext2_store_two(target, directory);
    }
    mutex_unlock(&directory->fs->lock);
    return error;
}

/* What is full may not be full any more after a sync. */

static int ext2_create(struct vnode *vnode, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                       struct vnode **made) {
    struct ext2_fs *fs = ext2_inode_of(vnode)->fs;
    int error;
    bool pending;
    do {
        pending = ext2_pending(fs);
        error = try_create(vnode, name, length, mode, rdevice, made);
    } while (error == -ENOSPC && pending && ext2_reclaim(fs));
    return error;
}

static int ext2_symlink(struct vnode *vnode, const char *name, size_t length, const char *target) {
    struct ext2_fs *fs = ext2_inode_of(vnode)->fs;
    int error;
    bool pending;
    do {
        pending = ext2_pending(fs);
        error = try_symlink(vnode, name, length, target);
    } while (error == -ENOSPC && pending && ext2_reclaim(fs));
    return error;
}

static int ext2_link(struct vnode *vnode, const char *name, size_t length, struct vnode *target) {
    struct ext2_fs *fs = ext2_inode_of(vnode)->fs;
    int error;
    bool pending;
    do {
        pending = ext2_pending(fs);
        error = try_link(vnode, name, length, target);
    } while (error == -ENOSPC && pending && ext2_reclaim(fs));
    return error;
}

/* --- names go --- */

int ext2_check_removable(struct ext2_inode *victim, bool want_directory) {
    if (!ext2_is_directory(victim))
        return want_directory ? -ENOTDIR : 0;
    if (!want_directory)
        return -EISDIR;
    if (victim->vnode.covered_by)
        return -EBUSY;
    int empty = ext2_dir_empty(victim);
    return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

int ext2_drop_link(struct ext2_inode *directory, struct ext2_inode *victim) {
    if (ext2_is_directory(victim)) {
        victim->disk.links = 0;
        if (directory->disk.links > 2)
            directory->disk.links--;
    } else {
        victim->disk.links--; /* not 0 before: ext2_inode_get() checks, and counts go to 0 once */
    }
    victim->disk.ctime = ext2_now();
    return ext2_inode_store(victim);
}

static int ext2_unlink(struct vnode *vnode, const char *name, size_t length, bool want_directory) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *victim = NULL;
    int error = ext2_begin_change(directory);
    if (error)
        return error;
    struct ext2_place place;
    error = ext2_get_named(directory, name, length, &victim);
    if (!error)
        error = ext2_check_removable(victim, want_directory);
    if (!error)
        error = ext2_dir_find(directory, name, length, &place);
    if (!error) {
        ext2_dir_remove(directory, &place);
        error = ext2_drop_link(directory, victim);
        int second = ext2_inode_store(directory);
        error = error ? error : second;
    }
    mutex_unlock(&directory->fs->lock);
    if (victim)
        vnode_unref(&victim->vnode);
    return error;
}

/* --- looking --- */

static int ext2_parent(struct vnode *vnode, struct vnode **parent) {
    struct ext2_inode *inode = ext2_inode_of(vnode), *found;
    struct ext2_fs *fs = inode->fs;
    int error;
    mutex_lock(&fs->lock);
    if (inode->disk.links == 0)
        error = -ENOENT; /* removed: the directory it was in may be gone as well */
    else if (ext2_is_directory(inode))
        error = ext2_get_named(inode, "..", 2, &found);
    else if (inode->parent && ext2_inode_is_directory(fs, inode->parent))
        error = ext2_inode_get(fs, inode->parent, &found);
    else
        error = -ENOENT;
    mutex_unlock(&fs->lock);
    if (!error)
        *parent = &found->vnode;
    return error;
}

/* DT_* of a record; without filetype the reader must ask the inode. */
static unsigned directory_type(const struct ext2_record *record) {
    static const uint8_t types[] = {0, 8, 4, 2, 6, 1, 12, 10};
    return record->type < sizeof types ? types[record->type] : 0;
}

/* Emits the records of one block copied to @copy from byte @from of it on. 0: all, 1: no more room, -EIO. */
static int emit_block(struct ext2_inode *directory, const uint8_t *copy, uint64_t base, unsigned from,
                      directory_emit *emit, void *data) {
    struct ext2_fs *fs = directory->fs;
    for (unsigned at = 0; at < fs->block_size;) {
        const struct ext2_record *record = (const struct ext2_record *)(copy + at);
        if (!ext2_record_valid(fs, record, at))
            return ext2_damaged(fs, "directory %u: bad record at byte %u", directory->number, at);
        unsigned next = at + record->length;
        if (at >= from && record->inode &&
            !emit(data, record->name, record->name_length, record->inode, directory_type(record),
                  base + next))
            return 1;
        at = next;
    }
    return 0;
}

/* Each block is copied, since @emit may touch user memory, for which the mutex must not be held. */
static int ext2_list(struct vnode *vnode, uint64_t position, directory_emit *emit, void *data) {
    struct ext2_inode *directory = ext2_inode_of(vnode);
    struct ext2_fs *fs = directory->fs;
    uint8_t *copy = kmalloc(fs->block_size);
    if (!copy)
        return -ENOMEM;
    int result = 0;
    while (!result && position < vnode->object.size) {
        struct ext2_block block;
        mutex_lock(&fs->lock);
        result = ext2_dir_block(directory, (uint32_t)(position >> fs->block_shift), &block);
        if (!result) {
            memcpy(copy, block.data, fs->block_size);
            ext2_block_put(&block);
        }
        mutex_unlock(&fs->lock);
        unsigned from = (unsigned)position & (fs->block_size - 1);
        uint64_t base = position - from;
        if (!result)
            result = emit_block(directory, copy, base, from, emit, data);
        position = base + fs->block_size;
    }
    kfree(copy);
    return result < 0 ? result : 0;
}

static int ext2_readlink(struct vnode *vnode, char *buffer, size_t size) {
    struct ext2_inode *inode = ext2_inode_of(vnode);
    struct ext2_fs *fs = inode->fs;
    size_t length = (size_t)vnode->object.size;
    if (ext2_fast_symlink(inode)) {
        if (length > FAST_SYMLINK)
            return ext2_damaged(fs, "inode %u: symbolic link without its block", inode->number);
        memcpy(buffer, inode->disk.block, MIN(length, size));
        return (int)MIN(length, size);
    }
    uint32_t number;
    struct ext2_block block;
    int error = ext2_map(inode, 0, &number);
    if (error)
        return error;
    if (number == 0 || length > fs->block_size)
        return ext2_damaged(fs, "inode %u: symbolic link without its block", inode->number);
    error = ext2_block_get(fs, number, &block);
    if (error)
        return error;
    memcpy(buffer, block.data, MIN(length, size));
    ext2_block_put(&block);
    return (int)MIN(length, size);
}

const struct vnode_operations ext2_directory_operations = {
    .lookup = ext2_lookup,
    .create = ext2_create,
    .link = ext2_link,
    .symlink = ext2_symlink,
    .unlink = ext2_unlink,
    .rename = ext2_rename,
    .parent = ext2_parent,
    .list = ext2_list,
    .get_attributes = ext2_get_attributes,
    .set_attributes = ext2_set_attributes,
    .sync = ext2_sync_inode,
};

const struct vnode_operations ext2_file_operations = {
    .parent = ext2_parent,
    .get_attributes = ext2_get_attributes,
    .set_attributes = ext2_set_attributes,
    .sync = ext2_sync_inode,
    .prepare_write = ext2_prepare_write,
    .write_in_place = ext2_write_in_place,
    .end_write = ext2_end_write,
    .map_blocks = ext2_map_blocks,
};

const struct vnode_operations ext2_symlink_operations = {
    .parent = ext2_parent,
    .readlink = ext2_readlink,
    .get_attributes = ext2_get_attributes,
    .set_attributes = ext2_set_attributes,
};

const struct vnode_operations ext2_special_operations = {
    .parent = ext2_parent,
    .get_attributes = ext2_get_attributes,
    .set_attributes = ext2_set_attributes,
};
