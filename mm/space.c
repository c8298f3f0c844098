/*
 * Address spaces: creation, copying, lookup, and the end.
 *
 * A space is a sorted list of areas and a page table. The page table starts empty and is filled by faults,
 * also after fork: the child gets a copy of the directory of its pages (the amaps), not of the pages and not
 * of the page tables.
 */
#include "mm/space.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/areatree.h"
#include "mm/commit.h"
#include "mm/fault_times.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/pin.h"
#include "mm/policy.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/swap.h"
#include "mm/swapper.h"
#include "mm/vm.h"

struct list spaces = LIST_INITIALIZER(spaces);

struct space *space_create(void) {
    struct space *space = kmalloc(sizeof(*space));

    if (space == NULL)
        return NULL;
    if (pmap_create(&space->pmap) != 0) {
        kfree(space);
        return NULL;
    }
    list_init(&space->areas);
    space->refs = 1;
    space->map_top = USER_TOP;
    list_add_tail(&spaces, &space->link);
    scope_enter(space);
    return space;
}

void space_ref(struct space *space) {
    space->refs++;
}

void space_unref(struct space *space) {
    ASSERT(space->refs > 0);
    if (--space->refs > 0)
        return;
    may_sleep();
    reftrace_stop(space);
    fault_times_leave(space);
    while (!list_empty(&space->areas))
        area_destroy(space, list_first(&space->areas, struct area, link));
    ASSERT(space->pmap.resident == 0);
    list_remove(&space->link);
    scope_leave(space);
    swapper_forget(space);
    pmap_destroy(&space->pmap);
    kfree(space);
}

void space_activate(struct space *space) {
    if (space != NULL)
        loadcontrol_ran(space);
    pmap_activate(space == NULL ? NULL : &space->pmap);
}

/* --- lookup --- */

struct area *space_next(struct space *space, struct area *area) {
    return area->link.next == &space->areas ? NULL : list_next(area, struct area, link);
}

struct area *space_find_from(struct space *space, vaddr_t address) {
    struct area *last = space->last;

    if (last != NULL && address >= last->start && address < area_end(last))
        return last;
    struct area *area = areatree_at_or_below(space->tree, address);

    if (area == NULL)
        area = list_empty(&space->areas) ? NULL : list_first(&space->areas, struct area, link);
    else if (area_end(area) <= address)
        area = space_next(space, area);
    if (area != NULL)
        space->last = area;
    return area;
}

struct area *space_find_anew(struct space *space, vaddr_t address) {
    struct area *area = space_find_from(space, address);

    return area != NULL && area->start <= address ? area : NULL;
}

/* --- the stack --- */

int space_make_stack(struct space *space, vaddr_t top, size_t limit) {
    pgoff_t most = (pgoff_t)(PAGE_UP(limit) >> PAGE_SHIFT);
    pgoff_t pages = MIN(most, 32u);
    struct amap *amap;
    struct area *area;

    may_sleep();
    while ((amap = amap_create(most)) == NULL)
        if (frames_wait(USE_KERNEL) != 0)
            return -ENOMEM;
    while ((area = kmalloc_try(sizeof(*area))) == NULL) {
        if (frames_wait(USE_KERNEL) != 0) {
            amap_unref(amap);
            return -ENOMEM;
        }
    }
    *area = (struct area){.start = top - ((vaddr_t)pages << PAGE_SHIFT),
                          .pages = pages,
                          .flags = AREA_READ | AREA_WRITE | AREA_EXEC | AREA_MAYWRITE | AREA_GROWSDOWN,
                          .amap = amap,
                          .amap_offset = most - pages};
    if (!commit_charge_area(area)) {
        amap_unref(amap);
        kfree(area);
        return -ENOMEM;
    }
    space->stack_limit = top - ((vaddr_t)most << PAGE_SHIFT);
    area_insert(space, area);
    return 0;
}

#define STACK_GAP   ((vaddr_t)1 << 20) /* kept free below a stack, so that an overflow is noticed */
#define GROWTH_ROOM ((pgoff_t)(8u << 20) / PAGE_SIZE) /* pages that an area of MAP_GROWSDOWN may grow to */

/*
 * Room for @more entries before the area's first. A stack of exec's has it; other areas get it now, or not.
 */
static bool room_below(struct area *area, pgoff_t more) {
    if (area->amap == NULL || more <= area->amap_offset)
        return true;
    if (area->amap->refs > 1 || area->pages + more > GROWTH_ROOM)
        return false;
    if (area->amap->pages + GROWTH_ROOM > AMAP_PAGES_MAX || amap_room_before(area->amap, GROWTH_ROOM) != 0)
        return false;
    area->amap_offset += GROWTH_ROOM;
    return true;
}

bool space_grow_stack(struct space *space, vaddr_t address) {
    struct area *area = space_find_from(space, address);
    vaddr_t start = PAGE_DOWN(address), below = 0;

    if (area == NULL || !(area->flags & AREA_GROWSDOWN) || start >= area->start)
        return false;
    if (area->link.prev != &space->areas)
        below = area_end(list_entry(area->link.prev, struct area, link));
    if (start < below + STACK_GAP || (area_end(area) > space->stack_limit && start < space->stack_limit))
        return false;
    pgoff_t more = (pgoff_t)((area->start - start) >> PAGE_SHIFT);
    if ((area->flags & AREA_LOCKED) && !lock_allowed(space, more))
        return false;
    if (!room_below(area, more) || ((area->flags & AREA_PROMISED) && !commit_charge(more)))
        return false;
    area->start = start;
    area->pages += more;
    space_note_size(space);
    area->amap_offset -= area->amap == NULL ? 0 : more;
    return true;
}

