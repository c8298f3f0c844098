/* mm as a whole: start-up, the daemon's start, swap's start, the checker, the end. */
#ifndef MM_VM_H
#define MM_VM_H

#include "lib/types.h"
#include "mm/scope.h"

struct block_device;

/* Boot words that mm obeys; kernel/bootparam.c fills them before vm_init(). */
struct vm_options {
    unsigned frames;              /* frames=N: size of the pageable pool, 0: all */
    const char *policy;           /* policy= */
    enum scope scope;             /* scope=: mm/scope.c */
    enum quota_rule quota;        /* quota= */
    unsigned quota_fixed;         /* quota=N: frames a process */
    unsigned pool_low, pool_high; /* pool=low,high: frames; 0: by size */
    unsigned cluster;             /* cluster=: pages of a swap write, 1-32 */
    unsigned unit;                /* unit=: pages that come and go together (mm/unit.c): 1, 2, 4, 8 */
    unsigned around;              /* around=: pages of the window that a fault maps, of those in memory */
    unsigned readahead;           /* readahead=: most pages read ahead, 0: none */
    unsigned check; /* check=: 0 never, 1 at shutdown, n>1: also every n ticks; checksums if > 0 */
    enum { LOAD_FILE, LOAD_SWAP, LOAD_FILE_SWAP } load; /* load=: mm/load.c */
    bool swap_static;                                   /* swap=static|dynamic */
    bool commit_strict;    /* commit=strict|lazy: refuse mappings that memory and swap could not hold */
    unsigned prepage;      /* prepage=: pages of each segment read at exec */
    bool early_clean;      /* clean=idle|off */
    unsigned trace;        /* trace=: groups (mm/trace.h), a bit each */
    unsigned trace_events; /* … and events of the ring, a power of two; 0: as usual */
    unsigned loadcontrol;  /* loadcontrol=: seconds of a turn (mm/loadcontrol.c), 0: off */
};
extern struct vm_options vm_options;

void vm_init(void);                             /* frame table, heap; before anything that allocates */
void vm_start(void);                            /* the paging daemon; needs threads */
int swap_start(struct block_device *partition); /* 0, -EINVAL: no mkswap header, -EIO; may sleep */

/* Recounts the world (mm/check.c) and panics, naming the invariant, if it disagrees. Never sleeps. */
void vm_check(void);
/* All of it but what is under way: also in the middle of a thread's work on a frame that it has taken. */
void vm_check_books(void);
/* After the last process and the unmounting of the disks: nothing refers to a file of theirs. */
void vm_check_end(void);

struct object;
/*
 * Provided by kernel/, for the checker: calls @count for each reference that a name, an open file, a process or the
 * like holds to an object whose pager is `recounted`; areas are mm's to count. True: nobody is in the middle of a
 * call or a fault, where threads hold references too, so there are no others. Never sleeps.
 */
bool vm_count_references(void (*count)(struct object *object));

/* Every timer tick, in the interrupt: has vm_check() run at the next safe point when it is due. */
void vm_tick(void);

/* Idle hook, called when no thread is ready: frames are cleared, modified pages written early. Never sleeps. */
void vm_idle(void);

/* Provided by kernel/: makes a thread that runs @entry for ever. */
void vm_spawn_daemon(const char *name, void (*entry)(void *));
/* Provided by kernel/: kills the largest process for want of memory; false when there is none to kill. */
bool vm_kill_largest(void);
struct space;
/*
 * Provided by kernel/: every thread that uses @space asks loadcontrol_suspended() before it next goes on in user
 * mode. Never sleeps.
 */
void vm_stop_threads(struct space *space);
/* Provided by kernel/: the space of the running process, or NULL. */
struct space *vm_current_space(void);
/*
 * Provided by kernel/: the most pages of its own that the running process may have locked; VM_LOCK_UNLIMITED if it
 * is not bound. Never sleeps.
 */
#define VM_LOCK_UNLIMITED UINT32_MAX
pgoff_t vm_lock_limit(void);
/* Provided by kernel/: the name and pid of the running process, for log lines. */
const char *vm_current_name(void);
int vm_current_pid(void);

#endif
