/* The kernel's counters, from /proc/vmstat: lines of a name, a blank and a number; and figures of /proc/meminfo. */
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

/* Until no page waits to be written and no frame is being read or written; fails the program after a minute. */
void wait_until_written(void);

/* The figure of /proc/meminfo whose line begins with @name ("SwapFree:"), in pages; fails where there is none. */
long meminfo_pages(const char *name);

#endif
