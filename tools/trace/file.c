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
                   field[1], field[2], field[3], field[4]) == 7) {
            if (strcmp(field[FIELD_DETAIL], "from") == 0)
                strcpy(field[FIELD_DETAIL], "states"); /* complete_frame() */
            kind->frame_is_entry = strcmp(field[FIELD_FRAME], "entry") == 0;
            if (kind->frame_is_entry)
                strcpy(field[FIELD_FRAME], "frame");
            file->kind_count++;
        }
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

/* What events that bear no time and no thread have. */
struct reading {
    uint8_t map[256];
    uint64_t now;
    uint16_t who;
};

static uint32_t frame_of_entry(const struct trace_header *header, uint32_t entry) {
    return entry == 0 || header->layout.bytes == 0 ? TRACE_NO_FRAME
                                                   : (entry - header->first_entry) / header->layout.bytes;
}

/* Takes what the kind does not use out of the fields, which may hold anything. */
static void clear_unused(struct event *event, const struct file *file, const struct kind *kind) {
    uint32_t *const values[] = {&event->frame, &event->address, &event->a, &event->b};

    for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
        if (strcmp(kind->field[FIELD_FRAME + i], "-") == 0)
            *values[i] = i == 0 ? TRACE_NO_FRAME : 0;
    if (kind->frame_is_entry)
        event->frame = frame_of_entry(&file->header, event->frame);
}

/* What a frame's event says, and what follows from it: both states in `detail`, and whether it is being written. */
static void complete_frame(struct event *event) {
    unsigned from = event->detail & 15, to = event->b & 255, owner = event->b >> 8 & 255;
    bool modified = event->b >> 16 & 255, ahead = event->b >> 24;
    bool written = to == FRAME_BUSY && (from == FRAME_DIRTY || from == FRAME_ACTIVE || from == FRAME_PINNED);

    event->detail = (uint8_t)(from | to << 4);
    event->b = owner | (uint32_t)modified << 8 | (uint32_t)written << 16 | (uint32_t)ahead << 24;
}

/* An event as the program has it. False: damaged. */
static bool take_event(struct file *file, const struct trace_event *from, struct reading *reading) {
    struct event *to = &file->events[file->count];
    bool lost = from->kind == TRACE_LOST;
    uint8_t number = lost ? TRACE_LOST : from->kind & (uint8_t)~TRACE_TIMED;

    if (!lost && number >= file->kind_count)
        return false;
    if (lost) {
        reading->who = 0;
        file->lost += from->a;
    } else if (from->kind & TRACE_TIMED) {
        reading->now = MAX(reading->now, nanoseconds(&file->header, from->time));
        reading->who = from->who;
    }
    *to = (struct event){.time = reading->now,
                         .kind = reading->map[number],
                         .number = number,
                         .detail = from->detail,
                         .who = reading->who,
                         .frame = from->frame,
                         .address = from->address,
                         .a = from->a,
                         .b = from->b};
    file->count++;
    if (!lost)
        clear_unused(to, file, &file->kinds[number]);
    if (to->kind == TRACE_FRAME)
        complete_frame(to);
    if (to->kind == TRACE_SWITCH)
        reading->who = (uint16_t)to->a;
    return true;
}

/* Numbers follow each other, except where events are missing and that is said. */
static bool in_sequence(const struct trace_event *from, uint32_t *expected, bool *gap) {
    bool good = *gap || from->sequence == *expected || *expected == 0;

    *gap = from->kind == TRACE_LOST;
    if (!*gap)
        *expected = from->sequence + (uint32_t)sizeof(*from);
    return good || from->kind == TRACE_LOST;
}

static bool read_events(struct file *file, const char *path) {
    const struct trace_event *from = (const void *)((const char *)file->raw + file->header.header_bytes);
    size_t bytes = file->raw_bytes - file->header.header_bytes, total = bytes / sizeof(*from);
    uint32_t expected = 0;
    struct reading reading = {.now = 0};
    bool gap = false;

    map_kinds(file, reading.map);
    file->events = calloc(total + 1, sizeof(*file->events));
    if (file->events == NULL)
        return refuse(path, "not enough memory for it");
    for (size_t i = 0; i < total; i++) {
        if (!in_sequence(&from[i], &expected, &gap) || !take_event(file, &from[i], &reading)) {
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
