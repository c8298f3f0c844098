/*
 * Memory objects: things that are mapped, read and written like files and have no disk of their own: the
 * files of /dev/shm and System V shared memory.
 *
 * There is no second mechanism behind them. The object has an amap, and that amap is the one of every area
 * that maps it shared; its pages are anonymous pages, paged to swap like any other. read() and write() reach
 * the same frames by way of page_get(). A private map shows the object's pages until it writes to them
 * (mm/fault_object.c).
 */
#include "mm/memobject.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/policy.h"
#include "mm/swap.h"

int memobject_init(struct object *object, pgoff_t promised) {
    may_sleep();
    while ((object->amap = amap_create(1)) == NULL)
        if (frames_wait(USE_KERNEL) != 0)
            return -ENOMEM;
    if (!amap_promise(object->amap, promised)) {
        memobject_destroy(object);
        return -ENOMEM;
    }
    return 0;
}

void memobject_destroy(struct object *object) {
    amap_unref(object->amap);
    object->amap = NULL;
}

int memobject_extend(struct object *object, pgoff_t pages) {
    may_sleep();
    if (pages > MEMOBJECT_PAGES_MAX)
        return -EFBIG;
    while (amap_extend(object->amap, pages) != 0) {
        int error = frames_wait(USE_KERNEL);

        if (error != 0)
            return error;
    }
    return 0;
}

pgoff_t memobject_pages(const struct object *object) {
    return object->amap->used;
}

pgoff_t memobject_resident(const struct object *object) {
    const struct amap *amap = object->amap;
    pgoff_t resident = 0;

    for (pgoff_t i = amap_next(amap, 0, amap->pages); i < amap->pages;
         i = amap_next(amap, i + 1, amap->pages))
        resident += amap_get(amap, i)->frame != NULL;
    return resident;
}

pgoff_t memobjects_resident(void) {
    pgoff_t resident = 0;

    list_for_each (object, &objects, struct object, link)
        if (object->amap != NULL)
            resident += memobject_resident(object);
    return resident;
}

static pgoff_t amap_resident(const struct amap *amap) {
    pgoff_t resident = 0;

    for (pgoff_t i = amap_next(amap, 0, amap->pages); i < amap->pages;
         i = amap_next(amap, i + 1, amap->pages))
        resident += amap_get(amap, i)->frame != NULL;
    return resident;
}

/* Is there no area before @last, in the order of the spaces, that shows the same shared memory? */
static bool is_first_with_amap(const struct area *last) {
    list_for_each (space, &spaces, struct space, link)
        list_for_each (area, &space->areas, struct area, link)
            if (area->amap == last->amap)
                return area == last;
    return true;
}

pgoff_t shared_anonymous_resident(void) {
    pgoff_t resident = 0;

    list_for_each (space, &spaces, struct space, link)
        list_for_each (area, &space->areas, struct area, link)
            if ((area->flags & AREA_SHARED) && area->object == NULL && area->amap != NULL &&
                is_first_with_amap(area))
                resident += amap_resident(area->amap);
    return resident;
}

bool memobject_is_hole(const struct object *object, pgoff_t index) {
    return object->amap != NULL && (index >= object->amap->pages || amap_get(object->amap, index) == NULL);
}

struct frame *memobject_lookup(const struct object *object, pgoff_t index) {
    const struct anon *anon = index < object->amap->pages ? amap_get(object->amap, index) : NULL;

    return anon == NULL ? NULL : anon->frame;
}

int memobject_may_make(struct object *object, pgoff_t index) {
    return object->pager->prepare == NULL ? 0 : object->pager->prepare(object, index, PAGE_WRITE);
}

/* 1: memory has been waited for, look again. */
static int wait_for_frames(void) {
    int error = frames_wait(USE_USER);

    return error == 0 ? 1 : error;
}

