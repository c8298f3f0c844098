/*
 * footprint: runs a program and tells the most memory it had resident at once (getrusage) and, where the kernel counts
 * them (/proc/PID/faults), its faults by kind, those of exec included.
 *
 * With -t also the most that its page tables took. Nobody remembers that, so /proc/PID/status is looked at a hundred
 * times a second. Whoever does that needs memory himself all the time, which the program then has not: where memory is
 * short, do without.
 *
 * Its own output goes to standard error.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] = "footprint [-t] PROGRAM [ARGUMENT …]\n"
                            "  the memory and faults of a program; -t: and its page tables";

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

/* Waits for the process, and meanwhile looks at its page tables: *@most KiB. Returns what waitpid told. */
static int watch_tables(int pid, unsigned *most) {
    static const struct timespec look = {.tv_nsec = 10000000};
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        unsigned now = page_tables(pid);

        *most = now > *most ? now : *most;
        nanosleep(&look, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* From now on faults of children are counted by kind, where the kernel can do that. */
static void count_faults(void) {
    int fd = open("/proc/self/faults", O_WRONLY);

    if (fd < 0)
        return;
    if (write(fd, "start\n", 6) != 6)
        fail_errno("/proc/self/faults");
    close(fd);
}

static void print_faults(void) {
    char line[256], kind[32];
    unsigned count, major;
    FILE *faults = fopen("/proc/self/faults", "r");

    if (faults == NULL)
        return;
    fputs("footprint: faults", stderr);
    while (fgets(line, sizeof(line), faults) != NULL)
        if (sscanf(line, "%31s %u %u", kind, &count, &major) == 3)
            fprintf(stderr, " %s %u", kind, count);
    fputc('\n', stderr);
    fclose(faults);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "footprint", usage);
    bool tables = argc > 1 && strcmp(argv[1], "-t") == 0;
    char **command = argv + 1 + tables;
    unsigned most = 0;

    if (*command == NULL)
        usage_error("a program is wanted");
    count_faults();
    int pid = fork_checked();
    if (pid == 0) {
        execvp(*command, command);
        fail_errno("%s", *command);
    }
    int status = tables ? watch_tables(pid, &most) : wait_for(pid);
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    fflush(stdout);
    print_faults();
    fprintf(stderr, "footprint: %ld KiB resident\n", children.ru_maxrss);
    if (tables)
        fprintf(stderr, "footprint: %u KiB of page tables\n", most);
    return status;
}
