/*
 * The page fault.
 *
 * One loop, no half-done faults (rule 2): an attempt looks at the world from the top and either finishes, or
 * is refused, or finds that it must wait for one thing: a frame, or a page that is under way. Then it lets go
 * of everything, sleeps once, and starts over. Nothing that was learnt before the sleep is believed after it.
 *
 * The steps of the lecture, with those that are elsewhere:
 *
 *   1  the processor traps                       (hardware)
 *   2  the stub saves the registers              arch/x86 trap stubs
 *   3  the address is read from CR2              arch/x86 trap.c
 *   4  is the access valid?                      fault_check_access()
 *   5  a frame                                   frame_take()
 *   6  the victim's write-back                   mm/pageout.c, not in the fault path
 *   7  the process sleeps, another runs          fault_wait()
 *   8  the read is scheduled                     fault_read_swap() in mm/fault_anon.c, fault_read_object() in
 *                                                mm/fault_object.c
 *   9  the disk interrupts                       drivers/ata, then frame_done()
 *  10  the process is ready again                frame_done() wakes it; vm_fault() goes round
 *  11  the page-table entry is set               fault_map()
 *  12  registers restored, instruction restarted arch/x86 trap stubs
 *
 * A page that is still in the pool skips 5 to 10: it is reclaimed, with no I/O.
 *
 * Sources: Silberschatz, "Operating System Concepts", 10.2 (the steps); UVM's split of anonymous upper and
 * object lower layer; Plan 9's fault.c for the tone.
 */
#include "mm/fault_steps.h"

#include "arch/x86/time.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/fault_times.h"
#include "mm/faultaround.h"
#include "mm/frame.h"
#include "mm/loadcontrol.h"
#include "mm/policy.h"
#include "mm/readahead.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

static const enum counter counter_of_kind[] = {
    [SPURIOUS] = COUNT_FAULT_SPURIOUS, [RESIDENT] = COUNT_FAULT_RESIDENT, [UPGRADE] = COUNT_FAULT_UPGRADE,
    [RECLAIM] = COUNT_FAULT_RECLAIM,   [ZERO] = COUNT_FAULT_ZERO,         [FROM_SWAP] = COUNT_FAULT_SWAP,
    [FROM_FILE] = COUNT_FAULT_FILE,    [COPY] = COUNT_FAULT_COPY,
};

/* --- step 4: is the access valid? --- */

static STOP_POINT enum step fault_check_access(struct fault *fault) {
    struct space *space = fault->space;

    fault->area = space_find(space, fault->address);
    if (fault->area == NULL && space_grow_stack(space, fault->address))
        fault->area = space_find(space, fault->address);
    if (fault->area == NULL)
        return fault_refuse(fault, FAULT_MAPERR);
    if (!(fault->area->flags & (fault->access == FAULT_WRITE ? AREA_WRITE : AREA_PROTECTION)))
        return fault_refuse(fault, FAULT_ACCERR);
    fault->index = area_page(fault->area, fault->address);
    fault->set = space->trace == NULL ? space->set : reftrace_set(space, fault->address);
    fault->mapped = pmap_query(&space->pmap, fault->address, NULL);
    return STEP_DONE;
}

/* --- steps 7 and 10: waiting --- */

enum step fault_page_under_way(struct fault *fault, struct frame *page) {
    ASSERT(page->state == FRAME_BUSY);
    fault->page = page;
    if (!page->io_write) {
        fault->major = true;
        fault_note(fault, page->owner == OWNER_ANON ? FROM_SWAP : FROM_FILE);
    }
    return STEP_WAIT_PAGE;
}

static STOP_POINT void fault_wait(struct fault *fault, enum step step) {
    enum { WHY_FRAMES = 1, WHY_PAGE, WHY_SLEPT };
    unsigned why = step == STEP_WAIT_FRAMES || step == STEP_WAIT_UNIT ? WHY_FRAMES
                   : step == STEP_WAIT_PAGE                           ? WHY_PAGE
                                                                      : WHY_SLEPT;

    trace(TRACE_FAULT_WAIT, why, why == WHY_PAGE ? trace_entry(fault->page) : 0, fault->address,
          (uint32_t)fault->space->owner_pid, 0);
    uint64_t began = loadcontrol_wait_begin();
    if (step == STEP_WAIT_FRAMES)
        frames_wait(USE_USER); /* its result does not matter: the loop looks again, and sees a kill */
    else if (step == STEP_WAIT_UNIT)
        fault->alone = frames_wait_many(fault->lacking) != 0;
    else if (step == STEP_WAIT_PAGE && fault->page->state == FRAME_BUSY)
        frame_wait(fault->page);
    loadcontrol_wait_end(fault->space, began);
}

/* With a paging unit of several pages: what it needs must be at hand, so that all of it comes at once. */
static enum step fault_unit(struct fault *fault) {
    struct frame *page = NULL;
    pfn_t lacking = unit_lacks(fault->space, fault->area, fault->address, &page);

    if (page != NULL)
        return fault_page_under_way(fault, page);
    fault->lacking = lacking + frames_reserved();
    return lacking <= 1 || fault->alone || frames_available() >= fault->lacking ? STEP_DONE : STEP_WAIT_UNIT;
}

/* --- step 11: the page-table entry --- */