/* --- fork --- */

/* What the child's area shares with, or copies from, the parent's. 0 or -ENOMEM. Its amap_offset is the same. */
static int fork_amap(struct space *parent, struct area *area, struct area *copy) {
    if (area->flags & AREA_SHARED) {
        copy->amap = area->amap;
        if (area->amap != NULL)
            amap_ref(area->amap);
        return 0;
    }
    if (area->amap == NULL)
        return 0;
    copy->amap = amap_copy(area->amap, area->amap_offset, area->pages, area->amap_offset, area->amap->pages);
    if (copy->amap == NULL)
        return -ENOMEM;
    if (pin_copy_for_fork(copy->amap) != 0) {
        amap_unref(copy->amap);
        return -ENOMEM;
    }
    area_write_protect(parent, area); /* a store to a page that is now in two amaps must fault */
    return 0;
}

static int fork_area(struct space *parent, struct space *child, struct area *area) {
    struct area *copy = kmalloc_try(sizeof(*copy));

    if (copy == NULL)
        return -ENOMEM;
    *copy = *area;
    copy->flags &= ~(unsigned)(AREA_LOCKED | AREA_PROMISED); /* locks are not inherited */
    copy->amap = NULL;
    if (((area->flags & AREA_PROMISED) && !commit_charge(area->pages))) {
        kfree(copy);
        return -ENOSPC;
    }
    copy->flags |= area->flags & AREA_PROMISED;
    if (fork_amap(parent, area, copy) != 0) {
        commit_uncharge_area(copy);
        kfree(copy);
        return -ENOMEM;
    }
    area_ref_object(copy);
    area_insert(child, copy);
    return 0;
}

/* Copies every area, or as many as there was memory for without sleeping (-ENOMEM), or may be promised. */
static int fork_areas(struct space *parent, struct space *child) {
    list_for_each (area, &parent->areas, struct area, link) {
        int error = fork_area(parent, child, area);

        if (error != 0)
            return error;
    }
    return 0;
}

/* What a failed attempt has copied goes again. */
static void fork_undo(struct space *child) {
    while (!list_empty(&child->areas))
        area_destroy(child, list_first(&child->areas, struct area, link));
}

struct space *space_fork(struct space *parent) {
    struct space *child = space_create();
    pfn_t frames = 2;
    int error;

    if (child == NULL)
        return NULL;
    /*
     * All areas at one go or not at all: another thread of the parent may change them while this one
     * sleeps.
     */
    while ((error = fork_areas(parent, child)) != 0) {
        fork_undo(child);
        if (error != -ENOMEM || frames_wait_many(frames *= 2) != 0 ||
            (vm_options.swap_static && swap_run_available(AMAP_CHUNK) < AMAP_CHUNK)) {
            space_unref(child);
            return NULL;
        }
    }
    space_note_size(child);
    child->brk_start = parent->brk_start;
    child->brk = parent->brk;
    child->map_top = parent->map_top;
    child->stack_limit = parent->stack_limit;
    child->code_start = parent->code_start;
    child->code_end = parent->code_end;
    child->data_start = parent->data_start;
    child->data_end = parent->data_end;
    child->stack_start = parent->stack_start;
    child->arg_start = parent->arg_start;
    child->arg_end = parent->arg_end;
    child->env_start = parent->env_start;
    child->env_end = parent->env_end;
    fault_times_fork(child, parent);
    scope_inherit(child, parent);
    return child;
}

/* --- figures --- */

static void count_anons(const struct area *area, struct space_usage *usage) {
    pgoff_t end = area->amap_offset + area->pages;

    for (pgoff_t i = amap_next(area->amap, area->amap_offset, end); i < end;
         i = amap_next(area->amap, i + 1, end))
        if (amap_get(area->amap, i)->frame == NULL)
            usage->swapped++;
}

void space_note_size(struct space *space) {
    pgoff_t pages = 0;

    list_for_each (area, &space->areas, struct area, link)
        pages += area->pages;
    space->peak_virtual = MAX(space->peak_virtual, pages);
}

static void count_resident(const struct space *space, const struct area *area, struct space_usage *usage) {
    vaddr_t end = area_end(area);

    for (vaddr_t at = pmap_next_present(&space->pmap, area->start, end); at < end;
         at = pmap_next_present(&space->pmap, at + PAGE_SIZE, end)) {
        pfn_t pfn;
        bool own;

        pmap_query(&space->pmap, at, &pfn);
        own = !(area->flags & AREA_SHARED) && area->amap != NULL &&
              amap_get(area->amap, area->amap_offset + area_page(area, at)) != NULL;
        usage->of_files += frame_table[pfn].owner == OWNER_OBJECT;
        usage->shared += frame_table[pfn].owner == OWNER_ANON && !own;
    }
}

void space_usage(struct space *space, struct space_usage *usage) {
    *usage = (struct space_usage){.resident = space->pmap.resident};
    list_for_each (area, &space->areas, struct area, link) {
        usage->virtual += area->pages;
        count_resident(space, area, usage);
        if (area->amap != NULL)
            count_anons(area, usage);
    }
}
