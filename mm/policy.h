/*
 * Replacement: which page of a set leaves memory next. One policy a file in mm/policy/; boot word policy=
 * picks. A policy knows frames and their referenced and modified bits, nothing of spaces, objects or disks,
 * so the same files compile into host programs.
 *
 * A policy's lists hold ACTIVE frames only: a frame that becomes BUSY, PINNED or leaves for the pool has
 * been taken out with remove() before. So no policy can choose a frame that is being moved by DMA, and none
 * needs to test for it.
 */
#ifndef MM_POLICY_H
#define MM_POLICY_H

#include "lib/list.h"
#include "lib/types.h"

struct frame;
struct policy;

/* What a policy replaces within: one global set now; one a space when replacement is local. */
struct set {
    const struct policy *policy;
    struct list frames; /* the policy's order, by frame->link */
    struct frame *hand; /* clock's: the next to be looked at, or NULL when the set is empty */
    pfn_t count;        /* frames in the set */
    pfn_t quota;        /* frames it may have; 0: no limit of its own */
};

struct policy {
    const char *name;
    /* A frame has become ACTIVE in this set. */
    void (*add)(struct set *set, struct frame *frame);
    /* It is no longer. Any pointer to it that the policy keeps must go. */
    void (*remove)(struct set *set, struct frame *frame);
    /* The frame to evict, left in the set; NULL only when the set is empty. Never sleeps. */
    struct frame *(*victim)(struct set *set);
    /* Once a clock tick of virtual time; NULL: no interest. */
    void (*tick)(struct set *set);
    /* A fault has mapped the frame; NULL: no interest. */
    void (*touch)(struct frame *frame);
};

extern const struct policy policy_clock;

/* The policy of that name, or NULL; policy_names() is what may be asked for, separated by blanks. */
const struct policy *policy_find(const char *name);
const char *policy_names(void);

void set_init(struct set *set, const struct policy *policy);

/* The one set that all frames are replaced in while replacement is global. */
extern struct set set_global;

#endif
