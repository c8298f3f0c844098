/*
 * tmpfs from the inside: what fs/tmpfs.c (nodes, their data and attributes, the mount) and fs/tmpfs_names.c
 * (directories) offer each other. Everybody else knows only tmpfs_mount() and tmpfs_make_unnamed()
 * (fs/vnode.h).
 */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs/mode.h"
#include "fs/vnode.h"
#include "lib/list.h"
#include "lib/types.h"

#define FIRST_POSITION 2u /* of a listing: 0 and 1 are "." and ".." */

struct tmpfs_node {
    struct vnode vnode;
    struct list all;           /* link in tmpfs.nodes */
    uint32_t links;            /* a directory: 2 and one for each directory in it; 0: removed */
    struct tmpfs_node *parent; /* the directory it was last found in, or NULL; no reference */
    uint32_t uid, gid, atime, mtime, ctime;
    uint64_t rdevice;
    char *target;           /* of a symbolic link */
    struct list entries;    /* of a directory */
    uint64_t next_position; /* a directory's next entry gets this one */
};

static inline struct tmpfs_node *tmpfs_node_of(struct vnode *vnode) {
    return container_of(vnode, struct tmpfs_node, vnode);
}

static inline bool tmpfs_is_directory(const struct tmpfs_node *node) {
    return S_ISDIR(node->vnode.mode);
}

/* --- tmpfs.c --- */

/* Kernel memory for names and nodes, of which there is a limited amount: 0, -ENOSPC, -ENOMEM. May sleep. */
int tmpfs_alloc(size_t bytes, void **made);
void tmpfs_free(void *block, size_t bytes); /* as many as were asked for */

/* A node without a name, with one reference: 0, -ENOSPC, -ENOMEM. May sleep. */
int tmpfs_node_make(uint32_t mode, uint64_t rdevice, struct tmpfs_node **made);
uint32_t tmpfs_now(void);                  /* seconds since 1970 */
void tmpfs_touch(struct tmpfs_node *node); /* it has been modified */
int tmpfs_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes);
int tmpfs_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which);

/* --- tmpfs_names.c --- */

extern const struct vnode_operations tmpfs_directory_operations;
int tmpfs_parent(struct vnode *vnode, struct vnode **parent);
/* For the checker: one for each name in it. */
void tmpfs_count_names(struct tmpfs_node *directory, void (*count)(struct object *object));
/* Everything goes: the names of a directory before the directory. */
void tmpfs_empty_directory(struct tmpfs_node *directory);

#endif
