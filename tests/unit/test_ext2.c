/*
 * ext2 against a model. Long random runs of what programs do to files are done twice, to an image made by
 * mke2fs and to a model in memory; both must agree, after a remount, too, and e2fsck must find nothing.
 * Then damaged images, which may be refused but may neither crash nor hang.
 *
 * links: fs/ext2_order.c fs/ext2_super.c fs/ext2_inode.c fs/ext2_map.c fs/ext2_alloc.c fs/ext2_dir.c fs/ext2_names.c
 * links: fs/ext2_rename.c fs/ext2_block.c
 * links: fs/ext2_pager.c fs/vnode.c fs/path.c fs/file.c fs/readwrite.c fs/mount.c fs/pipe.c
 * links: mm/write_error.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_fs.c tests/unit/fake/fake_panic.c
 */
#include "fake_fs.h"
#include "fs/ext2.h"
#include "fs/file.h"
#include "fs/mode.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- images --- */

static char directory[64];
static char image[80];

int device_find(uint32_t mode UNUSED, uint64_t rdevice UNUSED, struct vnode **device UNUSED) {
    return -ENXIO; /* fs/devfs.c is not part of this test */
}

static int run(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command);
}

/* One directory a test case, made and removed by the parent of the tests' processes, which may die. */
static void make_place(void) {
    const char *parent =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* mke2fs waits for real disks */
    snprintf(directory, sizeof directory, "%s/faultline-ext2-XXXXXX", parent);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(image, sizeof image, "%s/image", directory);
}

static void remove_place(void) {
    run("rm -rf %s", directory);
}

static void setup(void) {
    run("rm -rf %s/*", directory);
    fake_pressure = 0;
    fake_frames = 1000;
    fake_bad_sector = FAKE_NO_SECTOR;
    fake_write_failures = 0;
    fake_user_end = 0;
    fake_user_resident = fake_clock_stands = false;
}

static void make_image(unsigned kib, const char *options) {
    int status = run("truncate -s %uK %s && mke2fs -q -F -t ext2 %s %s >%s/errors 2>&1", kib, image, options,
                     image, directory);
    if (status)
        run("cat %s/errors >&2", directory);
    ck_assert_int_eq(status, 0);
}

static int try_mount(void) {
    struct mount *mount;
    int error = ext2_mount(fake_disk_open(image), false, &mount);
    if (!error)
        mount_root(mount);
    return error;
}

static void mount(void) {
    ck_assert_int_eq(try_mount(), 0);
}

static void unmount(void) {
    mounts_unmount_all();
    ck_assert_uint_eq(fake_objects(), 1); /* the device's: every in-core inode has gone */
    fake_disk_close();
}

/* Nothing but "clean" will do: any complaint makes e2fsck's status non-zero. */
static void check_clean(void) {
    if (run("e2fsck -fn %s >%s/fsck 2>&1", image, directory) != 0) {
        run("cat %s/fsck", directory);
        ck_abort_msg("e2fsck found errors");
    }
}

static void remount_checked(void) {
    unmount();
    check_clean();
    mount();
}

/* --- calls as a program makes them --- */

static int open_file(const char *path, unsigned flags, struct file **file) {
    return file_open(NULL, path, flags, 0644, file);
}

static long write_at(const char *path, uint64_t position, const void *data, size_t bytes) {
    struct file *file;
    int error = open_file(path, O_WRONLY | O_CREAT, &file);
    if (error)
        return error;
    long result = file_write(file, (vaddr_t)data, bytes, &position);
    file_unref(file);
    return result;
}

static long read_at(const char *path, uint64_t position, void *data, size_t bytes) {
    struct file *file;
    int error = open_file(path, O_RDONLY, &file);
    if (error)
        return error;
    long result = file_read(file, (vaddr_t)data, bytes, &position);
    file_unref(file);
    return result;
}

static int truncate_to(const char *path, uint64_t size) {
    struct vnode *vnode;
    int error = path_walk(NULL, path, 0, &vnode);
    if (error)
        return error;
    error = vnode_truncate(vnode, size);
    vnode_unref(vnode);
    return error;
}

static int make_directory(const char *path) {
    struct vnode *made;
    int error = vnode_create(NULL, path, S_IFDIR | 0755, 0, &made);
    if (!error)
        vnode_unref(made);
    return error;
}

static struct vnode_attributes attributes_of(const char *path) {
    struct vnode *vnode;
    struct vnode_attributes attributes = {0};
    if (path_walk(NULL, path, WALK_NOFOLLOW, &vnode) == 0) {
        vnode_get_attributes(vnode, &attributes);
        vnode_unref(vnode);
    }
    return attributes;
}

static uint64_t free_blocks(void) {
    uint32_t block_size;
    uint64_t blocks, free, files, files_free;
    struct mount *of = vnode_root()->mount;
    of->statfs(of, &block_size, &blocks, &free, &files, &files_free);
    return free;
}

static bool all_bytes(const uint8_t *bytes, size_t count, uint8_t value) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

/* --- the model --- */

enum { FILES = 200, NAMES = 200, SIZE_MAX_MODEL = 5u << 20, ROOT = 0, NAME_BYTES = 100 };

struct model_file {
    bool used, is_directory;
    unsigned links;
    struct file *open; /* kept open, perhaps without a name */
    uint8_t *data;
    size_t size;
};

struct model_name {
    bool used;
    int parent, file;
    char text[NAME_BYTES];
};

static struct model_file files[FILES];
static struct model_name names[NAMES];
static uint32_t random_state;

static uint32_t below(uint32_t limit) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)random_state * limit) >> 32);
}

static void model_init(uint32_t seed) {
    memset(files, 0, sizeof files);
    memset(names, 0, sizeof names);
    files[ROOT].used = files[ROOT].is_directory = true;
    random_state = seed * 77777 + 5;
    fake_seed(seed);
}

static void model_free(void) {
    for (int i = 0; i < FILES; i++) {
        free(files[i].data);
        files[i].data = NULL;
    }
}

static int find_unused_file(void) {
    for (int i = 0; i < FILES; i++) {
        if (!files[i].used)
            return i;
    }
    return -1;
}

static int find_unused_name(void) {
    for (int i = 0; i < NAMES; i++) {
        if (!names[i].used)
            return i;
    }
    return -1;
}

static int find_name(int parent, const char *text) {
    for (int i = 0; i < NAMES; i++) {
        if (names[i].used && names[i].parent == parent && strcmp(names[i].text, text) == 0)
            return i;
    }
    return -1;
}

/* A name that is in use, of a directory where @is_directory; or -1. */
static int pick_name(bool is_directory) {
    int start = (int)below(NAMES);
    for (int i = 0; i < NAMES; i++) {
        int at = (start + i) % NAMES;
        if (names[at].used && files[names[at].file].is_directory == is_directory)
            return at;
    }
    return -1;
}

static int pick_directory(void) {
    int name = below(3) ? pick_name(true) : -1;
    return name < 0 ? ROOT : names[name].file;
}

