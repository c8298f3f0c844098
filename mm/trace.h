/*
 * The trace: what happens to pages, requests, threads and the paging daemon, as events of 32 bytes in a ring
 * in memory. Whoever looks at the guest's memory from outside (the runner while QEMU runs, a debugger, a core
 * dump) finds the ring by its header, which begins a page and says all that is needed to read it: docs/trace.md.
 *
 * The kernel never waits for a reader and never asks how far it is: the oldest events are overwritten. A
 * reader sees by `head` and by the sequence number of each event what it has missed. An event is complete
 * when its sequence number is that of its place; an interrupt handler may write later ones meanwhile.
 *
 * An event is written in some fifteen instructions: what a reader can find out by itself is not written. Most
 * events bear no time and no thread, as they happen in the course of what does: they have those of the event
 * before, and after a switch the thread that was switched to. Frames are named by the address of their entry in
 * the frame table, which needs no division. Fields that a kind does not use hold anything.
 *
 * A point costs a test and a branch while its group is off. Boot word trace= switches groups on. The ends of
 * faults are always written, if only to a small ring and timed to the tick, so that panic() can show the last.
 *
 * Any context; nothing here sleeps.
 */
#ifndef MM_TRACE_H
#define MM_TRACE_H

#include "arch/x86/atomic.h"
#include "arch/x86/time.h"
#include "lib/types.h"

struct frame;

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
 *   entry    in the frame table: its address, 0 for no frame
 *   access   0 read, 1 write
 *   why      of a wait: 1 frames, 2 a page under way, 3 slept already; of a switch: what became of the thread
 *            that ran, enum thread_state
 *   outcome  bits 0-3: enum kind of mm/fault_steps.h, or 8 + enum fault_result where refused; bit 4: major
 *   from     enum frame_state before
 *   bits     of the page-table entry: enum pmap_bits
 *   flags    a byte each, the lowest first: enum frame_state after, enum frame_owner, modified, read ahead
 *   who      a thread: its id; of a kernel thread 0x8000 + its number
 *   kind     of a transfer: bit 0 write, bits 1-2 enum block_cause; of a command: bit 0 write, bit 1 flush
 *   text     up to 12 bytes of a name in address, a and b, NUL padded
 */
#define TRACE_KINDS(X)                                                                                       \
    X(FAULT_BEGIN, FAULT, "fault-begin", "access", "-", "address", "pid", "-")                               \
    X(FAULT_WAIT, FAULT, "fault-wait", "why", "entry", "address", "pid", "-")                                \
    X(FAULT_END, ALWAYS, "fault-end", "outcome", "-", "address", "pid", "-")                                 \
    X(FRAMES, PAGE, "frames", "state", "first", "-", "count", "pageable")                                    \
    X(FRAME, PAGE, "frame", "from", "entry", "index", "owner", "flags")                                      \
    X(MAP, PAGE, "map", "bits", "entry", "address", "pid", "-")                                              \
    X(UNMAP, PAGE, "unmap", "bits", "entry", "address", "pid", "-")                                          \
    X(REFERENCED, PAGE, "referenced", "-", "entry", "-", "-", "-")                                           \
    X(DIRTIED, PAGE, "dirtied", "-", "entry", "address", "pid", "-")                                         \
    X(COPY, PAGE, "copy", "-", "entry", "address", "source", "-")                                            \
    X(PIN, PAGE, "pin", "-", "entry", "-", "pins", "locks")                                                  \
    X(UNPIN, PAGE, "unpin", "-", "entry", "-", "pins", "locks")                                              \
    X(SLOT_ALLOC, SWAP, "slot-alloc", "-", "-", "slot", "count", "free")                                     \
    X(SLOT_FREE, SWAP, "slot-free", "-", "-", "slot", "count", "free")                                       \
    X(BIO_QUEUED, DISK, "bio-queued", "kind", "frame", "sector", "sectors", "-")                             \
    X(COMMAND_START, DISK, "command-start", "kind", "-", "sector", "sectors", "bios")                        \
    X(COMMAND_DONE, DISK, "command-done", "kind", "-", "sector", "sectors", "error")                         \
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
#define TRACE_TIMED      0x80u                            /* in `kind`: the event bears a time and a thread */
#define TRACE_NO_FRAME   0xFFFFFFFFu
#define TRACE_KERNEL     0x8000u /* `who` of kernel threads begins here */

struct trace_event {
    uint64_t time;     /* if timed: cycles, see the header */
    uint32_t sequence; /* bytes of events since boot up to its end, modulo 2^32; written last */
    union {
        struct {
            uint8_t kind; /* enum trace_kind, TRACE_TIMED */
            uint8_t detail;
            uint16_t who; /* if timed: the thread that runs; in an interrupt handler the interrupted one */
        };
        uint32_t kind_detail_who;
    };
    uint32_t frame;
    uint32_t address;
    uint32_t a, b;
};

#define TRACE_MAGIC        "FAULTLINE TRACE"
#define TRACE_VERSION      2u
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
    uint32_t head;   /* bytes of events begun since boot, modulo 2^32 */
    uint32_t tail;   /* a reader's: those that it has taken … */
    uint32_t lost;   /* … and events that it has missed; in a file: all that were missed */
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
    uint32_t ring;        /* physical address of the first event's place */
    uint32_t first_entry; /* address of frame 0's entry, as events name it; each has layout.bytes */
    /*
     * The kinds, a line each: "kind GROUP NAME DETAIL FRAME ADDRESS A B". Then the counters in their order:
     * "counter NAME". Then what is worth knowing about the run: "policy NAME".
     */
    char text[TRACE_HEADER_BYTES - 164];
};

