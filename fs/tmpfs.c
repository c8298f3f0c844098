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
 * Promise: no operation sleeps between looking at a directory and changing it, so none needs a lock. All files
 * together hold at most half of memory and swap; beyond that a write gets -ENOSPC and a store through a mapping
 * SIGBUS. Nodes, names, targets of links and the directories of the files' pages are in the kernel's heap,
 * which is not paged: all together may take a sixteenth of memory, then there is -ENOSPC too, or a program
 * could fill memory with empty files, or with files that are all holes, for good.
 *
 * Source of the idea: P. Snyder, "tmpfs: A Virtual Memory File System" (1990).
 */
#include "fs/tmpfs.h"

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

static struct {
    struct mount mount;
    struct list nodes;
    uint64_t last_inode;
    size_t heap_used; /* bytes of nodes, entries, targets */
} tmpfs = {.mount = {.type = "tmpfs"}, .nodes = LIST_INITIALIZER(tmpfs.nodes)};

static const struct vnode_operations file_operations, link_operations, special_operations;

uint32_t tmpfs_now(void) {
    return time_epoch();
}

void tmpfs_touch(struct tmpfs_node *node) {
    node->mtime = node->ctime = tmpfs_now();
}

/* --- space --- */

static pgoff_t pages_allowed(void) {
    return (frames_pageable() + swap_total()) / 2;
}

/* The only memory objects that promise each page when it is made are these files. */
static pgoff_t pages_used(void) {
    return amaps_promised_each.used;
}

/* The directories of the files' pages are part of it. */
static size_t heap_used(void) {
    return tmpfs.heap_used + amaps_promised_each.bytes;
}

static size_t heap_allowed(void) {
    return (size_t)frames_pageable() * (PAGE_SIZE / 16);
}

/* Counted before the heap sleeps for a frame, so that several at once do not exceed the limit together. */
int tmpfs_alloc(size_t bytes, void **made) {
    if (heap_used() + bytes > heap_allowed())
        return -ENOSPC;
    tmpfs.heap_used += bytes;
    *made = kmalloc(bytes);
    if (*made)
        return 0;
    tmpfs.heap_used -= bytes;
    return -ENOMEM;
}

void tmpfs_free(void *block, size_t bytes) {
    kfree(block);
    tmpfs.heap_used -= bytes;
}

/* mm asks before it makes a new page of a file. */
static int tmpfs_prepare(struct object *object UNUSED, pgoff_t index UNUSED, enum page_access access UNUSED) {
    return pages_used() < pages_allowed() && heap_used() < heap_allowed() && commit_possible(1) ? 0 : -ENOSPC;
}

/* --- nodes --- */

static void tmpfs_release(struct object *object) {
    struct tmpfs_node *node = tmpfs_node_of(vnode_of_object(object));
    ASSERT(list_empty(&node->entries));
    if (object->amap)
        memobject_destroy(object);
    list_remove(&node->all);
    if (node->target)
        tmpfs_free(node->target, strlen(node->target) + 1);
    tmpfs_free(node, sizeof *node);
}

static const struct pager tmpfs_pager = {
    .name = "tmpfs",
    .of_files = true,
    .recounted = true,
    .prepare = tmpfs_prepare,
    .release = tmpfs_release,
};

static const struct vnode_operations *operations_for(uint32_t mode) {
    return S_ISDIR(mode)   ? &tmpfs_directory_operations
           : S_ISREG(mode) ? &file_operations
           : S_ISLNK(mode) ? &link_operations
                           : &special_operations;
}

