/*
 * Mapped files. There is one copy of a file's page, and read, write and all mappings look at it: so whatever
 * one of them does, the others see at once. A private mapping looks at it too, until its first store there.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char byte_at(int descriptor, off_t offset) {
    char byte = '?';
    return pread(descriptor, &byte, 1, offset) == 1 ? byte : '?';
}

static void put_byte(int descriptor, off_t offset, char byte) {
    if (pwrite(descriptor, &byte, 1, offset) != 1)
        fail_errno("pwrite");
}

static void one_cache(void) {
    int file = some_file(3 * PAGE);
    char *shared = shared_pages(file, 3), *again = shared_pages(file, 3);
    fact("the bytes of the three pages", "%c%c%c", shared[0], shared[PAGE], shared[3 * PAGE - 1]);
    put_byte(file, 7, 'W');
    fact("write, then a load from the mapping", "%c", shared[7]);
    shared[PAGE + 7] = 'S';
    fact("a store to the mapping, then read", "%c", byte_at(file, PAGE + 7));
    fact("and a load from another mapping", "%c", again[PAGE + 7]);
    page_out(shared, 3);
    fact("all of it after the pages were out", "%c%c%c", shared[7], again[PAGE + 7], byte_at(file, 7));
}

static void private_view(void) {
    int file = some_file(2 * PAGE);
    char *own = private_pages(file, 2), *shared = shared_pages(file, 2);
    put_byte(file, 7, 'W');
    fact("write, then a load from a private mapping", "%c", own[7]);
    own[9] = 'P';
    fact("a store to it, then read", "%c", byte_at(file, 9));
    put_byte(file, 7, 'X');
    fact("another write, then a load from the page it has stored to", "%c", own[7]);
    shared[PAGE + 7] = 'S';
    fact("a store through a shared mapping, loaded from a page it has not", "%c", own[PAGE + 7]);
    page_out(own, 2);
    fact("its own store after the page was out", "%c", own[9]);
    madvise(own, PAGE, MADV_DONTNEED);
    fact("after MADV_DONTNEED it is the file again", "%c%c", own[7], own[9]);
}

/* The source of a write, or the target of a read, lies in a mapping of the file itself. */
static void itself(void) {
    int file = some_file(3 * PAGE);
    char *shared = shared_pages(file, 3);
    fact_call("write of a mapped page to the next page of its file", pwrite(file, shared, PAGE, PAGE));
    fact_true("the next page is now the same", all_bytes(shared, 2 * PAGE, 'a'));
    fact_call("read of a page into its own mapping", pread(file, shared + PAGE, PAGE, PAGE));
    fact_call("read of a page into the mapping of another", pread(file, shared, PAGE, 2 * PAGE));
    fact_true("that is now a copy", all_bytes(shared, PAGE, 'c') && byte_at(file, 5) == 'c');
}

static void offsets(void) {
    int file = some_file(4 * PAGE);
    char *third = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, file, 2 * PAGE);
    fact("a mapping from the third page on", "%c%c", third[0], third[PAGE]);
    fact_mapped("an offset that is not a page's",
                mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 100)); /* refused by the C library */
    char *both = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    mmap(both + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 3 * PAGE);
    fact("the second page replaced by the fourth", "%c%c", both[0], both[PAGE]);
    fact("areas of that", "%u", areas_within(both, 2 * PAGE));
}

/* --- the end of the file ------------------------------------------------------------------------- */

static void tail(void) {
    const char *name = some_named_file(PAGE + 100);
    int file = open(name, O_RDWR);
    char *shared = shared_pages(file, 2);
    fact_true("the rest of the last page is zero", all_bytes(shared + PAGE + 100, PAGE - 100, 0));
    shared[PAGE + 200] = 'x';
    fact("a store there is seen in the mapping", "%c", shared[PAGE + 200]);
    msync(shared, 2 * PAGE, MS_SYNC);
    struct stat status;
    fstat(file, &status);
    fact("and the file is as long as before", "%ld", (long)status.st_size);
    char rest[PAGE];
    fact_call("read at its end", pread(file, rest, sizeof(rest), PAGE + 100));
    unlink(name);
}

static void extending(void) {
    int file = some_file(100);
    char *shared = shared_pages(file, 3);
    fact("before the file is long enough", "%s", reading(shared + PAGE));
    ftruncate(file, 3 * PAGE);
    fact("after ftruncate has made it so", "%s", reading(shared + PAGE));
    fact_true("the new pages are zero", all_bytes(shared + PAGE, 2 * PAGE, 0));
    put_byte(file, 2 * PAGE + 5, 'W');
    fact("write there, then a load", "%c", shared[2 * PAGE + 5]);
    shared[PAGE + 5] = 'S';
    fact("a store there, then read", "%c", byte_at(file, PAGE + 5));
}

