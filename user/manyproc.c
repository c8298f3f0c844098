/*
 * manyproc: many processes, a few at a time: each is forked, executes this program anew, works on some
 * memory and ends with a status of its own. What a process leaves behind (pages, page tables, slots,
 * stacks) must all come back, or the machine is soon full.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <signal.h>

static const char usage[] = "manyproc [PROCESSES [AT_ONCE [SIZE]]]\n"
                            "  PROCESSES (standard 100) in all, AT_ONCE (8) of them alive, SIZE (64K) each";

enum { AT_ONCE_MAX = 200, STATUS_MOD = 100, KILL_EVERY = 7 };

/* The status that child @number should end with: every seventh ends itself by a signal. */
static int expected_status(unsigned number) {
    return number % KILL_EVERY == 0 ? 128 + SIGKILL : (int)(number % STATUS_MOD);
}

/* What this program does when it is executed as "manyproc child NUMBER SIZE". */
static int run_child(unsigned number, size_t size) {
    uint32_t *words = allocate_pages(size);
    pattern_fill(words, 0, size / sizeof(uint32_t), number);
    pattern_check(words, 0, size / sizeof(uint32_t), number, "child");
    if (number % KILL_EVERY == 0)
        kill(getpid(), SIGKILL);
    return (int)(number % STATUS_MOD);
}

static int start_child(const char *program, unsigned number, size_t size) {
    int pid = fork_checked();
    if (pid != 0)
        return pid;
    char number_text[16], size_text[16];
    snprintf(number_text, sizeof(number_text), "%u", number);
    snprintf(size_text, sizeof(size_text), "%zu", size);
    execlp(program, program, "child", number_text, size_text, (char *)NULL);
    fail_errno("%s", program);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "manyproc", usage);
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return run_child(number_argument(argc, argv, 2, "NUMBER", 0, 0, UINT32_MAX),
                         size_argument(argc, argv, 3, "SIZE", 0, PAGE, 1u << 30));
    unsigned processes = number_argument(argc, argv, 1, "PROCESSES", 100, 1, 1000000);
    unsigned at_once = number_argument(argc, argv, 2, "AT_ONCE", 8, 1, AT_ONCE_MAX);
    size_t size = size_argument(argc, argv, 3, "SIZE", 64u << 10, PAGE, 1u << 30);

    int pids[AT_ONCE_MAX];
    for (unsigned number = 1; number <= processes + at_once; number++) {
        unsigned place = number % at_once;
        if (number > at_once) { /* the one that was started here a round ago */
            int status = wait_for(pids[place]);
            if (status != expected_status(number - at_once))
                fail("process %u ended with status %d, should be %d", number - at_once, status,
                     expected_status(number - at_once));
        }
        if (number <= processes)
            pids[place] = start_child(argv[0], number, size);
        else if (number - at_once >= processes)
            break;
    }
    printf("manyproc: %u processes ended as they should\n", processes);
    return 0;
}