static int name_of_directory(int file) {
    for (int i = 0; i < NAMES; i++) {
        if (names[i].used && names[i].file == file)
            return i;
    }
    return -1;
}

static bool is_below(int file, int ancestor) {
    while (file != ROOT && file != ancestor)
        file = names[name_of_directory(file)].parent;
    return file == ancestor;
}

static int children(int file) {
    int count = 0;
    for (int i = 0; i < NAMES; i++)
        count += names[i].used && names[i].parent == file;
    return count;
}

static char *path_to(int parent, const char *text, char *buffer) {
    char tail[4096];
    strcpy(buffer, "");
    snprintf(tail, sizeof tail, "/%s", text);
    while (parent != ROOT) {
        int name = name_of_directory(parent);
        char longer[8192];
        snprintf(longer, sizeof longer, "/%s%s", names[name].text, tail);
        ck_assert_uint_lt(strlen(longer), sizeof tail);
        strcpy(tail, longer);
        parent = names[name].parent;
    }
    return strcpy(buffer, tail);
}

static char *path_of_name(int name, char *buffer) {
    return path_to(names[name].parent, names[name].text, buffer);
}

/* Short names and long ones, from a small stock, so that they meet. */
static void random_text(char *text) {
    unsigned number = below(60);
    unsigned length = number % 5 == 0 ? 80 : 0;
    sprintf(text, "n%u-%.*s", number, (int)length,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void model_drop(int file) {
    if (files[file].links == 0 && !files[file].open) {
        free(files[file].data);
        files[file] = (struct model_file){0};
    }
}

static void model_resize(struct model_file *file, size_t size) {
    if (!file->data)
        file->data = calloc(1, SIZE_MAX_MODEL);
    if (size < file->size)
        memset(file->data + size, 0, file->size - size);
    file->size = size;
}

/* --- one step of a random run --- */

static uint8_t scratch[SIZE_MAX_MODEL];

static void do_create(void) {
    char path[4096], text[NAME_BYTES];
    struct vnode *made;
    int parent = pick_directory(), file = find_unused_file(), name = find_unused_name();
    bool is_directory = below(4) == 0;
    if (file < 0 || name < 0)
        return;
    random_text(text);
    path_to(parent, text, path);
    if (strlen(path) > 1000)
        return;
    int error = vnode_create(NULL, path, (is_directory ? S_IFDIR : S_IFREG) | 0755, 0, &made);
    if (find_name(parent, text) >= 0) {
        ck_assert_int_eq(error, -EEXIST);
        return;
    }
    if (error == -ENOSPC)
        return;
    ck_assert_int_eq(error, 0);
    vnode_unref(made);
    files[file] = (struct model_file){.used = true, .is_directory = is_directory, .links = 1};
    names[name] = (struct model_name){.used = true, .parent = parent, .file = file};
    strcpy(names[name].text, text);
}

/* Applies what a write of @bytes at @position returned. */
static void wrote(struct model_file *file, size_t position, const uint8_t *data, long result) {
    if (result == -ENOSPC)
        return;
    ck_assert_int_gt(result, 0);
    size_t end = position + (size_t)result;
    if (!file->data || end > file->size)
        model_resize(file, end > file->size ? end : file->size);
    memcpy(file->data + position, data, (size_t)result);
}

static size_t random_position(const struct model_file *file) {
    if (below(3) == 0)
        return file->size;
    if (below(40) == 0)
        return below(SIZE_MAX_MODEL - 100000);
    return below(2) ? below((uint32_t)file->size + 1) : below(300000);
}

static void do_write(void) {
    char path[4096];
    int name = pick_name(false);
    if (name < 0)
        return;
    struct model_file *file = &files[names[name].file];
    size_t position = random_position(file), bytes = 1 + below(below(2) ? 5000 : 60000);
    if (position + bytes > SIZE_MAX_MODEL)
        return;
    for (size_t i = 0; i < bytes; i++)
        scratch[i] = (uint8_t)below(256);
    if (below(10) == 0) /* the last part of the buffer is bad memory */
        fake_user_end = (vaddr_t)scratch + below((uint32_t)bytes);
    long result = write_at(path_of_name(name, path), position, scratch, bytes);
    if (fake_user_end && result == -EFAULT) {
        fake_user_end = 0;
        return;
    }
    if (fake_user_end)
        ck_assert_int_le(result, (long)(fake_user_end - (vaddr_t)scratch));
    fake_user_end = 0;
    wrote(file, position, scratch, result);
}

static void check_contents(const struct model_file *file, const char *path) {
    ck_assert_uint_eq(attributes_of(path).size, file->size);
    ck_assert_uint_eq(attributes_of(path).links, file->links);
    ck_assert_int_eq(read_at(path, 0, scratch, sizeof scratch), (long)file->size);
    if (file->size)
        ck_assert_msg(memcmp(scratch, file->data, file->size) == 0, "%s has other contents", path);
}

static void do_read(void) {
    char path[4096];
    int name = pick_name(false);
    if (name < 0)
        return;
    struct model_file *file = &files[names[name].file];
    size_t position = below((uint32_t)file->size + 1), bytes = below(20000);
    size_t there = MIN(bytes, file->size - position);
    ck_assert_int_eq(read_at(path_of_name(name, path), position, scratch, bytes), (long)there);
    if (there)
        ck_assert_msg(memcmp(scratch, file->data + position, there) == 0, "%s: other bytes", path);
}

static void do_truncate(void) {
    char path[4096];
    int name = pick_name(false);
    if (name < 0)
        return;
    struct model_file *file = &files[names[name].file];
    size_t size = below(3) ? below((uint32_t)file->size + 1) : below(600000);
    ck_assert_int_eq(truncate_to(path_of_name(name, path), size), 0);
    model_resize(file, size);
}

static void do_unlink(void) {
    char path[4096];
    bool is_directory = below(4) == 0;
    int name = pick_name(is_directory);
    if (name < 0)
        return;
    int file = names[name].file;
    path_of_name(name, path);
    ck_assert_int_eq(vnode_unlink(NULL, path, !is_directory), is_directory ? -EISDIR : -ENOTDIR);
    int error = vnode_unlink(NULL, path, is_directory);
    if (is_directory && children(file)) {
        ck_assert_int_eq(error, -ENOTEMPTY);
        return;
    }
    ck_assert_int_eq(error, 0);
    names[name].used = false;
    files[file].links--;
    model_drop(file);
}

static void do_link(void) {
    char path[4096], text[NAME_BYTES];
    struct vnode *target;
    int name = pick_name(false), other = find_unused_name(), parent = pick_directory();
    if (name < 0 || other < 0)
        return;
    random_text(text);
    ck_assert_int_eq(path_walk(NULL, path_of_name(name, path), 0, &target), 0);
    int error = vnode_link(target, NULL, path_to(parent, text, path));
    vnode_unref(target);
    if (find_name(parent, text) >= 0) {
        ck_assert_int_eq(error, -EEXIST);
    } else if (error != -ENOSPC) {
        ck_assert_int_eq(error, 0);
        names[other] = (struct model_name){.used = true, .parent = parent, .file = names[name].file};
        strcpy(names[other].text, text);
        files[names[name].file].links++;
    }
}

static int expected_rename(int from, int parent, int over) {
    const struct model_file *moved = &files[names[from].file];
    if (moved->is_directory && is_below(parent, names[from].file))
        return -EINVAL;
    if (over < 0 || names[over].file == names[from].file)
        return 0;
    const struct model_file *replaced = &files[names[over].file];
    if (replaced->is_directory != moved->is_directory)
        return replaced->is_directory ? -EISDIR : -ENOTDIR;
    return replaced->is_directory && children(names[over].file) ? -ENOTEMPTY : 0;
}

static void do_rename(void) {
    char from_path[4096], to_path[4096], text[NAME_BYTES];
    int from = pick_name(below(3) == 0), parent = pick_directory();
    if (from < 0)
        return;
    random_text(text);
    int over = find_name(parent, text), expected = expected_rename(from, parent, over);
    path_of_name(from, from_path);
    path_to(parent, text, to_path);
    int error = vnode_rename(NULL, from_path, NULL, to_path);
    if (error == -ENOSPC && over < 0)
        return;
    ck_assert_msg(error == expected, "rename %s %s: %d, not %d", from_path, to_path, error, expected);
    if (error || (over >= 0 && names[over].file == names[from].file))
        return;
    if (over >= 0) {
        int replaced = names[over].file;
        names[over].used = false;
        files[replaced].links--;
        model_drop(replaced);
    }
    names[from].parent = parent;
    strcpy(names[from].text, text);
}

/* Opens a file and keeps it open, so that unlinking it leaves it alive; or uses and closes such a one. */
static void do_open(void) {
    char path[4096];
    for (int i = 0; i < FILES; i++) {
        struct model_file *file = &files[i];
        if (!file->open || below(2))
            continue;
        uint64_t position = file->size;
        memset(scratch, i, 3000);
        wrote(file, file->size, scratch, file_write(file->open, (vaddr_t)scratch, 3000, &position));
        position = 0;
        ck_assert_int_eq(file_read(file->open, (vaddr_t)scratch, sizeof scratch, &position),
                         (long)file->size);
        if (file->size)
            ck_assert_int_eq(memcmp(scratch, file->data, file->size), 0);
        if (below(2)) {
            file_unref(file->open);
            file->open = NULL;
            model_drop(i);
        }
    }
    int name = pick_name(false);
    if (name >= 0 && !files[names[name].file].open && files[names[name].file].size < SIZE_MAX_MODEL - 100000)
        ck_assert_int_eq(open_file(path_of_name(name, path), O_RDWR, &files[names[name].file].open), 0);
}

static void close_all(void) {
    for (int i = 0; i < FILES; i++) {
        if (files[i].open)
            file_unref(files[i].open);
        files[i].open = NULL;
        if (files[i].used && i != ROOT)
            model_drop(i);
    }
}

static bool count_entry(void *data, const char *name, size_t length, uint64_t inode UNUSED,
                        unsigned type UNUSED, uint64_t next UNUSED) {
    (void)name, (void)length;
    ++*(int *)data;
    return true;
}

static void check_tree(void) {
    char path[4096];
    for (int i = 0; i < NAMES; i++) {
        if (!names[i].used)
            continue;
        struct vnode *vnode;
        path_of_name(i, path);
        ck_assert_msg(path_walk(NULL, path, 0, &vnode) == 0, "%s is missing", path);
        if (files[names[i].file].is_directory) {
            int entries = 0;
            ck_assert_int_eq(vnode->operations->list(vnode, 0, count_entry, &entries), 0);
            ck_assert_int_eq(entries, children(names[i].file) + 2);
            char back[4096];
            ck_assert_int_eq(path_of(vnode, back, sizeof back), (int)strlen(path));
            ck_assert_str_eq(back, path);
        } else {
            check_contents(&files[names[i].file], path);
        }
        vnode_unref(vnode);
    }
}

static void random_steps(unsigned steps) {
    static void (*const ops[])(void) = {do_create, do_create, do_write,  do_write,  do_write, do_read,
                                        do_read,   do_link,   do_rename, do_unlink, do_open,  do_truncate};
    for (unsigned i = 0; i < steps; i++) {
        ops[below(ARRAY_SIZE(ops))]();
        ck_assert_uint_eq(fake_pins(), 0);
        ck_assert_uint_eq(fake_locks(), 0);
    }
}

/* --- random runs --- */

/* For the shell: how this mke2fs is told to make the oldest format. 1.47.1 has another way than those before it. */
#define REVISION_0                                                                                           \
    "$(mke2fs -V 2>&1 | grep -q ' 1\\.4\\([0-6]\\|7\\.0\\)' && echo -r 0 || echo -E revision=0)"

/* Block sizes, inode sizes, revisions, features; several groups each. */
static const char *const formats[] = {
    "-b 1024 -g 2048 -N 512",
    "-b 2048 -g 2048 -N 512",
    "-b 4096 -g 2048 -N 512",
    "-b 1024 -g 4096 -N 512 -I 256 -O dir_index,resize_inode",
    "-b 4096 -I 128 -N 512 -O ^sparse_super,^resize_inode",
    ("-b 1024 -N 512 " REVISION_0),
    "-b 1024 -N 512 -O ^filetype,^dir_index,^large_file",
};

START_TEST(test_random) {
    static const unsigned pressures[] = {0, 10, 40};
    make_image(16384, formats[_i % (int)ARRAY_SIZE(formats)]);
    model_init((uint32_t)_i);
    mount();
    fake_pressure = pressures[_i % 3];
    fake_frames = _i % 3 == 2 ? 40 : 1000;
    for (int round = 0; round < 4; round++) {
        random_steps(400);
        check_tree();
        close_all();
        remount_checked();
        check_tree();
    }
    unmount();
    check_clean();
    model_free();
}
END_TEST

/* debugfs sees the same bytes. */
START_TEST(test_debugfs_agrees) {
    make_image(8192, "-b 1024");
    mount();
    for (unsigned i = 0; i < sizeof scratch; i++)
        scratch[i] = (uint8_t)(i * i >> 8);
    ck_assert_int_eq(write_at("/file", 0, scratch, 700000), 700000);
    ck_assert_int_eq(write_at("/file", 3000000, scratch, 1000), 1000); /* a hole before it */
    unmount();
    check_clean();
    ck_assert_int_eq(run("debugfs -R 'dump /file %s/out' %s 2>/dev/null", directory, image), 0);
    snprintf(image, sizeof image, "%s/out", directory);
    FILE *out = fopen(image, "r");
    ck_assert_ptr_nonnull(out);
    uint8_t *back = calloc(1, 3001000 + 1);
    ck_assert_uint_eq(fread(back, 1, 3001001, out), 3001000);
    fclose(out);
    ck_assert_int_eq(memcmp(back, scratch, 700000), 0);
    ck_assert(all_bytes(back + 700000, 3000000 - 700000, 0));
    ck_assert_int_eq(memcmp(back + 3000000, scratch, 1000), 0);
    free(back);
}
END_TEST

/* Files that mke2fs put there. */
START_TEST(test_foreign_files) {
    ck_assert_int_eq(run("mkdir -p %s/tree/a/b && seq 1 200000 >%s/tree/a/numbers && ln -s a/numbers "
                         "%s/tree/short && ln -s \"$(printf '/%%0100d' 0)\" %s/tree/long",
                         directory, directory, directory, directory),
                     0);
    char options[128];
    snprintf(options, sizeof options, "-b 1024 -d %s/tree", directory);
    make_image(8192, options);
    mount();
    ck_assert_int_eq(read_at("/short", 0, scratch, sizeof scratch), 1288895);
    ck_assert_int_eq(memcmp(scratch, "1\n2\n3\n", 6), 0);
    ck_assert_int_eq(memcmp(scratch + 1288895 - 7, "200000\n", 7), 0);
    ck_assert_int_eq(read_at("/long", 0, scratch, 10), -ENOENT);
    ck_assert_uint_eq(attributes_of("/long").size, 101);
    ck_assert_int_eq(vnode_unlink(NULL, "/long", false), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/short", false), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/a/b", true), 0);
    unmount();
    check_clean();
}
END_TEST

/* --- single points --- */

/* The far end of the map: triple indirect blocks, almost all of it holes. */
START_TEST(test_triple_indirect) {
    static const uint64_t places[] = {
        0, 12288, 274432, 67383296, 1ull << 30, (1ull << 31) + 5, 17000000000ull};
    make_image(4096, _i ? "-b 1024" : "-b 1024 -O ^large_file"); /* which has to be set then */
    mount();
    uint64_t before = free_blocks();
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        ck_assert_int_eq(write_at("/far", places[i], "hello", 5), 5);
    ck_assert_int_eq(write_at("/far", 18000000000ull, "x", 1), -EFBIG);
    /* Pages have 32-bit numbers: these are not page 0 and the last one. */
    ck_assert_int_eq(write_at("/far", 1ull << 44, "x", 1), -EFBIG);
    ck_assert_int_eq(write_at("/far", (1ull << 44) - 1, "x", 1), -EFBIG);
    ck_assert_int_eq(write_at("/far", INT64_MAX - 1, "x", 1), -EFBIG);
    remount_checked();
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        ck_assert_int_eq(read_at("/far", places[i], scratch, 5), 5);
        ck_assert_int_eq(memcmp(scratch, "hello", 5), 0);
    }
    ck_assert_int_eq(read_at("/far", 500000, scratch, 5000), 5000);
    ck_assert(all_bytes(scratch, 5000, 0));
    uint64_t with_file = free_blocks();
    ck_assert_int_eq(truncate_to("/far", 67383296 + 3), 0); /* leaves two of the three trees */
    ck_assert_uint_gt(free_blocks(), with_file);
    remount_checked();
    ck_assert_int_eq(read_at("/far", 67383296, scratch, 10), 3);
    ck_assert_int_eq(vnode_unlink(NULL, "/far", false), 0);
    ck_assert_uint_eq(free_blocks(), before);
    unmount();
    check_clean();
}
END_TEST

