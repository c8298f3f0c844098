/* Reading a trace file: see file.h. */
#include "tools/trace/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCALE_SHIFT 22

static bool refuse(const char *path, const char *why) {
    fprintf(stderr, "trace: %s: %s\n", path, why);
    return false;
}

uint32_t event_field(const struct event *event, unsigned field) {
    switch (field) {
    case FIELD_DETAIL:
        return event->detail;
    case FIELD_FRAME:
        return event->frame;
    case FIELD_ADDRESS:
        return event->address;
    case FIELD_A:
        return event->a;
    default:
        return event->b;
    }
}

unsigned kind_field(const struct kind *kind, const char *name) {
    unsigned field = 0;

    while (field < FIELDS && strcmp(kind->field[field], name) != 0)
        field++;
    return field;
}

/* --- the header --- */

static bool read_kinds(struct file *file, const char *path) {
    char *text = strndup(file->header.text, MIN(file->header.text_bytes, sizeof(file->header.text)));
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        struct kind *kind = &file->kinds[file->kind_count];
        char(*field)[16] = kind->field;

        if (file->kind_count < KINDS_MOST &&
            sscanf(line, "kind %15s %23s %15s %15s %15s %15s %15s", kind->group, kind->name, field[0],
                   field[1], field[2], field[3], field[4]) == 7)
            file->kind_count++;
    }
    free(text);
    return file->kind_count > 0 || refuse(path, "the header describes no kinds of events");
}

static bool read_header(struct file *file, const char *path) {
    const struct trace_header *header = &file->header;

    if (file->raw_bytes < sizeof(*header))
        return refuse(path, "too short for a trace's header");
    memcpy(&file->header, file->raw, sizeof(*header));
    if (memcmp(header->magic, TRACE_MAGIC, sizeof(header->magic)) != 0)
        return refuse(path, "not a trace");
    if (header->version != TRACE_VERSION || header->event_bytes != sizeof(struct trace_event))
        return refuse(path, "a trace of another version of the format");
    if (header->header_bytes < sizeof(*header) || header->header_bytes > file->raw_bytes ||
        header->header_bytes % 8 != 0)
        return refuse(path, "the header's size is damaged");
    if (header->frames > 1u << 20 || header->frames_pageable > header->frames)
        return refuse(path, "the header's numbers of frames are damaged");
    return read_kinds(file, path);
}

/* --- the events --- */

/* What this program calls the kinds. */
static const char *const own_names[TRACE_KIND_TOTAL] = {
#define X(id, group, name, ...) [TRACE_##id] = name,
    TRACE_KINDS(X)
#undef X
};

/* For each kind of the file: this program's. */
static void map_kinds(const struct file *file, uint8_t map[256]) {
    memset(map, KIND_UNKNOWN, 256);
    map[TRACE_LOST] = TRACE_LOST;
    for (unsigned n = 0; n < file->kind_count; n++)
        for (unsigned k = 0; k < TRACE_KIND_TOTAL; k++)
            if (strcmp(file->kinds[n].name, own_names[k]) == 0)
                map[n] = (uint8_t)k;
}

static uint64_t nanoseconds(const struct trace_header *header, uint64_t time) {
    if (header->cycle_scale == 0)
        return time;
    if (time < header->cycle_first)
        return 0;
    return (uint64_t)(((unsigned __int128)(time - header->cycle_first) * header->cycle_scale) >> SCALE_SHIFT);
}

/* An event as the program has it. False: damaged. */
static bool take_event(struct file *file, const struct trace_event *from, const uint8_t map[256],
                       uint64_t *now) {
    struct event *to = &file->events[file->count];

    if (from->kind != TRACE_LOST && from->kind >= file->kind_count)
        return false;
    *now = MAX(*now, nanoseconds(&file->header, from->time));
    *to = (struct event){.time = *now,
                         .kind = map[from->kind],
                         .number = from->kind,
                         .detail = from->detail,
                         .who = from->who,
                         .frame = from->frame,
                         .address = from->address,
                         .a = from->a,
                         .b = from->b};
    if (to->kind == TRACE_LOST)
        file->lost += from->a;
    file->count++;
    return true;
}

/* Numbers follow each other, except where events are missing and that is said. */
static bool in_sequence(const struct trace_event *from, uint32_t *expected, bool *gap) {
    bool good = *gap || from->sequence == *expected || *expected == 0;

    *gap = from->kind == TRACE_LOST;
    if (!*gap)
        *expected = from->sequence + 1;
    return good || from->kind == TRACE_LOST;
}

static bool read_events(struct file *file, const char *path) {
    const struct trace_event *from = (const void *)((const char *)file->raw + file->header.header_bytes);
    size_t bytes = file->raw_bytes - file->header.header_bytes, total = bytes / sizeof(*from);
    uint32_t expected = 0;
    uint64_t now = 0;
    uint8_t map[256];
    bool gap = false;

    map_kinds(file, map);
    file->events = calloc(total + 1, sizeof(*file->events));
    if (file->events == NULL)
        return refuse(path, "not enough memory for it");
    for (size_t i = 0; i < total; i++) {
        if (!in_sequence(&from[i], &expected, &gap) || !take_event(file, &from[i], map, &now)) {
            fprintf(stderr, "trace: %s: event %zu is damaged\n", path, i);
            return false;
        }
    }
    if (bytes % sizeof(*from) != 0)
        fprintf(stderr, "trace: %s: ends in the middle of an event, which is left out\n", path);
    if (file->header.written != total)
        fprintf(stderr, "trace: %s: %s\n", path,
                file->header.written == ~0u ? "the runner did not finish it"
                                            : "has not as many events as its header says");
    return true;
}

bool file_read(struct file *file, const char *path) {
    int descriptor = open(path, O_RDONLY);
    struct stat status;

    memset(file, 0, sizeof(*file));
    if (descriptor < 0)
        return refuse(path, strerror(errno));
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        close(descriptor);
        return refuse(path, "not a trace");
    }
    file->raw_bytes = (size_t)status.st_size;
    file->raw = mmap(NULL, file->raw_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (file->raw == MAP_FAILED) {
        file->raw = NULL;
        return refuse(path, strerror(errno));
    }
    return read_header(file, path) && read_events(file, path);
}

void file_close(struct file *file) {
    free(file->events);
    if (file->raw != NULL)
        munmap((void *)file->raw, file->raw_bytes);
    memset(file, 0, sizeof(*file));
}
