/*
 * /dev: a directory of what is registered. Character devices come from device_register(), block devices from
 * the block layer, a few links are fixed. Nothing is stored: a node is a vnode that lives as long as the
 * kernel.
 *
 * Promise: device_register() works from the moment there is a heap, before or after the mount. Each node has
 * its own copy of the operations, completed by those of every node, so that no one need test for them.
 *
 * A block device's file reads and writes the pages of the device's object, where file systems keep their
 * metadata, too. It does not see file data that is still in file pages: the disk does not, either.
 *
 * Source: Linux's Documentation/admin-guide/devices.txt for names and numbers.
 */
#include "arch/x86/usercopy.h"
#include "drivers/block.h"
#include "fs/mode.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#include <asm/poll.h>
#include <linux/fs.h>

#define ROOT_INODE 1u

struct node {
    struct vnode vnode; /* refs never reach 0: one is the table's */
    struct vnode_operations operations;
    char name[16];
    const char *target; /* of a symbolic link */
    uint64_t rdevice;
    struct list link;
};

static struct list nodes = LIST_INITIALIZER(nodes);
static uint64_t last_inode = ROOT_INODE;
static struct mount devfs = {.type = "devtmpfs"}; /* what Linux calls it in /proc/mounts */
static struct vnode root;
static const struct pager devfs_pager = {.name = "devfs"};

static struct node *node_of(struct vnode *vnode) {
    return container_of(vnode, struct node, vnode);
}

/* --- what all nodes do --- */

static int node_get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    *attributes = (struct vnode_attributes){.mode = vnode->mode,
                                            .links = 1,
                                            .block_size = PAGE_SIZE,
                                            .inode = vnode->inode,
                                            .device = devfs.device,
                                            .rdevice = vnode == &root ? 0 : node_of(vnode)->rdevice};
    return 0;
}

/* Owner, mode and times of a device may be set, and are forgotten. */
static int node_set_attributes(struct vnode *vnode UNUSED, const struct vnode_attributes *attributes UNUSED,
                               unsigned which UNUSED) {
    return 0;
}

static int node_parent(struct vnode *vnode UNUSED, struct vnode **parent) {
    vnode_ref(&root);
    *parent = &root;
    return 0;
}

