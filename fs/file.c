/*
 * Open files: open(2) with all its flags, reading and writing at a position, seeking.
 *
 * The position is claimed before the transfer and corrected after it, if it was short: so two processes that
 * share an open file (a shell's children and its output) never write to the same place, and nothing is locked
 * while user memory is copied.
 */
#include "fs/file.h"

#include "fs/direct.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/heap.h"

#include <asm/fcntl.h>

#define SYMLINKS_MAX 8

enum { SEEK_FROM_START, SEEK_FROM_POSITION, SEEK_FROM_END }; /* Linux's SEEK_* */

static bool may_read(unsigned flags) {
    return (flags & O_ACCMODE) != O_WRONLY && !(flags & O_PATH);
}

static bool may_write(unsigned flags) {
    return (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
}

bool file_may_read(const struct file *file) {
    return may_read(file->flags);
}

bool file_may_write(const struct file *file) {
    return may_write(file->flags);
}

/* --- opening --- */

/*
 * The name may be a symbolic link to what does not exist yet: then that is made. *@path is replaced by the
 * link's text in @page and *@start by the link's directory (with a reference).
 */
static int follow_dangling(struct vnode **start, const char **path, char *page) {
    struct vnode *directory, *link;
    const char *name;
    size_t length;
    int error = path_walk(*start, *path, WALK_NOFOLLOW, &link);
    if (error)
        return error == -ENOENT ? 0 : error;
    error = S_ISLNK(link->mode) ? path_walk_parent(*start, *path, &directory, &name, &length) : -ENOENT;
    if (!error) {
        int bytes = link->operations->readlink(link, page, PATH_MAX_BYTES - 1);
        if (bytes >= 0) {
            page[bytes] = 0;
            *path = page;
            vnode_ref(directory);
            *start = directory;
        }
        error = bytes < 0 ? bytes : 1;
        vnode_unref(directory);
    }
    vnode_unref(link);
    return error;
}

/* The path does not exist: makes a regular file there. */
static int create_missing(struct vnode *start, const char *path, unsigned mode, bool follow,
                          struct vnode **made) {
    char *page[2] = {follow ? kpage_alloc() : NULL, follow ? kpage_alloc() : NULL};
    struct vnode *held = NULL;
    int result = follow && (!page[0] || !page[1]) ? -ENOMEM : 0;
    for (int links = 0; !result && follow; links++) {
        struct vnode *next = start;
        result = links == SYMLINKS_MAX ? -ELOOP : follow_dangling(&next, &path, page[links & 1]);
        if (result != 1)
            break;
        if (held)
            vnode_unref(held);
        held = start = next;
        result = 0;
    }
    if (!result)
        result = vnode_create(start, path, S_IFREG | (mode & 07777), 0, made);
    if (held)
        vnode_unref(held);
    for (int i = 0; i < 2; i++) {
        if (page[i])
            kpage_free(page[i]);
    }
    return result;
}

/* The vnode to open, made if need be. *@made tells which. */
static int find_or_make(struct vnode *start, const char *path, unsigned flags, unsigned mode,
                        struct vnode **vnode, bool *made) {
    unsigned walk = (flags & O_NOFOLLOW ? WALK_NOFOLLOW : 0) | (flags & O_DIRECTORY ? WALK_DIRECTORY : 0);
    bool exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    *made = false;
    for (;;) {
        int error = path_walk(start, path, exclusive ? walk | WALK_NOFOLLOW : walk, vnode);
        if (!error && exclusive) {
            vnode_unref(*vnode);
            return -EEXIST;
        }
        if (error != -ENOENT || !(flags & O_CREAT))
            return error;
        error = create_missing(start, path, mode, !exclusive && !(flags & O_NOFOLLOW), vnode);
        *made = !error;
        if (error != -EEXIST || exclusive)
            return error;
        /* somebody else has made it meanwhile: open that one */
    }
}

/* A device file or FIFO of a disk file system stands for something else; *@vnode's reference passes over. */
static int resolve_special(struct vnode **vnode) {
    uint32_t mode = (*vnode)->mode;
    bool special = S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode);
    if (!special || (*vnode)->operations->read || (*vnode)->operations->write)
        return 0;
    struct vnode_attributes attributes;
    struct vnode *device;
    if (S_ISFIFO(mode))
        return fifo_find(vnode);
    int error = vnode_get_attributes(*vnode, &attributes);
    if (!error)
        error = device_find(attributes.mode, attributes.rdevice, &device);
    if (!error) {
        vnode_unref(*vnode);
        *vnode = device;
    }
    return error;
}

