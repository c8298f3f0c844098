/*
 * Locking memory: mlock and its family.
 *
 * A locked area's pages are brought in and stay in their frames until the area is unlocked or unmapped. The
 * lock is the mapping's: while a locked area maps a frame, the frame is PINNED and no policy sees it. So
 * whatever moves mappings about (copy-on-write, mremap, exit) moves the lock with them and nothing else need
 * know.
 *
 * Only as much may be locked as leaves the others room to page in, and of one space only as much as the running
 * process's limit says, which is the kernel's to know (mm/vm.h).
 *
 * A locked segment (SHM_LOCK) is the other way: there each page that exists, or comes to exist, is held, whether
 * anybody maps it or not (mm/memobject.c).
 *
 * Source: mlock(2), POSIX 1003.1b.
 */
#include "arch/x86/pmap.h"
#include "lib/errno.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/area.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/vm.h"

pgoff_t space_locked(struct space *space) {
    pgoff_t pages = 0;

    list_for_each (area, &space->areas, struct area, link)
        if (area->flags & AREA_LOCKED)
            pages += area->pages;
    return pages;
}

/* Pages of [address, end) that are not locked yet. */
static pgoff_t unlocked_pages(struct space *space, vaddr_t address, vaddr_t end) {
    pgoff_t pages = 0;

    for (struct area *area = space_find_from(space, address); area != NULL && area->start < end;
         area = space_next(space, area))
        if (!(area->flags & AREA_LOCKED))
            pages += (pgoff_t)((MIN(end, area_end(area)) - MAX(address, area->start)) >> PAGE_SHIFT);
    return pages;
}

/* An eighth of memory, and never less than a fault or two need, stays for the others. */
bool lock_possible(pgoff_t more) {
    pgoff_t most = frames_pageable() - MIN(frames_pageable(), frames_pageable() / 8 + 64), locked = 0;

    list_for_each (space, &spaces, struct space, link)
        locked += space_locked(space);
    list_for_each (object, &objects, struct object, link)
        if (object->amap != NULL && object->amap->held)
            locked += object_page_count(object);
    return more <= most && locked <= most - more;
}

bool lock_allowed(struct space *space, pgoff_t more) {
    pgoff_t most = vm_lock_limit(), locked = most == VM_LOCK_UNLIMITED ? 0 : space_locked(space);

    return locked <= most && more <= most - locked && lock_possible(more);
}

static bool all_mapped(struct space *space, vaddr_t address, vaddr_t end) {
    while (address < end) {
        struct area *area = space_find(space, address);

        if (area == NULL)
            return false;
        address = area_end(area);
    }
    return true;
}

/* Faults in [address, end), each page as its area will use it. -ENOMEM: that cannot be, -EINTR. */
static int bring_in(struct space *space, vaddr_t address, vaddr_t end) {
    for (; address < end; address += PAGE_SIZE) {
        struct area *area = space_find(space, address);
        bool private_write;
        enum fault_result result;

        if (area == NULL)
            continue;
        if (!(area->flags & AREA_PROTECTION))
            return -ENOMEM;
        private_write = (area->flags & AREA_WRITE) && !(area->flags & AREA_SHARED);
        result = vm_fault(space, address, private_write ? FAULT_WRITE : FAULT_READ);
        if (result == FAULT_KILLED)
            return -EINTR;
        if (result != FAULT_OK)
            return -ENOMEM;
    }
    return 0;
}

/* The pages that bytes [*address, *address + length) touch: 0, or -ENOMEM where they are not all mapped. */
static int pages_of(struct space *space, vaddr_t *address, size_t length, vaddr_t *end) {
    length += *address & PAGE_MASK;
    *address = PAGE_DOWN(*address);
    if (area_range_check(*address, length, end) != 0 || !all_mapped(space, *address, *end))
        return -ENOMEM;
    return 0;
}

