/*
 * What a program hears of failed writes: fsync, msync, O_DSYNC and close on a disk whose sectors fail. For
 * the test of failing disks, which makes the writes of certain pages of FILE fail three times (the driver's
 * tries), so that the first attempt fails and the next succeeds; page FOREVER fails for good. Prints a line
 * for each fact; what is on the disk itself is read with O_DIRECT.
 *
 * Source: fsync(2), msync(2), and Linux's Documentation/core-api/errseq.rst: an error is told once to each
 * open file description.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
    BY_FSYNC = 3,
    BY_MSYNC = 5,
    BY_CLOSE = 7,
    BY_DSYNC = 9,
    FOREVER = 11,
    BESIDE = 12,
    BY_SYNCFS = 13,
    BY_CHILD = 14
};
enum { PAGES = 16 };

static const char *file_name;
static uint8_t *direct_page;

static int open_file(int flags) {
    int file = open(file_name, O_RDWR | flags);
    if (file < 0)
        fail_errno("%s", file_name);
    return file;
}

static const char *result(int status) {
    static char text[32];
    if (status >= 0)
        return "0";
    snprintf(text, sizeof text, "%s", errno == EIO ? "EIO" : strerror(errno));
    return text;
}

static void say(const char *what, int status) {
    printf("%s: %s\n", what, result(status));
    fflush(stdout);
}

static int write_page(int file, unsigned page, int byte) {
    uint8_t bytes[PAGE];
    memset(bytes, byte, sizeof bytes);
    return pwrite(file, bytes, PAGE, (off_t)page * PAGE) == PAGE ? 0 : -1;
}

/* The page as the disk has it must be full of @byte. */
static void on_disk(unsigned page, int byte) {
    int file = open_file(O_DIRECT);
    if (pread(file, direct_page, PAGE, (off_t)page * PAGE) != PAGE)
        fail_errno("reading page %u from the disk", page);
    for (unsigned i = 0; i < PAGE; i++)
        if (direct_page[i] != byte)
            fail("page %u, byte %u: the disk has %02x, not %02x", page, i, direct_page[i], byte);
    close(file);
}

static void fsync_tells_each_once(void) {
    int a = open_file(0), b = open_file(0), copy = dup(a);
    say("write", write_page(a, BY_FSYNC, 'a'));
    say("fsync of the writer", fsync(a));
    say("fsync again", fsync(a));
    on_disk(BY_FSYNC, 'a');
    say("fsync of its duplicate", fsync(copy));
    say("fsync of another who has it open", fsync(b));
    say("fsync of that one again", fdatasync(b));
    int later = open_file(0);
    say("fsync of one who opens later", fsync(later));
    close(a), close(b), close(copy), close(later);
}

static void msync_tells_for_its_open_file(void) {
    int a = open_file(0), b = open_file(0);
    uint8_t *map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    memset(map + BY_MSYNC * PAGE, 'm', PAGE);
    say("msync(MS_ASYNC)", msync(map, PAGES * PAGE, MS_ASYNC));
    say("msync(MS_SYNC)", msync(map, PAGES * PAGE, MS_SYNC));
    say("msync again", msync(map, PAGES * PAGE, MS_SYNC));
    on_disk(BY_MSYNC, 'm');
    say("fsync of the same open file", fsync(a));
    say("fsync of another", fsync(b));
    say("munmap", munmap(map, PAGES * PAGE));
    close(a), close(b);
}

static void close_tells_nothing_and_loses_nothing(void) {
    int a = open_file(0);
    say("write", write_page(a, BY_CLOSE, 'c'));
    sync();
    say("close", close(a));
    a = open_file(0);
    say("fsync of who opens next", fsync(a));
    say("fsync again", fsync(a));
    on_disk(BY_CLOSE, 'c');
    close(a);
}

static void a_synchronous_write_fails_itself(void) {
    int a = open_file(O_DSYNC);
    say("write with O_DSYNC", write_page(a, BY_DSYNC, 'd'));
    say("the same again", write_page(a, BY_DSYNC, 'd'));
    on_disk(BY_DSYNC, 'd');
    close(a);
}

static void what_fails_for_good_is_told_each_time(void) {
    uint8_t back[PAGE];
    int a = open_file(0);
    say("write", write_page(a, FOREVER, 'f'));
    say("write beside it", write_page(a, BESIDE, 'b'));
    say("fsync", fsync(a));
    say("fsync again", fsync(a));
    on_disk(BESIDE, 'b');
    if (pread(a, back, PAGE, FOREVER * PAGE) != PAGE || back[0] != 'f' || back[PAGE - 1] != 'f')
        fail("the page that cannot be written is lost");
    close(a);
}

/* One open file description, two processes: one of them hears of it. */
static void parent_and_child_are_told_together(void) {
    int a = open_file(0);
    say("write", write_page(a, BY_CHILD, 'k'));
    int child = fork_checked();
    if (child == 0) {
        say("fsync of the child", fsync(a));
        _exit(0);
    }
    wait_for(child);
    say("fsync of the parent", fsync(a));
    on_disk(BY_CHILD, 'k');
    close(a);
}

/* What sync has met is told by syncfs, once to each open file, whatever file it is: not by fsync of another file. */
static void syncfs_tells_of_all_files(void) {
    int root = open("/", O_RDONLY);
    say("syncfs, of all before", syncfs(root));
    int a = open_file(0), other = open("/other", O_RDWR | O_CREAT, 0600);
    say("write", write_page(a, BY_SYNCFS, 's'));
    sync();
    say("fsync of another file", fsync(other));
    say("syncfs by another file", syncfs(other));
    say("syncfs again", syncfs(other));
    say("syncfs by a directory", syncfs(root));
    say("fsync of the file", fsync(a));
    say("fsync again", fsync(a));
    on_disk(BY_SYNCFS, 's');
    close(a), close(root), close(other);
    root = open("/", O_RDONLY);
    say("syncfs of who opens later", syncfs(root));
    close(root);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "syncfail", "syncfail FILE\n");
    if (argc != 2)
        usage_error("one file is wanted");
    file_name = argv[1];
    direct_page = allocate_pages(PAGE);
    fsync_tells_each_once();
    msync_tells_for_its_open_file();
    close_tells_nothing_and_loses_nothing();
    a_synchronous_write_fails_itself();
    parent_and_child_are_told_together();
    syncfs_tells_of_all_files();
    what_fails_for_good_is_told_each_time();
    return 0;
}
