/*
 * Evidence for early eviction: see mm/policy/evidence.h.
 *
 * A loop larger than memory misses its pages in the order in which they left. Random use does not, a stack that
 * goes up and down has them back in the reverse order, and a program that turns to other pages misses none of the
 * old. So a sixteenth of memory coming back in order is a loop. Pages that left only lately count more: the loop is
 * little longer than memory then, and early eviction would save most of its misses. Those that left longer ago than
 * memory has frames count less: of such a loop little can be saved, and its next pass is far. Against it speaks each page found used again by
 * clock's hand: the pages that stay are worth having then; and each one that comes back out of order, which ends a
 * loop, too.
 *
 * A scan is seen by its leavings: most pages that left had been used only once and few of them come back, while
 * of those that had been used again a larger part does.
 *
 * Either may be wrong, and what is lost then shows when it is too late: a page that was evicted early is missed later.
 * So there is a credit of losses, each gain adds to it, each loss takes from it, and early eviction ends when there is
 * none left. And pages are let go of on trial for one round only, which is the time until a loop has come back to the
 * first that was kept. From then on no more pages may be absent than the gains of a round are worth. And what all trials
 * together have lost is remembered: where early eviction has cost more than a small part of all misses, there is no
 * further trial until that has been made up for, and the last trials have the less credit.
 *
 * Source: the order of misses is that of SEQ (Glass and Cao, "Adaptive page replacement based on memory reference
 * behavior", SIGMETRICS 1997); gains against losses decide in EELRU (Smaragdakis, Kaplan and Wilson, "EELRU: simple
 * and effective adaptive page replacement", SIGMETRICS 1999).
 */
#include "mm/policy/evidence.h"

#define SLACK         8u /* pages that a stream may skip */
#define STREAM_LEAST  3u /* pages in order that chance does not make */
#define ONE           16 /* a page, in `order` */
#define NEAR_SHARE    6  /* of memory: a page is missed lately if no more have left since … */
#define NEAR_WEIGHT   6  /* … and counts so much */
#define LOOP_SHARE    16 /* of memory in order: a loop; … */
#define LOOP_LEAST    8  /* … but at least so many pages */
#define DISORDER      8  /* share of memory out of order: no loop any more */
#define CREDIT_FIRST  16 /* share of memory */
#define CREDIT_SHARE  4  /* the most there may be, share of memory */
#define LOST_SHARE    25 /* of misses: no trial where more has been lost than gained */
#define LOST_WINDOW   64 /* misses and losses are counted over so many times memory, older ones half */
#define SCAN_ROUND    2  /* times memory */
#define ABSENT_SHARE  16 /* of memory: so many may be absent without gains, … */
#define WINDOW        4  /* pages that left are counted over so many times memory, older ones half */
#define SCAN_BACK     8  /* share of memory that came back and had been used again */
#define SCAN_MAJORITY 2  /* pages used once to one used again, of those that left */
#define SCAN_CONTRAST 2  /* how much likelier those used again must come back */

/* How much may be lost still. Below 0: early eviction has not been worth it of late. */
static int allowance(const struct evidence *evidence) {
    return (evidence->misses + evidence->frames) / LOST_SHARE - evidence->lost;
}

/* @round: pages evicted early until the first gains must have come. */
static void begin(struct evidence *evidence, bool loop, pfn_t round) {
    evidence->early = evidence->on_trial = true;
    evidence->loop = loop;
    evidence->credit = MIN(evidence->frames / CREDIT_FIRST, allowance(evidence));
    evidence->round = round;
    evidence->evicted = 0;
    evidence->gains = evidence->gains_before = 0;
}

static void end(struct evidence *evidence) {
    evidence->early = false;
    evidence->order = 0;
}

static void forget_leavings(struct evidence *evidence) {
    for (unsigned reused = 0; reused < 2; reused++)
        evidence->left[reused] = evidence->back[reused] = 0;
}

/* --- loops --- */

static void against_loop(struct evidence *evidence) {
    evidence->order = MAX(evidence->order - ONE, -evidence->frames * ONE);
}

/* The stream that the page continues, else the one that has rested longest, which begins anew. */
static struct stream *stream_of(struct evidence *evidence, uint32_t number) {
    struct stream *rested = evidence->streams;

    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *stream = &evidence->streams[i];

