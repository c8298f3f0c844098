/*
 * The trace: what happens to pages, requests, threads and the paging daemon, as events of 32 bytes in a ring
 * in memory. Whoever looks at the guest's memory from outside (the runner while QEMU runs, a debugger, a core
 * dump) finds the ring by its header, which begins a page and says all that is needed to read it: docs/trace.md.
 *
 * The kernel never waits for a reader and never asks how far it is: the oldest events are overwritten. A
 * reader sees by `head` and by the sequence number of each event what it has missed. An event is complete
 * when its sequence number is that of its place; an interrupt handler may write later ones meanwhile.
 *
 * A point costs a load, a test and a branch while its group is off. Boot word trace= switches groups on. The
 * ends of faults are always written, if only to a small ring, so that panic() can show the last ones.
 *
 * Any context; nothing here sleeps.
 */
#ifndef MM_TRACE_H
#define MM_TRACE_H

#include "arch/x86/time.h"
#include "lib/types.h"

/* X(enumerator, name): groups, a bit each in trace_enabled. The last is always on. */
#define TRACE_GROUPS(X)                                                                                      \
    X(FAULT, "fault")                                                                                        \
    X(PAGE, "page")                                                                                          \
    X(SWAP, "swap")                                                                                          \
    X(DISK, "disk")                                                                                          \
    X(THREAD, "thread")                                                                                      \
    X(DAEMON, "daemon")                                                                                      \
    X(ALWAYS, "always")

/*
 * X(enumerator, group, name, what `detail`, `frame`, `address`, `a` and `b` are; "-": nothing). The order is
 * the numbering, from 0; the header tells it to readers.
 *
 *   access   0 read, 1 write
 *   why      of a wait: 1 frames, 2 a page under way, 3 slept already; of a switch: what became of the thread
 *            that ran, enum thread_state
 *   outcome  bits 0-3: enum kind of mm/fault.c, or 8 + enum fault_result where refused; bit 4: major
 *   states   enum frame_state before in bits 0-3, after in bits 4-7
 *   bits     of the page-table entry: enum pmap_bits
 *   flags    a byte each, the lowest first: enum frame_owner, modified, being written, read ahead
 *   who      a thread: its id; of a kernel thread 0x8000 + its number
 *   kind     of a transfer: bit 0 write, bits 1-2 enum block_cause; of a command: bit 0 write, bit 1 flush
 *   text     up to 12 bytes of a name in address, a and b, NUL padded
 */
#define TRACE_KINDS(X)                                                                                       \
    X(FAULT_BEGIN, FAULT, "fault-begin", "access", "-", "address", "pid", "-")                               \
    X(FAULT_WAIT, FAULT, "fault-wait", "why", "frame", "address", "pid", "-")                                \
    X(FAULT_END, ALWAYS, "fault-end", "outcome", "-", "address", "pid", "-")                                 \
    X(FRAMES, PAGE, "frames", "state", "first", "-", "count", "pageable")                                    \
    X(FRAME, PAGE, "frame", "states", "frame", "index", "owner", "flags")                                    \
    X(MAP, PAGE, "map", "bits", "frame", "address", "pid", "-")                                              \
    X(UNMAP, PAGE, "unmap", "bits", "frame", "address", "pid", "-")                                          \
    X(REFERENCED, PAGE, "referenced", "-", "frame", "-", "owner", "-")                                       \
    X(DIRTIED, PAGE, "dirtied", "-", "frame", "address", "pid", "-")                                         \
    X(COPY, PAGE, "copy", "-", "frame", "address", "source", "-")                                            \
    X(PIN, PAGE, "pin", "-", "frame", "-", "pins", "locks")                                                  \
    X(UNPIN, PAGE, "unpin", "-", "frame", "-", "pins", "locks")                                              \
    X(SLOT_ALLOC, SWAP, "slot-alloc", "-", "-", "slot", "count", "free")                                     \
    X(SLOT_FREE, SWAP, "slot-free", "-", "-", "slot", "count", "free")                                       \
    X(BIO_QUEUED, DISK, "bio-queued", "kind", "frame", "sector", "sectors", "queued")                        \
    X(COMMAND_START, DISK, "command-start", "kind", "disk", "sector", "sectors", "bios")                     \
    X(COMMAND_DONE, DISK, "command-done", "kind", "disk", "sector", "sectors", "error")                      \
    X(NAME, THREAD, "name", "-", "who", "text", "text", "text")                                              \
    X(EXEC, THREAD, "exec", "-", "pid", "text", "text", "text")                                              \
    X(FORK, THREAD, "fork", "thread", "-", "-", "pid", "who")                                                \
    X(EXIT, THREAD, "exit", "process", "-", "-", "pid", "status")                                            \
    X(SWITCH, THREAD, "switch", "why", "-", "-", "who", "-")                                                 \
    X(WAKE, THREAD, "wake", "-", "-", "-", "who", "-")                                                       \
    X(POOL_MARKS, DAEMON, "pool-marks", "-", "-", "-", "low", "high")                                        \
    X(DAEMON_WAKE, DAEMON, "daemon-wake", "-", "-", "scanned", "available", "target")                        \
    X(DAEMON_EVICTED, DAEMON, "daemon-evicted", "-", "hand", "scanned", "available", "evicted")              \
    X(DAEMON_DONE, DAEMON, "daemon-done", "-", "-", "scanned", "available", "target")

