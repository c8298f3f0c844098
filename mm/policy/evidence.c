/*
 * Evidence for early eviction: see mm/policy/evidence.h.
 *
 * A loop larger than memory misses its pages in the order in which they left. Random use does not, a stack that
 * goes up and down has them back in the reverse order, and a program that turns to other pages misses none of the
 * old. So a sixteenth of memory coming back in order is a loop. Pages that left only lately count more: the loop is
 * little longer than memory then, and early eviction would save most of its misses. Against it speaks each page found
 * used again by clock's hand: the pages that stay are worth having then.
 *
 * A scan is seen by its leavings: most pages that left had been used only once and few of them come back, while
 * of those that had been used again a larger part does.
 *
 * Either may be wrong. Early eviction begins with a credit of losses, each gain adds to it, each loss takes from it,
 * and it ends when there is none left.
 *
 * Source: the order of misses is that of SEQ (Glass and Cao, "Adaptive page replacement based on memory reference
 * behavior", SIGMETRICS 1997); gains against losses decide in EELRU (Smaragdakis, Kaplan and Wilson, "EELRU: simple
 * and effective adaptive page replacement", SIGMETRICS 1999).
 */
#include "mm/policy/evidence.h"

#define SLACK         8u /* pages that a stream may skip */
#define STREAM_LEAST  3u /* pages in order that chance does not make */
#define NEAR_SHARE    6  /* of memory: a page is missed lately if no more have left since … */
#define NEAR_WEIGHT   6  /* … and counts so much */
#define LOOP_SHARE    16 /* of memory in order: a loop; … */
#define LOOP_LEAST    8  /* … but at least so many pages */
#define LOOP_CREDIT   8  /* share of memory */
#define SCAN_CREDIT   16 /* the same; scans are told less surely */
#define CREDIT_SHARE  4  /* the most there may be, share of memory */
#define WINDOW        4  /* pages that left are counted over so many times memory, older ones half */
#define SCAN_BACK     8  /* share of memory that came back and had been used again */
#define SCAN_MAJORITY 2  /* pages used once to one used again, of those that left */
#define SCAN_CONTRAST 2  /* how much likelier those used again must come back */

void evidence_set_frames(struct evidence *evidence, pfn_t frames) {
    evidence->frames = (int)frames;
}

static void begin(struct evidence *evidence, int credit) {
    evidence->early = true;
    evidence->credit = credit;
}

static void forget_leavings(struct evidence *evidence) {
    for (unsigned reused = 0; reused < 2; reused++)
        evidence->left[reused] = evidence->back[reused] = 0;
}

/* --- loops --- */

static void against_loop(struct evidence *evidence) {
    evidence->order = MAX(evidence->order - 1, -evidence->frames);
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

static void judge_order(struct evidence *evidence, uint32_t number, pfn_t since) {
    struct stream *stream = stream_of(evidence, number);
    int enough = MAX(evidence->frames / LOOP_SHARE, LOOP_LEAST);

    stream->last = number;
    stream->turn = ++evidence->judged;
    if (++stream->length > STREAM_LEAST)
        evidence->order += is_near(evidence, since) ? NEAR_WEIGHT : 1;
    else if (stream->length == STREAM_LEAST)
        evidence->order++;
    else
        against_loop(evidence);
    if (evidence->order < enough)
        return;
    evidence->order = enough;
    if (!evidence->early)
        begin(evidence, evidence->frames / LOOP_CREDIT);
}

void evidence_hit(struct evidence *evidence) {
    if (!evidence->early)
        against_loop(evidence);
}

/* --- scans --- */

void evidence_left(struct evidence *evidence, bool reused) {
    evidence->left[reused]++;
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
    if (evidence->early || !is_scan(evidence))
        return;
    begin(evidence, evidence->frames / SCAN_CREDIT);
    forget_leavings(evidence);
}

void evidence_back(struct evidence *evidence, uint32_t number, pfn_t since, bool reused) {
    evidence->back[reused]++;
    judge_leavings(evidence);
    judge_order(evidence, number, since);
}

/* --- gains and losses --- */

void evidence_gain(struct evidence *evidence) {
    evidence->credit = MIN(evidence->credit + 1, evidence->frames / CREDIT_SHARE);
}

void evidence_loss(struct evidence *evidence) {
    if (!evidence->early || --evidence->credit >= 0)
        return;
    evidence->early = false;
    evidence->order = 0;
}
