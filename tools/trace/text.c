/*
 * A line for each event. What a field is called in the file's header decides how it is printed, so kinds that
 * this program does not know are printed too.
 */
#include "tools/trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fault_kind_names[FAULT_KINDS] = {"spurious", "resident", "upgrade", "reclaim", "zero",
                                                   "swap",     "file",     "copy",    "bad"};
static const char *const state_names[] = {"FREE", "ACTIVE", "DIRTY", "CLEAN", "BUSY", "PINNED", "KERNEL"};
static const char *const cause_names[] = {"file", "swap", "meta", "raw"};
static const char *const result_names[] = {"ok", "nothing there", "not allowed", "bus error", "killed"};

static const char *const why_names[2][4] = {{"?", "for frames", "for the page", "slept already"},
                                            {"ready", "running", "asleep", "dead"}};

/* --- filters --- */

/* @name is one of the names in @list, between commas. */
static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static bool is_process(const struct replay *replay, const char *wanted, uint32_t pid) {
    char *end;
    unsigned long number = strtoul(wanted, &end, 10);

    return *end == '\0' ? pid == number : strcmp(replay_process(replay, pid), wanted) == 0;
}

/* The group as one names it: in small letters. */
static void group_name(const struct kind *kind, char name[16]) {
    for (unsigned i = 0; i < 16; i++)
        name[i] =
            (char)(kind->group[i] >= 'A' && kind->group[i] <= 'Z' ? kind->group[i] + 32 : kind->group[i]);
}

static bool in_range(const struct event *event, const struct kind *kind, const char *field, uint32_t first,
                     uint32_t last) {
    unsigned at = kind_field(kind, field);

    if (first == 0 && last == UINT32_MAX)
        return true;
    return at < FIELDS && event_field(event, at) >= first && event_field(event, at) <= last;
}

bool filter_wants(const struct filter *filter, const struct file *file, const struct replay *replay,
                  const struct event *event) {
    const struct kind *kind = &file->kinds[event->number];
    char group[16];

    if (event->time < filter->from || event->time > filter->to)
        return false;
    if (event->kind == TRACE_LOST)
        return true;
    group_name(kind, group);
    if (filter->kinds != NULL && !is_listed(filter->kinds, kind->name) && !is_listed(filter->kinds, group))
        return false;
    if (filter->process != NULL && !is_process(replay, filter->process, replay_pid(replay, event)))
        return false;
    return in_range(event, kind, "frame", filter->frame_first, filter->frame_last) &&
           in_range(event, kind, "address", filter->address_first, filter->address_last);
}

/* --- fields --- */

static void put_outcome(uint32_t value) {
    unsigned result = (value & 15) - 8;

    if ((value & 15) < 8)
        printf(" %s%s", fault_kind_names[value & 7], value & 16 ? " (major)" : "");
    else
        printf(" refused: %s", result < ARRAY_SIZE(result_names) ? result_names[result] : "?");
}

static void put_bits(uint32_t bits) {
    printf(" %s%s%s", bits & 2 ? "w" : "-", bits & 4 ? "r" : "-", bits & 8 ? "m" : "-");
}

static void put_flags(uint32_t flags) {
    static const char *const owners[] = {"nobody's", "anon", "file's"};

    printf(" %s%s%s%s", owners[MIN(flags & 255, 2u)], flags & 0xFF00 ? ", modified" : "",
           flags & 0xFF0000 ? ", being written" : "", flags & 0xFF000000 ? ", read ahead" : "");
}

static void put_field(const struct replay *replay, const struct event *event, const char *name,
                      uint32_t value) {
    if (strcmp(name, "states") == 0)
        printf(" %s > %s", state_names[MIN(value & 15, 6u)], state_names[MIN(value >> 4, 6u)]);
    else if (strcmp(name, "outcome") == 0)
        put_outcome(value);
    else if (strcmp(name, "access") == 0)
        printf(" %s", value ? "write" : "read");
    else if (strcmp(name, "bits") == 0)
        put_bits(value);
    else if (strcmp(name, "flags") == 0)
        put_flags(value);
    else if (strcmp(name, "kind") == 0)
        printf(" %s %s", value & 1 ? "write" : "read",
               event->kind == TRACE_BIO_QUEUED ? cause_names[value >> 1 & 3]
               : value & 2                     ? "flush"
                                               : "");
    else if (strcmp(name, "address") == 0 || strcmp(name, "owner") == 0)
        printf(" %s 0x%08x", name, value);
    else if (strcmp(name, "who") == 0)
        printf(" %s[%u]", replay_thread(replay, value), value & ~TRACE_KERNEL);
    else if (strcmp(name, "why") == 0)
        printf(" %s", why_names[event->kind == TRACE_SWITCH][MIN(value, 3u)]);
    else if (value != TRACE_NO_FRAME)
        printf(" %s %u", name, value);
}

static void put_text(const struct event *event) {
    char text[13] = {0};

    memcpy(text, &event->address, 4);
    memcpy(text + 4, &event->a, 4);
    memcpy(text + 8, &event->b, 4);
    printf(" %s", text);
}

static void put_event(const struct file *file, const struct replay *replay, const struct event *event) {
    const struct kind *kind = &file->kinds[event->number];

    printf("%12.6f %-12.12s %5u  ", (double)event->time / 1e6, replay_thread(replay, event->who),
           event->who & ~TRACE_KERNEL);
    if (event->kind == TRACE_LOST) {
        printf("LOST %u events\n", event->a);
        return;
    }
    printf("%-14s", kind->name);
    for (unsigned field = 0; field < FIELDS; field++) {
        if (strcmp(kind->field[field], "text") == 0) {
            put_text(event);
            break;
        }
        if (strcmp(kind->field[field], "-") != 0)
            put_field(replay, event, kind->field[field], event_field(event, field));
    }
    putchar('\n');
}

int command_text(const struct file *file, const struct filter *filter) {
    struct replay *replay = replay_start(file);

    for (size_t i = 0; replay != NULL && i < file->count; i++) {
        replay_event(replay, &file->events[i]);
        if (filter_wants(filter, file, replay, &file->events[i]))
            put_event(file, replay, &file->events[i]);
    }
    return replay == NULL;
}
