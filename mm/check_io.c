/*
 * The part of vm_check() that is about things under way: transfers, and those who sleep until they end.
 *
 *     Each BUSY frame has its transfers outstanding, and each transfer has a frame that is held for it.
 *     Nobody sleeps for a page that is not under way, or for frames that can be had: a wake-up was lost.
 *     No batch of TLB flushes is open, and every pinned or locked page says by whom.
 *
 * It runs at a safe point, so what a thread does without sleeping is either all done or not begun. Two kinds
 * of thread sleep in the middle: who waits for a bio (all pages of a cluster are BUSY before the first bio is
 * asked for), and who writes pages of a file and waits for the file's block map. While there is one, a page
 * may have too few requests, but never too many.
 *
 * Source of the idea: the busy-page rule of 4.4BSD's vm_fault.c, INVARIANTS.
 */
#include "mm/check.h"

#include "drivers/block.h"
#include "lib/log.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"

static void count_request(const struct bio *bio, void *data) {
    struct frame *frame = &frame_table[bio->address >> PAGE_SHIFT];

    (void)data;
    if (bio->sectors == 0 || (bio->address >> PAGE_SHIFT) >= frame_total)
        return; /* a flush, or the block layer's own page */
    if (bio->cause == BLOCK_RAW) {
        CHECK(frame->state == FRAME_KERNEL || frame->pins > 0,
              "a disk moves frame %u, which nobody has pinned", check_number(frame));
        return;
    }
    CHECK(frame->state == FRAME_BUSY, "a disk moves frame %u, which is in state %u", check_number(frame),
          frame->state);
    CHECK((bool)bio->write == frame->io_write, "frame %u is moved the wrong way", check_number(frame));
    frame->recount++;
}

/* The first piece of a page of a file counts one for the pager that hands them in (mm/pageio.c). */
static void check_busy(const struct frame *frame) {
    unsigned expected = frame->owner == OWNER_OBJECT ? frame->io_parts : 1;
    bool unfinished = block_bio_waiters() > 0 || (frame->owner == OWNER_OBJECT && object_puts() > 0);

    CHECK(frame->owner != OWNER_NONE, "BUSY frame %u is nobody's", check_number(frame));
    CHECK(frame->recount <= expected, "BUSY frame %u has %u requests, not %u", check_number(frame),
          frame->recount, expected);
    CHECK(unfinished || (frame->recount == expected && expected > 0),
          "BUSY frame %u has %u requests outstanding, not %u: who sleeps for it sleeps for ever",
          check_number(frame), frame->recount, expected);
}

static unsigned locked_mappings(const struct frame *frame) {
    unsigned locked = frame->owner == OWNER_ANON && frame->anon->held;

    for (const struct mapping *m = &frame->map; m != NULL && m->space != NULL; m = m->next)
        locked += m->locked;
    return locked;
}

static void check_sleepers(const struct frame *frame) {
    if (frame->waiters.first != NULL)
        CHECK(frame->state == FRAME_BUSY || frame->pins > 0,
              "a thread sleeps for frame %u in state %u: its wake-up is lost", check_number(frame),
              frame->state);
}

/* The counts of pages that are being written, which the daemon, the policies and the quotas go by. */
static void check_writes(void) {
    pfn_t laundering = 0, away = 0, counted = 0;

    for (pfn_t n = 0; n < frame_total; n++) {
        const struct frame *frame = &frame_table[n];
        bool written = frame->state == FRAME_BUSY && frame->io_write;

        laundering += written && !frame->resume;
        away += written && frame->resume;
    }
    list_for_each (set, &sets, struct set, link)
        counted += set->away;
    CHECK(laundering == frames_being_laundered(), "%u frames are being laundered, %u counted",
          (unsigned)laundering, (unsigned)frames_being_laundered());
    CHECK(away == counted, "%u frames are being written and will be back in their sets, which count %u",
          (unsigned)away, (unsigned)counted);
}

void check_io(void) {
    for (pfn_t n = 0; n < frame_total; n++)
        frame_table[n].recount = 0;
    block_for_each_bio(count_request, NULL);
    for (pfn_t n = 0; n < frame_total; n++) {
        const struct frame *frame = &frame_table[n];

        check_sleepers(frame);
        if (frame->state == FRAME_BUSY)
            check_busy(frame);
        if (frame->state == FRAME_PINNED)
            CHECK(frame->locks == locked_mappings(frame), "frame %u counts %u locks, and %u mappings lock it",
                  check_number(frame), frame->locks, locked_mappings(frame));
    }
    check_writes();
    CHECK(!frames_waited_for_in_vain(),
          "%u frames are to be had, and a thread sleeps for one: a wake-up is lost",
          (unsigned)frames_available());
    list_for_each (space, &spaces, struct space, link)
        CHECK(space->pmap.batches == 0, "pid %d: a batch of TLB flushes is open", space->owner_pid);
}
