/*
 * What mm/policy/eeclock.c keeps of its set, for itself and for its part of the checker (mm/policy/eeclock_check.c).
 */
#ifndef MM_POLICY_EECLOCK_H
#define MM_POLICY_EECLOCK_H

#include "mm/policy.h"
#include "mm/policy/evidence.h"
#include "mm/policy/ghosts.h"

/* frame->policy and ghost->word: the time when clock's hand last passed the page, in the upper bits, and */
#define IS_EXTRA  1u  /* plain clock has evicted it; a ghost without it is absent */
#define IS_NEW    2u  /* in set->frames: the hand has not passed it; the others are in set->hot */
#define IS_YOUNG  4u  /* no longer fresh, and among the last of those */
#define IS_FRESH  8u  /* just come: its uses are not counted yet */
#define IS_USED   16u /* clock's reference bit, from when it was fresh */
#define IS_REUSED 32u /* used again since */
#define PLACE     (IS_EXTRA | IS_NEW | IS_YOUNG | IS_FRESH)
#define STAMP     64u
#define STAMPS    (1u << 26)

struct history {
    uint32_t now;          /* stamps given */
    pfn_t most;            /* frames that the set may have, as far as was known at its start */
    pfn_t capacity;        /* frames in the set when one was last taken from it */
    pfn_t extra;           /* frames at the front of set->hot; set->hand is the first behind them */
    pfn_t young, fresh;    /* frames at the end of set->frames, the fresh ones last */
    pfn_t absent;          /* ghosts */
    uint32_t first_absent; /* no ghost with a lower number is absent */
    struct frame *ripens;  /* the first young one, or NULL */
    struct frame *settles; /* the first fresh one, or NULL */
    struct frame *probed;  /* the extra one whose bit is looked at next, or NULL: the first */
    struct frame *overdue; /* the first extra one that has not been asked for its write, or NULL */
    struct frame *leaving; /* the last victim: if it goes to the pool, it has been evicted */
    struct evidence evidence;
    bool remembers; /* a page has left; else there are no ghosts */
    struct ghosts *ghosts;
};

static inline bool is_absent(const struct ghost *ghost) {
    return !(ghost->word & IS_EXTRA);
}

/* What is wrong with the set's books, counted again, or NULL. Reads only; any context in which nobody changes them. */
const char *eeclock_check(const struct set *set);

#endif
