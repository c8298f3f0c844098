/*
 * The trace's ring and its header: see mm/trace.h.
 *
 * A writer takes a place by one atomic addition, so that an interrupt handler that comes between takes the
 * next one, and writes the sequence number last: a reader that finds another number there looks again later.
 * That is all the agreement there is; nothing is locked and no interrupt is held off.
 *
 * Source: the per-processor buffers of Linux's ftrace and of LTTng (Desnoyers and Dagenais, "The LTTng tracer",
 * Linux Symposium 2006), reduced to one processor and a reader that never holds up the writer.
 */
#include "mm/trace.h"

#include "arch/x86/machine.h"
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/fault_times.h"
#include "mm/frame.h"
#include "mm/policy.h"

_Static_assert(sizeof(struct trace_event) == 32, "the format says so");
_Static_assert(sizeof(struct trace_header) == TRACE_HEADER_BYTES, "the format says so");
_Static_assert(offsetof(struct trace_header, text) == 164, "the format says so");

uint32_t trace_enabled;
uint32_t trace_who = TRACE_KERNEL << 16;
struct trace_header trace_header __attribute__((aligned(PAGE_SIZE)));

static struct trace_event small_ring[TRACE_EVENTS_LEAST];
struct trace_event *trace_ring = small_ring;
uint32_t trace_mask = (TRACE_EVENTS_LEAST - 1) * sizeof(struct trace_event);
uint64_t trace_tick;

void trace_name(enum trace_kind kind, uint32_t subject, const char *name) {
    uint32_t text[3] = {0};

    if (!trace_on(kind))
        return;
    memcpy(text, name, strnlen(name, sizeof(text)));
    trace_put(kind, 0, subject, text[0], text[1], text[2]);
}

/* --- the header --- */

static void PRINTF_LIKE(1, 2) tell(const char *format, ...) {
    struct trace_header *header = &trace_header;
    size_t room = sizeof(header->text) - header->text_bytes;
    va_list values;

    va_start(values, format);
    size_t length = (size_t)print_to_v(header->text + header->text_bytes, room, format, values);
    va_end(values);
    ASSERT(length < room); /* else TRACE_HEADER_BYTES is too small for the names */
    header->text_bytes += (uint32_t)length;
}

