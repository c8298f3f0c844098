/* Writing DIRTY pages: see mm/launder.c. All of it may sleep for bios, and holds nothing meanwhile. */
#ifndef MM_LAUNDER_H
#define MM_LAUNDER_H

#include "lib/types.h"

/* Starts writing everything that is DIRTY. The paging daemon's: the file systems' own memory is reserved for that. */
void launder_all(void);

/* Starts writing one cluster of DIRTY anonymous pages; the pages started, 0: there are none, or swap is full. */
unsigned launder_anons(void);

/* Writes a cluster of modified anonymous pages that stay in memory; the pages found, 0: all are clean. */
unsigned launder_early(void);

/*
 * Writes the modified anonymous pages that the policies name, as they are kept beyond their time; they stay in memory.
 * @most at a time, in whole clusters.
 */
void launder_overdue(pfn_t most);

#endif
