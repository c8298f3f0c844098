/*
 * Early-eviction clock: plain clock, until it is seen to fail; then a part of memory is kept as it is, and pages
 * are replaced soon after they came.
 *
 * In a loop or a scan larger than memory, clock evicts every page just before it is wanted again, or gives up pages
 * that are used for pages that are not. There the newest page is the better victim. Anywhere else it is not, so clock
 * goes on in any case, on paper: what it would have in memory now is known at any time, and so is what is gained and
 * lost against it.
 *
 *                          in memory   not in memory
 *     plain clock has it    common       absent         missed: a loss
 *     it has evicted it     extra        gone           extra and used: a gain
 *
 * There are as many extra pages as absent ones. Each miss makes clock evict a page on paper: a common one becomes
 * extra, an absent one is gone. The real victim is, as long as the evidence is for evicting early
 * (mm/policy/evidence.c), the page that came longest ago of those still young, if it has not been used again: it
 * becomes absent. Else an extra page goes. Without absent pages the extra one is the page that clock has just
 * evicted: this is clock then, victim for victim.
 *
 * Fresh and then young are the pages that came last. Old ones stand in clock's order, which is a queue with a second chance here;
 * the extra pages are at its front, in the order in which clock evicted them, since that is the order in which a loop
 * comes back to them. A page missed while absent has shown that it is used again: it does not become young.
 *
 * To keep an extra page saves its next read. Its write it would only put off: a modified one is written when clock would
 * have had to, and stays (eeclock_overdue()).
 *
 * The accesses that bring a page in often come in a group. They are discounted: only a use after some more
 * pages have come counts as another one (correlated references: Robinson and Devarakonda, "Data cache management using
 * frequency-based replacement", SIGMETRICS 1990).
 *
 * Source: EELRU (Smaragdakis, Kaplan and Wilson, "EELRU: simple and effective adaptive page replacement", SIGMETRICS
 * 1999), which evicts early where the hits beyond memory's size would be more than those just within it. Different
 * from the paper: clock takes the place of LRU, so that reference bits suffice, and the order of misses tells loops.
 */
#include "mm/policy/eeclock.h"
#include "lib/errno.h"
#include "mm/counters.h"
#include "mm/heap.h"
#include "mm/policy/order.h"

#define GHOST_SHARE 4u  /* ghosts to a frame: loops up to about this many times memory are seen */
#define IDLE_SHARE  8u  /* of memory: while fewer frames are in use, the policy only queues them */
#define YOUNG_SHARE 64u /* of memory: the pages that are fresh, and as many that are young */

#define SETTLE_VICTIM 4u   /* fresh ones looked at for each victim, of which one page comes at a time; … */
#define SETTLE_TICK   256u /* … and at each tick, which is an interrupt's time: 0.1 ms */

/* --- time --- */

static void stamp(struct history *history, struct frame *frame) {
    frame->policy = (frame->policy & (STAMP - 1)) | ++history->now * STAMP;
}

static uint32_t age(const struct history *history, uint32_t word) {
    return (history->now - word / STAMP) % STAMPS;
}

/* --- lists --- */

/* The frame after this one in the list, or NULL. */
static struct frame *after(const struct list *list, const struct frame *frame) {
    return frame->link.next == list ? NULL : list_entry(frame->link.next, struct frame, link);
}

static struct frame *first_of(struct list *list) {
    return list_empty(list) ? NULL : list_first(list, struct frame, link);
}

/* The young one after this one, or NULL. */
static struct frame *next_young(struct set *set, const struct frame *frame) {
    struct frame *next = after(&set->frames, frame);

    return next != NULL && (next->policy & IS_YOUNG) ? next : NULL;
}

/* The extra one after this one, or NULL. */
static struct frame *next_extra(const struct set *set, const struct frame *frame) {
    struct frame *next = after(&set->hot, frame);

    return next == set->hand ? NULL : next;
}

