/*
 * swapfigures: is /proc/meminfo right about swap, to the page? Processes fill more memory than there is, private,
 * shared with a child, copied by fork, of a segment and of a file in memory; then nothing moves, and what
 * SwapTotal - SwapFree says is counted again, from what /proc says of each page:
 *
 *     slots in use = SwapCached + SwapPss of all processes + Swap of what is shared       (smaps)
 *     SwapCached   = frames whose page has a slot                     (/proc/kpageflags: SWAPCACHE)
 *     slots in use = pages without an entry that have a slot (/proc/PID/pagemap of all processes, each slot once)
 *                  + pages with an entry that have one as well        (/proc/kpageflags: MMAP and SWAPCACHE)
 *
 * The last only while no process shares with another: of a page that one of two has an entry for, both are told.
 *
 * With "static" the slots of whole runs are in use, so there it is looked at that no page has its slot outside of what
 * is in use, and that a page's neighbour is its neighbour on swap.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <time.h>

static const char usage[] = "swapfigures [static|fill] [SIZE]\n"
                            "  fills several times SIZE bytes (standard 1M) and counts what is on swap";

#define PRESENT   (1ull << 63)
#define SWAPPED   (1ull << 62)
#define MMAP      (1ull << 11)
#define SWAPCACHE (1ull << 13)
#define WORDS     (PAGE / sizeof(uint32_t))

enum { SLOTS_MAX = 1 << 20, RECORDS = 512, TRIES = 500, RUN = 64 };

/* --- memory that goes to swap -------------------------------------------------------------------- */

static unsigned *shared, *segment, *file_in_memory;
static size_t words;