extern uint32_t trace_enabled; /* groups, a bit each */
extern uint32_t trace_who;     /* the running thread, shifted left by 16; set by the scheduler */
extern uint64_t trace_tick;    /* when the last tick was, in cycles */

extern struct trace_header trace_header;
extern struct trace_event *trace_ring;
extern uint32_t trace_mask; /* the ring's bytes - 1, less those within an event */

static ALWAYS_INLINE enum trace_group trace_group_of(enum trace_kind kind) {
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

enum trace_field { TRACE_FIELD_FRAME, TRACE_FIELD_ADDRESS, TRACE_FIELD_A, TRACE_FIELD_B };

/* Whether events of the kind hold something there. */
static ALWAYS_INLINE bool trace_has(enum trace_kind kind, enum trace_field field) {
    switch (kind) {
#define X(id, group, name, detail, frame, address, a, b)                                                     \
    case TRACE_##id:                                                                                         \
        return (field == TRACE_FIELD_FRAME     ? frame                                                       \
                : field == TRACE_FIELD_ADDRESS ? address                                                     \
                : field == TRACE_FIELD_A       ? a                                                           \
                                               : b)[0] != '-';
        TRACE_KINDS(X)
#undef X
    default:
        return false;
    }
}

static ALWAYS_INLINE bool trace_on(enum trace_kind kind) {
    return __builtin_expect((trace_enabled & 1u << trace_group_of(kind)) != 0, 0);
}

/* Pages and slots change several at a time, in the course of what is timed; so do these. */
static ALWAYS_INLINE bool trace_is_timed(enum trace_kind kind) {
    enum trace_group group = trace_group_of(kind);

    return group != TRACE_GROUP_PAGE && group != TRACE_GROUP_SWAP && kind != TRACE_BIO_QUEUED &&
           kind != TRACE_WAKE && kind != TRACE_FAULT_WAIT;
}

/* The clock costs as much as the rest of an event: where nothing is traced, the last tick does for panic(). */
static ALWAYS_INLINE uint64_t trace_time(enum trace_kind kind) {
    if (trace_group_of(kind) == TRACE_GROUP_ALWAYS && !(trace_enabled & TRACE_GROUPS_ALL))
        return trace_tick;
    return time_counter();
}

/* A place in the ring, for an event with that sequence. Bytes are counted, which need not be multiplied. */
static ALWAYS_INLINE struct trace_event *trace_begin(uint32_t *sequence) {
    uint32_t before = atomic_add_before(&trace_header.head, sizeof(struct trace_event));

    *sequence = before + sizeof(struct trace_event);
    return (struct trace_event *)((char *)trace_ring + (before & trace_mask));
}

static ALWAYS_INLINE void trace_stamp(struct trace_event *event, enum trace_kind kind, unsigned detail) {
    event->kind_detail_who = kind | detail << 8;
    if (!trace_is_timed(kind))
        return;
    event->kind_detail_who |= TRACE_TIMED | trace_who;
    event->time = trace_time(kind);
}

/*
 * Writes an event, whatever is enabled; the kind is a constant. A macro, so that each value is computed where it is
 * stored, and only if the kind has it: as arguments they would all be computed first, and need registers.
 */
#define trace_put(kind, detail, frame_, address_, a_, b_)                                                    \
    do {                                                                                                     \
        uint32_t sequence_;                                                                                  \
        struct trace_event *event_ = trace_begin(&sequence_);                                                \
        trace_stamp(event_, kind, detail);                                                                   \
        if (trace_has(kind, TRACE_FIELD_FRAME))                                                              \
            event_->frame = (frame_);                                                                        \
        if (trace_has(kind, TRACE_FIELD_ADDRESS))                                                            \
            event_->address = (address_);                                                                    \
        if (trace_has(kind, TRACE_FIELD_A))                                                                  \
            event_->a = (a_);                                                                                \
        if (trace_has(kind, TRACE_FIELD_B))                                                                  \
            event_->b = (b_);                                                                                \
        __atomic_store_n(&event_->sequence, sequence_, __ATOMIC_RELEASE);                                    \
    } while (0)

/* A trace point. Fields that the kind does not have are given as 0. Nothing is computed while the group is off. */
#define trace(kind, detail, frame, address, a, b)                                                            \
    do {                                                                                                     \
        if (trace_on(kind))                                                                                  \
            trace_put(kind, detail, frame, address, a, b);                                                   \
    } while (0)

/* What events call a frame. */
static inline uint32_t trace_entry(const struct frame *frame) {
    return (uint32_t)(uintptr_t)frame;
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

/*
 * The last @most events of thread @who (any, where it is 0), oldest first: how many. For panic(). They are given
 * whole: each with its time and its thread, frames by their numbers, and nothing in fields that are not used.
 */
unsigned trace_recent(uint16_t who, unsigned most, void (*emit)(const struct trace_event *event));
const char *trace_kind_name(unsigned kind);
/* Such an event as text: seconds since boot, its name, its fields with their names. */
void trace_describe(const struct trace_event *event, char *text, size_t size);

#endif
