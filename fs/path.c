/*
 * Paths: from a name with slashes to a vnode and back.
 *
 * The walk holds one reference, to the vnode it has reached. When it meets a symbolic link it replaces what
 * is left of the path by the link's text and the rest, in a page of its own, and goes on: no recursion, and
 * at most SYMLINKS_MAX times.
 *
 * Source: Thompson's namei, as told by Bach, section 4.4; POSIX.1-2017, 4.13 "Pathname Resolution".
 */
#include "fs/mode.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"

#define SYMLINKS_MAX 8u

/* A walk under way. */
struct walk {
    struct vnode *at;       /* reached; referenced */
    const char *rest, *end; /* what is left of the path */
    char *page;             /* holds it after a symbolic link; or NULL */
    unsigned links;         /* followed so far */
};

static void move_to(struct walk *walk, struct vnode *vnode) {
    vnode_unref(walk->at);
    walk->at = vnode;
}

/* Down into mounts that cover @vnode, whose reference passes to the result. */
static struct vnode *cross_down(struct vnode *vnode) {
    while (vnode->covered_by) {
        struct vnode *over = vnode->covered_by;
        vnode_ref(over);
        vnode_unref(vnode);
        vnode = over;
    }
    return vnode;
}

static int step_child(struct vnode *directory, const char *name, size_t length, struct vnode **child) {
    if (!directory->operations->lookup)
        return -ENOTDIR;
    if (length > NAME_MAX_BYTES)
        return -ENAMETOOLONG;
    int error = directory->operations->lookup(directory, name, length, child);
    if (!error)
        *child = cross_down(*child);
    return error;
}

/* "..", out of mounts, and from the root to itself. Adds a reference. */
static int step_parent(struct vnode *directory, struct vnode **parent) {
    while (directory == directory->mount->root && directory->mount->covers)
        directory = directory->mount->covers;
    if (directory == directory->mount->root || !directory->operations->parent) {
        vnode_ref(directory);
        *parent = directory;
        return 0;
    }
    int error = directory->operations->parent(directory, parent);
    if (!error)
        *parent = cross_down(*parent);
    return error;
}

/* Puts the text of @link in front of the rest of the path. */
static int follow(struct walk *walk, struct vnode *link) {
    if (++walk->links > SYMLINKS_MAX)
        return -ELOOP;
    char *page = kpage_alloc();
    if (!page)
        return -ENOMEM;
    int length =
        link->operations->readlink ? link->operations->readlink(link, page, PATH_MAX_BYTES) : -EINVAL;
    size_t rest = (size_t)(walk->end - walk->rest);
    if (length >= 0 && (size_t)length + 1 + rest > PATH_MAX_BYTES)
        length = -ENAMETOOLONG;
    if (length <= 0) {
        kpage_free(page);
        return length ? length : -ENOENT;
    }
    if (rest) {
        page[length] = '/';
        memcpy(page + length + 1, walk->rest, rest);
        length += 1 + (int)rest;
    }
    if (walk->page)
        kpage_free(walk->page);
    walk->page = page;
    walk->rest = page;
    walk->end = page + length;
    if (*page == '/') {
        vnode_ref(vnode_root());
        move_to(walk, vnode_root());
    }
    return 0;
}

/* One component [name, name + length), behind which the rest of the path has been moved up. */
static int step(struct walk *walk, const char *name, size_t length, unsigned flags) {
    bool slash = walk->rest < walk->end; /* something follows, if only a slash */
    struct vnode *next;
    int error;
    if (!S_ISDIR(walk->at->mode))
        return -ENOTDIR;
    if (length == 1 && name[0] == '.')
        return 0;
    if (length == 2 && name[0] == '.' && name[1] == '.')
        error = step_parent(walk->at, &next);
    else
        error = step_child(walk->at, name, length, &next);
    if (error)
        return error;
    if (S_ISLNK(next->mode) && (slash || !(flags & WALK_NOFOLLOW))) {
        struct vnode *target;
        bool straight = next->operations->follow;
        error = straight ? next->operations->follow(next, &target) : follow(walk, next);
        vnode_unref(next);
        if (error || !straight)
            return error;
        next = target;
    }
    move_to(walk, next);
    return 0;
}

