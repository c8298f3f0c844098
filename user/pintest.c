/*
 * pintest: pages that a disk is moving, among neighbours that are paged. One area of memory:
 *
 *     | neighbours | sectors |   O_DIRECT buffer   | sectors | neighbours |
 *     |  64 pages  |  its first page … its last page         |  64 pages  |
 *
 * A transfer goes on between the buffer and a file. Meanwhile two more processes that share this memory write and
 * check all neighbours, also the sectors beside the buffer in its own first and last page; and another process, the
 * hog, fills and checks more memory than the machine has, so that neighbours are evicted and faulted back all the time.
 *
 * While all pages of the buffer are pinned, /proc/self/pagemap must show each of them where it was, while some
 * neighbours are gone. Then a transfer loses its memory half-way (munmap, and other memory in the same place), its
 * process is killed, or calls exit. Only rounds count in which that was in mid-transfer, by nr_pinned of /proc/vmstat,
 * before and after; the disk should be slow enough that they are not rare.
 *
 * The file system must know O_DIRECT; and /proc/vmstat must be this kernel's.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] =
    "pintest FILE [ROUNDS [SIZE]]\n"
    "  ROUNDS (standard 5) of each kind in mid-transfer, beside a hog of SIZE bytes (8M)";

#define WORDS   (PAGE / sizeof(uint32_t))
#define PRESENT (1ull << 63)
#define FRAME   ((1ull << 55) - 1)

enum {
    BESIDE = 64,                     /* pages of neighbours on each side */
    BEFORE = 3 * SECTOR,             /* bytes of the first page before the buffer … */
    BYTES = 24 * PAGE,               /* … which are these … */
    BUFFER_PAGES = BYTES / PAGE + 1, /* … and end as many before the last page's end */
    ALL_PAGES = 2 * BESIDE + BUFFER_PAGES,
    TRIES = 40,  /* rounds for one in mid-transfer */
    LOOKS = 500, /* for a transfer that begins */
    SAMPLE_NS = 1000000,
    STACK = 64 * 1024,
};

static char *memory, *buffer;
static int file;

static void pause_a_little(void) {
    nanosleep(&(struct timespec){.tv_nsec = SAMPLE_NS}, NULL);
}

/* --- the others --- */

static int start(int (*what)(void *), void *argument) {
    char *stack = allocate_pages(STACK); /* never given back: there are not many */
    int pid = clone(what, stack + STACK, CLONE_VM | SIGCHLD, argument);
    if (pid < 0)
        fail_errno("clone");
    return pid;
}

static int start_hog(size_t size) {
    int pid = fork_checked();
    if (pid == 0) {
        uint32_t *words = allocate_pages(size);
        for (uint32_t seed = 1;; seed++) {
            pattern_fill(words, 0, size / 4, seed);
            pattern_check(words, 0, size / 4, seed, "the hog's memory");
        }
    }
    return pid;
}

/* Words of the neighbours on one side of the buffer, sweeps over them, and whether to go on. */
static struct side {
    uint32_t *words;
    size_t count;
    unsigned sweeps;
    volatile bool stop;
} sides[2];

static int sweep_side(void *argument) {
    struct side *side = argument;
    for (uint32_t seed = 1; !side->stop; seed++) {
        for (uint32_t i = 0; i < side->count; i += WORDS) {
            size_t words = side->count - i < WORDS ? side->count - i : WORDS;
            if (seed > 1)
                pattern_check(side->words + i, i, words, seed - 1, "a neighbour of the buffer");
            pattern_fill(side->words + i, i, words, seed);
            sched_yield();
        }
        side->sweeps++;
    }
    return 0;
}

static void start_sides(int pids[2]) {
    char *after = buffer + BYTES, *end = memory + ALL_PAGES * PAGE;
    sides[0] = (struct side){.words = (uint32_t *)memory, .count = (size_t)(buffer - memory) / 4};
    sides[1] = (struct side){.words = (uint32_t *)after, .count = (size_t)(end - after) / 4};
    for (unsigned i = 0; i < 2; i++)
        pids[i] = start(sweep_side, &sides[i]);
}

static void stop_sides(const int pids[2]) {
    for (unsigned i = 0; i < 2; i++) {
        sides[i].stop = true;
        if (wait_for(pids[i]) != 0)
            fail("a process that swept the neighbours failed");
    }
}

/* --- a transfer --- */

struct transfer {
    bool write;
    volatile bool done;
    volatile ssize_t result;
};

