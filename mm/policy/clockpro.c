/*
 * CLOCK-Pro: replacement by reuse distance, with nothing but reference bits.
 *
 * Clock and LRU ask how long ago a page was used. A scan, or a loop one page longer than memory, defeats
 * that: every page it brings in looks better than the pages that are really used again. Here a page has to
 * show that it is used again *sooner* than a page that is kept, before it may take its place:
 *
 *     hot     most of memory. A hand goes round them: referenced ones get a new time stamp, and the one at
 *             the hand has the oldest
 *     cold    the rest, a queue. New pages come here, and all victims come from here
 *     gone    for as many pages as memory holds it is remembered (by what they are, not where they were) when
 *             they were used last
 *
 * A page that is used again, while cold or after it has gone, was last used at some time t. If the hot page
 * at the hand has not been used since before t, the other one's reuse distance is the shorter: they change
 * places. If not, the page stays cold, however often that happens; so a loop keeps a part of itself in memory
 * instead of driving itself out.
 *
 * Self-tuning: the share of cold pages grows when a page that has gone proves better than a hot one (with
 * more room it would not have been missed), and shrinks when a page that had been hot is missed.
 *
 * Time is counted in pages that came in. That a page was referenced by the very access that brought it in
 * means nothing: in a traced set the bit is cleared at once; else at the first tick after, so that several
 * accesses in one go count as one (Robinson and Devarakonda's correlated references, 1990).
 *
 * Source: Jiang, Chen and Zhang, "CLOCK-Pro: an effective improvement of the CLOCK replacement" (USENIX
 * 2005), after LIRS (2002). Different from the paper: the pages that are gone are in a table by their
 * identity and not in the circle, with a time stamp in place of a hand that ends their test period.
 */
#include "lib/errno.h"
#include "mm/counters.h"
#include "mm/heap.h"
#include "mm/policy/ghosts.h"
#include "mm/policy/order.h"

/* frame->policy: the time of the last known use, in the upper bits, and */
#define IS_HOT    1u
#define IS_NEW    2u /* the access that brought it in has not been discounted yet */
#define WAS_HOT   4u
#define STAMP     8u
#define STAMPS    (UINT32_MAX / STAMP)
#define GROWTH(h) ((int)MAX((h)->capacity / 8, 1u))

struct history {
    uint32_t now;          /* pages that came in */
    pfn_t capacity;        /* frames in the set when one was last taken from it; 0: never yet */
    pfn_t cold_target;     /* frames that should be cold */
    struct frame *leaving; /* the last victim: if it goes to the pool, it has been evicted */
    struct ghosts *ghosts; /* their words are as frame->policy when the page left */
};

/* --- time --- */

static void stamp(struct history *history, struct frame *frame) {
    frame->policy = (frame->policy & (STAMP - 1)) | history->now % STAMPS * STAMP;
}

/* Units of time since @used, which is as frame->policy. */
static uint32_t age(const struct history *history, uint32_t used) {
    return (history->now - used / STAMP) % STAMPS;
}

/* --- pages that are gone --- */

/* What was remembered of the page, which is forgotten now. False: nothing. */
static bool recall(struct history *history, uint64_t page, uint32_t *used) {
    struct ghost *ghost = ghosts_find(history->ghosts, page);

    if (ghost == NULL)
        return false;
    *used = ghost->word;
    ghosts_drop(history->ghosts, ghost);
    return true;
}

static void clockpro_forget(struct set *set, uint64_t page) {
    uint32_t used;

    recall(set->history, page, &used);
}

/* --- hot and cold --- */

static void make_hot(struct set *set, struct frame *frame) {
    list_remove(&frame->link);
    list_add_tail(&set->hot, &frame->link);
    frame->policy = (frame->policy | IS_HOT) & ~(IS_NEW | WAS_HOT);
    stamp(set->history, frame);
    set->hot_count++;
}

static void make_cold(struct set *set, struct frame *frame) {
    list_remove(&frame->link);
    list_add_tail(&set->frames, &frame->link);
    frame->policy = (frame->policy & ~IS_HOT) | WAS_HOT;
    set->hot_count--;
}

/* The hot hand: passes referenced pages and stops at the first that is not, whose stamp is the oldest. */
static struct frame *coldest_hot(struct set *set) {
    for (pfn_t looks = set->hot_count; looks > 0; looks--) {
        struct frame *frame = list_first(&set->hot, struct frame, link);

        count(COUNT_PGSCAN);
        if (!frame_test_referenced(frame))
            return frame;
        stamp(set->history, frame);
        list_remove(&frame->link);
        list_add_tail(&set->hot, &frame->link);
    }
    return set->hot_count == 0 ? NULL : list_first(&set->hot, struct frame, link);
}

static pfn_t hot_target(const struct history *history) {
    return history->capacity - MIN(history->cold_target, history->capacity);
}

static void set_cold_target(struct history *history, int change) {
    pfn_t least = MAX(history->capacity / 32, 1u), most = history->capacity - history->capacity / 8;
    int wanted = (int)history->cold_target + change;

    history->cold_target = (pfn_t)MIN(MAX(wanted, (int)least), (int)MAX(most, least));
}

