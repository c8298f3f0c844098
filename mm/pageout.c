/*
 * The paging daemon: keeps a pool of frames that can be had at once, so that a fault need not wait for a
 * victim's write-back (step 6 of the fault happens here).
 *
 * It sleeps until fewer than `low` frames are available (FREE or CLEAN), then works until `high` are:
 *
 *     evict     the policy names a victim; it loses its page-table entries, which tell whether it was
 *               modified, and enters the pool with contents and owner kept: CLEAN if its backing store has
 *               the same contents, else DIRTY
 *     launder   DIRTY pages are written, in clusters; each becomes CLEAN when its write has ended (mm/launder.c)
 *
 * A page in the pool that is wanted again is taken back by the fault without I/O.
 *
 * What the policy keeps beyond its time is written beside, and stays (launder_overdue()).
 *
 * When the machine is idle and memory is more than half used, modified pages are written early and stay where
 * they are: evicting them later costs nothing.
 *
 * If nothing can be evicted and nothing is under way, memory and swap are exhausted. Requests of the kernel's
 * own fail then (-ENOMEM to some system call); if a program's fault waits for a frame, the largest process is
 * killed.
 *
 * Sources: Levy and Lipman on VAX/VMS's modified page writer (1982); 4.4BSD's pagedaemon; UVM's clustering.
 */
#include "mm/pageout.h"

#include "arch/x86/time.h"
#include "drivers/block.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/launder.h"
#include "mm/policy.h"
#include "mm/refault.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

#define BATCH_MAX     128u /* pages evicted at a time, where memory is large: as many as one command can write */
#define ZERO_BATCH    16u /* frames cleared at a look of the idle loop */
#define SETTLED_TICKS 20u /* without a context switch, until all that idle time is for must be done */
#define IDLE_TICKS    3u  /* without a fault, before pages are written early */

static struct {
    struct thread *thread; /* NULL until it runs */
    struct waitq queue;    /* it sleeps here */
    pfn_t low, high;
    pfn_t batch; /* pages evicted at a time */
    unsigned failures;
    uint64_t stuck_since; /* tick of the last pass that achieved nothing; 0: none */
    bool filling;       /* since `low` was passed, and until `high` is reached or nothing more can be done */
    bool awaits_writes; /* asleep until one of those under way has ended */
    bool clean_early;   /* the idle loop asks for it */
    bool launder;       /* madvise asks for it */
    bool trim;          /* a set has been found above its quota */
    uint64_t trim_failed; /* tick when a set could not be trimmed; 0: never */
} pageout;

static uint32_t faults_seen;   /* pgfault when the idle loop last looked, … */
static uint64_t quiet_since;   /* … and since when it has not moved */
static uint32_t idle_switches; /* context switches when the idle loop last looked, … */
static uint64_t idle_since;    /* … and since when there has been none */
static bool early_done;        /* nothing modified was left when the daemon last looked */

bool pageout_wanted(void) {
    return frames_available() < MAX(pageout.low, frames_demand());
}

/* The daemon works until so many are available. */
static pfn_t high_mark(void) {
    return MAX(pageout.high, frames_demand());
}

/* Frames that are available or will be when the writes under way have ended. */
static pfn_t coming(void) {
    return frames_available() + frame_count(FRAME_DIRTY) + frames_being_laundered();
}

pfn_t pageout_high_mark(void) {
    return pageout.high;
}

unsigned pageout_failures(void) {
    return pageout.failures;
}

bool pageout_is_daemon(void) {
    return pageout.thread != NULL && wait_self() == pageout.thread;
}

void pageout_wake(void) {
    wake_all(&pageout.queue);
}

void pageout_launder(void) {
    pageout.launder = true;
    wake_all(&pageout.queue);
}

void pageout_trim(void) {
    pageout.trim = true;
    wake_all(&pageout.queue);
}

void pageout_hint(void) {
    /* It waits for enough, unless there is another batch to be gone for. */
    if (pageout.awaits_writes && coming() + pageout.batch > high_mark())
        return;
    /* After a pass that achieved nothing, the next is worth it only when something may have changed. */
    if (pageout_wanted() && (pageout.stuck_since == 0 || pageout.stuck_since != time_ticks()))
        wake_all(&pageout.queue);
}

void pageout_progress(void) {
    if (pageout.queue.first == NULL) /* asked first: when several pages arrive, the first has woken it */
        return;
    if (pageout.filling ? frames_available() < high_mark() : pageout_wanted())
        wake_all(&pageout.queue);
}

/* --- evict --- */

bool pageout_evictable(const struct frame *frame) {
    if (frame->owner != OWNER_ANON || swap_free_slots() > 0)
        return true;
    return frame->anon->slot != 0 || frame->anon->home != 0;
}