START_TEST(test_full_disk) {
    char path[32];
    make_image(2048, _i ? "-b 4096 -N 64" : "-b 1024 -N 64");
    mount();
    fake_pressure = 20;
    uint64_t before = free_blocks();
    memset(scratch, 7, sizeof scratch);
    ck_assert_int_eq(write_at("/big", 0, scratch, sizeof scratch) > 1000000, 1);
    ck_assert_int_eq(write_at("/more", 0, scratch, 10000) < 10000, 1);
    ck_assert_int_eq(write_at("/more", 0, scratch, 10000) < 10000, 1);
    ck_assert_uint_lt(free_blocks(), 3);
    remount_checked();
    ck_assert_int_eq(vnode_unlink(NULL, "/big", false), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/more", false), 0);
    ck_assert_uint_eq(free_blocks(), before);
    int error = 0;
    for (unsigned i = 0; !error; i++) { /* now run out of inodes */
        struct vnode *made;
        sprintf(path, "/f%u", i);
        error = vnode_create(NULL, path, S_IFREG | 0644, 0, &made);
        if (!error)
            vnode_unref(made);
    }
    ck_assert_int_eq(error, -ENOSPC);
    unmount();
    check_clean();
}
END_TEST

/* An inode is left and no block: a directory that cannot be begun is no reason to try again and again. */
START_TEST(test_full_disk_directory) {
    make_image(2048, _i ? "-b 4096 -N 64" : "-b 1024 -N 64");
    mount();
    memset(scratch, 7, sizeof scratch);
    for (unsigned at = 0; write_at("/big", at, scratch, 1024) == 1024; at += 1024)
        ;
    ck_assert_int_eq(make_directory("/directory"), -ENOSPC);
    ck_assert_int_eq(truncate_to("/big", 900000), 0);
    ck_assert_int_eq(make_directory("/directory"), 0); /* after the sync that frees the blocks */
    unmount();
    check_clean();
}
END_TEST

/* A freed block of metadata becomes data: a late write of its old page must not destroy that. */
START_TEST(test_metadata_becomes_data) {
    char path[64];
    make_image(2048, "-b 1024 -N 256");
    mount();
    fake_pressure = 30;
    memset(scratch, 3, sizeof scratch);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++) {
            sprintf(path, "/d%d", i);
            ck_assert_int_eq(make_directory(path), 0);
        }
        for (int i = 0; i < 40; i++) {
            sprintf(path, "/d%d", i);
            ck_assert_int_eq(vnode_unlink(NULL, path, true), 0);
        }
        ck_assert_int_eq(write_at("/data", 0, scratch, 600000), 600000);
        remount_checked();
        memset(scratch, 0, 600000);
        ck_assert_int_eq(read_at("/data", 0, scratch, 600000), 600000);
        ck_assert(all_bytes(scratch, 600000, 3));
        ck_assert_int_eq(vnode_unlink(NULL, "/data", false), 0);
    }
    unmount();
    check_clean();
}
END_TEST

