/*
 * The swapper: a whole process out of memory, and back in.
 *
 * Out: the pages it has, and those that were taken from it while it was in, are recorded: its resident set, as
 * far as memory let it have one. What is in memory leaves together, the modified ones (and those whose places
 * on swap lie apart) written in the order of their addresses, in clusters. In: the pages recorded are read in
 * the same order before the program goes on, so that a few large reads do the work of a fault for each page.
 * Pages that others use too stay; so do pages that are locked, pinned or under way.
 *
 * Pages read back and then used are counted as prepage_hit, those that leave unused as prepage_miss; the
 * latter are not recorded again.
 *
 * Source: swapping, Silberschatz, "Operating System Concepts", 9.5; prepaging, 10.9.1 (the working set is
 * kept with the process while it is suspended).
 */
#ifndef MM_SWAPPER_H
#define MM_SWAPPER_H

struct space;

/*
 * Writes the running process's space out as far as it can; may be called again for what has come in since.
 * May sleep. Nothing relies on its having gone all the way.
 */
void swapper_out(struct space *space);

/* Reads the recorded pages back and waits for them. May sleep; a killed process stops reading. */
void swapper_in(struct space *space);

/* Pages of the space that are in use, in memory or taken from it since it was last brought in. Never sleeps. */
unsigned swapper_working_set(struct space *space);

/* Pages recorded. Never sleeps. */
unsigned swapper_recorded(const struct space *space);

/* Forgets the record. Never sleeps. */
void swapper_forget(struct space *space);

#endif
