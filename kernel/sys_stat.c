/*
 * System calls that describe files: the stat family, statx, statfs, and directory listings. Every layout is
 * filled from one struct vnode_attributes.
 */
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

/* --- stat --- */

static uint32_t device_major(uint64_t device) {
    return (uint32_t)(device >> 8) & 0xFFF;
}

static uint32_t device_minor(uint64_t device) {
    return (uint32_t)(device & 0xFF) | (uint32_t)(device >> 12 & 0xFFF00);
}

/* Takes over the caller's reference to @vnode. */
static int attributes_of(struct vnode *vnode, struct vnode_attributes *attributes) {
    int error = vnode_get_attributes(vnode, attributes);
    vnode_unref(vnode);
    return error;
}

static int attributes_of_descriptor(int fd, struct vnode_attributes *attributes) {
    struct vnode *vnode;
    int error = fd < 0 ? -EBADF : descriptor_vnode(fd, &vnode);
    return error ? error : attributes_of(vnode, attributes);
}

static int attributes_at(int directory_fd, vaddr_t user_path, unsigned flags,
                         struct vnode_attributes *attributes) {
    struct vnode *vnode;
    int error = path_lookup_at(directory_fd, user_path, flags, &vnode);
    return error ? error : attributes_of(vnode, attributes);
}

/* struct stat and struct stat64 name their members alike and differ in their widths. */
#define FILL_STAT(to, from)                                                                                  \
    do {                                                                                                     \
        memset(&(to), 0, sizeof(to)); /* padding too: no kernel bytes leave this way */                      \
        (to).st_dev = (typeof((to).st_dev))(from)->device;                                                   \
        (to).st_ino = (typeof((to).st_ino))(from)->inode;                                                    \
        (to).st_mode = (typeof((to).st_mode))(from)->mode;                                                   \
        (to).st_nlink = (typeof((to).st_nlink))(from)->links;                                                \
        (to).st_uid = (typeof((to).st_uid))(from)->uid;                                                      \
        (to).st_gid = (typeof((to).st_gid))(from)->gid;                                                      \
        (to).st_rdev = (typeof((to).st_rdev))(from)->rdevice;                                                \
        (to).st_size = (typeof((to).st_size))(from)->size;                                                   \
        (to).st_blksize = (from)->block_size;                                                                \
        (to).st_blocks = (from)->blocks;                                                                     \
        (to).st_atime = (from)->atime;                                                                       \
        (to).st_mtime = (from)->mtime;                                                                       \
        (to).st_ctime = (from)->ctime;                                                                       \
    } while (0)

static long write_stat64(const struct vnode_attributes *from, vaddr_t buffer) {
    struct stat64 to;
    FILL_STAT(to, from);
    to.__st_ino = (unsigned long)from->inode;
    return user_write(buffer, &to, sizeof to);
}

long sys_fstatat64(int directory_fd, vaddr_t user_path, vaddr_t buffer, unsigned flags) {
    struct vnode_attributes attributes;
    int error = attributes_at(directory_fd, user_path, flags, &attributes);
    return error ? error : write_stat64(&attributes, buffer);
}

long sys_stat64(vaddr_t user_path, vaddr_t buffer) {
    return sys_fstatat64(AT_FDCWD, user_path, buffer, 0);
}