/* Growing a file again never brings back what was cut off. */
START_TEST(test_no_old_bytes) {
    make_image(2048, _i ? "-b 4096" : "-b 1024");
    mount();
    memset(scratch, 9, 20000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 20000), 20000);
    remount_checked();
    ck_assert_int_eq(truncate_to("/f", 5000), 0);
    remount_checked();
    ck_assert_int_eq(truncate_to("/f", 20000), 0);
    ck_assert_int_eq(read_at("/f", 0, scratch, 20000), 20000);
    ck_assert(all_bytes(scratch, 5000, 9) && all_bytes(scratch + 5000, 15000, 0));
    unmount();
    check_clean();
}
END_TEST

/* fsync, and how many sectors that writes. */
static unsigned sectors_of_sync(struct file *file) {
    unsigned before = fake_sectors_written;
    ck_assert_int_eq(file_sync(file), 0);
    return fake_sectors_written - before;
}

/* Within one second only the first write over a page in memory has anything to note; what it notes is durable. */
START_TEST(test_write_in_place) {
    struct file *file;
    uint64_t second_page = PAGE_SIZE;
    make_image(2048, _i ? "-b 4096" : "-b 1024");
    mount();
    fake_user_resident = fake_clock_stands = true;
    memset(scratch, 1, 20000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 20000), 20000);
    ck_assert_int_eq(open_file("/f", O_RDWR, &file), 0);
    sectors_of_sync(file);
    unsigned superblock = sectors_of_sync(file);
    memset(scratch, 2, PAGE_SIZE);
    ck_assert_int_eq(file_write(file, (vaddr_t)scratch, PAGE_SIZE, &second_page), PAGE_SIZE);
    ck_assert_uint_eq(sectors_of_sync(file), superblock + PAGE_SIZE / SECTOR_SIZE);
    uint32_t old = attributes_of("/f").mtime;
    fake_seconds += 10;
    ck_assert_int_eq(file_write(file, (vaddr_t)scratch, 1, &second_page), 1);
    ck_assert_uint_eq(attributes_of("/f").mtime, old + 10);
    ck_assert_uint_eq(attributes_of("/f").ctime, old + 10);
    ck_assert_uint_gt(sectors_of_sync(file), superblock + PAGE_SIZE / SECTOR_SIZE);
    file_unref(file);
    remount_checked();
    ck_assert_uint_eq(attributes_of("/f").mtime, old + 10);
    ck_assert_int_eq(read_at("/f", 0, scratch, 20000), 20000);
    ck_assert(all_bytes(scratch, PAGE_SIZE, 1) && all_bytes(scratch + PAGE_SIZE, PAGE_SIZE, 2));
    ck_assert(all_bytes(scratch + 2 * PAGE_SIZE, 20000 - 2 * PAGE_SIZE, 1));
    unmount();
    check_clean();
}
END_TEST