#define TRACE_GROUP_NAMES "fault,page,swap,disk,thread,daemon"

enum trace_group {
#define X(id, name) TRACE_GROUP_##id,
    TRACE_GROUPS(X)
#undef X
        TRACE_GROUP_TOTAL
};

enum trace_kind {
#define X(id, ...) TRACE_##id,
    TRACE_KINDS(X)
#undef X
        TRACE_KIND_TOTAL,
    TRACE_LOST = 255, /* written by readers: `a` events are missing here */
};

#define TRACE_GROUPS_ALL ((1u << TRACE_GROUP_ALWAYS) - 1) /* that trace= chooses from */
#define TRACE_NO_FRAME   0xFFFFFFFFu
#define TRACE_KERNEL     0x8000u /* `who` of kernel threads begins here */

struct trace_event {
    uint64_t time;     /* cycles: see the header */
    uint32_t sequence; /* of the event since boot, plus 1; written last */
    union {
        struct {
            uint8_t kind; /* enum trace_kind */
            uint8_t detail;
            uint16_t who; /* the thread that runs; in an interrupt handler the interrupted one */
        };
        uint32_t kind_detail_who;
    };
    uint32_t frame;
    uint32_t address;
    uint32_t a, b;
};

#define TRACE_MAGIC        "FAULTLINE TRACE"
#define TRACE_VERSION      1u
#define TRACE_HEADER_BYTES (2 * PAGE_SIZE)
#define TRACE_EVENTS       65536u /* of the ring where trace= does not say */
#define TRACE_EVENTS_LEAST 256u   /* of the ring for panic() */
#define TRACE_EVENTS_MOST  (1u << 22)

/* Where the fields of struct frame are, in bytes; `bytes`: its size; `pointer`: its anon or object. */
struct trace_layout {
    uint32_t bytes, state, owner, referenced, modified, pins, pointer, index, pageable;
};

/* In little endian, at the beginning of a page; the first page of a trace file is a copy of it. */
struct trace_header {
    char magic[16];
    uint32_t version;
    uint32_t header_bytes; /* of this; in a file the events begin there */
    uint32_t event_bytes;
    uint32_t events; /* room of the ring: a power of two */
    uint32_t self;   /* physical address of the header: tells it from a copy */
    uint32_t groups; /* that are on, a bit each */
    uint32_t head;   /* events begun since boot, modulo 2^32 */
    uint32_t tail;   /* a reader's: events that it has taken … */
    uint32_t lost;   /* … and missed; in a file: all that were missed */
    uint32_t
        written; /* in a file: events that follow, lost-events included; ~0: the writer has not finished */
    uint64_t cycle_first; /* ns since boot = (time - cycle_first) * cycle_scale / 2^22; scale 0: time is ns */
    uint32_t cycle_scale;
    uint32_t page_bytes;
    uint32_t frames; /* entries of the frame table */
    uint32_t frames_pageable;
    uint32_t frame_table; /* physical address; 0 in a file */
    struct trace_layout layout;
    uint32_t counters, counters_total; /* physical address of mm/counters.c's counters */
    uint32_t pool_low, pool_high;
    uint32_t swap_slots, swap_first_sector; /* of swap's partition: sectors from the disk's beginning */
    uint32_t hand;      /* physical address of the word that points to the frame of the global set's hand */
    uint32_t swap_free; /* physical address of the word with the number of free slots */
    uint32_t text_bytes;
    uint32_t ring; /* physical address of the first event's place */
    /*
     * The kinds, a line each: "kind GROUP NAME DETAIL FRAME ADDRESS A B". Then the counters in their order:
     * "counter NAME". Then what is worth knowing about the run: "policy NAME".
     */
    char text[TRACE_HEADER_BYTES - 160];
};

