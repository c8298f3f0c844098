/* Reading /proc/vmstat: see vmstat.h. */
#include "user/lib/program.h"

#include "user/lib/vmstat.h"

bool vmstat_read(struct vmstat *vmstat) {
    FILE *file = fopen("/proc/vmstat", "r");
    if (file == NULL)
        return false;
    vmstat->count = 0;
    while (vmstat->count < VMSTAT_LINES && fscanf(file, "%39s %llu", vmstat->line[vmstat->count].name,
                                                  &vmstat->line[vmstat->count].value) == 2)
        vmstat->count++;
    fclose(file);
    return vmstat->count > 0;
}

static int find(const struct vmstat *vmstat, const char *name) {
    for (unsigned i = 0; i < vmstat->count; i++)
        if (strcmp(vmstat->line[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool vmstat_has(const struct vmstat *vmstat, const char *name) {
    return find(vmstat, name) >= 0;
}

unsigned long long vmstat_value(const struct vmstat *vmstat, const char *name) {
    int i = find(vmstat, name);
    return i < 0 ? 0 : vmstat->line[i].value;
}

long long vmstat_difference(const struct vmstat *before, const struct vmstat *after, const char *name) {
    return (long long)(vmstat_value(after, name) - vmstat_value(before, name));
}
