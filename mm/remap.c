/*
 * Areas that grow and move: mremap and brk. A longer area needs room in its amap first, and that is an attempt
 * tried again from the top after a sleep, like everything that needs memory (mm/area.c).
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

#define REMAP_MAYMOVE 1u
#define REMAP_FIXED   2u
#define REMAP_STAY    4u /* Linux's MREMAP_DONTUNMAP: the mapping stays, its pages go */

/* --- mremap --- */

/* Pieces of one area share its amap: before one of them grows, it takes its entries to an amap of its own. */
static int own_amap(struct area *area) {
    struct amap *own;

    if (area->amap == NULL || (area->flags & AREA_SHARED) || area->amap->refs == 1)
        return 0;
    own = amap_split(area->amap, area->amap_offset, area->pages);
    if (own == NULL)
        return -ENOMEM;
    amap_unref(area->amap);
    area->amap = own;
    area->amap_offset = 0;
    return 0;
}

/* swap=static: places on swap for @pages pages of the area. 0, -ENOMEM, -ENOSPC. */
static int reserve_growth(struct area *area, pgoff_t pages) {
    if (!vm_options.swap_static || !(area->flags & AREA_PROMISED))
        return 0;
    if (area->amap == NULL)
        area->amap = amap_create(pages);
    return area->amap == NULL ? -ENOMEM : amap_reserve(area->amap, area->amap_offset, pages);
}

/* Before the area becomes longer. 0, -EAGAIN (no memory: try again), -ENOMEM (no amap or no swap for so much). */
static int prepare_growth(struct area *area, pgoff_t pages) {
    int error = own_amap(area);

    if (error == 0 && area->amap != NULL)
        error = amap_extend(area->amap, area->amap_offset + pages);
    if (error == 0)
        error = reserve_growth(area, pages);
    return error == -ENOMEM ? -EAGAIN : error == 0 ? 0 : -ENOMEM;
}

/* The same pages at another address: only the page tables notice, and they are a cache. */
static void move_area(struct space *space, struct area *area, vaddr_t address) {
    area_unmap_pages(space, area->start, area_end(area));
    area_take_out(space, area);
    area->start = address;
    area_insert(space, area);
}

/* Pages by which a locked area would become longer: may they be locked? */
static bool growth_may_be_locked(struct space *space, vaddr_t old, vaddr_t old_bytes, vaddr_t new_bytes) {
    const struct area *area = space_find(space, old);

    return area == NULL || !(area->flags & AREA_LOCKED) || new_bytes <= old_bytes ||
           lock_allowed(space, (pgoff_t)((new_bytes - old_bytes) >> PAGE_SHIFT));
}

/* A locked area that has moved or grown: what has lost its entry, or is new, comes in. */
static void bring_in_locked(struct space *space, vaddr_t address, vaddr_t bytes) {
    const struct area *area = space_find(space, address);

    if (area != NULL && (area->flags & AREA_LOCKED))
        area_populate(space, address, address + bytes, area->flags);
}

/*
 * What stays where the area was: a mapping like it, which shows the object if there is one, and otherwise zeros.
 * The lock goes with the pages. NULL: no memory. Never sleeps; area_insert() is the caller's.
 */
static struct area *area_left_behind(const struct area *area) {
    struct area *left = kmalloc_try(sizeof(*left));

    if (left == NULL)
        return NULL;
    *left = *area;
    left->flags &= ~(unsigned)AREA_LOCKED;
    if (!(area->flags & AREA_SHARED))
        left->amap = NULL;
    else if (left->amap != NULL)
        amap_ref(left->amap);
    area_ref_object(left);
    return left;
}

/* The attempt to move the pages of [old, old + bytes) to @place and leave the mapping. */
static int move_pages_attempt(struct space *space, vaddr_t old, vaddr_t bytes, vaddr_t place) {
    struct area *area = space_find(space, old), *left;

    if (area == NULL || area_end(area) - old < bytes)
        return -EFAULT;
    if (area_split_at(space, old, old + bytes) != 0)
        return -EAGAIN;
    area = space_find(space, old);
    if (place == 0 || !area_place_free(space, place, bytes) ||
        ((area->flags & AREA_PROMISED) && !commit_possible(area->pages)))
        return -ENOMEM;
    left = area_left_behind(area);
    if (left == NULL)
        return -EAGAIN;
    if (area->flags & AREA_PROMISED)
        commit_charge(area->pages);
    move_area(space, area, place);
    area_insert(space, left);
    space_note_size(space);
    return 0;
}

