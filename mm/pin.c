/*
 * Pinned pages: how a disk may read and write a program's memory without a copy.
 *
 * A page is faulted in as if the program had touched it, which also breaks copy-on-write where the disk will
 * write, and its frame is pinned: it is PINNED, no policy sees it, and it stays in its place until the
 * transfer ends, whatever the program does meanwhile.
 *
 *     munmap, exit    the page loses its owner's last reference; frame_unpin() frees it when the disk is done
 *     fork            the child gets a copy (pin_copy_for_fork), never the page that the disk writes into
 *     truncation      waits for the transfer
 *
 * All pins together are an eighth of memory at most. One who waits for that holds only pages whose transfers
 * are under way, and a transfer needs no memory to end: so the wait ends.
 *
 * Source: get_user_pages() of Linux, and the trouble it had with fork (Documentation/core-api,
 * "pin_user_pages").
 */
#include "mm/pin.h"

#include "arch/x86/memory.h"
#include "arch/x86/pmap.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/policy.h"
#include "mm/space.h"

#define PINS_MIN 4u

static pfn_t pins; /* held now, by everybody */
static struct waitq pin_waiters;

static pfn_t pins_allowed(void) {
    return MAX(frames_pageable() / 8, PINS_MIN);
}

/* The frame that the program's own access would find now, or NULL: it would fault. */
static struct frame *accessible_frame(struct space *space, vaddr_t address, bool write) {
    pfn_t pfn;
    unsigned bits = pmap_query(&space->pmap, address, &pfn);

    return bits == 0 || (write && !(bits & PMAP_WRITABLE)) ? NULL : &frame_table[pfn];
}

int pin_user_page(struct space *space, vaddr_t address, bool write, struct frame **found) {
    may_sleep();
    address = PAGE_DOWN(address);
    if (address >= USER_TOP)
        return -EFAULT;
    for (;;) {
        struct frame *frame = accessible_frame(space, address, write);

        if (pins >= pins_allowed()) {
            wait_on(&pin_waiters);
        } else if (frame != NULL) {
            frame_pin(frame);
            pins++;
            count(COUNT_DMA_PIN);
            *found = frame;
            return 0;
        } else {
            enum fault_result result = vm_fault(space, address, write ? FAULT_WRITE : FAULT_READ);

            if (result != FAULT_OK)
                return result == FAULT_KILLED ? -EINTR : -EFAULT;
        }
    }
}

void pin_release(struct frame *frame, bool written) {
    ASSERT(pins > 0);
    pins--;
    count(COUNT_DMA_UNPIN);
    if (written)
        page_put_modified(frame, 0, PAGE_SIZE);
    else
        page_put(frame);
    wake_one(&pin_waiters);
}

/* --- fork --- */

/* A page of its own for entry @index, with what the pinned page holds at this moment. 0 or -ENOMEM. */
static int copy_entry(struct amap *copy, pgoff_t index, const struct frame *pinned) {
    struct frame *frame = frame_take(USE_USER);
    struct anon *anon = frame == NULL ? NULL : anon_create(frame);

    if (anon == NULL) {
        if (frame != NULL)
            frame_release(frame);
        return -ENOMEM;
    }
    page_copy(frame_data(frame), frame_data(pinned));
    frame_activate(frame, pinned->set);
    amap_set(copy, index, anon);
    return 0;
}

int pin_copy_for_fork(struct amap *copy) {
    if (pins == 0)
        return 0;
    for (pgoff_t i = amap_next(copy, 0, copy->pages); i < copy->pages;
         i = amap_next(copy, i + 1, copy->pages)) {
        const struct frame *frame = amap_get(copy, i)->frame;

        if (frame != NULL && frame->pins > 0 && copy_entry(copy, i, frame) != 0)
            return -ENOMEM;
    }
    return 0;
}
