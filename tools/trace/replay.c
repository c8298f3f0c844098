/* See replay.h. */
#include "tools/trace/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void PRINTF_LIKE(3, 4)
    wrong(struct replay *replay, const struct event *event, const char *format, ...) {
    va_list values;

    if (replay->blind || replay->wrong++ > 0)
        return;
    int length =
        snprintf(replay->why, sizeof(replay->why), "event %zu: ", (size_t)(event - replay->file->events));
    va_start(values, format);
    vsnprintf(replay->why + length, sizeof(replay->why) - (size_t)length, format, values);
    va_end(values);
}

struct replay *replay_start(const struct file *file) {
    struct replay *replay = calloc(1, sizeof(*replay));

    if (replay == NULL)
        return NULL;
    replay->file = file;
    replay->frames = calloc(file->header.frames + 1, sizeof(*replay->frames));
    replay->slots = calloc((size_t)file->header.swap_slots + 1, 1);
    replay->running = TRACE_KERNEL;
    return replay->frames == NULL || replay->slots == NULL ? NULL : replay;
}

static struct frame_now *frame_at(struct replay *replay, const struct event *event) {
    if (event->frame < replay->file->header.frames)
        return &replay->frames[event->frame];
    wrong(replay, event, "frame %u of %u", event->frame, replay->file->header.frames);
    return NULL;
}

/* --- frames --- */

static void see_frames(struct replay *replay, const struct event *event) {
    for (uint32_t n = 0; n < event->a && event->frame + n < replay->file->header.frames; n++) {
        struct frame_now *frame = &replay->frames[event->frame + n];

        *frame = (struct frame_now){.state = event->detail & 7, .known = true, .pageable = event->b};
        replay->states[frame->state]++;
    }
}

static void see_frame(struct replay *replay, const struct event *event) {
    struct frame_now *frame = frame_at(replay, event);
    unsigned from = event->detail & 15, to = event->detail >> 4;

    if (frame == NULL)
        return;
    if (from >= FRAME_STATES || to >= FRAME_STATES) {
        wrong(replay, event, "states %u and %u", from, to);
        return;
    }
    if (frame->known && frame->state != from)
        wrong(replay, event, "frame %u leaves state %u, was in %u", event->frame, from, frame->state);
    if (frame->known)
        replay->states[frame->state]--;
    frame->state = (uint8_t)to;
    frame->known = true;
    replay->states[to]++;
    if ((to == FRAME_DIRTY || to == FRAME_CLEAN || to == FRAME_FREE) && frame->maps > 0)
        wrong(replay, event, "frame %u is in state %u and mapped", event->frame, to);
    if (to == FRAME_FREE || (event->b & 255) == OWNER_NONE)
        frame->page = (struct page_name){0};
}

static void see_map(struct replay *replay, const struct event *event) {
    struct frame_now *frame = frame_at(replay, event);

    if (frame == NULL)
        return;
    if (frame->known && frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED)
        wrong(replay, event, "frame %u is mapped in state %u", event->frame, frame->state);
    frame->maps++;
    frame->page = (struct page_name){event->a, event->address & ~PAGE_MASK};
}

static void see_unmap(struct replay *replay, const struct event *event) {
    struct frame_now *frame = frame_at(replay, event);

    if (frame == NULL)
        return;
    if (frame->maps == 0)
        wrong(replay, event, "frame %u is unmapped and was not mapped", event->frame);
    else
        frame->maps--;
    frame->page = (struct page_name){event->a, event->address & ~PAGE_MASK};
}

/* --- slots --- */

static void see_slots(struct replay *replay, const struct event *event, uint8_t used) {
    for (uint32_t n = 0; n < event->a; n++) {
        uint32_t slot = event->address + n;

        if (slot >= replay->file->header.swap_slots || replay->slots[slot] == used) {
            wrong(replay, event, "slot %u is %s twice", slot, used ? "taken" : "freed");
            return;
        }
        replay->slots[slot] = used;
    }
    replay->swap_free = event->b;
}

