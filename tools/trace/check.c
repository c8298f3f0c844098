/*
 * The identities once more, from outside: the events say what the counters must be, and the counters are those
 * of the guest's own file of --stats. And no event may contradict those before it (replay.h).
 */
#include "tools/trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_OK, STATUS_DISAGREES, STATUS_CANNOT };

/* What the events come to, under the names of the counters. */
struct total {
    const char *name;
    uint64_t value;
};

enum {
    T_FAULT,
    T_MAJOR,
    T_KINDS,
    T_COPY_READ = T_KINDS + FAULT_KINDS,
    T_RESTARTS,
    T_EVICT,
    T_STEAL,
    T_SWAP_IN,
    T_SWAP_OUT,
    T_READS,
    T_WRITES,
    T_MERGES,
    T_READ_SECTORS,
    T_WRITE_SECTORS,
    T_FILE_IN,
    T_FILE_OUT,
    T_SWITCHES,
    T_FORKS,
    T_DAEMON,
    T_SWAP_FREE,
    T_STATES,
    TOTALS = T_STATES + FRAME_STATES
};

static struct total totals[TOTALS] = {
    [T_FAULT] = {"pgfault", 0},
    [T_MAJOR] = {"pgmajfault", 0},
    [T_KINDS] = {"fault_spurious", 0},
    {"fault_resident", 0},
    {"fault_upgrade", 0},
    {"fault_reclaim", 0},
    {"fault_zero", 0},
    {"fault_swap", 0},
    {"fault_file", 0},
    {"fault_copy", 0},
    {"fault_bad", 0},
    [T_COPY_READ] = {"fault_copy_read", 0},
    [T_RESTARTS] = {"fault_restarts", 0},
    [T_EVICT] = {"pgevict", 0},
    [T_STEAL] = {"pgsteal", 0},
    [T_SWAP_IN] = {"pswpin", 0},
    [T_SWAP_OUT] = {"pswpout", 0},
    [T_READS] = {"blk_read_requests", 0},
    [T_WRITES] = {"blk_write_requests", 0},
    [T_MERGES] = {"blk_merges", 0},
    [T_READ_SECTORS] = {"blk_read_sectors", 0},
    [T_WRITE_SECTORS] = {"blk_write_sectors", 0},
    [T_FILE_IN] = {"blk_file_pages_in", 0},
    [T_FILE_OUT] = {"blk_file_pages_out", 0},
    [T_SWITCHES] = {"context_switches", 0},
    [T_FORKS] = {"forks", 0},
    [T_DAEMON] = {"kswapd_wake", 0},
    [T_SWAP_FREE] = {"nr_swap_free", 0},
    [T_STATES] = {"nr_free_pages", 0},
    {"nr_active", 0},
    {"nr_pool_dirty", 0},
    {"nr_pool_clean", 0},
    {"nr_busy", 0},
    {"nr_pinned", 0},
    {"nr_kernel", 0},
};

/* --- counting --- */

static void count_fault(const struct event *event) {
    unsigned kind = fault_kind(event->detail);

    totals[T_FAULT].value++;
    totals[T_KINDS + kind].value++;
    if (kind == 8 || !(event->detail & 16))
        return;
    totals[T_MAJOR].value++;
    totals[T_COPY_READ].value += kind == 7;
}

static void count_frame(const struct event *event) {
    unsigned from = event->detail & 15, to = event->detail >> 4;
    bool pool = to == FRAME_DIRTY || to == FRAME_CLEAN;

    totals[T_EVICT].value += from == FRAME_ACTIVE && pool;
    totals[T_STEAL].value +=
        from == FRAME_CLEAN && (to == FRAME_BUSY || to == FRAME_KERNEL) && (event->b & 255) == OWNER_NONE;
}

