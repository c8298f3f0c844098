/*
 * Read-ahead: when a program faults on one page after the other, the next ones are read with the one it waits
 * for, in the same request. The window doubles with every fault that was foreseen, up to readahead= pages,
 * and closes with the first that was not.
 *
 * Pages read ahead enter the pool when they arrive: if the guess was right they are reclaimed, if not they
 * are the next to go. Useful and useless ones are counted (readahead_hit, readahead_miss).
 */
#ifndef MM_READAHEAD_H
#define MM_READAHEAD_H

#include "mm/object.h"

struct anon;
struct area;
struct frame;

/* Called once a fault that reads: how many pages behind page @index of the area are worth reading too. */
unsigned readahead_window(struct area *area, pgoff_t index);

/*
 * Starts reading @anon, page @index of @area, whose frame is BUSY; and with it the anons of the pages behind
 * it in the area, as far as the window reaches and their slots follow the first one's. May sleep for a bio;
 * @area is not looked at after that.
 */
void readahead_swap_in(struct area *area, pgoff_t index, struct anon *anon);

/* Starts reading page @index of @object into @frame (BUSY), and up to @window pages behind it. May sleep. */
void readahead_file_in(struct object *object, pgoff_t index, enum page_access access, struct frame *frame,
                       unsigned window);

#endif
