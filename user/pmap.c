/*
 * pmap: the areas of a process and what of them is in memory and on swap, from /proc/PID/smaps: the columns are
 * those of procps's pmap -X, as far as they matter here. Pool: pages that have lost their page-table entry and
 * not yet their frame (the kernel's own line; a Linux host has none).
 */
#include "user/lib/program.h"

static const char usage[] = "pmap [PID]\n"
                            "  the areas of a process (itself, if none is named), in KiB";

enum { SIZE, RSS, DIRTY, SWAP, POOL, LOCKED, COLUMNS };
static const char *const keys[COLUMNS] = {"Size:", "Rss:", "Private_Dirty:", "Swap:", "Pool:", "Locked:"};

struct area {
    char range[40], mode[8], name[512];
    unsigned long kib[COLUMNS];
};

static struct area area;
static unsigned long sums[COLUMNS];
static unsigned areas;

static void print_area(void) {
    if (areas++ == 0)
        return; /* before the first */
    printf("%-17s %s %8lu %8lu %8lu %8lu %8lu %8lu  %s\n", area.range, area.mode, area.kib[SIZE],
           area.kib[RSS], area.kib[DIRTY], area.kib[SWAP], area.kib[POOL], area.kib[LOCKED],
           area.name[0] ? area.name : "[ anon ]");
    for (unsigned i = 0; i < COLUMNS; i++)
        sums[i] += area.kib[i];
}

/* "START-END MODE OFFSET DEVICE INODE   NAME": the beginning of an area. */
static bool begin_area(const char *line) {
    struct area next = {.range = ""};
    int at = 0;
    if (sscanf(line, "%39[0-9a-f-] %7s %*s %*s %*s%n", next.range, next.mode, &at) < 2 || at == 0 ||
        strchr(next.range, '-') == NULL)
        return false;
    sscanf(line + at, " %511[^\n]", next.name);
    print_area();
    area = next;
    return true;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "pmap", usage);
    char path[64], line[1024];
    if (argc > 1)
        snprintf(path, sizeof(path), "/proc/%u/smaps", number_argument(argc, argv, 1, "PID", 0, 1, 1u << 30));
    FILE *smaps = fopen(argc > 1 ? path : "/proc/self/smaps", "r");
    if (smaps == NULL)
        fail_errno("%s", argc > 1 ? path : "/proc/self/smaps");
    printf("%-17s %s %8s %8s %8s %8s %8s %8s  %s\n", "Address", "Mode", "Size", "RSS", "Dirty", "Swap",
           "Pool", "Locked", "Mapping");
    while (fgets(line, sizeof(line), smaps) != NULL) {
        char key[64];
        unsigned long value;
        if (begin_area(line) || sscanf(line, "%63s %lu", key, &value) != 2)
            continue;
        for (unsigned i = 0; i < COLUMNS; i++)
            if (strcmp(key, keys[i]) == 0)
                area.kib[i] = value;
    }
    fclose(smaps);
    print_area();
    printf("%-22s %8lu %8lu %8lu %8lu %8lu %8lu  KiB in %u areas\n", "total", sums[SIZE], sums[RSS],
           sums[DIRTY], sums[SWAP], sums[POOL], sums[LOCKED], areas - 1);
    return 0;
}
