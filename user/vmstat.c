/*
 * vmstat: what the kernel counted in each interval: the numbers of /proc/vmstat that moved, and by how
 * much. With -a all numbers since boot; with -w nothing until one of them has come so far.
 */
#include "user/lib/program.h"

#include "user/lib/vmstat.h"

#include <time.h>

static const char usage[] =
    "vmstat [SECONDS [TIMES]] | vmstat -a | vmstat -w NAME NUMBER\n"
    "  prints what was counted in each of TIMES (standard 1) intervals of SECONDS (1)\n"
    "  -w: waits until NAME is at least NUMBER, and prints it";

enum { LOOK_NS = 20000000 };

static struct vmstat before, after;

static void print_all(void) {
    for (unsigned i = 0; i < after.count; i++)
        printf("%-24s %12llu\n", after.line[i].name, after.line[i].value);
}

static void print_changes(void) {
    for (unsigned i = 0; i < after.count; i++) {
        long long change = vmstat_difference(&before, &after, after.line[i].name);
        if (change != 0)
            printf("%-24s %+12lld\n", after.line[i].name, change);
    }
    printf("\n");
    fflush(stdout);
}

static void read_or_fail(struct vmstat *vmstat) {
    if (!vmstat_read(vmstat))
        fail("/proc/vmstat cannot be read");
}

static void wait_for_number(const char *name, unsigned number) {
    if (!vmstat_has(&after, name))
        usage_error("%s: /proc/vmstat has no such line", name);
    while (vmstat_value(&after, name) < number) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        read_or_fail(&after);
    }
    printf("%s %llu\n", name, vmstat_value(&after, name));
}

int main(int argc, char **argv) {
    program_start(argc, argv, "vmstat", usage);
    read_or_fail(&after);
    if (argc > 1 && strcmp(argv[1], "-a") == 0) {
        print_all();
        return 0;
    }
    if (argc > 2 && strcmp(argv[1], "-w") == 0) {
        wait_for_number(argv[2], number_argument(argc, argv, 3, "NUMBER", 1, 0, UINT32_MAX));
        return 0;
    }
    unsigned seconds = number_argument(argc, argv, 1, "SECONDS", 1, 1, 86400);
    unsigned times = number_argument(argc, argv, 2, "TIMES", 1, 1, 1000000);
    for (unsigned i = 0; i < times; i++) {
        before = after;
        sleep(seconds);
        read_or_fail(&after);
        print_changes();
    }
    return 0;
}
