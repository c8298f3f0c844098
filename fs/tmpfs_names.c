/*
 * tmpfs: directories, and what they can be asked to do. A directory is the list of its entries, in the order in which
 * they were made; an entry's position in a listing is a number that is never used twice, so that a listing that is
 * interrupted goes on behind the last entry it gave, whatever has come and gone meanwhile.
 *
 * A new entry is made first, which may sleep; then everything is looked up, checked and changed without sleeping.
 *
 * Source: POSIX.1-2017, the functions of the same names.
 */
#include "fs/tmpfs.h"

#include "lib/errno.h"
#include "lib/string.h"

/* A name in a directory. */
struct entry {
    struct list link;
    struct tmpfs_node *node; /* referenced */
    uint64_t position;       /* in a listing; never used twice */
    size_t length;
    char name[];
};

static struct entry *find(struct tmpfs_node *directory, const char *name, size_t length) {
    list_for_each (entry, &directory->entries, struct entry, link) {
        if (entry->length == length && memcmp(entry->name, name, length) == 0)
            return entry;
    }
    return NULL;
}

/* An entry that is in no directory yet: 0, -ENAMETOOLONG, -ENOSPC, -ENOMEM. May sleep. */
static int entry_make(const char *name, size_t length, struct entry **made) {
    void *memory;
    if (length > NAME_MAX_BYTES)
        return -ENAMETOOLONG;
    int error = tmpfs_alloc(sizeof(struct entry) + length, &memory);
    if (error)
        return error;
    struct entry *entry = *made = memory;
    list_init(&entry->link);
    entry->length = length;
    memcpy(entry->name, name, length);
    return 0;
}

static void entry_free(struct entry *entry) {
    tmpfs_free(entry, sizeof *entry + entry->length);
}

/* Gives @node the name; the entry takes a reference of its own. */
static void entry_insert(struct tmpfs_node *directory, struct entry *entry, struct tmpfs_node *node) {
    entry->node = node;
    entry->position = directory->next_position++;
    vnode_ref(&node->vnode);
    node->parent = directory;
    list_add_tail(&directory->entries, &entry->link);
    directory->vnode.object.size += sizeof *entry + entry->length;
    directory->links += tmpfs_is_directory(node);
    tmpfs_touch(directory);
}

/* Takes the name away; its reference passes to the caller, who puts it back last. */
static struct tmpfs_node *entry_remove(struct tmpfs_node *directory, struct entry *entry) {
    struct tmpfs_node *node = entry->node;
    list_remove(&entry->link);
    directory->vnode.object.size -= sizeof *entry + entry->length;
    directory->links -= tmpfs_is_directory(node);
    if (node->parent == directory)
        node->parent = NULL;
    entry_free(entry);
    tmpfs_touch(directory);
    return node;
}

static int tmpfs_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    struct tmpfs_node *directory = tmpfs_node_of(vnode);
    struct entry *entry = find(directory, name, length);
    if (!entry)
        return -ENOENT;
    entry->node->parent = directory;
    vnode_ref(&entry->node->vnode);
    *found = &entry->node->vnode;
    return 0;
}

/* Whether a new name may be made, asked when nothing will sleep any more. */
static int may_add(struct tmpfs_node *directory, const char *name, size_t length) {
    if (directory->links == 0)
        return -ENOENT;
    return find(directory, name, length) ? -EEXIST : 0;
}

/* Gives the new @node its name; drops it on an error. */
static int name_new(struct tmpfs_node *directory, const char *name, size_t length, struct tmpfs_node *node) {
    struct entry *entry = NULL;
    int error = entry_make(name, length, &entry);
    if (!error)
        error = may_add(directory, name, length);
    if (!error) {
        entry_insert(directory, entry, node);
        return 0;
    }
    if (entry)
        entry_free(entry);
    vnode_unref(&node->vnode);
    return error;
}

static int tmpfs_create(struct vnode *vnode, const char *name, size_t length, unsigned mode, uint64_t rdevice,
                        struct vnode **made) {
    struct tmpfs_node *node;
    int error = tmpfs_node_make(mode, rdevice, &node);
    if (!error)
        error = name_new(tmpfs_node_of(vnode), name, length, node);
    if (!error)
        *made = &node->vnode;
    return error;
}

static int tmpfs_symlink(struct vnode *vnode, const char *name, size_t length, const char *target) {
    size_t bytes = strlen(target);
    struct tmpfs_node *node;
    if (bytes == 0 || bytes >= PAGE_SIZE)
        return bytes ? -ENAMETOOLONG : -ENOENT;
    int error = tmpfs_node_make(S_IFLNK | 0777, 0, &node);
    if (error)
        return error;
    void *memory;
    error = tmpfs_alloc(bytes + 1, &memory);
    if (error) {
        vnode_unref(&node->vnode);
        return error;
    }
    node->target = memory;
    memcpy(node->target, target, bytes + 1);
    node->vnode.object.size = bytes;
    error = name_new(tmpfs_node_of(vnode), name, length, node);
    if (!error)
        vnode_unref(&node->vnode);
    return error;
}

