/*
 * staticswap: with swap=static a page's place is the start of its area's run + its page number. For memory of each
 * kind, after each thing that may be done to it, this program asks /proc/self/pagemap for every page's slot and
 * compares slot - page number, which must be the same for all; reads that slot from the swap partition itself, past
 * the cache, and compares it with what the page holds; and looks at SwapFree of /proc/meminfo, which a call must change
 * by exactly the slots of the runs that it takes or gives back, and writing pages by nothing.
 *
 * For a guest with swap=static clean=off, swap on /dev/hda2, and room in memory for all of it: a page of the program's
 * own that is paged out while a child has it too may get a slot besides its place for that time.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

static const char usage[] = "staticswap [DISK]\n"
                            "  compares slots with page numbers; swap is on DISK (standard /dev/hda2)";

#define WORDS   (PAGE / sizeof(uint32_t))
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)

enum { RUN = 64, PAGES = 4 * RUN, PAGES_MAX = 4 * PAGES, WAIT_NS = 5000000 };

static int disk;

/* --- how much swap is free --- */

static long swap_free(void) {
    return meminfo_pages("SwapFree:");
}

static long before;

/* Since the last time, @slots more are free, exactly. */
static void expect(const char *what, long slots) {
    long now = swap_free();
    printf("%s: %+ld slots\n", what, now - before);
    if (now - before != slots)
        fail("%s: %+ld slots, not %+ld", what, now - before, slots);
    before = now;
}

/* --- where pages are --- */

static void page_out(void *memory, size_t pages) {
    if (madvise(memory, pages * PAGE, MADV_PAGEOUT) != 0)
        fail_errno("MADV_PAGEOUT");
    wait_until_written();
}

static uint64_t *slots_of(const void *memory, size_t pages) {
    static uint64_t slots[PAGES_MAX];
    int file = open("/proc/self/pagemap", O_RDONLY);
    if (pread(file, slots, pages * 8, (off_t)((uintptr_t)memory / PAGE * 8)) != (ssize_t)(pages * 8))
        fail_errno("pagemap");
    close(file);
    for (size_t i = 0; i < pages; i++) {
        if ((slots[i] & PRESENT) || !(slots[i] & SWAPPED))
            fail("page %zu is not on swap", i);
        slots[i] = (slots[i] & ((1ull << 55) - 1)) >> 5;
    }
    return slots;
}

static void compare_with_disk(uint64_t slot, uint32_t page, uint32_t seed) {
    static uint32_t words[WORDS] __attribute__((aligned(4096)));
    if (pread(disk, words, PAGE, (off_t)slot * PAGE) != (ssize_t)PAGE)
        fail_errno("slot %u", (unsigned)slot);
    pattern_check(words, page * WORDS, WORDS, seed, "a page on the disk");
}

/*
 * Pages out @pages pages, which hold pattern @seed from word @first on, and compares all of their places. Returns slot
 * - page number.
 */
static long place(const char *what, void *memory, size_t pages, uint32_t first, uint32_t seed) {
    page_out(memory, pages);
    const uint64_t *slots = slots_of(memory, pages);
    long number = (long)((uintptr_t)memory / PAGE), start = (long)slots[0] - number;
    for (size_t i = 0; i < pages; i++) {
        if ((long)slots[i] - (number + (long)i) != start)
            fail("%s: page %zu is in slot %u, the first in %u", what, i, (unsigned)slots[i],
                 (unsigned)slots[0]);
        compare_with_disk(slots[i], first + (uint32_t)i, seed);
    }
    printf("%s: each page in the slot of its number, and on the disk\n", what);
    return start;
}

static void must_be(const char *what, bool good) {
    printf("%s: %s\n", what, good ? "yes" : "NO");
    if (!good)
        fail("%s: no", what);
}

static void fill(void *memory, size_t pages, uint32_t seed) {
    pattern_fill(memory, 0, pages * WORDS, seed);
}

static void *map(void *where, size_t pages, int flags) {
    void *memory = mmap(where, pages * PAGE, PROT_READ | PROT_WRITE,
                        flags | MAP_ANONYMOUS | (where != NULL ? MAP_FIXED : 0), -1, 0);
    if (memory == MAP_FAILED)
        fail_errno("mmap");
    return memory;
}

/* --- private memory --- */

