/*
 * Load control.
 *
 * When the working sets of the processes do not fit into memory together, each takes from the others what they
 * need next, all of them wait for the disk, and less gets done than if there were fewer of them: they thrash.
 * No replacement policy helps, as there is no page that nobody needs. What helps is to run fewer at a time:
 * one is suspended whole, its pages are written in a few large requests (mm/swapper.c), its frames go to the
 * others, and after a while, much longer than the swapping takes, it is another one's turn.
 *
 *     active --- chosen ---> suspended --- next return to user mode ---> out
 *       ^                                                                 |
 *       +----------- prepaged <------------ its turn again ---------------+
 *
 * When. Time is looked at in periods of a quarter of a second. It was one of thrashing if somebody waited for pages
 * during more of it than programs ran, which is Denning's criterion that the mean time L between faults has become
 * shorter than the mean time S it takes to serve one; and if most pages that were read are refaults (mm/refault.h):
 * pages that had been evicted while their program was active, since the set of active processes was last made smaller.
 * Two such periods in a row, and the level, the number of processes that may be active, falls.
 *
 * How far. Until the working sets of those that stay fit into memory. A working set is estimated as what the swapper
 * would record of the process (mm/swapper.c): the pages that it has, and those that were taken from it while it was
 * active and are still away.
 *
 * Whom. The process that has been active for longest; of several that came at the same time, the one with the
 * most refaults. So nobody is passed over: those who are out come back in the order in which they left. Who asks for
 * little is left alone as long as there are others: an eighth of the time that the busiest runs or waits for pages (an
 * editor), or a quarter of the pages that the largest needs (a shell).
 *
 * When back. At once when fewer are active than the level allows (one has ended, or sleeps). Otherwise when it
 * has been out for a turn and an active one has had its turn, in exchange. When there have been frames for it
 * for two periods that nobody uses or is about to use, reading its pages back, the level rises by one. So it does, on
 * trial, when the processor has been idle without thrashing for a while; the while doubles each time that this was too
 * many.
 *
 * Only processes that run or wait for pages count as active: those that sleep have no use for their frames,
 * and replacement takes them.
 *
 * Sources: Denning, "Thrashing: its causes and prevention" (1968); Denning, Kahn, Leroudier, Potier and Suri, "Optimal
 * multiprogramming" (1976), for L = S; Denning, "Working sets past and present" (1980), on load control by the working
 * set; Little, "A proof for the queuing formula L = λW" (1961); Carr, "Virtual memory management" (1984), on whom to
 * deactivate, and on letting one load its working set before the next comes; Silberschatz, "Operating System
 * Concepts", 10.6 (thrashing), 3.2.2 (medium-term scheduling).
 */
#include "mm/loadcontrol.h"

#include "arch/x86/time.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/pageout.h"
#include "mm/refault.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swapper.h"
#include "mm/vm.h"

#define PERIOD       25u               /* ticks */
#define ACTIVE_TICKS TICKS_PER_SECOND  /* without running or waiting for a page: then it sleeps */
#define REFAULTS     4u                /* in a period; fewer are no thrashing */
#define IDLE_TICKS   (PERIOD * 3 / 10) /* of a period, that programs leave: there might be room for another */
#define PROBE_FIRST  32u               /* such periods until one more is tried */
#define PROBE_LAST   256u
#define NO_LIMIT     ~0u

static struct {
    unsigned turn;     /* ticks; 0: off */
    unsigned level;    /* processes that may be active */
    uint64_t epoch;    /* tick of the last time that the level fell: evictions before it do not count */
    unsigned waiting;  /* threads that wait in a fault */
    unsigned bad;      /* periods of thrashing in a row */
    unsigned idle;     /* periods with an idle processor and no thrashing in a row */
    unsigned roomy;    /* periods in a row that ended with room for one more */
    unsigned patience; /* idle ones until one more is tried */
    bool probing;      /* the level was raised on trial */
    /* this period: */
    unsigned ticks, run_ticks, page_ticks; /* page_ticks: somebody waited for a page */
    unsigned reads, returns, refaults;     /* returns: of pages that had left; refaults: while in use */
} control = {.level = NO_LIMIT, .patience = PROBE_FIRST};

/* --- who is who --- */

static bool is_active(const struct space *space) {
    return !space->load.out && time_ticks() - space->load.last_active <= ACTIVE_TICKS &&
           space->load.last_active != 0;
}