/* A page in memory that is all hole, or has half of its blocks, is written in place by nobody. */
START_TEST(test_write_over_hole) {
    make_image(2048, _i ? "-b 4096" : "-b 1024");
    mount();
    fake_user_resident = fake_clock_stands = true;
    ck_assert_int_eq(write_at("/f", 0, "x", 1), 1);
    ck_assert_int_eq(truncate_to("/f", 20000), 0);
    ck_assert_int_eq(read_at("/f", 0, scratch, 20000), 20000);
    memset(scratch, 3, 20000);
    uint64_t before = free_blocks();
    ck_assert_int_eq(write_at("/f", 2048, scratch, PAGE_SIZE), PAGE_SIZE);
    ck_assert_uint_eq(free_blocks(), before - (_i ? 1 : 4));
    remount_checked();
    ck_assert_int_eq(read_at("/f", 0, scratch, 20000), 20000);
    ck_assert(all_bytes(scratch + 1, 2047, 0) && all_bytes(scratch + 2048, PAGE_SIZE, 3));
    ck_assert(all_bytes(scratch + 2048 + PAGE_SIZE, 20000 - 2048 - PAGE_SIZE, 0));
    unmount();
    check_clean();
}
END_TEST

/* Leaves every free block full of another file's bytes. */
static void dirty_free_blocks(void) {
    memset(scratch, 0xee, sizeof scratch);
    write_at("/filler", 0, scratch, sizeof scratch);
    mounts_sync();
    ck_assert_int_eq(vnode_unlink(NULL, "/filler", false), 0);
}

/* A page of the file for a store, as the fault would get it. */
static uint8_t *map_page(const char *path, pgoff_t index, struct vnode **vnode, struct frame **frame) {
    ck_assert_int_eq(path_walk(NULL, path, 0, vnode), 0);
    ck_assert_int_eq(page_get(&(*vnode)->object, index, PAGE_WRITE, frame), 0);
    return frame_data(*frame);
}

/* Blocks that were allocated and then not written to show zeros, not their earlier owner's bytes. */
START_TEST(test_fresh_blocks_are_zero) {
    struct vnode *vnode;
    struct frame *frame;
    make_image(2048, _i ? "-b 4096" : "-b 1024");
    mount();
    dirty_free_blocks();
    ck_assert_int_eq(write_at("/f", 100000, "end", 3), 3); /* a hole before it */
    fake_user_end = (vaddr_t)scratch;
    ck_assert_int_eq(write_at("/f", 9000, scratch, 100), -EFAULT);
    fake_user_end = 0;
    map_page("/f", 10, &vnode, &frame); /* a store that did not happen after all */
    page_put(frame);
    vnode_unref(vnode);
    remount_checked();
    ck_assert_int_eq(read_at("/f", 0, scratch, 100003), 100003);
    ck_assert(all_bytes(scratch, 100000, 0));
    unmount();
    check_clean();
}
END_TEST

/* What a program stores through a mapping behind the end of the file is not part of the file, ever. */
START_TEST(test_stores_behind_the_end) {
    struct vnode *vnode;
    struct frame *frame;
    make_image(2048, _i & 1 ? "-b 4096" : "-b 1024");
    mount();
    memset(scratch, 1, 5000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 5000), 5000);
    memset(map_page("/f", 1, &vnode, &frame), 2, PAGE_SIZE);
    page_put_modified(frame, 0, PAGE_SIZE);
    vnode_unref(vnode);
    if (_i & 2)
        remount_checked();
    if (_i & 4)
        ck_assert_int_eq(truncate_to("/f", 20000), 0);
    else
        ck_assert_int_eq(write_at("/f", 7000, scratch, 1), 1);
    ck_assert_int_eq(read_at("/f", 0, scratch, 7000), 7000);
    ck_assert(all_bytes(scratch, 4096, 1) && all_bytes(scratch + 4096, 904, 2));
    ck_assert(all_bytes(scratch + 5000, 2000, 0));
    unmount();
    check_clean();
}
END_TEST

/* Extended attributes that others have set go with their files, the shared block with the last. */
START_TEST(test_attribute_block) {
    make_image(2048, "-b 1024 -I 128");
    mount();
    uint64_t before = free_blocks();
    ck_assert_int_eq(write_at("/f", 0, "x", 1), 1);
    ck_assert_int_eq(vnode_symlink("f", NULL, "/link"), 0);
    unmount();
    ck_assert_int_eq(run("debugfs -w -R 'ea_set /f user.name value' %s 2>/dev/null", image), 0);
    ck_assert_int_eq(run("debugfs -w -R 'ea_set /link user.name other' %s 2>/dev/null", image), 0);
    check_clean();
    mount();
    ck_assert_uint_eq(free_blocks(), before - 3);
    ck_assert_int_eq(read_at("/link", 0, scratch, 9), 1);
    ck_assert_int_eq(vnode_unlink(NULL, "/f", false), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/link", false), 0);
    ck_assert_uint_eq(free_blocks(), before);
    unmount();
    check_clean();
}
END_TEST

/* Device files keep their number, small or large. */
START_TEST(test_device_files) {
    static const unsigned numbers[][2] = {{1, 3}, {300, 7}, {8, 70000}};
    char path[32];
    make_image(2048, "-b 1024");
    mount();
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct vnode *made;
        sprintf(path, "/dev%u", i);
        ck_assert_int_eq(
            vnode_create(NULL, path, S_IFCHR | 0600, device_number(numbers[i][0], numbers[i][1]), &made), 0);
        vnode_unref(made);
    }
    remount_checked();
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        sprintf(path, "/dev%u", i);
        ck_assert_uint_eq(attributes_of(path).rdevice, device_number(numbers[i][0], numbers[i][1]));
        ck_assert_uint_eq(attributes_of(path).mode, S_IFCHR | 0600);
        ck_assert_int_eq(vnode_unlink(NULL, path, false), 0);
    }
    unmount();
    check_clean();
}
END_TEST