STOP_POINT void pageout_evict(struct frame *frame) {
    if (frame->owner == OWNER_ANON && frame_mapped(frame))
        frame->index = (pgoff_t)(frame->map.address >> PAGE_SHIFT);
    frame_unmap_all(frame);
    refault_note(frame);
    frame_to_pool(frame);
    count(COUNT_PGEVICT);
    count_add(COUNT_PGEVICT_PINNED, counters[COUNT_DMA_PIN] != counters[COUNT_DMA_UNPIN]);
}

unsigned pageout_evict_from(struct set *set) {
    for (pfn_t tries = 2 * set->count; tries > 0; tries--) {
        struct frame *frame = set->policy->victim(set);

        if (frame == NULL)
            return 0;
        if (!pageout_evictable(frame)) {
            frame->referenced = true; /* let the policy look elsewhere */
            continue;
        }
        if (vm_options.unit > 1)
            return unit_evict(frame);
        pageout_evict(frame);
        return 1;
    }
    return 0;
}

/* One victim of the set that should give one, or if there none can leave, of any. */
static STOP_POINT unsigned evict_one(void) {
    unsigned evicted = pageout_evict_from(scope_victim_set());

    list_for_each (set, &sets, struct set, link)
        if (evicted == 0 && !set->traced)
            evicted = pageout_evict_from(set);
    return evicted;
}

/* A batch, so that what must be written goes in whole clusters and not page by page as frames are taken. */
static unsigned evict_batch(void) {
    unsigned evicted = 0, more = 1;

    for (; evicted < pageout.batch && more > 0; evicted += more)
        more = evict_one();
    trace(TRACE_DAEMON_EVICTED, 0, set_global.hand == NULL ? TRACE_NO_FRAME : frame_number(set_global.hand),
          counters[COUNT_PGSCAN], frames_available(), evicted);
    return evicted;
}

/* --- nothing left --- */

static void out_of_memory(void) {
    pageout.failures++;
    pageout.stuck_since = time_ticks();
    frames_wake_waiters(); /* the kernel's own requests fail now */
    if (!frames_wanted_by_program())
        return;
    if (!vm_kill_largest())
        klog("mm: no memory, no swap, and no process left to kill");
    wait_timeout(&pageout.queue, TICKS_PER_SECOND); /* its frames come back as it ends, which wakes us */
    pageout.stuck_since = 0; /* look again: who slept for frames meanwhile may have woken us already */
}

/*
 * With commit=strict nobody is killed. If pages that have nowhere to go are all there is, the page tables
 * that show them are still a cache: they are emptied, and given back. The frames gained.
 */
static unsigned give_back_tables(void) {
    unsigned gained = 0;

    if (!vm_options.commit_strict)
        return 0;
    for (pfn_t n = 0; n < frame_total; n++)
        if (frame_table[n].state == FRAME_ACTIVE)
            frame_unmap_all(&frame_table[n]);
    list_for_each (space, &spaces, struct space, link)
        gained += pmap_trim(&space->pmap);
    return gained;
}

/* --- the daemon --- */

/*
 * Evicts and launders once. When enough is under way it waits for that, and not before: several clusters are to be
 * queued at the disk, or it would be idle while programs use up what the last one gave. False when there is nothing
 * to be evicted and nothing to wait for. *@evicted grows by the pages that had to leave.
 */
static bool fill_pool_round(pfn_t *evicted) {
    bool enough = coming() >= high_mark(); /* then nothing need be evicted, unless swap is full */
    pfn_t before = *evicted;

    if (!enough)
        *evicted += evict_batch();
    launder_all();
    launder_overdue(pageout.batch);
    if (frames_available() >= high_mark() || *evicted > before)
        return true;
    if (frames_being_laundered() > 0) {
        pageout.awaits_writes = true;
        wait_on(&pageout.queue); /* the end of a write wakes us */
        pageout.awaits_writes = false;
        return true;
    }
    if (enough)
        return true;
    /* Pages that are being read can be evicted when they have arrived. */
    return frame_count(FRAME_BUSY) > 0 && wait_timeout(&pageout.queue, TICKS_PER_SECOND) == 0;
}

/*
 * Evicts and launders until `high` frames are available or there is nothing more to be done. Pages whose
 * writes fail come back: when all have left and not one frame has been gained, that is nothing, too.
 */
