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
 *   8  the read is scheduled                     fault_read_swap(), fault_read_object()
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
#include "mm/fault.h"

#include "arch/x86/memory.h"
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
#include "mm/memobject.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/readahead.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

/* What an attempt found out. */
enum step {
    STEP_DONE,        /* the entry is set */
    STEP_REFUSED,     /* fault->result says why */
    STEP_AGAIN,       /* it has slept already */
    STEP_WAIT_FRAMES, /* memory is short */
    STEP_WAIT_UNIT,   /* it is for the rest of the page's unit: fault->lacking frames */
    STEP_WAIT_PAGE,   /* fault->page is under way */
};

/* What a fault was, in rising order of effort: a fault counts as the dearest thing it did. */
enum kind { SPURIOUS, RESIDENT, UPGRADE, RECLAIM, ZERO, FROM_SWAP, FROM_FILE, COPY };

static const enum counter counter_of_kind[] = {
    [SPURIOUS] = COUNT_FAULT_SPURIOUS, [RESIDENT] = COUNT_FAULT_RESIDENT, [UPGRADE] = COUNT_FAULT_UPGRADE,
    [RECLAIM] = COUNT_FAULT_RECLAIM,   [ZERO] = COUNT_FAULT_ZERO,         [FROM_SWAP] = COUNT_FAULT_SWAP,
    [FROM_FILE] = COUNT_FAULT_FILE,    [COPY] = COUNT_FAULT_COPY,
};

struct fault {
    struct space *space;
    vaddr_t address; /* of the page */
    enum fault_access access;
    enum kind kind;
    uint64_t begin;           /* nanoseconds since boot, where somebody asked for times */
    bool major;               /* a read was waited for */
    enum fault_result result; /* if refused */
    struct frame *page;       /* to wait for */
    pfn_t lacking;            /* frames to wait for */
    bool alone;               /* they are not to be had: the page comes without its unit */
    bool referenced;          /* reftrace_reference() has been told, and said: */
    enum reftrace_result traced;
    /* valid within one attempt */
    struct area *area;
    struct set *set; /* that the page's frame belongs to */
    pgoff_t index;   /* in the area */
    unsigned mapped; /* bits of the entry that is there, 0: none */
    /* a page of an object that was waited for: did the read fail? */
    struct object *awaited;
    pgoff_t awaited_index;
    unsigned awaited_errors;
};

static void note(struct fault *fault, enum kind kind) {
    fault->kind = MAX(fault->kind, kind);
}

static enum step refuse(struct fault *fault, enum fault_result result) {
    fault->result = result;
    return STEP_REFUSED;
}

/* --- step 4: is the access valid? --- */

static STOP_POINT enum step fault_check_access(struct fault *fault) {
    struct space *space = fault->space;

    fault->area = space_find(space, fault->address);
    if (fault->area == NULL && space_grow_stack(space, fault->address))
        fault->area = space_find(space, fault->address);
    if (fault->area == NULL)
        return refuse(fault, FAULT_MAPERR);
    if (!(fault->area->flags & (fault->access == FAULT_WRITE ? AREA_WRITE : AREA_PROTECTION)))
        return refuse(fault, FAULT_ACCERR);
    fault->index = area_page(fault->area, fault->address);
    fault->set = space->trace == NULL ? space->set : reftrace_set(space, fault->address);
    fault->mapped = pmap_query(&space->pmap, fault->address, NULL);
    return STEP_DONE;
}

/* --- steps 7 and 10: waiting --- */