static void truncating(void) {
    int file = some_file(4 * PAGE);
    char *shared = shared_pages(file, 4), *own = private_pages(file, 4);
    own[2 * PAGE] = 'P';
    fact("before truncation", "%s, %s", reading(shared + 2 * PAGE), reading(own + 2 * PAGE));
    ftruncate(file, PAGE + 100);
    fact("a page cut off, shared", "%s", reading(shared + 2 * PAGE));
    fact("a page cut off, private, never touched", "%s", reading(own + 3 * PAGE));
    fact("a page cut off, private, with a store of one's own", "%s", reading(own + 2 * PAGE));
    fact("the page that was cut through", "%c, then %d", shared[PAGE + 99], shared[PAGE + 100]);
    ftruncate(file, 4 * PAGE);
    fact("long again: all that was cut off is zero", "%d %d %d", shared[PAGE + 100], shared[2 * PAGE],
         own[2 * PAGE]);
}

/* Truncated by one process while another has the page. */
static void truncating_elsewhere(void) {
    int file = some_file(2 * PAGE), ready[2], cut[2];
    char *shared = shared_pages(file, 2), byte;
    if (pipe(ready) != 0 || pipe(cut) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        fact("a page, by a child", "%s", reading(shared + PAGE));
        write_all(ready[1], "r", 1);
        read_all(cut[0], &byte, 1);
        fact("when its parent has cut it off", "%s", reading(shared + PAGE));
        _exit(0);
    }
    read_all(ready[0], &byte, 1);
    ftruncate(file, 100);
    write_all(cut[1], "c", 1);
    wait_for(pid);
}

/* --- names and descriptors ----------------------------------------------------------------------- */

static void nameless(void) {
    const char *name = some_named_file(2 * PAGE);
    int file = open(name, O_RDWR);
    char *shared = shared_pages(file, 2);
    close(file);
    fact("a mapping after its descriptor was closed", "%c%c", shared[0], shared[PAGE]);
    shared[5] = 'S';
    file = open(name, O_RDWR);
    fact("a store to it, read through a new descriptor", "%c", byte_at(file, 5));
    unlink(name);
    close(file);
    fact("a mapping after its file was unlinked", "%c%c", shared[5], shared[PAGE]);
    shared[PAGE] = 'U';
    page_out(shared, 2);
    fact("a store to it after the page was out", "%c", shared[PAGE]);
    fact_call("open of the name", open(name, O_RDWR));
    fact_call("msync of it", msync(shared, 2 * PAGE, MS_SYNC));
    fact_call("munmap of it", munmap(shared, 2 * PAGE));
}

static void renamed_over(void) {
    char old_name[32];
    strcpy(old_name, some_named_file(PAGE));
    const char *name = some_named_file(PAGE);
    int old = open(old_name, O_RDWR), new = open(name, O_RDWR);
    char *of_old = shared_pages(old, 1);
    put_byte(new, 0, 'N');
    fact_call("rename over a mapped file", rename(name, old_name));
    fact("the mapping is still of the old one", "%c", of_old[0]);
    int reopened = open(old_name, O_RDONLY);
    fact("the name is the new one's", "%c", byte_at(reopened, 0));
    unlink(old_name);
}

/* --- protection and calls ------------------------------------------------------------------------ */

static void protections(void) {
    int file = some_file(2 * PAGE);
    char *shared = shared_pages(file, 2);
    mprotect(shared, PAGE, PROT_READ);
    fact("a store to a mapping made read-only", "%s", writing(shared));
    put_byte(file, 3, 'W');
    fact("write goes on all the same", "%c", shared[3]);
    mprotect(shared, PAGE, PROT_READ | PROT_WRITE);
    fact("a store when it is writable again", "%s", writing(shared));
    fact_call("read into a mapping that is read-only",
              (mprotect(shared, PAGE, PROT_READ), pread(file, shared, 10, PAGE)));
}

static void syncing(void) {
    int file = some_file(3 * PAGE);
    char *shared = shared_pages(file, 3);
    shared[0] = shared[PAGE] = 'S';
    fact_call("msync, at once", msync(shared, 3 * PAGE, MS_SYNC));
    fact_call("msync, later", msync(shared, 3 * PAGE, MS_ASYNC));
    fact_call("msync, other mappings to be made stale", msync(shared, 3 * PAGE, MS_SYNC | MS_INVALIDATE));
    fact_call("fsync", fsync(file));
    fact("after all that", "%c%c%c", byte_at(file, 0), byte_at(file, PAGE), byte_at(file, 2 * PAGE));
    fact_call("MADV_DONTNEED of shared file pages just stored to",
              (shared[5] = 'T', madvise(shared, PAGE, MADV_DONTNEED)));
    fact("loses nothing", "%c%c", shared[5], byte_at(file, 5));
}

