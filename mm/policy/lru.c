/*
 * Least recently used: the frames stand in the order of their last use, and the first is the victim.
 *
 * Honest about what the hardware gives. Nobody tells the kernel of a reference to a page that is mapped, so
 * by default the order is sampled: at every tick the pages that were referenced since the last one go to the
 * end of the queue, in the order they had. Within a tick the order is not known. In a traced set every
 * reference is a fault, touch() moves the page at once, and this is LRU as in the lecture, to the page.
 *
 * Source: Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies" (1970), who
 * show why it has no anomaly: what fits into m frames is always part of what fits into m + 1.
 */
#include "mm/counters.h"
#include "mm/policy/order.h"

static void lru_touch(struct frame *frame) {
    queue_requeue(frame->set, frame);
    if (frame->set->traced)
        frame->referenced = false; /* it has been heeded; the next tick must not heed it again */
}

/* One walk over those that were there when it began: a moved frame comes after them. */
static void lru_tick(struct set *set) {
    struct frame *frame = queue_first(set);

    for (pfn_t left = set->count; left > 0; left--) {
        struct frame *next = list_next(frame, struct frame, link);

        if (frame_test_referenced(frame))
            queue_requeue(set, frame);
        frame = next;
    }
}

static struct frame *lru_victim(struct set *set) {
    struct frame *frame = queue_first(set);

    count(COUNT_PGSCAN);
    if (frame != NULL)
        queue_requeue(set, frame); /* should it stay, another one is next */
    return frame;
}

const struct policy policy_lru = {
    .name = "lru",
    .add = queue_add,
    .remove = queue_remove,
    .victim = lru_victim,
    .tick = lru_tick,
    .touch = lru_touch,
};
