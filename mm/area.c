/*
 * Areas: mapping and unmapping, cutting and joining. With protect.c, remap.c and contents.c the system calls' side
 * of virtual memory.
 *
 * An operation that needs memory is an attempt that never sleeps, tried again from the top after a sleep when
 * there was none: the same discipline as the fault's. So no half-changed space is ever seen by another
 * thread.
 */
#include "mm/area.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/areatree.h"
#include "mm/commit.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/object.h"
#include "mm/swap.h"
#include "mm/vm.h"

#define MAP_BOTTOM ((vaddr_t)0x10000) /* the lowest address a program may map: null pointers stay invalid */

void area_insert(struct space *space, struct area *area) {
    struct area *after = space_find_from(space, area->start);

    ASSERT(area->pages > 0);
    ASSERT(after == NULL || after->start >= area_end(area));
    list_insert_before(after == NULL ? &space->areas : &after->link, &area->link);
    areatree_insert(&space->tree, area);
}

void area_take_out(struct space *space, struct area *area) {
    if (space->last == area)
        space->last = NULL;
    list_remove(&area->link);
    areatree_remove(&space->tree, area);
}

void area_unmap_pages(struct space *space, vaddr_t start, vaddr_t end) {
    unsigned bits;
    pfn_t pfn;

    pmap_batch_begin(&space->pmap);
    for (vaddr_t at = start; (bits = pmap_remove_next(&space->pmap, &at, end, &pfn)) != 0; at += PAGE_SIZE)
        frame_unmapped(&frame_table[pfn], space, at, bits);
    pmap_batch_end(&space->pmap);
}

void area_write_protect(struct space *space, struct area *area) {
    pmap_batch_begin(&space->pmap);
    pmap_write_protect(&space->pmap, area->start, area_end(area));
    pmap_batch_end(&space->pmap);
}

void area_destroy(struct space *space, struct area *area) {
    area_unmap_pages(space, area->start, area_end(area));
    area_take_out(space, area);
    commit_uncharge_area(area);
    if (area->amap != NULL && !(area->flags & AREA_SHARED))
        amap_clear(area->amap, area->amap_offset, area->pages); /* other pieces may use the rest of it */
    if (area->amap != NULL)
        amap_unref(area->amap);
    if (area->object != NULL) {
        area_send_unused(area);
        object_unref(area->object);
    }
    error_cursor_unref(area->errors);
    kfree(area);
}

void area_ref_object(struct area *area) {
    if (area->object != NULL)
        object_ref(area->object);
    error_cursor_ref(area->errors);
}

/* --- splitting --- */

/* Cuts the area in two at @address, inside it. 0 or -ENOMEM, nothing changed. Never sleeps. */
static int area_split(struct space *space, struct area *area, vaddr_t address) {
    pgoff_t lower = area_page(area, address);
    struct area *upper = kmalloc_try(sizeof(*upper));

    if (upper == NULL)
        return -ENOMEM;
    *upper = *area;
    upper->start = address;
    upper->pages = area->pages - lower;
    upper->object_offset += lower;
    upper->amap_offset += lower;
    if (area->amap != NULL)
        amap_ref(area->amap);
    area_ref_object(upper);
    if (upper->flags & AREA_GROWSDOWN)
        upper->flags &= ~(unsigned)AREA_GROWSDOWN; /* only the lowest piece of a stack grows */
    area->pages = lower;
    list_add_head(&area->link, &upper->link);
    areatree_insert(&space->tree, upper);
    return 0;
}

int area_split_at(struct space *space, vaddr_t start, vaddr_t end) {
    struct area *area = space_find(space, start);

    if (area != NULL && area->start < start && area_split(space, area, start) != 0)
        return -ENOMEM;
    area = space_find(space, end - 1);
    if (area != NULL && area_end(area) > end && area_split(space, area, end) != 0)
        return -ENOMEM;
    return 0;
}

int area_split_for_range(struct space *space, vaddr_t start, vaddr_t end) {
    while (area_split_at(space, start, end) != 0)
        if (frames_wait(USE_KERNEL) != 0)
            return -ENOMEM;
    return 0;
}

