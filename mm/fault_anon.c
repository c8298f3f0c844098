/*
 * The page fault, upper layer: pages that have an anon, and those that get one: zero-fill and copy-on-write.
 *
 *     no anon, no object         a new one, zeros             fault_new_anon()
 *     anon, not in memory        step 8: read from swap       fault_read_swap()
 *     anon, shared, a store      copy-on-write                fault_new_anon(), with the old page as the source
 *     anon, in memory            step 11                      fault_map()
 *
 * An anon may be mapped writable exactly when one amap names it (refs == 1), or the area shares it: that one line
 * in fault_anon() is copy-on-write.
 *
 * Source: the upper layer of UVM (Cranor, "Design and Implementation of the UVM Virtual Memory System", 1998).
 */
#include "mm/fault_steps.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/faultaround.h"
#include "mm/frame.h"
#include "mm/loadcontrol.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/readahead.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

/* --- a new anonymous page: zero-fill and copy-on-write --- */

/* Room in the area's amap for this page: 0, -ENOMEM (wait), -ENOSPC (swap=static: no place on swap). */
static int prepare_amap(struct fault *fault) {
    struct area *area = fault->area;

    if (area->amap == NULL) {
        area->amap = amap_create(area->pages);
        area->amap_offset = 0;
    }
    return area->amap == NULL ? -ENOMEM : amap_prepare(area->amap, area->amap_offset + fault->index);
}

/* The copy takes the place of a page that nobody shows any more, where a program or a string has so many and no more. */
static void fault_leave_source(struct fault *fault, struct frame *source) {
    if (source->set != fault->set || source->state != FRAME_ACTIVE)
        return;
    if (fault->set->traced) {
        pageout_evict(source);
        fault->traced = REFTRACE_MISS;
    } else if (!frame_mapped(source) && scope_room(fault->space) == 0 && pageout_evictable(source)) {
        pageout_evict(source);
    }
}

STOP_POINT enum step fault_new_anon(struct fault *fault, struct frame *source) {
    struct area *area = fault->area;
    struct frame *frame;
    struct anon *anon;

    switch (prepare_amap(fault)) {
    case 0:
        break;
    case -ENOSPC:
        return fault_refuse(fault, FAULT_BUSERR);
    default:
        return STEP_WAIT_FRAMES;
    }
    frame = source == NULL ? frame_take_zeroed(USE_USER) : frame_take(USE_USER);
    if (frame == NULL)
        return STEP_WAIT_FRAMES;
    anon = anon_create(frame);
    if (anon == NULL) {
        frame_release(frame);
        return STEP_WAIT_FRAMES;
    }
    if (source != NULL) {
        page_copy(frame_data(frame), frame_data(source));
        if (fault->mapped)
            frame_unmap_one(source, fault->space, fault->address);
        fault->mapped = 0;
        trace(TRACE_COPY, 0, trace_entry(frame), fault->address, frame_number(source), 0);
    }
    fault_note(fault, source == NULL ? ZERO : COPY);
    if (source != NULL)
        fault_leave_source(fault, source);
    frame_activate(frame, fault->set);
    amap_set(area->amap, area->amap_offset + fault->index, anon);
    return fault_map(fault, frame, area->flags & AREA_WRITE);
}

/* --- the page has an anon --- */

/* A page given back by madvise(MADV_FREE) has lost its frame: it starts as zeros again. */
static enum step fault_freed_anon(struct fault *fault, struct anon *anon) {
    struct frame *frame = anon->frame;

    ASSERT(anon->lazily_free);
    anon->lazily_free = false;
    page_clear(frame_data(frame));
    frame->modified = true;
    frame_activate(frame, frame->set);
    fault_note(fault, ZERO);
    return STEP_AGAIN;
}

/* Step 8 for swap: the anon's page, and those behind it if the program goes that way, in one request. */
STOP_POINT enum step fault_read_swap(struct fault *fault, struct anon *anon) {
    struct frame *frame;

    if (anon->read_error) {
        anon->read_error = false;
        return fault_refuse(fault, FAULT_BUSERR);
    }
    frame = frame_take(USE_USER);
    if (frame == NULL)
        return STEP_WAIT_FRAMES;
    frame->set = fault->set;
    anon_set_frame(anon, frame);
    if (anon->slot == 0)
        return fault_freed_anon(fault, anon);
    count(COUNT_PSWPIN_FAULT);
    loadcontrol_read(fault->space, page_identity(anon, 0));
    fault_page_under_way(fault, frame);
    if (vm_options.unit > 1)
        unit_read_swap(fault->space, fault->area, fault->address, anon);
    else
        readahead_swap_in(fault->area, fault->index, anon);
    return STEP_WAIT_PAGE;
}

/* The page before has been used: the program may be on its way, and have use for the next ones. */
static bool came_from_before(const struct fault *fault) {
    return fault->index > 0 && vm_options.unit == 1 &&
           pmap_query(&fault->space->pmap, fault->address - PAGE_SIZE, NULL) & PMAP_REFERENCED;
}

enum step fault_anon(struct fault *fault, struct anon *anon) {
    struct frame *frame = anon->frame;
    unsigned flags = fault->area->flags;
    bool alone = (flags & AREA_SHARED) || anon->refs == 1;

    if (frame == NULL)
        return fault_read_swap(fault, anon);
    if (frame->state == FRAME_DIRTY && fault->traced == REFTRACE_MISS && swap_write(&frame, 1) > 0)
        return STEP_AGAIN; /* in the string it has been written out: it comes back unmodified */
    if (vm_options.swap_static && fault->access == FAULT_WRITE)
        amap_give_home(fault->area->amap, fault->area->amap_offset + fault->index, anon);
    if (frame->state == FRAME_BUSY)
        return fault_page_under_way(fault, frame);
    if (fault->access == FAULT_WRITE && !alone) {
        fault_keep(fault, frame);
        return fault_new_anon(fault, frame);
    }
    bool ahead = frame->prefetched, apart = !fault->major && frame_is_apart(frame);
    enum step step = fault_map(fault, frame, alone && (flags & AREA_WRITE));

    if (ahead && step == STEP_DONE)
        fault_went_on(fault);
    else if (apart && step == STEP_DONE && came_from_before(fault))
        fault_around(fault->space, fault->area, fault->index, false);
    return step;
}
