/*
 * fault-time: runs a program and tells how many page faults of each kind it and its children had, and how long
 * they took. The kernel measures from the trap's arrival in mm/fault.c to the page-table entry, sleeps included.
 *
 * Its own output goes to standard error. On a Linux host, which does not keep such times, only the numbers of
 * faults are told.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] = "fault-time PROGRAM [ARGUMENT …]\n"
                            "  the faults of a program by kind, with their times, after it has ended";

static bool start_times(void) {
    static const char word[] = "start\n";
    int fd = open("/proc/self/faults", O_WRONLY);
    bool started = fd >= 0 && write(fd, word, sizeof(word) - 1) == (ssize_t)sizeof(word) - 1;
    if (fd >= 0)
        close(fd);
    return started;
}

static double milliseconds(unsigned long long nanoseconds) {
    return (double)nanoseconds / 1e6;
}

static void print_kinds(void) {
    char line[256], kind[32];
    unsigned long long count, major, sum, longest, all = 0;
    FILE *faults = fopen("/proc/self/faults", "r");
    if (faults == NULL)
        fail_errno("/proc/self/faults");
    fprintf(stderr, "%-10s %10s %10s %12s %12s %12s\n", "kind", "faults", "major", "all ms", "mean us",
            "longest us");
    while (fgets(line, sizeof(line), faults) != NULL) {
        if (sscanf(line, "%31s %llu %llu %llu %llu", kind, &count, &major, &sum, &longest) != 5 || count == 0)
            continue;
        fprintf(stderr, "%-10s %10llu %10llu %12.3f %12.1f %12.1f\n", kind, count, major, milliseconds(sum),
                milliseconds(sum) * 1000 / (double)count, milliseconds(longest) * 1000);
        all += sum;
    }
    fclose(faults);
    fprintf(stderr, "in faults  %34.3f\n", milliseconds(all));
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "fault-time", usage);
    if (argc < 2)
        usage_error("a program is wanted");
    bool times = start_times();
    double begin = now_ms();
    int pid = fork_checked();
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        fail_errno("%s", argv[1]);
    }
    int status = wait_for(pid);
    double took = now_ms() - begin;
    struct rusage usage_of_children;
    getrusage(RUSAGE_CHILDREN, &usage_of_children);
    fflush(stdout);
    if (times)
        print_kinds();
    fprintf(stderr, "ran        %34.3f\n", took);
    fprintf(stderr, "%ld minor and %ld major faults\n", usage_of_children.ru_minflt,
            usage_of_children.ru_majflt);
    return status;
}
