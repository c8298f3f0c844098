/*
 * The trace as Chrome's trace-event JSON, which Perfetto's viewer (ui.perfetto.dev) opens: each process a track
 * with its threads' faults as slices; a disk with its commands as slices and its transfers from queue to end as
 * asynchronous ones; the processor with who ran; states of frames, length of the queue and swap as counters.
 *
 * Source: "Trace Event Format", the Chromium project; ph X, b/e, C, i, M. Times are microseconds.
 */
#include "tools/trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tracks that are no processes of the guest; above all pids. */
enum { PID_KERNEL = 40000, PID_PROCESSOR, PID_DISK, PID_MEMORY };

#define COUNTER_EVERY 50000u /* nanoseconds: between two values of a counter */

struct record {
    uint64_t time, duration;
    uint32_t pid, tid;
    enum { FAULT, RAN, COMMAND, WAIT_BEGIN, WAIT_END, DAEMON, MEMORY, QUEUE, SWAP, EVICT, LIFE } what;
    uint32_t a, b, c;
    uint32_t states[FRAME_STATES];
    char text[16];
};

static struct record *records;
static size_t record_count, record_room;

static struct record *add(uint64_t time, int what, uint32_t pid, uint32_t tid) {
    if (record_count == record_room) {
        record_room = record_room * 2 + 1024;
        records = realloc(records, record_room * sizeof(*records));
        if (records == NULL)
            abort();
    }
    records[record_count] = (struct record){.time = time, .what = what, .pid = pid, .tid = tid};
    return &records[record_count++];
}

/* --- from events to records --- */

static struct {
    uint64_t run_begin, command_begin, daemon_begin;
    uint32_t queue;
    uint64_t memory_at, queue_at;
    struct {
        uint32_t sector, sectors, id;
    } waiting[256];
    unsigned waiting_count;
    uint32_t ids;
} now;

static void see_fault_end(const struct replay *replay, const struct event *event) {
    const struct thread_now *thread = &replay->threads[event->who];

    if (thread->fault_begin == 0)
        return;
    uint32_t pid = event->who < TRACE_KERNEL ? thread->pid : PID_KERNEL;
    struct record *record = add(thread->fault_begin, FAULT, pid, event->who);
    record->duration = event->time - thread->fault_begin;
    record->a = thread->fault_address;
    record->b = event->detail;
    record->c = thread->fault_access;
}

static void see_queued(const struct event *event) {
    struct record *record;

    if (now.waiting_count < ARRAY_SIZE(now.waiting)) {
        now.waiting[now.waiting_count].sector = event->address;
        now.waiting[now.waiting_count].sectors = event->a;
        now.waiting[now.waiting_count++].id = ++now.ids;
        record = add(event->time, WAIT_BEGIN, PID_DISK, 2);
        record->a = now.ids;
        record->b = event->detail;
        record->c = event->address;
    }
}

/* The transfers of a command that is over: those within its sectors. */
static void see_command_done(const struct event *event) {
    if (now.command_begin != 0) {
        struct record *record = add(now.command_begin, COMMAND, PID_DISK, 1);

        record->duration = event->time - now.command_begin;
        record->a = event->address;
        record->b = event->a;
        record->c = event->detail | event->b << 8;
    }
    now.command_begin = 0;
    for (unsigned i = 0; i < now.waiting_count;) {
        if (now.waiting[i].sector >= event->address &&
            now.waiting[i].sector + now.waiting[i].sectors <= event->address + event->a) {
            add(event->time, WAIT_END, PID_DISK, 2)->a = now.waiting[i].id;
            now.waiting[i] = now.waiting[--now.waiting_count];
        } else {
            i++;
        }
    }
}

static void see_memory(const struct replay *replay, const struct event *event) {
    if (event->time < now.memory_at)
        return;
    memcpy(add(event->time, MEMORY, PID_MEMORY, 0)->states, replay->states, sizeof(replay->states));
    now.memory_at = event->time + COUNTER_EVERY;
}

static void see_queue(const struct event *event) {
    if (event->time < now.queue_at)
        return;
    add(event->time, QUEUE, PID_DISK, 0)->a = now.waiting_count;
    now.queue_at = event->time + COUNTER_EVERY;
}

