/*
 * Bad pointers given to system calls: EFAULT, or less than was asked for when a part could be done, and never
 * a signal. And limits: the stack, the address space.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void refused(void) {
    char *bad = nowhere(), *readonly = some_pages(1);
    int file = some_file(PAGE), ends[2];
    struct stat status;
    mprotect(readonly, PAGE, PROT_READ);
    if (pipe(ends) != 0)
        fail_errno("pipe");
    /* Where the C library would touch the memory itself, the system call is made directly. */
    fact_call("write from nowhere", write(file, bad, 10));
    fact_call("read to nowhere", read(file, bad, 10));
    fact_call("read to read-only memory", read(file, readonly, 10));
    fact_call("write to a pipe from nowhere", write(ends[1], bad, 10));
    fact_call("read of 0 bytes to nowhere", read(file, bad, 0));
    fact_call("write from the kernel's memory", write(file, (char *)0xfffff000u, 10));
    fact_call("read to the kernel's memory", read(file, (char *)0xfffff000u, 10));
    fact_call("open of a name nowhere", open(bad, O_RDONLY));
    fact_call("fstat64 to nowhere", syscall(SYS_fstat64, file, bad));
    fact_call("stat of a name nowhere", stat(bad, &status));
    fact_call("pipe to nowhere", pipe((int *)bad));
    fact_call("poll of nowhere", poll((struct pollfd *)bad, 1, 0));
    fact_call("getcwd to nowhere", getcwd(bad, 100) == NULL ? -1 : 0);
    fact_call("execve of a name nowhere", execve(bad, (char *[]){bad, NULL}, NULL));
    fact_call("execve with arguments nowhere", execve("/bin/sh", (char **)bad, NULL));
    fact_call("setitimer from nowhere", syscall(SYS_setitimer, ITIMER_REAL, bad, NULL));
}

/* A name may end at the last byte of a mapping. */
static void names(void) {
    char *page = lonely_pages(1);
    strcpy(page + PAGE - 5, "/dev");
    fact_call("access of a name that ends with its page", access(page + PAGE - 5, F_OK));
    memcpy(page + PAGE - 4, "/dev", 4);
    fact_call("access of a name whose end is missing", access(page + PAGE - 4, F_OK));
    fact_call("access of an empty name", access("", F_OK));
    memset(page, 'x', PAGE - 1);
    fact_call("access of a name of 4095 bytes and no end", access(page, F_OK));
}

/* The first 100 bytes are good, the rest is not there. */
static void short_counts(void) {
    char *page = lonely_pages(1), *edge = page + PAGE - 100;
    int file = some_file(2 * PAGE), zero = open("/dev/zero", O_RDWR);
    memset(page, 'x', PAGE);
    fact_call("write to a file from a buffer of which 100 bytes are there", pwrite(file, edge, 300, 0));
    char check[200];
    pread(file, check, sizeof(check), 0);
    fact_true("just these were written", all_bytes(check, 100, 'x') && all_bytes(check + 100, 100, 'a'));
    fact_call("read of a file into such a buffer", pread(file, edge, 300, PAGE));
    fact_true("just these were read", all_bytes(edge, 100, 'b'));
    fact_call("read of /dev/zero into such a buffer", read(zero, edge, 300));
    fact_true("just these were read", all_bytes(edge, 100, 0));
    struct iovec parts[2] = {{page, 50}, {nowhere(), 50}};
    fact_call("writev of a good and a bad part", writev(file, parts, 2));
    struct iovec reversed[2] = {{nowhere(), 50}, {page, 50}};
    fact_call("writev of a bad and a good part", writev(file, reversed, 2));
    fact_call("writev with parts nowhere", writev(file, (struct iovec *)nowhere(), 2));
    fact_call("writev of a negative number of parts", syscall(SYS_writev, file, parts, -1));
}

