/*
 * The books of the early-eviction clock, counted again for vm_check() from its lists and ghosts: what stands where, how
 * many there are of each kind, and that each note of a frame (the hand, the first young and the first fresh one) is of
 * the right one.
 */
#include "mm/policy/eeclock.h"

/* The first of those that have not been asked whether they are overdue is an extra one. */
static const char *check_old(const struct set *set, pfn_t *extra) {
    const struct history *history = set->history;
    bool in_front = true, found = history->overdue == NULL;

    list_for_each (frame, &set->hot, struct frame, link) {
        in_front = in_front && frame != set->hand;
        if ((bool)(frame->policy & IS_EXTRA) != in_front || (frame->policy & IS_NEW))
            return "an extra page is behind its hand, or another before it";
        *extra += in_front;
        found = found || (in_front && frame == history->overdue);
    }
    if (!found)
        return "the first page that is overdue is not an extra one";
    return in_front == (set->hand == NULL) ? NULL : "its hand is on no old page";
}

/* The young ones, then the fresh ones, are the last. */
static const char *check_new(const struct set *set, pfn_t *young, pfn_t *fresh) {
    const struct history *history = set->history;

    list_for_each (frame, &set->frames, struct frame, link) {
        bool is_young = frame->policy & IS_YOUNG, is_fresh = frame->policy & IS_FRESH;

        if (!(frame->policy & IS_NEW) || is_young + is_fresh < (*young + *fresh > 0) ||
            (is_young && *fresh > 0))
            return "its new pages are out of order";
        if ((is_young && *young == 0 && history->ripens != frame) ||
            (is_fresh && *fresh == 0 && history->settles != frame))
            return "the first young or fresh page is not the one it has noted";
        *young += is_young;
        *fresh += is_fresh;
    }
    return NULL;
}

const char *eeclock_check(const struct set *set) {
    const struct history *history = set->history;
    pfn_t extra = 0, young = 0, fresh = 0, absent = 0;
    const char *wrong = check_old(set, &extra);

    if (wrong == NULL)
        wrong = check_new(set, &young, &fresh);
    for (uint32_t n = ghosts_first(history->ghosts); n != ghosts_end(history->ghosts); n++) {
        const struct ghost *ghost = ghosts_at(history->ghosts, n);

        absent += ghost != NULL && is_absent(ghost);
    }
    if (wrong == NULL && (extra != history->extra || young != history->young || fresh != history->fresh ||
                          absent != history->absent))
        wrong = "it has miscounted its extra, young, fresh or absent pages";
    return wrong != NULL || ghosts_sound(history->ghosts) ? wrong : "the chains of its ghosts are torn";
}