static void see_switch(const struct replay *replay, const struct event *event) {
    if (now.run_begin != 0 && event->time > now.run_begin) {
        struct record *record = add(now.run_begin, RAN, PID_PROCESSOR, 1);

        record->duration = event->time - now.run_begin;
        record->a = event->who;
        memcpy(record->text, replay_thread(replay, event->who), sizeof(record->text));
    }
    now.run_begin = event->time;
}

static void see_life(const struct replay *replay, const struct event *event, const char *what) {
    uint32_t pid = event->who < TRACE_KERNEL ? replay->threads[event->who].pid : PID_KERNEL;

    snprintf(add(event->time, LIFE, pid, event->who)->text, 16, "%s", what);
}

static void see(const struct replay *replay, const struct event *event) {
    switch (event->kind) {
    case TRACE_FAULT_END:
        see_fault_end(replay, event);
        break;
    case TRACE_FRAMES:
    case TRACE_FRAME:
        see_memory(replay, event);
        break;
    case TRACE_BIO_QUEUED:
        see_queued(event);
        see_queue(event);
        break;
    case TRACE_COMMAND_START:
        now.command_begin = event->time;
        break;
    case TRACE_COMMAND_DONE:
        see_command_done(event);
        see_queue(event);
        break;
    case TRACE_SWITCH:
        see_switch(replay, event);
        break;
    case TRACE_SLOT_ALLOC:
    case TRACE_SLOT_FREE:
        add(event->time, SWAP, PID_MEMORY, 0)->a = event->b;
        break;
    case TRACE_DAEMON_WAKE:
        now.daemon_begin = event->time;
        break;
    case TRACE_DAEMON_DONE:
        if (now.daemon_begin != 0)
            add(now.daemon_begin, DAEMON, PID_KERNEL, event->who)->duration = event->time - now.daemon_begin;
        now.daemon_begin = 0;
        break;
    case TRACE_FORK:
        see_life(replay, event, event->detail ? "thread" : "fork");
        break;
    case TRACE_EXEC:
        see_life(replay, event, "exec");
        break;
    case TRACE_EXIT:
        see_life(replay, event, "exit");
        break;
    default:
        break;
    }
}

/* --- from records to JSON --- */

static const char *separator = "";

static void put_string(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ' || c > '~')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_head(const char *phase, const struct record *record, const char *name) {
    printf("%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%llu.%03u,\"name\":", separator, phase, record->pid,
           record->tid, (unsigned long long)(record->time / 1000), (unsigned)(record->time % 1000));
    separator = ",\n";
    put_string(name);
}

static void put_duration(const struct record *record) {
    printf(",\"dur\":%llu.%03u", (unsigned long long)(record->duration / 1000),
           (unsigned)(record->duration % 1000));
}

static void put_memory(const struct record *record) {
    static const char *const names[] = {"free", "active", "dirty pool", "clean pool",
                                        "busy", "pinned", "kernel"};

    put_head("C", record, "frames");
    for (unsigned s = 0; s < FRAME_STATES; s++)
        printf("%s\"%s\":%u", s == 0 ? ",\"args\":{" : ",", names[s], record->states[s]);
    printf("}}");
}

static void put_transfer(const struct record *record) {
    static const char *const causes[] = {"file", "swap", "meta", "raw"};
    char name[32];

    snprintf(name, sizeof(name), "%s %s", record->b & 1 ? "write" : "read", causes[record->b >> 1 & 3]);
    put_head("b", record, name);
    printf(",\"cat\":\"transfer\",\"id\":%u,\"args\":{\"sector\":%u}}", record->a, record->c);
}