/* --- merging --- */

/* Both show what one longer area would: same rights, and origins that go on from one to the other. */
static bool alike(const struct area *lower, const struct area *upper) {
    if (area_end(lower) != upper->start || lower->flags != upper->flags || (lower->flags & AREA_GROWSDOWN))
        return false;
    if (lower->object != upper->object || lower->errors != upper->errors || lower->advice != upper->advice)
        return false;
    return lower->object == NULL || lower->object_offset + lower->pages == upper->object_offset;
}

bool area_has_anons(const struct area *area) {
    pgoff_t end = area->amap_offset + area->pages;

    return area->amap != NULL && amap_next(area->amap, area->amap_offset, end) < end;
}

/* Pieces of what was one area share its amap. Does one of them use entries [first, first + count)? */
static bool entries_in_use(const struct space *space, const struct amap *amap, pgoff_t first, pgoff_t count) {
    if (amap->refs == 1)
        return false;
    list_for_each (area, &space->areas, struct area, link)
        if (area->amap == amap && area->amap_offset < first + count &&
            first < area->amap_offset + area->pages)
            return true;
    return false;
}

/* Makes lower's amap, which ends with it, serve upper too, which has no pages yet. Never sleeps. */
static bool extend_upwards(struct space *space, struct area *lower, const struct area *upper) {
    pgoff_t end = lower->amap_offset + lower->pages;

    if (entries_in_use(space, lower->amap, end, upper->pages) ||
        amap_extend(lower->amap, end + upper->pages) != 0)
        return false;
    return upper->amap == NULL || amap_reserve(lower->amap, end, upper->pages) == 0;
}

/*
 * Room for @pages entries before the area's first, and as much again as the area is long, so that an area that grows
 * downwards bit by bit is not copied bit by bit. Never sleeps.
 */
static bool make_room_before(struct area *area, pgoff_t pages) {
    pgoff_t room = (pages + area->pages + AMAP_CHUNK - 1) / AMAP_CHUNK * AMAP_CHUNK;

    if (area->amap->refs > 1 || room + area->amap->pages > AMAP_PAGES_MAX ||
        amap_room_before(area->amap, room) != 0)
        return false;
    area->amap_offset += room;
    return true;
}

/* The same downwards: lower has no pages yet. */
static bool extend_downwards(struct space *space, struct area *lower, struct area *upper) {
    pgoff_t start;

    if (upper->amap_offset < lower->pages && !make_room_before(upper, lower->pages))
        return false;
    start = upper->amap_offset - lower->pages;
    if (entries_in_use(space, upper->amap, start, lower->pages))
        return false;
    if (lower->amap != NULL) {
        if (amap_reserve(upper->amap, start, lower->pages) != 0)
            return false;
        amap_unref(lower->amap); /* it holds places on swap and nothing else */
    }
    lower->amap = upper->amap;
    lower->amap_offset = start;
    amap_ref(lower->amap);
    return true;
}

/* Makes one amap serve both areas without moving an entry. False: that cannot be done. Never sleeps. */
static bool join_amaps(struct space *space, struct area *lower, struct area *upper) {
    if (lower->amap == upper->amap &&
        (lower->amap == NULL || lower->amap_offset + lower->pages == upper->amap_offset))
        return true;
    if (lower->flags & AREA_SHARED)
        return false;
    if (lower->amap != NULL && !area_has_anons(upper))
        return extend_upwards(space, lower, upper);
    return upper->amap != NULL && !area_has_anons(lower) && extend_downwards(space, lower, upper);
}

static bool merge(struct space *space, struct area *lower, struct area *upper) {
    if (!alike(lower, upper) || !join_amaps(space, lower, upper))
        return false;
    lower->pages += upper->pages;
    area_take_out(space, upper);
    if (upper->amap != NULL)
        amap_unref(upper->amap);
    error_cursor_unref(upper->errors);
    if (upper->object != NULL)
        object_unref(upper->object); /* never the last: lower has one */
    kfree(upper);
    return true;
}

