/* The swapper: see mm/swapper.h. */
#include "mm/swapper.h"

#include "drivers/block.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/refault.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

/* --- the record: a bit for each page, in pieces of 4 MiB of address space, in the order of addresses --- */

#define PIECE_PAGES 1024u

struct residents {
    struct residents *next;
    vaddr_t base;
    uint32_t bits[PIECE_PAGES / 32];
};

static bool is_recorded(const struct residents *piece, unsigned page) {
    return piece->bits[page / 32] >> (page % 32) & 1;
}

static vaddr_t piece_address(const struct residents *piece, unsigned page) {
    return piece->base + ((vaddr_t)page << PAGE_SHIFT);
}

/* The piece for @address; NULL: there is no memory for it, and what lies there is not prepaged. */
static struct residents *piece_for(struct space *space, vaddr_t address) {
    vaddr_t base = address & ~(((vaddr_t)PIECE_PAGES << PAGE_SHIFT) - 1);
    struct residents **at = &space->residents;
    struct residents *piece;

    while (*at != NULL && (*at)->base < base)
        at = &(*at)->next;
    if (*at != NULL && (*at)->base == base)
        return *at;
    piece = kmalloc_try(sizeof(*piece));
    if (piece == NULL)
        return NULL;
    piece->base = base;
    piece->next = *at;
    *at = piece;
    return piece;
}

static void record(struct space *space, vaddr_t address) {
    struct residents *piece = piece_for(space, address);
    unsigned page;

    if (piece == NULL)
        return;
    page = (unsigned)((address - piece->base) >> PAGE_SHIFT);
    piece->bits[page / 32] |= 1u << (page % 32);
}

static void record_mapped(vaddr_t address, pfn_t pfn UNUSED, unsigned bits UNUSED, void *data) {
    record(data, address);
}

/* The page is in memory and in use, or has been taken from its program since that was last brought in. */
static bool was_in_use(const struct space *space, struct anon *anon) {
    const struct frame *frame = anon->frame;
    uint32_t evicted;

    if (frame != NULL && frame->prepaged)
        return false;
    if (frame != NULL && (frame->state == FRAME_ACTIVE || (frame->state == FRAME_BUSY && frame->resume)))
        return true;
    return refault_known(page_identity(anon, 0), &evicted) &&
           (int32_t)(evicted - (uint32_t)space->load.entered) >= 0;
}

static bool record_anon(struct space *space, vaddr_t address, struct anon *anon) {
    struct frame *frame = anon->frame;

    if (was_in_use(space, anon)) {
        record(space, address);
        return true;
    }
    if (frame != NULL && frame->prepaged && frame->state == FRAME_ACTIVE)
        pageout_evict(frame); /* read back the last time, and not used since */
    return false;
}

static bool is_missed(struct space *space, vaddr_t address UNUSED, struct anon *anon) {
    return was_in_use(space, anon) && (anon->frame == NULL || !frame_mapped(anon->frame));
}

/* Calls @visit for each anonymous page in the areas' own maps: for how many did it say true? */
static unsigned visit_anons(struct space *space, bool (*visit)(struct space *, vaddr_t, struct anon *)) {
    unsigned total = 0;

    list_for_each (area, &space->areas, struct area, link) {
        pgoff_t first = area->amap_offset, end = first + area->pages;

        if (area->amap == NULL)
            continue;
        for (pgoff_t i = amap_next(area->amap, first, end); i < end; i = amap_next(area->amap, i + 1, end))
            total +=
                visit(space, area->start + ((vaddr_t)(i - first) << PAGE_SHIFT), amap_get(area->amap, i));
    }
    return total;
}

/* A page that is mapped is recorded, and an anonymous one also if it is not mapped but in use. */
static void record_all(struct space *space) {
    pmap_walk(&space->pmap, record_mapped, space);
    visit_anons(space, record_anon);
}

unsigned swapper_working_set(struct space *space) {
    return space->pmap.resident + visit_anons(space, is_missed);
}

unsigned swapper_recorded(const struct space *space) {
    unsigned total = 0;

    for (const struct residents *piece = space->residents; piece != NULL; piece = piece->next)
        for (unsigned word = 0; word < PIECE_PAGES / 32; word++)
            total += (unsigned)__builtin_popcount(piece->bits[word]);
    return total;
}

