/*
 * The paging unit: with unit=2, 4 or 8 pages come and go in aligned clusters of so many, as if the machine had
 * larger pages. See mm/unit.c. With unit=1 (the default) nothing here is called.
 */
#ifndef MM_UNIT_H
#define MM_UNIT_H

#include "mm/object.h"

struct anon;
struct area;
struct frame;
struct set;
struct space;

#define UNIT_PAGES_MAX 8u

/* Pages of the paging unit where pages are replaced within @set. 1: each for itself. Never sleeps. */
unsigned unit_pages(const struct set *set);

/*
 * What a fault at @address must wait for before it can have its whole unit: *@page is set if a page of the unit is
 * being read, else left alone. Returns the frames that the unit lacks, 0 if the page of the fault is there.
 */
pfn_t unit_lacks(struct space *space, struct area *area, vaddr_t address, struct frame **page);

/*
 * Step 8 for a unit: reads @anon, whose frame is BUSY, and the others of its unit that are on swap only. May sleep
 * for a bio; @area is not looked at after that.
 */
void unit_read_swap(struct space *space, struct area *area, vaddr_t address, struct anon *anon);

/* The same for a file: page @index of @object is read into @frame (BUSY), its neighbours by way of read-ahead. */
void unit_read_object(struct space *space, struct area *area, vaddr_t address, pgoff_t index,
                      enum page_access access, struct frame *frame);

/*
 * Step 11 for the rest of the unit when the page at @address has been mapped: pages that are in memory are mapped,
 * anonymous ones that do not exist yet are zero-filled. Never sleeps; stops where a frame cannot be had.
 */
void unit_map(struct space *space, struct area *area, vaddr_t address);

/* The unit of an ACTIVE @frame has been referenced if one of its pages has: each of them learns of it. */
void unit_share_reference(struct frame *frame);

/* The victim leaves for the pool, and its unit with it: the number of pages that left. Never sleeps. */
unsigned unit_evict(struct frame *frame);

/* Pages of the same unit, if both are anonymous and have been evicted. */
bool unit_same(const struct frame *a, const struct frame *b);

#endif
