/*
 * workset: several processes at once, each with a working set of its own that it uses at random, a round at a
 * time: some touches of pages anywhere in the set, each checked against a model and then written, and a pause
 * as for a terminal or a network. Nobody waits for anybody else. How much gets done in the same time by more
 * and more of them is the curve of multiprogramming.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <sys/mman.h>
#include <time.h>

static const char usage[] =
    "workset [-t SECONDS] [PROCESSES [SIZE [ROUNDS [TOUCHES [PAUSE]]]]]\n"
    "  PROCESSES (standard 4), each ROUNDS (100) of TOUCHES (200) in SIZE (1M) bytes\n"
    "  with PAUSE (10) milliseconds between them;\n"
    "  -t: rounds for so many seconds instead, and prints how many there were";

enum { PROCESSES_MAX = 32 };
#define WORDS (SECTOR / sizeof(uint32_t))

/* What all of them know. */
struct task {
    size_t size;
    unsigned rounds, touches, pause;
    unsigned seconds; /* 0: for `rounds` */
    uint64_t end;     /* … else until then, ms */
    struct results *shared;
};

/* In memory that all share. */
struct results {
    unsigned rounds[PROCESSES_MAX], worst_ms[PROCESSES_MAX];
    uint32_t checksum[PROCESSES_MAX];
};

/* A working set and the model of it: the version of each sector that was written last. */
struct set {
    uint32_t *words;
    uint16_t *version;
    uint32_t sectors;
};

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t check(const struct set *set, uint32_t sector, uint32_t seed) {
    const uint32_t *words = set->words + sector * WORDS;
    if (set->version[sector] == 0)
        return words[0];
    return pattern_check(words, sector * WORDS, WORDS, seed + set->version[sector], "working set");
}

static void touch(struct set *set, uint32_t sector, uint32_t seed) {
    check(set, sector, seed);
    set->version[sector] = (uint16_t)(set->version[sector] % 60000 + 1);
    pattern_fill(set->words + sector * WORDS, sector * WORDS, WORDS, seed + set->version[sector]);
}

static void pause_ms(unsigned ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (ms > 0)
        nanosleep(&time, NULL);
}

NO_RETURN static void run(const struct task *task, unsigned number) {
    uint32_t seed = (number + 1) << 16;
    struct set set = {.words = allocate_pages(task->size), .sectors = task->size / SECTOR};
    struct generator g = generator_start(seed);
    set.version = allocate_pages(set.sectors * sizeof(*set.version));

    uint64_t last = now_ms(), worst = 0;
    unsigned round = 0;
    for (; task->seconds ? last < task->end : round < task->rounds; round++) {
        for (unsigned i = 0; i < task->touches; i++)
            touch(&set, generator_below(&g, set.sectors), seed);
        pause_ms(task->pause);
        uint64_t end = now_ms();
        worst = end - last > worst ? end - last : worst;
        last = end;
    }
    uint32_t checksum = CHECKSUM_START;
    for (uint32_t sector = 0; sector < set.sectors && task->seconds == 0; sector++)
        checksum = checksum_add(checksum, check(&set, sector, seed));
    task->shared->rounds[number] = round;
    task->shared->worst_ms[number] = (unsigned)worst;
    task->shared->checksum[number] = checksum;
    exit(0);
}

static void print_results(const struct task *task, unsigned processes) {
    const struct results *results = task->shared;
    for (unsigned i = 0; i < processes; i++) {
        if (task->seconds)
            printf("workset: process %u: %u rounds, longest %u ms\n", i + 1, results->rounds[i],
                   results->worst_ms[i]);
        else
            printf("workset: process %u: %u rounds, checksum %08x\n", i + 1, results->rounds[i],
                   results->checksum[i]);
    }
}

int main(int argc, char **argv) {
    program_start(argc, argv, "workset", usage);
    struct task task = {.seconds = 0};
    if (argc > 1 && strcmp(argv[1], "-t") == 0) {
        if (argc < 3)
            usage_error("-t wants a number of seconds");
        task.seconds = number_argument(argc, argv, 2, "SECONDS", 10, 1, 3600);
        argc -= 2;
        argv += 2;
    }
    unsigned processes = number_argument(argc, argv, 1, "PROCESSES", 4, 1, PROCESSES_MAX);
    task.size = size_argument(argc, argv, 2, "SIZE", 1u << 20, PAGE, 1u << 30);
    task.rounds = number_argument(argc, argv, 3, "ROUNDS", 100, 1, 1000000);
    task.touches = number_argument(argc, argv, 4, "TOUCHES", 200, 1, 1000000);
    task.pause = number_argument(argc, argv, 5, "PAUSE", 10, 0, 10000);
    task.shared = mmap(NULL, sizeof(*task.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (task.shared == MAP_FAILED)
        fail_errno("mmap");

    task.end = now_ms() + task.seconds * 1000u;
    int pids[PROCESSES_MAX];
    for (unsigned i = 0; i < processes; i++)
        if ((pids[i] = fork_checked()) == 0)
            run(&task, i);
    for (unsigned i = 0; i < processes; i++) {
        int status = wait_for(pids[i]);
        if (status != 0)
            fail("process %u ended with status %d", i + 1, status);
    }
    print_results(&task, processes);
    return 0;
}
