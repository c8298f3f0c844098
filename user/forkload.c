/*
 * forkload: several processes at once, each sweeping memory of its own with a pattern of its own. A page
 * that goes to the wrong process is found by its pattern. Between writing and checking they wait for each
 * other, so that all their memory is in use at the same time, whatever the scheduler does.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "forkload [PROCESSES [SIZE [PASSES]]]\n"
                            "  PROCESSES (standard 8), each with SIZE bytes (1M), each PASSES (3) sweeps";

/* Two descriptors each, and a process may have 64. */
enum { PROCESSES_MAX = 24 };

/*
 * A child and its two pipes: through one it says that it is ready, and in the end its checksum; through the
 * other it gets leave to go on. One that died is noticed by the end of its pipe, on either side.
 */
struct child {
    int pid, results, leave;
};

/* Where all wait for each other: nobody leaves before all are ready. */
static void let_leave(const struct child *children, unsigned processes) {
    char byte;
    for (unsigned i = 0; i < processes; i++)
        read_all(children[i].results, &byte, 1);
    for (unsigned i = 0; i < processes; i++)
        write_all(children[i].leave, &byte, 1);
}

static void wait_for_others(int results, int leave) {
    char byte = 0;
    write_all(results, &byte, 1);
    read_all(leave, &byte, 1);
}

NO_RETURN static void run_child(uint32_t number, size_t size, unsigned passes, int results, int leave) {
    uint32_t *words = allocate_pages(size);
    uint32_t checksum = CHECKSUM_START;
    for (unsigned pass = 0; pass < passes; pass++) {
        uint32_t seed = number * 1000 + pass;
        pattern_fill(words, 0, size / sizeof(uint32_t), seed);
        wait_for_others(results, leave);
        checksum = checksum_add(checksum, pattern_check(words, 0, size / sizeof(uint32_t), seed, "sweep"));
    }
    write_all(results, &checksum, sizeof(checksum));
    exit(0);
}

static struct child start_child(const struct child *elder, unsigned number, size_t size, unsigned passes) {
    int results[2], leave[2];
    if (pipe(results) < 0 || pipe(leave) < 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        for (unsigned i = 0; i + 1 < number; i++)
            close(elder[i].leave); /* or an elder brother would not notice our parent's death */
        close(results[0]);
        close(leave[1]);
        run_child(number, size, passes, results[1], leave[0]);
    }
    close(results[1]);
    close(leave[0]);
    return (struct child){.pid = pid, .results = results[0], .leave = leave[1]};
}

int main(int argc, char **argv) {
    program_start(argc, argv, "forkload", usage);
    unsigned processes = number_argument(argc, argv, 1, "PROCESSES", 8, 1, PROCESSES_MAX);
    size_t size = size_argument(argc, argv, 2, "SIZE", 1u << 20, PAGE, 1u << 30);
    unsigned passes = number_argument(argc, argv, 3, "PASSES", 3, 1, 1000);

    struct child children[PROCESSES_MAX];
    for (unsigned i = 0; i < processes; i++)
        children[i] = start_child(children, i + 1, size, passes);
    for (unsigned pass = 0; pass < passes; pass++)
        let_leave(children, processes);
    for (unsigned i = 0; i < processes; i++) { /* in order of number, not of finishing */
        uint32_t checksum;
        read_all(children[i].results, &checksum, sizeof(checksum));
        int status = wait_for(children[i].pid);
        if (status != 0)
            fail("process %u ended with status %d", i + 1, status);
        printf("forkload: process %u: %u passes over %zu KiB, checksum %08x\n", i + 1, passes, size / 1024,
               checksum);
    }
    return 0;
}