static int move(void *argument) {
    struct transfer *transfer = argument;
    transfer->result = transfer->write ? pwrite(file, buffer, BYTES, 0) : pread(file, buffer, BYTES, 0);
    transfer->done = true;
    return 0;
}

/* Pages that the kernel holds in place for DMA, each as often as a piece of the transfer lies in it. */
static unsigned long long pins_ever;
static unsigned pins_of_transfer;

static unsigned pinned(void) {
    static struct vmstat now;
    if (!vmstat_read(&now) || !vmstat_has(&now, "dma_pin"))
        fail("/proc/vmstat does not count pins: not this kernel");
    pins_ever = vmstat_value(&now, "dma_pin");
    return (unsigned)(pins_ever - vmstat_value(&now, "dma_unpin"));
}

/* Until the whole buffer is pinned; false: the transfer was over before that was seen. */
static bool wait_for_pins(const struct transfer *transfer) {
    while (!transfer->done) {
        if (pinned() == pins_of_transfer)
            return true;
        sched_yield();
    }
    return false;
}

static void expect_data(uint32_t seed, const char *what) {
    pattern_check((uint32_t *)buffer, 0, BYTES / 4, seed, what);
}

static void expect_all_let_go(const char *when) {
    unsigned left = pinned();
    if (left != 0)
        fail("%s: %u pages are still pinned", when, left);
}

/* --- pinned pages stay, neighbours go --- */

static void sample(uint64_t entries[ALL_PAGES]) {
    static int pagemap = -1;
    if (pagemap < 0)
        pagemap = open("/proc/self/pagemap", O_RDONLY);
    if (pread(pagemap, entries, ALL_PAGES * 8, (off_t)((uintptr_t)memory / PAGE * 8)) != ALL_PAGES * 8)
        fail_errno("pagemap");
}

/* Looks at where all pages are until the transfer ends: true if neighbours were away while the buffer stayed. */
static bool watch(const struct transfer *transfer) {
    static uint64_t first[ALL_PAGES], now[ALL_PAGES];
    unsigned away = 0, moved = 0;

    if (!wait_for_pins(transfer))
        return false;
    for (unsigned samples = 0; pinned() == pins_of_transfer; samples++) {
        sample(samples == 0 ? first : now);
        if (pinned() != pins_of_transfer)
            break;
        for (unsigned i = 0; i < ALL_PAGES && samples > 0; i++) {
            bool in_buffer = i >= BESIDE && i < BESIDE + BUFFER_PAGES;
            away += !in_buffer && !(now[i] & PRESENT);
            moved += in_buffer && (!(now[i] & PRESENT) || ((now[i] ^ first[i]) & FRAME));
        }
        pause_a_little();
    }
    if (moved > 0)
        fail("%u times a pinned page was not where it had been", moved);
    return away > 0;
}

static void transfer_and_watch(bool write, unsigned rounds) {
    static struct transfer transfer;
    unsigned good = 0;

    for (unsigned round = 1; good < rounds; round++) {
        if (round > rounds * TRIES)
            fail("%u of %u rounds were watched in mid-transfer: no test", good, round);
        transfer = (struct transfer){.write = write};
        if (write)
            pattern_fill((uint32_t *)buffer, 0, BYTES / 4, 1);
        else
            memset(buffer, 0xff, BYTES);
        int pid = start(move, &transfer);
        good += watch(&transfer);
        if (wait_for(pid) != 0 || transfer.result != BYTES)
            fail("%s: %zd", write ? "write" : "read", transfer.result);
        expect_data(1, "moved among neighbours");
        expect_all_let_go("after a transfer");
    }
    printf("%s: the buffer stayed, its neighbours came and went\n", write ? "write" : "read");
}

/* --- munmap --- */

