/*
 * Evidence for early eviction: whether a set should stop replacing by plain clock and keep what it has
 * (mm/policy/eeclock.c), judged by the pages that come back, and how long it should go on, judged by what it
 * gains and loses. All is counted in pages, relative to the number of frames.
 */
#ifndef MM_POLICY_EVIDENCE_H
#define MM_POLICY_EVIDENCE_H

#include "lib/types.h"

#define STREAMS 4u /* loops that may be interleaved: the operands of a matrix product, and one more */

/* Pages that come back in the order in which they left. */
struct stream {
    uint32_t last;   /* number of the last one's leaving */
    uint32_t length; /* pages so far */
    uint32_t turn;   /* the `judged` of the last one */
};

struct evidence {
    bool early;       /* the verdict: evict early */
    bool loop;        /* because of a loop; else of a scan */
    bool on_trial;    /* in the first round */
    int frames;       /* of the set */
    int credit;       /* losses that are allowed still */
    int order;        /* pages that came back in order, by weight, less those that spoke against a loop */
    pfn_t round;      /* pages evicted early in a round, … */
    pfn_t evicted;    /* … and so far in this one */
    int gains;        /* in this round, … */
    int gains_before; /* … and in the one before */
    uint32_t judged;  /* pages that came back */
    int left[2],
        back[2]; /* lately: pages that left, and of them came back; [1]: used again before they left */
    int misses;  /* pages that left, over a longer time, … */
    int lost;    /* … and losses, less gains, in it */
    struct stream streams[STREAMS];
};

/* The number of frames is that now. */
static inline void evidence_set_frames(struct evidence *evidence, pfn_t frames) {
    evidence->frames = (int)frames;
}

/* A page has left; @reused: it had been used again after it came. */
void evidence_left(struct evidence *evidence, bool reused);
/* A page that plain clock would have missed as well came back; its leaving had that number, and @since pages have left
 * from then on. */
void evidence_back(struct evidence *evidence, uint32_t number, pfn_t since, bool reused);
/* Clock's hand has found a page used again. */
void evidence_hit(struct evidence *evidence);

/* May a page be evicted early, when so many are absent that plain clock would have? */
bool evidence_for_one_more(const struct evidence *evidence, pfn_t absent);
/* One was. */
void evidence_evicted(struct evidence *evidence);
/* A page has been used that is there only because others were evicted early. */
void evidence_gain(struct evidence *evidence);
/* A page has been missed that was evicted early. */
void evidence_loss(struct evidence *evidence);

#endif