/* A page of zeros where there is none yet. Always 1 or errno. */
static int make_page(struct object *object, pgoff_t index) {
    int refused = memobject_may_make(object, index);
    if (refused != 0)
        return refused;
    int error = amap_prepare(object->amap, index);
    struct frame *frame = error == 0 ? frame_take_zeroed(USE_USER) : NULL;
    struct anon *anon = frame == NULL ? NULL : anon_create(frame);

    if (anon == NULL) {
        if (frame != NULL)
            frame_release(frame);
        return error == -ENOSPC ? error : wait_for_frames();
    }
    frame_activate(frame, &set_global);
    amap_set(object->amap, index, anon);
    return 1;
}

/* Starts reading the page from swap, or starts it as zeros if it was given back. Always 1 or errno. */
static int bring_in(struct anon *anon) {
    struct frame *frame;

    if (anon->read_error) {
        anon->read_error = false;
        return -EIO;
    }
    frame = frame_take(USE_USER);
    if (frame == NULL)
        return wait_for_frames();
    anon_set_frame(anon, frame);
    count(COUNT_PGREAD_KERNEL);
    swap_read(anon);
    return 1;
}

int memobject_attempt(struct object *object, pgoff_t index, struct frame **found) {
    struct anon *anon;

    if (index >= MEMOBJECT_PAGES_MAX)
        return -EFBIG;
    if (index >= object->amap->pages) {
        int error = memobject_extend(object, index + 1);
        return error == 0 ? 1 : error;
    }
    anon = amap_get(object->amap, index);
    if (anon == NULL)
        return make_page(object, index);
    if (anon->frame == NULL)
        return bring_in(anon);
    if (anon->frame->state == FRAME_BUSY) {
        frame_wait(anon->frame);
        return 1;
    }
    ASSERT(anon->refs == 1); /* nobody copies the object's amap */
    *found = anon->frame;
    return 0;
}

static int hold_page(struct object *object, pgoff_t index) {
    struct frame *frame;
    int error = page_get(object, index, PAGE_READ, &frame);

    if (error != 0)
        return error;
    if (frame->owner == OWNER_ANON) /* nobody has truncated it away */
        anon_hold(frame->anon);
    page_put(frame);
    return 0;
}

int memobject_hold(struct object *object) {
    struct amap *amap = object->amap;
    int error = 0;

    may_sleep();
    if (!lock_possible(object_page_count(object)))
        return -ENOMEM;
    amap->held = true;
    for (pgoff_t i = amap_next(amap, 0, amap->pages); error == 0 && i < amap->pages;
         i = amap_next(amap, i + 1, amap->pages))
        error = hold_page(object, i);
    if (error != 0)
        memobject_let_go(object);
    return error;
}

void memobject_let_go(struct object *object) {
    struct amap *amap = object->amap;

    amap->held = false;
    for (pgoff_t i = amap_next(amap, 0, amap->pages); i < amap->pages;
         i = amap_next(amap, i + 1, amap->pages))
        anon_let_go(amap_get(amap, i));
}

void memobject_truncate(struct object *object, uint64_t size) {
    pgoff_t first = (pgoff_t)((size + PAGE_MASK) >> PAGE_SHIFT), pages = object->amap->pages;
    unsigned from = (unsigned)(size & PAGE_MASK);
    struct frame *frame;

    for (pgoff_t i = amap_next(object->amap, first, pages); i < pages;
         i = amap_next(object->amap, i + 1, pages)) {
        struct anon *anon = amap_get(object->amap, i);

        if (anon->frame != NULL)
            frame_unmap_all(anon->frame);
        amap_set(object->amap, i, NULL);
    }
    object->size = MIN(object->size, size);
    /* Old bytes behind the new end must not come back if it grows again. */
    if (from != 0 && first <= pages && amap_get(object->amap, first - 1) != NULL &&
        page_get(object, first - 1, PAGE_READ, &frame) == 0) {
        memset((char *)frame_data(frame) + from, 0, PAGE_SIZE - from);
        page_put_modified(frame, from, PAGE_SIZE);
    }
    object->size = size;
}
