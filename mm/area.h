/* Areas, as mm/space.c and mm/area.c share them; everybody else uses mm/space.h. */
#ifndef MM_AREA_H
#define MM_AREA_H

#include "mm/space.h"

/* Puts a new area in its place of the sorted list. Never sleeps. */
void area_insert(struct space *space, struct area *area);

/*
 * Takes the area out of the space and gives back what it holds: entries, anons, amap, object. Modified pages
 * of a shared file map that nobody else maps are sent to the file. May sleep.
 */
void area_destroy(struct space *space, struct area *area);

/* For a copy of an area: it has its own references to what the area shows. Never sleeps. */
void area_ref_object(struct area *area);

/* Makes @start and @end borders of areas, waiting for memory if need be: 0 or -ENOMEM. May sleep. */
int area_split_for_range(struct space *space, vaddr_t start, vaddr_t end);

/* Joins what is alike among the areas that touch [start, end]. Never sleeps. */
void area_merge_range(struct space *space, vaddr_t start, vaddr_t end);

/* The range [address, *end) that a system call was given: 0, or -EINVAL for what cannot be one. */
int area_range_check(vaddr_t address, size_t length, vaddr_t *end);

/* May @pages more be locked in memory, and leave the others room to page in? */
bool lock_possible(pgoff_t pages);

/* Makes the area's entries read-only: the next store to each page faults. Never sleeps. */
void area_write_protect(struct space *space, struct area *area);

/* Removes the entries of [start, end) from the page tables. Never sleeps. */
void area_unmap_pages(struct space *space, vaddr_t start, vaddr_t end);

#endif
