/*
 * tmpfs: a small file system without a disk. A file is a memory object (mm/memobject.h): its data are
 * anonymous pages, paged to swap like a program's; read(), write() and mappings meet in the same frames.
 * /dev/shm is one, so that shm_open() works.
 *
 * A directory is the list of its entries; each entry holds a reference to what it names, so a node lives as
 * long as a name, an open file or a mapping does, and is freed with the last.
 *
 *     mount --> root directory --entry--> node (file) --object.amap--> anons: frames and slots
 *                              --entry--> node (directory) --entry--> ...
 *
 * Promise: no operation sleeps between looking at a directory and changing it, so none needs a lock. All
 * files together hold at most half of memory and swap; beyond that a write gets -ENOSPC and a store through a
 * mapping SIGBUS.
 *
 * Source of the idea: P. Snyder, "tmpfs: A Virtual Memory File System" (1990).
 */
#include "fs/vnode.h"

#include "arch/x86/time.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/swap.h"

#define FIRST_POSITION 2u /* of a listing: 0 and 1 are "." and ".." */

struct node {
    struct vnode vnode;
    struct list all;     /* link in tmpfs.nodes */
    uint32_t links;      /* a directory: 2 and one for each directory in it; 0: removed */
    struct node *parent; /* the directory it was last found in, or NULL; no reference */
    uint32_t uid, gid, atime, mtime, ctime;
    uint64_t rdevice;
    char *target;           /* of a symbolic link */
    struct list entries;    /* of a directory */
    uint64_t next_position; /* a directory's next entry gets this one */
};

/* A name in a directory. */
struct entry {
    struct list link;
    struct node *node; /* referenced */
    uint64_t position; /* in a listing; never used twice */
    size_t length;
    char name[];
};

static struct {
    struct mount mount;
    struct list nodes;
    uint64_t last_inode;
} tmpfs = {.mount = {.type = "tmpfs"}, .nodes = LIST_INITIALIZER(tmpfs.nodes)};

static const struct vnode_operations directory_operations, file_operations, link_operations,
    special_operations;

static struct node *node_of(struct vnode *vnode) {
    return container_of(vnode, struct node, vnode);
}

static bool is_directory(const struct node *node) {
    return S_ISDIR(node->vnode.mode);
}

static uint32_t now(void) {
    return time_boot_epoch() + (uint32_t)(time_ticks() / TICKS_PER_SECOND);
}

static void touch(struct node *node) {
    node->mtime = node->ctime = now();
}

/* --- space --- */

static pgoff_t pages_allowed(void) {
    return (frames_pageable() + swap_total()) / 2;
}

static pgoff_t pages_used(void) {
    pgoff_t pages = 0;
    list_for_each (node, &tmpfs.nodes, struct node, all) {
        if (node->vnode.object.amap)
            pages += memobject_pages(&node->vnode.object);
    }
    return pages;
}

/* mm asks before it makes a new page of a file. */
static int tmpfs_prepare(struct object *object UNUSED, pgoff_t index UNUSED, enum page_access access UNUSED) {
    return pages_used() < pages_allowed() && commit_possible(1) ? 0 : -ENOSPC;
}

/* --- nodes --- */

static void tmpfs_release(struct object *object) {
    struct node *node = node_of(vnode_of_object(object));
    ASSERT(list_empty(&node->entries));
    if (object->amap)
        memobject_destroy(object);
    list_remove(&node->all);
    kfree(node->target);
    kfree(node);
}

static const struct pager tmpfs_pager = {
    .name = "tmpfs",
    .of_files = true,
    .prepare = tmpfs_prepare,
    .release = tmpfs_release,
};

static const struct vnode_operations *operations_for(uint32_t mode) {
    return S_ISDIR(mode)   ? &directory_operations
           : S_ISREG(mode) ? &file_operations
           : S_ISLNK(mode) ? &link_operations
                           : &special_operations;
}

/* A node without a name, with one reference. May sleep. */
static int node_make(uint32_t mode, uint64_t rdevice, struct node **made) {
    struct node *node = kmalloc(sizeof *node);
    if (!node)
        return -ENOMEM;
    struct vnode *vnode = &node->vnode;
    object_init(&vnode->object, &tmpfs_pager, 0);
    list_init(&node->entries);
    list_add_tail(&tmpfs.nodes, &node->all);
    vnode->operations = operations_for(mode);
    vnode->mount = &tmpfs.mount;
    vnode->mode = mode;
    vnode->inode = ++tmpfs.last_inode;
    vnode->seekable = S_ISREG(mode) || S_ISDIR(mode);
    node->links = is_directory(node) ? 2 : 1;
    node->rdevice = rdevice;
    node->atime = now();
    node->next_position = FIRST_POSITION;
    touch(node);
    if (S_ISREG(mode) && memobject_init(&vnode->object, AMAP_PROMISED_EACH) != 0) {
        vnode_unref(vnode);
        return -ENOMEM;
    }
    vnode->has_pages = S_ISREG(mode);
    *made = node;
    return 0;
}

