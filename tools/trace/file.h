/*
 * A trace file as docs/trace.md describes it, read whole and checked: the header, the events in rising time,
 * and what each kind's fields mean. Kinds are known by their names, so a file of a kernel with more of them, or
 * with others in between, can be read.
 *
 * What the kernel leaves to its readers is filled in: every event has a time and a thread, frames have their
 * numbers, and fields that a kind does not use hold 0 (TRACE_NO_FRAME).
 */
#ifndef TOOLS_TRACE_FILE_H
#define TOOLS_TRACE_FILE_H

#include "mm/frame.h"
#include "mm/trace.h"

enum { FIELD_DETAIL, FIELD_FRAME, FIELD_ADDRESS, FIELD_A, FIELD_B, FIELDS };

#define KIND_UNKNOWN 254
#define KINDS_MOST   127

/* A kind as the file describes it. */
struct kind {
    char group[16], name[24];
    char field[FIELDS][16]; /* "-": nothing */
    bool frame_is_entry;    /* in the file; here it is a number like others */
};

struct event {
    uint64_t time;  /* nanoseconds since boot, never falling */
    uint8_t kind;   /* enum trace_kind, KIND_UNKNOWN, or TRACE_LOST */
    uint8_t number; /* the kind's in the file */
    uint8_t detail;
    uint16_t who; /* 0: not known, as events before it were lost */
    uint32_t frame, address, a, b;
};

struct file {
    struct trace_header header;
    struct kind kinds[KINDS_MOST];
    unsigned kind_count;
    struct event *events;
    size_t count;
    uint64_t lost;
    const void *raw; /* header and events as they are in the file */
    size_t raw_bytes;
};

/* Reads the file at @path; says on stderr what is wrong with it: false. A part at the end is left out, with a warning. */
bool file_read(struct file *file, const char *path);

void file_close(struct file *file); /* also after file_read() has failed */

/* The value of a field of an event. */
uint32_t event_field(const struct event *event, unsigned field);
/* The field of the kind that is called so, or FIELDS. */
unsigned kind_field(const struct kind *kind, const char *name);

#endif
