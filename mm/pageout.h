/* The paging daemon: see mm/pageout.c. */
#ifndef MM_PAGEOUT_H
#define MM_PAGEOUT_H

#include "lib/types.h"

struct frame;
struct set;

/* Starts the daemon thread and sets the pool's marks. */
void pageout_start(void);

/* Fewer frames are available than the low mark. Never sleeps. */
bool pageout_wanted(void);

/* Wakes the daemon. Before it exists: nothing. Never sleeps. */
void pageout_wake(void);

/* Has the daemon launder what is DIRTY now, whether the pool needs it or not. Never sleeps. */
void pageout_launder(void);

/* Has the daemon evict what sets have above their quotas. Never sleeps. */
void pageout_trim(void);

/* As pageout_wake(), if the pool is below its low mark and another pass may achieve something. */
void pageout_hint(void);

/* A frame has become available or a transfer has ended: the daemon may be waiting for that. Never sleeps. */
void pageout_progress(void);

/* Times the daemon found nothing to evict and nothing to wait for. */
unsigned pageout_failures(void);

/*
 * An ACTIVE frame's page leaves for the pool; the victim that the set's policy names does, and its unit with it
 * (mm/unit.c): the number of pages, 0: none can. Never sleep.
 */
void pageout_evict(struct frame *frame);
unsigned pageout_evict_from(struct set *set);

/* The page has somewhere to go: with swap full, one that needs a new slot cannot leave. */
bool pageout_evictable(const struct frame *frame);

/* Frames that are available when the daemon has done its work. */
pfn_t pageout_high_mark(void);

/* The machine has been idle for so long that quotas must be met: for the checker. */
bool pageout_settled(void);
/* The daemon sleeps, and holds nothing: for the checker. */
bool pageout_at_rest(void);

/* True when the running thread is the daemon. */
bool pageout_is_daemon(void);

#endif