static unsigned *map_file_in_memory(void) {
    static const char name[] = "/dev/shm/swapfigures";
    int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    unlink(name);
    if (file < 0 || ftruncate(file, (off_t)(words * 4)) != 0)
        fail_errno("%s", name);
    return mmap(NULL, words * 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

static void make_shared(void) {
    int id = shmget(IPC_PRIVATE, words * 4, IPC_CREAT | 0600);
    shared = mmap(NULL, words * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    segment = shmat(id, NULL, 0);
    file_in_memory = map_file_in_memory();
    if (shared == MAP_FAILED || segment == (void *)-1 || file_in_memory == MAP_FAILED)
        fail_errno("shared memory");
    shmctl(id, IPC_RMID, NULL);
}

/* A child that fills memory of its own, and a quarter of what it has from its parent; then it waits to be killed. */
static int start_child(unsigned *inherited, unsigned seed) {
    int ready[2];
    char byte;
    if (pipe(ready) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        uint32_t *own = allocate_pages(words * 4);
        pattern_fill(own, 0, words, seed);
        pattern_fill(inherited, 0, words / 4, seed + 1);
        pattern_fill(shared, 0, words, 7);
        pattern_check(own, 0, words, seed, "a child's pages");
        write_all(ready[1], "r", 1);
        for (;;)
            pause();
    }
    read_all(ready[0], &byte, 1);
    return pid;
}

/* The same in a program of its own, which shares nothing with anybody. */
static int start_stranger(const char *size) {
    int ready[2];
    char byte;
    if (pipe(ready) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        dup2(ready[1], STDOUT_FILENO);
        execl("/proc/self/exe", "swapfigures", "fill", size, (char *)NULL);
        _exit(1);
    }
    read_all(ready[0], &byte, 1);
    return pid;
}

static void fill_and_wait(void) {
    uint32_t *own = allocate_pages(words * 4);
    pattern_fill(own, 0, words, 30);
    pattern_check(own, 0, words, 30, "a stranger's pages");
    write_all(STDOUT_FILENO, "r", 1);
    for (;;)
        pause();
}

/* --- counting ------------------------------------------------------------------------------------ */

static struct {
    unsigned long absent, mapped, cached, private_kib, shared_kib; /* see above; pages and KiB */
    unsigned long total_kib, free_kib, cached_kib;                 /* /proc/meminfo */
    unsigned long apart;                                           /* neighbours that are not on swap */
} figures;

static uint8_t seen[SLOTS_MAX / 8];

static int open_of(const char *process, const char *name) {
    char path[300];
    snprintf(path, sizeof(path), "/proc/%s/%s", process, name);
    return open(path, O_RDONLY);
}

/* A whole text, which stays good while its parts are read one after the other. Static storage. */
static char *text_of(const char *process, const char *name) {
    static char text[256 << 10];
    size_t length = 0;
    ssize_t bytes;
    int file = open_of(process, name);
    while ((bytes = read(file, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)bytes;
    close(file);
    text[length] = '\0';
    return text;
}

static void count_entries(const uint64_t *entries, size_t count) {
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t slot = entries[i] & SWAPPED ? (entries[i] & ((1ull << 55) - 1)) >> 5 : 0;
        if (slot >= SLOTS_MAX)
            fail("slot %llu", (unsigned long long)slot);
        if (slot != 0 && !(seen[slot / 8] >> slot % 8 & 1)) {
            seen[slot / 8] |= (uint8_t)(1u << slot % 8);
            figures.absent++;
        }
        figures.apart += slot != 0 && last != 0 && slot != last + 1;
        last = slot;
    }
}

static void count_area(int pagemap, unsigned long start, unsigned long end) {
    uint64_t entries[RECORDS];
    for (unsigned long page = start / PAGE; page < end / PAGE; page += RECORDS) {
        size_t wanted = end / PAGE - page < RECORDS ? end / PAGE - page : RECORDS;
        if (pread(pagemap, entries, wanted * 8, (off_t)page * 8) != (ssize_t)(wanted * 8))
            fail_errno("pagemap");
        count_entries(entries, wanted);
    }
}

/* One process: its slots, and what smaps says; what is shared is counted in this process alone, which maps it all. */
static void count_process(const char *process) {
    bool counted_here = atoi(process) == getpid(), is_shared = false;
    int pagemap = open_of(process, "pagemap");
    char *line, *rest = text_of(process, "smaps");
    while ((line = strsep(&rest, "\n")) != NULL) {
        unsigned long start, end, kib;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, access) == 3) {
            is_shared = access[3] == 's';
            count_area(pagemap, start, end);
        } else if (sscanf(line, "Swap: %lu", &kib) == 1) {
            figures.shared_kib += is_shared && counted_here ? kib : 0;
        } else if (sscanf(line, "SwapPss: %lu", &kib) == 1) {
            figures.private_kib += kib;
        }
    }
    close(pagemap);
}

static void count_processes(void) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            count_process(entry->d_name);
    closedir(proc);
}

static void count_frames(void) {
    uint64_t flags[RECORDS];
    ssize_t bytes;
    int file = open("/proc/kpageflags", O_RDONLY);
    while ((bytes = read(file, flags, sizeof(flags))) > 0)
        for (size_t i = 0; i < (size_t)bytes / 8; i++) {
            figures.cached += (flags[i] & SWAPCACHE) != 0;
            figures.mapped += (flags[i] & (SWAPCACHE | MMAP)) == (SWAPCACHE | MMAP);
        }
    close(file);
}

static unsigned long meminfo(const char *text, const char *name) {
    const char *line = strstr(text, name);
    if (line == NULL)
        fail("/proc/meminfo has no %s", name);
    return strtoul(line + strlen(name), NULL, 10);
}

static void count(void) {
    memset(&figures, 0, sizeof(figures));
    memset(seen, 0, sizeof(seen));
    count_processes();
    count_frames();
    const char *text = text_of("", "meminfo");
    figures.total_kib = meminfo(text, "SwapTotal:");
    figures.free_kib = meminfo(text, "SwapFree:");
    figures.cached_kib = meminfo(text, "SwapCached:");
}

/* Counts until nothing has moved meanwhile. */
static void count_at_rest(void) {
    static const char *const movers[] = {
        "pgfault", "pgevict", "pswpin", "pswpout", "pgsteal", "blk_swap_pages_in", "blk_swap_pages_out"};
    struct vmstat before, after;
    for (unsigned i = 0; i < TRIES; i++) {
        bool moved = false;
        vmstat_read(&before);
        count();
        vmstat_read(&after);
        for (unsigned m = 0; m < COUNT_OF(movers); m++)
            moved |= vmstat_difference(&before, &after, movers[m]) != 0;
        if (!moved)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    fail("pages keep moving");
}

/* --- comparing ----------------------------------------------------------------------------------- */

static bool wrong;

static void compare(const char *what, unsigned long said, unsigned long counted) {
    printf("%s: %s\n", what, said == counted ? "right to the page" : "WRONG");
    if (said == counted)
        return;
    fprintf(stderr, "swapfigures: %s: %lu KiB said, %lu counted\n", what, said, counted);
    wrong = true;
}

static void compare_all(const char *when, bool sharing, bool in_runs) {
    printf("%s\n", when);
    fflush(stdout);
    count_at_rest();
    unsigned long used = figures.total_kib - figures.free_kib;
    if (figures.absent < 100)
        fail("only %lu pages are on swap: no test", figures.absent);
    compare("SwapCached", figures.cached_kib, 4 * figures.cached);
    if (!in_runs) {
        compare("SwapTotal - SwapFree, by smaps", used,
                figures.cached_kib + figures.private_kib + figures.shared_kib);
        if (!sharing)
            compare("SwapTotal - SwapFree, by pagemap", used, 4 * (figures.absent + figures.mapped));
        wrong |= 4 * figures.absent > used || 4 * (figures.absent + figures.mapped) < used;
        return;
    }
    printf("neighbours are neighbours on swap: %s\n", figures.apart <= used / 4 / RUN ? "yes" : "NO");
    wrong |= figures.apart > used / 4 / RUN || used < 4 * figures.absent;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "swapfigures", usage);
    bool in_runs = argc > 1 && strcmp(argv[1], "static") == 0;
    bool fill = argc > 1 && strcmp(argv[1], "fill") == 0;
    words = size_argument(argc, argv, in_runs || fill ? 2 : 1, "SIZE", 1 << 20, 16 * PAGE, 64 << 20) / PAGE *
            WORDS;
    if (fill)
        fill_and_wait();
    uint32_t *inherited = allocate_pages(words * 4);
    make_shared();
    pattern_fill(inherited, 0, words, 1);
    pattern_fill(segment, 0, words, 2);
    pattern_fill(file_in_memory, 0, words, 3);
    int first = start_child(inherited, 10), second;
    compare_all("a child that shares", true, in_runs);
    kill(first, SIGKILL);
    wait_for(first);
    pattern_check(inherited, 0, words, 1, "what a child had a copy of");
    compare_all("none", false, in_runs);
    second = start_stranger(argc > 1 + in_runs ? argv[1 + in_runs] : "1M");
    pattern_check(segment, 0, words, 2, "the segment");
    pattern_check(file_in_memory, 0, words, 3, "the file in memory");
    compare_all("another program", false, in_runs);
    pattern_check(shared, 0, words, 7, "what a child has stored");
    kill(second, SIGKILL);
    wait_for(second);
    return wrong;
}