/* It runs, or waits for a page. */
static void note_active(struct load *load) {
    uint64_t now = time_ticks();

    if (now - load->last_active > ACTIVE_TICKS)
        load->since = now;
    load->last_active = now;
}

static unsigned count_active(void) {
    unsigned active = 0;

    list_for_each (space, &spaces, struct space, link)
        active += is_active(space);
    return active;
}

unsigned loadcontrol_suspended_total(void) {
    unsigned total = 0;

    list_for_each (space, &spaces, struct space, link)
        total += space->load.suspended;
    return total;
}

/* One has been told to stop and is still on its way out. */
static bool one_is_leaving(void) {
    list_for_each (space, &spaces, struct space, link)
        if (space->load.suspended && is_active(space))
            return true;
    return false;
}

/* What the active processes ask for. */
struct company {
    unsigned active;
    pfn_t largest;   /* working set of one, pages */
    pfn_t lacking;   /* pages of all working sets that are not in memory */
    uint32_t demand; /* of the busiest */
};

static struct company look_at_active(void) {
    struct company company = {.active = 0};

    list_for_each (space, &spaces, struct space, link) {
        if (!is_active(space))
            continue;
        space->load.needed = MIN(swapper_working_set(space), frames_pageable());
        company.active++;
        company.largest = MAX(company.largest, space->load.needed);
        company.lacking += space->load.needed - MIN(space->pmap.resident, space->load.needed);
        company.demand = MAX(company.demand, space->load.demand);
    }
    return company;
}

/* It is one of those that memory is short for. */
static bool asks_for_much(const struct space *space, const struct company *company) {
    return 8 * space->load.demand >= company->demand && 4 * space->load.needed >= company->largest;
}

/* @a should rather leave than @b. */
static bool goes_before(const struct space *a, const struct space *b, const struct company *company) {
    bool a_much = asks_for_much(a, company), b_much = asks_for_much(b, company);

    if (a_much != b_much)
        return a_much;
    if (a->load.since != b->load.since)
        return a->load.since < b->load.since;
    return a->load.refaults > b->load.refaults;
}

/* Whose turn to leave it is, or NULL: nobody's. */
static struct space *first_to_leave(const struct company *company) {
    struct space *first = NULL;

    list_for_each (space, &spaces, struct space, link) {
        const struct load *load = &space->load;

        if (load->suspended || load->swapping || space->trace != NULL || !is_active(space))
            continue;
        if (first == NULL || goes_before(space, first, company))
            first = space;
    }
    return first;
}

static struct space *longest_suspended(void) {
    struct space *longest = NULL;

    list_for_each (space, &spaces, struct space, link)
        if (space->load.suspended && (longest == NULL || space->load.since < longest->load.since))
            longest = space;
    return longest;
}

/* --- suspending and resuming --- */

static void suspend(struct space *space) {
    space->load.suspended = true;
    space->load.since = time_ticks();
    vm_stop_threads(space);
}

static void resume(struct space *space) {
    space->load.suspended = false;
    space->load.since = space->load.entered = space->load.last_active = time_ticks();
    space->load.out = false; /* it counts as active from now on, while it is being read in */
    wake_all(&space->load.waiters);
    scope_divide();
}

/* --- deciding --- */

/* As many leave as need what is lacking; one stays. */
static void too_many(void) {
    const struct company company = look_at_active();
    unsigned left = company.active;
    pfn_t freed = 0;

    while (left > 1 && (left == company.active || freed < company.lacking)) {
        struct space *victim = first_to_leave(&company);

        if (victim == NULL)
            break;
        freed += victim->load.needed;
        suspend(victim);
        left--;
    }
    control.bad = 0;
    if (left == company.active)
        return;
    if (control.probing)
        control.patience = MIN(2 * control.patience, PROBE_LAST);
    control.probing = false;
    control.level = left;
    control.epoch = time_ticks();
}

static bool had_its_turn(const struct space *space) {
    return time_ticks() - space->load.since >= control.turn;
}

/* Somebody is suspended. */
static void think_of(struct space *next, unsigned active) {
    struct company company;
    struct space *leaver;

    if (control.roomy >= 2 || control.idle >= control.patience) {
        control.probing = control.roomy < 2;
        control.roomy = control.idle = 0;
        control.level = active + 1;
    }
    if (active < control.level) {
        resume(next);
        return;
    }
    company = look_at_active();
    leaver = first_to_leave(&company);
    if (leaver != NULL && had_its_turn(next) && had_its_turn(leaver))
        suspend(leaver); /* when it is out there is room below the level */
}

