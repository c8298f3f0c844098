/*
 * filetest: files against a model. Random operations on one file (write, append, read, truncate, holes),
 * each also done to an array in memory, which is what the file must be equal to at any time: by read(2),
 * through a shared mapping, and after closing and opening again. Then directories: make, list, rename,
 * remove. What it leaves behind in DIRECTORY is the same on every machine, so that a host can look at the
 * guest's disk and compare.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char usage[] =
    "filetest [DIRECTORY [SIZE [STEPS [SEED]]]]\n"
    "  makes DIRECTORY (standard filetest.d), does STEPS (300) random operations on a file of up to\n"
    "  SIZE (1M) bytes in it, and leaves the results there";

/* The file and what it should be. */
struct model {
    const char *path;
    int file;
    uint8_t *bytes; /* of `room`; beyond `size` all zero, as a file that grows wants it */
    size_t size, room;
    struct generator g;
    uint32_t writes; /* seed of the next write's pattern */
};

/* --- one file ------------------------------------------------------------------------------------ */

static void compare(const struct model *m, const uint8_t *found, size_t offset, size_t length,
                    const char *how) {
    for (size_t i = 0; i < length; i++)
        if (found[i] != m->bytes[offset + i])
            fail("byte %zu %s is %02x, should be %02x (file of %zu bytes)", offset + i, how, found[i],
                 m->bytes[offset + i], m->size);
}

static void check_size(const struct model *m) {
    struct stat s;
    if (fstat(m->file, &s) != 0)
        fail_errno("fstat");
    if ((size_t)s.st_size != m->size)
        fail("the file has %lld bytes, should have %zu", (long long)s.st_size, m->size);
}

/* Writes pattern bytes to both, at @offset; the file grows if it must, with a hole if it must. */
static void write_both(struct model *m, size_t offset, size_t length, bool positioned) {
    uint8_t buffer[3 * PAGE];
    m->writes++;
    for (size_t i = 0; i < length; i++)
        buffer[i] = (uint8_t)pattern_word(m->writes, (uint32_t)i);
    ssize_t done =
        positioned ? pwrite(m->file, buffer, length, (off_t)offset) : write(m->file, buffer, length);
    if (done != (ssize_t)length)
        fail_errno("write of %zu bytes at %zu: %zd", length, offset, done);
    memcpy(m->bytes + offset, buffer, length);
    if (offset + length > m->size)
        m->size = offset + length;
}

static size_t random_length(struct model *m, size_t offset) {
    size_t most = m->room - offset < 3 * PAGE ? m->room - offset : 3 * PAGE;
    return most == 0 ? 0 : 1 + generator_below(&m->g, (uint32_t)most);
}

static void step_write(struct model *m) {
    size_t offset = generator_below(&m->g, (uint32_t)m->room);
    write_both(m, offset, random_length(m, offset), true);
}

static void step_append(struct model *m) {
    if (lseek(m->file, 0, SEEK_END) != (off_t)m->size)
        fail("the end is not where it should be");
    size_t length = random_length(m, m->size);
    if (length > 0)
        write_both(m, m->size, length, false);
}

static void step_read(struct model *m) {
    uint8_t buffer[3 * PAGE];
    size_t offset = generator_below(&m->g, (uint32_t)m->room);
    size_t length = random_length(m, offset);
    size_t expected = offset >= m->size ? 0 : m->size - offset < length ? m->size - offset : length;
    ssize_t got = pread(m->file, buffer, length, (off_t)offset);
    if (got != (ssize_t)expected)
        fail("read of %zu bytes at %zu of %zu: %zd", length, offset, m->size, got);
    compare(m, buffer, offset, expected, "by read");
}

static void step_truncate(struct model *m) {
    size_t size = generator_below(&m->g, (uint32_t)m->room + 1);
    if (ftruncate(m->file, (off_t)size) != 0)
        fail_errno("ftruncate to %zu", size);
    if (size < m->size)
        memset(m->bytes + size, 0, m->size - size);
    m->size = size;
    check_size(m);
}

/* Reads and writes through a shared mapping; both must be seen by read(2) at once. */
static void step_map_shared(struct model *m) {
    if (m->size == 0)
        return;
    uint8_t *map = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->file, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    compare(m, map, 0, m->size, "in a shared mapping");
    for (int i = 0; i < 5; i++) {
        size_t offset = generator_below(&m->g, (uint32_t)m->size);
        uint8_t byte = (uint8_t)generator_next(&m->g), found;
        map[offset] = m->bytes[offset] = byte;
        if (pread(m->file, &found, 1, (off_t)offset) != 1 || found != byte)
            fail("a byte written through a mapping is not what read sees");
        byte = m->bytes[offset] = (uint8_t)(byte + 1);
        if (pwrite(m->file, &byte, 1, (off_t)offset) != 1 || map[offset] != byte)
            fail("a byte written by write is not what a mapping sees");
    }
    if (generator_below(&m->g, 2) == 0 && msync(map, m->size, MS_SYNC) != 0)
        fail_errno("msync");
    if (munmap(map, m->size) != 0)
        fail_errno("munmap");
}