/* Two that append through files of their own never overwrite each other; a seek behind the end makes a hole.
 */
START_TEST(test_positions) {
    struct file *one, *two;
    make_image(2048, "-b 1024");
    mount();
    ck_assert_int_eq(open_file("/log", O_WRONLY | O_CREAT | O_APPEND, &one), 0);
    ck_assert_int_eq(open_file("/log", O_RDWR | O_APPEND, &two), 0);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(file_write(one, (vaddr_t) "one\n", 4, NULL), 4);
        ck_assert_int_eq(file_write(two, (vaddr_t) "two\n", 4, NULL), 4);
    }
    ck_assert_int_eq(file_read(one, (vaddr_t)scratch, 4, NULL), -EBADF);
    ck_assert_int_eq(file_read(two, (vaddr_t)scratch, 4, NULL), 0);
    ck_assert_int_eq(file_seek(two, -8, 2), 7992);
    ck_assert_int_eq(file_read(two, (vaddr_t)scratch, 100, NULL), 8);
    ck_assert_int_eq(memcmp(scratch, "one\ntwo\n", 8), 0);
    ck_assert_int_eq(file_seek(two, -1, 0), -EINVAL);
    file_unref(one);
    file_unref(two);
    ck_assert_int_eq(open_file("/log", O_RDWR | O_CREAT | O_EXCL, &one), -EEXIST);
    ck_assert_int_eq(open_file("/", O_RDWR, &one), -EISDIR);
    ck_assert_int_eq(open_file("/log", O_RDONLY | O_DIRECTORY, &one), -ENOTDIR);
    ck_assert_int_eq(open_file("/log", O_RDWR | O_TRUNC, &one), 0);
    ck_assert_int_eq(file_seek(one, 10000, 0), 10000);
    ck_assert_int_eq(file_write(one, (vaddr_t) "x", 1, NULL), 1);
    file_unref(one);
    ck_assert_uint_eq(attributes_of("/log").size, 10001);
    ck_assert_uint_eq(attributes_of("/log").blocks, 2);
    unmount();
    check_clean();
}
END_TEST

START_TEST(test_symlinks) {
    char target[1200];
    make_image(2048, "-b 1024");
    mount();
    ck_assert_int_eq(make_directory("/d"), 0);
    ck_assert_int_eq(write_at("/d/file", 0, "abc", 3), 3);
    ck_assert_int_eq(vnode_symlink("file", NULL, "/d/fast"), 0);
    ck_assert_int_eq(
        vnode_symlink("/d/./././././././././././././././././././././././././././././././././file", NULL,
                      "/slow"),
        0);
    ck_assert_int_eq(vnode_symlink("loop", NULL, "/loop"), 0);
    ck_assert_int_eq(vnode_symlink("d/new", NULL, "/dangling"), 0);
    ck_assert_int_eq(vnode_symlink("d", NULL, "/dir"), 0);
    memset(target, 'x', sizeof target);
    target[1024] = 0;
    ck_assert_int_eq(vnode_symlink(target, NULL, "/too-long"), -ENAMETOOLONG);
    remount_checked();
    ck_assert_int_eq(read_at("/dir/fast", 0, scratch, 9), 3);
    ck_assert_int_eq(read_at("/slow", 0, scratch, 9), 3);
    ck_assert_int_eq(read_at("/slow/", 0, scratch, 9), -ENOTDIR);
    ck_assert_int_eq(read_at("/loop", 0, scratch, 9), -ELOOP);
    ck_assert_int_eq(read_at("/d/file/..", 0, scratch, 9), -ENOTDIR);
    ck_assert_int_eq(write_at("/dangling", 0, "12345", 5), 5); /* makes what it leads to */
    ck_assert_int_eq(read_at("/d/new", 0, scratch, 9), 5);
    static const char *const all[] = {"/d/fast", "/slow", "/loop", "/dangling", "/dir"};
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        ck_assert_int_eq(vnode_unlink(NULL, all[i], false), 0);
    unmount();
    check_clean();
}
END_TEST

/* A process sits in a directory that is removed, with the one above it. */
START_TEST(test_removed_directory) {
    struct vnode *inside, *found;
    char path[32];
    make_image(2048, "-b 1024");
    mount();
    ck_assert_int_eq(make_directory("/a"), 0);
    ck_assert_int_eq(make_directory("/a/b"), 0);
    ck_assert_int_eq(path_walk(NULL, "/a/b", 0, &inside), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/a/b", true), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/a", true), 0);
    ck_assert_int_eq(path_walk(inside, "..", 0, &found), -ENOENT);
    ck_assert_int_eq(path_walk(inside, "x", 0, &found), -ENOENT);
    ck_assert_int_eq(vnode_create(inside, "x", S_IFREG | 0644, 0, &found), -ENOENT);
    ck_assert_int_eq(path_of(inside, path, sizeof path), -ENOENT);
    vnode_unref(inside);
    ck_assert_int_eq(make_directory("/a"), 0); /* the file system is as healthy as before */
    unmount();
    check_clean();
}
END_TEST

/* A directory of several blocks with a hash tree, changed by us, must still please e2fsck. */
START_TEST(test_hashed_directory) {
    char options[128], path[96];
    ck_assert_int_eq(run("mkdir -p %s/tree/big && cd %s/tree/big && seq -f %%064.0f 1 300 | xargs touch",
                         directory, directory),
                     0);
    snprintf(options, sizeof options, "-b 1024 -O dir_index -d %s/tree", directory);
    make_image(8192, options);
    run("e2fsck -fyD %s >/dev/null 2>&1", image); /* builds the tree */
    mount();
    for (int i = 1; i <= 300; i += 2) {
        sprintf(path, "/big/%064d", i);
        ck_assert_int_eq(vnode_unlink(NULL, path, false), 0);
    }
    for (int i = 0; i < 200; i++) {
        sprintf(path, "/big/new%d", i);
        ck_assert_int_eq(write_at(path, 0, "x", 1), 1);
    }
    remount_checked();
    sprintf(path, "/big/%064d", 300);
    ck_assert_int_eq(read_at(path, 0, scratch, 1), 0);
    unmount();
    check_clean();
}
END_TEST

