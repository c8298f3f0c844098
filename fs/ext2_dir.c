/*
 * ext2: the inside of a directory. Its blocks are chains of records, each a name and an inode number; a
 * record never crosses a block. Removing a name gives its record's bytes to the one before; adding a name
 * splits a record that has more bytes than it needs.
 *
 * Directories are read linearly. One that also has a hash tree (dir_index) looks like an ordinary one to a
 * linear reader, since the tree hides in unused records; when such a directory is changed, its index flag is
 * cleared, as the format asks of who does not keep the tree.
 *
 * Promise: no record is looked at before ext2_record_valid() has approved of it, so a loop through a chain
 * always moves forward and stays in its block.
 *
 * Source: Linux's Documentation/filesystems/ext2, "Directories"; Carrier, ch. 15.
 */
#include "fs/ext2.h"

#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

/* The type byte of a record. */
enum {
    TYPE_UNKNOWN,
    TYPE_FILE,
    TYPE_DIRECTORY,
    TYPE_CHARACTER,
    TYPE_BLOCK,
    TYPE_FIFO,
    TYPE_SOCKET,
    TYPE_SYMLINK
};

static uint8_t type_of(const struct ext2_fs *fs, uint32_t mode) {
    if (!(fs->super.incompatible & EXT2_INCOMPAT_FILETYPE))
        return TYPE_UNKNOWN;
    switch (mode & S_IFMT) {
    case S_IFREG:
        return TYPE_FILE;
    case S_IFDIR:
        return TYPE_DIRECTORY;
    case S_IFCHR:
        return TYPE_CHARACTER;
    case S_IFBLK:
        return TYPE_BLOCK;
    case S_IFIFO:
        return TYPE_FIFO;
    case S_IFSOCK:
        return TYPE_SOCKET;
    case S_IFLNK:
        return TYPE_SYMLINK;
    }
    return TYPE_UNKNOWN;
}

bool ext2_record_valid(struct ext2_fs *fs, const struct ext2_record *record, unsigned at) {
    return at + EXT2_RECORD_HEADER <= fs->block_size && record->length >= EXT2_RECORD_BYTES(1u) &&
           record->length % 4 == 0 && at + record->length <= fs->block_size &&
           EXT2_RECORD_BYTES((unsigned)record->name_length) <= record->length &&
           record->inode <= fs->super.inodes;
}

static uint32_t blocks_of(const struct ext2_inode *directory) {
    return (uint32_t)(directory->vnode.object.size >> directory->fs->block_shift);
}

int ext2_dir_block(struct ext2_inode *directory, uint32_t index, struct ext2_block *block) {
    uint32_t number;
    int error = ext2_map(directory, index, &number);
    if (error)
        return error;
    if (number == 0)
        return ext2_damaged(directory->fs, "directory %u has a hole", directory->number);
    return ext2_block_get(directory->fs, number, block);
}

static int bad_record(struct ext2_inode *directory, uint32_t index, unsigned at) {
    return ext2_damaged(directory->fs, "directory %u: bad record at byte %u of block %u", directory->number,
                        at, index);
}

/* --- walking --- */

/* Judges a record: 0 go on, 1 this is it, or errno. */
typedef int record_visit(struct ext2_fs *fs, struct ext2_place *place, void *data);

/* Visits the records of one block; the block stays pinned in @place only where the visitor said 1. */
static int walk_block(struct ext2_inode *directory, uint32_t index, record_visit *visit, void *data,
                      struct ext2_place *place) {
    struct ext2_fs *fs = directory->fs;
    int result = ext2_dir_block(directory, index, &place->block);
    if (result)
        return result;
    place->before = NULL;
    for (unsigned at = 0; at < fs->block_size; at += place->record->length) {
        place->record = (struct ext2_record *)(place->block.data + at);
        result = ext2_record_valid(fs, place->record, at) ? visit(fs, place, data)
                                                          : bad_record(directory, index, at);
        if (result)
            break;
        place->before = place->record;
    }
    if (result != 1)
        ext2_block_put(&place->block);
    return result;
}

static int walk(struct ext2_inode *directory, record_visit *visit, void *data, struct ext2_place *place) {
    uint32_t blocks = blocks_of(directory);
    for (uint32_t index = 0; index < blocks; index++) {
        int result = walk_block(directory, index, visit, data, place);
        if (result)
            return result;
    }
    return 0;
}

struct name {
    const char *text;
    size_t length;
};

static bool record_is(const struct ext2_record *record, const char *name, size_t length) {
    return record->inode && record->name_length == length && memcmp(record->name, name, length) == 0;
}

static int visit_name(struct ext2_fs *fs UNUSED, struct ext2_place *place, void *data) {
    const struct name *name = data;
    return record_is(place->record, name->text, name->length);
}

int ext2_dir_find(struct ext2_inode *directory, const char *name, size_t length, struct ext2_place *place) {
    struct name wanted = {name, length};
    int result = walk(directory, visit_name, &wanted, place);
    return result == 1 ? 0 : result == 0 ? -ENOENT : result;
}