/* --- threads --- */

static void copy_text(char to[16], const struct event *event) {
    memset(to, 0, 16);
    memcpy(to, &event->address, 4);
    memcpy(to + 4, &event->a, 4);
    memcpy(to + 8, &event->b, 4);
}

static void see_thread(struct replay *replay, const struct event *event) {
    struct thread_now *thread = &replay->threads[event->who];

    switch (event->kind) {
    case TRACE_NAME:
        copy_text(replay->threads[event->frame & 0xFFFF].name, event);
        break;
    case TRACE_EXEC:
        copy_text(replay->processes[event->frame & 0x7FFF].name, event);
        replay->processes[event->frame & 0x7FFF].seen = true;
        if (event->who < TRACE_KERNEL)
            thread->pid = event->frame;
        else
            replay->threads[event->frame & 0x7FFF].pid = event->frame; /* the first program's thread */
        break;
    case TRACE_FORK:
        replay->threads[event->b & 0xFFFF].pid = event->a;
        if (event->detail == 0 && event->who < TRACE_KERNEL)
            memcpy(replay->processes[event->a & 0x7FFF].name, replay->processes[thread->pid & 0x7FFF].name,
                   16);
        replay->processes[event->a & 0x7FFF].seen = true;
        break;
    case TRACE_SWITCH:
        replay->running = event->a & 0xFFFF;
        break;
    default:
        break;
    }
}

static void see_fault(struct replay *replay, const struct event *event) {
    struct thread_now *thread = &replay->threads[event->who];

    if (event->who < TRACE_KERNEL && thread->pid == 0)
        thread->pid = event->a; /* else it may be at work in the space of a child */
    if (event->kind == TRACE_FAULT_BEGIN) {
        if (thread->fault_begin != 0)
            wrong(replay, event, "thread %u begins a fault in a fault", event->who);
        thread->fault_begin = MAX(event->time, 1u);
        thread->fault_address = event->address;
        thread->fault_access = event->detail;
    } else if (event->kind == TRACE_FAULT_END) {
        thread->fault_begin = 0;
    }
}

void replay_event(struct replay *replay, const struct event *event) {
    replay->threads[event->who].seen = true;
    switch (event->kind) {
    case TRACE_FRAMES:
        see_frames(replay, event);
        break;
    case TRACE_FRAME:
        see_frame(replay, event);
        break;
    case TRACE_MAP:
        see_map(replay, event);
        break;
    case TRACE_UNMAP:
        see_unmap(replay, event);
        break;
    case TRACE_SLOT_ALLOC:
        see_slots(replay, event, 1);
        break;
    case TRACE_SLOT_FREE:
        see_slots(replay, event, 0);
        break;
    case TRACE_FAULT_BEGIN:
    case TRACE_FAULT_WAIT:
    case TRACE_FAULT_END:
        see_fault(replay, event);
        break;
    case TRACE_LOST:
        replay->blind++;
        break;
    default:
        see_thread(replay, event);
    }
}

/* --- names --- */

const char *replay_process(const struct replay *replay, uint32_t pid) {
    return pid < ARRAY_SIZE(replay->processes) ? replay->processes[pid].name : "";
}

const char *replay_thread(const struct replay *replay, uint32_t who) {
    const struct thread_now *thread = &replay->threads[who & 0xFFFF];

    return who >= TRACE_KERNEL ? thread->name : replay_process(replay, thread->pid);
}

uint32_t replay_pid(const struct replay *replay, const struct event *event) {
    const struct kind *kind = &replay->file->kinds[event->number];
    unsigned field = event->kind == TRACE_LOST ? FIELDS : kind_field(kind, "pid");

    if (field < FIELDS)
        return event_field(event, field);
    return event->who < TRACE_KERNEL ? replay->threads[event->who].pid : 0;
}