START_TEST(test_refused_features) {
    make_image(2048, "-b 1024");
    run("debugfs -w -R 'feature extents' %s >/dev/null 2>&1", image);
    ck_assert_int_eq(try_mount(), -EINVAL);
    fake_disk_close();
    make_image(2048, "-b 1024");
    run("debugfs -w -R 'feature huge_file' %s >/dev/null 2>&1", image); /* only to be read */
    mount();
    ck_assert_int_eq(write_at("/x", 0, "x", 1), -EROFS);
    ck_assert_int_eq(make_directory("/x"), -EROFS);
    unmount();
}
END_TEST

/* A disk that cannot read a sector: an error for whoever wants it, and nobody else. */
START_TEST(test_bad_sector) {
    make_image(2048, "-b 1024");
    mount();
    memset(scratch, 1, 50000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 50000), 50000);
    ck_assert_int_eq(write_at("/g", 0, scratch, 50000), 50000);
    remount_checked();
    struct vnode *vnode;
    uint32_t block;
    ck_assert_int_eq(path_walk(NULL, "/f", 0, &vnode), 0);
    ck_assert_int_eq(ext2_map(ext2_inode_of(vnode), 40, &block), 0);
    vnode_unref(vnode);
    fake_bad_sector = block * 2;
    ck_assert_int_eq(read_at("/f", 0, scratch, 50000), 40960); /* up to the page that cannot be had */
    ck_assert_int_eq(read_at("/f", 40960, scratch, 5000), -EIO);
    ck_assert_int_eq(read_at("/g", 0, scratch, 50000), 50000);
    fake_bad_sector = FAKE_NO_SECTOR;
    ck_assert_int_eq(read_at("/f", 40960, scratch, 5000), 5000);
    unmount();
    check_clean();
}
END_TEST

/* Group descriptors that cannot be written at first: at unmount they are, and an unlinked file is freed. */
START_TEST(test_bad_write_at_unmount) {
    make_image(2048, "-b 4096");
    mount();
    memset(scratch, 1, 50000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 50000), 50000);
    ck_assert_int_eq(mounts_sync(), 0);
    ck_assert_int_eq(vnode_unlink(NULL, "/f", false), 0);
    fake_bad_sector = 4096 / SECTOR_SIZE;
    fake_write_failures = 1 + (unsigned)_i;
    unmount();
    ck_assert_uint_eq(fake_write_failures, 0);
    fake_bad_sector = FAKE_NO_SECTOR;
    check_clean();
}
END_TEST

/* Sizes of which a page number's 32 bits do not tell that they are out of reach. */
START_TEST(test_sizes_out_of_reach) {
    make_image(2048, "-b 1024");
    mount();
    memset(scratch, 1, 3000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 3000), 3000);
    for (unsigned shift = 44; shift < 63; shift++) {
        ck_assert_int_eq(truncate_to("/f", ((uint64_t)1 << shift) + 5), -EFBIG);
        ck_assert_int_eq(write_at("/f", ((uint64_t)1 << shift) + 5, scratch, 10), -EFBIG);
    }
    ck_assert_int_eq(read_at("/f", 0, scratch, 5000), 3000);
    ck_assert(all_bytes(scratch, 3000, 1));
    unmount();
    check_clean();
}
END_TEST

/* Reading a file from front to back costs each sector once. */
START_TEST(test_efficiency) {
    make_image(8192, "-b 4096");
    mount();
    memset(scratch, 1, 2000000);
    fake_sectors_read = 0;
    ck_assert_int_eq(write_at("/f", 0, scratch, 2000000), 2000000);
    ck_assert_uint_lt(fake_sectors_read, 200); /* metadata only: new pages are not read */
    remount_checked();
    ck_assert_int_eq(read_at("/f", 0, scratch, 2000000), 2000000);
    ck_assert_uint_lt(fake_sectors_read, 2000000 / 512 + 200);
    remount_checked();
    fake_sectors_read = 0;
    ck_assert_int_eq(write_at("/f", 0, scratch, 2000000), 2000000); /* overwritten, not read */
    ck_assert_uint_lt(fake_sectors_read, 200);
    struct vnode *vnode;
    uint32_t block, jumps = 0, last = 0;
    ck_assert_int_eq(path_walk(NULL, "/f", 0, &vnode), 0);
    for (uint32_t i = 0; i < 2000000 / 4096; i++) {
        ck_assert_int_eq(ext2_map(ext2_inode_of(vnode), i, &block), 0);
        jumps += block != last + 1;
        last = block;
    }
    vnode_unref(vnode);
    ck_assert_uint_le(jumps, 4); /* contiguous but for indirect blocks and group borders */
    unmount();
    check_clean();
}
END_TEST

/*
 * What is known of the block map as a run says what the map says, block by block, also after it has changed: holes
 * are filled, and the end of the file is given to another one.
 */
START_TEST(test_runs) {
    make_image(4096, "-b 1024");
    mount();
    memset(scratch, 1, 400000);
    for (unsigned i = 0; i < 40; i++) /* a third of it holes */
        ck_assert_int_eq(write_at("/f", i * 9216u, scratch, 6144), 6144);
    struct vnode *vnode;
    ck_assert_int_eq(path_walk(NULL, "/f", 0, &vnode), 0);
    struct ext2_inode *inode = ext2_inode_of(vnode);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 360; i++) {
            struct ext2_run run;
            uint32_t block, alone;
            ck_assert_int_eq(ext2_map_peek_run(inode, i, true, &run), 0);
            ck_assert_uint_eq(run.first, i);
            ck_assert_uint_ge(run.count, 1);
            for (uint32_t n = 0; n < run.count; n++) {
                inode->run.count = 0;
                ck_assert_int_eq(ext2_map(inode, i + n, &alone), 0);
                ck_assert_uint_eq(run.block ? run.block + n : 0, alone);
            }
            ck_assert_int_eq(ext2_map(inode, i, &block), 0);
            ck_assert_uint_eq(block, run.block);
        }
        if (round == 0) /* block 6 is one of a run of holes by now */
            ck_assert_int_eq(write_at("/f", 0, scratch, 60000), 60000);
        else if (round == 1)
            ck_assert_int_eq(truncate_to("/f", 20000), 0);
    }
    vnode_unref(vnode);
    unmount();
    check_clean();
}
END_TEST

