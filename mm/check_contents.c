/*
 * The part of vm_check() that looks at bytes: an anonymous page with a slot that nobody has modified equals
 * what was written to the slot. That is what a lost Dirty bit breaks, by a missing flush of the TLB or a bit
 * not folded in, and it is found here before the page is dropped and its old version comes back.
 *
 * To sum up every page every time would cost more than all other checks together, so a check looks at a part
 * of the frame table and the next one goes on where it ended. A page that leaves memory unmodified is looked
 * at in any case (mm/frame.c, frame_steal()).
 */
#include "mm/check.h"

#include "arch/x86/pmap.h"
#include "lib/log.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/swap.h"

#define SUMS_A_CHECK 64u /* pages; each is read once */

static pfn_t cursor; /* goes round the frame table */

/* Has a store been made that is not folded in yet? Asks the page tables, and changes nothing. */
static bool modified_in_entries(const struct frame *frame) {
    for (const struct mapping *m = &frame->map; m != NULL && m->space != NULL; m = m->next)
        if (pmap_query(&m->space->pmap, m->address, NULL) & PMAP_MODIFIED)
            return true;
    return false;
}

static bool has_a_copy(const struct frame *frame) {
    bool still = frame->state == FRAME_CLEAN || frame->state == FRAME_ACTIVE ||
                 (frame->state == FRAME_PINNED && frame->pins == 0);

    return still && frame->owner == OWNER_ANON && frame->anon->slot != 0 && !frame->modified &&
           !modified_in_entries(frame);
}

void check_contents(void) {
    unsigned sums = 0;

    for (pfn_t looked = 0; looked < frame_total && sums < SUMS_A_CHECK; looked++) {
        const struct frame *frame = &frame_table[cursor];

        cursor = (cursor + 1) % frame_total;
        if (!has_a_copy(frame))
            continue;
        sums++;
        CHECK(swap_checksum_matches(frame->anon->slot, frame), "unmodified frame %u differs from slot %u",
              check_number(frame), (unsigned)frame->anon->slot);
    }
}