static int tmpfs_link(struct vnode *vnode, const char *name, size_t length, struct vnode *target) {
    struct tmpfs_node *node = tmpfs_node_of(target);
    if (tmpfs_is_directory(node))
        return -EPERM;
    if (node->links == 0)
        return -ENOENT;
    vnode_ref(target); /* name_new() drops one on an error */
    int error = name_new(tmpfs_node_of(vnode), name, length, node);
    if (error)
        return error;
    vnode_unref(target);
    node->links++;
    node->ctime = tmpfs_now();
    return 0;
}

/* --- names go --- */

static int check_removable(const struct tmpfs_node *victim, bool want_directory) {
    if (!tmpfs_is_directory(victim))
        return want_directory ? -ENOTDIR : 0;
    if (!want_directory)
        return -EISDIR;
    if (victim->vnode.covered_by)
        return -EBUSY;
    return list_empty(&victim->entries) ? 0 : -ENOTEMPTY;
}

/* Removes a name for good; may free what it named. */
static void drop_name(struct tmpfs_node *directory, struct entry *entry) {
    struct tmpfs_node *node = entry_remove(directory, entry);
    node->links = tmpfs_is_directory(node) ? 0 : node->links - 1;
    node->ctime = tmpfs_now();
    vnode_unref(&node->vnode);
}

static int tmpfs_unlink(struct vnode *vnode, const char *name, size_t length, bool want_directory) {
    struct tmpfs_node *directory = tmpfs_node_of(vnode);
    struct entry *entry = find(directory, name, length);
    int error = entry ? check_removable(entry->node, want_directory) : -ENOENT;
    if (!error)
        drop_name(directory, entry);
    return error;
}

/* True when @directory is @ancestor or lies below it. */
static bool is_below(const struct tmpfs_node *directory, const struct tmpfs_node *ancestor) {
    for (; directory; directory = directory->parent)
        if (directory == ancestor)
            return true;
    return false;
}

/* Whether the entry may be renamed to one that is named there already (or NULL). 1: nothing to do. */
static int check_rename(struct tmpfs_node *to, const struct entry *moved, const struct entry *replaced) {
    if (to->links == 0)
        return -ENOENT;
    if (moved->node->vnode.covered_by)
        return -EBUSY;
    if (tmpfs_is_directory(moved->node) && is_below(to, moved->node))
        return -EINVAL;
    if (!replaced)
        return 0;
    return replaced->node == moved->node ? 1
                                         : check_removable(replaced->node, tmpfs_is_directory(moved->node));
}

static int tmpfs_rename(struct vnode *from_vnode, const char *old_name, size_t old_length,
                        struct vnode *to_vnode, const char *new_name, size_t new_length) {
    struct tmpfs_node *from = tmpfs_node_of(from_vnode), *to = tmpfs_node_of(to_vnode);
    struct entry *fresh;
    int error = entry_make(new_name, new_length, &fresh);
    if (error)
        return error;
    struct entry *moved = find(from, old_name, old_length), *replaced = find(to, new_name, new_length);
    error = moved ? check_rename(to, moved, replaced) : -ENOENT;
    if (error) {
        entry_free(fresh);
        return error < 0 ? error : 0;
    }
    if (replaced)
        drop_name(to, replaced);
    struct tmpfs_node *node = entry_remove(from, moved);
    entry_insert(to, fresh, node);
    node->ctime = tmpfs_now();
    vnode_unref(&node->vnode); /* the old entry's */
    return 0;
}

/* --- looking --- */

int tmpfs_parent(struct vnode *vnode, struct vnode **parent) {
    struct tmpfs_node *node = tmpfs_node_of(vnode)->parent;
    if (!node)
        return -ENOENT;
    vnode_ref(&node->vnode);
    *parent = &node->vnode;
    return 0;
}

/* The first entry whose position is not below @position, or NULL. */
static struct entry *entry_from(struct tmpfs_node *directory, uint64_t position) {
    list_for_each (entry, &directory->entries, struct entry, link) {
        if (entry->position >= position)
            return entry;
    }
    return NULL;
}

/* Emitting may sleep for user memory, so the name is copied and the list entered anew for each entry. */
static int tmpfs_list(struct vnode *vnode, uint64_t position, directory_emit *emit, void *data) {
    struct tmpfs_node *directory = tmpfs_node_of(vnode);
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

const struct vnode_operations tmpfs_directory_operations = {
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

/* Without recursion: a program may have nested directories deeper than the kernel's stack. */
void tmpfs_count_names(struct tmpfs_node *directory, void (*count)(struct object *object)) {
    list_for_each (entry, &directory->entries, struct entry, link) {
        count(&entry->node->vnode.object);
    }
}

void tmpfs_empty_directory(struct tmpfs_node *directory) {
    struct tmpfs_node *in = directory;
    while (in != directory || !list_empty(&in->entries)) {
        if (list_empty(&in->entries)) {
            in = in->parent; /* whose first entry it is */
            continue;
        }
        struct entry *entry = list_first(&in->entries, struct entry, link);
        if (tmpfs_is_directory(entry->node) && !list_empty(&entry->node->entries))
            in = entry->node;
        else
            drop_name(in, entry);
    }
}