/* At the end of a period, and when a process has left. Never sleeps. */
static void decide(void) {
    unsigned active = count_active();
    struct space *next;

    if (control.turn == 0 || one_is_leaving())
        return;
    if (control.bad >= 2) {
        too_many();
        return;
    }
    next = longest_suspended();
    if (next != NULL)
        think_of(next, active);
    else
        control.level = NO_LIMIT;
}

static struct deferred decision = {.function = decide};

/* --- measuring --- */

/* The pages of the one who is next would not have to be taken from anybody. */
static bool room_for_next(void) {
    const struct space *next = longest_suspended();

    return next != NULL && next->load.out &&
           frames_available() >= pageout_high_mark() + swapper_recorded(next);
}

/* Thrashing begins after this: what is known of refaults is forgotten. */
static void begin_to_count(void) {
    list_for_each (space, &spaces, struct space, link)
        space->load.refaults = 0;
}

static void end_period(void) {
    bool thrashing = control.page_ticks > control.run_ticks && control.refaults >= REFAULTS &&
                     2 * control.refaults > control.reads;

    control.bad = thrashing ? control.bad + 1 : 0;
    control.idle = !thrashing && control.ticks - control.run_ticks > IDLE_TICKS ? control.idle + 1 : 0;
    control.roomy = control.returns < REFAULTS && room_for_next() ? control.roomy + 1 : 0;
    decide();
    if (control.bad == 0)
        begin_to_count();
    list_for_each (space, &spaces, struct space, link)
        space->load.demand -= space->load.demand / 4;
    control.ticks = control.run_ticks = control.page_ticks = 0;
    control.reads = control.returns = control.refaults = 0;
}

static struct deferred period_end = {.function = end_period};

void loadcontrol_tick(struct space *running) {
    if (control.turn == 0)
        return;
    control.ticks++;
    if (running != NULL) {
        note_active(&running->load);
        running->load.demand++;
        control.run_ticks++;
    }
    if (control.waiting > 0)
        control.page_ticks++;
    if (control.ticks >= PERIOD)
        deferred_queue(&period_end);
}

void loadcontrol_read(struct space *space, uint64_t page) {
    struct load *load = &space->load;
    uint32_t evicted;

    if (control.turn == 0)
        return;
    note_active(load);
    control.reads++;
    if (!refault_known(page, &evicted))
        return;
    count(COUNT_REFAULT);
    control.returns++;
    if ((int32_t)(evicted - (uint32_t)MAX(load->since, control.epoch)) < 0)
        return;
    control.refaults++;
    load->refaults++;
}

void loadcontrol_ran(struct space *space) {
    if (control.turn != 0)
        note_active(&space->load);
}

uint64_t loadcontrol_wait_begin(void) {
    control.waiting++;
    return time_ticks();
}

void loadcontrol_wait_end(struct space *space, uint64_t began) {
    ASSERT(control.waiting > 0);
    control.waiting--;
    if (control.turn != 0)
        space->load.demand += (uint32_t)(time_ticks() - began);
}

/* --- at the return to user mode --- */

bool loadcontrol_suspended(const struct space *space) {
    return space->load.suspended;
}

/* The thread that is first there does the work for all of its process. */
static void leave_and_come_back(struct space *space) {
    space->load.swapping = true;
    swapper_out(space);
    count(COUNT_SWAPOUT_PROCS);
    space->load.out = space->load.suspended;
    scope_divide();
    deferred_queue(&decision);
    while (space->load.suspended && wait_killable(&space->load.waiters) == 0)
        continue;
    if (!space->load.suspended) {
        swapper_in(space);
        count(COUNT_SWAPIN_PROCS);
    }
    space->load.out = space->load.swapping = false;
}

void loadcontrol_park(struct space *space) {
    may_sleep();
    if (!space->load.swapping)
        leave_and_come_back(space);
    else
        wait_killable(&space->load.waiters);
}

/* --- on and off --- */

unsigned loadcontrol_seconds(void) {
    return control.turn / TICKS_PER_SECOND;
}

int loadcontrol_set(unsigned seconds) {
    int error = seconds > 0 ? refault_start() : 0;

    if (error != 0)
        return error;
    control.turn = seconds * TICKS_PER_SECOND;
    control.bad = control.idle = 0;
    control.patience = PROBE_FIRST;
    control.level = NO_LIMIT;
    control.probing = false;
    list_for_each (space, &spaces, struct space, link)
        if (seconds == 0 && space->load.suspended)
            resume(space);
    return 0;
}