/* Takes the frame out of its list and its place there; stamp, IS_USED and IS_REUSED stay. */
static void take_out(struct set *set, struct frame *frame) {
    struct history *history = set->history;
    uint32_t place = frame->policy & PLACE;

    if (place & IS_FRESH) {
        if (history->settles == frame)
            history->settles = after(&set->frames, frame);
        history->fresh--;
    } else if (place & IS_YOUNG) {
        if (history->ripens == frame)
            history->ripens = next_young(set, frame);
        history->young--;
    } else if (place & IS_EXTRA) {
        if (history->probed == frame)
            history->probed = NULL;
        if (history->overdue == frame)
            history->overdue = next_extra(set, frame);
        history->extra--;
        set->hot_count--;
    } else if (place == 0) {
        if (set->hand == frame)
            set->hand = after(&set->hot, frame);
        set->hot_count--;
    }
    frame->policy &= ~PLACE;
    list_remove(&frame->link);
}

/* As if clock's hand had just passed it. */
static void put_old(struct set *set, struct frame *frame) {
    stamp(set->history, frame);
    list_add_tail(&set->hot, &frame->link);
    set->hot_count++;
    if (set->hand == NULL)
        set->hand = frame;
}

static void put_extra(struct set *set, struct frame *frame) {
    struct history *history = set->history;

    list_insert_before(set->hand == NULL ? &set->hot : &set->hand->link, &frame->link);
    frame->policy |= IS_EXTRA;
    if (history->overdue == NULL)
        history->overdue = frame;
    set->hot_count++;
    history->extra++;
}

/* Its uses count from now on; those so far are one. */
static void settle(struct set *set, struct frame *frame) {
    struct history *history = set->history;

    frame->policy = (frame->policy & ~IS_FRESH) | IS_YOUNG;
    if (frame_test_anew(frame))
        frame->policy |= IS_USED;
    if (history->ripens == NULL)
        history->ripens = frame;
    history->young++;
    history->fresh--;
    history->settles = after(&set->frames, frame);
}

static pfn_t share_of_young(const struct history *history) {
    return MAX(history->capacity / YOUNG_SHARE, 1u);
}

/*
 * All but the last that came, @most at a time. Not when a page comes: that is the fault's way, and should be short. Where
 * memory has filled within a tick, those that have waited are caught up with bit by bit.
 */
static void settle_some(struct set *set, unsigned most) {
    struct history *history = set->history;

    for (; most > 0 && history->fresh > share_of_young(history); most--)
        settle(set, history->settles);
}

static ALWAYS_INLINE void put_new(struct set *set, struct frame *frame) {
    struct history *history = set->history;

    stamp(history, frame);
    frame->policy |= IS_NEW | IS_FRESH;
    list_add_tail(&set->frames, &frame->link);
    if (history->settles == NULL)
        history->settles = frame;
    history->fresh++;
}

/* --- ghosts --- */

/* The absent page that left first, or NULL. */
static struct ghost *first_absent(struct history *history) {
    uint32_t end = ghosts_end(history->ghosts);

    if (history->absent == 0)
        return NULL;
    if (end - history->first_absent > end - ghosts_first(history->ghosts))
        history->first_absent = ghosts_first(history->ghosts);
    for (; history->first_absent != end; history->first_absent++) {
        struct ghost *ghost = ghosts_at(history->ghosts, history->first_absent);

        if (ghost != NULL && is_absent(ghost))
            return ghost;
    }
    return NULL;
}

static void remember(struct history *history, const struct frame *frame) {
    uint32_t overwritten = ghosts_add(history->ghosts, frame_identity(frame), frame->policy);

    if (overwritten != 0 && !(overwritten & IS_EXTRA))
        history->absent--;
    history->absent += !(frame->policy & IS_EXTRA);
    history->remembers = true;
    evidence_left(&history->evidence, frame->policy & IS_REUSED);
}

static void forget(struct history *history, struct ghost *ghost) {
    history->absent -= is_absent(ghost);
    ghosts_drop(history->ghosts, ghost);
}

