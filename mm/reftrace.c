/*
 * Reference tracing.
 *
 * The processor tells the kernel of a reference only when it faults. So of the traced range no more than
 * `window` pages are mapped at a time, the ones referenced last: the reference to any other page is a fault,
 * is logged as (page, read or write), and its page takes the place of the oldest in the window. With a window
 * of one page every reference is seen but those that follow one to the same page. A page that was only read
 * is mapped read-only, so the first write to it is seen too.
 *
 * An instruction that uses several pages of the range must have them at once, or it would never get to its end. So
 * when the instruction that faults is the one that faulted last, with the same registers (it has been restarted), the
 * window, and the limit of frames, are larger by one page for each time until another one faults. user/refstring
 * touches one byte at a time, so that this does not happen there; for whole programs the window is eight.
 *
 * With a limit of frames the range has a replacement set of its own, and demand paging is done as the lecture
 * does it, one reference after the other: virtual time goes on by one, a page that is in the set is marked
 * referenced, and for one that is not the policy names a victim if the frames are used up. The victim leaves
 * for the pool, and from there for the disk, as any other; when it is referenced again it is reclaimed or
 * read. Both are faults of the string.
 *
 * The processor's own Accessed bits of mapped pages are thrown away here: the policy learns of references
 * from the log's point of view only. So the simulator, given the log, has the same faults at the same places
 * (tools/pagesim/sim.c follows the same rule).
 *
 * There is one log, of the trace that was started last; it stays when the trace ends.
 *
 * Source of the method: the reference strings of Belady (1966) were made by interpreting programs; by page
 * protection: Wiseman and others, for distributed shared memory and checkpointing (Appel and Li, "Virtual
 * memory primitives for user programs", 1991).
 */
#include "mm/reftrace.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/refstring.h"
#include "mm/vm.h"

struct reftrace {
    vaddr_t start, end;
    unsigned window, mapped;             /* pages that may be mapped, and that have been */
    vaddr_t recent[REFTRACE_WINDOW_MAX]; /* they, the oldest first */
    uint32_t state;                      /* of the instruction that faulted last (reftrace_instruction) */
    unsigned needed;                     /* times that it has faulted: pages it may need at once */
    bool limited;                        /* the set is used */
    struct set set;
    uint32_t references, faults, page_outs;
    struct reference_string future; /* OPT's, in memory of its own */
};

static struct {
    reference_t *references;
    uint32_t count, room, lost;
    struct reftrace *writer; /* whose log it is, while it is written */
} record;

static struct {
    int pid; /* 0: none */
    struct reftrace_request request;
} next_program;

/* --- the log --- */

static void log_reference(const struct reftrace *trace, vaddr_t address, bool write) {
    if (record.writer != trace)
        return;
    if (record.count == record.room)
        record.lost++;
    else
        record.references[record.count++] =
            reference_make((uint32_t)((address - trace->start) >> PAGE_SHIFT), write);
}

uint32_t reftrace_logged(uint32_t *lost) {
    *lost = record.lost;
    return record.count;
}

uint32_t reftrace_log_at(uint32_t position) {
    ASSERT(position < record.count);
    return record.references[position];
}

/* --- the window --- */

/*
 * @address will be mapped: makes it the youngest of the window, and unmaps the oldest if there are too many.
 * What the processor noted of the others since is forgotten.
 */
static void window_enter(struct reftrace *trace, struct space *space, vaddr_t address) {
    unsigned kept = 0;
    pfn_t pfn;

    for (unsigned i = 0; i < trace->mapped; i++) {
        vaddr_t recent = trace->recent[i];

        if (pmap_query(&space->pmap, recent, &pfn) == 0)
            continue;
        pmap_clear(&space->pmap, recent, PMAP_REFERENCED);
        if (recent == address)
            continue;
        trace->recent[kept++] = recent;
    }
    while (kept >= MAX(trace->window, trace->needed)) {
        pmap_query(&space->pmap, trace->recent[0], &pfn);
        frame_unmap_one(&frame_table[pfn], space, trace->recent[0]);
        memmove(&trace->recent[0], &trace->recent[1], --kept * sizeof(trace->recent[0]));
    }
    trace->recent[kept++] = address;
    trace->mapped = kept;
}

void reftrace_instruction(struct space *space, uint32_t state) {
    struct reftrace *trace = space->trace;

    trace->needed = state == trace->state ? MIN(trace->needed + 1, REFTRACE_WINDOW_MAX) : 1;
    trace->state = state;
}

static int window_empty(struct space *space) {
    struct reftrace *trace = space->trace;

    if (trace == NULL)
        return -EINVAL;
    area_unmap_pages(space, trace->start, trace->end);
    trace->mapped = 0;
    return 0;
}

/* --- demand paging within the limit --- */