/* From now on pages of [address, end), which are all mapped, stay in their frames. 0 or -ENOMEM. */
static int lock_areas(struct space *space, vaddr_t address, vaddr_t end) {
    if (!lock_allowed(space, unlocked_pages(space, address, end)) ||
        area_split_for_range(space, address, end) != 0)
        return -ENOMEM;
    for (struct area *area = space_find_from(space, address); area != NULL && area->start < end;
         area = space_next(space, area)) {
        if (area->flags & AREA_LOCKED)
            continue;
        area->flags |= AREA_LOCKED;
        area_unmap_pages(space, area->start, area_end(area)); /* the next fault maps them locked */
    }
    area_merge_range(space, address, end);
    return 0;
}

int space_lock(struct space *space, vaddr_t address, size_t length, bool on_fault) {
    vaddr_t end;
    int error;

    may_sleep();
    if (pages_of(space, &address, length, &end) != 0)
        return -ENOMEM;
    if (address == end)
        return 0;
    error = lock_areas(space, address, end);
    return error != 0 || on_fault ? error : bring_in(space, address, end);
}

int space_unlock(struct space *space, vaddr_t address, size_t length) {
    vaddr_t end;

    may_sleep();
    if (pages_of(space, &address, length, &end) != 0)
        return -ENOMEM;
    if (address == end)
        return 0;
    if (area_split_for_range(space, address, end) != 0)
        return -ENOMEM;
    for (struct area *area = space_find_from(space, address); area != NULL && area->start < end;
         area = space_next(space, area)) {
        if (area->flags & AREA_LOCKED)
            area_unmap_pages(space, area->start, area_end(area));
        area->flags &= ~(unsigned)AREA_LOCKED;
    }
    area_merge_range(space, address, end);
    return 0;
}

int space_lock_all(struct space *space, bool current, bool future, bool on_fault) {
    struct space_usage usage;

    space_usage(space, &usage);
    if (current && usage.virtual > vm_lock_limit()) /* all of it or nothing */
        return -ENOMEM;
    space->lock_future = future;
    for (vaddr_t at = 0; current;) {
        struct area *area = space_find_from(space, at);
        vaddr_t start;
        int error;

        if (area == NULL)
            return 0;
        start = area->start;
        at = area_end(area);
        error = lock_areas(space, start, at);
        if (error == 0 && !on_fault && bring_in(space, start, at) == -EINTR)
            error = -EINTR; /* a page that cannot be in memory is locked when it can */
        if (error != 0)
            return error;
    }
    return 0;
}

int space_unlock_all(struct space *space) {
    space->lock_future = false;
    list_for_each (area, &space->areas, struct area, link) {
        if (area->flags & AREA_LOCKED)
            area_unmap_pages(space, area->start, area_end(area));
        area->flags &= ~(unsigned)AREA_LOCKED;
    }
    area_merge_range(space, 0, USER_TOP);
    return 0;
}

/* --- locked pages of files, which are unmapped while they are written --- */

static void lock_again(struct space *space, const struct area *area, pgoff_t page) {
    vaddr_t address = area->start + ((vaddr_t)page << PAGE_SHIFT);
    struct frame *frame = object_lookup(area->object, area->object_offset + page);

    if (frame == NULL || (frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED) ||
        pmap_query(&space->pmap, address, NULL) != 0 ||
        (area->amap != NULL && amap_get(area->amap, area->amap_offset + page) != NULL))
        return;
    if (frame_map(frame, space, address, PMAP_REFERENCED) == 0)
        frame_lock_mapping(frame, space, address);
}

void lock_bring_back(const struct object *object, pgoff_t first, pgoff_t end) {
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            if (area->object != object || !(area->flags & AREA_LOCKED) || !(area->flags & AREA_PROTECTION))
                continue;
            for (pgoff_t page = 0; page < area->pages; page++)
                if (area->object_offset + page >= first && area->object_offset + page < end)
                    lock_again(space, area, page);
        }
    }
}