static void eeclock_forget(struct set *set, uint64_t page) {
    struct history *history = set->history;
    struct ghost *ghost = ghosts_find(history->ghosts, page);

    if (ghost != NULL)
        forget(history, ghost);
}

/* --- clock on paper --- */

/* The page is extra and was used: clock would have missed it and brought it in. */
static void gain(struct set *set, struct frame *frame) {
    struct history *history = set->history;

    evidence_gain(&history->evidence);
    take_out(set, frame);
    frame->policy |= IS_REUSED | IS_USED;
    put_old(set, frame);
}

/* Extra pages that were used: all at the front, as in a loop, and a sample of the others. */
static void look_for_gains(struct set *set) {
    struct history *history = set->history;
    struct frame *frame;

    while (history->extra > 0 && frame_test_referenced(frame = first_of(&set->hot)))
        gain(set, frame);
    if (history->extra == 0)
        return;
    frame = history->probed == NULL ? first_of(&set->hot) : history->probed;
    history->probed = next_extra(set, frame);
    if (frame_test_referenced(frame))
        gain(set, frame);
}

/* The frame that clock's hand is at, by the stamps: new or not. NULL: clock has only absent pages. */
static struct frame *at_hand(struct set *set) {
    struct frame *newcomer = first_of(&set->frames), *old = set->hand;

    if (newcomer == NULL || old == NULL)
        return newcomer == NULL ? old : newcomer;
    return age(set->history, newcomer->policy) > age(set->history, old->policy) ? newcomer : old;
}

/* Clock's second chance for the common page at the hand. False: it had none, and is extra now. */
static bool spare(struct set *set, struct frame *frame) {
    struct history *history = set->history;
    bool fresh = frame->policy & IS_FRESH, referenced = frame_test_referenced(frame);
    bool used = referenced || (frame->policy & IS_USED);

    count(COUNT_PGSCAN);
    if (referenced && !fresh) {
        frame->policy |= IS_REUSED;
        evidence_hit(&history->evidence);
    }
    take_out(set, frame);
    frame->policy &= ~IS_USED;
    if (used)
        put_old(set, frame);
    else
        put_extra(set, frame);
    return used;
}

/* Clock evicts a page, on paper. False: it has none. */
static bool evict_on_paper(struct set *set) {
    struct history *history = set->history;
    struct ghost *ghost = first_absent(history);

    for (;;) {
        struct frame *frame = at_hand(set);

        if (ghost != NULL && (frame == NULL || age(history, ghost->word) > age(history, frame->policy))) {
            ghost->word |= IS_EXTRA;
            history->absent--;
            return true;
        }
        if (frame == NULL)
            return false;
        if (!spare(set, frame))
            return true;
    }
}

/* --- the policy's functions --- */

/* A page was missed. What is known of it goes into its word and the evidence. */
static void recall(struct history *history, struct frame *frame) {
    struct ghost *ghost = ghosts_find(history->ghosts, frame_identity(frame));
    uint32_t number;

    if (ghost == NULL)
        return;
    number = ghosts_number(history->ghosts, ghost);
    if (is_absent(ghost)) {
        frame->policy |= IS_REUSED;
        evidence_loss(&history->evidence);
    } else {
        evidence_back(&history->evidence, number, ghosts_end(history->ghosts) - number,
                      ghost->word & IS_REUSED);
    }
    forget(history, ghost);
}

/* A frame that comes back goes where it was; the word may be another policy's, if that has changed meanwhile. */
static __attribute__((noinline)) void put_back(struct set *set, struct frame *frame) {
    uint32_t word = frame->policy;

    if (word == 0) {
        recall(set->history, frame);
        word = frame->policy & IS_REUSED ? 0 : IS_NEW;
    }
    frame->policy &= ~PLACE;
    if (word & IS_NEW)
        put_new(set, frame);
    else if (word & IS_EXTRA)
        put_extra(set, frame);
    else
        put_old(set, frame);
}

static void eeclock_add(struct set *set, struct frame *frame) {
    const struct history *history = set->history;

    set->count++;
    if (frame->policy == 0 && !history->remembers)
        put_new(set, frame); /* the fault's way while memory is enough: short */
    else
        put_back(set, frame);
}