/*
 * The page has been used again, after @used. True: sooner than the hot page at the hand, which is cold now.
 */
static bool displaces_hot(struct set *set, uint32_t used) {
    struct history *history = set->history;
    struct frame *hot;

    if (set->hot_count < hot_target(history))
        return true;
    hot = coldest_hot(set);
    if (hot == NULL || age(history, hot->policy) <= age(history, used))
        return false;
    make_cold(set, hot);
    return true;
}

/* --- the policy's functions --- */

/* A page that was missed: does it deserve to be hot? */
static bool deserves_hot(struct set *set, struct frame *frame) {
    struct history *history = set->history;
    uint32_t used;

    if (!recall(history, frame_identity(frame), &used))
        return history->capacity == 0 || set->hot_count < hot_target(history);
    if (used & WAS_HOT)
        set_cold_target(history, -1);
    if (!displaces_hot(set, used))
        return false;
    if (!(used & WAS_HOT))
        set_cold_target(history, GROWTH(history));
    return true;
}

static void clockpro_add(struct set *set, struct frame *frame) {
    struct history *history = set->history;
    bool is_back = frame->policy != 0, hot = frame->policy & IS_HOT;

    set->count++;
    list_add_tail(&set->frames, &frame->link);
    if (!is_back) {
        history->now++;
        hot = deserves_hot(set, frame);
        frame->policy = set->traced ? 0 : IS_NEW;
        if (set->traced)
            frame->referenced = false;
        stamp(history, frame);
    }
    if (hot)
        make_hot(set, frame);
}

static void clockpro_remove(struct set *set, struct frame *frame) {
    struct history *history = set->history;

    if (history->leaving == frame) {
        if (frame_in_pool(frame)) /* not pinned, not ended */
            ghosts_add(history->ghosts, frame_identity(frame), frame->policy);
        history->leaving = NULL;
    }
    list_remove(&frame->link);
    set->count--;
    if (frame->policy & IS_HOT)
        set->hot_count--;
}

/* Was the cold page used again since it came? */
static bool is_used_again(struct frame *frame) {
    bool referenced = frame_test_referenced(frame);

    if (frame->policy & IS_NEW)
        referenced = false;
    frame->policy &= ~IS_NEW;
    return referenced;
}

static struct frame *clockpro_victim(struct set *set) {
    struct history *history = set->history;

    if (set->count == 0)
        return NULL;
    history->capacity = set->count;
    set_cold_target(history, 0);
    while (set->hot_count > hot_target(history))
        make_cold(set, coldest_hot(set));
    for (pfn_t looks = 2 * (set->count - set->hot_count); looks > 0; looks--) {
        struct frame *frame = list_first(&set->frames, struct frame, link);
        uint32_t used = frame->policy;

        count(COUNT_PGSCAN);
        if (is_used_again(frame)) {
            stamp(history, frame);
            if (displaces_hot(set, used)) {
                make_hot(set, frame);
                continue;
            }
            queue_requeue(set, frame);
            continue;
        }
        queue_requeue(set, frame); /* should it stay, another one is next */
        history->leaving = frame;
        return frame;
    }
    return history->leaving = list_first(&set->frames, struct frame, link);
}

/* Discounts the accesses that brought pages in since the last tick: they are the last of the queues. */
static void clockpro_tick(struct set *set) {
    for (struct list *at = set->frames.prev; at != &set->frames; at = at->prev) {
        struct frame *frame = list_entry(at, struct frame, link);

        if (!(frame->policy & IS_NEW))
            break;
        frame->policy &= ~IS_NEW;
        frame_test_referenced(frame);
    }
}

static int clockpro_start(struct set *set) {
    struct history *history = kmalloc_try(sizeof(*history));

    if (history == NULL)
        return -ENOMEM;
    history->ghosts = ghosts_make(set->quota != 0 ? set->quota : frames_pageable());
    if (history->ghosts == NULL) {
        kfree(history);
        return -ENOMEM;
    }
    set->history = history;
    return 0;
}

static void clockpro_stop(struct set *set) {
    struct history *history = set->history;

    ghosts_free(history->ghosts);
    kfree(history);
    set->history = NULL;
}

static const char *clockpro_check(const struct set *set) {
    const struct history *history = set->history;

    list_for_each (frame, &set->hot, struct frame, link)
        if (!(frame->policy & IS_HOT))
            return "a cold page is among the hot ones";
    list_for_each (frame, &set->frames, struct frame, link)
        if (frame->policy & IS_HOT)
            return "a hot page is among the cold ones";
    return ghosts_sound(history->ghosts) ? NULL : "the chains of its ghosts are torn";
}

const struct policy policy_clockpro = {
    .name = "clockpro",
    .start = clockpro_start,
    .stop = clockpro_stop,
    .add = clockpro_add,
    .remove = clockpro_remove,
    .victim = clockpro_victim,
    .tick = clockpro_tick,
    .forget = clockpro_forget,
    .check = clockpro_check,
};