static void tell_names(void) {
#define X(id, group, name, detail, frame, address, a, b)                                                     \
    tell("kind " #group " %s %s %s %s %s %s\n", name, detail, frame, address, a, b);
    TRACE_KINDS(X)
#undef X
    for (unsigned c = 0; c < COUNT_TOTAL; c++)
        tell("counter %s\n", counter_names[c]);
}

void trace_init(unsigned groups, uint32_t events) {
    struct trace_header *header = &trace_header;

    if (groups != 0 && !time_has_counter()) {
        klog("trace: this processor has no time-stamp counter: nothing is traced");
        groups = 0;
    }
    if (groups == 0)
        events = TRACE_EVENTS_LEAST;
    else if (events == 0)
        events = TRACE_EVENTS;
    ASSERT((events & (events - 1)) == 0);
    if (groups != 0)
        trace_ring = machine_boot_alloc(events * sizeof(*trace_ring));
    trace_mask = (events - 1) * (uint32_t)sizeof(*trace_ring);
    header->ring = pointer_to_phys(trace_ring);
    header->version = TRACE_VERSION;
    header->header_bytes = TRACE_HEADER_BYTES;
    header->event_bytes = sizeof(*trace_ring);
    header->events = events;
    header->self = pointer_to_phys(header);
    header->groups = trace_enabled = groups | 1u << TRACE_GROUP_ALWAYS;
    header->written = ~0u;
    trace_tick = time_cycles();
    time_cycle_rate(&header->cycle_first, &header->cycle_scale);
    header->page_bytes = PAGE_SIZE;
    header->counters = pointer_to_phys(counters);
    header->counters_total = COUNT_TOTAL;
    tell_names();
    /* Last, so that a reader that looks for it finds the rest filled in. */
    memcpy(header->magic, TRACE_MAGIC, sizeof(header->magic));
    if (groups != 0)
        klog("trace: %u events at 0x%08x", events, (unsigned)header->self);
}

/* The frame table in runs of frames in one state: what later events change. */
static void put_frames(void) {
    for (pfn_t first = 0, next; first < frame_total; first = next) {
        const struct frame *frame = &frame_table[first];

        for (next = first + 1; next < frame_total; next++)
            if (frame_table[next].state != frame->state || frame_table[next].pageable != frame->pageable)
                break;
        trace(TRACE_FRAMES, frame->state, first, 0, next - first, frame->pageable);
    }
}

void trace_tell_frames(void) {
    struct trace_header *header = &trace_header;

    header->frames = frame_total;
    header->frames_pageable = frames_pageable();
    header->frame_table = pointer_to_phys(frame_table);
    header->first_entry = trace_entry(frame_table);
    header->layout = (struct trace_layout){
        .bytes = sizeof(struct frame),
        .state = offsetof(struct frame, state),
        .owner = offsetof(struct frame, owner),
        .referenced = offsetof(struct frame, referenced),
        .modified = offsetof(struct frame, modified),
        .pins = offsetof(struct frame, pins),
        .pointer = offsetof(struct frame, anon),
        .index = offsetof(struct frame, index),
        .pageable = offsetof(struct frame, pageable),
    };
    header->hand = pointer_to_phys(&set_global.hand);
    put_frames();
}

void trace_tell_marks(uint32_t low, uint32_t high) {
    trace_header.pool_low = low;
    trace_header.pool_high = high;
    trace(TRACE_POOL_MARKS, 0, 0, 0, low, high);
}

void trace_tell_swap(uint32_t slots, uint32_t first_sector, const uint32_t *free) {
    trace_header.swap_slots = slots;
    trace_header.swap_first_sector = first_sector;
    trace_header.swap_free = pointer_to_phys(free);
}

/* --- for panic --- */

static const struct kind {
    const char *name, *detail, *field[4];
} kinds[TRACE_KIND_TOTAL] = {
#define X(id, group, title, fine, frame, address, a, b) [TRACE_##id] = {title, fine, {frame, address, a, b}},
    TRACE_KINDS(X)
#undef X
};

const char *trace_kind_name(unsigned kind) {
    return kind < TRACE_KIND_TOTAL ? kinds[kind].name : "?";
}

static uint64_t event_microseconds(const struct trace_event *event) {
    uint64_t cycles = event->time - trace_header.cycle_first;

    if (trace_header.cycle_scale == 0)
        return event->time / 1000;
    return ((cycles & UINT32_MAX) * trace_header.cycle_scale >> 22) / 1000 +
           ((cycles >> 32) * trace_header.cycle_scale << 10) / 1000;
}

static bool is_hexadecimal(const char *field) {
    return strcmp(field, "address") == 0 || strcmp(field, "owner") == 0 || strcmp(field, "flags") == 0;
}

static const char *shown_name(const char *field) {
    return strcmp(field, "entry") == 0 ? "frame" : field;
}

/* What a fault's outcome was, by its name; other details as they are. */
static size_t describe_detail(const struct trace_event *event, char *text, size_t size) {
    unsigned kind = event->detail & 15;

    if (event->kind == TRACE_FAULT_END)
        return (size_t)print_to(text, size, " %s%s", fault_times_names[MIN(kind, FAULT_TIMES_KINDS - 1)],
                                kind < 8 && (event->detail & 16) ? " (major)" : "");
    if (strcmp(kinds[event->kind].detail, "-") == 0)
        return 0;
    return (size_t)print_to(text, size, " %s 0x%x", kinds[event->kind].detail, event->detail);
}

void trace_describe(const struct trace_event *event, char *text, size_t size) {
    uint32_t values[] = {event->frame, event->address, event->a, event->b};
    uint64_t when = event_microseconds(event);
    size_t used = (size_t)print_to(text, size, "%5u.%06u %s", (unsigned)(when / 1000000),
                                   (unsigned)(when % 1000000), trace_kind_name(event->kind));

    if (event->kind >= TRACE_KIND_TOTAL || used >= size)
        return;
    used += describe_detail(event, text + used, size - used);
    for (unsigned i = 0; i < ARRAY_SIZE(values) && used < size; i++) {
        const char *field = kinds[event->kind].field[i];

        if (strcmp(field, "-") != 0 && values[i] != TRACE_NO_FRAME)
            used +=
                (size_t)print_to(text + used, size - used, is_hexadecimal(field) ? " %s 0x%08x" : " %s %u",
                                 shown_name(field), (unsigned)values[i]);
    }
}

/* What a reader keeps of the events so far: what those that bear no time and no thread have. */
struct reading {
    uint64_t time;
    uint16_t who;
};

static uint32_t frame_of_entry(uint32_t entry) {
    return entry == 0 ? TRACE_NO_FRAME : (entry - trace_header.first_entry) / (uint32_t)sizeof(struct frame);
}

/* The event whole. False: it is being written, or overwritten. */
static bool read_event(struct reading *reading, uint32_t at, struct trace_event *whole) {
    const char *const *field;

    *whole = trace_ring[(at & trace_mask) / sizeof(*whole)];
    if (whole->sequence != at + sizeof(*whole) || (whole->kind & ~TRACE_TIMED) >= TRACE_KIND_TOTAL)
        return false;
    if (whole->kind & TRACE_TIMED)
        *reading = (struct reading){.time = whole->time, .who = whole->who};
    whole->kind &= (uint8_t)~TRACE_TIMED;
    whole->time = reading->time;
    whole->who = reading->who;
    field = kinds[whole->kind].field;
    if (field[0][0] == '-')
        whole->frame = TRACE_NO_FRAME;
    else if (strcmp(field[0], "entry") == 0)
        whole->frame = frame_of_entry(whole->frame);
    whole->address = field[1][0] == '-' ? 0 : whole->address;
    whole->a = field[2][0] == '-' ? 0 : whole->a;
    whole->b = field[3][0] == '-' ? 0 : whole->b;
    if (whole->kind == TRACE_SWITCH)
        reading->who = (uint16_t)whole->a;
    return true;
}

/* Calls @emit, if there is one, for the thread's events but the first @skip: how many there are. */
static unsigned for_each_of(uint16_t who, unsigned skip, void (*emit)(const struct trace_event *event)) {
    uint32_t head = trace_header.head, at = head - MIN(head, trace_mask + (uint32_t)sizeof(*trace_ring));
    struct reading reading = {0};
    struct trace_event event;
    unsigned found = 0;

    for (; at != head; at += sizeof(event))
        if (read_event(&reading, at, &event) && (who == 0 || event.who == who) && found++ >= skip && emit)
            emit(&event);
    return found;
}

unsigned trace_recent(uint16_t who, unsigned most, void (*emit)(const struct trace_event *event)) {
    unsigned total = for_each_of(who, 0, NULL), shown = MIN(total, most);

    if (shown > 0)
        for_each_of(who, total - shown, emit);
    return shown;
}
