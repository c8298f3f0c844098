/*
 * A damaged ext2 file system, mounted and used in every way: listed, read, written, truncated, removed, renamed,
 * synced, unmounted. Input: which image, a seed for the uses, and patches of 8 bytes each: where, how many bytes, and
 * which.
 *
 * links: fs/ext2_order.c fs/ext2_super.c fs/ext2_inode.c fs/ext2_map.c fs/ext2_alloc.c fs/ext2_dir.c fs/ext2_names.c
 * links: fs/ext2_rename.c fs/ext2_block.c
 * links: fs/ext2_pager.c fs/vnode.c fs/path.c fs/file.c fs/readwrite.c fs/mount.c fs/pipe.c
 * links: mm/write_error.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_fs.c tests/unit/fake/fake_panic.c
 */
#define _GNU_SOURCE
#include "fake_fs.h"
#include "fs/ext2.h"
#include "fs/file.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { IMAGES = 2, IMAGE_BYTES = 512 << 10, PATCH = 8, HEAD = 4 };
enum { ENTRIES_MAX = 24, DEPTH_MAX = 3, TRANSFER = 30000 };

static uint8_t images[IMAGES][IMAGE_BYTES];
static uint32_t metadata[IMAGES][IMAGE_BYTES / 2], metadata_count[IMAGES]; /* offsets */
static uint8_t scratch[TRANSFER];
static uint32_t random_state;

int device_find(uint32_t mode UNUSED, uint64_t rdevice UNUSED, struct vnode **device UNUSED) {
    return -ENXIO;
}

static uint32_t below(uint32_t limit) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)random_state * limit) >> 32);
}

/* --- images --- */

/* Where metadata is: bytes that are not zero, and not the files' data; and their neighbours. */
static void find_metadata(unsigned image) {
    for (uint32_t at = 1024; at + 4 < IMAGE_BYTES; at += 2) {
        uint8_t here = images[image][at] | images[image][at + 1];
        if (here != 0 && here != 'D')
            metadata[image][metadata_count[image]++] = at;
    }
}

/* By the tools that make real ones. The tree has directories, a large file with holes, small ones, and links. */
static void make_images(void) {
    static const char script[] =
        "set -e; PATH=$PATH:/usr/sbin:/sbin; d=$(mktemp -d); trap 'rm -rf $d' EXIT; mkdir -p $d/t/a/b/c\n"
        "head -c 90000 /dev/zero | tr '\\0' D >$d/t/a/large; truncate -s 5M $d/t/a/large\n"
        "for i in 1 2 3 4 5 6; do echo D >$d/t/a/b/file-$i; done; ln -s a/large $d/t/link\n"
        "ln -s 0123456789012345678901234567890123456789012345678901234567890123456789 $d/t/long\n"
        "mkfifo $d/t/fifo; truncate -s %u $d/i\n"
        "mke2fs -q -F -t ext2 -b %u -N 48 -d $d/t $d/i; cat $d/i";
    for (unsigned i = 0; i < IMAGES; i++) {
        char command[1000];
        snprintf(command, sizeof(command), script, IMAGE_BYTES, i == 0 ? 1024 : 4096);
        FILE *pipe = popen(command, "r");
        MUST(pipe != NULL && fread(images[i], 1, IMAGE_BYTES, pipe) == IMAGE_BYTES);
        MUST(pclose(pipe) == 0);
        find_metadata(i);
    }
}

/* Most patches go where metadata is. */
static void apply_patch(unsigned image, uint8_t *bytes, const uint8_t *patch) {
    uint32_t where;
    memcpy(&where, patch, sizeof(where));
    unsigned count = 1u << (where % 3), anywhere = where / 4 % 8 == 0; /* 1, 2 or 4 bytes */
    where = anywhere ? where / 32 % (IMAGE_BYTES - 4) : metadata[image][where / 32 % metadata_count[image]];
    memcpy(bytes + (where & ~(count - 1)), patch + 4, count);
}

/* --- uses --- */

static void transfer(const char *path, bool write, uint64_t position) {
    struct file *file;
    if (file_open(NULL, path, write ? O_WRONLY | O_CREAT : O_RDONLY, 0644, &file) != 0)
        return;
    if (write)
        file_write(file, (vaddr_t)scratch, 3000, &position);
    else
        file_read(file, (vaddr_t)scratch, TRANSFER, &position);
    file_unref(file);
}

