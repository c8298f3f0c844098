/*
 * The two orders that most policies keep their frames in.
 *
 * A queue: set->frames from the frame that came first (or was used longest ago) to the last.
 *
 * A circle: the same list closed to a ring, and a hand on the frame that is looked at next. A new frame is
 * put just behind the hand, so that the hand meets it last. When the frame under the hand leaves, the hand
 * moves on: a hand left on a frame that is gone is the classical bug of a clock.
 */
#ifndef MM_POLICY_ORDER_H
#define MM_POLICY_ORDER_H

#include "mm/frame.h"
#include "mm/policy.h"

void queue_add(struct set *set, struct frame *frame);
void queue_remove(struct set *set, struct frame *frame);
/* Makes it the last of the queue. */
void queue_requeue(struct set *set, struct frame *frame);
/* First and last of the queue; NULL when the set is empty. */
struct frame *queue_first(struct set *set);
struct frame *queue_last(struct set *set);

void circle_add(struct set *set, struct frame *frame);
void circle_remove(struct set *set, struct frame *frame);
/* The frame after this one in the ring. */
struct frame *circle_next(struct set *set, struct frame *frame);
/* Where the hand is; the hand moves on. The set is not empty. Counted as a look (pgscan). */
struct frame *circle_advance(struct set *set);

/* Whether the frame was referenced since its bits were last cleared; clears nothing. */
bool frame_peek_referenced(struct frame *frame);

#endif