/* mremap(MREMAP_DONTUNMAP): @place is an address or, unless it is fixed, a hint or 0. */
static int move_pages(struct space *space, vaddr_t old, vaddr_t bytes, bool fixed, vaddr_t place,
                      vaddr_t *result) {
    pfn_t frames = 1;
    int error;

    for (;;) {
        if (!fixed && (place == 0 || !area_place_free(space, place, bytes)))
            place = area_find_gap(space, bytes);
        error = move_pages_attempt(space, old, bytes, place);
        if (error != -EAGAIN)
            break;
        if (frames_wait_many(frames *= 2) != 0)
            return -ENOMEM;
    }
    if (error != 0)
        return error;
    if (area_reserve_places(space, old) != 0) {
        space_unmap(space, old, bytes);
        return -ENOMEM;
    }
    bring_in_locked(space, place, bytes);
    *result = place;
    return 0;
}

static int remap_attempt(struct space *space, vaddr_t old, vaddr_t old_bytes, vaddr_t new_bytes,
                         unsigned flags, vaddr_t new_place, vaddr_t *result) {
    struct area *area = space_find(space, old);
    pgoff_t new_pages = (pgoff_t)(new_bytes >> PAGE_SHIFT);
    vaddr_t place = old;
    int error;

    if (area == NULL || area_end(area) - old < old_bytes)
        return -EFAULT;
    if (area_split_at(space, old, old + old_bytes) != 0)
        return -EAGAIN;
    area = space_find(space, old);
    if (flags & REMAP_FIXED)
        place = new_place;
    else if (new_bytes > old_bytes && !area_place_free(space, old + old_bytes, new_bytes - old_bytes))
        place = flags & REMAP_MAYMOVE ? area_find_gap(space, new_bytes) : 0;
    if (place == 0 || (place != old && !area_place_free(space, place, new_bytes)))
        return -ENOMEM;
    if (area->object_offset + new_pages < new_pages)
        return -EINVAL; /* past the last page that an object can have */
    error = new_pages > area->pages ? prepare_growth(area, new_pages) : 0;
    if (error != 0)
        return error;
    if ((area->flags & AREA_PROMISED) && !commit_charge(new_pages - area->pages))
        return -ENOMEM;
    if (place != old)
        move_area(space, area, place);
    area->pages = new_pages;
    space_note_size(space);
    *result = place;
    return 0;
}

/* mremap of no bytes: the shared memory at @old is mapped once more, elsewhere. */
static int map_once_more(struct space *space, vaddr_t old, vaddr_t bytes, vaddr_t *result) {
    struct area *copy = kmalloc(sizeof(*copy)), *area = space_find(space, old);
    vaddr_t place = area_find_gap(space, bytes);

    if (copy == NULL || area == NULL || !(area->flags & AREA_SHARED) || place == 0) {
        int error = copy == NULL ? -ENOMEM : area == NULL ? -EFAULT : place == 0 ? -ENOMEM : -EINVAL;

        kfree(copy);
        return error;
    }
    *copy = *area;
    copy->start = place;
    copy->pages = (pgoff_t)(bytes >> PAGE_SHIFT);
    copy->object_offset += area_page(area, old);
    copy->amap_offset += area_page(area, old);
    if (copy->object_offset + copy->pages < copy->pages) {
        kfree(copy);
        return -EINVAL;
    }
    if (copy->amap != NULL && amap_extend(copy->amap, copy->amap_offset + copy->pages) != 0) {
        kfree(copy);
        return -ENOMEM;
    }
    if (copy->amap != NULL)
        amap_ref(copy->amap);
    area_ref_object(copy);
    area_insert(space, copy);
    space_note_size(space);
    *result = place;
    return 0;
}

