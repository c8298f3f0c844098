/*
 * What a trace comes to: how long faults of each kind took, which pages faulted and were evicted most, and how
 * soon evicted pages came back.
 *
 * A page's re-fault distance is the number of evictions from its own to the fault that brings it back: with so
 * many frames more it would have stayed. Source: Johannes Weiner's workingset detection in Linux (mm/workingset.c,
 * documentation), 2014.
 */
#include "tools/trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 32u
#define TOP     10u

struct list_of_times {
    uint64_t *times;
    size_t count, room;
    uint64_t sum;
};

/* A page of a process. */
struct page {
    struct page *next;
    struct page_name name;
    uint32_t faults, evictions;
    uint32_t evicted_at; /* number of the eviction, 0: it is not away */
};

enum { HASH = 1 << 16 };

struct summary {
    struct list_of_times faults[FAULT_KINDS], reads, writes;
    struct page *hash[HASH], **pages;
    size_t page_count;
    uint32_t evictions;
    uint32_t distances[BUCKETS], refaults;
    uint32_t daemon_wakes, switches;
    uint64_t command_start;
};

/* --- lists of times --- */

static void add_time(struct list_of_times *list, uint64_t time) {
    if (list->count == list->room) {
        list->room = list->room * 2 + 64;
        list->times = realloc(list->times, list->room * sizeof(*list->times));
        if (list->times == NULL)
            abort();
    }
    list->times[list->count++] = time;
    list->sum += time;
}