static int visit_child(struct ext2_fs *fs UNUSED, struct ext2_place *place, void *data UNUSED) {
    const struct ext2_record *record = place->record;
    return record->inode && !record_is(record, ".", 1) && !record_is(record, "..", 2);
}

int ext2_dir_empty(struct ext2_inode *directory) {
    struct ext2_place place;
    int result = walk(directory, visit_child, NULL, &place);
    if (result == 1)
        ext2_block_put(&place.block);
    return result < 0 ? result : !result;
}

/* --- changing --- */

/* Bytes that a record's own name needs of it. */
static unsigned bytes_used(const struct ext2_record *record) {
    return record->inode ? EXT2_RECORD_BYTES((unsigned)record->name_length) : 0;
}

static int visit_room(struct ext2_fs *fs UNUSED, struct ext2_place *place, void *data) {
    const unsigned *wanted = data;
    return place->record->length - bytes_used(place->record) >= *wanted;
}

/* What the caller stores with the inode: the change's time, and that there is no valid hash tree any more. */
static void note_change(struct ext2_inode *directory) {
    directory->disk.mtime = directory->disk.ctime = ext2_now();
    directory->disk.flags &= ~(uint32_t)EXT2_FLAG_INDEX;
}

/* One more block, a single free record, pinned in @place and not yet marked modified. Inode not stored. */
static int grow(struct ext2_inode *directory, struct ext2_place *place) {
    struct ext2_fs *fs = directory->fs;
    uint32_t index = blocks_of(directory), number;
    bool fresh;
    int error = ext2_map_allocate(directory, index, &number, &fresh);
    if (!error)
        error = ext2_block_get(fs, number, &place->block);
    if (error) {
        ext2_map_truncate(directory, index);
        ext2_inode_store(directory);
        return error;
    }
    memset(place->block.data, 0, fs->block_size);
    place->before = NULL;
    place->record = (struct ext2_record *)place->block.data;
    place->record->length = (uint16_t)fs->block_size;
    ext2_inode_set_size(directory, (uint64_t)(index + 1) << fs->block_shift);
    return 0;
}

void ext2_dir_drop(struct ext2_inode *directory, struct ext2_place *place) {
    ext2_block_put_modified(directory->fs, &place->block);
}

int ext2_dir_find_room(struct ext2_inode *directory, size_t length, struct ext2_place *place) {
    unsigned wanted = EXT2_RECORD_BYTES((unsigned)length);
    int result = walk(directory, visit_room, &wanted, place);
    if (result)
        return result == 1 ? 0 : result;
    result = grow(directory, place);
    if (result)
        return result;
    result = ext2_inode_store(directory);
    if (result)
        ext2_dir_drop(directory, place);
    return result;
}

void ext2_dir_fill(struct ext2_inode *directory, struct ext2_place *place, const char *name, size_t length,
                   uint32_t number, uint32_t mode) {
    struct ext2_record *record = place->record;
    unsigned used = bytes_used(record);
    if (used) { /* split: the new record takes what the old one does not need */
        struct ext2_record *rest = (struct ext2_record *)((uint8_t *)record + used);
        rest->length = (uint16_t)(record->length - used);
        record->length = (uint16_t)used;
        record = rest;
    }
    record->inode = number;
    record->name_length = (uint8_t)length;
    record->type = type_of(directory->fs, mode);
    memcpy(record->name, name, length);
    ext2_block_put_modified(directory->fs, &place->block);
    note_change(directory);
}

void ext2_dir_replace(struct ext2_inode *directory, struct ext2_place *place, uint32_t number,
                      uint32_t mode) {
    place->record->inode = number;
    place->record->type = type_of(directory->fs, mode);
    ext2_block_put_modified(directory->fs, &place->block);
    note_change(directory);
}

void ext2_dir_remove(struct ext2_inode *directory, struct ext2_place *place) {
    if (place->before)
        place->before->length = (uint16_t)(place->before->length + place->record->length);
    place->record->inode = 0;
    ext2_block_put_modified(directory->fs, &place->block);
    note_change(directory);
}

int ext2_dir_begin(struct ext2_inode *directory, uint32_t parent) {
    struct ext2_place place;
    int error = grow(directory, &place);
    if (error)
        return error;
    struct ext2_record *dot = place.record;
    dot->inode = directory->number;
    dot->length = EXT2_RECORD_BYTES(1u);
    dot->name_length = 1;
    dot->type = type_of(directory->fs, S_IFDIR);
    dot->name[0] = '.';
    struct ext2_record *dotdot = (struct ext2_record *)((uint8_t *)dot + dot->length);
    dotdot->length = (uint16_t)(directory->fs->block_size - dot->length);
    place.record = dotdot;
    ext2_dir_fill(directory, &place, "..", 2, parent, S_IFDIR);
    return 0;
}
