/*
 * What can be done to files by name, whatever file system they are of: each function walks to the directory
 * and lets its operations do the work. Also attributes and fsync.
 */
#include "fs/vnode.h"

#include "fs/ext2.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

static bool is_dots(const char *name, size_t length) {
    return length == 0 || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/* For names to be made: the directory, with a reference. "/", "." and ".." exist: -EEXIST. */
static int parent_for_new(struct vnode *start, const char *path, struct vnode **directory, const char **name,
                          size_t *length) {
    int error = path_walk_parent(start, path, directory, name, length);
    if (!error && is_dots(*name, *length)) {
        vnode_unref(*directory);
        error = -EEXIST;
    }
    return error;
}

/* A slash behind the name of something that is to be no directory. */
static bool has_trailing_slash(const char *name, size_t length) {
    return name[length] == '/';
}

int vnode_create(struct vnode *start, const char *path, unsigned mode, uint64_t rdevice,
                 struct vnode **made) {
    struct vnode *directory;
    const char *name;
    size_t length;
    int error = parent_for_new(start, path, &directory, &name, &length);
    if (error)
        return error;
    if (!S_ISDIR(mode) && has_trailing_slash(name, length))
        error = -EISDIR;
    else if (!directory->operations->create)
        error = -EROFS;
    else
        error = directory->operations->create(directory, name, length, mode, rdevice, made);
    vnode_unref(directory);
    return error;
}

int vnode_link(struct vnode *target, struct vnode *start, const char *path) {
    struct vnode *directory;
    const char *name;
    size_t length;
    int error = parent_for_new(start, path, &directory, &name, &length);
    if (error)
        return error;
    if (has_trailing_slash(name, length))
        error = -ENOENT;
    else if (target->mount != directory->mount)
        error = -EXDEV;
    else if (!directory->operations->link)
        error = -EROFS;
    else
        error = directory->operations->link(directory, name, length, target);
    vnode_unref(directory);
    return error;
}

int vnode_symlink(const char *target, struct vnode *start, const char *path) {
    struct vnode *directory;
    const char *name;
    size_t length;
    int error = parent_for_new(start, path, &directory, &name, &length);
    if (error)
        return error;
    if (has_trailing_slash(name, length))
        error = -ENOENT;
    else if (!directory->operations->symlink)
        error = -EROFS;
    else
        error = directory->operations->symlink(directory, name, length, target);
    vnode_unref(directory);
    return error;
}

int vnode_unlink(struct vnode *start, const char *path, bool want_directory) {
    struct vnode *directory;
    const char *name;
    size_t length;
    int error = path_walk_parent(start, path, &directory, &name, &length);
    if (error)
        return error;
    if (length == 0)
        error = -EBUSY;
    else if (is_dots(name, length))
        error = !want_directory ? -EISDIR : length == 1 ? -EINVAL : -ENOTEMPTY;
    else if (!want_directory && has_trailing_slash(name, length))
        error = -ENOTDIR;
    else if (!directory->operations->unlink)
        error = -EROFS;
    else
        error = directory->operations->unlink(directory, name, length, want_directory);
    vnode_unref(directory);
    return error;
}

int vnode_rename(struct vnode *old_start, const char *old_path, struct vnode *new_start,
                 const char *new_path) {
    struct vnode *from, *to;
    const char *old_name, *new_name;
    size_t old_length, new_length;
    int error = path_walk_parent(old_start, old_path, &from, &old_name, &old_length);
    if (error)
        return error;
    error = path_walk_parent(new_start, new_path, &to, &new_name, &new_length);
    if (error) {
        vnode_unref(from);
        return error;
    }
    if (is_dots(old_name, old_length) || is_dots(new_name, new_length))
        error = -EBUSY;
    else if (from->mount != to->mount)
        error = -EXDEV;
    else if (!from->operations->rename)
        error = -EROFS;
    else
        error = from->operations->rename(from, old_name, old_length, to, new_name, new_length);
    vnode_unref(to);
    vnode_unref(from);
    return error;
}

int vnode_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    *attributes = (struct vnode_attributes){
        .mode = vnode->mode,
        .links = 1,
        .block_size = PAGE_SIZE,
        .inode = vnode->inode,
        .size = vnode->object.size,
        .device = vnode->mount ? vnode->mount->device : 0,
    };
    return vnode->operations->get_attributes ? vnode->operations->get_attributes(vnode, attributes) : 0;
}

int vnode_set_attributes(struct vnode *vnode, const struct vnode_attributes *attributes, unsigned which) {
    ASSERT(!(which & SET_SIZE)); /* vnode_truncate() */
    return vnode->operations->set_attributes ? vnode->operations->set_attributes(vnode, attributes, which)
                                             : -EROFS;
}

struct vnode *vnode_if_file(struct object *object) {
    return object->pager->of_files ? vnode_of_object(object) : NULL;
}

int vnode_fsync(struct vnode *vnode) {
    struct object *object = &vnode->object;
    int error = 0;
    if (vnode->has_pages)
        error = object_flush(object, 0, (pgoff_t)(PAGE_UP(object->size) >> PAGE_SHIFT));
    int second = vnode->operations->sync ? vnode->operations->sync(vnode) : 0;
    int earlier = object->write_error;
    object->write_error = 0;
    return error ? error : earlier ? earlier : second;
}
