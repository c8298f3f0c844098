/*
 * What the files of the frame table share with each other, and with nobody else: mm/frame.c has the states and their
 * lists, mm/frame_io.c the frames that are held in place, mm/frame_wait.c those who sleep for one.
 */
#ifndef MM_FRAME_STATES_H
#define MM_FRAME_STATES_H

#include "mm/frame.h"

#define RESERVE_PAGEOUT 4u /* the last frames: the paging daemon may take them, and nobody else */

/* From the list of its state to that of another. Asserts nothing: the caller has. */
void frame_change_state(struct frame *frame, enum frame_state state);

/* frame_take() would find one. */
bool frames_enough(enum frame_use use);

extern struct waitq frame_waiters; /* asleep in frames_wait() and frames_wait_many() */

#endif