static void private_memory(void) {
    char *room = mmap(NULL, 8 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect("addresses only", 0);
    char *memory = map(room + PAGES * PAGE, PAGES, MAP_PRIVATE);
    expect("mmap", -PAGES);
    fill(memory, PAGES, 1);
    expect("stores", 0);
    long start = place("private memory", memory, PAGES, 0, 1);
    expect("written to swap", 0);
    fill(memory, PAGES, 2);
    must_be("changed, and out again: the same places", place("changed", memory, PAGES, 0, 2) == start);
    char *below = map(memory - RUN * PAGE, RUN, MAP_PRIVATE);
    expect("mmap, just below it", -RUN);
    fill(below, RUN, 3);
    place("what is below", below, RUN, 0, 3);
    fill(memory, PAGES, 4);
    must_be("the same places, above it", place("what is above", memory, PAGES, 0, 4) == start);
    munmap(below, RUN * PAGE);
    expect("munmap of that", RUN);
    mprotect(memory, RUN * PAGE, PROT_READ);
    must_be("the same places, some read only", place("protected", memory, PAGES, 0, 4) == start);
    munmap(memory + PAGES / 2 * PAGE, PAGES / 2 * PAGE);
    expect("munmap of half", PAGES / 2);
    must_be("the same places, of the rest", place("the rest", memory, PAGES / 2, 0, 4) == start);
    munmap(room, 8 * PAGES * PAGE);
    expect("munmap of all", PAGES / 2);
}

static void moved_memory(void) {
    char *memory = map(NULL, PAGES, MAP_PRIVATE);
    expect("mmap", -PAGES);
    fill(memory, PAGES, 1);
    long slot = place("before mremap", memory, PAGES, 0, 1) + (long)((uintptr_t)memory / PAGE);
    char *room = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory = mremap(memory, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
    expect("mremap elsewhere", 0);
    fill(memory, PAGES, 2);
    must_be("the run has come along",
            place("after mremap", memory, PAGES, 0, 2) + (long)((uintptr_t)memory / PAGE) == slot);
    memory = mremap(memory, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
    expect("mremap to twice as much", -PAGES);
    fill(memory, 2 * PAGES, 3);
    place("twice as much", memory, 2 * PAGES, 0, 3);
    munmap(memory, 2 * PAGES * PAGE);
    expect("munmap", 2 * PAGES);
    munmap(room, 2 * PAGES * PAGE);
}

/* --- fork --- */

static void child_with_a_run(char *memory, long parents) {
    fill(memory, PAGES, 2);
    long start = place("the child's", memory, PAGES, 0, 2);
    must_be("a run of its own", start + PAGES <= parents || start >= parents + PAGES);
    fflush(stdout);
    _exit(0);
}

static void forks(void) {
    char *memory = map(NULL, PAGES, MAP_PRIVATE);
    expect("mmap", -PAGES);
    fill(memory, PAGES, 1);
    long start = place("the parent's", memory, PAGES, 0, 1);
    int pid = fork_checked();
    if (pid == 0)
        child_with_a_run(memory, start);
    if (wait_for(pid) != 0)
        fail("the child failed");
    expect("a child that has come and gone", 0);
    fill(memory, PAGES, 3);
    must_be("the parent's places are the same", place("the parent's again", memory, PAGES, 0, 3) == start);
    munmap(memory, PAGES * PAGE);
    expect("munmap", PAGES);
}

/* The parent goes first: what it had is the child's alone, which moves to its own run when it is written. */
static void orphan(void) {
    char *memory = map(NULL, PAGES, MAP_PRIVATE);
    int pipes[2];
    fill(memory, PAGES, 1);
    page_out(memory, PAGES);
    if (pipe(pipes) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        if (fork_checked() != 0)
            _exit(0);
        char byte;
        close(pipes[1]);
        read(pipes[0], &byte, 1); /* until all who have the other end are gone or have unmapped theirs */
        pattern_check((uint32_t *)memory, 0, PAGES * WORDS, 1, "inherited");
        fill(memory, PAGES, 2);
        place("inherited pages, written", memory, PAGES, 0, 2);
        fflush(stdout);
        _exit(0);
    }
    wait_for(pid);
    munmap(memory, PAGES * PAGE);
    close(pipes[1]);
    close(pipes[0]);
    while (swap_free() != before) /* the grandchild is nobody's to wait for */
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    expect("parent and child gone", 0);
}

/* --- the rest --- */

static void shared_memory(void) {
    char *memory = map(NULL, PAGES, MAP_SHARED);
    expect("mmap, shared", -PAGES);
    fill(memory, PAGES, 1);
    long start = place("shared memory", memory, PAGES, 0, 1);
    int pid = fork_checked();
    if (pid == 0) {
        fill(memory, PAGES, 2);
        _exit(0);
    }
    wait_for(pid);
    pattern_check((uint32_t *)memory, 0, PAGES * WORDS, 2, "stored by a child");
    must_be("one place for both", place("stored by a child", memory, PAGES, 0, 2) == start);
    munmap(memory, PAGES * PAGE);
    expect("munmap", PAGES);
}

static void heap(void) {
    char *start = (char *)(((uintptr_t)sbrk(0) + RUN * PAGE) / (RUN * PAGE) * (RUN * PAGE)), *from = sbrk(0);
    if (brk(start + PAGES * PAGE) != 0)
        fail_errno("brk");
    printf("brk: %s\n", swap_free() <= before - PAGES ? "a place for each page" : "NO");
    fill(start, PAGES, 1);
    long first = place("the heap", start, PAGES, 0, 1);
    if (brk(start + 2 * PAGES * PAGE) != 0)
        fail_errno("brk");
    fill(start, 2 * PAGES, 2);
    must_be("grown, it is one run", place("the heap, grown", start, 2 * PAGES, 0, 2) == first);
    brk(from);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "staticswap", usage);
    setvbuf(stdout, NULL, _IONBF, 0); /* no memory of its own meanwhile */
    disk = open(argc > 1 ? argv[1] : "/dev/hda2", O_RDONLY | O_DIRECT);
    if (disk < 0)
        fail_errno("the swap partition");
    wait_until_written();
    before = swap_free();
    private_memory();
    moved_memory();
    forks();
    orphan();
    shared_memory();
    heap();
    return 0;
}