void fault_keep(struct fault *fault, struct frame *frame) {
    if (!frame_in_pool(frame))
        return;
    frame_activate(frame, fault->set);
    fault_note(fault, RECLAIM);
}

STOP_POINT enum step fault_map(struct fault *fault, struct frame *frame, bool writable) {
    unsigned bits = PMAP_REFERENCED;

    fault_keep(fault, frame);
    if (fault->traced != REFTRACE_OUTSIDE && fault->access == FAULT_READ)
        writable = false; /* the first write is to be seen too */
    if (fault->mapped) {
        fault_note(fault, UPGRADE);
        pmap_set_writable(&fault->space->pmap, fault->address, writable);
        return STEP_DONE;
    }
    if (writable)
        bits |= PMAP_WRITABLE;
    if (fault->access == FAULT_WRITE)
        bits |= PMAP_MODIFIED; /* the processor is about to */
    int error = frame_map(frame, fault->space, fault->address, bits);

    if (error != 0) {
        ASSERT(error == -ENOMEM); /* nothing is present there: fault->mapped */
        return STEP_WAIT_FRAMES;
    }
    fault_note(fault, RESIDENT);
    frame_used(frame);
    if (fault->area->flags & AREA_LOCKED)
        frame_lock_mapping(frame, fault->space, fault->address);
    if (frame->set->policy->touch != NULL && frame->state == FRAME_ACTIVE && fault->traced != REFTRACE_HIT)
        frame->set->policy->touch(frame);
    return STEP_DONE;
}

/* --- what comes with it --- */

void fault_went_on(struct fault *fault) {
    if (vm_options.unit > 1)
        return; /* the unit is what is mapped and read with it */
    fault_around(fault->space, fault->area, fault->index, true);
    readahead_follow(fault->area, fault->index);
}

/* --- the loop --- */

/* Once for a fault, however often it starts over. */
static void fault_trace(struct fault *fault) {
    if (fault->referenced || fault->space->trace == NULL)
        return;
    fault->referenced = true;
    fault->traced =
        reftrace_reference(fault->space, fault->area, fault->address, fault->access == FAULT_WRITE);
}

/* mremap may show more pages of shared anonymous memory than there are. */
static bool past_the_end(const struct area *area, pgoff_t index) {
    return area->amap != NULL && area->amap->limit != 0 && area->amap_offset + index >= area->amap->limit;
}

static enum step fault_attempt(struct fault *fault) {
    struct anon *anon = NULL;
    struct area *area;
    enum step step;

    if (fault_check_access(fault) == STEP_REFUSED)
        return STEP_REFUSED;
    area = fault->area;
    if (fault->mapped && (fault->access == FAULT_READ || (fault->mapped & PMAP_WRITABLE)))
        return STEP_DONE;
    fault_trace(fault);
    if (past_the_end(area, fault->index))
        return fault_refuse(fault, FAULT_BUSERR);
    if (vm_options.unit > 1 && (step = fault_unit(fault)) != STEP_DONE)
        return step;
    if (area->amap != NULL)
        anon = amap_get(area->amap, area->amap_offset + fault->index);
    if (anon != NULL)
        return fault_anon(fault, anon);
    if (area->object != NULL)
        return fault_object(fault);
    return fault_new_anon(fault, NULL);
}

static STOP_POINT enum fault_result fault_finish(struct fault *fault) {
    count(counter_of_kind[fault->kind]);
    if (fault->major) {
        count(COUNT_PGMAJFAULT);
        if (fault->kind == COPY)
            count(COUNT_FAULT_COPY_READ);
        fault->space->faults.major++;
    } else {
        fault->space->faults.minor++;
    }
    if (fault->space->times != NULL)
        fault_times_add(fault->space, fault->kind, fault->major, time_nanoseconds() - fault->begin);
    trace(TRACE_FAULT_END, fault->kind | fault->major << 4, 0, fault->address,
          (uint32_t)fault->space->owner_pid, 0);
    return FAULT_OK;
}

enum fault_result vm_fault(struct space *space, vaddr_t address, enum fault_access access) {
    struct fault fault = {.space = space, .address = PAGE_DOWN(address), .access = access};

    may_sleep();
    count(COUNT_PGFAULT);
    if (space->times != NULL)
        fault.begin = time_nanoseconds();
    trace(TRACE_FAULT_BEGIN, access, 0, address, (uint32_t)space->owner_pid, 0);
    if (space->set != &set_global)
        scope_make_room(space);
    for (;;) {
        enum step step = fault_attempt(&fault);

        if (step == STEP_DONE && vm_options.unit > 1 && !fault.mapped)
            unit_map(space, fault.area, fault.address);
        if (step == STEP_DONE)
            return fault_finish(&fault);
        if (step != STEP_REFUSED && wait_killed())
            step = fault_refuse(&fault, FAULT_KILLED);
        if (step == STEP_REFUSED) {
            count(COUNT_FAULT_BAD);
            if (space->times != NULL)
                fault_times_add(space, FAULT_TIMES_KINDS - 1, false, time_nanoseconds() - fault.begin);
            trace(TRACE_FAULT_END, 8 + fault.result, 0, fault.address, (uint32_t)space->owner_pid, 0);
            return fault.result;
        }
        fault_wait(&fault, step);
        count(COUNT_FAULT_RESTARTS);
    }
}
