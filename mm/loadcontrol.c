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
 * When. Time is looked at in periods of half a second. It was one of thrashing if for most of it no program
 * could run while some waited for pages, and most pages that were read are refaults (mm/refault.h): pages that
 * had been evicted while their program was active, since the set of active processes was last made smaller.
 * After two such periods in a row the level, the number of processes that may be active, falls below
 * the number that are.
 *
 * Whom. The process that has been active for longest; of several that came at the same time, the one with the
 * most refaults. So nobody is passed over: those who are out come back in the order in which they left.
 *
 * When back. At once when fewer are active than the level allows (one has ended, or sleeps). Otherwise when it
 * has been out for a turn and an active one has had its turn, in exchange. When there have been frames for it
 * for two periods that nobody uses, the level rises by one. So it does, on trial, when the processor has been
 * idle without thrashing for a while; the while doubles each time that this was too many.
 *
 * Only processes that run or wait for pages count as active: those that sleep have no use for their frames,
 * and replacement takes them.
 *
 * Sources: Denning, "Thrashing: its causes and prevention" (1968), and "Working sets past and present" (1980)
 * on load control by the working set; Carr, "Virtual memory management" (1984), on whom to deactivate;
 * Silberschatz, "Operating System Concepts", 10.6 (thrashing), 3.2.2 (medium-term scheduling).
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

#define PERIOD       50u               /* ticks */
#define ACTIVE_TICKS TICKS_PER_SECOND  /* without running or waiting for a page: then it sleeps */
#define REFAULTS     8u                /* in a period; fewer are no thrashing */
#define IDLE_TICKS   (PERIOD * 3 / 10) /* of a period, that programs leave: there might be room for another */
#define PROBE_FIRST  16u               /* such periods until one more is tried */
#define PROBE_LAST   128u
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
    unsigned ticks, starved_ticks, idle_ticks; /* starved: nothing ran, and somebody waited for a page */
} control = {.level = NO_LIMIT, .patience = PROBE_FIRST};

/* --- who is who --- */

static bool is_active(const struct space *space) {
    return !space->load.out && time_ticks() - space->load.last_active <= ACTIVE_TICKS &&
           space->load.last_active != 0;
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

/* Whose turn to leave it is, or NULL: nobody's. */
static struct space *longest_active(void) {
    struct space *longest = NULL;

    list_for_each (space, &spaces, struct space, link) {
        const struct load *load = &space->load;

        if (load->suspended || load->swapping || space->trace != NULL || !is_active(space))
            continue;
        if (longest == NULL || load->since < longest->load.since ||
            (load->since == longest->load.since && load->refaults_before > longest->load.refaults_before))
            longest = space;
    }
    return longest;
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

static void too_many(unsigned active) {
    struct space *victim = active < 2 ? NULL : longest_active();

    control.bad = 0;
    if (victim == NULL)
        return;
    if (control.probing)
        control.patience = MIN(2 * control.patience, PROBE_LAST);
    control.probing = false;
    control.level = active - 1;
    control.epoch = time_ticks();
    suspend(victim);
}

static bool had_its_turn(const struct space *space) {
    return time_ticks() - space->load.since >= control.turn;
}

/* Somebody is suspended. */
static void think_of(struct space *next, unsigned active) {
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
    leaver = longest_active();
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
        too_many(active);
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

static void end_period(void) {
    uint32_t reads = 0, refaults = 0;
    bool thrashing;

    list_for_each (space, &spaces, struct space, link) {
        struct load *load = &space->load;

        reads += load->reads;
        refaults += load->refaults;
        load->refaults_before = load->refaults;
        load->reads = load->refaults = 0;
    }
    thrashing = 2 * control.starved_ticks > control.ticks && refaults >= REFAULTS && 2 * refaults > reads;
    control.bad = thrashing ? control.bad + 1 : 0;
    control.idle = !thrashing && control.idle_ticks > IDLE_TICKS ? control.idle + 1 : 0;
    control.roomy = room_for_next() ? control.roomy + 1 : 0;
    control.ticks = control.starved_ticks = control.idle_ticks = 0;
    decide();
}

static struct deferred period_end = {.function = end_period};

void loadcontrol_tick(struct space *running) {
    if (control.turn == 0)
        return;
    control.ticks++;
    if (running != NULL)
        running->load.last_active = time_ticks();
    else
        control.idle_ticks++;
    if (running == NULL && control.waiting > 0)
        control.starved_ticks++;
    if (control.ticks >= PERIOD)
        deferred_queue(&period_end);
}

void loadcontrol_read(struct space *space, uint64_t page) {
    struct load *load = &space->load;
    uint32_t evicted;

    if (control.turn == 0)
        return;
    load->last_active = time_ticks();
    load->reads++;
    if (!refault_known(page, &evicted))
        return;
    count(COUNT_REFAULT);
    if ((int32_t)(evicted - (uint32_t)MAX(load->since, control.epoch)) >= 0)
        load->refaults++;
}

void loadcontrol_ran(struct space *space) {
    if (control.turn != 0)
        space->load.last_active = time_ticks();
}

void loadcontrol_wait_begin(void) {
    control.waiting++;
}

void loadcontrol_wait_end(void) {
    ASSERT(control.waiting > 0);
    control.waiting--;
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