static enum step wait_for_page(struct fault *fault, struct frame *page) {
    ASSERT(page->state == FRAME_BUSY);
    fault->page = page;
    if (!page->io_write) {
        fault->major = true;
        note(fault, page->owner == OWNER_ANON ? FROM_SWAP : FROM_FILE);
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
        return wait_for_page(fault, page);
    fault->lacking = lacking + frames_reserved();
    return lacking <= 1 || fault->alone || frames_available() >= fault->lacking ? STEP_DONE : STEP_WAIT_UNIT;
}

/* --- step 11: the page-table entry --- */

static bool in_pool(const struct frame *frame) {
    return frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN;
}

/* The page is in memory; if it was in the pool it is reclaimed, before anything can steal its frame. */
static void fault_keep(struct fault *fault, struct frame *frame) {
    if (!in_pool(frame))
        return;
    frame_activate(frame, fault->set);
    note(fault, RECLAIM);
}

static STOP_POINT enum step fault_map(struct fault *fault, struct frame *frame, bool writable) {
    unsigned bits = PMAP_REFERENCED;

    fault_keep(fault, frame);
    if (fault->traced != REFTRACE_OUTSIDE && fault->access == FAULT_READ)
        writable = false; /* the first write is to be seen too */
    if (fault->mapped) {
        note(fault, UPGRADE);
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
    note(fault, RESIDENT);
    frame_used(frame);
    if (fault->area->flags & AREA_LOCKED)
        frame_lock_mapping(frame, fault->space, fault->address);
    if (frame->set->policy->touch != NULL && frame->state == FRAME_ACTIVE && fault->traced != REFTRACE_HIT)
        frame->set->policy->touch(frame);
    return STEP_DONE;
}

/* --- new anonymous pages: zero-fill and copy-on-write --- */

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

/*
 * Gives the page an anon of its own, with the contents of @source or zeros, in place of what the amap had
 * there. @source may not be in the pool: taking a frame could steal it.
 */
static STOP_POINT enum step fault_new_anon(struct fault *fault, struct frame *source) {
    struct area *area = fault->area;
    struct frame *frame;
    struct anon *anon;

    switch (prepare_amap(fault)) {
    case 0:
        break;
    case -ENOSPC:
        return refuse(fault, FAULT_BUSERR);
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
    note(fault, source == NULL ? ZERO : COPY);
    if (source != NULL)
        fault_leave_source(fault, source);
    frame_activate(frame, fault->set);
    amap_set(area->amap, area->amap_offset + fault->index, anon);
    return fault_map(fault, frame, area->flags & AREA_WRITE);
}

/* --- the upper layer: the page has an anon --- */

/* A page given back by madvise(MADV_FREE) has lost its frame: it starts as zeros again. */
static enum step fault_freed_anon(struct fault *fault, struct anon *anon) {
    struct frame *frame = anon->frame;

    ASSERT(anon->lazily_free);
    anon->lazily_free = false;
    page_clear(frame_data(frame));
    frame->modified = true;
    frame_activate(frame, frame->set);
    note(fault, ZERO);
    return STEP_AGAIN;
}

/* Step 8 for swap: the anon's page, and those behind it if the program goes that way, in one request. */
static STOP_POINT enum step fault_read_swap(struct fault *fault, struct anon *anon) {
    struct frame *frame;

    if (anon->read_error) {
        anon->read_error = false;
        return refuse(fault, FAULT_BUSERR);
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
    wait_for_page(fault, frame);
    if (vm_options.unit > 1)
        unit_read_swap(fault->space, fault->area, fault->address, anon);
    else
        readahead_swap_in(fault->area, fault->index, anon);
    return STEP_WAIT_PAGE;
}

/*
 * The page was in memory because it had been read ahead: what came with it is mapped with it, and the read of what
 * follows may be due. The area is not looked at after that.
 */
static void fault_went_on(struct fault *fault) {
    if (vm_options.unit > 1)
        return; /* the unit is what is mapped and read with it */
    fault_around(fault->space, fault->area, fault->index, true);
    readahead_follow(fault->area, fault->index);
}

static enum step fault_anon(struct fault *fault, struct anon *anon) {
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
        return wait_for_page(fault, frame);
    if (fault->access == FAULT_WRITE && !alone) {
        fault_keep(fault, frame);
        return fault_new_anon(fault, frame);
    }
    bool ahead = frame->prefetched;
    enum step step = fault_map(fault, frame, alone && (flags & AREA_WRITE));

    if (ahead && step == STEP_DONE)
        fault_went_on(fault);
    return step;
}

/* --- the lower layer: the page is the object's --- */

/* The page that was waited for is not there: did its read fail, or was it only stolen again? */
static bool awaited_read_failed(const struct fault *fault, const struct object *object, pgoff_t index) {
    return fault->awaited == object && fault->awaited_index == index &&
           object->read_errors != fault->awaited_errors && object->read_error_page == index;
}

static enum step wait_for_object_page(struct fault *fault, struct frame *frame) {
    fault->awaited = frame->object;
    fault->awaited_index = frame->index;
    fault->awaited_errors = frame->object->read_errors;
    return wait_for_page(fault, frame);
}

/* Step 8 for a file: the block map is at hand (prepare), so the read can start. */
static STOP_POINT enum step fault_read_object(struct fault *fault, struct object *object, pgoff_t index,
                                              enum page_access access) {
    struct frame *frame;

    if (awaited_read_failed(fault, object, index))
        return refuse(fault, FAULT_BUSERR);
    frame = frame_take(USE_USER);
    if (frame == NULL)
        return STEP_WAIT_FRAMES;
    frame->set = fault->set;
    object_add_page(object, index, frame);
    count(COUNT_PGFILEIN_FAULT);
    loadcontrol_read(fault->space, page_identity(object, index));
    wait_for_object_page(fault, frame);
    if (vm_options.unit > 1)
        unit_read_object(fault->space, fault->area, fault->address, index, access, frame);
    else
        readahead_file_in(object, index, access, frame, readahead_plan(fault->area, fault->index));
    return STEP_WAIT_PAGE;
}

/*
 * A page of a memory object (mm/memobject.c) that the area's own amap does not have. A shared map's amap is
 * the object's: the page is new. A private map shows the object's page until it is written to.
 */
static enum step fault_memory_object(struct fault *fault, pgoff_t index) {
    struct anon *anon = NULL;

    if (!(fault->area->flags & AREA_SHARED) && index < fault->area->object->amap->pages)
        anon = amap_get(fault->area->object->amap, index);
    if (anon == NULL) {
        bool shared = fault->area->flags & AREA_SHARED;

        if (shared && memobject_may_make(fault->area->object, index) != 0)
            return refuse(fault, FAULT_BUSERR);
        return fault_new_anon(fault, NULL);
    }
    if (anon->frame == NULL)
        return fault_read_swap(fault, anon);
    if (anon->frame->state == FRAME_BUSY)
        return wait_for_page(fault, anon->frame);
    if (fault->access == FAULT_READ)
        return fault_map(fault, anon->frame, false);
    fault_keep(fault, anon->frame);
    return fault_new_anon(fault, anon->frame);
}

/* With load=swap and load=file,swap a page of the program leaves its file at the first touch (mm/load.c). */
static bool belongs_in_swap(const struct area *area) {
    return vm_options.load != LOAD_FILE && (area->flags & AREA_IMAGE);
}

static enum step fault_object(struct fault *fault) {
    struct area *area = fault->area;
    struct object *object = area->object;
    pgoff_t index = area->object_offset + fault->index;
    bool write_shared = fault->access == FAULT_WRITE && (area->flags & AREA_SHARED);
    enum page_access access = write_shared ? PAGE_WRITE : PAGE_READ;
    struct frame *frame;

    if (index >= object_page_count(object))
        return refuse(fault, FAULT_BUSERR);
    if (object->amap != NULL)
        return fault_memory_object(fault, index);
    frame = object_lookup(object, index);
    if (frame != NULL && frame->state == FRAME_BUSY)
        return wait_for_object_page(fault, frame);
    if ((frame == NULL || write_shared) && object->pager->prepare != NULL) {
        int prepared = object->pager->prepare(object, index, access);

        if (prepared != 0)
            return prepared < 0 ? refuse(fault, FAULT_BUSERR) : STEP_AGAIN;
    }
    if (frame == NULL)
        return fault_read_object(fault, object, index, access);
    if (!write_shared && (fault->access == FAULT_WRITE || belongs_in_swap(area))) {
        fault_keep(fault, frame);
        return fault_new_anon(fault, frame);
    }
    bool ahead = frame->prefetched;
    enum step step = fault_map(fault, frame, write_shared);

    /* After a read the neighbours are where this page was: on the disk, or only just on their way. */
    if (step == STEP_DONE && ahead)
        fault_went_on(fault);
    else if (step == STEP_DONE && fault->access == FAULT_READ && !fault->major)
        fault_around(fault->space, area, fault->index, false);
    return step;
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
        return refuse(fault, FAULT_BUSERR);
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
            step = refuse(&fault, FAULT_KILLED);
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