void swapper_forget(struct space *space) {
    while (space->residents != NULL) {
        struct residents *piece = space->residents;

        space->residents = piece->next;
        kfree(piece);
    }
}

/* The anon of the page at @address, or NULL; *@area: its area, or NULL. */
static struct anon *anon_at(struct space *space, vaddr_t address, struct area **area) {
    *area = space_find(space, address);
    if (*area == NULL || (*area)->amap == NULL)
        return NULL;
    return amap_get((*area)->amap, (*area)->amap_offset + area_page(*area, address));
}

/* --- out --- */

/* Anonymous pages on their way to swap together. */
struct cluster {
    struct frame *frames[SWAP_CLUSTER_MAX];
    unsigned total;
};

/* They lie on swap as they should, side by side in the order of their addresses. */
static bool lies_in_order(const struct cluster *cluster) {
    for (unsigned i = 0; i < cluster->total; i++) {
        const struct anon *anon = cluster->frames[i]->anon;

        if (anon->slot == 0 || frame_test_modified(cluster->frames[i]))
            return false;
        if (i > 0 && anon->slot != cluster->frames[i - 1]->anon->slot + 1)
            return false;
    }
    return true;
}

/* Is there room to move pages about on swap for the sake of their order? */
static bool may_reorder(void) {
    return !vm_options.swap_static && swap_free_slots() >= swap_total() / 4;
}

/* All leave for the pool; those that must be written are, as far as swap has room side by side. */
static void cluster_out(struct cluster *cluster) {
    struct frame *dirty[SWAP_CLUSTER_MAX];
    bool reorder = !lies_in_order(cluster) && may_reorder();
    unsigned total = 0;

    for (unsigned i = 0; i < cluster->total; i++) {
        struct frame *frame = cluster->frames[i];

        frame->modified |= reorder;
        pageout_evict(frame);
        if (frame->state == FRAME_DIRTY)
            dirty[total++] = frame;
    }
    cluster->total = 0;
    if (total > 0)
        swap_write(dirty, total);
}

/*
 * The frame of the page at @address, if it is in memory, may be moved, and is nobody else's; nor another
 * address's, so that no page is met twice.
 */
static struct frame *own_frame(struct space *space, vaddr_t address) {
    struct area *area;
    struct anon *anon = anon_at(space, address, &area);
    struct frame *frame = NULL;

    if (anon != NULL)
        frame = anon->frame;
    else if (area != NULL && area->object != NULL && area->object->amap == NULL)
        frame = object_lookup(area->object, area->object_offset + area_page(area, address));
    if (frame == NULL || frame->state != FRAME_ACTIVE)
        return NULL;
    if (frame_mapped(frame))
        return frame->map.space == space && frame->map.address == address && frame->map.next == NULL ? frame
                                                                                                     : NULL;
    return anon != NULL && anon->refs == 1 && area->amap->refs == 1 ? frame : NULL;
}

static void page_out(struct space *space, vaddr_t address, struct cluster *cluster) {
    struct frame *frame = own_frame(space, address);

    if (frame == NULL)
        return;
    if (frame->owner != OWNER_ANON || frame->anon->lazily_free) {
        pageout_evict(frame); /* unmodified, or the daemon's to write */
        return;
    }
    cluster->frames[cluster->total++] = frame;
    if (cluster->total == SWAP_CLUSTER_MAX)
        cluster_out(cluster);
}

/* Every recorded page that is in memory leaves. The record stays as it is: only this thread changes it. */
static void recorded_out(struct space *space) {
    struct cluster cluster = {.total = 0};

    for (struct residents *piece = space->residents; piece != NULL; piece = piece->next)
        for (unsigned page = 0; page < PIECE_PAGES; page++)
            if (is_recorded(piece, page))
                page_out(space, piece_address(piece, page), &cluster);
    cluster_out(&cluster);
}

void swapper_out(struct space *space) {
    may_sleep();
    swapper_forget(space);
    record_all(space);
    recorded_out(space);
    if (frame_count(FRAME_DIRTY) > 0)
        pageout_launder();
}