/* Rising numbers that lead from a file's blocks into a superblock: the run ends before it. */
START_TEST(test_run_into_metadata) {
    enum { BLOCK = 1024, SECOND_GROUP = 8193, COUNT = 11 };
    make_image(10240, "-b 1024"); /* the second group has a copy of the superblock */
    mount();
    memset(scratch, 1, 60000);
    ck_assert_int_eq(write_at("/f", 0, scratch, 60000), 60000);
    struct vnode *vnode;
    ck_assert_int_eq(path_walk(NULL, "/f", 0, &vnode), 0);
    uint32_t indirect = ext2_inode_of(vnode)->disk.block[EXT2_DIRECT], words[COUNT];
    vnode_unref(vnode);
    unmount();
    FILE *file = fopen(image, "r+");
    for (unsigned i = 0; i < COUNT; i++)
        words[i] = SECOND_GROUP - (COUNT - 1) + i;
    ck_assert_int_eq(fseek(file, (long)indirect * BLOCK, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(words, sizeof *words, COUNT, file), COUNT);
    ck_assert_int_eq(fclose(file), 0);
    mount();
    ck_assert_int_eq(path_walk(NULL, "/f", 0, &vnode), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t block;
        int expected = i < COUNT - 1 ? 0 : -EIO;
        ck_assert_int_eq(ext2_map(ext2_inode_of(vnode), EXT2_DIRECT + i, &block), expected);
        if (!expected)
            ck_assert_uint_eq(block, words[i]);
    }
    vnode_unref(vnode);
    unmount();
}
END_TEST

/* --- damage --- */

struct visit {
    unsigned entries;
    char names[64][64];
    unsigned types[64];
};

static unsigned directories_used;

static bool collect(void *data, const char *name, size_t length, uint64_t inode UNUSED, unsigned type,
                    uint64_t next UNUSED) {
    struct visit *visit = data;
    if (length < 64 && visit->entries < 64 && !(name[0] == '.')) {
        memcpy(visit->names[visit->entries], name, length);
        visit->names[visit->entries][length] = 0;
        visit->types[visit->entries++] = type;
    }
    return true;
}

/*
 * Uses the tree below @path ("": all of it) in every way; whatever comes back is all right, as long as it does.
 */
static void use_tree(const char *path, unsigned depth) {
    struct vnode *vnode;
    struct visit visit = {0};
    if (depth > 4 || path_walk(NULL, *path ? path : "/", WALK_DIRECTORY, &vnode))
        return;
    directories_used++;
    if (vnode->operations->list)
        vnode->operations->list(vnode, 0, collect, &visit);
    vnode_unref(vnode);
    for (unsigned i = 0; i < visit.entries; i++) {
        char child[600];
        snprintf(child, sizeof child, "%s/%s", path, visit.names[i]);
        use_tree(child, depth + 1);
        read_at(child, 0, scratch, 200000);
        write_at(child, below(300000), scratch, 5000);
        switch (below(4)) {
        case 0:
            truncate_to(child, below(300000));
            break;
        case 1:
            vnode_unlink(NULL, child, false);
            vnode_unlink(NULL, child, true);
            break;
        case 2:
            vnode_rename(NULL, child, NULL, "/renamed");
            break;
        }
    }
    char made[600];
    snprintf(made, sizeof made, "%s/made-dir", path);
    make_directory(made);
    snprintf(made, sizeof made, "%s/made", path);
    write_at(made, 0, scratch, 20000);
}

/* Bytes of the image where metadata is, found by what differs from a file full of one byte. */
static void flip_bytes(unsigned count) {
    FILE *file = fopen(image, "r+");
    fseek(file, 0, SEEK_END);
    uint32_t bytes = (uint32_t)ftell(file);
    for (unsigned i = 0, tries = 0; i < count && tries < 1000000; tries++) {
        uint32_t at = below(4) ? 1024 + below(MIN(bytes - 1024, 120000)) : below(bytes);
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        bool metadata = byte != 0 && byte != 'D';
        if (!metadata && below(50))
            continue; /* seldom hit what is empty or data */
        fseek(file, at, SEEK_SET);
        fputc(below(2) ? (int)below(256) : byte ^ 1 << below(8), file);
        i++;
    }
    fclose(file);
}

/* A file may have become a FIFO, and its opener waits for another. */
static int nobody_comes(void) {
    return -EINTR;
}

START_TEST(test_damaged) {
    char options[128];
    ck_assert_int_eq(
        run("mkdir -p %s/tree/a/b/c && head -c 400000 /dev/zero | tr '\\0' D >%s/tree/a/large && "
            "for i in 1 2 3 4 5 6 7 8; do echo D >%s/tree/a/b/f$i; done; ln -s a/large %s/tree/link",
            directory, directory, directory, directory),
        0);
    snprintf(options, sizeof options, "%s -d %s/tree", _i % 2 ? "-b 1024 -N 64" : "-b 4096 -N 64", directory);
    make_image(1024, options);
    run("cp %s %s/good", image, directory);
    model_init((uint32_t)_i + 1000);
    fake_sleep = nobody_comes;
    directories_used = 0;
    for (unsigned round = 0; round < 150; round++) {
        run("cp %s/good %s", directory, image);
        flip_bytes(1 + below(30));
        fake_pressure = below(2) ? 0 : 20;
        if (try_mount() == 0) {
            use_tree("", 0);
            mounts_sync();
            mounts_unmount_all();
        }
        ck_assert_uint_eq(fake_pins(), 0);
        ck_assert_uint_eq(fake_locks(), 0);
        fake_disk_close();
    }
    ck_assert_uint_ge(directories_used, 150); /* most of the damage leaves more than a root */
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("ext2");
    TCase *random = tcase_create("random");
    tcase_set_timeout(random, 120);
    tcase_add_unchecked_fixture(random, make_place, remove_place);
    tcase_add_checked_fixture(random, setup, NULL);
    tcase_add_loop_test(random, test_random, 0, 14);
    suite_add_tcase(s, random);

    TCase *single = tcase_create("single");
    tcase_set_timeout(single, 60);
    tcase_add_unchecked_fixture(single, make_place, remove_place);
    tcase_add_checked_fixture(single, setup, NULL);
    tcase_add_test(single, test_debugfs_agrees);
    tcase_add_test(single, test_foreign_files);
    tcase_add_loop_test(single, test_triple_indirect, 0, 2);
    tcase_add_loop_test(single, test_full_disk, 0, 2);
    tcase_add_loop_test(single, test_full_disk_directory, 0, 2);
    tcase_add_test(single, test_metadata_becomes_data);
    tcase_add_loop_test(single, test_no_old_bytes, 0, 2);
    tcase_add_loop_test(single, test_write_in_place, 0, 2);
    tcase_add_loop_test(single, test_write_over_hole, 0, 2);
    tcase_add_loop_test(single, test_fresh_blocks_are_zero, 0, 2);
    tcase_add_loop_test(single, test_stores_behind_the_end, 0, 8);
    tcase_add_test(single, test_attribute_block);
    tcase_add_test(single, test_device_files);
    tcase_add_test(single, test_positions);
    tcase_add_test(single, test_symlinks);
    tcase_add_test(single, test_removed_directory);
    tcase_add_test(single, test_hashed_directory);
    tcase_add_test(single, test_refused_features);
    tcase_add_test(single, test_bad_sector);
    tcase_add_loop_test(single, test_bad_write_at_unmount, 0, 3);
    tcase_add_test(single, test_sizes_out_of_reach);
    tcase_add_test(single, test_efficiency);
    tcase_add_test(single, test_runs);
    tcase_add_test(single, test_run_into_metadata);
    suite_add_tcase(s, single);

    TCase *damage = tcase_create("damage");
    tcase_set_timeout(damage, 120);
    tcase_add_unchecked_fixture(damage, make_place, remove_place);
    tcase_add_checked_fixture(damage, setup, NULL);
    tcase_add_loop_test(damage, test_damaged, 0, 6);
    suite_add_tcase(s, damage);
    return s;
}

int main(void) {
    return run_suite(suite());
}
