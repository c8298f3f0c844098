/*
 * bench: what the operations of virtual memory cost, one at a time. The same binary runs under Faultline and under
 * Linux; who counts is outside (tests/bench/counter.c), told where to begin and to end by marks.
 *
 *     bench ROW KIB [FILE [COMMAND ARGUMENT...]]
 *
 * KIB is the memory that user programs have, FILE one of more than twice that size, filled by tests/bench/micro.
 * For each region, in order, "BENCH name operations nanoseconds" is printed, followed by lines "COUNT counter
 * difference". Every row checks its data: a page that came back wrong ends the program with status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE      4096u
#define SECTOR    512u
#define WORDS     (PAGE / sizeof(uint32_t))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define STEP      (SECTOR / sizeof(uint32_t)) /* one word in each sector of a page is checked */

struct row {
    const char *name;
    void (*run)(void);
};

static size_t memory;        /* bytes that user programs have */
static const char *big_file; /* of more than twice that size */
static char **command;

static void fail(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- counters --- */

static const char *const counter_names[] = {
    "pgfault",    "pgmajfault", "pswpin",      "pswpout",           "pgpgin",
    "pgpgout",    "allocstall", "blk_held_us", "blk_read_requests", "blk_write_requests",
    "blk_busy_us"};
#define COUNTERS (sizeof(counter_names) / sizeof(*counter_names))

/* What the files with counters held at a time. */
struct snapshot {
    char vmstat[16 * 1024], diskstats[4 * 1024];
};

static struct snapshot before, after; /* locked in memory */
static int vmstat, diskstats;         /* open files; -1: there is none */

static void open_counters(void) {
    vmstat = open("/proc/vmstat", O_RDONLY);
    diskstats = open("/proc/diskstats", O_RDONLY);
    if (vmstat < 0 || mlock(&before, sizeof(before)) != 0 || mlock(&after, sizeof(after)) != 0)
        fail("counters");
}

/* All of a file, as much as a read gives at a time. */
static void read_whole(int file, char *text, size_t size) {
    size_t length = 0;
    ssize_t got;

    while (length + 1 < size && (got = pread(file, text + length, size - 1 - length, (off_t)length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
}

/* A few calls of the kernel and no more: what the program's own text costs to bring in is no part of a region. */
static void take_snapshot(struct snapshot *snapshot) {
    read_whole(vmstat, snapshot->vmstat, sizeof(snapshot->vmstat));
    if (diskstats >= 0)
        read_whole(diskstats, snapshot->diskstats, sizeof(snapshot->diskstats));
}

static const char *next_line(const char *line) {
    const char *end = strchr(line, '\n');

    return end == NULL ? line + strlen(line) : end + 1;
}

/*
 * Linux counts requests in a file of its own: reads are the fourth word of the disk's line, writes the eighth, and
 * the thirteenth is the milliseconds in which the disk had any.
 */
static void find_disk_requests(const char *text, long long *values) {
    char name[32];
    long long reads, writes, busy;

    for (const char *line = text; *line != '\0'; line = next_line(line))
        if (sscanf(line, "%*d %*d %31s %lld %*d %*d %*d %lld %*d %*d %*d %*d %lld", name, &reads, &writes,
                   &busy) == 4 &&
            strcmp(name, "sda") == 0) {
            values[COUNTERS - 3] = reads;
            values[COUNTERS - 2] = writes;
            values[COUNTERS - 1] = busy * 1000;
        }
}

static void find_counters(const struct snapshot *snapshot, long long *values) {
    char name[128];
    long long value;

    memset(values, 0, COUNTERS * sizeof(*values));
    for (const char *line = snapshot->vmstat; *line != '\0'; line = next_line(line))
        for (unsigned i = 0; i < COUNTERS; i++)
            if (sscanf(line, "%127s %lld", name, &value) == 2 && strcmp(name, counter_names[i]) == 0)
                values[i] = value;
    find_disk_requests(snapshot->diskstats, values);
}

/* --- regions --- */

static uint64_t nanoseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint32_t)now.tv_nsec;
}

static uint64_t began;

static void begin(void) {
    take_snapshot(&before);
    began = nanoseconds();
    asm volatile("xchg %%bx, %%bx" ::: "memory");
}

static void end(const char *name, unsigned operations) {
    long long then[COUNTERS], now[COUNTERS];

    asm volatile("xchg %%cx, %%cx" ::: "memory");
    uint64_t took = nanoseconds() - began;

    take_snapshot(&after);
    printf("BENCH %s %u %llu\n", name, operations, (unsigned long long)took);
    find_counters(&before, then);
    find_counters(&after, now);
    for (unsigned i = 0; i < COUNTERS; i++)
        printf("COUNT %s %lld\n", counter_names[i], now[i] - then[i]);
    fflush(stdout);
}

/* --- data --- */

static uint32_t word_of(uint32_t seed, uint32_t page, unsigned word) {
    uint32_t x = (page * WORDS + word + 1) * 2654435761u ^ seed;

    return x ^ x >> 15;
}

static void fill(uint32_t *page, uint32_t seed, uint32_t number) {
    for (unsigned w = 0; w < WORDS; w += STEP)
        page[w] = word_of(seed, number, w);
}

static void check(const uint32_t *page, uint32_t seed, uint32_t number) {
    for (unsigned w = 0; w < WORDS; w += STEP)
        if (page[w] != word_of(seed, number, w)) {
            errno = 0;
            fail("a page has the wrong contents");
        }
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

static uint32_t *map(size_t bytes, int protection, int flags, int file) {
    void *at = mmap(NULL, bytes, protection, flags, file, 0);

    if (at == MAP_FAILED)
        fail("mmap");
    return at;
}

static uint32_t *map_anonymous(size_t bytes) {
    return map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void touch(uint32_t *words, unsigned pages) {
    for (unsigned p = 0; p < pages; p++)
        words[p * WORDS] = p;
}

static void reap(pid_t child) {
    int status;

    if (child < 0)
        fail("fork");
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("a child");
}

/* --- rows of the processor --- */

enum { PAGES = 1024, PROCESSES = 100, TURNS = 5000, CALLS = 20000 };

static void null_call(void) {
    begin();
    for (unsigned i = 0; i < CALLS; i++) {
        long number = SYS_getppid; /* and then the result */

        asm volatile("int $0x80" : "+a"(number) : : "memory");
    }
    end("null", CALLS);
}

/* The first round makes page tables and warms caches up; the second is measured. */
static void zero(void) {
    uint32_t *words = map_anonymous(PAGES * PAGE);

    touch(words, PAGES);
    munmap(words, PAGES * PAGE);
    words = map_anonymous(PAGES * PAGE);
    begin();
    touch(words, PAGES);
    end("zero", PAGES);
    for (unsigned p = 0; p < PAGES; p++)
        if (words[p * WORDS] != p || words[p * WORDS + 1] != 0)
            fail("a page was not zero");
    begin();
    munmap(words, PAGES * PAGE);
    end("munmap", PAGES);
}

static void copy(void) {
    uint32_t *words = map_anonymous(PAGES * PAGE);
    pid_t child;

    for (unsigned p = 0; p < PAGES; p++)
        fill(words + p * WORDS, 1, p);
    child = fork();
    if (child == 0) {
        begin();
        for (unsigned p = 0; p < PAGES; p++)
            words[p * WORDS + 1] = p;
        end("copy", PAGES);
        for (unsigned p = 0; p < PAGES; p++)
            check(words + p * WORDS, 1, p);
        exit(0);
    }
    reap(child);
    munmap(words, PAGES * PAGE);
}

/* Where pages that leave are kept for a while they come back without the disk; elsewhere they are read again. */
static void reclaim(void) {
    uint32_t *words = map_anonymous(PAGES / 2 * PAGE);

    for (unsigned p = 0; p < PAGES / 2; p++)
        fill(words + p * WORDS, 2, p);
    if (madvise(words, PAGES / 2 * PAGE, MADV_PAGEOUT) != 0)
        return;
    usleep(300000); /* until they are written */
    begin();
    for (unsigned p = 0; p < PAGES / 2; p++)
        words[p * WORDS + 1] = p;
    end("reclaim", PAGES / 2);
    for (unsigned p = 0; p < PAGES / 2; p++)
        check(words + p * WORDS, 2, p);
    munmap(words, PAGES / 2 * PAGE);
}

/* Pages of a file that are in memory and have their blocks: written over, not written out. */
static void overwrite(void) {
    int file = open("bench.over", O_RDWR | O_CREAT | O_TRUNC, 0600);
    static char buffer[PAGE];

    for (unsigned p = 0; p < PAGES / 4; p++)
        if (write(file, buffer, PAGE) != (ssize_t)PAGE)
            fail("bench.over");
    begin();
    for (unsigned p = 0; p < PAGES; p++)
        if (pwrite(file, buffer, PAGE, (off_t)(p % (PAGES / 4)) * PAGE) != (ssize_t)PAGE)
            fail("bench.over");
    end("write-cached", PAGES);
    close(file);
    unlink("bench.over");
}

/* Pages of a file that are in memory, in address order and in no order. */
static void cached(void) {
    int file = open(big_file, O_RDONLY);
    static char buffer[PAGE];
    volatile uint32_t *words;

    for (unsigned p = 0; p < PAGES; p++)
        if (read(file, buffer, PAGE) != (ssize_t)PAGE)
            fail(big_file);
    words = map(PAGES * PAGE, PROT_READ, MAP_SHARED, file);
    begin();
    for (unsigned p = 0; p < PAGES; p++)
        (void)words[p * WORDS];
    end("cached", PAGES);
    munmap((void *)words, PAGES * PAGE);
    words = map(PAGES * PAGE, PROT_READ, MAP_SHARED, file);
    begin();
    for (unsigned p = 0; p < PAGES; p++)
        (void)words[(p * 389u % PAGES) * WORDS];
    end("cached-random", PAGES);
    for (unsigned p = 0; p < PAGES; p++)
        check((const uint32_t *)words + p * WORDS, 0, p);
    munmap((void *)words, PAGES * PAGE);
    begin();
    for (unsigned p = 0; p < PAGES; p++)
        if (pread(file, buffer, PAGE, (off_t)p * PAGE) != (ssize_t)PAGE)
            fail(big_file);
    end("read-cached", PAGES);
    begin();
    for (unsigned p = 0; p < PAGES; p++)
        if (pread(file, buffer, 1, (off_t)p * PAGE) != 1)
            fail(big_file);
    end("read-byte", PAGES);
    overwrite();
    close(file);
}

static void fork_exit(void) {
    begin();
    for (unsigned i = 0; i < PROCESSES; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(0);
        reap(child);
    }
    end("fork-exit", PROCESSES);
}

static void fork_exec(void) {
    begin();
    for (unsigned i = 0; i < PROCESSES; i++) {
        pid_t child = fork();

        if (child == 0) {
            execl("/proc/self/exe", "bench", "nothing", "0", NULL);
            _exit(1);
        }
        reap(child);
    }
    end("fork-exec-exit", PROCESSES);
}

static void fork_dirty(void) {
    uint32_t *words = map_anonymous(PAGES * PAGE);
    pid_t child;

    touch(words, PAGES);
    begin();
    child = fork();
    if (child == 0)
        _exit(0);
    reap(child);
    end("fork-1024-pages", PAGES);
    munmap(words, PAGES * PAGE);
}

/*
 * Two processes give way to each other. The other one has begun before, and goes on until it is told to end. Linux's
 * fair scheduler may let the one that gives way go on: its real-time one does not.
 */
static void switches(void) {
    struct sched_param priority = {.sched_priority = 1};
    int ready[2];
    char byte = 0;
    pid_t child;

    sched_setscheduler(0, SCHED_FIFO, &priority); /* what has only one scheduler may refuse */
    if (pipe(ready) != 0)
        fail("pipe");
    child = fork();
    if (child == 0) {
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            sched_yield();
    }
    if (child < 0 || read(ready[0], &byte, 1) != 1)
        fail("a child");
    for (unsigned i = 0; i < 100; i++)
        sched_yield();
    begin();
    for (unsigned i = 0; i < TURNS; i++)
        sched_yield();
    end("switch", 2 * TURNS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    priority.sched_priority = 0;
    sched_setscheduler(0, SCHED_OTHER, &priority);
    close(ready[0]);
    close(ready[1]);
}

static void pipes(void) {
    int there[2], back[2];
    char byte = 1;
    pid_t child;

    if (pipe(there) != 0 || pipe(back) != 0)
        fail("pipe");
    child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1)
                break;
        _exit(0);
    }
    begin();
    for (unsigned i = 0; i < TURNS; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            fail("pipe");
    end("pipe", TURNS);
    close(there[1]);
    close(there[0]);
    close(back[1]);
    reap(child);
    close(back[0]);
}

static void nothing(void) {
}

static const struct row cpu_rows[] = {
    {"null", null_call},  {"zero", zero},           {"copy", copy},           {"reclaim", reclaim},
    {"cached", cached},   {"fork-exit", fork_exit}, {"fork-exec", fork_exec}, {"fork-dirty", fork_dirty},
    {"switch", switches}, {"pipe", pipes},          {"nothing", nothing},
};

static void cpu(void) {
    for (unsigned i = 0; i < sizeof(cpu_rows) / sizeof(*cpu_rows); i++)
        cpu_rows[i].run();
}

/* --- rows that page --- */

/* Twice what memory holds: pages. */
static unsigned twice(void) {
    return (unsigned)(2 * memory / PAGE);
}

static void swapping(void) {
    unsigned pages = twice();
    uint32_t *words = map_anonymous(2 * memory);

    begin();
    for (unsigned p = 0; p < pages; p++)
        fill(words + p * WORDS, 3, p);
    end("page-out", pages);
    begin();
    for (unsigned p = 0; p < pages; p++)
        check(words + p * WORDS, 3, p);
    end("page-in", pages);
    begin();
    for (unsigned i = 0; i < pages / 2; i++) {
        unsigned p = random_below(pages);

        check(words + p * WORDS, 3, p);
    }
    end("page-in-random", pages / 2);
    begin();
    for (unsigned i = 0; i < pages / 2; i++) {
        unsigned p = random_below(pages);

        check(words + p * WORDS, 3, p);
        words[p * WORDS + 1] = i;
    }
    end("random-touches", pages / 2);
}

static uint32_t *map_big_file(void) {
    int file = open(big_file, O_RDONLY);

    if (file < 0)
        fail(big_file);
    return map(2 * memory, PROT_READ, MAP_SHARED, file);
}

static void file_sequential(void) {
    unsigned pages = twice();
    uint32_t *words = map_big_file();

    begin();
    for (unsigned p = 0; p < pages; p++)
        check(words + p * WORDS, 0, p);
    end("file-sequential", pages);
}

static void file_random(void) {
    unsigned pages = twice();
    uint32_t *words = map_big_file();

    begin();
    for (unsigned i = 0; i < pages / 2; i++) {
        unsigned p = random_below(pages);

        check(words + p * WORDS, 0, p);
    }
    end("file-random", pages / 2);
}

/* What the disk gives, past every cache: the measure for the rows that page. */

/* Over what the file has there; read back, past all caches, and checked. */
static void direct_write(uint32_t *buffer, unsigned piece, unsigned pages) {
    int file = open(big_file, O_RDWR | O_DIRECT);

    begin();
    for (unsigned p = 0; p < pages; p += piece) {
        fill(buffer, 5, p);
        if (pwrite(file, buffer, piece * PAGE, (off_t)p * PAGE) != (ssize_t)(piece * PAGE))
            fail(big_file);
    }
    end("direct-write", pages);
    for (unsigned p = 0; p < pages; p += piece) {
        if (pread(file, buffer, piece * PAGE, (off_t)p * PAGE) != (ssize_t)(piece * PAGE))
            fail(big_file);
        check(buffer, 5, p);
    }
    close(file);
}

static void direct(void) {
    enum { PIECE = 32 };
    unsigned pages = twice();
    int file = open(big_file, O_RDONLY | O_DIRECT);
    uint32_t *buffer = map_anonymous(PIECE * PAGE);

    begin();
    for (unsigned p = 0; p < pages; p += PIECE) {
        if (pread(file, buffer, PIECE * PAGE, (off_t)p * PAGE) != (ssize_t)(PIECE * PAGE))
            fail(big_file);
        check(buffer, 0, p);
    }
    end("direct-sequential", pages);
    begin();
    for (unsigned i = 0; i < pages / 2; i++) {
        unsigned p = random_below(pages);

        if (pread(file, buffer, PAGE, (off_t)p * PAGE) != (ssize_t)PAGE)
            fail(big_file);
        check(buffer, 0, p);
    }
    end("direct-random", pages / 2);
    close(file);
    direct_write(buffer, PIECE, pages);
}

enum { PIECE = 256 };

/*
 * So many pages of a file, from @first on, in order, past every cache, with several requests at the disk at a time;
 * the memory has @span pages.
 */
static void raw_transfer(int file, unsigned first, uint32_t *words, unsigned span, unsigned pages,
                         bool write) {
    for (unsigned p = 0; p < pages; p += PIECE) {
        off_t at = (off_t)(first + p) * PAGE;
        uint32_t *piece = words + p % span * WORDS;
        ssize_t moved = write ? pwrite(file, piece, PIECE * PAGE, at) : pread(file, piece, PIECE * PAGE, at);

        if (moved != (ssize_t)(PIECE * PAGE))
            fail(big_file);
    }
}

/*
 * Page-out beside the disk's own rate, in turns: memory is full of modified pages, so that for each one that is
 * dirtied one must be written; and the disk writes as much from a buffer. What is still under way at the end of a
 * turn is let go by before the disk's own begins.
 */
static void out_rate(void) {
    enum { TURNS = 8, SLICE = 2048, GO_BY = 512 };
    unsigned page = 0, full = (unsigned)(memory / PAGE);
    uint32_t *words = map_anonymous(memory + TURNS * SLICE * PAGE), *buffer = map_anonymous(PIECE * PAGE);
    int file = open(big_file, O_RDWR | O_DIRECT);

    fill(buffer, 6, 0);
    for (; page < full; page++)
        fill(words + page * WORDS, 3, page);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        raw_transfer(file, 0, buffer, PIECE, GO_BY, true);
        begin();
        raw_transfer(file, 0, buffer, PIECE, SLICE, true);
        end("raw-write", SLICE);
        begin();
        for (unsigned n = 0; n < SLICE; n++, page++)
            fill(words + page * WORDS, 3, page);
        end("page-out-full", SLICE);
    }
    for (unsigned p = 0; p < page; p++)
        check(words + p * WORDS, 3, p);
    close(file);
}

/*
 * Page-in and page-out alone, each beside the disk's own rate for the very same frames and over as much of the disk, in
 * turns. Pages that are on swap only, and whose frames can be had at once, are read in order; as much of a file is read
 * into the same memory. The pages, modified again, are written to the file; then they are paged out, with nothing asked
 * for in their place. The last page is the last one to be written, and touching it waits for that: who counts sees how
 * many were.
 */
static void rates(void) {
    enum { TURNS = 8, GO_BY = PIECE };
    unsigned slice = MIN(2048u, (unsigned)(memory / PAGE / 2)), slices = twice() / slice;
    uint32_t *words = map_anonymous(2 * memory);
    int file = open(big_file, O_RDWR | O_DIRECT);

    for (unsigned n = 0; n < slices + TURNS; n++) {
        unsigned first = n % slices * slice;
        uint32_t *at = words + first * WORDS, *last = at + (slice - 1) * WORDS;

        if (n >= slices) {
            begin();
            for (unsigned p = 0; p < slice; p++)
                check(at + p * WORDS, 3, first + p);
            end("page-in-rate", slice);
            begin();
            raw_transfer(file, first, at, slice, slice, false);
            end("disk-read", slice);
        }
        for (unsigned p = 0; p < slice; p++)
            fill(at + p * WORDS, 3, first + p);
        raw_transfer(file, first, at, slice, GO_BY, true);
        if (n >= slices) {
            begin();
            raw_transfer(file, first, at, slice, slice, true);
            end("disk-write", slice);
            begin();
        }
        if (madvise(at, slice * PAGE, MADV_PAGEOUT) != 0)
            fail("madvise");
        (void)*(volatile uint32_t *)last;
        if (n >= slices)
            end("page-out-rate", slice);
    }
    for (unsigned p = 0; p < twice(); p++)
        check(words + p * WORDS, 3, p);
    close(file);
}

/*
 * C = A B, with A and C together of twice the memory and B small; checked by C r = A (B r) for a vector r. B is so small
 * that the multiplication, which is the same under any kernel, is not most of the time.
 */
static void matrix(void) {
    enum { N = 4 };
    unsigned rows_total = (unsigned)(memory / (N * sizeof(uint32_t)));
    uint32_t *a = map_anonymous(memory), *c = map_anonymous(memory), b[N][N], br[N] = {0};

    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < N; j++) {
            b[i][j] = word_of(4, i, j);
            br[i] += b[i][j] * j;
        }
    begin();
    for (unsigned i = 0; i < rows_total * N; i++)
        a[i] = i;
    for (unsigned i = 0; i < rows_total; i++)
        for (unsigned k = 0; k < N; k++)
            for (unsigned j = 0; j < N; j++)
                c[i * N + j] += a[i * N + k] * b[k][j];
    for (unsigned i = 0; i < rows_total; i++) {
        uint32_t cr = 0, abr = 0;

        for (unsigned j = 0; j < N; j++) {
            cr += c[i * N + j] * j;
            abr += a[i * N + j] * br[j];
        }
        if (cr != abr)
            fail("the product is wrong");
    }
    end("matrix", twice());
}

/* A whole program, given by the command line. */
static void program(void) {
    pid_t child;

    begin();
    child = fork();
    if (child == 0) {
        execv(command[0], command);
        fail(command[0]);
    }
    reap(child);
    end("program", 1);
}

/* --- growth: the cost of a fault as something around it grows --- */

/* The command line's COMMAND is the number of areas, of processes, or nothing. */
static unsigned amount(void) {
    return command[0] == NULL ? 1 : (unsigned)strtoul(command[0], NULL, 10);
}

/* All of memory but an eighth is touched; the last PAGES touches are measured. */
static void growth_memory(void) {
    unsigned pages = (unsigned)(memory / PAGE) * 7 / 8;
    uint32_t *words = map_anonymous((size_t)pages * PAGE);

    touch(words, pages - PAGES);
    begin();
    touch(words + (pages - PAGES) * WORDS, PAGES);
    end("growth-memory", PAGES);
}

/* Areas of two pages, every second one of other rights, so that they are not joined; touched in no order. */
static void growth_areas(void) {
    unsigned areas = amount();
    uint32_t *words = map_anonymous((size_t)areas * 2 * PAGE);

    for (unsigned i = 1; i < areas; i += 2)
        if (mprotect(words + i * 2 * WORDS, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
            fail("mprotect");
    for (unsigned i = 0; i < areas; i++)
        words[i * 2 * WORDS] = 1;
    begin();
    for (unsigned i = 0; i < areas; i++)
        words[(i * 389u % areas * 2 + 1) * WORDS] = 1;
    end("growth-areas", areas);
}

/* So many processes have the pages; one more faults for them, and then writes to them. */
static void growth_sharers(void) {
    enum { SHARED = 64 };
    unsigned processes = amount();
    volatile uint32_t *shared = map(SHARED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    uint32_t *private = map_anonymous(SHARED * PAGE);
    int ready[2], leave[2];
    char byte = 0;

    if (pipe(ready) != 0 || pipe(leave) != 0)
        fail("pipe");
    touch((uint32_t *)shared, SHARED);
    touch(private, SHARED);
    for (unsigned i = 1; i < processes; i++) {
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child > 0)
            continue;
        for (unsigned p = 0; p < SHARED; p++)
            byte = (char)(shared[p * WORDS] + ((volatile uint32_t *)private)[p * WORDS]);
        close(leave[1]);
        if (write(ready[1], &byte, 1) != 1 || read(leave[0], &byte, 1) != 0)
            _exit(1);
        _exit(0);
    }
    for (unsigned i = 1; i < processes; i++)
        if (read(ready[0], &byte, 1) != 1)
            fail("a child");
    pid_t last = fork();

    if (last == 0) {
        begin();
        for (unsigned p = 0; p < SHARED; p++)
            (void)shared[p * WORDS];
        end("growth-sharers", SHARED);
        for (unsigned p = 0; p < SHARED; p++)
            (void)((volatile uint32_t *)private)[p * WORDS];
        begin();
        for (unsigned p = 0; p < SHARED; p++)
        private[p * WORDS] = p;
        end("growth-sharers-copy", SHARED);
        _exit(0);
    }
    reap(last);
    close(leave[1]);
    for (unsigned i = 1; i < processes; i++)
        wait(NULL);
}

static const struct row rows[] = {
    {"cpu", cpu},
    {"swapping", swapping},
    {"out-rate", out_rate},
    {"rates", rates},
    {"file-sequential", file_sequential},
    {"file-random", file_random},
    {"direct", direct},
    {"matrix", matrix},
    {"program", program},
    {"growth-memory", growth_memory},
    {"growth-areas", growth_areas},
    {"growth-sharers", growth_sharers},
};

static void run_row(const char *name) {
    for (unsigned i = 0; i < sizeof(cpu_rows) / sizeof(*cpu_rows); i++)
        if (strcmp(cpu_rows[i].name, name) == 0) {
            cpu_rows[i].run();
            return;
        }
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].name, name) == 0) {
            rows[i].run();
            return;
        }
    errno = EINVAL;
    fail(name);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench ROW KIB [FILE [COMMAND ARGUMENT...]]\n");
        return 1;
    }
    if (strcmp(argv[1], "nothing") == 0)
        return 0;
    memory = (size_t)strtoul(argv[2], NULL, 10) * 1024;
    big_file = argc > 3 ? argv[3] : "";
    command = argv + (argc > 4 ? 4 : argc);
    open_counters();
    run_row(argv[1]);
    return 0;
}