/* --- names --- */

static struct entry *find(struct node *directory, const char *name, size_t length) {
    list_for_each (entry, &directory->entries, struct entry, link) {
        if (entry->length == length && memcmp(entry->name, name, length) == 0)
            return entry;
    }
    return NULL;
}

/* An entry that is in no directory yet. May sleep. */
static struct entry *entry_make(const char *name, size_t length) {
    struct entry *entry = kmalloc(sizeof *entry + length);
    if (!entry)
        return NULL;
    list_init(&entry->link);
    entry->length = length;
    memcpy(entry->name, name, length);
    return entry;
}

/* Gives @node the name; the entry takes a reference of its own. */
static void entry_insert(struct node *directory, struct entry *entry, struct node *node) {
    entry->node = node;
    entry->position = directory->next_position++;
    vnode_ref(&node->vnode);
    node->parent = directory;
    list_add_tail(&directory->entries, &entry->link);
    directory->vnode.object.size += sizeof *entry + entry->length;
    directory->links += is_directory(node);
    touch(directory);
}

/* Takes the name away; its reference passes to the caller, who puts it back last. */
static struct node *entry_remove(struct node *directory, struct entry *entry) {
    struct node *node = entry->node;
    list_remove(&entry->link);
    directory->vnode.object.size -= sizeof *entry + entry->length;
    directory->links -= is_directory(node);
    if (node->parent == directory)
        node->parent = NULL;
    kfree(entry);
    touch(directory);
    return node;
}

static int tmpfs_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    struct node *directory = node_of(vnode);
    struct entry *entry = find(directory, name, length);
    if (!entry)
        return -ENOENT;
    entry->node->parent = directory;
    vnode_ref(&entry->node->vnode);
    *found = &entry->node->vnode;
    return 0;
}

/* Whether a new name may be made, asked when nothing will sleep any more. */
static int may_add(struct node *directory, const char *name, size_t length) {
    if (directory->links == 0)
        return -ENOENT;
    return find(directory, name, length) ? -EEXIST : 0;
}

/* Gives the new @node its name; drops it on an error. */
static int name_new(struct node *directory, const char *name, size_t length, struct node *node) {
    struct entry *entry = length > NAME_MAX_BYTES ? NULL : entry_make(name, length);
    int error = entry ? may_add(directory, name, length) : length > NAME_MAX_BYTES ? -ENAMETOOLONG : -ENOMEM;
    if (error) {
        kfree(entry);
        vnode_unref(&node->vnode);
        return error;
    }
    entry_insert(directory, entry, node);
    return 0;
}

static int tmpfs_create(struct vnode *vnode, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                        struct vnode **made) {
    struct node *node;
    int error = node_make(mode, rdevice, &node);
    if (!error)
        error = name_new(node_of(vnode), name, length, node);
    if (!error)
        *made = &node->vnode;
    return error;
}

static int tmpfs_symlink(struct vnode *vnode, const char *name, size_t length, const char *target) {
    size_t bytes = strlen(target);
    struct node *node;
    if (bytes == 0 || bytes >= PAGE_SIZE)
        return bytes ? -ENAMETOOLONG : -ENOENT;
    int error = node_make(S_IFLNK | 0777, 0, &node);
    if (error)
        return error;
    node->target = kmalloc(bytes + 1);
    if (!node->target) {
        vnode_unref(&node->vnode);
        return -ENOMEM;
    }
    memcpy(node->target, target, bytes);
    node->vnode.object.size = bytes;
    error = name_new(node_of(vnode), name, length, node);
    if (!error)
        vnode_unref(&node->vnode);
    return error;
}

static int tmpfs_link(struct vnode *vnode, const char *name, size_t length, struct vnode *target) {
    struct node *node = node_of(target);
    if (is_directory(node))
        return -EPERM;
    if (node->links == 0)
        return -ENOENT;
    vnode_ref(target); /* name_new() drops one on an error */
    int error = name_new(node_of(vnode), name, length, node);
    if (error)
        return error;
    vnode_unref(target);
    node->links++;
    node->ctime = now();
    return 0;
}

/* --- names go --- */

static int check_removable(const struct node *victim, bool want_directory) {
    if (!is_directory(victim))
        return want_directory ? -ENOTDIR : 0;
    if (!want_directory)
        return -EISDIR;
    if (victim->vnode.covered_by)
        return -EBUSY;
    return list_empty(&victim->entries) ? 0 : -ENOTEMPTY;
}