/* The frame that holds the page, or NULL. */
static struct frame *page_frame(const struct area *area, vaddr_t address) {
    pgoff_t page = area_page(area, address);
    struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + page);

    if (anon != NULL)
        return anon->frame;
    return area->object == NULL ? NULL : object_lookup(area->object, area->object_offset + page);
}

static void make_room(struct reftrace *trace) {
    struct set *set = &trace->set;

    while (set->count >= MAX(set->quota, trace->needed)) {
        struct frame *victim = set->policy->victim(set);

        trace->page_outs += frame_test_modified(victim);
        pageout_evict(victim);
    }
}

static enum reftrace_result page_reference(struct reftrace *trace, struct frame *frame) {
    struct set *set = &trace->set;
    bool in_memory = frame != NULL && (frame->state == FRAME_ACTIVE || frame->state == FRAME_PINNED);

    set_tick(set);
    if (in_memory && frame->set == set) {
        frame->referenced = true;
        if (set->policy->touch != NULL && frame->state == FRAME_ACTIVE)
            set->policy->touch(frame);
        return REFTRACE_HIT;
    }
    trace->faults++;
    make_room(trace);
    if (in_memory)
        frame_change_set(frame, set); /* it was here before the trace began, or is somebody else's too */
    return REFTRACE_MISS;
}

enum reftrace_result reftrace_reference(struct space *space, struct area *area, vaddr_t address, bool write) {
    struct reftrace *trace = space->trace;

    if (trace == NULL || address < trace->start || address >= trace->end)
        return REFTRACE_OUTSIDE;
    window_enter(trace, space, address);
    log_reference(trace, address, write);
    trace->references++;
    return trace->limited ? page_reference(trace, page_frame(area, address)) : REFTRACE_LOGGED;
}

struct set *reftrace_set(struct space *space, vaddr_t address) {
    struct reftrace *trace = space->trace;

    if (trace == NULL || !trace->limited || address < trace->start || address >= trace->end)
        return space->set;
    return &trace->set;
}

/* --- start and end --- */

static bool is_valid(const struct reftrace_request *request) {
    if ((request->start & PAGE_MASK) != 0 || request->pages == 0 || request->start >= USER_TOP ||
        request->pages > (USER_TOP - request->start) >> PAGE_SHIFT)
        return false;
    if (request->window == 0 || request->window > REFTRACE_WINDOW_MAX || request->log == 0)
        return false;
    /* The frames of the range are out of the paging daemon's reach: the others must do with the rest. */
    return request->frames <= frames_pageable() / 2;
}

/* The log as the future: it needs memory of its own, as the log will be written anew. */
static int take_future(struct reftrace *trace, pgoff_t pages) {
    uint32_t count = record.count;
    uint32_t *last;
    reference_t *references;
    uint32_t *next;

    for (uint32_t at = 0; at < count; at++)
        if (reference_page(record.references[at]) >= pages)
            return -EINVAL;
    if (count == 0)
        return -EINVAL;
    references = kmalloc_try(count * sizeof(*references));
    next = kmalloc_try(count * sizeof(*next));
    last = kmalloc_try(pages * sizeof(*last));
    trace->future = (struct reference_string){count, references, next};
    if (references != NULL && next != NULL && last != NULL) {
        memcpy(references, record.references, count * sizeof(*references));
        reference_string_link(references, count, next, last, pages);
    }
    kfree(last);
    return references == NULL || next == NULL || last == NULL ? -ENOMEM : 0;
}

/* The set of the range, with its policy. */
static int start_set(struct reftrace *trace, const struct reftrace_request *request) {
    struct set *set = &trace->set;
    int error = request->policy->needs_future ? take_future(trace, request->pages) : 0;

    if (error == 0)
        error = set_start(set, request->policy, request->frames);
    if (error != 0)
        return error;
    set->traced = true;
    set->future = request->policy->needs_future ? &trace->future : NULL;
    set->period = request->period != 0 ? request->period : set->period;
    set->tau = request->tau != 0 ? request->tau : set->tau;
    set->seed = request->seed != 0 ? request->seed : set->seed;
    list_add_tail(&sets, &set->link);
    trace->limited = true;
    return 0;
}

static void trace_free(struct reftrace *trace) {
    kfree((void *)(uintptr_t)trace->future.references);
    kfree((void *)(uintptr_t)trace->future.next);
    kfree(trace);
}

/* An empty log of @room references for @trace; what was there before is kept until the new one exists. */
static int start_log(struct reftrace *trace, uint32_t room) {
    reference_t *references = record.references;

    if (record.room != room) {
        references = kmalloc_try(room * sizeof(*references));
        if (references == NULL)
            return -ENOMEM;
        kfree(record.references);
    }
    record.references = references;
    record.room = room;
    record.count = record.lost = 0;
    record.writer = trace;
    return 0;
}