/* Whether this vnode may be opened so. */
static int check_open(const struct vnode *vnode, unsigned flags, bool made) {
    if (flags & O_PATH)
        return 0;
    if (S_ISLNK(vnode->mode))
        return -ELOOP;
    if (S_ISDIR(vnode->mode) && (may_write(flags) || (flags & O_CREAT && !made)))
        return -EISDIR;
    if (S_ISSOCK(vnode->mode))
        return -ENXIO;
    if (flags & O_DIRECT && !direct_possible(vnode))
        return -EINVAL;
    return may_write(flags) && vnode->running > 0 ? -ETXTBSY : 0;
}

int file_open(struct vnode *start, const char *path, unsigned flags, unsigned mode, struct file **file) {
    struct vnode *vnode;
    bool made;
    int error = find_or_make(start, path, flags, mode, &vnode, &made);
    if (error)
        return error;
    error = flags & O_PATH ? 0 : resolve_special(&vnode);
    if (!error)
        error = check_open(vnode, flags, made);
    if (!error && flags & O_TRUNC && !made && vnode->has_pages && may_write(flags))
        error = vnode_truncate(vnode, 0);
    if (!error)
        error = file_open_vnode(vnode, flags, file);
    if (error) {
        vnode_unref(vnode);
        return error;
    }
    if (S_ISFIFO(vnode->mode) && !(flags & O_PATH))
        error = fifo_wait_peer(vnode, may_read(flags), may_write(flags), flags & O_NONBLOCK);
    if (error)
        file_unref(*file);
    return error;
}

static struct list files = LIST_INITIALIZER(files); /* all that are open */

void file_for_each(void (*visit)(const struct file *file, void *data), void *data) {
    list_for_each (file, &files, struct file, all) {
        visit(file, data);
    }
}

int file_open_vnode(struct vnode *vnode, unsigned flags, struct file **made) {
    struct file *file = kmalloc(sizeof *file);
    if (!file)
        return -ENOMEM;
    file->refs = 1;
    file->vnode = vnode;
    file->errors = NULL;
    file->system_errors_told = vnode->mount ? mount_errors_seen(vnode->mount) : 0;
    if (vnode->has_pages && !(file->errors = error_cursor_create(&vnode->object))) {
        kfree(file);
        return -ENOMEM;
    }
    file->flags = flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
    if (vnode->operations->opened && !(flags & O_PATH))
        vnode->operations->opened(vnode, may_read(flags), may_write(flags));
    if (may_write(flags))
        vnode->writing_files++;
    list_add_tail(&files, &file->all);
    *made = file;
    return 0;
}

void file_ref(struct file *file) {
    file->refs++;
}

void (*file_closed_for_good)(const struct file *file);

void file_unref(struct file *file) {
    ASSERT(file->refs > 0);
    if (--file->refs > 0)
        return;
    if (file_closed_for_good)
        file_closed_for_good(file);
    struct vnode *vnode = file->vnode;
    if (vnode->operations->closed && !(file->flags & O_PATH))
        vnode->operations->closed(vnode, may_read(file->flags), may_write(file->flags));
    if (may_write(file->flags))
        vnode->writing_files--;
    error_cursor_unref(file->errors);
    list_remove(&file->all);
    kfree(file);
    vnode_unref(vnode);
}

int file_sync(struct file *file) {
    struct vnode *vnode = file->vnode;
    if (!vnode->has_pages && !S_ISDIR(vnode->mode) && !vnode->operations->sync)
        return -EINVAL;
    int error = vnode_fsync(vnode);
    int untold = object_tell_errors(&vnode->object, file->errors);
    return error ? error : untold;
}