extern uint32_t trace_enabled; /* groups, a bit each */
extern uint32_t trace_who;     /* the running thread, shifted left by 16; set by the scheduler */

extern struct trace_header trace_header;
extern struct trace_event *trace_ring;
extern uint32_t trace_mask;   /* places of the ring - 1 */
extern uint64_t trace_latest; /* time of the last event that looked at the clock */

/*
 * Writes an event, whatever is enabled, with the time of the last one that looked at the clock. In line, as a call
 * with its arguments would cost as much again.
 */
static inline void trace_put_untimed(unsigned kind_and_detail, uint32_t frame, uint32_t address, uint32_t a,
                                     uint32_t b) {
    uint32_t place = __atomic_fetch_add(&trace_header.head, 1, __ATOMIC_RELAXED);
    struct trace_event *event = &trace_ring[place & trace_mask];

    event->time = trace_latest;
    event->kind_detail_who = kind_and_detail | trace_who;
    event->frame = frame;
    event->address = address;
    event->a = a;
    event->b = b;
    __atomic_store_n(&event->sequence, place + 1, __ATOMIC_RELEASE);
}

/* The same with the time of now. */
static inline void trace_put(unsigned kind_and_detail, uint32_t frame, uint32_t address, uint32_t a,
                             uint32_t b) {
    trace_latest = time_cycles();
    trace_put_untimed(kind_and_detail, frame, address, a, b);
}

static inline enum trace_group trace_group_of(enum trace_kind kind) {
    switch (kind) {
#define X(id, group, ...)                                                                                    \
    case TRACE_##id:                                                                                         \
        return TRACE_GROUP_##group;
        TRACE_KINDS(X)
#undef X
    default:
        return TRACE_GROUP_FAULT;
    }
}

static inline bool trace_on(enum trace_kind kind) {
    return __builtin_expect((trace_enabled & 1u << trace_group_of(kind)) != 0, 0);
}

/* Pages and slots change several at a time, in the course of what is timed; so do these. */
static inline bool trace_is_timed(enum trace_kind kind) {
    enum trace_group group = trace_group_of(kind);

    return group != TRACE_GROUP_PAGE && group != TRACE_GROUP_SWAP && kind != TRACE_BIO_QUEUED &&
           kind != TRACE_WAKE && kind != TRACE_FAULT_WAIT;
}

/* A trace point. */
static inline void trace(enum trace_kind kind, unsigned detail, uint32_t frame, uint32_t address, uint32_t a,
                         uint32_t b) {
    if (!trace_on(kind))
        return;
    if (trace_is_timed(kind))
        trace_put(kind | detail << 8, frame, address, a, b);
    else
        trace_put_untimed(kind | detail << 8, frame, address, a, b);
}

/* The same for names: @subject is a pid or a thread. */
void trace_name(enum trace_kind kind, uint32_t subject, const char *name);

/*
 * Makes the header and the ring: groups, and events (a power of two; 0: as usual). At boot, before
 * frame_init(), so that the frame table's beginning is seen.
 */
void trace_init(unsigned groups, uint32_t events);

/* mm tells the header what it has; thread context. */
void trace_tell_frames(void);
void trace_tell_marks(uint32_t low, uint32_t high);
void trace_tell_swap(uint32_t slots, uint32_t first_sector, const uint32_t *free);

/* The last @most events of thread @who (any, where it is 0), oldest first: how many. For panic(). */
unsigned trace_recent(uint16_t who, unsigned most, void (*emit)(const struct trace_event *event));
const char *trace_kind_name(unsigned kind);
/* The event as text: seconds since boot, its name, its fields with their names. */
void trace_describe(const struct trace_event *event, char *text, size_t size);

#endif
