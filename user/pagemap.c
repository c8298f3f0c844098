/*
 * pagemap: where a page is. The lecture's page-table entry, as /proc/PID/pagemap tells it: "valid: frame;
 * invalid: disk block".
 *
 * With "check" it sweeps over its own memory and compares pagemap with smaps and with what it knows itself;
 * what that prints is the same on a Linux host.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

static const char usage[] =
    "pagemap PID [ADDRESS [PAGES]] | pagemap check [SIZE]\n"
    "  prints where the pages of a process are, from ADDRESS (hexadecimal) or all of them\n"
    "  check: touches SIZE bytes (standard 4M) and compares what /proc says of them";

#define WORDS (PAGE / sizeof(uint32_t))

#define PRESENT   (1ull << 63)
#define SWAPPED   (1ull << 62)
#define SHARED    (1ull << 61)
#define EXCLUSIVE (1ull << 56)

static uint64_t frame_of(uint64_t entry) {
    return entry & ((1ull << 55) - 1);
}

static uint64_t slot_of(uint64_t entry) {
    return frame_of(entry) >> 5;
}

static int open_proc(const char *process, const char *file) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/%s", process, file);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail_errno("%s", path);
    return fd;
}

static void read_entries(int fd, uintptr_t address, uint64_t *entries, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t bytes = pread(fd, entries + done, (count - done) * sizeof(*entries),
                              (off_t)(address / PAGE + done) * (off_t)sizeof(*entries));
        if (bytes <= 0)
            fail_errno("pagemap at %#lx", (unsigned long)(address + done * PAGE));
        done += (size_t)bytes / sizeof(*entries);
    }
}

/* --- for people --- */

static void print_page(uintptr_t address, uint64_t entry) {
    if (entry & PRESENT)
        printf("%08lx  valid: frame %" PRIu64, (unsigned long)address, frame_of(entry));
    else if (entry & SWAPPED)
        printf("%08lx  invalid: slot %" PRIu64, (unsigned long)address, slot_of(entry));
    else
        printf("%08lx  invalid: not touched, or in its file", (unsigned long)address);
    printf("%s%s\n", entry & SHARED ? ", of a file or shared" : "",
           (entry & PRESENT) && !(entry & EXCLUSIVE) ? ", seen by several" : "");
}

static void print_pages(int fd, uintptr_t address, size_t pages) {
    for (; pages > 0; pages--, address += PAGE) {
        uint64_t entry;
        read_entries(fd, address, &entry, 1);
        print_page(address, entry);
    }
}

static void print_process(const char *process) {
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%s/maps", process);
    FILE *maps = fopen(path, "r");
    if (maps == NULL)
        fail_errno("%s", path);
    int fd = open_proc(process, "pagemap");
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long start, end;
        fputs(line, stdout);
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start < 0xc0000000ul)
            print_pages(fd, start, (end - start) / PAGE);
    }
    fclose(maps);
}

/* --- for tests --- */

/* The figure of that name, in KiB, which smaps gives for the area that begins at @address. */
static unsigned smaps_figure(const void *address, const char *name) {
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[256];
    bool here = false;
    unsigned long start, end;
    unsigned value = ~0u;
    if (file == NULL)
        fail_errno("/proc/self/smaps");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            here = (uintptr_t)address >= start && (uintptr_t)address < end;
        else if (here && strncmp(line, name, strlen(name)) == 0)
            value = (unsigned)strtoul(line + strlen(name), NULL, 10);
    }
    fclose(file);
    if (value == ~0u)
        fail("smaps has no %s", name);
    return value;
}

