/*
 * The swap area: page-sized slots on a partition that mkswap has prepared.
 *
 * Placement is dynamic: a page gets its slot when it is written, so that the pages of one write lie side by
 * side and cost one request (swap_write); where a page is, its anon says.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include "lib/types.h"

struct anon;
struct frame;

#define SWAP_CLUSTER_MAX 32u

/*
 * Starts writing @count DIRTY or unmapped ACTIVE frames of anons as one cluster, as far as contiguous slots
 * go; returns how many were started (0: swap is full). Each ends in frame_done(). May sleep for a bio.
 */
unsigned swap_write(struct frame **frames, unsigned count);

/* Starts reading the anon's slot into its frame (BUSY). May sleep for a bio. Ends in frame_done(). */
void swap_read(struct anon *anon);

void swap_free(slot_t slot);
/* The slot cannot be written: it is never used again. @in_run: it lies in a reserved run. */
void swap_mark_bad(slot_t slot, bool in_run);

/*
 * swap=static: a run of @slots slots side by side for a piece of an address space, whose page i has its place
 * in slot first + i. They begin at @wish, if it is not 0 and all are free there. The first one, or 0: there is none. When the run is released, slots that have been kept
 * by pages which outlive it (copy-on-write copies of other processes) become ordinary ones.
 */
slot_t swap_reserve_run(slot_t slots, slot_t wish);
void swap_release_run(slot_t first, slot_t slots);
void swap_keep(slot_t slot);
bool swap_is_kept(slot_t slot);
slot_t swap_kept(void);                 /* kept slots of runs that are not released yet */
slot_t swap_run_available(slot_t want); /* free slots in the longest run, @want if there are as many */

/* Slots in all (without header and bad ones), and free. Always right to the page. */
slot_t swap_total(void);
slot_t swap_free_slots(void);
slot_t swap_peak(void); /* most slots ever in use at once */

/* For the checker. */
bool swap_slot_used(slot_t slot);
slot_t swap_slots_used(void);
void swap_recount_begin(void);
bool swap_recount(slot_t slot); /* false: named before since swap_recount_begin() */
/* False: the frame's bytes are not those that were written to the slot (only where checksums are kept). */
bool swap_checksum_matches(slot_t slot, const struct frame *frame);

#endif
