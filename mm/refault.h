/*
 * Refaults: pages that had to leave memory and were soon wanted back.
 *
 * Of every page that is evicted a note is kept for a while: when it left, in ticks, and how many others have
 * left since. A fault that has to read the page again looks there. A page that left while its program was
 * using it says that memory was too small for what was running then; a page that is read for the first time,
 * or was left alone for long, says nothing.
 *
 * The notes stand in a table of fixed size, found by the page's identity; a newer one takes the place of an
 * older one, so some refaults go unseen. None of the functions sleeps, but refault_start().
 *
 * Source: the refault distance of Linux's workingset.c (Weiner, "Thrash detection-based file cache sizing",
 * 2012); the working set: Denning, "The working set model for program behavior" (1968).
 */
#ifndef MM_REFAULT_H
#define MM_REFAULT_H

#include "lib/types.h"

struct frame;

/* Makes the table, if it is not there yet. 0 or -ENOMEM. May sleep. */
int refault_start(void);

/* The frame's page leaves memory. Without a table: nothing. */
void refault_note(const struct frame *frame);

/*
 * The page of this identity (mm/frame.h) is read again: true when its eviction is still known, with its tick
 * (the low 32 bits of time_ticks()) in *@evicted.
 */
bool refault_known(uint64_t page, uint32_t *evicted);

#endif
