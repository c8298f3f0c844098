/* The simulation: see sim.h. Below it, the few functions of the kernel that policies call. */
#include "tools/pagesim/sim.h"

#include "mm/counters.h"
#include "mm/heap.h"

#include <stdarg.h>
#include <stdlib.h>

/* --- what mm/policy/ calls --- */

uint32_t counters[COUNT_TOTAL];
struct frame *frame_table;

bool frame_test_referenced(struct frame *frame) {
    bool referenced = frame->referenced;

    frame->referenced = false;
    return referenced;
}

bool frame_test_modified(struct frame *frame) {
    return frame->modified;
}

bool frame_test_anew(struct frame *frame) {
    return frame_test_referenced(frame);
}

bool frame_take_modified(struct frame *frame) {
    (void)frame;
    return false;
}

pfn_t frames_pageable(void) {
    return 0; /* every set here has a quota */
}

void *kmalloc_try(size_t bytes) {
    return calloc(1, bytes);
}

void kfree(void *memory) {
    free(memory);
}

void panic(const char *format, ...) {
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

/* --- the rule of demand paging --- */

void sim_start(struct simulation *sim, const struct string *string, const struct policy *policy,
               uint32_t frames, const struct sim_options *options) {
    *sim = (struct simulation){.string = string};
    if (set_start(&sim->set, policy, frames) != 0)
        fail("out of memory");
    sim->set.traced = true;
    if (options->period != 0)
        sim->set.period = options->period;
    if (options->tau != 0)
        sim->set.tau = options->tau;
    if (options->seed != 0)
        sim->set.seed = options->seed;
    sim->future = (struct reference_string){string->count, string->references, string->next};
    sim->set.future = &sim->future;
    sim->frames = allocate(frames, sizeof(struct frame));
    sim->resident = allocate(string->pages, sizeof(struct frame *));
    sim->stored = allocate(string->pages, sizeof(bool));
    for (uint32_t page = 0; page < string->pages; page++)
        sim->stored[page] = !options->zero_fill;
}

/* The frame for a page that is missing: an unused one, or the victim's. */
static struct frame *sim_take(struct simulation *sim, struct step *step) {
    struct frame *frame;

    if (sim->set.count < sim->set.quota)
        return &sim->frames[sim->used++];
    frame = sim->set.policy->victim(&sim->set);
    step->evicted = true;
    step->written = frame->modified;
    step->victim = frame->index - 1;
    sim->page_outs += frame->modified;
    sim->stored[step->victim] |= frame->modified;
    frame->state = frame->modified ? FRAME_DIRTY : FRAME_CLEAN;
    sim->set.policy->remove(&sim->set, frame);
    sim->resident[step->victim] = NULL;
    return frame;
}

static struct frame *sim_load(struct simulation *sim, uint32_t page, struct step *step) {
    struct frame *frame = sim_take(sim, step);

    *frame = (struct frame){.state = FRAME_ACTIVE,
                            .owner = OWNER_OBJECT,
                            .index = page + 1,
                            .referenced = true,
                            .modified = !sim->stored[page],
                            .set = &sim->set};
    list_init(&frame->link);
    sim->set.policy->add(&sim->set, frame);
    sim->resident[page] = frame;
    sim->faults++;
    step->fault = true;
    return frame;
}

struct step sim_step(struct simulation *sim, uint32_t at) {
    reference_t reference = sim->string->references[at];
    struct frame *frame = sim->resident[reference_page(reference)];
    struct step step = {0};

    set_tick(&sim->set);
    if (frame == NULL)
        frame = sim_load(sim, reference_page(reference), &step);
    else
        frame->referenced = true;
    if (sim->set.policy->touch != NULL)
        sim->set.policy->touch(frame);
    frame->modified |= reference_writes(reference);
    step.frame = (unsigned)(frame - sim->frames);
    return step;
}

void sim_end(struct simulation *sim) {
    for (uint32_t page = 0; page < sim->string->pages; page++)
        if (sim->resident[page] != NULL)
            sim->set.policy->remove(&sim->set, sim->resident[page]);
    set_stop(&sim->set);
    free(sim->frames);
    free(sim->resident);
    free(sim->stored);
}

struct sim_result sim_run(const struct string *string, const struct policy *policy, uint32_t frames,
                          const struct sim_options *options) {
    struct simulation sim;

    sim_start(&sim, string, policy, frames, options);
    for (uint32_t at = 0; at < string->count; at++)
        sim_step(&sim, at);
    struct sim_result result = {sim.faults, sim.page_outs};
    sim_end(&sim);
    return result;
}

/* --- trouble --- */

void fail(const char *format, ...) {
    va_list args;

    fputs("pagesim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count + (count == 0), size);

    if (memory == NULL)
        fail("out of memory");
    return memory;
}
