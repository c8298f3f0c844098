/*
 * Laundering: DIRTY pages are written and become CLEAN, many at a time.
 *
 *     anonymous pages   those at the head of the DIRTY list, sorted by address, to slots side by side: neighbours in
 *                       memory become neighbours on swap, where read-ahead finds them together
 *     file pages        with their DIRTY neighbours in the file
 *
 * And modified pages that stay in memory: while the machine is idle, and where the policy keeps them for longer than plain
 * clock would.
 *
 * A cluster is one request to the disk, which costs much the same however long it is. Only unmapped frames are ever
 * written, so nothing can change a page while the disk reads it; all of a cluster are BUSY before the first bio may
 * have to be waited for, so several threads may launder at a time.
 *
 * Source: UVM's clustered page-out (Cranor, "Design and Implementation of the UVM Virtual Memory System", 1998).
 */
#include "mm/launder.h"

#include "drivers/block.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/policy.h"
#include "mm/swap.h"
#include "mm/unit.h"
#include "mm/vm.h"

static pfn_t early_cursor; /* early cleaning goes round the frame table */

/*
 * The anonymous pages at the head of the DIRTY list, up to a cluster, in the order of their addresses: pages
 * that are neighbours in memory become neighbours on swap, where read-ahead can fetch them together. Those of
 * a paging unit, which stand together on the list, stay together.
 */
static unsigned gather_anons(struct frame **cluster, unsigned most) {
    unsigned found = 0, unit = vm_options.unit;
    const struct frame *last = NULL;

    list_for_each (frame, frame_list(FRAME_DIRTY), struct frame, link) {
        unsigned at = found;

        if (frame->owner != OWNER_ANON)
            continue;
        if (found == most || (found > 0 && found + unit > most && !unit_same(last, frame)))
            break;
        for (; at > 0 && cluster[at - 1]->index / unit > frame->index / unit; at--)
            cluster[at] = cluster[at - 1];
        last = frame;
        cluster[at] = frame;
        found++;
    }
    return found;
}

/* Swap is full: they go back, to be asked again when something has been freed. */
static void take_back(struct frame **frames, unsigned total) {
    for (unsigned i = 0; i < total; i++)
        frame_activate(frames[i], frames[i]->set);
}

unsigned launder_anons(void) {
    struct frame *cluster[SWAP_CLUSTER_MAX];
    unsigned found = gather_anons(cluster, MIN(vm_options.cluster, SWAP_CLUSTER_MAX));
    unsigned started = found == 0 ? 0 : swap_write(cluster, found);

    if (started == 0)
        take_back(cluster, found);
    return started;
}

static bool is_dirty_page(struct object *object, pgoff_t index) {
    struct frame *frame = object_lookup(object, index);

    return frame != NULL && frame->state == FRAME_DIRTY;
}

/* The file page and its DIRTY neighbours, in one put. */
static unsigned launder_object(struct frame *frame) {
    struct frame *cluster[SWAP_CLUSTER_MAX];
    struct object *object = frame->object;
    unsigned most = MIN(vm_options.cluster, SWAP_CLUSTER_MAX), found = 0;
    pgoff_t index = frame->index;

    while (index > 0 && frame->index - index < most / 2 && is_dirty_page(object, index - 1))
        index--;
    while (found < most && is_dirty_page(object, index))
        cluster[found++] = object_lookup(object, index++);
    object_ref(object);
    object_put_frames(object, cluster, found);
    object_unref(object);
    return found;
}

STOP_POINT void launder_all(void) {
    unsigned more = 1;

    block_plug(); /* clusters side by side are one command */
    while (more > 0 && !list_empty(frame_list(FRAME_DIRTY))) {
        struct frame *frame = list_first(frame_list(FRAME_DIRTY), struct frame, link);

        more = frame->owner == OWNER_ANON ? launder_anons() : launder_object(frame);
    }
    block_unplug();
}

/* --- early --- */

unsigned launder_early(void) {
    struct frame *cluster[SWAP_CLUSTER_MAX];
    unsigned found = 0, most = MIN(vm_options.cluster, SWAP_CLUSTER_MAX);

    for (pfn_t looked = 0; looked < frame_total && found < most; looked++) {
        struct frame *frame = &frame_table[early_cursor];

        early_cursor = (early_cursor + 1) % frame_total;
        if (frame->state != FRAME_ACTIVE || frame->owner != OWNER_ANON || frame->set->traced ||
            !frame_test_modified(frame))
            continue;
        frame_unmap_all(frame);
        cluster[found++] = frame;
    }
    if (found > 0)
        count_add(COUNT_PGCLEANED_EARLY, swap_write(cluster, found));
    return found;
}

/* --- overdue --- */

/* With swap=static a page that has no place of its own gets one when it must go. */
static bool has_place(const struct frame *frame) {
    return frame->owner == OWNER_ANON && (!vm_options.swap_static || frame->anon->home != 0);
}

/* Up to @most such pages of the set, unmapped. How many. */
static unsigned gather_overdue(struct set *set, struct frame **cluster, unsigned most) {
    unsigned found = 0;
    struct frame *frame;

    if (set->policy->overdue == NULL || set->traced)
        return 0;
    while (found < most && (frame = set->policy->overdue(set)) != NULL) {
        if (!has_place(frame))
            continue;
        frame_unmap_all(frame);
        cluster[found++] = frame;
    }
    return found;
}

/* A cluster. The pages found. Where swap is short, its places are for those that must go. */
static unsigned launder_overdue_cluster(void) {
    struct frame *cluster[SWAP_CLUSTER_MAX];
    unsigned found = 0, most = MIN(vm_options.cluster, SWAP_CLUSTER_MAX);

    if (!vm_options.early_clean || swap_free_slots() < frames_pageable() / 2)
        return 0;
    if (!vm_options.swap_static) /* they have been named: all that are unmapped must be written */
        most = MIN(most, swap_run_available(most));
    list_for_each (set, &sets, struct set, link)
        found += gather_overdue(set, cluster + found, most - found);
    if (found > 0)
        count_add(COUNT_PGCLEANED_OVERDUE, swap_write(cluster, found));
    return found;
}

void launder_overdue(pfn_t most) {
    unsigned found = 1;

    block_plug();
    for (pfn_t total = 0; total < most && found > 0; total += found)
        found = launder_overdue_cluster();
    block_unplug();
}
