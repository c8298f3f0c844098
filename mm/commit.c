/*
 * Promises of memory.
 *
 * Programs reserve much and touch little, so by default (commit=lazy) memory is promised freely, and refused
 * is only what all frames and all swap together could never hold. If programs then touch more than there is,
 * the largest is killed.
 *
 * With commit=strict a promise is kept. Every page that may come to need a place of its own is counted when
 * it is promised: the pages of a private area that may be written to (mmap, mprotect, mremap, brk, fork, a
 * stack that grows), shared anonymous memory and System V segments whole, a file in memory page by page. The
 * call that would go over the limit fails with -ENOMEM, a stack that cannot grow is SIGSEGV, and nobody is
 * killed. What a private mapping of a file only reads, and what is shared with a file, has its place there.
 *
 * The limit is what can be held at the same time with some frames left over, through which pages move:
 *
 *     slots of swap + pageable frames
 *         - the reserves of mm/frame.c, and the pages of one instruction
 *         - frames that the kernel has taken of the pageable ones
 *         - what the books of the promised pages need: anons, and the directory of each area
 *         - locked pages that are not promised ones (a file's): they occupy frames for good
 *         - room in which the kernel's own short-lived needs come and go
 *
 * A page that is in memory and has a slot as well counts once: when swap is full it can be written over its
 * older self, so its frame is no obstacle. A locked page gives up its slot for that reason (mm/rmap.c).
 *
 * Differs from Linux: the limit is not a percentage of memory, and areas that are only readable count where
 * reading makes pages (there is no shared page of zeros).
 *
 * Source: Linux, Documentation/mm/overcommit-accounting.rst, mode 2.
 */
#include "mm/commit.h"

#include "lib/log.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"

#define PAGES_PER_BOOK_FRAME (PAGE_SIZE / (sizeof(struct anon) + 2 * sizeof(void *)))
#define AREAS_PER_BOOK_FRAME 2u /* an amap, and the chunk of its directory that is not full */
#define KERNEL_ROOM_MIN      12u

static pgoff_t promised;

bool commit_needed(unsigned flags, const struct object *object) {
    if (flags & (AREA_SHARED | AREA_NORESERVE))
        return false;
    if (flags & AREA_WRITE)
        return true;
    if (!(flags & AREA_PROTECTION))
        return false;
    return object == NULL || object->amap != NULL || ((flags & AREA_IMAGE) && vm_options.load != LOAD_FILE);
}

/* What is counted anew at each question, as only commit=strict asks. */
struct survey {
    pgoff_t areas;           /* that have been promised something */
    pgoff_t locked_unstored; /* pages of locked areas that are not promised ones */
};

static struct survey look_at_areas(void) {
    struct survey survey = {0};

    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            if (area->flags & AREA_PROMISED)
                survey.areas++;
            else if ((area->flags & AREA_LOCKED) && area->object != NULL && area->object->amap == NULL)
                survey.locked_unstored += area->pages;
        }
    }
    return survey;
}

/* Pages that could be held with @spare frames left over. */
static pgoff_t capacity(pfn_t spare) {
    struct survey survey = look_at_areas();
    pgoff_t room = swap_total() + frames_pageable();
    pgoff_t taken = frames_reserved() + FRAMES_PER_INSTRUCTION + spare + frames_of_kernel() +
                    survey.areas / AREAS_PER_BOOK_FRAME + survey.locked_unstored;

    room -= MIN(room, taken);
    return room - room / PAGES_PER_BOOK_FRAME;
}

static pfn_t kernel_room(void) {
    return MAX(KERNEL_ROOM_MIN, frames_pageable() / 32);
}

pgoff_t commit_limit(void) {
    return capacity(kernel_room());
}

pgoff_t commit_promised(void) {
    return promised;
}

bool commit_possible(pgoff_t pages) {
    pgoff_t most = vm_options.commit_strict ? commit_limit() : frames_pageable() + swap_total();
    pgoff_t before = vm_options.commit_strict ? promised : 0;

    return pages == 0 || (pages <= most && before <= most - pages);
}

bool commit_charge(pgoff_t pages) {
    if (!commit_possible(pages))
        return false;
    promised += pages;
    return true;
}

void commit_one(bool is, bool was) {
    promised += is;
    promised -= was;
}

void commit_uncharge(pgoff_t pages) {
    ASSERT(pages <= promised);
    promised -= pages;
}

bool commit_charge_area(struct area *area) {
    if ((area->flags & AREA_PROMISED) || !commit_needed(area->flags, area->object))
        return true;
    if (!commit_charge(area->pages))
        return false;
    area->flags |= AREA_PROMISED;
    return true;
}

void commit_uncharge_area(struct area *area) {
    if (area->flags & AREA_PROMISED)
        commit_uncharge(area->pages);
    area->flags &= ~(unsigned)AREA_PROMISED;
}

pgoff_t commit_charged(struct space *space, vaddr_t address, vaddr_t end) {
    pgoff_t pages = 0;

    for (struct area *area = space_find_from(space, address); area != NULL && area->start < end;
         area = space_next(space, area))
        if (area->flags & AREA_PROMISED)
            pages += (pgoff_t)((MIN(end, area_end(area)) - MAX(address, area->start)) >> PAGE_SHIFT);
    return pages;
}

bool commit_spares_frame(void) {
    return !vm_options.commit_strict || promised < capacity(1);
}
