/*
 * Replacement: which page of a set leaves memory next. One policy a file in mm/policy/; boot word policy=
 * picks. A policy knows frames and their referenced and modified bits, nothing of spaces, objects or disks,
 * so the same files compile into host programs (tools/pagesim).
 *
 * A policy's lists hold ACTIVE frames only: a frame that becomes BUSY, PINNED or leaves for the pool has
 * been taken out with remove() before. So no policy can choose a frame that is being moved by DMA, and none
 * needs to test for it.
 *
 * Hardware tells only whether a page was referenced since somebody last asked. So policies that need times
 * or an order sample these bits at every tick() of the set's virtual time. Where every reference is seen (a
 * traced set: mm/reftrace.c, and the simulator), touch() tells of each, and they are exact.
 */
#ifndef MM_POLICY_H
#define MM_POLICY_H

#include "lib/list.h"
#include "lib/types.h"

struct frame;
struct policy;
struct reference_string;

/* What a policy replaces within: the global set, or one of a program's own. */
struct set {
    const struct policy *policy;
    struct list frames;   /* the policy's order, by frame->link */
    struct list hot;      /* a second order, of policies that keep two */
    struct list link;     /* on `sets` */
    struct frame *hand;   /* in `frames`: the next to be looked at; NULL for an empty circle */
    pfn_t count;          /* frames in the set, in both lists */
    pfn_t hot_count;      /* of them, in `hot` */
    pfn_t away;           /* besides: frames that are being written and will be back in the set */
    pfn_t quota;          /* frames it may have; 0: no limit of its own */
    uint32_t faults_seen; /* faults of its program when the quota was set last (mm/scope.c) */
    uint32_t looked;      /* and the virtual time of that */
    uint32_t now;         /* virtual time: ticks while its programs ran; in a traced set references */
    uint32_t period;      /* units of virtual time from tick() to tick() */
    uint32_t tau;         /* units of virtual time: WSClock's window */
    uint32_t seed;        /* of the random policy; not 0 */
    bool traced;          /* every reference is seen */
    const struct reference_string *future; /* OPT's: the string that is being replayed */
    void *history;                         /* what a policy remembers of pages that are gone, from start() */
};

/* Frames that the set has. */
static inline pfn_t set_frames(const struct set *set) {
    return set->count + set->away;
}

#define SET_PERIOD 4u  /* 40 ms of a program's time */
#define SET_TAU    50u /* half a second */

struct policy {
    const char *name;
    bool needs_future; /* only for traced sets with a recorded string */
    /* Prepares the empty set, if there is something to prepare. 0 or -ENOMEM. May not sleep. */
    int (*start)(struct set *set);
    /* The set is empty again and will have another policy: frees what start() made. */
    void (*stop)(struct set *set);
    /*
     * A frame has become ACTIVE in this set. frame->policy is 0 for a page that is new in memory. It is what
     * the policy left there if the page was away only to be written or pinned.
     */
    void (*add)(struct set *set, struct frame *frame);
    /*
     * It is no longer; its state is the next one already: in the pool if the page has left memory. Any pointer to
     * it that the policy keeps must go.
     */
    void (*remove)(struct set *set, struct frame *frame);
    /* The frame to evict, left in the set; NULL only when the set is empty. Never sleeps. */
    struct frame *(*victim)(struct set *set);
    /*
     * The next modified page that should be written now, and stay in memory, as the policy keeps it for longer than others
     * would; each once a round. It returns NULL when there is none. Only anonymous pages are written. NULL: no interest.
     */
    struct frame *(*overdue)(struct set *set);
    /* Every `period` units of virtual time; NULL: no interest. */
    void (*tick)(struct set *set);
    /* The page of this identity (mm/frame.h), which is not in memory, exists no longer; NULL: no interest. */
    void (*forget)(struct set *set, uint64_t page);
    /* A fault has mapped the frame; in a traced set: the page is referenced, once it is there. NULL: no
     * interest. */
    void (*touch)(struct frame *frame);
    /* For the checker: counts the policy's own books again. What is wrong with them, or NULL. NULL: it keeps none. */
    const char *(*check)(const struct set *set);
};

extern const struct policy policy_aging;
extern const struct policy policy_clock;
extern const struct policy policy_clockpro;
extern const struct policy policy_eeclock;
extern const struct policy policy_fifo;
extern const struct policy policy_lru;
extern const struct policy policy_mru;
extern const struct policy policy_nru;
extern const struct policy policy_opt;
extern const struct policy policy_random;
extern const struct policy policy_second;
extern const struct policy policy_wsclock;

/* What may be asked for at boot, and what is taken if nothing is. */
#define POLICY_DEFAULT "eeclock"
#define POLICY_NAMES   "eeclock, clock, clockpro, fifo, second, nru, aging, lru, wsclock, mru, random"

/* The policy of that name, or NULL. */
const struct policy *policy_find(const char *name);
/* All of them, for tools: NULL past the last. */
const struct policy *policy_number(unsigned i);

/* 0, or -ENOMEM when the policy's memory could not be had. The quota is set before. Never sleeps. */
int set_start(struct set *set, const struct policy *policy, pfn_t quota);
/* Frees what the policy made. The set is empty. */
void set_stop(struct set *set);

/* A unit of the set's virtual time has passed. Never sleeps. */
void set_tick(struct set *set);

/*
 * Gives the set another policy, with its frames in the order in which the old one had them and their
 * reference bits. -ENOMEM: nothing has changed. Never sleeps.
 */
int set_change_policy(struct set *set, const struct policy *policy);

/* The page, which is not in memory, exists no longer. Never sleeps. */
void sets_forget(uint64_t page);

/* The one set that all frames are replaced in while replacement is global. */
extern struct set set_global;

/* All sets of the kernel, for the checker: whoever starts one for good puts it here. */
extern struct list sets;

#endif
