/*
 * Where the calls have their pointers and descriptors: pages of every sort next to each other, and files of
 * every sort. A second thread changes both while calls are under way (arena_change).
 */
#include "user/fuzz/fuzz.h"

#include <asm/unistd_32.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

char *arena;

enum { FILE_PAGES = 3, FILE_BYTES = (FILE_PAGES - 1) * PAGE + 100 };

static int mapped_file = -1; /* of FILE_BYTES: the last page has a tail, and behind it there is none */

#define BOTH (PROT_READ | PROT_WRITE)

/* Every sort of page that a pointer can lead to. */
static const struct sort {
    int protection, flags;
    bool of_file;
    int page; /* of the file */
} sorts[] = {
    {BOTH, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {BOTH, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {BOTH, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {BOTH, MAP_SHARED | MAP_ANONYMOUS, false, 0},
    {PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, false, 0},
    {BOTH, MAP_SHARED, true, 0},
    {BOTH, MAP_PRIVATE, true, FILE_PAGES - 1},
    {PROT_READ, MAP_SHARED, true, FILE_PAGES - 1},
    {BOTH, MAP_SHARED, true, FILE_PAGES}, /* past the end: SIGBUS */
};

static uint32_t page_address(unsigned page) {
    return (uint32_t)(uintptr_t)arena + page * PAGE;
}

static long map_page(struct fuzzer *f, unsigned page) {
    const struct sort *sort = &sorts[pick(f, COUNT_OF(sorts))];
    return raw_call(__NR_mmap2, page_address(page), PAGE, (uint32_t)sort->protection,
                    (uint32_t)(sort->flags | MAP_FIXED), sort->of_file ? (uint32_t)mapped_file : (uint32_t)-1,
                    (uint32_t)sort->page);
}

void *lonely_pages(unsigned pages, int flags) {
    enum { MARGIN = 32 };
    char *all = mmap(NULL, (pages + 2 * MARGIN) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        fail_errno("mmap");
    char *inner = mmap(all + MARGIN * PAGE, pages * PAGE, BOTH, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (inner == MAP_FAILED)
        fail_errno("mmap");
    return inner;
}

void arena_map(void) {
    arena = lonely_pages(ARENA_PAGES, MAP_PRIVATE);
    memset(arena, 'a', ARENA_PAGES * PAGE);
    for (unsigned i = 1; i < ARENA_PAGES; i += 3)
        munmap(arena + i * PAGE, PAGE);
}

/* The descriptor is the next one: what was opened stays in the order in which it was opened. */
static int open_next(const char *name, int flags) {
    int descriptor = open(name, flags | O_CREAT, 0644);
    if (descriptor < 0)
        descriptor = open(name, flags);
    return descriptor;
}

static void fill_file(int descriptor, size_t bytes) {
    static char block[PAGE];
    memset(block, 'f', sizeof(block));
    for (size_t done = 0; done < bytes; done += sizeof(block))
        if (pwrite(descriptor, block, bytes - done < PAGE ? bytes - done : PAGE, (off_t)done) < 0)
            return;
}

void arena_files(void) {
    int ends[2];
    for (int i = 0; i < 3; i++)
        dup2(open("/dev/null", O_RDWR), i);
    for (int i = 3; i < 64; i++)
        close(i);
    (void)!mkdir("d0", 0755);
    (void)!mkdir("d0/d1", 0755);
    (void)!symlink("f0", "link");
    (void)!symlink("loop", "loop");
    (void)!mkfifo("fifo", 0644);
    mapped_file = open_next("f0", O_RDWR); /* 3 */
    fill_file(mapped_file, FILE_BYTES);
    (void)!ftruncate(mapped_file, FILE_BYTES);
    fill_file(open_next("f1", O_RDWR), 20000);
    open_next("f1", O_RDONLY);
    open_next("f2", O_WRONLY | O_APPEND);
    open_next("f2", O_RDWR | O_DIRECT);
    open_next("d0/f0", O_RDWR | O_NONBLOCK);
    (void)!open(".", O_RDONLY | O_DIRECTORY);
    (void)!open("d0", O_PATH);
    if (pipe(ends) != 0 || pipe2(ends, O_NONBLOCK) != 0)
        fail_errno("pipe");
    (void)!open("/dev/zero", O_RDWR);
    (void)!open("/dev/urandom", O_RDONLY);
    (void)!open("/proc/self/maps", O_RDONLY);
    (void)!open("/proc/self", O_RDONLY | O_DIRECTORY);
    (void)!open("/proc/vmstat", O_RDONLY);
    (void)!open("/dev/console", O_RDONLY | O_NOCTTY);
    (void)!(int)syscall(SYS_memfd_create, "fz", 0);
    fill_file(open_next("/dev/shm/fz", O_RDWR), 9000);
    unlink("/dev/shm/fz");
    (void)!open("fifo", O_RDWR);
}

void arena_change(struct fuzzer *f) {
    unsigned page = pick(f, ARENA_PAGES);
    uint32_t at = page_address(page), pages = 1 + pick(f, 4);
    if (pages > ARENA_PAGES - page)
        pages = ARENA_PAGES - page;
    switch (pick(f, 12)) {
    case 0:
    case 1:
    case 2:
        raw_call(__NR_munmap, at, pages * PAGE, 0, 0, 0, 0);
        break;
    case 3:
        raw_call(__NR_mprotect, at, pages * PAGE, pick(f, 4), 0, 0, 0);
        break;
    case 4:
        raw_call(__NR_madvise, at, pages * PAGE, MADV_DONTNEED, 0, 0, 0);
        break;
    case 5:
        raw_call(__NR_madvise, at, pages * PAGE, MADV_PAGEOUT, 0, 0, 0);
        break;
    case 6:
        raw_call(__NR_ftruncate, (uint32_t)mapped_file, pick(f, FILE_PAGES * PAGE), 0, 0, 0, 0);
        break;
    case 7:
        raw_call(__NR_mremap, at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                 page_address(pick(f, ARENA_PAGES)), 0);
        break;
    default:
        map_page(f, page);
    }
}
