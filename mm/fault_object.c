/*
 * The page fault, lower layer: pages of objects, which are files, devices and shared memory.
 *
 *     not in memory              step 8: read by its pager    fault_read_object()
 *     a store, private area      copy-on-write                fault_new_anon(), with the object's page as the source
 *     in memory                  step 11, and neighbours      fault_map(), fault_around()
 *
 * What the pager needs to know first (where the page lies, a block for a hole) it gets ready in prepare(), which may
 * sleep, holding nothing.
 *
 * Source: the lower layer of UVM (Cranor, 1998).
 */
#include "mm/fault_steps.h"

#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/faultaround.h"
#include "mm/frame.h"
#include "mm/loadcontrol.h"
#include "mm/memobject.h"
#include "mm/object.h"
#include "mm/readahead.h"
#include "mm/space.h"
#include "mm/unit.h"
#include "mm/vm.h"

/* The page that was waited for is not there: did its read fail, or was it only stolen again? */
static bool awaited_read_failed(const struct fault *fault, const struct object *object, pgoff_t index) {
    return fault->awaited == object && fault->awaited_index == index &&
           object->read_errors != fault->awaited_errors && object->read_error_page == index;
}

static enum step wait_for_object_page(struct fault *fault, struct frame *frame) {
    fault->awaited = frame->object;
    fault->awaited_index = frame->index;
    fault->awaited_errors = frame->object->read_errors;
    return fault_page_under_way(fault, frame);
}

/* Step 8 for a file: the block map is at hand (prepare), so the read can start. */
static STOP_POINT enum step fault_read_object(struct fault *fault, struct object *object, pgoff_t index,
                                              enum page_access access) {
    struct frame *frame;

    if (awaited_read_failed(fault, object, index))
        return fault_refuse(fault, FAULT_BUSERR);
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
            return fault_refuse(fault, FAULT_BUSERR);
        return fault_new_anon(fault, NULL);
    }
    if (anon->frame == NULL)
        return fault_read_swap(fault, anon);
    if (anon->frame->state == FRAME_BUSY)
        return fault_page_under_way(fault, anon->frame);
    if (fault->access == FAULT_READ)
        return fault_map(fault, anon->frame, false);
    fault_keep(fault, anon->frame);
    return fault_new_anon(fault, anon->frame);
}

/* With load=swap and load=file,swap a page of the program leaves its file at the first touch (mm/load.c). */
static bool belongs_in_swap(const struct area *area) {
    return vm_options.load != LOAD_FILE && (area->flags & AREA_IMAGE);
}

enum step fault_object(struct fault *fault) {
    struct area *area = fault->area;
    struct object *object = area->object;
    pgoff_t index = area->object_offset + fault->index;
    bool write_shared = fault->access == FAULT_WRITE && (area->flags & AREA_SHARED);
    enum page_access access = write_shared ? PAGE_WRITE : PAGE_READ;
    struct frame *frame;

    if (index >= object_page_count(object))
        return fault_refuse(fault, FAULT_BUSERR);
    if (object->amap != NULL)
        return fault_memory_object(fault, index);
    frame = object_lookup(object, index);
    if (frame != NULL && frame->state == FRAME_BUSY)
        return wait_for_object_page(fault, frame);
    if ((frame == NULL || write_shared) && object->pager->prepare != NULL) {
        int prepared = object->pager->prepare(object, index, access);

        if (prepared != 0)
            return prepared < 0 ? fault_refuse(fault, FAULT_BUSERR) : STEP_AGAIN;
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
