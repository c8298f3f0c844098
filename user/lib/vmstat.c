/* Reading /proc/vmstat: see vmstat.h. */
#include "user/lib/program.h"

#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <time.h>

enum { WAITS = 12000, WAIT_NS = 5000000 };

/* All of it by one read: what is read later has been written later, and would not agree. */
bool vmstat_read(struct vmstat *vmstat) {
    static char text[16 << 10];
    int file = open("/proc/vmstat", O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    if (file >= 0)
        close(file);
    text[length < 0 ? 0 : length] = '\0';
    vmstat->count = 0;
    for (char *line = text, *next; vmstat->count < VMSTAT_LINES; line = next + 1) {
        next = strchr(line, '\n');
        if (next == NULL || sscanf(line, "%39s %llu", vmstat->line[vmstat->count].name,
                                   &vmstat->line[vmstat->count].value) != 2)
            break;
        vmstat->count++;
    }
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

void wait_until_written(void) {
    static struct vmstat now;
    for (unsigned i = 0; i < WAITS; i++) {
        vmstat_read(&now);
        if (vmstat_value(&now, "nr_pool_dirty") == 0 && vmstat_value(&now, "nr_busy") == 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    fail("pages are not written");
}

long meminfo_pages(const char *name) {
    char text[4096];
    int file = open("/proc/meminfo", O_RDONLY);
    ssize_t bytes = file < 0 ? 0 : read(file, text, sizeof(text) - 1);
    if (file >= 0)
        close(file);
    text[bytes < 0 ? 0 : bytes] = '\0';
    const char *line = strstr(text, name);
    if (line == NULL)
        fail("/proc/meminfo has no %s", name);
    return strtol(line + strlen(name), NULL, 10) / (long)(PAGE / 1024);
}
