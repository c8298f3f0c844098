/*
 * A trace replayed: after each event, what is known of the machine. Also notes what the events before do not
 * allow (replay_wrong), which `check` reports; after lost events nothing is held against anybody.
 */
#ifndef TOOLS_TRACE_REPLAY_H
#define TOOLS_TRACE_REPLAY_H

#include "tools/trace/file.h"

struct page_name {
    uint32_t pid, address; /* of the page; pid 0: not known */
};

struct frame_now {
    uint8_t state;
    bool known, pageable;
    uint32_t maps;         /* entries that show it */
    struct page_name page; /* as it was mapped last */
};

struct thread_now {
    uint32_t pid;         /* 0: a kernel thread, or not known */
    char name[16];        /* of a kernel thread */
    uint64_t fault_begin; /* time, 0: in none */
    uint32_t fault_address;
    uint8_t fault_access;
    bool seen;
};

struct process_now {
    char name[16];
    bool seen;
};

struct replay {
    const struct file *file;
    struct frame_now *frames;
    struct thread_now threads[65536];    /* by id */
    struct process_now processes[32768]; /* by pid */
    uint32_t states[FRAME_STATES];       /* frames in each */
    uint32_t swap_free;
    uint8_t *slots;   /* 1: in use */
    uint32_t running; /* thread */
    unsigned blind;   /* >0: events were lost, and not everything is known */
    unsigned wrong;   /* events that cannot be */
    char why[160];    /* the first */
};

/* NULL: no memory. */
struct replay *replay_start(const struct file *file);
void replay_event(struct replay *replay, const struct event *event);

/* The page's process's name, or a kernel thread's; "" where not known. */
const char *replay_process(const struct replay *replay, uint32_t pid);
const char *replay_thread(const struct replay *replay, uint32_t who);
/* The process that an event belongs to: that of its `pid`, else that of the thread that ran. */
uint32_t replay_pid(const struct replay *replay, const struct event *event);

#endif