int space_remap(struct space *space, vaddr_t old, size_t old_length, size_t new_length, unsigned flags,
                vaddr_t new_place, vaddr_t *result) {
    vaddr_t old_bytes = PAGE_UP(old_length), new_bytes = PAGE_UP(new_length), end;
    pfn_t frames = 1;
    int error;

    may_sleep();
    *result = 0;
    if (old_bytes == 0 && new_bytes != 0 && (flags & REMAP_MAYMOVE) && (old & PAGE_MASK) == 0)
        return map_once_more(space, old, new_bytes, result);
    if (new_bytes == 0 || old_bytes == 0 || area_range_check(old, old_length, &end) != 0)
        return -EINVAL;
    if ((flags & REMAP_STAY) && (!(flags & REMAP_MAYMOVE) || old_bytes != new_bytes))
        return -EINVAL;
    if (flags & (REMAP_FIXED | REMAP_STAY)) {
        if (!(flags & REMAP_MAYMOVE) || area_range_check(new_place, new_length, &end) != 0 ||
            (new_place < old + old_bytes && old < end))
            return -EINVAL;
    }
    if (flags & REMAP_FIXED) {
        error = space_unmap(space, new_place, new_bytes);
        if (error != 0)
            return error;
    }
    if (flags & REMAP_STAY)
        return move_pages(space, old, old_bytes, flags & REMAP_FIXED, new_place, result);
    if (new_bytes < old_bytes) {
        error = space_unmap(space, old + new_bytes, old_bytes - new_bytes);
        if (error != 0)
            return error;
        old_bytes = new_bytes;
    }
    if (!growth_may_be_locked(space, old, old_bytes, new_bytes))
        return -EAGAIN;
    while ((error = remap_attempt(space, old, old_bytes, new_bytes, flags, new_place, result)) == -EAGAIN) {
        if (frames_wait_many(frames *= 2) != 0)
            return -ENOMEM;
    }
    if (error == 0)
        bring_in_locked(space, *result, new_bytes);
    return error;
}

/* --- brk --- */

void space_set_brk(struct space *space, vaddr_t start) {
    space->brk_start = space->brk = start;
}

/* The heap's pages from @from to @to, both page aligned: a new area, or the old one longer. */
static int heap_extend(struct space *space, vaddr_t from, vaddr_t to) {
    struct area *heap = from > 0 ? space_find(space, from - 1) : NULL;
    pgoff_t more = (pgoff_t)((to - from) >> PAGE_SHIFT);
    vaddr_t unused;

    if (heap != NULL && (heap->flags & AREA_HEAP) && !(heap->flags & AREA_LOCKED) == !space->lock_future) {
        vaddr_t start = heap->start;
        pfn_t frames = 1;
        int error;

        while ((error = prepare_growth(heap, heap->pages + more)) != 0) {
            if (error != -EAGAIN || frames_wait_many(frames *= 2) != 0)
                return -ENOMEM;
            heap = space_find(space, from - 1); /* another thread may have changed the heap meanwhile */
            if (heap == NULL || !(heap->flags & AREA_HEAP) || !area_place_free(space, from, to - from))
                return -ENOMEM;
        }
        if ((heap->flags & AREA_PROMISED) && !commit_charge(more))
            return -ENOMEM;
        heap->pages += more;
        space_note_size(space);
        if (area_reserve_places(space, start) != 0) {
            space_unmap(space, from, to - from);
            return -ENOMEM;
        }
        return 0;
    }
    return space_map(
        space,
        &(struct map_request){.address = from,
                              .length = to - from,
                              .fixed = true,
                              .flags = AREA_READ | AREA_WRITE | AREA_EXEC | AREA_MAYWRITE | AREA_HEAP},
        &unused);
}

vaddr_t space_brk(struct space *space, vaddr_t wanted) {
    vaddr_t from = PAGE_UP(space->brk), to = PAGE_UP(wanted);

    may_sleep();
    if (wanted < space->brk_start || wanted >= USER_TOP)
        return space->brk;
    if (to < from && space_unmap(space, to, from - to) != 0)
        return space->brk;
    if (to > from) {
        pgoff_t pages = (pgoff_t)((to - from) >> PAGE_SHIFT);

        if (!commit_possible(pages) || !area_place_free(space, from, to - from) ||
            (space->lock_future && !lock_allowed(space, pages)) || heap_extend(space, from, to) != 0)
            return space->brk;
        bring_in_locked(space, from, to - from);
    }
    space->brk = wanted;
    return wanted;
}