/* Removes a name for good; may free what it named. */
static void drop_name(struct node *directory, struct entry *entry) {
    struct node *node = entry_remove(directory, entry);
    node->links = is_directory(node) ? 0 : node->links - 1;
    node->ctime = now();
    vnode_unref(&node->vnode);
}

static int tmpfs_unlink(struct vnode *vnode, const char *name, size_t length, bool want_directory) {
    struct node *directory = node_of(vnode);
    struct entry *entry = find(directory, name, length);
    int error = entry ? check_removable(entry->node, want_directory) : -ENOENT;
    if (!error)
        drop_name(directory, entry);
    return error;
}

/* True when @directory is @ancestor or lies below it. */
static bool is_below(const struct node *directory, const struct node *ancestor) {
    for (; directory; directory = directory->parent)
        if (directory == ancestor)
            return true;
    return false;
}

/* Whether the entry may be renamed to one that is named there already (or NULL). 1: nothing to do. */
static int check_rename(struct node *to, const struct entry *moved, const struct entry *replaced) {
    if (to->links == 0)
        return -ENOENT;
    if (moved->node->vnode.covered_by)
        return -EBUSY;
    if (is_directory(moved->node) && is_below(to, moved->node))
        return -EINVAL;
    if (!replaced)
        return 0;
    return replaced->node == moved->node ? 1 : check_removable(replaced->node, is_directory(moved->node));
}

static int tmpfs_rename(struct vnode *from_vnode, const char *old_name, size_t old_length,
                        struct vnode *to_vnode, const char *new_name, size_t new_length) {
    struct node *from = node_of(from_vnode), *to = node_of(to_vnode);
    struct entry *fresh = new_length > NAME_MAX_BYTES ? NULL : entry_make(new_name, new_length);
    if (!fresh)
        return new_length > NAME_MAX_BYTES ? -ENAMETOOLONG : -ENOMEM;
    struct entry *moved = find(from, old_name, old_length), *replaced = find(to, new_name, new_length);
    int error = moved ? check_rename(to, moved, replaced) : -ENOENT;
    if (error) {
        kfree(fresh);
        return error < 0 ? error : 0;
    }
    if (replaced)
        drop_name(to, replaced);
    struct node *node = entry_remove(from, moved);
    entry_insert(to, fresh, node);
    node->ctime = now();
    vnode_unref(&node->vnode); /* the old entry's */
    return 0;
}

/* --- looking --- */

static int tmpfs_parent(struct vnode *vnode, struct vnode **parent) {
    struct node *node = node_of(vnode)->parent;
    if (!node)
        return -ENOENT;
    vnode_ref(&node->vnode);
    *parent = &node->vnode;
    return 0;
}

/* The first entry whose position is not below @position, or NULL. */
static struct entry *entry_from(struct node *directory, uint64_t position) {
    list_for_each (entry, &directory->entries, struct entry, link) {
        if (entry->position >= position)
            return entry;
    }
    return NULL;
}

/* Emitting may sleep for user memory, so the name is copied and the list entered anew for each entry. */
static int tmpfs_list(struct vnode *vnode, uint64_t position, directory_emit *emit, void *data) {
    struct node *directory = node_of(vnode);
    uint64_t parent = directory->parent ? directory->parent->vnode.inode : vnode->inode;
    unsigned type = vnode_directory_type(S_IFDIR);
    char name[NAME_MAX_BYTES];
    struct entry *entry;
    if (position == 0 && !emit(data, ".", 1, vnode->inode, type, 1))
        return 0;
    if (position <= 1 && !emit(data, "..", 2, parent, type, FIRST_POSITION))
        return 0;
    while ((entry = entry_from(directory, position)) != NULL) {
        const struct vnode *named = &entry->node->vnode;
        memcpy(name, entry->name, entry->length);
        position = entry->position + 1;
        if (!emit(data, name, entry->length, named->inode, vnode_directory_type(named->mode), position))
            return 0;
    }
    return 0;
}

static int tmpfs_readlink(struct vnode *vnode, char *buffer, size_t size) {
    size_t length = MIN((size_t)vnode->object.size, size);
    memcpy(buffer, node_of(vnode)->target, length);
    return (int)length;
}

static int tmpfs_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    const struct node *node = node_of(vnode);
    *attributes = (struct vnode_attributes){
        .mode = vnode->mode,
        .links = node->links,
        .uid = node->uid,
        .gid = node->gid,
        .block_size = PAGE_SIZE,
        .inode = vnode->inode,
        .size = vnode->object.size,
        .device = tmpfs.mount.device,
        .rdevice = node->rdevice,
        .atime = node->atime,
        .mtime = node->mtime,
        .ctime = node->ctime,
    };
    if (vnode->object.amap)
        attributes->blocks = memobject_pages(&vnode->object) * SECTORS_PER_PAGE;
    return 0;
}

