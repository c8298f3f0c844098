/*
 * Frames that stay in their place: while the disk moves them (BUSY), and while somebody holds them (PINNED).
 *
 * No policy sees either. A BUSY frame's contents may be neither looked at (while it is filled) nor changed (while it
 * is written); it is unmapped, and who comes to the page sleeps until the transfer is over, then looks again. A PINNED
 * frame is in use: system calls and DMA pin it for a while, a mapping of a locked area for as long as it lasts. If its
 * page loses its last owner meanwhile, the frame is given back when the transfer or the last pin ends, and not before.
 *
 * frame_wait() sleeps. The rest does not; frame_done() comes from a pager's completion, in deferred context.
 *
 * Source: the busy and wired pages of 4.4BSD (McKusick and others, "The Design and Implementation of the 4.4BSD
 * Operating System", 5.11 and 5.12).
 */
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/frame_states.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/trace.h"

static pfn_t laundering; /* BUSY frames on their way from DIRTY to CLEAN */

pfn_t frames_being_laundered(void) {
    return laundering;
}

void frame_wait(struct frame *frame) {
    may_sleep();
    ASSERT(frame->state == FRAME_BUSY || frame->state == FRAME_PINNED);
    wait_on(&frame->waiters);
}

void frame_start_io(struct frame *frame, bool write) {
    ASSERT(frame->state == FRAME_ACTIVE || frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN);
    ASSERT(!frame_mapped(frame)); /* else the page could change while it is written out */
    frame->resume = frame->state == FRAME_ACTIVE;
    laundering += write && !frame->resume;
    frame->set->away += write && frame->resume;
    frame->io_write = write;
    frame_change_state(frame, FRAME_BUSY);
}

/* PINNED from the first pin or lock … */
static void hold(struct frame *frame) {
    ASSERT(frame->state != FRAME_BUSY && frame->state != FRAME_KERNEL && frame->state != FRAME_FREE);
    if (frame->state == FRAME_PINNED)
        return;
    frame_was_useful(frame);
    frame_used(frame);
    frame_change_state(frame, FRAME_PINNED);
}

/* … to the last. */
static void let_go(struct frame *frame) {
    if (frame->pins == 0 && frame->locks == 0)
        frame_change_state(frame, FRAME_ACTIVE);
}

void frame_pin(struct frame *frame) {
    if (frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN)
        count(COUNT_PGRECLAIM_KERNEL);
    hold(frame);
    frame->referenced = true;
    frame->pins++;
    trace(TRACE_PIN, 0, trace_entry(frame), 0, frame->pins, frame->locks);
}

void frame_unpin(struct frame *frame) {
    ASSERT(frame->state == FRAME_PINNED && frame->pins > 0);
    frame->pins--;
    trace(TRACE_UNPIN, 0, trace_entry(frame), 0, frame->pins, frame->locks);
    if (frame->pins > 0)
        return;
    let_go(frame);
    wake_all(&frame->waiters);
    if (frame->owner == OWNER_ANON && frame->anon->refs == 0)
        anon_destroy(frame->anon); /* unmapped by everybody while it was pinned */
}

void frame_lock(struct frame *frame) {
    hold(frame);
    frame->locks++;
    trace(TRACE_PIN, 0, trace_entry(frame), 0, frame->pins, frame->locks);
}

void frame_unlock(struct frame *frame) {
    ASSERT(frame->state == FRAME_PINNED && frame->locks > 0);
    frame->locks--;
    trace(TRACE_UNPIN, 0, trace_entry(frame), 0, frame->pins, frame->locks);
    let_go(frame);
}

/* --- the end of I/O (steps 9 and 10 of the fault) --- */

static void frame_filled(struct frame *frame, int error) {
    if (error != 0) {
        count(COUNT_READ_ERRORS);
        if (frame->owner == OWNER_ANON)
            anon_read_failed(frame->anon);
        else
            object_read_failed(frame);
        frame_release(frame);
        return;
    }
    frame->modified = false;
    if (frame->owner == OWNER_OBJECT)
        object_page_arrived(frame);
    if (frame->prefetched)
        frame_to_pool(frame);
    else
        frame_activate(frame, frame->set);
}

/*
 * A page whose write failed stays in memory, modified, and goes back among the active ones: it is tried
 * again (an anonymous page elsewhere) when the policy comes round to it, instead of at once and for ever.
 */
static void frame_written(struct frame *frame, int error) {
    frame->io_write = false;
    laundering -= !frame->resume;
    frame->set->away -= frame->resume;
    frame->resume = frame->resume && error == 0;
    if (error == 0) {
        frame->modified = false;
        frame->sectors = 0;
    } else if (frame->owner == OWNER_ANON) {
        anon_write_failed(frame->anon);
    } else {
        object_write_failed(frame->object, error);
    }
    if (frame->resume || error != 0)
        frame_activate(frame, frame->set);
    else
        frame_to_pool(frame);
    frame->resume = false;
}

void frame_done(struct frame *frame, int error) {
    struct anon *orphan = NULL;
    uint32_t gained = frames_gained();

    ASSERT(frame->state == FRAME_BUSY);
    if (frame->owner == OWNER_ANON && frame->anon->refs == 0)
        orphan = frame->anon; /* everybody unmapped it during the transfer */
    if (frame->io_write)
        frame_written(frame, error);
    else
        frame_filled(frame, error);
    wake_all(&frame->waiters);
    if (orphan != NULL)
        anon_destroy(orphan);
    if (gained == frames_gained()) /* else it has been told */
        pageout_progress();
}
