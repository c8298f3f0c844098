/*
 * ext2: rename, the change of two directories that must look like one.
 *
 * Both ends are found and checked, all records that will change are pinned, then the new name is made before
 * the old one goes: at no time has the file none, not on the disk either (rename_find_old()). What the new name
 * led to is replaced in its record, so that somebody who looks sees the old file or the new one.
 *
 * Source: POSIX.1-2017, rename(); for "not into its own subtree", Bach, "The Design of the UNIX Operating
 * System", ch. 5.
 */
#include "fs/ext2.h"

#include "fs/mode.h"
#include "lib/errno.h"
#include "mm/frame.h"

#define TREE_DEPTH 4096u /* directories above one another; more are a loop on a damaged disk */

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
        error = ext2_is_directory(inode) ? ext2_dir_find(inode, "..", 2, &place) : -ENOTDIR;
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
    int error = ext2_get_named(r->from, r->old_name, r->old_length, &r->moved);
    if (error)
        return error;
    if (r->moved->vnode.covered_by)
        return -EBUSY;
    r->new_parent = ext2_is_directory(r->moved) && r->from != r->to;
    if (ext2_is_directory(r->moved)) {
        error = check_not_below(r->to, r->moved);
        if (error)
            return error;
    }
    error = ext2_get_named(r->to, r->new_name, r->new_length, &r->replaced);
    if (error == -ENOENT)
        return r->new_parent && r->to->disk.links >= EXT2_LINKS_MAX ? -EMLINK : 0;
    if (error)
        return error;
    if (r->replaced == r->moved)
        return 1;
    return ext2_check_removable(r->replaced, ext2_is_directory(r->moved));
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
        error = ext2_drop_link(r->to, r->replaced);
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
    int third = ext2_store_two(r->from, r->to);
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
    int error = ext2_begin_change(r.to);
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

int ext2_rename(struct vnode *from, const char *old_name, size_t old_length, struct vnode *to,
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