static int compare_words(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* No two pages are in one frame, or in one slot. (Frames read as 0 where the reader is not trusted.) */
static void check_distinct(uint64_t *places, size_t count, const char *what) {
    qsort(places, count, sizeof(*places), compare_words);
    for (size_t i = 1; i < count; i++)
        if (places[i] == places[i - 1] && places[i] != 0)
            fail("two pages are in %s %" PRIu64, what, places[i]);
}

static void check_places(int fd, const void *memory, size_t pages) {
    uint64_t *entries = calloc(pages, sizeof(*entries)), *places = calloc(pages, sizeof(*places));
    size_t present = 0, swapped = 0;
    read_entries(fd, (uintptr_t)memory, entries, pages);
    for (size_t i = 0; i < pages; i++)
        if (entries[i] & PRESENT)
            places[present++] = frame_of(entries[i]);
    check_distinct(places, present, "frame");
    for (size_t i = 0; i < pages; i++)
        if (!(entries[i] & PRESENT) && (entries[i] & SWAPPED))
            places[swapped++] = slot_of(entries[i]);
    check_distinct(places, swapped, "slot");
    for (size_t i = 0; i < pages; i++)
        if (entries[i] & SHARED)
            fail("page %zu is private, and shown as shared", i);
    printf("every page has a frame or a slot: %s\n", present + swapped == pages ? "yes" : "no");
    free(entries);
    free(places);
}

/* Pages move while this looks, so only what holds at any time is compared. */
static void check_sums(const void *memory) {
    unsigned resident = smaps_figure(memory, "Rss:"), swapped = smaps_figure(memory, "Swap:");
    unsigned anonymous = smaps_figure(memory, "Anonymous:"), size = smaps_figure(memory, "Size:");
    printf("no more than there is: %s\n", resident + swapped <= size && anonymous <= size ? "yes" : "no");
}

static void check_sharing(const char *memory) {
    int pid = fork_checked();
    if (pid == 0) {
        unsigned sum = 0;
        for (unsigned i = 0; i < 4; i++)
            sum += (unsigned char)memory[i * PAGE];
        pause();
        exit((int)(sum & 1));
    }
    volatile char sink;
    for (unsigned round = 0; round < 20000; round++) { /* until the child has touched them, and so have we */
        for (unsigned i = 0; i < 4; i++)
            sink = memory[i * PAGE];
        (void)sink;
        if (smaps_figure(memory, "Shared_Dirty:") + smaps_figure(memory, "Shared_Clean:") >= 4 * PAGE / 1024)
            break;
        usleep(5000);
    }
    unsigned shared = smaps_figure(memory, "Shared_Dirty:") + smaps_figure(memory, "Shared_Clean:");
    unsigned resident = smaps_figure(memory, "Rss:"), proportional = smaps_figure(memory, "Pss:");
    printf("shared with a child: %s, its share is less than all: %s\n", shared >= 16 ? "yes" : "no",
           proportional < resident ? "yes" : "no");
    kill(pid, SIGKILL);
    wait_for(pid);
}

static void check(size_t size) {
    size_t pages = size / PAGE;
    uint32_t *words = allocate_pages(size + PAGE);
    int fd = open_proc("self", "pagemap");
    uint64_t entry;
    pattern_fill(words, 0, pages * WORDS, 1);
    check_places(fd, words, pages);
    pattern_check(words, 0, pages * WORDS, 1, "pages looked at");
    check_sums(words);
    read_entries(fd, (uintptr_t)words + size, &entry, 1);
    printf("a page not touched: %s\n", entry & (PRESENT | SWAPPED) ? "somewhere" : "nowhere");
    words[0] = 2;
    read_entries(fd, (uintptr_t)words, &entry, 1);
    printf("a page just touched: %s\n", entry & PRESENT ? "in a frame" : "not in a frame");
    check_sharing((const char *)words);
    munmap(words, size + PAGE);
    read_entries(fd, (uintptr_t)words, &entry, 1);
    printf("a page unmapped: %s\n", entry & (PRESENT | SWAPPED) ? "somewhere" : "nowhere");
    printf("pread past the end: %d\n", (int)pread(fd, &entry, sizeof(entry), (off_t)1 << 60));
}

int main(int argc, char **argv) {
    program_start(argc, argv, "pagemap", usage);
    if (argc < 2)
        usage_error("whose pages?");
    if (strcmp(argv[1], "check") == 0) {
        check(size_argument(argc, argv, 2, "SIZE", 4u << 20, 16 * PAGE, 1u << 30) / PAGE * PAGE);
    } else if (argc == 2) {
        print_process(argv[1]);
    } else {
        uintptr_t address = strtoul(argv[2], NULL, 16) / PAGE * PAGE;
        print_pages(open_proc(argv[1], "pagemap"), address,
                    number_argument(argc, argv, 3, "PAGES", 1, 1, 1u << 20));
    }
    return 0;
}
