/*
 * forkload: several processes at once, each sweeping memory of its own with a pattern of its own. A page
 * that goes to the wrong process is found by its pattern.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "forkload [PROCESSES [SIZE [PASSES]]]\n"
                            "  PROCESSES (standard 8), each with SIZE bytes (1M), each PASSES (3) sweeps";

enum { PROCESSES_MAX = 64 };

/* A child's work: its checksum goes through the pipe @out. */
NO_RETURN static void run_child(uint32_t number, size_t size, unsigned passes, int out) {
    uint32_t *words = allocate_pages(size);
    uint32_t checksum = CHECKSUM_START;
    for (unsigned pass = 0; pass < passes; pass++) {
        uint32_t seed = number * 1000 + pass;
        pattern_fill(words, 0, size / sizeof(uint32_t), seed);
        checksum = checksum_add(checksum, pattern_check(words, 0, size / sizeof(uint32_t), seed, "sweep"));
    }
    write_all(out, &checksum, sizeof(checksum));
    exit(0);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "forkload", usage);
    unsigned processes = number_argument(argc, argv, 1, "PROCESSES", 8, 1, PROCESSES_MAX);
    size_t size = size_argument(argc, argv, 2, "SIZE", 1u << 20, PAGE, 1u << 30);
    unsigned passes = number_argument(argc, argv, 3, "PASSES", 3, 1, 1000);

    int pids[PROCESSES_MAX], results[PROCESSES_MAX];
    for (unsigned i = 0; i < processes; i++) {
        int ends[2];
        if (pipe(ends) < 0)
            fail_errno("pipe");
        pids[i] = fork_checked();
        if (pids[i] == 0)
            run_child(i + 1, size, passes, ends[1]);
        close(ends[1]);
        results[i] = ends[0];
    }
    for (unsigned i = 0; i < processes; i++) { /* in order of number, not of finishing */
        uint32_t checksum;
        read_all(results[i], &checksum, sizeof(checksum));
        int status = wait_for(pids[i]);
        if (status != 0)
            fail("process %u ended with status %d", i + 1, status);
        printf("forkload: process %u: %u passes over %zu KiB, checksum %08x\n", i + 1, passes, size / 1024,
               checksum);
    }
    return 0;
}