int file_sync_system(struct file *file) {
    struct mount *mount = file->vnode->mount;
    if (!mount || !mount->sync)
        return 0;
    int error = mount->sync(mount);
    if (file->system_errors_told == mount->write_errors)
        return error;
    file->system_errors_told = mount->write_errors;
    mount->write_error_told = true;
    return error ? error : mount->write_error;
}

/* --- transfers --- */

static inline long transfer(struct file *file, bool write, vaddr_t buffer, size_t bytes, uint64_t position) {
    struct vnode *vnode = file->vnode;
    bool nonblock = file->flags & O_NONBLOCK;
    if (file->flags & O_DIRECT)
        return write ? direct_write(vnode, buffer, bytes, position)
                     : direct_read(vnode, buffer, bytes, position);
    if (vnode->has_pages)
        return write ? vnode_write_user(vnode, buffer, bytes, position)
                     : vnode_read_user(vnode, buffer, bytes, position);
    if (write)
        return vnode->operations->write ? vnode->operations->write(vnode, buffer, bytes, position, nonblock)
                                        : -EINVAL;
    return vnode->operations->read ? vnode->operations->read(vnode, buffer, bytes, position, nonblock)
                                   : -EINVAL;
}

/* At the file's own position, which the transfer moves. */
static inline long transfer_here(struct file *file, bool write, vaddr_t buffer, size_t bytes) {
    uint64_t position = file->position, claim = bytes;
    if (!write && file->vnode->has_pages) { /* a read takes no more than there is */
        uint64_t size = file->vnode->object.size;
        claim = position < size ? MIN(claim, size - position) : 0;
    }
    file->position = position + claim;
    long result = transfer(file, write, buffer, bytes, position);
    uint64_t moved = result > 0 ? (uint64_t)result : 0;
    if (file->position == position + claim) /* else someone else has gone on from there */
        file->position = position + moved;
    return result;
}

static long append(struct file *file, vaddr_t buffer, size_t bytes) {
    uint64_t position = 0;
    long result = file->flags & O_DIRECT ? direct_append(file->vnode, buffer, bytes, &position)
                                         : vnode_append_user(file->vnode, buffer, bytes, &position);
    if (result > 0)
        file->position = position + (uint64_t)result;
    return result;
}

/* O_SYNC and O_DSYNC: what has been written is on the medium before the call returns. */
static long written_through(struct file *file, long written) {
    bool lasting = file->vnode->has_pages || S_ISBLK(file->vnode->mode);
    int error = written > 0 && file->flags & O_DSYNC && lasting ? file_sync(file) : 0;
    return error ? error : written;
}

static inline long read_or_write(struct file *file, bool write, vaddr_t buffer, size_t bytes,
                                 const uint64_t *position) {
    if (!(write ? may_write(file->flags) : may_read(file->flags)))
        return -EBADF;
    if (S_ISDIR(file->vnode->mode))
        return -EISDIR;
    bytes = MIN(bytes, (size_t)0x7ffff000); /* as in Linux: the result must be positive */
    if (position && !file->vnode->seekable)
        return -ESPIPE;
    if (position && *position >> 63)
        return -EINVAL;
    if (write && file->flags & O_APPEND && file->vnode->has_pages)
        return append(file, buffer, bytes);
    return position ? transfer(file, write, buffer, bytes, *position)
                    : transfer_here(file, write, buffer, bytes);
}

long file_read(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position) {
    return read_or_write(file, false, buffer, bytes, position);
}

long file_write(struct file *file, vaddr_t buffer, size_t bytes, const uint64_t *position) {
    return written_through(file, read_or_write(file, true, buffer, bytes, position));
}

long long file_seek(struct file *file, long long offset, int whence) {
    if (!file->vnode->seekable)
        return -ESPIPE;
    long long from;
    if (whence == SEEK_FROM_START)
        from = 0;
    else if (whence == SEEK_FROM_POSITION)
        from = (long long)file->position;
    else if (whence == SEEK_FROM_END)
        from = (long long)file->vnode->object.size;
    else
        return -EINVAL;
    long long target;
    if (__builtin_add_overflow(from, offset, &target))
        return -EOVERFLOW;
    if (target < 0)
        return -EINVAL;
    file->position = (uint64_t)target;
    if (S_ISDIR(file->vnode->mode))
        file->directory_position = (uint64_t)target;
    return target;
}
