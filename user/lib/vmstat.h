/* The kernel's counters, from /proc/vmstat: lines of a name, a blank and a number. */
#ifndef USER_LIB_VMSTAT_H
#define USER_LIB_VMSTAT_H

#include <stdbool.h>

#define VMSTAT_LINES 256

struct vmstat {
    unsigned count;
    struct {
        char name[40];
        unsigned long long value;
    } line[VMSTAT_LINES];
};

/* False when there is no /proc/vmstat. */
bool vmstat_read(struct vmstat *vmstat);

/* The counter of that name; 0 when there is none. */
unsigned long long vmstat_value(const struct vmstat *vmstat, const char *name);
bool vmstat_has(const struct vmstat *vmstat, const char *name);

/* How far the counter went from @before to @after. */
long long vmstat_difference(const struct vmstat *before, const struct vmstat *after, const char *name);

#endif
