/*
 * ext2: names. What a directory can be asked to do. Each function is one transaction under the file system's
 * mutex: find everything (records, room, inodes), check everything, then commit. References are dropped
 * after the mutex, because dropping the last one of an unlinked file takes it again to free the file.
 *
 * Link counts: a file has one for each name; a directory has one for its name, one for its ".", and one for
 * the ".." of each directory in it.
 *
 * Source: POSIX.1-2017, the functions of the same names; for rename's "not into its own subtree", Bach,
 * ch. 5.
 */
#include "fs/ext2.h"

#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define LINKS_MAX    32000u
#define TREE_DEPTH   4096u /* directories above one another; more are a loop on a damaged disk */
#define FAST_SYMLINK (EXT2_BLOCK_SLOTS * sizeof(uint32_t))

static bool is_directory(const struct ext2_inode *inode) {
    return S_ISDIR(inode->vnode.mode);
}

/* Begins a change of a directory: locks, and checks that it may be changed and has not been removed. */
static int begin_change(struct ext2_inode *directory) {
    ext2_limit_doomed(directory->fs);
    mutex_lock(&directory->fs->lock);
    int error = ext2_writable(directory->fs);
    if (!error && directory->disk.links == 0)
        error = -ENOENT;
    if (error)
        mutex_unlock(&directory->fs->lock);
    return error;
}

/* The inode a name leads to, with a reference. Locked. */
static int get_named(struct ext2_inode *directory, const char *name, size_t length,
                     struct ext2_inode **found) {
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

static int store_two(struct ext2_inode *a, struct ext2_inode *b) {
    int error = ext2_inode_store(a);
    int second = ext2_inode_store(b);
    return error ? error : second;
}

static int ext2_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *inode;
    mutex_lock(&directory->fs->lock);
    int error = get_named(directory, name, length, &inode);
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
        bool subdirectory = is_directory(child);
        ext2_dir_fill(directory, room, name, length, child->number, child->vnode.mode);
        child->disk.links = subdirectory ? 2 : 1;
        directory->disk.links = (uint16_t)(directory->disk.links + subdirectory);
        error = store_two(child, directory);
    }
    mutex_unlock(&directory->fs->lock);
    if (error && child)
        vnode_unref(&child->vnode);
    return error;
}