/* Walks the @length bytes of @path. */
static int walk_path(struct vnode *start, const char *path, size_t length, unsigned flags,
                     struct vnode **found) {
    struct walk walk = {
        .at = start && !(length && *path == '/') ? start : vnode_root(), .rest = path, .end = path + length};
    vnode_ref(walk.at);
    bool directory = flags & WALK_DIRECTORY;
    int error = 0;
    while (!error && walk.rest < walk.end) {
        if (*walk.rest == '/') {
            walk.rest++;
            directory = directory || walk.rest == walk.end;
            continue;
        }
        const char *name = walk.rest;
        while (walk.rest < walk.end && *walk.rest != '/')
            walk.rest++;
        error = step(&walk, name, (size_t)(walk.rest - name), flags);
    }
    if (!error && directory && !S_ISDIR(walk.at->mode))
        error = -ENOTDIR;
    if (walk.page)
        kpage_free(walk.page);
    if (error)
        vnode_unref(walk.at);
    else
        *found = walk.at;
    return error;
}

static int check_length(const char *path, size_t *length) {
    *length = strnlen(path, PATH_MAX_BYTES);
    return *length == 0 ? -ENOENT : *length == PATH_MAX_BYTES ? -ENAMETOOLONG : 0;
}

int path_walk(struct vnode *start, const char *path, unsigned flags, struct vnode **found) {
    size_t length;
    int error = check_length(path, &length);
    return error ? error : walk_path(start, path, length, flags, found);
}

int path_walk_parent(struct vnode *start, const char *path, struct vnode **directory, const char **name,
                     size_t *length) {
    size_t end;
    int error = check_length(path, &end);
    if (error)
        return error;
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    *name = path + begin;
    *length = end - begin; /* 0: the path is "/" */
    if (*length > NAME_MAX_BYTES)
        return -ENAMETOOLONG;
    return walk_path(start, path, begin, WALK_DIRECTORY, directory);
}

/* --- from vnode to path --- */

/* The name that an inode has in a directory. */
struct search {
    uint64_t inode;
    char name[NAME_MAX_BYTES];
    size_t length; /* 0: not found */
};

static bool compare_inode(void *data, const char *name, size_t length, uint64_t inode, unsigned type UNUSED,
                          uint64_t next_position UNUSED) {
    struct search *search = data;
    bool dots = name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
    if (inode != search->inode || dots)
        return true;
    memcpy(search->name, name, length);
    search->length = length;
    return false;
}

/*
 * Steps from *@at, referenced, to the directory it is in, and puts "/name" before *@start, not below
 * @buffer. 1: *@at is the root.
 */
static int prepend(struct vnode **at, const char *buffer, char **start, struct search *search) {
    struct vnode *vnode = *at, *parent;
    while (vnode == vnode->mount->root && vnode->mount->covers)
        vnode = vnode->mount->covers;
    if (vnode == vnode->mount->root)
        return 1;
    int error = vnode->operations->parent ? vnode->operations->parent(vnode, &parent) : -ENOENT;
    if (error)
        return error;
    search->inode = vnode->inode;
    search->length = 0;
    error = parent->operations->list ? parent->operations->list(parent, 0, compare_inode, search) : -ENOTDIR;
    if (!error && search->length == 0)
        error = -ENOENT;
    if (!error && (size_t)(*start - buffer) < search->length + 1)
        error = -ERANGE;
    if (error) {
        vnode_unref(parent);
        return error;
    }
    *start -= search->length + 1;
    (*start)[0] = '/';
    memcpy(*start + 1, search->name, search->length);
    vnode_unref(*at);
    *at = parent;
    return 0;
}

int path_of(struct vnode *vnode, char *buffer, size_t size) {
    if (size < 2)
        return -ERANGE;
    struct search *search = kmalloc(sizeof *search);
    if (!search)
        return -ENOMEM;
    char *end = buffer + size - 1, *start = end;
    int result;
    vnode_ref(vnode);
    do
        result = prepend(&vnode, buffer, &start, search);
    while (result == 0);
    vnode_unref(vnode);
    kfree(search);
    if (result < 0)
        return result;
    if (start == end)
        *--start = '/';
    size_t length = (size_t)(end - start);
    memmove(buffer, start, length);
    buffer[length] = 0;
    return (int)length;
}
