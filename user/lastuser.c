/*
 * lastuser: when modified pages of shared file mappings are written. As long as some process uses a page nobody
 * writes it, unless asked; when its last user goes, it is written, once. Counted by /proc/vmstat, right to the
 * page, so it is for the guest and for a machine with memory enough: else the daemon writes, too.
 *
 * That something has not been written shows in the sum: each page is stored to again before it is written for good,
 * so that a write too early would be one write too many.
 */
#include "user/lib/program.h"

#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

static const char usage[] =
    "lastuser FILE\n"
    "  makes FILE, maps it in several processes, and counts what is written when they go";

enum { PAGES = 40, HALF = PAGES / 2, BYTES = PAGES * PAGE, PATIENCE_MS = 300000, STEP_MS = 10 };

static const char *name;
static int file;
static struct vmstat before;

static long long written(void) {
    struct vmstat now;
    if (!vmstat_read(&now) || !vmstat_has(&now, "blk_file_pages_out"))
        fail("no /proc/vmstat with blk_file_pages_out");
    return vmstat_difference(&before, &now, "blk_file_pages_out");
}

static char *map(unsigned first, unsigned pages, int protection) {
    int descriptor = open(name, protection & PROT_WRITE ? O_RDWR : O_RDONLY);
    char *place = mmap(NULL, pages * PAGE, protection, MAP_SHARED, descriptor, (off_t)(first * PAGE));
    if (place == MAP_FAILED)
        fail_errno("mmap");
    close(descriptor);
    return place;
}

static void store(char *pages, char value) {
    for (unsigned i = 0; i < PAGES; i++)
        memset(pages + i * PAGE, value, PAGE);
}

/* A process of its own maps the file, stores @value to all of it, and goes, by exit or (@unmaps) after munmap. */
static void child_stores(char value, bool unmaps) {
    int pid = fork_checked();
    if (pid == 0) {
        char *pages = map(0, PAGES, PROT_READ | PROT_WRITE);
        store(pages, value);
        if (unmaps)
            munmap(pages, BYTES);
        _exit(0);
    }
    if (wait_for(pid) != 0)
        fail("the child failed");
}

/* What has been started is waited for, with patience, and nothing is asked to be written. */
static void expect_soon(const char *what, long long pages) {
    for (unsigned waited = 0; written() < pages && waited < PATIENCE_MS; waited += STEP_MS)
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
    printf("%s: %lld pages written\n", what, written());
    if (written() != pages)
        fail("%s: %lld pages written, not %lld", what, written(), pages);
}

/* Everything is in the file, and there was nothing left to write. */
static void expect_done(const char *what, char value, long long pages) {
    char page[PAGE];
    if (fsync(file) != 0)
        fail_errno("fsync");
    for (unsigned i = 0; i < PAGES; i++) {
        if (pread(file, page, PAGE, (off_t)(i * PAGE)) != (ssize_t)PAGE)
            fail_errno("pread");
        for (unsigned j = 0; j < PAGE; j++)
            if (page[j] != value)
                fail("%s: page %u is wrong", what, i);
    }
    expect_soon(what, pages);
    vmstat_read(&before);
}

static void others_who_map(void) {
    char *pages = map(0, PAGES, PROT_READ | PROT_WRITE);
    child_stores('a', false);
    child_stores('b', true);
    expect_soon("one of two exits, one of two unmaps", 0);
    store(pages, 'c');
    munmap(pages, BYTES);
    expect_soon("the last one unmaps", PAGES);
    expect_done("fsync after it", 'c', PAGES);
    child_stores('d', false);
    expect_soon("the only one exits", PAGES);
    expect_done("fsync after it", 'd', PAGES);
}

/* It is not the stores that make a user: this one has not even looked at the pages. */
static void others_who_read(void) {
    char *pages = map(0, PAGES, PROT_READ);
    child_stores('a', false);
    child_stores('b', true);
    expect_soon("writers go, a reader stays who has read nothing", 0);
    munmap(pages, BYTES);
    expect_soon("the reader unmaps", PAGES);
    expect_done("fsync after it", 'b', PAGES);
}

static void others_with_a_part(void) {
    char *pages = map(HALF / 2, HALF, PROT_READ);
    child_stores('a', false);
    expect_soon("a writer goes, a user of half the pages stays", PAGES - HALF);
    munmap(pages, HALF / 2 * PAGE);
    expect_soon("who unmaps half of these", PAGES - HALF / 2);
    munmap(pages + HALF / 2 * PAGE, HALF / 2 * PAGE);
    expect_done("and the rest; fsync", 'a', PAGES);
}

static void asked(void) {
    char *pages = map(0, PAGES, PROT_READ | PROT_WRITE), *again = map(0, PAGES, PROT_READ | PROT_WRITE);
    store(pages, 'a');
    msync(pages, BYTES, MS_ASYNC);
    expect_soon("msync that does not wait", 0);
    msync(pages, HALF * PAGE, MS_SYNC);
    expect_soon("msync of half", HALF);
    sync();
    expect_soon("sync", PAGES);
    store(again, 'b');
    munmap(pages, BYTES);
    expect_soon("one of two mappings of one process goes", PAGES);
    munmap(again, BYTES);
    expect_soon("the other goes", 2 * PAGES);
    expect_done("fsync after it", 'b', 2 * PAGES);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "lastuser", usage);
    if (argc != 2)
        usage_error("which file?");
    name = argv[1];
    file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    for (unsigned i = 0; i < PAGES; i++)
        write_all(file, (char[PAGE]){0}, PAGE);
    if (fsync(file) != 0)
        fail_errno("%s", name);
    vmstat_read(&before);
    others_who_map();
    others_who_read();
    others_with_a_part();
    asked();
    return 0;
}