static void count_bio(const struct event *event) {
    bool write = event->detail & 1;

    if (event->a == 0)
        return; /* a flush */
    if (event->detail >> 1 == 1)
        totals[write ? T_SWAP_OUT : T_SWAP_IN].value++;
    if (event->detail >> 1 == 0)
        totals[write ? T_FILE_OUT : T_FILE_IN].value++;
}

static void count_command(const struct event *event) {
    bool write = event->detail & 1, flush = event->detail & 2;

    if (event->kind == TRACE_COMMAND_START) {
        totals[write ? T_WRITES : T_READS].value += !flush;
        totals[T_MERGES].value += event->b - 1;
    } else if (event->b == 0) {
        totals[write ? T_WRITE_SECTORS : T_READ_SECTORS].value += event->a;
    }
}

static void count_event(const struct event *event) {
    switch (event->kind) {
    case TRACE_FAULT_END:
        count_fault(event);
        break;
    case TRACE_FAULT_WAIT:
        totals[T_RESTARTS].value++;
        break;
    case TRACE_FRAME:
        count_frame(event);
        break;
    case TRACE_BIO_QUEUED:
        count_bio(event);
        break;
    case TRACE_COMMAND_START:
    case TRACE_COMMAND_DONE:
        count_command(event);
        break;
    case TRACE_SWITCH:
        totals[T_SWITCHES].value++;
        break;
    case TRACE_FORK:
        totals[T_FORKS].value += event->detail == 0;
        break;
    case TRACE_DAEMON_WAKE:
        totals[T_DAEMON].value++;
        break;
    default:
        break;
    }
}

/* --- the other side --- */

static char *read_text(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;

    if (file == NULL || getdelim(&text, &room, '\0', file) < 0) {
        fprintf(stderr, "trace: %s: cannot be read\n", path);
        text = NULL;
    }
    if (file != NULL)
        fclose(file);
    return text;
}

/* The number under @name in a JSON object without objects in it. */
static bool find_number(const char *text, const char *name, uint64_t *value) {
    char key[64];
    const char *at;

    snprintf(key, sizeof(key), "\"%s\":", name);
    at = strstr(text, key);
    if (at == NULL)
        return false;
    *value = strtoull(at + strlen(key), NULL, 10);
    return true;
}

static unsigned compare(const char *stats) {
    unsigned bad = 0;

    for (unsigned i = 0; i < TOTALS; i++) {
        uint64_t counted;

        if (!find_number(stats, totals[i].name, &counted)) {
            printf("%-20s is not in the file of --stats\n", totals[i].name);
            bad++;
        } else if (counted != totals[i].value) {
            printf("%-20s %llu by the events, %llu by the counters\n", totals[i].name,
                   (unsigned long long)totals[i].value, (unsigned long long)counted);
            bad++;
        }
    }
    return bad;
}

int command_check(const struct file *file, const char *stats_path) {
    struct replay *replay = replay_start(file);
    char *stats = stats_path == NULL ? NULL : read_text(stats_path);
    unsigned bad;

    if (replay == NULL || (stats_path != NULL && stats == NULL))
        return STATUS_CANNOT;
    for (size_t i = 0; i < file->count; i++) {
        count_event(&file->events[i]);
        replay_event(replay, &file->events[i]);
    }
    totals[T_SWAP_FREE].value = replay->swap_free;
    for (unsigned s = 0; s < FRAME_STATES; s++)
        totals[T_STATES + s].value = replay->states[s];
    if (replay->wrong > 0)
        printf("%u events cannot be; the first: %s\n", replay->wrong, replay->why);
    if (file->lost > 0) {
        printf("%llu events were lost: totals cannot be compared\n", (unsigned long long)file->lost);
        return STATUS_CANNOT;
    }
    bad = stats == NULL ? 0 : compare(stats);
    free(stats);
    if (bad > 0 || replay->wrong > 0)
        return STATUS_DISAGREES;
    printf("%zu events agree with each other%s\n", file->count, stats_path ? " and with the counters" : "");
    return STATUS_OK;
}
