/*
 * overlap: while one process waits for its page, another computes. A child that pages (random reads of
 * memory larger than the machine's) is timed alone; then a child that counts for about as long; then both
 * at once. If waiting for the disk leaves the processor to others, both together take little longer than
 * one; if it does not, they take as long as one after the other.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <time.h>

static const char usage[] = "overlap [-v] [SIZE [TOUCHES]]\n"
                            "  the paging child owns SIZE bytes (standard 8M) and makes TOUCHES (300)\n"
                            "  touches at random; give the machine less memory and a slow disk\n"
                            "  -v: also tells the times";

enum { ROUNDS = 3, ROUNDS_MOST = 24, TRIAL = 5000 /* thousands of steps */ };

static double now(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        fail_errno("clock_gettime");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A child and the two pipes that start it and hear of its end. */
struct worker {
    int pid, go, done;
};

/* Waits for its parent's word before each piece of work: 0 ends it. */
static bool await_command(int go, uint32_t *amount) {
    read_all(go, amount, sizeof(*amount));
    return *amount != 0;
}

NO_RETURN static void run_pager(size_t size, int go, int done) {
    uint32_t *words = allocate_pages(size);
    uint32_t amount, pages = size / PAGE;
    struct generator g = generator_start(1);
    pattern_fill(words, 0, size / sizeof(uint32_t), 1);
    write_all(done, &pages, sizeof(pages)); /* ready */
    while (await_command(go, &amount)) {
        for (uint32_t i = 0; i < amount; i++) {
            uint32_t first = generator_below(&g, pages) * (PAGE / sizeof(uint32_t));
            pattern_check(words + first, first, PAGE / sizeof(uint32_t), 1, "touch");
        }
        write_all(done, &amount, sizeof(amount));
    }
    pattern_check(words, 0, size / sizeof(uint32_t), 1, "end");
    exit(0);
}

/* Thousands of steps; its memory is a register. */
NO_RETURN static void run_counter(int go, int done) {
    uint32_t amount = 0;
    struct generator g = generator_start(1);
    write_all(done, &amount, sizeof(amount));
    while (await_command(go, &amount)) {
        for (uint32_t i = 0; i < amount; i++)
            for (unsigned j = 0; j < 1000; j++)
                generator_next(&g);
        uint32_t result = g.state; /* the steps cannot be left out */
        write_all(done, &result, sizeof(result));
    }
    exit(0);
}

static struct worker start_worker(size_t pager_size) {
    int go[2], done[2];
    if (pipe(go) < 0 || pipe(done) < 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        close(go[1]);
        close(done[0]);
        if (pager_size > 0)
            run_pager(pager_size, go[0], done[1]);
        run_counter(go[0], done[1]);
    }
    close(go[0]);
    close(done[1]);
    struct worker worker = {.pid = pid, .go = go[1], .done = done[0]};
    uint32_t ready;
    read_all(worker.done, &ready, sizeof(ready));
    return worker;
}

static void command(const struct worker *worker, uint32_t amount) {
    write_all(worker->go, &amount, sizeof(amount));
}

static void await(const struct worker *worker) {
    uint32_t result;
    read_all(worker->done, &result, sizeof(result));
}

/* Seconds that the workers' jobs take together; 0: this one has none. */
static double timed(const struct worker *pager, uint32_t touches, const struct worker *counter,
                    uint32_t thousands) {
    double start = now();
    if (touches > 0)
        command(pager, touches);
    if (thousands > 0)
        command(counter, thousands);
    if (touches > 0)
        await(pager);
    if (thousands > 0)
        await(counter);
    return now() - start;
}

struct times {
    double paging, counting, both; /* seconds */
};

/* On a busy host any single time may be too long; the least of several is nearest to the truth. */
static void keep_least(double *least, double seconds) {
    if (seconds < *least)
        *least = seconds;
}

/* Half of the shorter one hidden behind the longer one: far from both 0 and all of it. */
static bool overlapped(const struct times *t) {
    double shorter = t->paging < t->counting ? t->paging : t->counting;
    return t->both < t->paging + t->counting - shorter / 2;
}

static void end_worker(const struct worker *worker) {
    command(worker, 0);
    int status = wait_for(worker->pid);
    if (status != 0)
        fail("a worker ended with status %d", status);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "overlap", usage);
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int skip = verbose ? 1 : 0;
    size_t size = size_argument(argc, argv, 1 + skip, "SIZE", 8u << 20, 16 * PAGE, 1u << 30);
    unsigned touches = number_argument(argc, argv, 2 + skip, "TOUCHES", 300, 1, 1000000);
    struct worker pager = start_worker(size), counter = start_worker(0);

    struct times times = {.paging = timed(&pager, touches, &counter, 0)};
    uint32_t thousands = TRIAL;
    times.counting = timed(&pager, 0, &counter, TRIAL);
    if (times.counting < times.paging) /* as much counting as fits into the waiting */
        thousands = (uint32_t)(TRIAL * (times.paging / times.counting));
    times.counting = timed(&pager, 0, &counter, thousands);
    times.both = timed(&pager, touches, &counter, thousands);
    for (int round = 1; round < ROUNDS || (round < ROUNDS_MOST && !overlapped(&times)); round++) {
        keep_least(&times.paging, timed(&pager, touches, &counter, 0));
        keep_least(&times.counting, timed(&pager, 0, &counter, thousands));
        keep_least(&times.both, timed(&pager, touches, &counter, thousands));
    }
    end_worker(&pager);
    end_worker(&counter);
    if (verbose)
        printf("overlap: paging %.2f s, counting %.2f s, both at once %.2f s\n", times.paging, times.counting,
               times.both);
    printf("overlap: paging and counting %s\n", overlapped(&times) ? "overlap" : "do not overlap");
    return overlapped(&times) ? 0 : 1;
}