static void put_record(const struct record *record) {
    char name[32];

    switch (record->what) {
    case FAULT:
        put_head("X", record, fault_kind_names[fault_kind((uint8_t)record->b)]);
        put_duration(record);
        printf(",\"cat\":\"fault\",\"args\":{\"address\":\"0x%08x\",\"access\":\"%s\",\"major\":%s}}",
               record->a, record->c ? "write" : "read", (record->b & 24) == 16 ? "true" : "false");
        break;
    case RAN:
        snprintf(name, sizeof(name), "%.15s %u", record->text, record->a & ~TRACE_KERNEL);
        put_head("X", record, name);
        put_duration(record);
        printf(",\"cat\":\"ran\",\"args\":{}}");
        break;
    case COMMAND:
        put_head("X", record, record->c & 2 ? "flush" : record->c & 1 ? "write" : "read");
        put_duration(record);
        printf(",\"cat\":\"disk\",\"args\":{\"sector\":%u,\"sectors\":%u,\"error\":%u}}", record->a,
               record->b, record->c >> 8);
        break;
    case WAIT_BEGIN:
        put_transfer(record);
        break;
    case WAIT_END:
        put_head("e", record, "");
        printf(",\"cat\":\"transfer\",\"id\":%u}", record->a);
        break;
    case DAEMON:
        put_head("X", record, "fills the pool");
        put_duration(record);
        printf(",\"cat\":\"daemon\",\"args\":{}}");
        break;
    case MEMORY:
        put_memory(record);
        break;
    case QUEUE:
        put_head("C", record, "transfers under way");
        printf(",\"args\":{\"transfers\":%u}}", record->a);
        break;
    case SWAP:
        put_head("C", record, "swap");
        printf(",\"args\":{\"free slots\":%u}}", record->a);
        break;
    default:
        put_head("i", record, record->text);
        printf(",\"s\":\"t\",\"cat\":\"life\"}");
    }
}

static void put_name(const char *what, uint32_t pid, uint32_t tid, const char *name) {
    printf("%s{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"ts\":0,\"name\":\"%s\",\"args\":{\"name\":", separator,
           pid, tid, what);
    separator = ",\n";
    put_string(name);
    printf("}}");
}

static void put_names(const struct replay *replay) {
    put_name("process_name", PID_KERNEL, 0, "kernel threads");
    put_name("process_name", PID_PROCESSOR, 0, "processor");
    put_name("thread_name", PID_PROCESSOR, 1, "who ran");
    put_name("process_name", PID_DISK, 0, "disk");
    put_name("thread_name", PID_DISK, 1, "commands");
    put_name("thread_name", PID_DISK, 2, "transfers");
    put_name("process_name", PID_MEMORY, 0, "memory");
    for (uint32_t pid = 1; pid < ARRAY_SIZE(replay->processes); pid++)
        if (replay->processes[pid].seen)
            put_name("process_name", pid, 0, replay->processes[pid].name);
    for (uint32_t who = 1; who < ARRAY_SIZE(replay->threads); who++) {
        const struct thread_now *thread = &replay->threads[who];

        if (thread->seen && who >= TRACE_KERNEL)
            put_name("thread_name", PID_KERNEL, who, thread->name);
        else if (thread->seen)
            put_name("thread_name", thread->pid, who, replay_process(replay, thread->pid));
    }
}

/* Of those that begin together the longer first: it holds the others. */
static int in_order(const void *a, const void *b) {
    const struct record *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->duration != y->duration)
        return x->duration > y->duration ? -1 : 1;
    return 0;
}

int command_perfetto(const struct file *file) {
    struct replay *replay = replay_start(file);

    if (replay == NULL)
        return 1;
    for (size_t i = 0; i < file->count; i++) {
        if (file->events[i].kind == TRACE_FAULT_END)
            see(replay, &file->events[i]); /* before the replay: a fault's begin is still known */
        replay_event(replay, &file->events[i]);
        if (file->events[i].kind != TRACE_FAULT_END)
            see(replay, &file->events[i]);
    }
    for (unsigned i = 0; i < now.waiting_count; i++) /* what had not ended with the trace */
        add(file->events[file->count - 1].time, WAIT_END, PID_DISK, 2)->a = now.waiting[i].id;
    qsort(records, record_count, sizeof(*records), in_order);
    printf("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"lost events\":\"%llu\"},\"traceEvents\":[\n",
           (unsigned long long)file->lost);
    put_names(replay);
    for (size_t i = 0; i < record_count; i++)
        put_record(&records[i]);
    printf("\n]}\n");
    return 0;
}