static void truncate_file(const char *path, uint64_t size) {
    struct vnode *vnode;
    if (path_walk(NULL, path, 0, &vnode) != 0)
        return;
    vnode_truncate(vnode, size);
    vnode_unref(vnode);
}

static void change(const char *path) {
    struct vnode *made;
    switch (below(6)) {
    case 0:
        truncate_file(path, below(300000));
        break;
    case 1:
        if (vnode_unlink(NULL, path, false) != 0)
            vnode_unlink(NULL, path, true);
        break;
    case 2:
        vnode_rename(NULL, path, NULL, "/renamed");
        break;
    case 3:
        if (vnode_create(NULL, "/made", S_IFDIR | 0755, 0, &made) == 0)
            vnode_unref(made);
        vnode_rename(NULL, path, NULL, "/made/inside");
        break;
    case 4:
        vnode_symlink(path, NULL, "/new-link");
        break;
    }
}

struct visit {
    unsigned entries;
    char names[ENTRIES_MAX][40];
};

static bool collect(void *data, const char *name, size_t length, uint64_t inode UNUSED, unsigned type UNUSED,
                    uint64_t next UNUSED) {
    struct visit *visit = data;
    if (length < sizeof(visit->names[0]) && visit->entries < ENTRIES_MAX && name[0] != '.') {
        memcpy(visit->names[visit->entries], name, length);
        visit->names[visit->entries++][length] = '\0';
    }
    return true;
}

static void use_tree(const char *path, unsigned depth) {
    struct vnode *vnode;
    struct visit visit = {0};
    if (depth > DEPTH_MAX || path_walk(NULL, path, WALK_DIRECTORY, &vnode) != 0)
        return;
    if (vnode->operations->list != NULL)
        vnode->operations->list(vnode, 0, collect, &visit);
    vnode_unref(vnode);
    for (unsigned i = 0; i < visit.entries; i++) {
        char child[300];
        struct vnode_attributes attributes;
        snprintf(child, sizeof(child), "%s/%s", path, visit.names[i]);
        use_tree(child, depth + 1);
        if (path_walk(NULL, child, WALK_NOFOLLOW, &vnode) == 0) {
            vnode_get_attributes(vnode, &attributes);
            vnode_unref(vnode);
        }
        transfer(child, false, below(100000));
        transfer(child, true, below(300000));
        change(child);
    }
}

/* A file may have become a FIFO, and its opener waits for another. */
static int nobody_comes(void) {
    return -EINTR;
}

static void use_image(const char *path, unsigned pressure) {
    struct mount *mount;
    fake_sleep = nobody_comes;
    fake_pressure = pressure;
    if (ext2_mount(fake_disk_open(path), false, &mount) == 0) {
        mount_root(mount);
        use_tree("/", 0);
        transfer("/made-file", true, 0);
        mounts_sync();
        mounts_unmount_all();
        MUST(fake_objects() == 1); /* the device's */
    }
    MUST(fake_pins() == 0 && fake_locks() == 0);
    fake_disk_close();
}

const unsigned long fuzz_runs = 800;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static int memory = -1;
    char path[40];
    if (memory < 0) {
        make_images();
        memory = memfd_create("image", 0);
    }
    if (bytes < HEAD)
        return 0;
    random_state = data[1] + 256u * data[2];
    fake_seed(random_state);
    MUST(pwrite(memory, images[data[0] % IMAGES], IMAGE_BYTES, 0) == IMAGE_BYTES);
    uint8_t *image = mmap(NULL, IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    MUST(image != MAP_FAILED);
    for (size_t at = HEAD; at + PATCH <= bytes && at < HEAD + 64 * PATCH; at += PATCH)
        apply_patch(data[0] % IMAGES, image, data + at);
    munmap(image, IMAGE_BYTES);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    use_image(path, data[3] % 2 ? 20 : 0);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    uint32_t state = number + 1;
    if (number >= 16 || room < HEAD + 16 * PATCH)
        return 0;
    for (unsigned i = 0; i < HEAD + number * PATCH; i++) { /* patches of small numbers, and of large ones */
        state = state * 1664525u + 1013904223u;
        data[i] = i >= HEAD && i % PATCH >= HEAD + 1 && number % 3 == 0 ? 0 : (uint8_t)(state >> 24);
    }
    data[0] = (uint8_t)number;
    return HEAD + number * PATCH;
}