int tmpfs_node_make(uint32_t mode, uint64_t rdevice, struct tmpfs_node **made) {
    void *memory;
    int error = tmpfs_alloc(sizeof(struct tmpfs_node), &memory);
    if (error)
        return error;
    struct tmpfs_node *node = memory;
    struct vnode *vnode = &node->vnode;
    object_init(&vnode->object, &tmpfs_pager, 0);
    list_init(&node->entries);
    list_add_tail(&tmpfs.nodes, &node->all);
    vnode->operations = operations_for(mode);
    vnode->mount = &tmpfs.mount;
    vnode->mode = mode;
    vnode->inode = ++tmpfs.last_inode;
    vnode->seekable = S_ISREG(mode) || S_ISDIR(mode);
    node->links = tmpfs_is_directory(node) ? 2 : 1;
    node->rdevice = rdevice;
    node->atime = tmpfs_now();
    node->next_position = FIRST_POSITION;
    tmpfs_touch(node);
    if (S_ISREG(mode) && memobject_init(&vnode->object, AMAP_PROMISED_EACH) != 0) {
        vnode_unref(vnode);
        return -ENOMEM;
    }
    vnode->has_pages = S_ISREG(mode);
    *made = node;
    return 0;
}

static int tmpfs_readlink(struct vnode *vnode, char *buffer, size_t size) {
    size_t length = MIN((size_t)vnode->object.size, size);
    memcpy(buffer, tmpfs_node_of(vnode)->target, length);
    return (int)length;
}

int tmpfs_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    const struct tmpfs_node *node = tmpfs_node_of(vnode);
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
    tmpfs_touch(tmpfs_node_of(vnode));
    return 0;
}

int tmpfs_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which) {
    struct tmpfs_node *node = tmpfs_node_of(vnode);
    if (which & SET_SIZE)
        return set_size(vnode, attributes->size);
    node->ctime = tmpfs_now();
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
    tmpfs_touch(tmpfs_node_of(vnode));
    return 0;
}

/* Its times are those of whole seconds. */
static bool tmpfs_write_in_place(struct vnode *vnode, pgoff_t index UNUSED, unsigned from UNUSED,
                                 unsigned to UNUSED) {
    const struct tmpfs_node *node = tmpfs_node_of(vnode);
    uint32_t now = tmpfs_now();
    return node->mtime == now && node->ctime == now;
}

static const struct vnode_operations file_operations = {
    .parent = tmpfs_parent,
    .get_attributes = tmpfs_get_attributes,
    .set_attributes = tmpfs_set_attributes,
    .prepare_write = tmpfs_prepare_write,
    .write_in_place = tmpfs_write_in_place,
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
    struct tmpfs_node *node;
    int error = tmpfs_node_make(S_IFREG | 0777, 0, &node);
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
    uint64_t nodes = 0,
             more = (heap_allowed() - MIN(heap_used(), heap_allowed())) / sizeof(struct tmpfs_node);
    list_for_each (node, &tmpfs.nodes, struct tmpfs_node, all) {
        nodes++;
    }
    *block_size = PAGE_SIZE;
    *blocks = allowed;
    *free = allowed - MIN(used, allowed);
    *files = nodes + more;
    *files_free = more;
    return 0;
}

static int tmpfs_unmount(struct mount *mount) {
    tmpfs_empty_directory(tmpfs_node_of(mount->root));
    vnode_unref(mount->root);
    mount->root = NULL;
    return 0;
}

static void tmpfs_count_references(struct mount *mount UNUSED, void (*count)(struct object *object)) {
    list_for_each (node, &tmpfs.nodes, struct tmpfs_node, all) {
        tmpfs_count_names(node, count);
    }
}

int tmpfs_mount(struct mount **mount) {
    struct tmpfs_node *root;
    int error = tmpfs_node_make(S_IFDIR | 01777, 0, &root);
    if (error)
        return error;
    tmpfs.mount.root = &root->vnode;
    tmpfs.mount.device = mount_anonymous_device();
    tmpfs.mount.statfs = tmpfs_statfs;
    tmpfs.mount.unmount = tmpfs_unmount;
    tmpfs.mount.count_references = tmpfs_count_references;
    list_init(&tmpfs.mount.link);
    *mount = &tmpfs.mount;
    return 0;
}
