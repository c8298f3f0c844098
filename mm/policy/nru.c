/*
 * Not recently used, by classes (enhanced clock): the bits referenced and modified make four classes,
 *
 *     0  (0,0)  not used lately, same as its backing store: the best victim, it costs nothing to drop
 *     1  (0,1)  not used lately, but must be written first
 *     2  (1,0)  used lately: probably wanted again
 *     3  (1,1)  used lately and modified
 *
 * and the victim is the first one in the circle, from the hand on, of the lowest class that is not empty. A
 * round looks for class 0 and changes nothing; the next looks for class 1 and clears the reference bits it
 * passes, so that a third or at the latest a fourth round finds something.
 *
 * A modified page that is in use only in bursts stays longer than under clock, which saves writes.
 *
 * Source: Silberschatz, "Operating System Concepts", 10.4.5.3 (the classes: 10.4.5.3; Tanenbaum 3.4.2);
 * Stallings, "Operating Systems", 8.2 (the rounds, as in the Macintosh).
 */
#include "mm/policy/order.h"

/* One round for an unreferenced frame that is modified or not, as asked; NULL: none. */
static struct frame *nru_round(struct set *set, bool modified, bool clear) {
    for (pfn_t looks = set->count; looks > 0; looks--) {
        struct frame *frame = circle_advance(set);
        bool referenced = clear ? frame_test_referenced(frame) : frame_peek_referenced(frame);

        if (!referenced && frame_test_modified(frame) == modified)
            return frame;
    }
    return NULL;
}

static struct frame *nru_victim(struct set *set) {
    for (unsigned round = 0; round < 4; round++) {
        bool second = round % 2 != 0;
        struct frame *frame = nru_round(set, second, second);

        if (frame != NULL)
            return frame;
    }
    return set->hand;
}

const struct policy policy_nru = {
    .name = "nru",
    .add = circle_add,
    .remove = circle_remove,
    .victim = nru_victim,
};
