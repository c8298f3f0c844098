/* mprotect: what a program may do with the pages of a range. */
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

/*
 * Cuts *@end back to where [address, *end) stops being mapped (-ENOMEM) or may not be so protected
 * (-EACCES).
 */
static int may_protect(struct space *space, vaddr_t address, vaddr_t *end, unsigned protection) {
    for (vaddr_t at = address; at < *end;) {
        struct area *area = space_find(space, at);
        int error = area == NULL                                                  ? -ENOMEM
                    : (protection & AREA_WRITE) && !(area->flags & AREA_MAYWRITE) ? -EACCES
                                                                                  : 0;
        if (error != 0) {
            *end = at;
            return error;
        }
        at = area_end(area);
    }
    return 0;
}

/* Entries lose what the area no longer allows; what it newly allows comes by fault. */
static void enforce_protection(struct space *space, struct area *area) {
    if (!(area->flags & AREA_PROTECTION))
        area_unmap_pages(space, area->start, area_end(area));
    else if (!(area->flags & AREA_WRITE))
        area_write_protect(space, area);
}

/*
 * What PROT_NONE had taken out of the page tables and is in memory still goes back at once: it saves the faults,
 * and a fault that is refused is told apart by the processor from one on an absent page, as on Linux.
 */
static void map_resident_anons(struct space *space, struct area *area) {
    pgoff_t end = area->amap_offset + area->pages;

    for (pgoff_t i = amap_next(area->amap, area->amap_offset, end); i < end;
         i = amap_next(area->amap, i + 1, end)) {
        struct anon *anon = amap_get(area->amap, i);
        struct frame *frame = anon->frame;
        vaddr_t address = area->start + ((vaddr_t)(i - area->amap_offset) << PAGE_SHIFT);
        bool writable = (area->flags & AREA_WRITE) && ((area->flags & AREA_SHARED) || anon->refs == 1);

        if (frame == NULL || (frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED))
            continue;
        if (frame_map(frame, space, address, writable ? PMAP_WRITABLE : 0) != 0)
            return; /* memory is short: the fault will do it */
        if (area->flags & AREA_LOCKED)
            frame_lock_mapping(frame, space, address);
    }
}

/*
 * What may be written to from now on must be promised. An area that needs no promise any more gives it back,
 * unless there are pages already: these go on needing their places.
 */
static int change_rights(struct area *area, unsigned protection) {
    unsigned before = area->flags;

    area->flags = (before & ~(unsigned)AREA_PROTECTION) | (protection & AREA_PROTECTION);
    if (!commit_charge_area(area)) {
        area->flags = before;
        return -ENOMEM;
    }
    if (!commit_needed(area->flags, area->object) && !area_has_anons(area))
        commit_uncharge_area(area);
    return 0;
}

int space_protect(struct space *space, vaddr_t address, size_t length, unsigned protection) {
    vaddr_t end;
    int error = area_range_check(address, length, &end);

    may_sleep();
    if (error != 0)
        return error;
    if (length == 0)
        return 0;
    error = may_protect(space, address, &end, protection); /* what lies before is done, as on Linux */
    if (address == end)
        return error;
    if (area_split_for_range(space, address, end) != 0)
        return -ENOMEM;
    for (struct area *area = space_find_from(space, address); area != NULL && area->start < end;
         area = space_next(space, area)) {
        bool was_forbidden = !(area->flags & AREA_PROTECTION);

        if (change_rights(area, protection) != 0) {
            error = -ENOMEM;
            break;
        }
        enforce_protection(space, area);
        if (was_forbidden && (protection & AREA_PROTECTION) && area->amap != NULL)
            map_resident_anons(space, area);
    }
    area_merge_range(space, address, end);
    return error;
}