long sys_lstat64(vaddr_t user_path, vaddr_t buffer) {
    return sys_fstatat64(AT_FDCWD, user_path, buffer, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat64(int fd, vaddr_t buffer) {
    struct vnode_attributes attributes;
    int error = attributes_of_descriptor(fd, &attributes);
    return error ? error : write_stat64(&attributes, buffer);
}

/* The layout of the 1990s: sizes that do not fit are an error. */
static long write_stat(const struct vnode_attributes *from, vaddr_t buffer) {
    struct stat to;
    if (from->size > 0x7FFFFFFF)
        return -EOVERFLOW;
    FILL_STAT(to, from);
    return user_write(buffer, &to, sizeof to);
}

static long old_stat_at(int fd, vaddr_t user_path, vaddr_t buffer, unsigned flags) {
    struct vnode_attributes attributes;
    int error = attributes_at(fd, user_path, flags, &attributes);
    return error ? error : write_stat(&attributes, buffer);
}

long sys_stat(vaddr_t user_path, vaddr_t buffer) {
    return old_stat_at(AT_FDCWD, user_path, buffer, 0);
}

long sys_lstat(vaddr_t user_path, vaddr_t buffer) {
    return old_stat_at(AT_FDCWD, user_path, buffer, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int fd, vaddr_t buffer) {
    struct vnode_attributes attributes;
    int error = attributes_of_descriptor(fd, &attributes);
    return error ? error : write_stat(&attributes, buffer);
}

long sys_statx(int directory_fd, vaddr_t user_path, unsigned flags, unsigned mask, vaddr_t buffer) {
    struct vnode_attributes from;
    struct statx to;
    if (mask & STATX__RESERVED)
        return -EINVAL;
    int error = attributes_at(directory_fd, user_path, flags, &from);
    if (error)
        return error;
    memset(&to, 0, sizeof to);
    to.stx_mask = STATX_BASIC_STATS;
    to.stx_blksize = from.block_size;
    to.stx_nlink = from.links;
    to.stx_uid = from.uid;
    to.stx_gid = from.gid;
    to.stx_mode = (uint16_t)from.mode;
    to.stx_ino = from.inode;
    to.stx_size = from.size;
    to.stx_blocks = from.blocks;
    to.stx_atime.tv_sec = from.atime;
    to.stx_mtime.tv_sec = from.mtime;
    to.stx_ctime.tv_sec = from.ctime;
    to.stx_dev_major = device_major(from.device);
    to.stx_dev_minor = device_minor(from.device);
    to.stx_rdev_major = device_major(from.rdevice);
    to.stx_rdev_minor = device_minor(from.rdevice);
    return user_write(buffer, &to, sizeof to);
}

/* --- statfs --- */

static uint32_t magic_of(const char *type) {
    if (strcmp(type, "ext2") == 0)
        return 0xEF53;
    return strcmp(type, "proc") == 0 ? 0x9FA0 : 0x01021994; /* what Linux shows for proc and tmpfs */
}

static long statfs_of(const struct vnode *vnode, size_t size, vaddr_t buffer) {
    struct statfs64 to;
    uint32_t block_size = PAGE_SIZE;
    uint64_t blocks = 0, free = 0, files = 0, files_free = 0;
    if (size != sizeof to)
        return -EINVAL;
    struct mount *mount = vnode->mount;
    int error =
        mount && mount->statfs ? mount->statfs(mount, &block_size, &blocks, &free, &files, &files_free) : 0;
    if (error)
        return error;
    memset(&to, 0, sizeof to);
    to.f_type = mount ? magic_of(mount->type) : 0;
    to.f_bsize = to.f_frsize = block_size;
    to.f_blocks = blocks;
    to.f_bfree = to.f_bavail = free;
    to.f_files = files;
    to.f_ffree = files_free;
    to.f_namelen = NAME_MAX_BYTES;
    return user_write(buffer, &to, sizeof to);
}

long sys_statfs64(vaddr_t user_path, size_t size, vaddr_t buffer) {
    struct vnode *vnode;
    long error = path_lookup_at(AT_FDCWD, user_path, 0, &vnode);
    if (error)
        return error;
    error = statfs_of(vnode, size, buffer);
    vnode_unref(vnode);
    return error;
}

long sys_fstatfs64(int fd, size_t size, vaddr_t buffer) {
    struct file *file = descriptor_file(fd);
    return file ? statfs_of(file->vnode, size, buffer) : -EBADF;
}

/* --- directories --- */

/* Entries are collected in a page, as nothing may hold the file's lock over a user copy. */
struct listing {
    char *page;
    size_t used, size;
    uint64_t next_position;
    bool old_layout, refused; /* refused: an entry did not fit */
};

struct dirent64 {
    uint64_t inode;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
} __attribute__((packed));

/* The type is the entry's last byte, where older programs see padding. */
struct dirent {
    uint32_t inode, next;
    uint16_t length;
    char name[];
} __attribute__((packed));

static bool emit_entry(void *data, const char *name, size_t length, uint64_t inode, unsigned type,
                       uint64_t next_position) {
    struct listing *listing = data;
    bool old = listing->old_layout;
    size_t header = old ? offsetof(struct dirent, name) + 1 : offsetof(struct dirent64, name);
    size_t alignment = old ? 4 : 8;
    size_t bytes = (header + length + 1 + alignment - 1) & ~(alignment - 1);
    if (bytes > listing->size - listing->used) {
        listing->refused = true;
        return false;
    }
    char *at = listing->page + listing->used;
    memset(at, 0, bytes);
    if (old) {
        struct dirent *entry = (struct dirent *)at;
        *entry = (struct dirent){(uint32_t)inode, (uint32_t)next_position, (uint16_t)bytes};
        memcpy(entry->name, name, length);
        at[bytes - 1] = (char)type;
    } else {
        struct dirent64 *entry = (struct dirent64 *)at;
        *entry = (struct dirent64){inode, (int64_t)next_position, (uint16_t)bytes, (uint8_t)type};
        memcpy(entry->name, name, length);
    }
    listing->used += bytes;
    listing->next_position = next_position;
    return true;
}

static long list_directory(struct file *file, struct listing *listing, vaddr_t buffer) {
    struct vnode *vnode = file->vnode;
    listing->next_position = file->directory_position;
    int error = vnode->operations->list(vnode, file->directory_position, emit_entry, listing);
    if (error < 0)
        return error;
    if (listing->used == 0 && listing->refused)
        return -EINVAL;
    if (user_write(buffer, listing->page, listing->used))
        return -EFAULT;
    file->directory_position = listing->next_position;
    return (long)listing->used;
}

static long get_entries(int fd, vaddr_t buffer, size_t size, bool old_layout) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    if (!S_ISDIR(file->vnode->mode) || !file->vnode->operations->list)
        return -ENOTDIR;
    struct listing listing = {
        .page = kpage_alloc(), .size = MIN(size, (size_t)PAGE_SIZE), .old_layout = old_layout};
    if (!listing.page)
        return -ENOMEM;
    long result = list_directory(file, &listing, buffer);
    kpage_free(listing.page);
    return result;
}

long sys_getdents64(int fd, vaddr_t buffer, size_t size) {
    return get_entries(fd, buffer, size, false);
}

long sys_getdents(int fd, vaddr_t buffer, size_t size) {
    return get_entries(fd, buffer, size, true);
}
