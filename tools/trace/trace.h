/* What build/trace can do with a trace, a command a file. Each returns the program's exit status. */
#ifndef TOOLS_TRACE_TRACE_H
#define TOOLS_TRACE_TRACE_H

#include "tools/trace/file.h"
#include "tools/trace/replay.h"

/* Which events are wanted; all fields "any" at first. */
struct filter {
    const char *process; /* a pid, or a program's name; NULL: any */
    const char *kinds;   /* names of kinds and groups, commas between; NULL: any */
    uint32_t frame_first, frame_last;
    uint32_t address_first, address_last;
    uint64_t from, to; /* nanoseconds */
};
bool filter_wants(const struct filter *filter, const struct file *file, const struct replay *replay,
                  const struct event *event);

/* Fault kinds in the numbering of mm/fault_steps.h; refused ones are 8. */
#define FAULT_KINDS 9
extern const char *const fault_kind_names[FAULT_KINDS];
static inline unsigned fault_kind(uint8_t outcome) {
    return MIN(outcome & 15u, 8u);
}

int command_text(const struct file *file, const struct filter *filter);
int command_summary(const struct file *file, const struct filter *filter);
int command_perfetto(const struct file *file);
int command_check(const struct file *file, const char *stats);
int command_html(const struct file *file, const char *title);

#endif
