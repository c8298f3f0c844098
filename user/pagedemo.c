/*
 * pagedemo: demand paging, watched. Sweeps over more memory than the machine has, shows what the kernel
 * counted during each step, and says what the numbers mean. The numbers are this machine's: this program,
 * alone among its brothers, does not print the same everywhere.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

static const char usage[] = "pagedemo [SIZE]\n"
                            "  SIZE bytes; standard: half as much again as there are pageable frames";

#define WORDS (PAGE / sizeof(uint32_t))

static struct vmstat before, after;
static uint32_t *words;
static uint32_t pages;

static void fill(void) {
    pattern_fill(words, 0, pages * WORDS, 1);
}

static void check(void) {
    pattern_check(words, 0, pages * WORDS, 1, "sweep");
}

/* The pages touched last are the likeliest to be in memory still. */
static void check_last(void) {
    uint32_t first = pages - pages / 16;
    pattern_check(words + first * WORDS, first * WORDS, (pages - first) * WORDS, 1, "last pages");
}

static const struct {
    const char *name, *meaning;
} shown[] = {
    {"pgfault", "faults: a page was touched that the page table did not have"},
    {"pgmajfault", "  of these had to wait for the disk"},
    {"fault_zero", "  were first touches: a frame of zeros, no disk"},
    {"fault_swap", "  were for a page on swap: read back"},
    {"fault_file", "  were for a page of a file: read"},
    {"fault_reclaim", "  found the page in the pool, kept there or read ahead: no disk"},
    {"pgevict", "victims of the policy: pages unmapped and put into the pool"},
    {"pswpout", "pages written to swap: victims that were modified"},
    {"swap_clusters", "  disk commands that took: pages go in clusters"},
    {"pswpin", "pages read from swap"},
    {"readahead_swap", "  of these before they were asked for, along with a neighbour"},
    {"context_switches", "switches: while one waits for its page another runs"},
};

static void step(const char *title, void (*work)(void), const char *lesson) {
    printf("\n%s\n", title);
    if (!vmstat_read(&before))
        fail("/proc/vmstat cannot be read");
    work();
    vmstat_read(&after);
    for (unsigned i = 0; i < COUNT_OF(shown); i++) {
        long long change = vmstat_difference(&before, &after, shown[i].name);
        if (change != 0)
            printf("  %8lld %s\n", change, shown[i].meaning);
    }
    printf("  => %s\n", lesson);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "pagedemo", usage);
    if (!vmstat_read(&before))
        fail("/proc/vmstat cannot be read");
    unsigned long long frames = vmstat_value(&before, "nr_pageable");
    if (frames == 0 && argc < 2)
        usage_error("/proc/vmstat does not tell the number of frames: give a SIZE");
    size_t standard = frames > 0 ? (size_t)(frames * 3 / 2) * PAGE : PAGE;
    size_t size = size_argument(argc, argv, 1, "SIZE", standard, 64 * PAGE, 2u << 30);
    pages = size / PAGE;
    words = allocate_pages(size);

    printf("This machine has %llu pageable frames of 4 KiB. The program owns %u pages", frames, pages);
    printf(pages > frames ? ": more than fit.\n" : ": they all fit.\n");
    step("1. Write every page once.", fill,
         "memory costs nothing until it is touched; once the frames are gone, old pages go to swap");
    step("2. Read every page again, in the same order, and check each word.", check,
         "a sweep larger than memory finds every page gone just before it comes back to it");
    step("3. Read it all once more.", check,
         "pages that were not modified since have their copy on swap: they are dropped, not written again");
    step("4. Read the last sixteenth, which has just been read.", check_last,
         "locality: what was used lately is in memory, and costs nothing");
    printf("\nEvery word was right.\n");
    return 0;
}