void area_merge_range(struct space *space, vaddr_t start, vaddr_t end) {
    struct area *area = space_find_from(space, start > 0 ? start - 1 : 0);

    while (area != NULL && area->start <= end) {
        struct area *next = space_next(space, area);

        if (next == NULL || !merge(space, area, next))
            area = next;
    }
}

/* --- ranges --- */

/*
 * A page-aligned range of user addresses from what a system call was given; -EINVAL for what cannot be one.
 */
int area_range_check(vaddr_t address, size_t length, vaddr_t *end) {
    if ((address & PAGE_MASK) != 0 || length > USER_TOP || address > USER_TOP - PAGE_UP(length))
        return -EINVAL;
    *end = address + PAGE_UP(length);
    return 0;
}

int space_unmap(struct space *space, vaddr_t address, size_t length) {
    vaddr_t end;
    struct area *area;

    may_sleep();
    if (length == 0 || area_range_check(address, length, &end) != 0)
        return -EINVAL;
    if (area_split_for_range(space, address, end) != 0)
        return -ENOMEM;
    while ((area = space_find_from(space, address)) != NULL && area->start < end)
        area_destroy(space, area);
    return 0;
}

/* --- choosing a place --- */

bool area_place_free(struct space *space, vaddr_t address, vaddr_t bytes) {
    struct area *next;

    if (address < MAP_BOTTOM || bytes > USER_TOP || address > USER_TOP - bytes)
        return false;
    next = space_find_from(space, address);
    return next == NULL || next->start >= address + bytes;
}

vaddr_t area_find_gap(struct space *space, vaddr_t bytes) {
    vaddr_t top = space->map_top;

    for (struct list *link = space->areas.prev; link != &space->areas; link = link->prev) {
        struct area *area = list_entry(link, struct area, link);

        if (area->start >= top)
            continue;
        if (area_end(area) < top && top - area_end(area) >= bytes)
            return top - bytes;
        top = area->start;
    }
    return top >= bytes && top - bytes >= MAP_BOTTOM ? top - bytes : 0;
}

static vaddr_t choose_place(struct space *space, vaddr_t hint, vaddr_t bytes) {
    hint = PAGE_DOWN(hint);
    return hint != 0 && area_place_free(space, hint, bytes) ? hint : area_find_gap(space, bytes);
}

/*
 * swap=static: gives every page of the area its place on swap now, so that a lack of room is the mapping's
 * error and not a later fault's. 0, -ENOMEM (wait and try again), -ENOSPC.
 */
static int reserve_places(struct area *area) {
    if (!vm_options.swap_static ||
        !((area->flags & AREA_PROMISED) || (area->amap != NULL && area->amap->limit > 0)))
        return 0;
    if (area->amap == NULL) {
        area->amap = amap_create(area->pages);
        area->amap_offset = 0;
    }
    if (area->amap == NULL)
        return -ENOMEM;
    return amap_reserve(area->amap, area->amap_offset, area->pages);
}

int area_reserve_places(struct space *space, vaddr_t address) {
    for (;;) {
        struct area *area = space_find(space, address);
        int error = area == NULL ? 0 : reserve_places(area);

        if (error != -ENOMEM)
            return error == 0 ? 0 : -ENOMEM;
        if (frames_wait(USE_KERNEL) != 0)
            return -ENOMEM;
    }
}

/* --- mmap --- */

void area_populate(struct space *space, vaddr_t start, vaddr_t end, unsigned flags) {
    bool own = (flags & (AREA_WRITE | AREA_SHARED)) == AREA_WRITE; /* what is shared is not to be modified */

    if (!(flags & AREA_PROTECTION))
        return;
    for (vaddr_t at = start; at < end; at += PAGE_SIZE)
        if (vm_fault(space, at, own ? FAULT_WRITE : FAULT_READ) != FAULT_OK)
            return;
}

/* Memory of its own that several spaces may share: the pages of its amap are promised as one. */
static bool is_shared_anonymous(unsigned flags, const struct object *object) {
    return (flags & AREA_SHARED) && object == NULL;
}

