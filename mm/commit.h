/*
 * Promises of memory: what programs have been told they may write to, and whether all of it could be held.
 */
#ifndef MM_COMMIT_H
#define MM_COMMIT_H

#include "lib/types.h"

struct area;
struct object;
struct space;

/* True if pages of such an area may come to need memory or swap of their own: private, and not NORESERVE. */
bool commit_needed(unsigned area_flags, const struct object *object);

/*
 * Promises @pages more: false, and nothing promised, where the rule of commit= forbids it. What has been
 * promised is given back by commit_uncharge(), page for page. Neither sleeps.
 */
bool commit_charge(pgoff_t pages);
void commit_uncharge(pgoff_t pages);

/* A page that is promised as it is made is there, or not, and was there before, or not. Never refused. */
void commit_one(bool is, bool was);

/* Would commit_charge() succeed? */
bool commit_possible(pgoff_t pages);

/* The same for an area that needs it, which remembers it (AREA_PROMISED); true where it needs none. */
bool commit_charge_area(struct area *area);
void commit_uncharge_area(struct area *area);

/* Pages of [address, end) that have been promised and would be given back if they were unmapped. */
pgoff_t commit_charged(struct space *space, vaddr_t address, vaddr_t end);

/* Could the kernel take one frame more of the pageable ones, and all promises still be kept? */
bool commit_spares_frame(void);

/* /proc/meminfo's CommitLimit and Committed_AS, in pages. Never sleep. */
pgoff_t commit_limit(void);
pgoff_t commit_promised(void);

#endif