int reftrace_start(struct space *space, const struct reftrace_request *request) {
    struct reftrace *trace;
    int error = 0;

    if (!is_valid(request))
        return -EINVAL;
    if (space->trace != NULL)
        return -EBUSY;
    trace = kmalloc_try(sizeof(*trace));
    if (trace == NULL)
        return -ENOMEM;
    trace->start = request->start;
    trace->end = request->start + ((vaddr_t)request->pages << PAGE_SHIFT);
    trace->window = request->window;
    if (request->frames != 0)
        error = start_set(trace, request);
    if (error == 0)
        error = start_log(trace, request->log);
    space->trace = trace;
    if (error != 0) {
        reftrace_stop(space);
        return error;
    }
    area_unmap_pages(space, trace->start, trace->end);
    return 0;
}

void reftrace_stop(struct space *space) {
    struct reftrace *trace = space->trace;

    if (trace == NULL)
        return;
    space->trace = NULL;
    if (record.writer == trace)
        record.writer = NULL;
    if (trace->limited) {
        /* Those beyond the quota of the space's own set leave it when it faults next. */
        frames_change_set(&trace->set, space->set);
        list_remove(&trace->set.link);
        set_stop(&trace->set);
    }
    trace_free(trace);
}

/* The program that process @pid executes next is traced from its first instruction. */
static int start_at_exec(int pid, const struct reftrace_request *request) {
    if (!is_valid(request))
        return -EINVAL;
    next_program.pid = pid;
    next_program.request = *request;
    return 0;
}

void reftrace_exec(struct space *space, int pid) {
    if (next_program.pid != pid || pid == 0)
        return;
    next_program.pid = 0;
    int error = reftrace_start(space, &next_program.request);
    if (error != 0)
        klog("reftrace: pid %d is not traced: error %d", pid, -error);
}

/* --- commands --- */

static bool parse_number(const char *text, uint32_t *number) {
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9' && value <= UINT32_MAX; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    *number = (uint32_t)value;
    return *text == '\0' && value <= UINT32_MAX;
}

/* One word of the command, as name=value. */
static bool parse_word(struct reftrace_request *request, const char *name, const char *value) {
    uint32_t number = 0;
    bool is_number = parse_number(value, &number);

    if (strcmp(name, "policy") == 0)
        return (request->policy = policy_find(value)) != NULL;
    if (!is_number)
        return false;
    if (strcmp(name, "start") == 0)
        request->start = number;
    else if (strcmp(name, "pages") == 0)
        request->pages = number;
    else if (strcmp(name, "frames") == 0)
        request->frames = number;
    else if (strcmp(name, "window") == 0)
        request->window = number;
    else if (strcmp(name, "log") == 0)
        request->log = number;
    else if (strcmp(name, "tick") == 0)
        request->period = number;
    else if (strcmp(name, "tau") == 0)
        request->tau = number;
    else if (strcmp(name, "seed") == 0)
        request->seed = number;
    else
        return false;
    return true;
}

int reftrace_command(struct space *space, int pid, char *text) {
    struct reftrace_request request = {.policy = &policy_clock, .window = 1, .log = REFTRACE_LOG};
    bool at_exec = false;

    if (strcmp(text, "off") == 0) {
        reftrace_stop(space);
        return 0;
    }
    if (strcmp(text, "unmap") == 0)
        return window_empty(space);
    while (*text != '\0') {
        char *word = text, *value;

        while (*text != '\0' && *text != ' ')
            text++;
        if (*text == ' ')
            *text++ = '\0';
        if (strcmp(word, "exec") == 0) {
            at_exec = true;
            request.window = REFTRACE_WINDOW_ALL;
            request.pages = USER_TOP >> PAGE_SHIFT;
            continue;
        }
        value = strchr(word, '=');
        if (value == NULL)
            return -EINVAL;
        *value++ = '\0';
        if (!parse_word(&request, word, value))
            return -EINVAL;
    }
    return at_exec ? start_at_exec(pid, &request) : reftrace_start(space, &request);
}

bool reftrace_figures(const struct space *space, struct reftrace_figures *figures) {
    const struct reftrace *trace = space->trace;

    if (trace == NULL)
        return false;
    *figures = (struct reftrace_figures){.start = trace->start,
                                         .pages = (pgoff_t)((trace->end - trace->start) >> PAGE_SHIFT),
                                         .frames = trace->limited ? trace->set.quota : 0,
                                         .policy = trace->limited ? trace->set.policy->name : "-",
                                         .window = trace->window,
                                         .references = trace->references,
                                         .faults = trace->faults,
                                         .page_outs = trace->page_outs};
    return true;
}