static int by_time(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double microseconds_at(const struct list_of_times *list, double part) {
    return (double)list->times[MIN((size_t)((double)list->count * part), list->count - 1)] / 1e3;
}

static void put_times(const char *name, struct list_of_times *list) {
    if (list->count == 0)
        return;
    qsort(list->times, list->count, sizeof(*list->times), by_time);
    printf("%-12s %9zu %10.1f %10.1f %10.1f %10.1f %10.1f %12.1f\n", name, list->count,
           microseconds_at(list, 0.5), microseconds_at(list, 0.9), microseconds_at(list, 0.99),
           microseconds_at(list, 0.999), microseconds_at(list, 1), (double)list->sum / 1e6);
}

static unsigned log2_of(uint64_t value) {
    return value == 0 ? 0 : MIN(64u - (unsigned)__builtin_clzll(value), BUCKETS - 1);
}

static void put_bar(uint32_t value, uint32_t most) {
    for (unsigned i = 0; i < (uint64_t)value * 50 / MAX(most, 1u); i++)
        putchar('#');
    putchar('\n');
}

static void put_histogram(const char *name, const struct list_of_times *list) {
    uint32_t buckets[BUCKETS] = {0}, most = 0;

    if (list->count == 0)
        return;
    printf("\n%s, microseconds:\n", name);
    for (size_t i = 0; i < list->count; i++)
        buckets[log2_of(list->times[i] / 1000)]++;
    for (unsigned b = 0; b < BUCKETS; b++)
        most = MAX(most, buckets[b]);
    for (unsigned b = 0; b < BUCKETS; b++)
        if (buckets[b] > 0) {
            printf("  < %-8llu %8u  ", 1ull << b, buckets[b]);
            put_bar(buckets[b], most);
        }
}

/* --- pages --- */

static struct page *page_of(struct summary *summary, struct page_name name) {
    struct page **chain = &summary->hash[(name.address >> 12 ^ name.pid * 2654435761u) % HASH], *page;

    for (page = *chain; page != NULL; page = page->next)
        if (page->name.pid == name.pid && page->name.address == name.address)
            return page;
    page = calloc(1, sizeof(*page));
    if (page == NULL)
        abort();
    *page = (struct page){.next = *chain, .name = name};
    *chain = page;
    summary->page_count++;
    return page;
}

static void see_eviction(struct summary *summary, const struct replay *replay, const struct event *event) {
    struct page_name name = replay->frames[event->frame].page;

    summary->evictions++;
    if (name.pid == 0)
        return;
    struct page *page = page_of(summary, name);
    page->evictions++;
    page->evicted_at = summary->evictions;
}

static void see_fault(struct summary *summary, const struct event *event, uint64_t begin) {
    unsigned kind = fault_kind(event->detail);
    struct page *page = page_of(summary, (struct page_name){event->a, event->address & ~PAGE_MASK});

    if (begin != 0)
        add_time(&summary->faults[kind], event->time - MIN(begin, event->time));
    page->faults++;
    if (page->evicted_at != 0) {
        summary->distances[log2_of(summary->evictions - page->evicted_at)]++;
        summary->refaults++;
    }
    page->evicted_at = 0;
}

static bool is_eviction(const struct replay *replay, const struct event *event) {
    unsigned to = event->detail >> 4;

    return event->kind == TRACE_FRAME && (event->detail & 15) == FRAME_ACTIVE &&
           (to == FRAME_DIRTY || to == FRAME_CLEAN) && event->frame < replay->file->header.frames;
}

static void see(struct summary *summary, const struct replay *replay, const struct event *event) {
    if (event->kind == TRACE_FAULT_END)
        see_fault(summary, event, replay->threads[event->who].fault_begin);
    else if (is_eviction(replay, event))
        see_eviction(summary, replay, event);
    else if (event->kind == TRACE_COMMAND_START)
        summary->command_start = event->time;
    else if (event->kind == TRACE_COMMAND_DONE && summary->command_start != 0)
        add_time(event->detail & 1 ? &summary->writes : &summary->reads,
                 event->time - summary->command_start);
    else if (event->kind == TRACE_DAEMON_WAKE)
        summary->daemon_wakes++;
    else if (event->kind == TRACE_SWITCH)
        summary->switches++;
}

/* --- the report --- */

static int by_faults(const void *a, const void *b) {
    const struct page *x = *(struct page *const *)a, *y = *(struct page *const *)b;

    return x->faults > y->faults ? -1 : x->faults < y->faults;
}

static int by_evictions(const void *a, const void *b) {
    const struct page *x = *(struct page *const *)a, *y = *(struct page *const *)b;

    return x->evictions > y->evictions ? -1 : x->evictions < y->evictions;
}

static void put_top(struct summary *summary, const struct replay *replay, const char *title,
                    int (*order)(const void *, const void *)) {
    qsort(summary->pages, summary->page_count, sizeof(*summary->pages), order);
    printf("\n%s\n  %-22s %-12s %8s %10s\n", title, "process", "page", "faults", "evictions");
    for (size_t i = 0; i < MIN(summary->page_count, TOP); i++) {
        const struct page *page = summary->pages[i];

        printf("  %-15s %6u 0x%08x   %8u %10u\n", replay_process(replay, page->name.pid), page->name.pid,
               page->name.address, page->faults, page->evictions);
    }
}

static void collect_pages(struct summary *summary) {
    size_t n = 0;

    summary->pages = calloc(summary->page_count + 1, sizeof(*summary->pages));
    for (unsigned h = 0; h < HASH && summary->pages != NULL; h++)
        for (struct page *page = summary->hash[h]; page != NULL; page = page->next)
            summary->pages[n++] = page;
}

static void put_distances(const struct summary *summary, const struct file *file) {
    uint32_t most = 0;

    printf("\nre-fault distance: evictions from a page's own to the fault that brings it back (%u frames are "
           "pageable)\n",
           file->header.frames_pageable);
    for (unsigned b = 0; b < BUCKETS; b++)
        most = MAX(most, summary->distances[b]);
    for (unsigned b = 0; b < BUCKETS; b++)
        if (summary->distances[b] > 0) {
            printf("  < %-8llu %8u  ", 1ull << b, summary->distances[b]);
            put_bar(summary->distances[b], most);
        }
    printf("  %u of %u evicted pages came back\n", summary->refaults, summary->evictions);
}

static void report(struct summary *summary, const struct replay *replay, const struct file *file) {
    double seconds =
        file->count == 0 ? 0 : (double)(file->events[file->count - 1].time - file->events[0].time) / 1e9;

    printf("%zu events in %.3f s, %llu lost\n", file->count, seconds, (unsigned long long)file->lost);
    printf("%u evictions, %u runs of the paging daemon, %u context switches\n\n", summary->evictions,
           summary->daemon_wakes, summary->switches);
    printf("%-12s %9s %10s %10s %10s %10s %10s %12s\n", "", "number", "p50 us", "p90 us", "p99 us",
           "p99.9 us", "longest us", "all ms");
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
        char name[32];

        snprintf(name, sizeof(name), "fault %s", fault_kind_names[kind]);
        put_times(name, &summary->faults[kind]);
    }
    put_times("disk read", &summary->reads);
    put_times("disk write", &summary->writes);
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
        char name[32];

        snprintf(name, sizeof(name), "fault %s", fault_kind_names[kind]);
        put_histogram(name, &summary->faults[kind]);
    }
    collect_pages(summary);
    put_top(summary, replay, "pages with the most faults", by_faults);
    put_top(summary, replay, "pages evicted most often", by_evictions);
    put_distances(summary, file);
}

int command_summary(const struct file *file, const struct filter *filter) {
    struct replay *replay = replay_start(file);
    struct summary *summary = calloc(1, sizeof(*summary));

    if (replay == NULL || summary == NULL)
        return 1;
    for (size_t i = 0; i < file->count; i++) {
        const struct event *event = &file->events[i];

        if (filter_wants(filter, file, replay, event))
            see(summary, replay, event); /* before the replay: a fault's begin is still known */
        replay_event(replay, event);
    }
    report(summary, replay, file);
    return 0;
}
