/*
 * footprint: runs a program and tells the most memory it had resident at once, and the most that its page tables
 * took. The former is the kernel's (getrusage); page tables are looked at a hundred times a second, in
 * /proc/PID/status, as nobody remembers them.
 *
 * Its own output goes to standard error.
 */
#include "user/lib/program.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] = "footprint PROGRAM [ARGUMENT …]\n"
                            "  the memory and page tables of a program, at their most";

/* KiB of page tables of the process now; 0: it has ended. */
static unsigned page_tables(int pid) {
    char path[32], line[128];
    unsigned kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    if (status == NULL)
        return 0;
    while (fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmPTE: %u", &kib) == 1)
            break;
    fclose(status);
    return kib;
}

int main(int argc, char **argv) {
    static const struct timespec look = {.tv_nsec = 10000000};
    unsigned most = 0;
    int status;

    program_start(argc, argv, "footprint", usage);
    if (argc < 2)
        usage_error("a program is wanted");
    int pid = fork_checked();
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        fail_errno("%s", argv[1]);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        unsigned now = page_tables(pid);
        most = now > most ? now : most;
        nanosleep(&look, NULL);
    }
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    fflush(stdout);
    fprintf(stderr, "footprint: %ld KiB resident, %u KiB of page tables\n", children.ru_maxrss, most);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
