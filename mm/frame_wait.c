/*
 * Who sleeps for a frame.
 *
 * There is one queue of sleepers. Whenever a frame has become available all of them look again, as some may take what
 * others may not (enum frame_use); the paging daemon wakes them too when it has failed, so that nobody sleeps for what
 * will not come. The demand of those who need many frames at one go is what the daemon must make available beyond its
 * marks: without it, it would stop short of them, and they would sleep for ever.
 *
 * Thread context; what sleeps says so in mm/frame.h.
 */
#include "lib/errno.h"
#include "lib/wait.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/frame_states.h"
#include "mm/pageout.h"

struct waitq frame_waiters;
static unsigned programs_waiting; /* of them, for USE_USER */
static pfn_t demand;              /* the most frames that somebody in frames_wait_many() waits for */
static struct list demands = LIST_INITIALIZER(demands); /* what each there waits for */

int frames_wait(enum frame_use use) {
    unsigned failures = pageout_failures();

    may_sleep();
    if (frames_enough(use))
        return 0;
    count(COUNT_PGALLOC_WAIT);
    programs_waiting += use == USE_USER;
    pageout_wake();
    int interrupted = 0;
    if (use == USE_PAGEOUT)
        wait_on(&frame_waiters);
    else
        interrupted = wait_killable(&frame_waiters);
    programs_waiting -= use == USE_USER;
    if (interrupted != 0)
        return -EINTR;
    if (use == USE_KERNEL && !frames_enough(use) && pageout_failures() != failures)
        return -ENOMEM;
    return 0;
}

/* One sleeper's; on its stack. */
struct demand {
    struct list link;
    pfn_t frames;
};

/* Sleeps once, with the daemon told to make so many frames available. 0 or -EINTR. */
static int sleep_for(pfn_t frames) {
    struct demand own = {.frames = frames};

    list_add_tail(&demands, &own.link);
    demand = MAX(demand, frames);
    pageout_wake();
    int interrupted = wait_killable(&frame_waiters);
    list_remove(&own.link);
    demand = 0;
    list_for_each (other, &demands, struct demand, link)
        demand = MAX(demand, other->frames);
    return interrupted;
}

int frames_wait_many(pfn_t wanted) {
    pfn_t enough = RESERVE_PAGEOUT + wanted;

    may_sleep();
    while (frames_available() < enough) {
        unsigned failures = pageout_failures();

        if (enough > frames_pageable())
            return -ENOMEM;
        count(COUNT_PGALLOC_WAIT);
        if (sleep_for(enough) != 0)
            return -EINTR;
        if (frames_available() < enough && pageout_failures() != failures)
            return -ENOMEM;
    }
    return 0;
}

pfn_t frames_demand(void) {
    return demand;
}

void frames_wake_waiters(void) {
    wake_all(&frame_waiters);
}

bool frames_wanted_by_program(void) {
    return programs_waiting > 0 && frames_available() < frames_reserved() + FRAMES_PER_INSTRUCTION;
}

/* Who wants many at one go may sleep while there are some. */
bool frames_waited_for_in_vain(void) {
    return frame_waiters.first != NULL && demand == 0 && frames_available() > frames_reserved();
}