static void fill_pool(void) {
    uint32_t gained = frames_gained();
    pfn_t evicted = 0;

    count(COUNT_DAEMON_WAKE);
    trace(TRACE_DAEMON_WAKE, 0, 0, counters[COUNT_PGSCAN], frames_available(), high_mark());
    while (frames_available() < high_mark()) {
        bool hopeless = !fill_pool_round(&evicted);

        if (gained != frames_gained())
            evicted = 0;
        gained = frames_gained();
        /* Pages that are being read are not evictable yet, and will be. */
        if (hopeless || evicted > 2 * (frame_count(FRAME_ACTIVE) + frame_count(FRAME_BUSY)) + pageout.batch) {
            if (give_back_tables() == 0)
                out_of_memory();
            return;
        }
    }
    trace(TRACE_DAEMON_DONE, 0, 0, counters[COUNT_PGSCAN], frames_available(), high_mark());
    pageout.stuck_since = 0;
}

static void pageout_main(void *unused) {
    (void)unused;
    pageout.thread = wait_self();
    for (;;) {
        if (pageout_wanted()) {
            pageout.filling = true;
            fill_pool();
            pageout.filling = false;
        }
        if (pageout.clean_early && !pageout_wanted())
            early_done = launder_early() == 0;
        pageout.clean_early = false; /* whether or not there was time for it: it will be asked for again */
        if (pageout.trim) {
            pageout.trim = false;
            pageout.trim_failed = scope_trim() ? 0 : time_ticks();
            pageout.launder = true;
        }
        if (pageout.launder) {
            pageout.launder = false;
            launder_all();
        }
        bool work = (pageout_wanted() && pageout.stuck_since == 0) || pageout.clean_early ||
                    pageout.launder || pageout.trim;
        if (!work)
            wait_on(&pageout.queue);
    }
}

/* Nothing is under way, and for a while there has been no fault. */
static bool is_quiet(void) {
    uint32_t faults = counters[COUNT_PGFAULT];

    if (pageout.thread == NULL || !block_idle())
        return false;
    if (faults != faults_seen) {
        faults_seen = faults;
        quiet_since = time_ticks();
        early_done = false;
        return false;
    }
    return time_ticks() - quiet_since >= IDLE_TICKS;
}

bool pageout_at_rest(void) {
    return pageout.queue.first != NULL;
}

bool pageout_settled(void) {
    return idle_switches == counters[COUNT_CTXT] && time_ticks() - idle_since >= SETTLED_TICKS &&
           pageout.thread != NULL && block_idle() && pageout.trim_failed == 0;
}

void vm_idle(void) {
    if (idle_switches != counters[COUNT_CTXT]) {
        idle_switches = counters[COUNT_CTXT];
        idle_since = time_ticks();
    }
    /* Few at a time: whoever is woken meanwhile waits for them. The next tick brings us here again. */
    if (block_idle())
        frames_zero(ZERO_BATCH);
    if (!is_quiet())
        return;
    bool may_trim = pageout.trim_failed == 0 || time_ticks() - pageout.trim_failed >= TICKS_PER_SECOND;
    if (may_trim && !scope_quotas_met()) {
        pageout_trim();
        return;
    }
    if (!vm_options.early_clean || early_done || swap_free_slots() < swap_total() / 2)
        return;
    if (frames_available() < frames_pageable() / 2) {
        pageout.clean_early = true;
        wake_all(&pageout.queue);
    }
}

/*
 * The marks: enough for a burst of faults while a cluster is being written, little enough not to matter as
 * long as the pool's pages can be reclaimed. Where memory is large a batch is several clusters, which are one command
 * to the disk; the low mark is the lower for that, so that the pool holds no more pages on average.
 */
static void set_marks(void) {
    pfn_t pageable = frames_pageable(), cluster = MAX(MIN(vm_options.cluster, pageable / 16), 1u);
    pfn_t low = MIN(MAX(pageable / 32, 16u), 256u);

    pageout.batch = cluster < SWAP_CLUSTER_MAX ? cluster : MAX(cluster, MIN(pageable / 32, BATCH_MAX));
    low -= (pageout.batch - cluster) * 2 / 3;
    pageout.low = vm_options.pool_low != 0 ? vm_options.pool_low : low;
    pageout.high = vm_options.pool_high != 0 ? vm_options.pool_high : pageout.low + pageout.batch;
    /* Below the reserve programs wait for the daemon: it must not think that all is well there. */
    pageout.low = MAX(MIN(pageout.low, pageable / 2), frames_reserved() + 1);
    pageout.high = MAX(MIN(pageout.high, pageable / 2), pageout.low + 1);
    frames_hint_below(pageout.low);
    trace_tell_marks(pageout.low, pageout.high);
    klog("mm: pool: low mark %u, high mark %u frames", pageout.low, pageout.high);
}

void pageout_start(void) {
    set_marks();
    vm_spawn_daemon("pageout", pageout_main);
}