        if (number - stream->last - 1 < SLACK)
            return stream;
        if (stream->turn < rested->turn)
            rested = stream;
    }
    rested->length = 0;
    return rested;
}

/* Missed lately. In a small memory that says nothing: the page is within any stream's slack. */
static bool is_near(const struct evidence *evidence, pfn_t since) {
    int near = evidence->frames / NEAR_SHARE;

    return near > (int)SLACK && (int)since <= near;
}

/* Of a page in a stream: what a loop of that length is worth, and how soon it must be told. */
static int weight(const struct evidence *evidence, pfn_t since) {
    if (is_near(evidence, since))
        return NEAR_WEIGHT * ONE;
    return MIN(evidence->frames * ONE / ((int)since + 1), ONE);
}

static void judge_order(struct evidence *evidence, uint32_t number, pfn_t since) {
    struct stream *stream = stream_of(evidence, number);
    int enough = MAX(evidence->frames / LOOP_SHARE, LOOP_LEAST) * ONE;

    stream->last = number;
    stream->turn = ++evidence->judged;
    if (++stream->length > STREAM_LEAST)
        evidence->order += weight(evidence, since);
    else if (stream->length == STREAM_LEAST)
        evidence->order += ONE;
    else
        against_loop(evidence);
    if (evidence->order >= enough) {
        evidence->order = enough;
        if (!evidence->early && allowance(evidence) >= 0)
            begin(evidence, true, since + (pfn_t)evidence->frames);
    } else if (evidence->early && evidence->loop && evidence->order < -(evidence->frames / DISORDER) * ONE) {
        end(evidence);
    }
}

void evidence_hit(struct evidence *evidence) {
    if (!evidence->early)
        against_loop(evidence);
}

/* --- scans --- */

void evidence_left(struct evidence *evidence, bool reused) {
    evidence->left[reused]++;
    if (++evidence->misses >= LOST_WINDOW * evidence->frames) {
        evidence->misses /= 2;
        evidence->lost /= 2;
    }
}

static bool is_scan(const struct evidence *evidence) {
    const int *left = evidence->left, *back = evidence->back;

    return left[0] >= evidence->frames && left[0] >= SCAN_MAJORITY * left[1] &&
           back[1] >= evidence->frames / SCAN_BACK &&
           (int64_t)back[1] * left[0] > SCAN_CONTRAST * (int64_t)back[0] * left[1];
}

static void judge_leavings(struct evidence *evidence) {
    if (evidence->left[0] + evidence->left[1] >= WINDOW * evidence->frames)
        for (unsigned reused = 0; reused < 2; reused++) {
            evidence->left[reused] /= 2;
            evidence->back[reused] /= 2;
        }
    if (evidence->early || allowance(evidence) < 0 || !is_scan(evidence))
        return;
    begin(evidence, false, SCAN_ROUND * (pfn_t)evidence->frames);
    forget_leavings(evidence);
}

void evidence_back(struct evidence *evidence, uint32_t number, pfn_t since, bool reused) {
    evidence->back[reused]++;
    judge_leavings(evidence);
    judge_order(evidence, number, since);
}

/* --- gains and losses --- */

bool evidence_for_one_more(const struct evidence *evidence, pfn_t absent) {
    int gains = MAX(evidence->gains, evidence->gains_before);

    if (!evidence->early || evidence->on_trial)
        return evidence->early;
    return (int)absent <= gains + gains / 2 + evidence->frames / ABSENT_SHARE;
}

void evidence_evicted(struct evidence *evidence) {
    if (++evidence->evicted < evidence->round)
        return;
    evidence->on_trial = false;
    evidence->evicted = 0;
    evidence->gains_before = evidence->gains;
    evidence->gains = 0;
}

void evidence_gain(struct evidence *evidence) {
    evidence->gains++;
    evidence->lost--;
    evidence->credit = MIN(evidence->credit + 1, evidence->frames / CREDIT_SHARE);
}

void evidence_loss(struct evidence *evidence) {
    evidence->lost++;
    if (evidence->early && --evidence->credit < 0)
        end(evidence);
}
