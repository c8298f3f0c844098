/*
 * Working-set clock: a page belongs to the working set if it was used within the last `tau` units of its
 * program's own virtual time. The hand goes round as in clock; frame->policy holds the time at which the page
 * was last known to be used.
 *
 *     referenced              in use: clear the bit, note the time, go on
 *     not, younger than tau   still in the working set: go on
 *     not, older              the victim
 *
 * After a full round without a victim everything is in the working set, which means that memory is too small
 * for it; then the page unused for longest goes. Time stands still while the programs wait, so a program that
 * waits for the disk does not lose its pages for it.
 *
 * Source: Carr and Hennessy, "WSClock: a simple and effective algorithm for virtual memory management"
 * (1981). There the hand schedules the write of an old page that is modified, goes on, and finds it clean the
 * next time round. Here that is what becomes of a modified victim: it goes to the pool's DIRTY list, is
 * written by the daemon while nobody waits for it, and can be reclaimed meanwhile. To prefer unmodified pages
 * here, too, would let modified ones of a program's past stay for ever.
 */
#include "mm/policy/order.h"

static void wsclock_add(struct set *set, struct frame *frame) {
    frame->policy = set->now;
    circle_add(set, frame);
}

/* Where every reference is seen, its time is known and need not wait for the hand. */
static void wsclock_touch(struct frame *frame) {
    if (!frame->set->traced)
        return;
    frame->policy = frame->set->now;
    frame->referenced = false;
}

/* Unused for longer: the difference is taken first, so that it holds when the time wraps. */
static bool is_older(const struct set *set, const struct frame *frame, const struct frame *other) {
    return other == NULL || set->now - frame->policy > set->now - other->policy;
}

static struct frame *wsclock_victim(struct set *set) {
    struct frame *oldest = NULL;

    for (pfn_t looks = set->count; looks > 0; looks--) {
        struct frame *frame = circle_advance(set);

        if (frame_test_referenced(frame))
            frame->policy = set->now;
        if (set->now - frame->policy > set->tau)
            return frame;
        if (is_older(set, frame, oldest))
            oldest = frame;
    }
    if (oldest != NULL)
        set->hand = circle_next(set, oldest);
    return oldest;
}

const struct policy policy_wsclock = {
    .name = "wsclock",
    .add = wsclock_add,
    .remove = circle_remove,
    .victim = wsclock_victim,
    .touch = wsclock_touch,
};
