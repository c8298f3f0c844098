/*
 * onefault: makes page faults of one kind, each by one call of one_access(). The debugger's tours (`make tour`)
 * follow one of them through the kernel.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char usage[] =
    "onefault zero|file FILE|copy|bad|dirty|pressure [SIZE [TOUCHES]]|spoil DEVICE\n"
    "  zero      the first store to a page of no file\n"
    "  file      a load from a page of FILE\n"
    "  copy      a store to a page that is shared with a child\n"
    "  bad       a store where nothing is mapped\n"
    "  dirty     a load, and later a store that needs no fault any more\n"
    "  pressure  TOUCHES (4000) stores at random to SIZE bytes (standard 1M)\n"
    "  spoil     writes over a page of its own on swap, which is on DEVICE, and loads it";

/* The access. Not inlined: the tours find it by its name, and its arguments on the stack. */
__attribute__((noinline)) char one_access(volatile char *address, bool store) {
    if (store)
        *address = 42;
    return *address;
}

static void zero(void) {
    char *page = allocate_pages(PAGE);

    if (one_access(page, true) != 42 || page[1] != 0)
        fail("the page is not zero, or the store is lost");
}

static void file(const char *name) {
    enum { PAGE_WANTED = 2, PAGES = 3 };
    int descriptor = open(name, O_RDONLY);
    char byte;

    if (descriptor < 0)
        fail_errno("%s", name);
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (pages == MAP_FAILED)
        fail_errno("mmap");
    char seen = one_access(pages + PAGE_WANTED * PAGE, false);
    if (pread(descriptor, &byte, 1, PAGE_WANTED * PAGE) != 1 || seen != byte)
        fail("the page of the file is wrong");
}

/* The child waits in read() until its parent has written, and looks at what it still has. */
static void copy(void) {
    char *page = allocate_pages(PAGE);
    int pipe_ends[2], status;
    char byte;

    page[0] = 1;
    if (pipe(pipe_ends) != 0)
        fail_errno("pipe");
    pid_t child = fork();
    if (child == 0) {
        close(pipe_ends[1]);
        if (read(pipe_ends[0], &byte, 1) != 0)
            _exit(1);
        _exit(page[0] == 1 ? 0 : 1);
    }
    one_access(page, true);
    close(pipe_ends[1]);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        fail("the child's page has changed");
}

/* The page is mapped, writable and clean: this sets its Dirty bit, and nobody is told. */
__attribute__((noinline)) void first_store(volatile char *page) {
    page[100] = 1;
}

__attribute__((noinline)) void later_store(volatile char *page, unsigned offset) {
    page[offset] = 2;
}

static void dirty(void) {
    volatile char *page = allocate_pages(PAGE);

    if (one_access(page, false) != 0)
        fail("the page is not zero");
    first_store(page);
    for (unsigned offset = 0; offset < PAGE; offset++)
        later_store(page, offset);
}

static void pressure(size_t size, unsigned touches) {
    char *pages = allocate_pages(size);
    struct generator g = generator_start(1);

    memset(pages, 1, size);
    for (unsigned i = 0; i < touches; i++)
        one_access(pages + generator_below(&g, size / PAGE) * PAGE, true);
}

/* The slot of the page on swap, as Documentation/admin-guide/mm/pagemap.rst has it; 0 if it is not there. */
static unsigned slot_of(const char *page) {
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry;

    if (pagemap < 0 || pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / PAGE * 8) != sizeof(entry))
        fail_errno("pagemap");
    close(pagemap);
    return (entry >> 62 & 1) != 0 ? (unsigned)(entry >> 5) : 0;
}

/* The first of many more dirty pages than fit is on swap alone. */
static void spoil(const char *device) {
    enum { PAGES = 320 };
    static const char other[] = "the page of somebody else";
    char *pages = allocate_pages((size_t)PAGES * PAGE);
    int descriptor = open(device, O_WRONLY | O_SYNC);

    memset(pages, 1, (size_t)PAGES * PAGE);
    unsigned slot = slot_of(pages);
    if (slot == 0)
        fail("the first page is in memory: too many frames");
    if (descriptor < 0 || pwrite(descriptor, other, sizeof(other), (off_t)slot * PAGE) != sizeof(other))
        fail_errno("%s", device);
    one_access(pages, false);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "onefault", usage);
    const char *kind = argc > 1 ? argv[1] : "";

    if (strcmp(kind, "zero") == 0)
        zero();
    else if (strcmp(kind, "file") == 0 && argc > 2)
        file(argv[2]);
    else if (strcmp(kind, "copy") == 0)
        copy();
    else if (strcmp(kind, "bad") == 0)
        one_access((volatile char *)PAGE, true);
    else if (strcmp(kind, "dirty") == 0)
        dirty();
    else if (strcmp(kind, "pressure") == 0)
        pressure(size_argument(argc, argv, 2, "SIZE", 1u << 20, PAGE, 1u << 30),
                 number_argument(argc, argv, 3, "TOUCHES", 4000, 1, 1000000));
    else if (strcmp(kind, "spoil") == 0 && argc > 2)
        spoil(argv[2]);
    else
        usage_error("which kind?");
    printf("onefault: %s\n", kind);
    return 0;
}