static int set_size(struct vnode *vnode, uint64_t size) {
    if (size > (uint64_t)MEMOBJECT_PAGES_MAX << PAGE_SHIFT)
        return -EFBIG;
    object_truncate(&vnode->object, size);
    touch(node_of(vnode));
    return 0;
}

static int tmpfs_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes,
                                unsigned which) {
    struct node *node = node_of(vnode);
    if (which & SET_SIZE)
        return set_size(vnode, attributes->size);
    node->ctime = now();
    if (which & SET_MODE)
        vnode->mode = (vnode->mode & S_IFMT) | (attributes->mode & 07777);
    if (which & SET_OWNER) {
        node->uid = attributes->uid;
        node->gid = attributes->gid;
    }
    if (which & SET_TIMES) {
        node->atime = attributes->atime;
        node->mtime = attributes->mtime;
    }
    return 0;
}

/* --- writing: the page has its place when it exists --- */

static int tmpfs_prepare_write(struct vnode *vnode UNUSED, struct frame *frame, pgoff_t index,
                               unsigned from UNUSED, unsigned to UNUSED) {
    if (index >= MEMOBJECT_PAGES_MAX)
        return -EFBIG;
    return frame ? 0 : 1;
}

static int tmpfs_end_write(struct vnode *vnode) {
    touch(node_of(vnode));
    return 0;
}

static const struct vnode_operations directory_operations = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .link = tmpfs_link,
    .symlink = tmpfs_symlink,
    .unlink = tmpfs_unlink,
    .rename = tmpfs_rename,
    .parent = tmpfs_parent,
    .list = tmpfs_list,
    .get_attributes = tmpfs_get_attributes,
    .set_attributes = tmpfs_set_attributes,
};

static const struct vnode_operations file_operations = {
    .parent = tmpfs_parent,
    .get_attributes = tmpfs_get_attributes,
    .set_attributes = tmpfs_set_attributes,
    .prepare_write = tmpfs_prepare_write,
    .end_write = tmpfs_end_write,
};

static const struct vnode_operations link_operations = {
    .parent = tmpfs_parent,
    .readlink = tmpfs_readlink,
    .get_attributes = tmpfs_get_attributes,
    .set_attributes = tmpfs_set_attributes,
};

static const struct vnode_operations special_operations = {
    .parent = tmpfs_parent,
    .get_attributes = tmpfs_get_attributes,
    .set_attributes = tmpfs_set_attributes,
};

int tmpfs_make_unnamed(struct vnode **made) {
    struct node *node;
    int error = node_make(S_IFREG | 0777, 0, &node);
    if (error)
        return error;
    node->links = 0;
    *made = &node->vnode;
    return 0;
}

/* --- the mount --- */

static int tmpfs_statfs(struct mount *mount UNUSED, uint32_t *block_size, uint64_t *blocks, uint64_t *free,
                        uint64_t *files, uint64_t *files_free) {
    pgoff_t allowed = pages_allowed(), used = pages_used();
    uint64_t nodes = 0;
    list_for_each (node, &tmpfs.nodes, struct node, all) {
        nodes++;
    }
    *block_size = PAGE_SIZE;
    *blocks = allowed;
    *free = allowed - MIN(used, allowed);
    *files = allowed + nodes; /* a node takes less than a page of the heap */
    *files_free = allowed;
    return 0;
}

/* Everything goes: the names of a directory before the directory. */
static void empty_directory(struct node *directory) {
    while (!list_empty(&directory->entries)) {
        struct entry *entry = list_first(&directory->entries, struct entry, link);
        if (is_directory(entry->node))
            empty_directory(entry->node);
        drop_name(directory, entry);
    }
}

static int tmpfs_unmount(struct mount *mount) {
    empty_directory(node_of(mount->root));
    vnode_unref(mount->root);
    mount->root = NULL;
    return 0;
}

int tmpfs_mount(struct mount **mount) {
    struct node *root;
    int error = node_make(S_IFDIR | 01777, 0, &root);
    if (error)
        return error;
    tmpfs.mount.root = &root->vnode;
    tmpfs.mount.device = mount_anonymous_device();
    tmpfs.mount.statfs = tmpfs_statfs;
    tmpfs.mount.unmount = tmpfs_unmount;
    list_init(&tmpfs.mount.link);
    *mount = &tmpfs.mount;
    return 0;
}
