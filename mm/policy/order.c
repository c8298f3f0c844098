/* Queue and circle: see mm/policy/order.h. */
#include "mm/policy/order.h"

#include "lib/log.h"
#include "mm/counters.h"

/* --- the queue --- */

void queue_add(struct set *set, struct frame *frame) {
    list_add_tail(&set->frames, &frame->link);
    set->count++;
}

void queue_remove(struct set *set, struct frame *frame) {
    ASSERT(set->count > 0);
    list_remove(&frame->link);
    set->count--;
}

void queue_requeue(struct set *set, struct frame *frame) {
    list_remove(&frame->link);
    list_add_tail(&set->frames, &frame->link);
}

struct frame *queue_first(struct set *set) {
    return set->count == 0 ? NULL : list_first(&set->frames, struct frame, link);
}

struct frame *queue_last(struct set *set) {
    return set->count == 0 ? NULL : list_last(&set->frames, struct frame, link);
}

/* --- the circle --- */

struct frame *circle_next(struct set *set, struct frame *frame) {
    struct list *next = frame->link.next;

    if (next == &set->frames)
        next = next->next;
    return list_entry(next, struct frame, link);
}

void circle_add(struct set *set, struct frame *frame) {
    if (set->hand == NULL) {
        list_add_tail(&set->frames, &frame->link);
        set->hand = frame;
    } else {
        list_insert_before(&set->hand->link, &frame->link);
    }
    set->count++;
}

void circle_remove(struct set *set, struct frame *frame) {
    ASSERT(set->count > 0);
    if (set->hand == frame)
        set->hand = set->count > 1 ? circle_next(set, frame) : NULL;
    list_remove(&frame->link);
    set->count--;
}

struct frame *circle_advance(struct set *set) {
    struct frame *frame = set->hand;

    count(COUNT_PGSCAN);
    set->hand = circle_next(set, frame);
    return frame;
}

/* --- bits --- */

bool frame_peek_referenced(struct frame *frame) {
    frame->referenced = frame_test_referenced(frame);
    return frame->referenced;
}
