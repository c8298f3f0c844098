/*
 * Read-ahead: when a program faults on one page after the other, the next ones are read before it asks for them.
 *
 * A program may go through an area in several places at once, and downwards as well as upwards (quicksort
 * does both), so an area has a few streams. A stream knows the page it read last, its direction once two
 * faults have shown it, and its window, which doubles with every guess that came true, up to readahead=
 * pages. A fault that no stream foresaw begins a new one in place of the oldest, and reads nothing ahead.
 *
 *     pages     . . . . u u u a a a a a a b b b b b b b b b b b b . . .      u  used
 *                           ^ ^ mark  edge^                     ^             a  window: in memory, or on its way
 *                       a fault here reads b, and waits for nothing; then     b  next window
 *                       b is the window, and its beginning the mark
 *
 * The first window is read together with the page that a fault waits for. The next one is started when the first
 * page of a window is used (or mapped by fault-around), long before the program has come to its end: as long as it
 * goes on in order it finds every page in memory, and the disk works while it computes. A fault inside a window,
 * on a page that could not be read or has been thrown out again, makes the window smaller.
 *
 * Pages read ahead enter the pool when they arrive: if the guess was right they are reclaimed, if not they
 * are the next to go. Useful and useless ones are counted (readahead_hit, readahead_miss); one is useful when the
 * program has touched it, not when it has been mapped. What was read ahead and has not been used yet gets a second round
 * in the pool before its frame is taken; so that two windows last until they are used, long ones take a third of the
 * pool at most.
 *
 * Source: the doubling window of 4.4BSD's file read-ahead; streams as in stream buffers (Jouppi, "Improving
 * direct-mapped cache performance …", 1990); the mark that starts the next window from Wu, Xi and Xu, "On the
 * design of a new Linux readahead framework", 2008.
 */
#ifndef MM_READAHEAD_H
#define MM_READAHEAD_H

#include "mm/object.h"

struct anon;
struct area;
struct frame;

#define READAHEAD_STREAMS 4u
#define READAHEAD_MAX     127u /* pages ahead of one that is asked for */

struct readahead_stream {
    pgoff_t edge;    /* page read last */
    pgoff_t mark;    /* the use of a page from here to the edge starts the next window */
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
 * Page @index of @area was in memory because it had been read ahead: starts the stream's next window, if this one
 * is marked. May sleep for a bio or a piece of a file's block map; the caller does not look at @area after that.
 */
void readahead_follow(struct area *area, pgoff_t index);

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