/* The kernel's own copies fault pages in, copy on write, and respect the end of a mapped file. */
static void good_but_absent(void) {
    char *fresh = some_pages(4), *mapped = shared_pages(some_file(PAGE), 2);
    int file = some_file(4 * PAGE);
    fact_call("read into pages never touched", pread(file, fresh, 4 * PAGE, 0));
    page_out(fresh, 4);
    fact_call("write from pages that are out", pwrite(file, fresh, 4 * PAGE, 0));
    fact("the bytes", "%c%c", fresh[0], fresh[3 * PAGE]);
    fact_call("write from a mapping past its file's end", write(file, mapped + PAGE, 10));
    fact_call("read to a mapping past its file's end", pread(file, mapped + PAGE, 10, 0));
    fact_call("read to a mapping, over its file's end", pread(file, mapped + PAGE - 10, 50, 0));
}

/* --- the stack ----------------------------------------------------------------------------------- */

static uintptr_t here(void) {
    return (uintptr_t)__builtin_frame_address(0);
}

static void stack(void) {
    fact("a page 1 MiB below the stack pointer, first touched", "%s", writing((char *)here() - (1 << 20)));
    fact("what lies between", "%s", reading((char *)here() - (1 << 19)));
    fact("32 MiB below it", "%s", writing((char *)here() - (32 << 20)));
    char *far = (char *)here() - (3 << 20);
    int zero = open("/dev/zero", O_RDONLY);
    fact_call("read to a place on the stack not yet there", read(zero, far, 100));
}

static int use_stack(void *argument) {
    volatile char *deep = (char *)here() - (uintptr_t)argument;
    *deep = 1;
    return 0;
}

static void stack_limit(void) {
    struct rlimit limit = {1 << 20, 1 << 20};
    fact_call("setrlimit of the stack to 1 MiB", setrlimit(RLIMIT_STACK, &limit));
    fact("512 KiB of stack, child's status", "%d", in_child(use_stack, (void *)(512 << 10)));
    fact("2 MiB of stack, child's status", "%d", in_child(use_stack, (void *)(2 << 20)));
}

static void grows_down(void) {
    char *all = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *middle = all + 1000 * PAGE;
    munmap(all, 1024 * PAGE);
    char *area = mmap(middle, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    fact_true("an area that grows down", area == middle);
    fact("the page below it", "%s", writing(area - 5));
    fact("the page below that", "%s", writing(area - PAGE - 5));
    fact_true("they are zero", all_bytes(area - 2 * PAGE, 3 * PAGE, 0));
    fact("the page above it", "%s", writing(area + PAGE));
}

/* --- limits -------------------------------------------------------------------------------------- */

static void address_space_limit(void) {
    struct rlimit limit = {64 << 20, 64 << 20};
    fact_call("setrlimit of the address space to 64 MiB", setrlimit(RLIMIT_AS, &limit));
    fact_mapped("mmap of 128 MiB", mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    fact_mapped("mmap of 16 MiB", mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    fact_true("sbrk of 128 MiB is refused", sbrk(128 << 20) == (void *)-1 && errno == ENOMEM);
}

static void heap(void) {
    char *start = sbrk(0);
    start = sbrk((int)(PAGE - (uintptr_t)start % PAGE) % (int)PAGE + 3 * (int)PAGE);
    char *end = sbrk(0), *page = end - PAGE;
    (void)start;
    fact_true("the heap's new pages are zero", all_bytes(page, PAGE, 0));
    memset(page, 'x', PAGE);
    fact("a write past the break's page", "%s", writing(end));
    sbrk(-(int)PAGE);
    fact("a read where the heap was, after it shrank", "%s", reading(page));
    sbrk((int)PAGE);
    fact_true("grown again it is zero again", all_bytes(page, PAGE, 0));
    sbrk(-100);
    fact_true("the page of an odd break is kept", strcmp(reading(end - 1), "fine") == 0);
}

static const struct group groups[] = {
    {"bad pointers", refused},
    {"names at an edge", names},
    {"buffers half of which are there", short_counts},
    {"buffers not in memory", good_but_absent},
    {"the stack", stack},
    {"the stack's limit", stack_limit},
    {"areas that grow down", grows_down},
    {"the limit of the address space", address_space_limit},
    {"the heap", heap},
};
THEME(usercopy, "bad pointers in system calls, short counts, stack, heap, limits", groups);