static int try_create(struct vnode *vnode, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                      struct vnode **made) {
    struct ext2_inode *directory = ext2_inode_of(vnode), *child = NULL;
    int error = begin_change(directory);
    if (error)
        return error;
    struct ext2_place room;
    error = S_ISDIR(mode) && directory->disk.links >= LINKS_MAX ? -EMLINK
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
    int error = begin_change(directory);
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
    if (is_directory(target))
        return -EPERM;
    int error = begin_change(directory);
    if (error)
        return error;
    struct ext2_place room;
    if (target->disk.links == 0)
        error = -ENOENT;
    else if (target->disk.links >= LINKS_MAX)
        error = -EMLINK;
    else
        error = get_room(directory, name, length, &room);
    if (!error) {
        ext2_dir_fill(directory, &room, name, length, target->number, target->vnode.mode);
        target->disk.links++;
        target->disk.ctime = ext2_now();
        error = store_two(target, directory);
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

/* Whether @victim may lose its name (or be renamed over). Locked. */
static int check_removable(struct ext2_inode *victim, bool want_directory) {
    if (!is_directory(victim))
        return want_directory ? -ENOTDIR : 0;
    if (!want_directory)
        return -EISDIR;
    if (victim->vnode.covered_by)
        return -EBUSY;
    int empty = ext2_dir_empty(victim);
    return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

/* The name of @victim in @directory is gone: counts. Locked; @directory is not stored. */
static int drop_link(struct ext2_inode *directory, struct ext2_inode *victim) {
    if (is_directory(victim)) {
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
    int error = begin_change(directory);
    if (error)
        return error;
    struct ext2_place place;
    error = get_named(directory, name, length, &victim);
    if (!error)
        error = check_removable(victim, want_directory);
    if (!error)
        error = ext2_dir_find(directory, name, length, &place);
    if (!error) {
        ext2_dir_remove(directory, &place);
        error = drop_link(directory, victim);
        int second = ext2_inode_store(directory);
        error = error ? error : second;
    }
    mutex_unlock(&directory->fs->lock);
    if (victim)
        vnode_unref(&victim->vnode);
    return error;
}

/* --- rename --- */

/* -EINVAL when @directory is @ancestor or lies below it. Locked. */
static int check_not_below(struct ext2_inode *directory, struct ext2_inode *ancestor) {
    struct ext2_fs *fs = directory->fs;
    uint32_t number = directory->number;
    for (unsigned depth = 0; depth < TREE_DEPTH; depth++) {
        if (number == ancestor->number)
            return -EINVAL;
        if (number == EXT2_ROOT_INODE)
            return 0;
        struct ext2_inode *inode;
        struct ext2_place place;
        int error = ext2_inode_get(fs, number, &inode);
        if (error)
            return error;
        error = is_directory(inode) ? ext2_dir_find(inode, "..", 2, &place) : -ENOTDIR;
        if (!error) {
            number = place.record->inode;
            ext2_block_put(&place.block);
        }
        vnode_unref(&inode->vnode); /* cannot be the last of an unlinked one: it has links */
        if (error)
            return ext2_damaged(fs, "directory %u has no \"..\"", number);
    }
    return ext2_damaged(fs, "directory %u is its own ancestor", directory->number);
}

/* What a rename works on; found first, then committed. */
struct rename {
    struct ext2_inode *from, *to;
    const char *old_name, *new_name;
    size_t old_length, new_length;
    struct ext2_inode *moved, *replaced; /* replaced: NULL where the new name is new */
    struct ext2_place place;             /* of the new name, or room for it */
    struct ext2_place dotdot;            /* of a directory that gets another parent */
    bool new_parent;
};

/* Checks both ends. Locked. 1: nothing to do, both names are the same file. */
static int rename_check(struct rename *r) {
    int error = get_named(r->from, r->old_name, r->old_length, &r->moved);
    if (error)
        return error;
    if (r->moved->vnode.covered_by)
        return -EBUSY;
    r->new_parent = is_directory(r->moved) && r->from != r->to;
    if (is_directory(r->moved)) {
        error = check_not_below(r->to, r->moved);
        if (error)
            return error;
    }
    error = get_named(r->to, r->new_name, r->new_length, &r->replaced);
    if (error == -ENOENT)
        return r->new_parent && r->to->disk.links >= LINKS_MAX ? -EMLINK : 0;
    if (error)
        return error;
    if (r->replaced == r->moved)
        return 1;
    return check_removable(r->replaced, is_directory(r->moved));
}

/* Pins the records that will change. Locked. */
static int rename_prepare(struct rename *r) {
    int error = r->replaced ? ext2_dir_find(r->to, r->new_name, r->new_length, &r->place)
                            : ext2_dir_find_room(r->to, r->new_length, &r->place);
    if (error || !r->new_parent)
        return error;
    error = ext2_dir_find(r->moved, "..", 2, &r->dotdot);
    if (error)
        ext2_dir_drop(r->to, &r->place);
    return error;
}

/* Byte of the partition at which a block begins. */
static uint64_t position_of(const struct ext2_block *block) {
    return ((uint64_t)block->frame->index << PAGE_SHIFT) + block->offset;
}

/*
 * Finds the old record, and if it is in another block than the new one, sees to it that the new one, and all
 * that leads to it, is on the disk before the old one goes. Locked. -EIO.
 */
static int rename_find_old(struct rename *r, uint64_t new_place, struct ext2_place *old) {
    int error = ext2_dir_find(r->from, r->old_name, r->old_length, old);
    if (error || position_of(&old->block) == new_place)
        return error;
    ext2_block_put(&old->block);
    error = ext2_flush_metadata(r->from->fs);
    return error ? error : ext2_dir_find(r->from, r->old_name, r->old_length, old);
}

/* The new name first, so that at no time the file has none. Locked. */
static int rename_commit(struct rename *r) {
    struct ext2_inode *moved = r->moved;
    uint64_t new_place = position_of(&r->place.block);
    int error = 0;
    if (r->replaced) {
        ext2_dir_replace(r->to, &r->place, moved->number, moved->vnode.mode);
        error = drop_link(r->to, r->replaced);
    } else {
        ext2_dir_fill(r->to, &r->place, r->new_name, r->new_length, moved->number, moved->vnode.mode);
    }
    if (r->new_parent) {
        ext2_dir_replace(moved, &r->dotdot, r->to->number, S_IFDIR);
        r->to->disk.links++;
        if (r->from->disk.links > 2)
            r->from->disk.links--;
    }
    struct ext2_place old; /* looked for only now: adding the new name may have split its record */
    int second = rename_find_old(r, new_place, &old);
    if (second == 0)
        ext2_dir_remove(r->from, &old);
    else
        moved->disk.links++; /* unreadable: it keeps both names */
    moved->disk.ctime = ext2_now();
    moved->parent = r->to->number;
    int third = store_two(r->from, r->to);
    int fourth = ext2_inode_store(moved);
    return error ? error : second ? second : third ? third : fourth;
}

static int try_rename(struct vnode *from, const char *old_name, size_t old_length, struct vnode *to,
                      const char *new_name, size_t new_length) {
    struct rename r = {.from = ext2_inode_of(from),
                       .to = ext2_inode_of(to),
                       .old_name = old_name,
                       .new_name = new_name,
                       .old_length = old_length,
                       .new_length = new_length};
    if (from->mount != to->mount)
        return -EXDEV;
    int error = begin_change(r.to);
    if (error)
        return error;
    error = rename_check(&r);
    if (!error)
        error = rename_prepare(&r);
    if (!error)
        error = rename_commit(&r);
    mutex_unlock(&r.to->fs->lock);
    if (r.replaced)
        vnode_unref(&r.replaced->vnode);
    if (r.moved)
        vnode_unref(&r.moved->vnode);
    return error < 0 ? error : 0;
}

static int ext2_rename(struct vnode *from, const char *old_name, size_t old_length, struct vnode *to,
                       const char *new_name, size_t new_length) {
    struct ext2_fs *fs = ext2_inode_of(from)->fs;
    int error;
    bool pending;
    do {
        pending = ext2_pending(fs);
        error = try_rename(from, old_name, old_length, to, new_name, new_length);
    } while (error == -ENOSPC && pending && ext2_reclaim(fs));
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
    else if (is_directory(inode))
        error = get_named(inode, "..", 2, &found);
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