/* The whole pages of the buffer go; what comes into their place must not be overwritten by the disk. */
static void unmap(unsigned rounds) {
    static struct transfer transfer;
    char *inner = memory + (BESIDE + 1) * PAGE;
    size_t bytes = (BUFFER_PAGES - 2) * PAGE;
    unsigned good = 0;

    for (unsigned round = 1; good < rounds; round++) {
        if (round > rounds * TRIES)
            fail("%u of %u times memory was unmapped in mid-transfer: no test", good, round);
        transfer = (struct transfer){.write = round % 2};
        pattern_fill((uint32_t *)buffer, 0, BYTES / 4, 1); /* what the file holds too */
        int pid = start(move, &transfer);
        bool middle = wait_for_pins(&transfer);
        if (mmap(inner, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            inner)
            fail_errno("mmap");
        good += middle && pinned() == pins_of_transfer;
        pattern_fill((uint32_t *)inner, 0, bytes / 4, round);
        wait_for(pid);
        pattern_check((uint32_t *)inner, 0, bytes / 4, round, "memory that came after");
        expect_all_let_go("after munmap");
    }
    printf("munmap: what came after was not touched\n");
}

/* --- exit --- */

static void *move_in_thread(void *argument) {
    move(argument);
    return NULL;
}

static sigset_t order; /* to exit: blocked in all, and waited for */

/* A process of its own, whose memory is a copy: at a signal, in mid-transfer (7) or afterwards (8), it calls exit. */
NO_RETURN static void run_and_exit(bool write) {
    static struct transfer transfer;
    pthread_t thread;
    int signal;

    transfer.write = write;
    pattern_fill((uint32_t *)buffer, 0, BYTES / 4, 1);
    if (pthread_create(&thread, NULL, move_in_thread, &transfer) != 0)
        _exit(1);
    sigwait(&order, &signal);
    _exit(transfer.done ? 8 : 7);
}

/* True: it was sent in mid-transfer. */
static bool wait_and_send(int pid, int signal) {
    bool middle = false;
    for (unsigned looks = 0; looks < LOOKS && !middle; looks++) {
        sched_yield();
        middle = pinned() == pins_of_transfer;
    }
    kill(pid, signal);
    return middle;
}

static void exits(bool by_itself, unsigned rounds) {
    unsigned good = 0;

    for (unsigned round = 1; good < rounds; round++) {
        if (round > rounds * TRIES)
            fail("%u of %u processes ended in mid-transfer: no test", good, round);
        int pid = fork_checked();
        if (pid == 0)
            run_and_exit(round % 2);
        bool middle = wait_and_send(pid, by_itself ? SIGUSR1 : SIGKILL);
        int status = wait_for(pid);
        if (status != 7 && status != 8 && status != 128 + SIGKILL)
            fail("a process in mid-transfer ended with %d", status);
        good += middle && status != 8;
        expect_all_let_go("after exit");
    }
    printf("%s: nothing was left pinned\n", by_itself ? "exit" : "kill");
}

/* --- all --- */

/* The first write makes the file, through the cache; the second is the disk's. */
static void make_file(void) {
    unsigned long long before;

    pattern_fill((uint32_t *)buffer, 0, BYTES / 4, 1);
    if (pwrite(file, buffer, BYTES, 0) != BYTES)
        fail_errno("write");
    pinned();
    before = pins_ever;
    if (pwrite(file, buffer, BYTES, 0) != BYTES)
        fail_errno("write");
    pinned();
    pins_of_transfer = (unsigned)(pins_ever - before);
    if (pins_of_transfer < BUFFER_PAGES)
        fail("%u pins for %u pages", pins_of_transfer, BUFFER_PAGES);
}

static void check_file(void) {
    if (pread(file, buffer, BYTES, 0) != BYTES)
        fail_errno("read");
    expect_data(1, "the file at the end");
}

int main(int argc, char **argv) {
    program_start(argc, argv, "pintest", usage);
    if (argc < 2)
        usage_error("which file?");
    unsigned rounds = number_argument(argc, argv, 2, "ROUNDS", 5, 1, 1000);
    size_t size = size_argument(argc, argv, 3, "SIZE", 8u << 20, PAGE, 1u << 30);
    int pids[2];

    sigemptyset(&order);
    sigaddset(&order, SIGUSR1);
    sigprocmask(SIG_BLOCK, &order, NULL);
    if (mlockall(MCL_CURRENT) != 0)
        fail_errno("mlockall");
    file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
    if (file < 0)
        fail_errno("%s", argv[1]);
    memory = allocate_pages(ALL_PAGES * PAGE);
    buffer = memory + BESIDE * PAGE + BEFORE;
    make_file();
    int hog = start_hog(size);
    start_sides(pids);
    transfer_and_watch(false, rounds);
    transfer_and_watch(true, rounds);
    unmap(rounds);
    exits(false, rounds);
    exits(true, rounds);
    stop_sides(pids);
    kill(hog, SIGKILL);
    if (wait_for(hog) != 128 + SIGKILL)
        fail("the hog failed");
    check_file();
    if (sides[0].sweeps == 0 || sides[1].sweeps == 0)
        fail("the neighbours were not swept");
    unlink(argv[1]);
    return 0;
}
