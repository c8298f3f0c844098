/*
 * madvise: what a program knows about its use of memory and the kernel can only guess.
 *
 * No advice changes what a program computes, with one exception that it asks for: ADVISE_FREE gives pages
 * back without saying when. Such a page is made unmodified and loses its slot; if its frame is wanted before
 * the program writes to it again, the contents are gone and it reads as zeros.
 *
 * Source: madvise(2).
 */
#include "lib/errno.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/area.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/launder.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/swap.h"

/* A part of one area: pages [first, end) of it. */
struct part {
    struct space *space;
    struct area *area;
    pgoff_t first, end;
};

static vaddr_t address_of(const struct part *part, pgoff_t page) {
    return part->area->start + ((vaddr_t)page << PAGE_SHIFT);
}

static struct anon *anon_of(const struct part *part, pgoff_t page) {
    return part->area->amap == NULL ? NULL : amap_get(part->area->amap, part->area->amap_offset + page);
}

/* --- WILLNEED --- */

/* Starts reading the page from swap if it is there only and a frame is at hand. False: stop here. */
static bool start_swap_in(struct anon *anon) {
    if (anon->frame != NULL || anon->slot == 0)
        return true;
    if (!readahead_take_frame(anon))
        return false;
    swap_read(anon);
    return true;
}

/* swap_read() may sleep for a bio, so the area is found again for each page. */
static void will_need_anons(struct space *space, vaddr_t address, vaddr_t end) {
    for (; address < end; address += PAGE_SIZE) {
        struct part here = {space, space_find(space, address), 0, 0};
        struct anon *anon;

        if (here.area == NULL)
            return;
        anon = anon_of(&here, area_page(here.area, address));
        if (anon != NULL && !start_swap_in(anon))
            return;
    }
}

static void will_need(const struct part *part) {
    struct object *object = part->area->object;
    pgoff_t first = part->area->object_offset + part->first;
    vaddr_t start = address_of(part, part->first), end = address_of(part, part->end);

    if (object != NULL) {
        object_ref(object);
        object_readahead(object, first, part->end - part->first);
        object_unref(object);
    }
    will_need_anons(part->space, start, end);
}

/* --- FREE --- */

static void free_lazily(struct anon *anon) {
    struct frame *frame = anon->frame;

    if (anon->refs > 1 || (frame != NULL && (frame->state == FRAME_BUSY || frame->state == FRAME_PINNED)))
        return;
    if (frame != NULL) {
        if (frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN)
            frame_activate(frame, frame->set);
        frame_unmap_all(frame);
        frame->modified = false;
        frame->referenced = false;
    }
    anon_drop_slot(anon);
    anon->lazily_free = true;
}

static int free_part(const struct part *part) {
    if (part->area->object != NULL || (part->area->flags & (AREA_SHARED | AREA_LOCKED)))
        return -EINVAL;
    for (pgoff_t page = part->first; page < part->end; page++) {
        struct anon *anon = anon_of(part, page);

        if (anon != NULL)
            free_lazily(anon);
    }
    return 0;
}

/* --- COLD and PAGEOUT --- */

/* The frame shown at @address, if this is its only mapping: others may need it. */
static struct frame *only_mapped_here(const struct part *part, vaddr_t address) {
    pfn_t pfn;
    struct frame *frame;

    pmap_query(&part->space->pmap, address, &pfn);
    frame = &frame_table[pfn];
    return frame->map.next == NULL && frame->state == FRAME_ACTIVE ? frame : NULL;
}

/* COLD: the pages have not been used. */
static void cool(const struct part *part) {
    vaddr_t end = address_of(part, part->end);
    struct pmap *pmap = &part->space->pmap;

    for (vaddr_t at = pmap_next_present(pmap, address_of(part, part->first), end); at < end;
         at = pmap_next_present(pmap, at + PAGE_SIZE, end)) {
        struct frame *frame = only_mapped_here(part, at);

        if (frame != NULL)
            frame_test_referenced(frame);
    }
}

/* Up to a cluster of pages of [@at, @end) leave for the pool; where it stopped. */
static vaddr_t evict_some(const struct part *part, vaddr_t at, vaddr_t end) {
    struct pmap *pmap = &part->space->pmap;
    unsigned evicted = 0;

    for (at = pmap_next_present(pmap, at, end); at < end && evicted < SWAP_CLUSTER_MAX;
         at = pmap_next_present(pmap, at + PAGE_SIZE, end)) {
        struct frame *frame = only_mapped_here(part, at);

        if (frame == NULL)
            continue;
        frame_unmap_all(frame);
        frame_to_pool(frame);
        count(COUNT_PGEVICT);
        evicted++;
    }
    return at;
}

/*
 * PAGEOUT: a cluster at a time, so that the disk writes one while the next is unmapped. Files' pages are left to the
 * daemon. While a bio is waited for another thread may change the areas: this one is found again each time.
 */
static void page_out(const struct part *part) {
    struct part here = *part;
    vaddr_t at = address_of(part, part->first), end = address_of(part, part->end);

    while (at < end) {
        here.area = space_find(here.space, at);
        if (here.area == NULL || (here.area->flags & AREA_LOCKED))
            break;
        at = evict_some(&here, at, MIN(end, area_end(here.area)));
        launder_anons();
    }
    pageout_launder();
}

/* --- all of them --- */

static int advise_part(const struct part *part, enum advice advice) {
    switch (advice) {
    case ADVISE_NOTHING:
        return 0;
    case ADVISE_NORMAL:
        part->area->advice = ADVICE_NORMAL;
        return 0;
    case ADVISE_SEQUENTIAL:
        part->area->advice = ADVICE_SEQUENTIAL;
        return 0;
    case ADVISE_RANDOM:
        part->area->advice = ADVICE_RANDOM;
        return 0;
    case ADVISE_WILLNEED:
        will_need(part);
        return 0;
    case ADVISE_FREE:
        return free_part(part);
    case ADVISE_COLD:
    case ADVISE_PAGEOUT:
        if (part->area->flags & AREA_LOCKED)
            return -EINVAL;
        if (advice == ADVISE_PAGEOUT)
            page_out(part);
        else
            cool(part);
        return 0;
    }
    return -EINVAL;
}

static bool changes_area(enum advice advice) {
    return advice == ADVISE_NORMAL || advice == ADVISE_SEQUENTIAL || advice == ADVISE_RANDOM;
}

int space_advise(struct space *space, vaddr_t address, size_t length, enum advice advice) {
    vaddr_t first = address, end;
    int error = area_range_check(address, length, &end), result = 0;

    may_sleep();
    if (error == 0 && address < end && changes_area(advice))
        error = area_split_for_range(space, address, end);
    if (error != 0)
        return error;
    while (address < end) {
        struct part part = {.space = space, .area = space_find_from(space, address)};
        vaddr_t stop;

        if (part.area == NULL || part.area->start >= end)
            return -ENOMEM;
        if (part.area->start > address) {
            result = -ENOMEM; /* a hole; the rest is done all the same */
            address = part.area->start;
        }
        stop = MIN(end, area_end(part.area));
        part.first = area_page(part.area, address);
        part.end = part.first + (pgoff_t)((stop - address) >> PAGE_SHIFT);
        error = advise_part(&part, advice);
        if (error != 0)
            return error;
        address = stop;
    }
    if (changes_area(advice))
        area_merge_range(space, first, end);
    return result;
}