static void eeclock_remove(struct set *set, struct frame *frame) {
    struct history *history = set->history;
    uint32_t word = frame->policy;

    if (history->leaving == frame) {
        if (frame_in_pool(frame)) /* not pinned, not ended */
            remember(history, frame);
        history->leaving = NULL;
    }
    take_out(set, frame);
    set->count--;
    frame->policy = word; /* should it come back */
}

/*
 * The last page that is young no longer, if it was not used again and should go early. NULL: there is none, or clock
 * is to decide.
 */
static struct frame *early_victim(struct set *set) {
    struct history *history = set->history;
    bool early = evidence_for_one_more(&history->evidence, history->absent) &&
                 history->absent + 2 * share_of_young(history) < history->capacity;

    while (history->young >= share_of_young(history)) {
        struct frame *frame = history->ripens;

        if (!early) {
            frame->policy &= ~IS_YOUNG;
            history->young--;
            history->ripens = next_young(set, frame);
        } else if (frame_test_referenced(frame) || (frame->policy & IS_REUSED)) {
            take_out(set, frame);
            frame->policy = (frame->policy | IS_REUSED) & ~IS_USED;
            put_old(set, frame);
        } else {
            evidence_evicted(&history->evidence);
            return frame;
        }
    }
    return NULL;
}

static struct frame *eeclock_victim(struct set *set) {
    struct history *history = set->history;
    struct frame *victim;

    if (set->count == 0)
        return NULL;
    history->capacity = set->count;
    settle_some(set, SETTLE_VICTIM);
    evidence_set_frames(&history->evidence, set->count);
    look_for_gains(set);
    /* Extra pages that are being written will be back; but there is always one to be the victim. */
    while ((history->extra == 0 || history->absent >= history->extra + set->away) && evict_on_paper(set))
        ;
    victim = early_victim(set);
    if (victim == NULL)
        victim = first_of(set->hot_count > 0 ? &set->hot : &set->frames);
    return history->leaving = victim;
}

/*
 * An extra page that is modified would be written when it must go and somebody waits for the frame: so it is named before.
 * Not if it has been modified since it came, or since clock last evicted it: in a loop that writes, that is so in each
 * round, and so would the write be.
 */
static struct frame *eeclock_overdue(struct set *set) {
    struct history *history = set->history;
    struct frame *frame;

    while ((frame = history->overdue) != NULL) {
        history->overdue = next_extra(set, frame);
        if (!frame_take_modified(frame) && frame->modified)
            return frame;
    }
    return NULL;
}

/* While memory fills, nobody asks for victims; but what is in it is watched, once it is a part worth watching. */
static void eeclock_tick(struct set *set) {
    struct history *history = set->history;

    if (set->count < history->most / IDLE_SHARE)
        return;
    history->capacity = MAX(history->capacity, set->count);
    settle_some(set, SETTLE_TICK);
}

static int eeclock_start(struct set *set) {
    pfn_t most = set->quota != 0 ? set->quota : frames_pageable();
    struct history *history = kmalloc_try(sizeof(*history));

    if (history == NULL)
        return -ENOMEM;
    history->ghosts = ghosts_make(GHOST_SHARE * most);
    if (history->ghosts == NULL) {
        kfree(history);
        return -ENOMEM;
    }
    history->most = most;
    set->history = history;
    return 0;
}

static void eeclock_stop(struct set *set) {
    struct history *history = set->history;

    ghosts_free(history->ghosts);
    kfree(history);
    set->history = NULL;
}

const struct policy policy_eeclock = {
    .name = "eeclock",
    .start = eeclock_start,
    .stop = eeclock_stop,
    .add = eeclock_add,
    .remove = eeclock_remove,
    .victim = eeclock_victim,
    .overdue = eeclock_overdue,
    .tick = eeclock_tick,
    .forget = eeclock_forget,
    .check = eeclock_check,
};
