/*
 * Counters: every fault once by its kind, every transfer once by its cause. Names are Linux's where
 * /proc/vmstat has one. The identities between them are in mm/counters.c and are checked at shutdown.
 */
#ifndef MM_COUNTERS_H
#define MM_COUNTERS_H

#include "lib/types.h"

/* X(enumerator, name in /proc/vmstat and in the runner's JSON). Events since boot. */
#define COUNTERS(X)                                                                                          \
    X(PGFAULT, "pgfault")                 /* faults resolved or refused, all kinds */                        \
    X(PGMAJFAULT, "pgmajfault")           /* … that had to wait for a read */                              \
    X(FAULT_ZERO, "fault_zero")           /* zero-filled */                                                  \
    X(FAULT_FILE, "fault_file")           /* read from a file */                                             \
    X(FAULT_SWAP, "fault_swap")           /* read from swap */                                               \
    X(FAULT_RECLAIM, "fault_reclaim")     /* found in the pool: no I/O */                                    \
    X(FAULT_RESIDENT, "fault_resident")   /* found in memory in use: only the PTE was missing */             \
    X(FAULT_COPY, "fault_copy")           /* copy-on-write: a page copied */                                 \
    X(FAULT_UPGRADE, "fault_upgrade")     /* made writable in place */                                       \
    X(FAULT_SPURIOUS, "fault_spurious")   /* nothing was missing any more */                                 \
    X(FAULT_BAD, "fault_bad")             /* refused: signal or -EFAULT */                                   \
    X(FAULT_AROUND, "fault_around")       /* pages mapped beside that of a fault, which was in memory */     \
    X(FAULT_RESTARTS, "fault_restarts")   /* turns of the restart loop beyond the first */                   \
    X(FAULT_COPY_READ, "fault_copy_read") /* of fault_copy: the original had to be read first */             \
    X(PGPGIN, "pgpgin")                   /* KiB read from disks */                                          \
    X(PGPGOUT, "pgpgout")                 /* KiB written to disks */                                         \
    X(PSWPIN, "pswpin")                   /* pages read from swap */                                         \
    X(PSWPOUT, "pswpout")                 /* pages written to swap */                                        \
    X(PGFILEIN, "pgfilein")               /* pages read from files and devices */                            \
    X(PGFILEOUT, "pgfileout")             /* pages written to files and devices */                           \
    X(PSWPIN_FAULT, "pswpin_fault")       /* of pswpin: started by a fault */                                \
    X(PGFILEIN_FAULT, "pgfilein_fault")   /* of pgfilein: started by a fault */                              \
    X(READAHEAD_FILE, "readahead_file")   /* of pgfilein: by read-ahead */                                   \
    X(READAHEAD_SWAP, "readahead_swap")   /* of pswpin: by read-ahead */                                     \
    X(READAHEAD_HIT, "readahead_hit")     /* read ahead and then used */                                     \
    X(READAHEAD_MISS,                                                                                        \
      "readahead_miss") /* read ahead and not used before it was thrown out, or its process ended */         \
    X(PREPAGE_SWAP, "prepage_swap")           /* of pswpin: with a process that is swapped in */             \
    X(PREPAGE_HIT, "prepage_hit")             /* of these: then used */                                      \
    X(PREPAGE_MISS, "prepage_miss")           /* not used before it was thrown out, or its process ended */  \
    X(UNIT_PAGES, "unit_pages")               /* brought in only because their paging unit was (unit=) */    \
    X(UNIT_SWAP, "unit_swap")                 /* of these, and of pswpin: read from swap */                  \
    X(UNIT_USED, "unit_used")                 /* of unit_pages: then used */                                 \
    X(UNIT_UNUSED, "unit_unused")             /* left or ended unused */                                     \
    X(SWAPOUT_PROCS, "swapout_procs")         /* processes suspended and swapped out whole */                \
    X(SWAPIN_PROCS, "swapin_procs")           /* swapped in again */                                         \
    X(REFAULT, "workingset_refault")          /* reads of pages evicted not long ago (with loadcontrol=) */  \
    X(PGREAD_KERNEL, "pgread_kernel")         /* pages read for system calls, not faults */                  \
    X(PGZERO_IDLE, "pgzero_idle")             /* FREE frames cleared while the machine was idle … */       \
    X(PGZERO_READY, "pgzero_ready")           /* … and taken by whoever needed zeros */                    \
    X(PGSTEAL, "pgsteal")                     /* CLEAN frames given to a new owner */                        \
    X(PGSCAN, "pgscan")                       /* frames the policy looked at */                              \
    X(PGEVICT, "pgevict")                     /* victims: ACTIVE to the pool */                              \
    X(PGEVICT_PINNED, "pgevict_pinned")       /* of these: while others were held in place for DMA */        \
    X(DMA_PIN, "dma_pin")                     /* pages of programs held in place for DMA … */              \
    X(DMA_UNPIN, "dma_unpin")                 /* … and let go */                                           \
    X(PGCLEANED_EARLY, "pgcleaned_early")     /* written while the machine was idle */                       \
    X(PGCLEANED_OVERDUE, "pgcleaned_overdue") /* written as clock would have, but kept (eeclock) */          \
    X(PGRECLAIM_KERNEL, "pgreclaim_kernel")   /* taken back from the pool by system calls */                 \
    X(PGALLOC_WAIT, "allocstall")             /* times somebody slept for a frame */                         \
    X(DAEMON_WAKE, "kswapd_wake")             /* runs of the paging daemon */                                \
    X(SWAP_CLUSTERS, "swap_clusters")         /* cluster writes to swap */                                   \
    X(SWAP_WRITE_ERRORS, "swap_write_errors")                                                                \
    X(READ_ERRORS, "page_read_errors")                                                                       \
    X(OOM_KILL, "oom_kill")                                                                                  \
    X(BLK_READS, "blk_read_requests") /* commands given to disks */                                          \
    X(BLK_WRITES, "blk_write_requests")                                                                      \
    X(BLK_READ_SECTORS, "blk_read_sectors")                                                                  \
    X(BLK_WRITE_SECTORS, "blk_write_sectors")                                                                \
    X(BLK_MERGES, "blk_merges")     /* bios that joined another's command */                                 \
    X(BLK_ERRORS, "blk_errors")     /* commands that failed for good */                                      \
    X(BLK_RETRIES, "blk_retries")   /* commands given once more */                                           \
    X(BLK_SPLITS, "blk_splits")     /* merged commands that failed, whose bios were then tried alone */      \
    X(BLK_TIMEOUTS, "blk_timeouts") /* commands that did not end in time */                                  \
    X(BLK_RESETS, "blk_resets")     /* resets of a channel */                                                \
    X(BLK_INTERRUPTS, "blk_interrupts")                                                                      \
    X(BLK_BUSY_US, "blk_busy_us")       /* microseconds in which a disk had a command */                     \
    X(BLK_HELD_US, "blk_held_us")       /* … in which it had none, and bios waited behind a plug */        \
    X(BLK_FILE_IN, "blk_file_pages_in") /* bios by cause and direction */                                    \
    X(BLK_FILE_OUT, "blk_file_pages_out")                                                                    \
    X(BLK_SWAP_IN, "blk_swap_pages_in")                                                                      \
    X(BLK_SWAP_OUT, "blk_swap_pages_out")                                                                    \
    X(BLK_META_IN, "blk_meta_in")                                                                            \
    X(BLK_META_OUT, "blk_meta_out")                                                                          \
    X(BLK_RAW_IN, "blk_raw_in")                                                                              \
    X(BLK_RAW_OUT, "blk_raw_out")                                                                            \
    X(CTXT, "context_switches")                                                                              \
    X(EXECS, "execs")               /* programs started … */                                               \
    X(EXEC_US, "exec_us")           /* … and the microseconds from execve to their first instruction */    \
    X(EXEC_LAST_US, "exec_last_us") /* of these: the last program's */                                       \
    X(SYSCALLS, "syscalls")                                                                                  \
    X(FORKS, "forks")                                                                                        \
    X(VM_CHECKS, "vm_checks")                 /* runs of the checker … */                                  \
    X(VM_CHECKS_AT_REST, "vm_checks_at_rest") /* … those that could count all references to files … */   \
    X(VM_CHECK_US, "vm_check_us")             /* … and the microseconds that they took */

enum counter {
#define X(id, name) COUNT_##id,
    COUNTERS(X)
#undef X
        COUNT_TOTAL
};

extern uint32_t counters[COUNT_TOTAL];
extern const char *const counter_names[COUNT_TOTAL];

static inline void count(enum counter which) {
    counters[which]++;
}

static inline void count_add(enum counter which, uint32_t amount) {
    counters[which] += amount;
}

/*
 * Gauges, computed when asked: nr_free_pages, nr_frames_active, …, nr_swap_total, nr_swap_free, in pages.
 * Calls @emit for every counter, then every gauge.
 */
void counters_for_each(void (*emit)(const char *name, uint32_t value, void *data), void *data);

/* Checks the identities; NULL, or the text of the first that does not hold. Only true when I/O is idle. */
const char *counters_check(void);

#endif
