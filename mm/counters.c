/*
 * The counters, the gauges, and the identities that must hold between them:
 *
 *   every fault is counted once, by its kind
 *       pgfault = fault_zero + fault_file + fault_swap + fault_reclaim + fault_resident + fault_copy
 *                 + fault_upgrade + fault_spurious + fault_bad
 *   a major fault is one that waited for a read
 *       pgmajfault = fault_file + fault_swap + fault_copy_read
 *   every page read has one cause
 *       pswpin + pgfilein + page_read_errors = pswpin_fault + pgfilein_fault + readahead_swap + readahead_file
 *                                              + prepage_swap + unit_swap + pgread_kernel
 *   mm and the block layer agree on what was moved
 *       pswpin = blk_swap_pages_in, pswpout = blk_swap_pages_out
 *   no page is left pinned
 *       dma_pin = dma_unpin
 *   all bytes are accounted for
 *       pgpgin (KiB) = blk_read_sectors / 2, pgpgout = blk_write_sectors / 2
 *
 * They hold when no transfer is under way.
 */
#include "mm/counters.h"

#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/loadcontrol.h"
#include "mm/object.h"
#include "mm/swap.h"

uint32_t counters[COUNT_TOTAL];

const char *const counter_names[COUNT_TOTAL] = {
#define X(id, name) [COUNT_##id] = name,
    COUNTERS(X)
#undef X
};

void counters_for_each(void (*emit)(const char *name, uint32_t value, void *data), void *data) {
    static const char *const state_names[FRAME_STATES] = {
        [FRAME_FREE] = "nr_free_pages",  [FRAME_ACTIVE] = "nr_active", [FRAME_DIRTY] = "nr_pool_dirty",
        [FRAME_CLEAN] = "nr_pool_clean", [FRAME_BUSY] = "nr_busy",     [FRAME_PINNED] = "nr_pinned",
        [FRAME_KERNEL] = "nr_kernel"};

    for (unsigned c = 0; c < COUNT_TOTAL; c++)
        emit(counter_names[c], counters[c], data);
    for (unsigned s = 0; s < FRAME_STATES; s++)
        emit(state_names[s], frame_count(s), data);
    emit("nr_pageable", frames_pageable(), data);
    emit("nr_file_pages", object_pages_resident, data);
    emit("nr_anons", anon_count, data);
    emit("nr_heap_bytes", heap_bytes, data);
    emit("nr_suspended", loadcontrol_suspended_total(), data);
    emit("nr_swap_total", swap_total(), data);
    emit("nr_swap_free", swap_free_slots(), data);
    emit("nr_swap_peak", swap_peak(), data);
}

#define C(id) counters[COUNT_##id]

const char *counters_check(void) {
    if (C(PGFAULT) != C(FAULT_ZERO) + C(FAULT_FILE) + C(FAULT_SWAP) + C(FAULT_RECLAIM) + C(FAULT_RESIDENT) +
                          C(FAULT_COPY) + C(FAULT_UPGRADE) + C(FAULT_SPURIOUS) + C(FAULT_BAD))
        return "pgfault is the sum of the faults by kind";
    if (C(PGMAJFAULT) != C(FAULT_FILE) + C(FAULT_SWAP) + C(FAULT_COPY_READ))
        return "pgmajfault is fault_file + fault_swap + fault_copy_read";
    if (C(PSWPIN) + C(PGFILEIN) + C(READ_ERRORS) != C(PSWPIN_FAULT) + C(PGFILEIN_FAULT) + C(READAHEAD_SWAP) +
                                                        C(READAHEAD_FILE) + C(PREPAGE_SWAP) + C(UNIT_SWAP) +
                                                        C(PGREAD_KERNEL))
        return "every page read has one cause";
    if (C(PSWPIN) != C(BLK_SWAP_IN) || C(PSWPOUT) != C(BLK_SWAP_OUT))
        return "pswpin and pswpout are the swap pages the disk moved";
    if (C(PGPGIN) != C(BLK_READ_SECTORS) / 2 || C(PGPGOUT) != C(BLK_WRITE_SECTORS) / 2)
        return "pgpgin and pgpgout are the KiB the disk moved";
    if (C(DMA_PIN) != C(DMA_UNPIN))
        return "every page pinned for DMA has been let go";
    if (C(READAHEAD_HIT) + C(READAHEAD_MISS) > C(READAHEAD_FILE) + C(READAHEAD_SWAP))
        return "no more pages were useful or useless than were read ahead";
    if (C(PREPAGE_HIT) + C(PREPAGE_MISS) > C(PREPAGE_SWAP))
        return "no more pages were useful or useless than were prepaged";
    if (C(UNIT_USED) + C(UNIT_UNUSED) > C(UNIT_PAGES))
        return "no more pages were used or unused than came with their unit";
    if (C(SWAPIN_PROCS) > C(SWAPOUT_PROCS))
        return "no more processes were swapped in than out";
    return NULL;
}
