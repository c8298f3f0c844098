/*
 * What can be done to files by name, whatever file system they are of: each function walks to the directory
 * and lets its operations do the work. Also attributes and fsync.
 */
#include "fs/vnode.h"

#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

static bool is_dots(const char *name, size_t length) {
    return length == 0 || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/* Where a name stands, or is to stand: in a directory, on which there is a reference unless it is NULL. */
struct place {
    struct vnode *directory;
    const char *name;
    size_t length;
};

static int place_find(struct vnode *start, const char *path, struct place *place) {
    int error = path_walk_parent(start, path, &place->directory, &place->name, &place->length);
    if (error)
        place->directory = NULL;
    return error;
}

static void place_release(struct place *place) {
    if (place->directory)
        vnode_unref(place->directory);
}

/* A slash behind the name of something that is to be no directory. */
static bool has_trailing_slash(const struct place *place) {
    return place->name[place->length] == '/';
}

/* For names to be made. "/", "." and ".." exist: -EEXIST. A slash behind the name: slash_error, 0 if it may. */
static int place_for_new(struct vnode *start, const char *path, int slash_error, struct place *place) {
    int error = place_find(start, path, place);
    if (!error && is_dots(place->name, place->length))
        error = -EEXIST;
    if (!error && has_trailing_slash(place))
        error = slash_error;
    return error;
}

int vnode_create(struct vnode *start, const char *path, unsigned mode, uint64_t rdevice,
                 struct vnode **made) {
    struct place place;
    int error = place_for_new(start, path, S_ISDIR(mode) ? 0 : -EISDIR, &place);
    if (!error && !place.directory->operations->create)
        error = -EROFS;
    if (!error)
        error = place.directory->operations->create(place.directory, place.name, place.length, mode, rdevice,
                                                    made);
    place_release(&place);
    return error;
}

int vnode_link(struct vnode *target, struct vnode *start, const char *path) {
    struct place place;
    int error = place_for_new(start, path, -ENOENT, &place);
    if (!error && target->mount != place.directory->mount)
        error = -EXDEV;
    if (!error && !place.directory->operations->link)
        error = -EROFS;
    if (!error)
        error = place.directory->operations->link(place.directory, place.name, place.length, target);
    place_release(&place);
    return error;
}

int vnode_symlink(const char *target, struct vnode *start, const char *path) {
    struct place place;
    int error = place_for_new(start, path, -ENOENT, &place);
    if (!error && !place.directory->operations->symlink)
        error = -EROFS;
    if (!error)
        error = place.directory->operations->symlink(place.directory, place.name, place.length, target);
    place_release(&place);
    return error;
}

static int may_unlink(const struct place *place, bool want_directory) {
    if (place->length == 0)
        return -EBUSY;
    if (is_dots(place->name, place->length))
        return !want_directory ? -EISDIR : place->length == 1 ? -EINVAL : -ENOTEMPTY;
    if (!want_directory && has_trailing_slash(place))
        return -ENOTDIR;
    return place->directory->operations->unlink ? 0 : -EROFS;
}

int vnode_unlink(struct vnode *start, const char *path, bool want_directory) {
    struct place place;
    int error = place_find(start, path, &place);
    if (!error)
        error = may_unlink(&place, want_directory);
    if (!error)
        error =
            place.directory->operations->unlink(place.directory, place.name, place.length, want_directory);
    place_release(&place);
    return error;
}

static int may_rename(const struct place *from, const struct place *to) {
    if (is_dots(from->name, from->length) || is_dots(to->name, to->length))
        return -EBUSY;
    if (from->directory->mount != to->directory->mount)
        return -EXDEV;
    return from->directory->operations->rename ? 0 : -EROFS;
}

int vnode_rename(struct vnode *old_start, const char *old_path, struct vnode *new_start,
                 const char *new_path) {
    struct place from, to = {0};
    int error = place_find(old_start, old_path, &from);
    if (!error)
        error = place_find(new_start, new_path, &to);
    if (!error)
        error = may_rename(&from, &to);
    if (!error)
        error = from.directory->operations->rename(from.directory, from.name, from.length, to.directory,
                                                   to.name, to.length);
    place_release(&to);
    place_release(&from);
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

int vnode_run_begin(struct vnode *vnode) {
    if (vnode->writing_files > 0)
        return -ETXTBSY;
    vnode->running++;
    return 0;
}

void vnode_run_share(struct vnode *vnode) {
    ASSERT(vnode->running > 0);
    vnode->running++;
}

void vnode_run_end(struct vnode *vnode) {
    ASSERT(vnode->running > 0);
    vnode->running--;
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
    return error ? error : second;
}
