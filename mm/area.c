/*
 * Areas: mapping, unmapping, protecting, moving. The system calls' side of virtual memory.
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

#define MAP_BOTTOM    ((vaddr_t)0x10000) /* the lowest address a program may map: null pointers stay invalid */
#define REMAP_MAYMOVE 1u
#define REMAP_FIXED   2u

void area_insert(struct space *space, struct area *area) {
    struct area *after = space_find_from(space, area->start);

    ASSERT(area->pages > 0);
    ASSERT(after == NULL || after->start >= area_end(area));
    list_insert_before(after == NULL ? &space->areas : &after->link, &area->link);
    areatree_insert(&space->tree, area);
}

static void area_take_out(struct space *space, struct area *area) {
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
    struct object *object = area->object;

    area_unmap_pages(space, area->start, area_end(area));
    area_take_out(space, area);
    commit_uncharge_area(area);
    if (area->amap != NULL && !(area->flags & AREA_SHARED))
        amap_clear(area->amap, area->amap_offset, area->pages); /* other pieces may use the rest of it */
    if (area->amap != NULL)
        amap_unref(area->amap);
    if (object != NULL) {
        if ((area->flags & (AREA_SHARED | AREA_WRITE)) == (AREA_SHARED | AREA_WRITE))
            object_write_unmapped(object, area->object_offset, area->pages);
        object_unref(object);
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

/* Makes @start and @end borders of areas, if they fall inside some. 0 or -ENOMEM. */
static int split_at_borders(struct space *space, vaddr_t start, vaddr_t end) {
    struct area *area = space_find(space, start);

    if (area != NULL && area->start < start && area_split(space, area, start) != 0)
        return -ENOMEM;
    area = space_find(space, end - 1);
    if (area != NULL && area_end(area) > end && area_split(space, area, end) != 0)
        return -ENOMEM;
    return 0;
}

int area_split_for_range(struct space *space, vaddr_t start, vaddr_t end) {
    while (split_at_borders(space, start, end) != 0)
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

static bool has_anons(const struct area *area) {
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
 * Room for @pages entries before the area's first: its entries move to an amap that has it, and as much again as
 * the area is long, so that an area that grows downwards bit by bit is not copied bit by bit. Never sleeps.
 */
static bool make_room_before(struct area *area, pgoff_t pages) {
    pgoff_t room = pages + area->pages;
    struct amap *roomier;

    if (area->amap->refs > 1 || room + area->pages > AMAP_PAGES_MAX)
        return false;
    roomier = amap_copy(area->amap, area->amap_offset, area->pages, room, room + area->pages);
    if (roomier == NULL)
        return false;
    if (amap_reserve(roomier, room, area->pages) != 0) {
        amap_unref(roomier);
        return false;
    }
    amap_unref(area->amap);
    area->amap = roomier;
    area->amap_offset = room;
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
    if (lower->amap != NULL && !has_anons(upper))
        return extend_upwards(space, lower, upper);
    return upper->amap != NULL && !has_anons(lower) && extend_downwards(space, lower, upper);
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

/* True when nothing is mapped in [address, address + bytes), which lies in user space. */
static bool is_free(struct space *space, vaddr_t address, vaddr_t bytes) {
    struct area *next;

    if (address < MAP_BOTTOM || bytes > USER_TOP || address > USER_TOP - bytes)
        return false;
    next = space_find_from(space, address);
    return next == NULL || next->start >= address + bytes;
}

/* The highest gap of @bytes below space->map_top, or 0. */
static vaddr_t find_gap(struct space *space, vaddr_t bytes) {
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
    return hint != 0 && is_free(space, hint, bytes) ? hint : find_gap(space, bytes);
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

/* As above, waiting for memory: 0 or -ENOMEM. */
static int reserve_places_waiting(struct space *space, vaddr_t address) {
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

static void populate(struct space *space, vaddr_t start, vaddr_t end, unsigned flags) {
    for (vaddr_t at = start; at < end; at += PAGE_SIZE)
        if (vm_fault(space, at, flags & AREA_WRITE ? FAULT_WRITE : FAULT_READ) != FAULT_OK)
            return; /* as on Linux: the mapping stands, the page will fault when touched */
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
static struct area *area_create(const struct space *space, const struct map_request *request, pgoff_t pages) {
    struct area *area = kmalloc(sizeof(*area));

    if (area == NULL)
        return NULL;
    *area = (struct area){.pages = pages,
                          .flags = request->flags | (space->lock_future ? AREA_LOCKED : 0),
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
    struct area *area;

    may_sleep();
    if (bytes == 0)
        return request->length == 0 ? -EINVAL : -ENOMEM;
    if (bytes > USER_TOP || !could_promise(space, request, pages))
        return -ENOMEM;
    if (request->object != NULL && request->object->amap != NULL &&
        memobject_extend(request->object, request->object_offset + pages) != 0)
        return -ENOMEM;
    area = area_create(space, request, pages);
    if (area == NULL)
        return -ENOMEM;
    if (request->fixed) {
        int error =
            (address & PAGE_MASK) || address < MAP_BOTTOM ? -EINVAL : space_unmap(space, address, bytes);

        if (error != 0) {
            area_discard(area);
            return error;
        }
    } else {
        address = choose_place(space, address, bytes);
    }
    if (address == 0 || !is_free(space, address, bytes) || !promise(area)) {
        area_discard(area);
        return -ENOMEM;
    }
    area_enter(space, area, address);
    space_note_size(space);
    if (reserve_places_waiting(space, address) != 0) {
        space_unmap(space, address, bytes);
        return -ENOMEM;
    }
    area_merge_range(space, address, address + bytes);
    *result = address;
    if (request->populate || space->lock_future)
        populate(space, address, address + bytes, request->flags);
    return 0;
}

/* --- mprotect --- */

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
    if (!commit_needed(area->flags, area->object) && !has_anons(area))
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

/* Before the area becomes longer. 0, -EAGAIN (no memory: try again), -ENOMEM (so long no amap can be). */
static int prepare_growth(struct area *area, pgoff_t pages) {
    int error = own_amap(area);

    if (error == 0 && area->amap != NULL)
        error = amap_extend(area->amap, area->amap_offset + pages);
    return error == -ENOMEM ? -EAGAIN : error == -EFBIG ? -ENOMEM : error;
}

/* The same pages at another address: only the page tables notice, and they are a cache. */
static void move_area(struct space *space, struct area *area, vaddr_t address) {
    area_unmap_pages(space, area->start, area_end(area));
    area_take_out(space, area);
    area->start = address;
    area_insert(space, area);
}

static int remap_attempt(struct space *space, vaddr_t old, vaddr_t old_bytes, vaddr_t new_bytes,
                         unsigned flags, vaddr_t new_place, vaddr_t *result) {
    struct area *area = space_find(space, old);
    pgoff_t new_pages = (pgoff_t)(new_bytes >> PAGE_SHIFT);
    vaddr_t place = old;
    int error;

    if (area == NULL || area_end(area) - old < old_bytes)
        return -EFAULT;
    if (split_at_borders(space, old, old + old_bytes) != 0)
        return -EAGAIN;
    area = space_find(space, old);
    if (flags & REMAP_FIXED)
        place = new_place;
    else if (new_bytes > old_bytes && !is_free(space, old + old_bytes, new_bytes - old_bytes))
        place = flags & REMAP_MAYMOVE ? find_gap(space, new_bytes) : 0;
    if (place == 0 || (place != old && !is_free(space, place, new_bytes)))
        return -ENOMEM;
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
    vaddr_t place = find_gap(space, bytes);

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
    if (flags & REMAP_FIXED) {
        if (!(flags & REMAP_MAYMOVE) || area_range_check(new_place, new_length, &end) != 0 ||
            (new_place < old + old_bytes && old < end))
            return -EINVAL;
        error = space_unmap(space, new_place, new_bytes);
        if (error != 0)
            return error;
    }
    if (new_bytes < old_bytes) {
        error = space_unmap(space, old + new_bytes, old_bytes - new_bytes);
        if (error != 0)
            return error;
        old_bytes = new_bytes;
    }
    while ((error = remap_attempt(space, old, old_bytes, new_bytes, flags, new_place, result)) == -EAGAIN) {
        if (frames_wait_many(frames *= 2) != 0)
            return -ENOMEM;
    }
    return error;
}

/* --- msync, madvise, mincore --- */

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

/* --- brk --- */

void space_set_brk(struct space *space, vaddr_t start) {
    space->brk_start = space->brk = start;
}

/* The heap's pages from @from to @to, both page aligned: a new area, or the old one longer. */
static int heap_extend(struct space *space, vaddr_t from, vaddr_t to) {
    struct area *heap = from > 0 ? space_find(space, from - 1) : NULL;
    pgoff_t more = (pgoff_t)((to - from) >> PAGE_SHIFT);
    vaddr_t unused;

    if (heap != NULL && (heap->flags & AREA_HEAP)) {
        vaddr_t start = heap->start;
        pfn_t frames = 1;
        int error;

        while ((error = prepare_growth(heap, heap->pages + more)) != 0) {
            if (error != -EAGAIN || frames_wait_many(frames *= 2) != 0)
                return -ENOMEM;
            heap = space_find(space, from - 1); /* another thread may have changed the heap meanwhile */
            if (heap == NULL || !(heap->flags & AREA_HEAP) || !is_free(space, from, to - from))
                return -ENOMEM;
        }
        if ((heap->flags & AREA_PROMISED) && !commit_charge(more))
            return -ENOMEM;
        heap->pages += more;
        space_note_size(space);
        if (reserve_places_waiting(space, start) != 0) {
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

        if (!commit_possible(pages) || !is_free(space, from, to - from) || heap_extend(space, from, to) != 0)
            return space->brk;
    }
    space->brk = wanted;
    return wanted;
}