static void moving(void) {
    int file = some_file(4 * PAGE);
    char *pages = shared_pages(file, 1);
    char *moved = mremap(pages, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    fact("a mapping of one page, grown to four", "%c%c%c%c", moved[0], moved[PAGE], moved[2 * PAGE],
         moved[3 * PAGE]);
    moved[3 * PAGE] = 'S';
    fact("a store to the new part, then read", "%c", byte_at(file, 3 * PAGE));
    munmap(moved, PAGE);
    munmap(moved + 2 * PAGE, PAGE);
    fact("the second and fourth page, alone", "%c%c", moved[PAGE], moved[3 * PAGE]);
}

static int store_and_leave(void *argument) {
    char *shared = argument;
    shared[PAGE] = 'C';
    return 0;
}

static void other_processes(void) {
    int file = some_file(2 * PAGE);
    char *shared = shared_pages(file, 2), *own = private_pages(some_file(2 * PAGE), 2);
    in_child(store_and_leave, shared);
    fact("a child's store to a shared mapping, by load and by read", "%c%c", shared[PAGE],
         byte_at(file, PAGE));
    in_child(store_and_leave, own);
    fact("a child's store to a private mapping, by load", "%c", own[PAGE]);
}

/* Transfers that bypass the cache: the file is the same for those that do not. */
static void direct(void) {
    const char *name = some_named_file(4 * PAGE);
    int file = open(name, O_RDWR), past = open(name, O_RDWR | O_DIRECT);
    char *buffer = some_pages(4), *shared = shared_pages(file, 4);
    unlink(name);
    fact_true("open with O_DIRECT", past >= 0);
    put_byte(file, 5, 'W');
    fact_call("direct read", pread(past, buffer, 2 * PAGE, 0));
    fact("what was just written is in it", "%c%c", buffer[5], buffer[PAGE]);
    shared[PAGE + 5] = 'S';
    pread(past, buffer, PAGE, PAGE);
    fact("what was just stored is in it", "%c", buffer[5]);
    memset(buffer, 'D', 2 * PAGE);
    fact_call("direct write", pwrite(past, buffer, 2 * PAGE, 2 * PAGE));
    fact("by read and by load from the mapping", "%c%c", byte_at(file, 2 * PAGE), shared[3 * PAGE]);
    fact_call("direct read over the end", pread(past, buffer, 4 * PAGE, 3 * PAGE));
    fact_call("direct read at the end", pread(past, buffer, PAGE, 4 * PAGE));
    fact_call("direct read into bad memory", pread(past, nowhere(), PAGE, 0));
    mprotect(buffer, PAGE, PROT_READ);
    fact_call("direct read into read-only memory", pread(past, buffer, PAGE, 0));
    fact_call("direct write from read-only memory", pwrite(past, buffer, PAGE, 0));
}

static void running_program(void) {
    static const char self[] = "/proc/self/exe";
    fact_call("a program that runs, opened for writing", open(self, O_RDWR));
    fact_call("opened to be emptied", open(self, O_WRONLY | O_TRUNC));
    fact_call("truncated", truncate(self, 0));
    fact_true("opened for reading", open(self, O_RDONLY) >= 0);
}

/* Where there is no fallocate for a file system, the C library writes zeros: it comes to the same. */
static void allocating(void) {
    int file = open("allocated", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];
    struct stat status;
    write(file, "ab", 2);
    fact("posix_fallocate", "%d", posix_fallocate(file, 0, 3 * PAGE + 10));
    fstat(file, &status);
    fact("the size after it", "%d", (int)status.st_size);
    char bytes[4] = {'x', 'x', 'x', 'x'};
    pread(file, bytes, 3, 0);
    fact("what was there, and zero", "%.2s%d", bytes, bytes[2]);
    fact_call("fallocate of nothing", fallocate(file, 0, 0, 0));
    fact_call("fallocate before the beginning", fallocate(file, 0, -1, 10));
    fact_call("fallocate of no file", fallocate(60, 0, 0, 10));
    close(file);
    file = open("allocated", O_RDONLY);
    fact_call("fallocate of a file that is read", fallocate(file, 0, 0, 10));
    close(file);
    unlink("allocated");
    pipe(ends);
    fact_call("fallocate of a pipe", fallocate(ends[1], 0, 0, 10));
}

static const struct group groups[] = {
    {"one cache", one_cache},
    {"private mappings", private_view},
    {"transfers between a file and itself", itself},
    {"offsets", offsets},
    {"the tail", tail},
    {"extending", extending},
    {"truncating", truncating},
    {"truncating by another", truncating_elsewhere},
    {"names and descriptors", nameless},
    {"rename", renamed_over},
    {"protection", protections},
    {"syncing", syncing},
    {"moving", moving},
    {"other processes", other_processes},
    {"O_DIRECT", direct},
    {"programs that run", running_program},
    {"allocating", allocating},
};
THEME(file, "mapped files: one cache, the end, truncation, names, O_DIRECT", groups);