/* --- in --- */

/* Pages that are read together: their frames are BUSY. */
struct batch {
    struct anon *anons[SWAP_CLUSTER_MAX];
    unsigned total;
    pfn_t room; /* frames that the space may still have: one page does not come at the cost of another */
};

static void batch_in(struct batch *batch) {
    block_plug();
    for (unsigned i = 0; i < batch->total; i++)
        swap_read(batch->anons[i]);
    block_unplug();
    batch->total = 0;
}

static bool on_swap_only(const struct anon *anon) {
    return anon != NULL && anon->frame == NULL && anon->slot != 0 && !anon->read_error;
}

/* A frame for the anon, BUSY. False: none can be had now. */
static bool take_frame(struct space *space, struct anon *anon) {
    struct frame *frame = frame_take(USE_USER);

    if (frame == NULL)
        return false;
    frame->set = space->set;
    frame->prepaged = true;
    anon_set_frame(anon, frame);
    count(COUNT_PREPAGE_SWAP);
    return true;
}

/* If the page of the anon is still in the pool: taken back, before its frame is given to another. */
static bool reclaim(struct space *space, struct anon *anon) {
    struct frame *frame = anon->frame;

    if (frame->state != FRAME_DIRTY && frame->state != FRAME_CLEAN)
        return false;
    count(COUNT_PGRECLAIM_KERNEL);
    frame_activate(frame, space->set);
    return true;
}

/*
 * The page joins the batch if it is on swap. Waiting for a frame lets go of everything, so the page is looked
 * up again. False: there is no room for more, or the process has been killed.
 */
static bool page_in(struct space *space, vaddr_t address, struct batch *batch) {
    struct area *area;
    struct anon *anon;

    if (batch->room == 0)
        return false;
    while (on_swap_only(anon = anon_at(space, address, &area))) {
        if (take_frame(space, anon)) {
            batch->anons[batch->total++] = anon;
            batch->room--;
            break;
        }
        batch_in(batch);
        if (frames_wait(USE_USER) != 0)
            return false;
    }
    if (anon != NULL && anon->frame != NULL)
        batch->room -= reclaim(space, anon);
    if (batch->total == SWAP_CLUSTER_MAX)
        batch_in(batch);
    return !wait_killed();
}

/*
 * File pages go by the way of read-ahead: into the pool, where their faults find them. Another thread, in a call,
 * may unmap them while a bio is waited for.
 */
static void file_page_in(struct space *space, vaddr_t address) {
    struct area *area;
    struct object *object;
    pgoff_t index;

    if (anon_at(space, address, &area) != NULL || area == NULL || area->object == NULL)
        return;
    object = area->object;
    index = area->object_offset + area_page(area, address);
    object_ref(object);
    object_readahead(object, index, 1);
    object_unref(object);
}

/* Calls @visit for each page of the record until it says false. */
static void for_each_recorded(struct space *space, bool (*visit)(struct space *, vaddr_t, struct batch *),
                              struct batch *batch) {
    for (struct residents *piece = space->residents; piece != NULL; piece = piece->next)
        for (unsigned page = 0; page < PIECE_PAGES; page++)
            if (is_recorded(piece, page) && !visit(space, piece_address(piece, page), batch))
                return;
}

static bool file_in(struct space *space, vaddr_t address, struct batch *batch UNUSED) {
    file_page_in(space, address);
    return !wait_killed();
}

/* The program's first touch of it would wait anyway, and then count as a fault. */
static bool wait_until_in(struct space *space, vaddr_t address, struct batch *batch UNUSED) {
    struct area *area;
    struct anon *anon = anon_at(space, address, &area);

    if (anon != NULL && anon->frame != NULL && anon->frame->state == FRAME_BUSY)
        frame_wait(anon->frame);
    return !wait_killed();
}

void swapper_in(struct space *space) {
    struct batch batch = {.room = scope_room(space)};

    may_sleep();
    for_each_recorded(space, page_in, &batch);
    batch_in(&batch);
    block_plug();
    for_each_recorded(space, file_in, NULL);
    block_unplug();
    for_each_recorded(space, wait_until_in, NULL);
}
