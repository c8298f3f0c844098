/*
 * Files: the end of a last page, holes, blocks that had another's bytes on the disk, and what comes back of all
 * that after the pages have left memory. On a disk and in memory.
 */
#include "user/secrets/secrets.h"

#include <fcntl.h>
#include <sys/mman.h>

#define BOTH (PROT_READ | PROT_WRITE)

enum { PAGES = 48, BYTES = PAGES * PAGE };

static unsigned soil; /* pages to soil before each look */
static char buffer[BYTES + PAGE] __attribute__((aligned(4096)));

static const char *label(const char *where, const char *what) {
    static char text[160];
    snprintf(text, sizeof(text), "%s: %s", where, what);
    return text;
}

static int new_file(const char *name, int flags) {
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
    if (file < 0)
        fail_errno("%s", name);
    unlink(name);
    return file;
}

/* So that what is read next comes from the disk. */
static void forget_pages(int file, size_t bytes) {
    if (fsync(file) != 0)
        fail_errno("fsync");
    char *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    madvise(map, bytes, MADV_PAGEOUT);
    munmap(map, bytes);
}

/* By read and by mapping, before and after it has been to the disk. */
static void look_both_ways(const char *where, const char *what, int file, size_t from, size_t bytes) {
    size_t whole = (from + bytes + PAGE - 1) / PAGE * PAGE;
    for (unsigned turn = 0; turn < 2; turn++) {
        soil_frames(soil);
        memset(buffer, UNTOUCHED, sizeof(buffer));
        if (pread(file, buffer, bytes, (off_t)from) != (ssize_t)bytes)
            fail_errno("pread");
        expect_zeros(label(where, what), buffer, bytes);
        char *map = mmap(NULL, whole, PROT_READ, MAP_SHARED, file, 0);
        if (map == MAP_FAILED)
            fail_errno("mmap");
        expect_zeros(label(where, what), map + from, bytes);
        munmap(map, whole);
        forget_pages(file, whole);
    }
}

static void extended(const char *where, const char *name) {
    soil_frames(soil);
    int file = new_file(name, 0);
    if (ftruncate(file, BYTES) != 0)
        fail_errno("ftruncate");
    look_both_ways(where, "a file made longer by ftruncate", file, 0, BYTES);
    close(file);
}

/* A byte each few blocks: the rest of each block has been somebody else's on the disk. */
static void holes(const char *where, const char *name) {
    soil_frames(soil);
    int file = new_file(name, 0);
    for (unsigned i = 0; i < PAGES; i += 3)
        if (pwrite(file, "", 1, (off_t)(i * PAGE + (i * 131) % PAGE)) != 1)
            fail_errno("pwrite");
    if (ftruncate(file, BYTES) != 0)
        fail_errno("ftruncate");
    look_both_ways(where, "a file of holes and single bytes", file, 0, BYTES);
    close(file);
}

/* Its own secret, cut off, must not come back either. */
static void cut_and_grown(const char *where, const char *name) {
    soil_frames(soil);
    int file = new_file(name, 0);
    memset(buffer, secret, BYTES);
    write_all(file, buffer, BYTES);
    if (fsync(file) != 0 || ftruncate(file, PAGE + 10) != 0 || ftruncate(file, BYTES) != 0)
        fail_errno("ftruncate");
    look_both_ways(where, "a file cut and made longer again", file, PAGE + 10, BYTES - PAGE - 10);
    close(file);
}

static void tail(const char *where, const char *name) {
    soil_frames(soil);
    int file = new_file(name, 0);
    write_all(file, "0123456789", 10);
    char *map = mmap(NULL, PAGE, BOTH, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    expect_zeros(label(where, "the last page behind the file's end"), map + 10, PAGE - 10);
    forget_pages(file, PAGE);
    expect_zeros(label(where, "the same, read again"), map + 10, PAGE - 10);
    munmap(map, PAGE);
    close(file);
}

/* No more is read than there is, even though whole blocks move. */
static void direct(const char *where, const char *name) {
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
    if (file < 0)
        fail_errno("%s", name);
    unlink(name);
    if (ftruncate(file, 3 * PAGE + 100) != 0 || pwrite(file, buffer, PAGE, PAGE) != (ssize_t)PAGE)
        fail_errno("%s", name);
    memset(buffer, UNTOUCHED, sizeof(buffer));
    ssize_t got = pread(file, buffer, 8 * PAGE, 0);
    if (got != 3 * (ssize_t)PAGE + 100)
        fail_errno("direct read: %zd", got);
    expect_zeros(label(where, "a hole, read directly"), buffer, PAGE);
    expect_zeros(label(where, "the end, read directly"), buffer + 2 * PAGE, PAGE + 100);
    size_t behind = sizeof(buffer) - (size_t)got;
    size_t found = find_secret(buffer + got, behind);
    report(label(where, "the buffer behind it"), found < behind, found);
    close(file);
}

static void pipes(void) {
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1)
        fail_errno("pipe");
    memset(buffer, UNTOUCHED, PAGE);
    ssize_t got = read(ends[0], buffer, PAGE);
    size_t found = find_secret(buffer, PAGE);
    report("a pipe with one byte in it", got != 1 || found < PAGE, found);
    close(ends[0]);
    close(ends[1]);
}

void look_at_files(unsigned pages) {
    soil = pages / 2;
    static const char *const names[][2] = {{"disk", "secrets.file"}, {"memory", "/dev/shm/secrets.file"}};
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        extended(names[i][0], names[i][1]);
        holes(names[i][0], names[i][1]);
        cut_and_grown(names[i][0], names[i][1]);
        tail(names[i][0], names[i][1]);
    }
    direct("disk", "secrets.file");
    pipes();
}
