/*
 * The status line, the last row of the screen: how much memory there is, how fast it is paged, how full swap is.
 *
 * The timer interrupt only counts; the line is made in thread context, at most four times a second, and only
 * cells that have changed are written, because the memory of a display adapter is slow.
 */
#include "kernel/status.h"

#include "arch/x86/time.h"
#include "drivers/vga.h"
#include "lib/deferred.h"
#include "lib/print.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/swap.h"

#define PERIOD (TICKS_PER_SECOND / 4) /* ticks from line to line */

static void show(void);

static struct deferred work = {.function = show};
static bool on;
static unsigned ticks;
static uint64_t shown_at;                      /* tick of the line before, … */
static uint32_t faults, majors, reads, writes; /* … and the counters then */

/* What a counter has grown by since the last time, a second. */
static unsigned rate(enum counter which, uint32_t *before, unsigned passed) {
    uint32_t grown = counters[which] - *before;

    *before = counters[which];
    return (unsigned)((uint64_t)grown * TICKS_PER_SECOND / passed);
}

static void show(void) {
    char line[VGA_COLUMNS + 1];
    unsigned passed = (unsigned)MAX(time_ticks() - shown_at, (uint64_t)1);
    unsigned used = swap_slots_used(), total = swap_total();

    shown_at = time_ticks();
    print_to(
        line, sizeof(line), " free %u pool %u+%u of %u | %u faults/s %u major | swap %u%% in %u out %u/s",
        (unsigned)(frames_available() - MIN(frames_available(), frame_count(FRAME_CLEAN))),
        (unsigned)frame_count(FRAME_CLEAN), (unsigned)frame_count(FRAME_DIRTY), (unsigned)frames_pageable(),
        rate(COUNT_PGFAULT, &faults, passed), rate(COUNT_PGMAJFAULT, &majors, passed),
        total == 0 ? 0 : (unsigned)((uint64_t)used * 100 / total), rate(COUNT_PSWPIN, &reads, passed),
        rate(COUNT_PSWPOUT, &writes, passed));
    vga_status(line);
}

void status_tick(void) {
    if (!on || ++ticks < PERIOD)
        return;
    ticks = 0;
    deferred_queue(&work);
}

void status_init(void) {
    vga_status_init();
    on = true;
}