/* Early, before anything is unmapped to make room: could the promise that the mapping is be made? */
static bool could_promise(struct space *space, const struct map_request *request, pgoff_t pages) {
    pgoff_t freed = 0;

    if (!is_shared_anonymous(request->flags, request->object) &&
        !commit_needed(request->flags, request->object))
        return true;
    if (request->fixed && request->address <= USER_TOP - PAGE_UP(request->length))
        freed = commit_charged(space, request->address, request->address + PAGE_UP(request->length));
    return commit_possible(pages - MIN(pages, freed));
}

/* An area as requested, without a place yet; NULL: no memory. May sleep. */
static struct area *area_create(const struct map_request *request, unsigned flags, pgoff_t pages) {
    struct area *area = kmalloc(sizeof(*area));

    if (area == NULL)
        return NULL;
    *area = (struct area){.pages = pages,
                          .flags = flags,
                          .object = request->object,
                          .errors = request->errors,
                          .object_offset = request->object_offset};
    if (is_shared_anonymous(area->flags, area->object)) {
        while ((area->amap = amap_create(pages)) == NULL) {
            if (frames_wait(USE_KERNEL) != 0) {
                kfree(area);
                return NULL;
            }
        }
        area->amap->limit = pages;
    }
    area_ref_object(area);
    return area;
}

/* The area comes to its place. */
static void area_enter(struct space *space, struct area *area, vaddr_t address) {
    area->start = address;
    if (area->object != NULL && area->object->amap != NULL && (area->flags & AREA_SHARED)) {
        area->amap = area->object->amap;
        area->amap_offset = area->object_offset;
        amap_ref(area->amap);
    }
    area_insert(space, area);
}

/* One that has not come into the space. */
static void area_discard(struct area *area) {
    if (area->amap != NULL)
        amap_unref(area->amap);
    error_cursor_unref(area->errors);
    if (area->object != NULL)
        object_unref(area->object);
    kfree(area);
}

static bool promise(struct area *area) {
    if (!is_shared_anonymous(area->flags, area->object))
        return commit_charge_area(area);
    return amap_promise(area->amap, area->flags & AREA_NORESERVE ? AMAP_PROMISED_EACH : area->pages);
}

int space_map(struct space *space, const struct map_request *request, vaddr_t *result) {
    vaddr_t bytes = PAGE_UP(request->length);
    pgoff_t pages = (pgoff_t)(bytes >> PAGE_SHIFT);
    vaddr_t address = request->address;
    unsigned flags = request->flags | (space->lock_future ? AREA_LOCKED : 0);
    struct area *area;

    may_sleep();
    if (bytes == 0)
        return request->length == 0 ? -EINVAL : -ENOMEM;
    if (request->object_offset + pages < pages)
        return -EOVERFLOW;
    if (bytes > USER_TOP || !could_promise(space, request, pages))
        return -ENOMEM;
    if ((flags & AREA_LOCKED) && !lock_allowed(space, pages))
        return -EAGAIN;
    if (request->object != NULL && request->object->amap != NULL &&
        memobject_extend(request->object, request->object_offset + pages) != 0)
        return -ENOMEM;
    area = area_create(request, flags, pages);
    if (area == NULL)
        return -ENOMEM;
    if (request->fixed) {
        int error = address & PAGE_MASK    ? -EINVAL
                    : address < MAP_BOTTOM ? -EPERM
                                           : space_unmap(space, address, bytes);

        if (error != 0) {
            area_discard(area);
            return error;
        }
    } else {
        address = choose_place(space, address, bytes);
    }
    if (address == 0 || !area_place_free(space, address, bytes) || !promise(area)) {
        area_discard(area);
        return -ENOMEM;
    }
    area_enter(space, area, address);
    space_note_size(space);
    if (area_reserve_places(space, address) != 0) {
        space_unmap(space, address, bytes);
        return -ENOMEM;
    }
    area_merge_range(space, address, address + bytes);
    *result = address;
    if (request->populate || (flags & AREA_LOCKED))
        area_populate(space, address, address + bytes, flags);
    return 0;
}
