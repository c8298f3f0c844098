/*
 * What is done with the contents of a range, its areas staying as they are: msync, madvise(MADV_DONTNEED), the
 * truncation of a file under its private maps, mincore.
 */
#include "mm/area.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/commit.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/vm.h"

/* Pages [first, first + pages) of a shared map's object: written, and what has failed is told. */
static int sync_object(struct object *object, struct error_cursor *errors, pgoff_t first, pgoff_t pages) {
    int error, second = 0, untold;

    object_ref(object); /* another thread may unmap it meanwhile */
    error_cursor_ref(errors);
    error = object_flush(object, first, pages);
    if (object->pager->sync != NULL)
        second = object->pager->sync(object);
    untold = object_tell_errors(object, errors);
    error_cursor_unref(errors);
    object_unref(object);
    return error != 0 ? error : untold != 0 ? untold : second;
}

int space_sync(struct space *space, vaddr_t address, size_t length, bool wait) {
    vaddr_t end;
    int error = area_range_check(address, length, &end), worst = 0;

    may_sleep();
    if (error != 0)
        return error;
    while (address < end) {
        struct area *area = space_find(space, address);
        vaddr_t stop;

        if (area == NULL)
            return -ENOMEM;
        stop = MIN(end, area_end(area));
        if (wait && area->object != NULL && (area->flags & AREA_SHARED)) {
            error = sync_object(area->object, area->errors, area->object_offset + area_page(area, address),
                                (pgoff_t)((stop - address) >> PAGE_SHIFT));
            worst = worst != 0 ? worst : error;
        }
        address = stop;
    }
    return worst;
}

/* The area's pages go, but not the area: with swap=static it keeps its places, which are free this moment. */
static void forget_pages(struct area *area, pgoff_t first, pgoff_t count) {
    amap_clear(area->amap, area->amap_offset + first, count);
    if (area->flags & AREA_PROMISED)
        amap_reserve(area->amap, area->amap_offset + first, count);
}

int space_discard(struct space *space, vaddr_t address, size_t length) {
    vaddr_t end;
    int error = area_range_check(address, length, &end), result = 0;

    if (error != 0)
        return error;
    while (address < end) {
        struct area *area = space_find_from(space, address);
        vaddr_t stop;

        if (area == NULL || area->start >= end)
            return -ENOMEM;
        if (area->start > address)
            result = -ENOMEM; /* a hole; the rest is done all the same */
        if (area->flags & AREA_LOCKED)
            return -EINVAL;
        address = MAX(address, area->start);
        stop = MIN(end, area_end(area));
        area_unmap_pages(space, address, stop);
        if (area->amap != NULL && !(area->flags & AREA_SHARED))
            forget_pages(area, area_page(area, address), (pgoff_t)((stop - address) >> PAGE_SHIFT));
        address = stop;
    }
    return result;
}

void spaces_truncate_private(struct object *object, pgoff_t first) {
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            pgoff_t skip = first > area->object_offset ? first - area->object_offset : 0;

            if (area->object != object || (area->flags & AREA_SHARED) || skip >= area->pages)
                continue;
            area_unmap_pages(space, area->start + ((vaddr_t)skip << PAGE_SHIFT), area_end(area));
            if (area->amap != NULL)
                forget_pages(area, skip, area->pages - skip);
        }
    }
}

static bool is_resident(const struct area *area, pgoff_t page) {
    struct anon *anon = area->amap == NULL ? NULL : amap_get(area->amap, area->amap_offset + page);
    struct frame *frame = NULL;

    if (anon == NULL && area->object != NULL && area->object->amap != NULL)
        anon = amap_get(area->object->amap, area->object_offset + page);
    if (anon != NULL)
        frame = anon->frame;
    else if (area->object != NULL)
        frame = object_lookup(area->object, area->object_offset + page);
    return frame != NULL && (frame->state != FRAME_BUSY || frame->io_write);
}

bool space_shows(struct space *space, vaddr_t address) {
    struct area *area = space_find(space, address);
    pgoff_t page;

    if (area == NULL || !(area->flags & AREA_PROTECTION))
        return false;
    page = area_page(area, address);
    return (area->amap != NULL && amap_get(area->amap, area->amap_offset + page) != NULL) ||
           is_resident(area, page);
}

int space_residency(struct space *space, vaddr_t address, size_t length, uint8_t *result) {
    vaddr_t end;
    int error = area_range_check(address, length, &end);

    if (error != 0)
        return error;
    for (; address < end; address += PAGE_SIZE) {
        struct area *area = space_find(space, address);

        if (area == NULL)
            return -ENOMEM;
        *result++ = is_resident(area, area_page(area, address));
    }
    return 0;
}