/* Writes through a private mapping are nobody else's business. */
static void step_map_private(struct model *m) {
    if (m->size == 0)
        return;
    uint8_t *map = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, m->file, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    compare(m, map, 0, m->size, "in a private mapping");
    for (size_t offset = 0; offset < m->size; offset += 3 * PAGE) {
        uint8_t found;
        map[offset] = (uint8_t)(m->bytes[offset] + 1);
        if (pread(m->file, &found, 1, (off_t)offset) != 1 || found != m->bytes[offset])
            fail("a byte written to a private mapping reached the file");
    }
    for (size_t offset = 0; offset < m->size; offset += 3 * PAGE)
        if (map[offset] != (uint8_t)(m->bytes[offset] + 1))
            fail("a byte written to a private mapping is lost");
    munmap(map, m->size);
}

static void step_reopen(struct model *m) {
    if (generator_below(&m->g, 2) == 0 && fsync(m->file) != 0)
        fail_errno("fsync");
    if (close(m->file) != 0)
        fail_errno("close");
    m->file = open(m->path, O_RDWR);
    if (m->file < 0)
        fail_errno("%s", m->path);
    check_size(m);
}

static void check_all(struct model *m) {
    uint8_t buffer[PAGE];
    check_size(m);
    for (size_t offset = 0; offset < m->size; offset += PAGE) {
        size_t length = m->size - offset < PAGE ? m->size - offset : PAGE;
        if (pread(m->file, buffer, length, (off_t)offset) != (ssize_t)length)
            fail_errno("read");
        compare(m, buffer, offset, length, "in the end");
    }
}

static void test_file(const char *path, size_t room, unsigned steps, uint32_t seed) {
    static void (*const choices[])(struct model *) = {
        step_write,    step_write,      step_write,       step_write,  step_append, step_append, step_read,
        step_truncate, step_map_shared, step_map_private, step_reopen, step_read,   step_read,   step_read,
    };
    struct model m = {.path = path, .room = room, .g = generator_start(seed)};
    m.bytes = allocate_pages(room);
    m.file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (m.file < 0)
        fail_errno("%s", path);
    for (unsigned i = 0; i < steps; i++)
        choices[generator_below(&m.g, COUNT_OF(choices))](&m);
    step_append(&m);
    check_all(&m);
    close(m.file);
    uint32_t checksum = CHECKSUM_START;
    for (size_t i = 0; i < m.size; i++)
        checksum = checksum_add(checksum, m.bytes[i]);
    printf("filetest: %u operations, in the end %zu bytes, checksum %08x\n", steps, m.size, checksum);
    munmap(m.bytes, room);
}

/* --- a sparse file ------------------------------------------------------------------------------- */

/* One page far out in each range of the block map: direct, single, double and (1 KiB blocks) triple. */
static void test_sparse(const char *path) {
    static const off_t offsets[] = {0, 40 << 10, 300 << 10, 5 << 20, 70 << 20};
    uint32_t words[SECTOR / sizeof(uint32_t)], found[COUNT_OF(words)];
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        fail_errno("%s", path);
    for (unsigned i = 0; i < COUNT_OF(offsets); i++) {
        pattern_fill(words, 0, COUNT_OF(words), i + 1);
        if (pwrite(file, words, SECTOR, offsets[i]) != (ssize_t)SECTOR)
            fail_errno("write at %lld", (long long)offsets[i]);
    }
    for (unsigned i = 0; i < COUNT_OF(offsets); i++) {
        if (pread(file, found, SECTOR, offsets[i]) != (ssize_t)SECTOR)
            fail_errno("read at %lld", (long long)offsets[i]);
        pattern_check(found, 0, COUNT_OF(found), i + 1, "sparse file");
        if (i > 0 && (pread(file, found, SECTOR, offsets[i] - 2 * PAGE) != (ssize_t)SECTOR ||
                      memcmp(found, (const uint32_t[COUNT_OF(found)]){0}, SECTOR) != 0))
            fail("the hole before %lld is not zero", (long long)offsets[i]);
    }
    struct stat s;
    if (fstat(file, &s) != 0 || s.st_size != offsets[COUNT_OF(offsets) - 1] + (off_t)SECTOR)
        fail("the sparse file has the wrong size");
    if (s.st_blocks > 1024)
        fail("a sparse file takes %lld sectors", (long long)s.st_blocks);
    close(file);
    printf("filetest: sparse file of %lld bytes\n", (long long)s.st_size);
}

