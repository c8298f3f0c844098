/*
 * Read-ahead: when a program faults on one page after the other, the next ones are read with the one it waits
 * for, in the same request.
 *
 * A program may go through an area in several places at once, and downwards as well as upwards (quicksort
 * does both), so an area has a few streams. A stream knows the page it read last, its direction once two
 * faults have shown it, and its window, which doubles with every fault that was foreseen, up to readahead=
 * pages. A fault that no stream foresaw begins a new one in place of the oldest, and reads nothing ahead.
 *
 * Pages read ahead enter the pool when they arrive: if the guess was right they are reclaimed, if not they
 * are the next to go. Useful and useless ones are counted (readahead_hit, readahead_miss).
 *
 * Source: the doubling window of 4.4BSD's file read-ahead; streams as in stream buffers (Jouppi, "Improving
 * direct-mapped cache performance …", 1990).
 */
#ifndef MM_READAHEAD_H
#define MM_READAHEAD_H

#include "mm/object.h"

struct anon;
struct area;
struct frame;

#define READAHEAD_STREAMS 4u

struct readahead_stream {
    pgoff_t edge;    /* page read last */
    uint16_t window; /* pages read ahead the last time */
    int8_t step;     /* +1 or -1; 0: not known yet */
    bool used;
};

/* What is worth reading beside page `index`: `pages` pages from there in direction `step`. */
struct readahead_plan {
    unsigned pages;
    int step;
};

/* Called once for each fault of the area that reads. Never sleeps. */
struct readahead_plan readahead_plan(struct area *area, pgoff_t index);

/*
 * Starts reading @anon, page @index of @area, whose frame is BUSY; and with it the anons of the neighbours as
 * far as the plan reaches and their slots are neighbours too. May sleep for a bio; @area is not looked at
 * after that.
 */
void readahead_swap_in(struct area *area, pgoff_t index, struct anon *anon);

/*
 * Gives an anon that is on swap only a frame to be read ahead into (BUSY); the caller starts the read. False: no
 * frame is at hand. Never sleeps.
 */
bool readahead_take_frame(struct anon *anon);

/* Starts reading page @index of @object into @frame (BUSY), and its neighbours as planned. May sleep. */
void readahead_file_in(struct object *object, pgoff_t index, enum page_access access, struct frame *frame,
                       struct readahead_plan plan);

#endif