static unsigned always_ready(struct vnode *vnode UNUSED) {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static struct node *node_add(const char *name, uint32_t mode, uint64_t rdevice,
                             const struct vnode_operations *operations, void *data) {
    struct node *node = kmalloc(sizeof *node);
    if (!node) {
        klog("devfs: no memory for %s", name);
        return NULL;
    }
    str_copy(node->name, name, sizeof node->name);
    node->rdevice = rdevice;
    node->operations = *operations;
    node->operations.get_attributes = node_get_attributes;
    node->operations.set_attributes = node_set_attributes;
    node->operations.parent = node_parent;
    if (!node->operations.poll)
        node->operations.poll = always_ready;

    struct vnode *vnode = &node->vnode;
    object_init(&vnode->object, &devfs_pager, 0);
    vnode->operations = &node->operations;
    vnode->mount = &devfs;
    vnode->mode = mode;
    vnode->inode = ++last_inode;
    vnode->data = data;
    list_add_tail(&nodes, &node->link);
    return node;
}

void device_register(unsigned major, unsigned minor, const char *name,
                     const struct vnode_operations *operations, void *data) {
    node_add(name, S_IFCHR | 0666, device_number(major, minor), operations, data);
}

int device_find(uint32_t mode, uint64_t rdevice, struct vnode **device) {
    list_for_each (node, &nodes, struct node, link) {
        if ((node->vnode.mode & S_IFMT) == (mode & S_IFMT) && node->rdevice == rdevice) {
            vnode_ref(&node->vnode);
            *device = &node->vnode;
            return 0;
        }
    }
    return -ENXIO;
}

/* --- the directory --- */

static int devfs_lookup(struct vnode *directory UNUSED, const char *name, size_t length,
                        struct vnode **found) {
    list_for_each (node, &nodes, struct node, link) {
        if (strlen(node->name) == length && memcmp(node->name, name, length) == 0) {
            vnode_ref(&node->vnode);
            *found = &node->vnode;
            return 0;
        }
    }
    return -ENOENT;
}

/* A position is the number of the next entry; "." and ".." are the first two. */
static int devfs_list(struct vnode *directory UNUSED, uint64_t position, directory_emit *emit, void *data) {
    uint64_t at = 2;
    if (position == 0 && !emit(data, ".", 1, ROOT_INODE, vnode_directory_type(S_IFDIR), 1))
        return 0;
    if (position <= 1 && !emit(data, "..", 2, ROOT_INODE, vnode_directory_type(S_IFDIR), 2))
        return 0;
    list_for_each (node, &nodes, struct node, link) {
        if (at++ < position)
            continue;
        unsigned type = vnode_directory_type(node->vnode.mode);
        if (!emit(data, node->name, strlen(node->name), node->vnode.inode, type, at))
            return 0;
    }
    return 0;
}

static const struct vnode_operations root_operations = {
    .lookup = devfs_lookup,
    .parent = node_parent,
    .list = devfs_list,
    .get_attributes = node_get_attributes,
    .set_attributes = node_set_attributes,
};

static int link_readlink(struct vnode *vnode, char *buffer, size_t size) {
    const char *target = node_of(vnode)->target;
    size_t length = MIN(strlen(target), size);
    memcpy(buffer, target, length);
    return (int)length;
}

static const struct vnode_operations link_operations = {.readlink = link_readlink};

static const struct vnode_operations mount_point_operations = {.parent = node_parent};

static void add_link(const char *name, const char *target) {
    struct node *node = node_add(name, S_IFLNK | 0777, 0, &link_operations, NULL);
    if (node)
        node->target = target;
}

/* --- memory devices --- */

static long null_read(struct vnode *vnode UNUSED, vaddr_t buffer UNUSED, size_t bytes UNUSED,
                      uint64_t position UNUSED, bool nonblock UNUSED) {
    return 0;
}

static long null_write(struct vnode *vnode UNUSED, vaddr_t buffer UNUSED, size_t bytes,
                       uint64_t position UNUSED, bool nonblock UNUSED) {
    return (long)bytes;
}

static long full_write(struct vnode *vnode UNUSED, vaddr_t buffer UNUSED, size_t bytes UNUSED,
                       uint64_t position UNUSED, bool nonblock UNUSED) {
    return -ENOSPC;
}

static long zero_read(struct vnode *vnode UNUSED, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                      bool nonblock UNUSED) {
    size_t left = user_clear(buffer, bytes);
    return left == bytes && bytes ? -EFAULT : (long)(bytes - left);
}

static long random_read(struct vnode *vnode UNUSED, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                        bool nonblock UNUSED) {
    uint8_t chunk[256];
    size_t done = 0;
    while (done < bytes && !wait_killed()) {
        size_t n = MIN(bytes - done, sizeof chunk);
        random_bytes(chunk, n);
        size_t left = user_copy_out(buffer + done, chunk, n);
        done += n - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}

static const struct vnode_operations null_operations = {.read = null_read, .write = null_write};
static const struct vnode_operations zero_operations = {.read = zero_read, .write = null_write};
static const struct vnode_operations full_operations = {.read = zero_read, .write = full_write};
static const struct vnode_operations random_operations = {.read = random_read, .write = null_write};

static void add_memory_devices(void) {
    static const struct {
        unsigned minor;
        const char *name;
        const struct vnode_operations *operations;
    } devices[] = {
        {3, "null", &null_operations},     {5, "zero", &zero_operations},      {7, "full", &full_operations},
        {8, "random", &random_operations}, {9, "urandom", &random_operations},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        device_register(1, devices[i].minor, devices[i].name, devices[i].operations, NULL);
        struct vnode *vnode = &list_last(&nodes, struct node, link)->vnode;
        vnode->seekable = true;
        vnode->of_zeros = devices[i].operations == &zero_operations;
    }
}

/* --- block devices --- */

/* Bytes of a transfer of @bytes at @position that lie on the device. */
static size_t clip(const struct object *object, size_t bytes, uint64_t position) {
    return position >= object->size ? 0 : (size_t)MIN((uint64_t)bytes, object->size - position);
}

static long block_transfer_user(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position,
                                bool write) {
    struct object *object = object_of_device(vnode->data);
    size_t done = 0;
    if (!object)
        return -ENOMEM;
    bytes = clip(object, bytes, position);
    while (done < bytes) {
        unsigned from = (unsigned)position & PAGE_MASK;
        size_t n = MIN(bytes - done, (size_t)(PAGE_SIZE - from));
        struct frame *frame;
        int error =
            wait_killed() ? -EINTR : page_get(object, (pgoff_t)(position >> PAGE_SHIFT), PAGE_READ, &frame);
        if (error)
            return done ? (long)done : error;
        uint8_t *data = (uint8_t *)frame_data(frame) + from;
        size_t left = write ? user_copy_in(data, buffer + done, n) : user_copy_out(buffer + done, data, n);
        if (write)
            page_put_modified(frame, from, from + (unsigned)(n - left));
        else
            page_put(frame);
        done += n - left;
        position += n - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}

static long block_read(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position,
                       bool nonblock UNUSED) {
    return block_transfer_user(vnode, buffer, bytes, position, false);
}

static long block_write(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position,
                        bool nonblock UNUSED) {
    long done = block_transfer_user(vnode, buffer, bytes, position, true);
    return done == 0 && bytes ? -ENOSPC : done;
}

static int block_ioctl(struct vnode *vnode, unsigned request, vaddr_t argument) {
    const struct block_device *device = vnode->data;
    uint64_t size = (uint64_t)device->sectors * SECTOR_SIZE;
    int sector_size = SECTOR_SIZE;
    if (request == BLKGETSIZE64)
        return user_write(argument, &size, sizeof size);
    if (request == BLKSSZGET)
        return user_write(argument, &sector_size, sizeof sector_size);
    return -ENOTTY;
}

static int block_sync(struct vnode *vnode) {
    struct object *object = object_of_device(vnode->data);
    if (!object)
        return -ENOMEM;
    int error = object_flush(object, 0, (pgoff_t)(PAGE_UP(object->size) >> PAGE_SHIFT));
    int second = block_flush(vnode->data);
    return error ? error : second;
}

static const struct vnode_operations block_operations = {
    .sync = block_sync,
    .read = block_read,
    .write = block_write,
    .ioctl = block_ioctl,
};

/* Linux's numbers of IDE disks: hda, hdb are major 3, hdc, hdd 22; 64 minors a disk. */
static uint64_t block_number(const struct block_device *device) {
    unsigned disk = (unsigned)(device->name[2] - 'a'), partition = 0;
    for (const char *p = device->name + 3; *p; p++)
        partition = partition * 10 + (unsigned)(*p - '0');
    return device_number(disk < 2 ? 3 : 22, disk % 2 * 64 + partition);
}

static void add_block_device(struct block_device *device, void *data UNUSED) {
    struct node *node =
        node_add(device->name, S_IFBLK | 0660, block_number(device), &block_operations, device);
    if (node) {
        node->vnode.seekable = true;
        node->vnode.object.size = (uint64_t)device->sectors * SECTOR_SIZE; /* for lseek(SEEK_END); no pages */
    }
}

int devfs_mount(struct mount **mount) {
    object_init(&root.object, &devfs_pager, 0);
    root.operations = &root_operations;
    root.mount = &devfs;
    root.mode = S_IFDIR | 0755;
    root.inode = ROOT_INODE;
    root.seekable = true;
    devfs.root = &root;
    devfs.device = mount_anonymous_device();
    list_init(&devfs.link);
    add_memory_devices();
    block_for_each(add_block_device, NULL);
    add_link("fd", "/proc/self/fd");
    add_link("stdin", "/proc/self/fd/0");
    add_link("stdout", "/proc/self/fd/1");
    add_link("stderr", "/proc/self/fd/2");
    node_add("shm", S_IFDIR | 01777, 0, &mount_point_operations, NULL); /* covered by a tmpfs */
    *mount = &devfs;
    return 0;
}