/* --- directories --------------------------------------------------------------------------------- */

static unsigned count_entries(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        fail_errno("%s", path);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static void expect_error(int result, int expected, const char *what) {
    if (result == 0 || errno != expected)
        fail("%s: %s, should be %s", what, result == 0 ? "success" : strerror(errno), strerror(expected));
}

static void make_small_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0)
        fail_errno("%s", path);
    write_all(file, text, strlen(text));
    close(file);
}

/* Many names, so that the directory outgrows a block; every third is removed, every fourth renamed. */
static void test_many_names(void) {
    enum { NAMES = 200 };
    char name[64], other[64];
    if (mkdir("many", 0755) != 0)
        fail_errno("mkdir");
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "many/a-name-of-some-length-%d", i);
        make_small_file(name, name);
    }
    unsigned left = NAMES;
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "many/a-name-of-some-length-%d", i);
        snprintf(other, sizeof(other), "many/renamed-%d", i);
        if (i % 3 == 0 && unlink(name) != 0)
            fail_errno("unlink %s", name);
        if (i % 3 != 0 && i % 4 == 0 && rename(name, other) != 0)
            fail_errno("rename %s", name);
        left -= i % 3 == 0;
    }
    unsigned found = count_entries("many");
    if (found != left)
        fail("%u entries in a directory that should have %u", found, left);
    printf("filetest: directory of %u entries\n", found);
}

static void test_directories(void) {
    struct stat s;
    if (mkdir("one", 0755) != 0 || mkdir("one/two", 0755) != 0 || mkdir("three", 0755) != 0)
        fail_errno("mkdir");
    expect_error(mkdir("one", 0755), EEXIST, "mkdir of a directory that is there");
    expect_error(rmdir("one"), ENOTEMPTY, "rmdir of a full directory");
    expect_error(unlink("absent"), ENOENT, "unlink of an absent file");
    make_small_file("one/two/file", "moved\n");
    if (rename("one/two", "three/two") != 0) /* a directory with what is in it */
        fail_errno("rename");
    if (stat("three/two/file", &s) != 0 || s.st_size != 6)
        fail_errno("three/two/file");
    expect_error(stat("one/two", &s), ENOENT, "the old name");
    if (rmdir("one") != 0)
        fail_errno("rmdir");
    expect_error(chdir("three/two/file"), ENOTDIR, "chdir to a file");
    make_small_file("replaced", "old contents, rather longer\n");
    make_small_file("replacement", "new contents\n");
    if (rename("replacement", "replaced") != 0)
        fail_errno("rename");
    if (stat("replaced", &s) != 0 || s.st_size != 13)
        fail("a file that was replaced is still there");
    printf("filetest: directories made, moved and removed\n");
}

/* A file without a name lives until it is closed. */
static void test_unlinked(void) {
    uint32_t words[PAGE / sizeof(uint32_t)];
    int file = open("unlinked", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0 || unlink("unlinked") != 0)
        fail_errno("unlinked");
    pattern_fill(words, 0, COUNT_OF(words), 9);
    for (int i = 0; i < 20; i++)
        write_all(file, words, sizeof(words));
    lseek(file, 0, SEEK_SET);
    for (int i = 0; i < 20; i++) {
        read_all(file, words, sizeof(words));
        pattern_check(words, 0, COUNT_OF(words), 9, "unlinked file");
    }
    close(file);
    printf("filetest: a file without a name\n");
}

static void test_append_mode(void) {
    int a = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644), b = open("log", O_WRONLY | O_APPEND);
    if (a < 0 || b < 0)
        fail_errno("log");
    for (int i = 0; i < 50; i++) {
        write_all(a, "from a\n", 7);
        write_all(b, "and from b\n", 11);
    }
    struct stat s;
    if (fstat(a, &s) != 0 || s.st_size != 50 * (7 + 11))
        fail("two writers appended %lld bytes", (long long)s.st_size);
    close(a);
    close(b);
    printf("filetest: two writers appended\n");
}

int main(int argc, char **argv) {
    program_start(argc, argv, "filetest", usage);
    const char *directory = argc > 1 ? argv[1] : "filetest.d";
    size_t size = size_argument(argc, argv, 2, "SIZE", 1u << 20, PAGE, 64u << 20);
    unsigned steps = number_argument(argc, argv, 3, "STEPS", 300, 1, 1000000);
    unsigned seed = number_argument(argc, argv, 4, "SEED", 1, 0, UINT32_MAX);
    if (mkdir(directory, 0755) != 0 || chdir(directory) != 0)
        fail_errno("%s", directory);
    test_file("random", size, steps, seed);
    test_sparse("sparse");
    test_many_names();
    test_directories();
    test_unlinked();
    test_append_mode();
    return 0;
}
