/*
 * Areas, as the files of mm/ share them that carry out the system calls: space.c, area.c (mmap, munmap),
 * protect.c, remap.c, contents.c, advice.c, lock.c. Everybody else uses mm/space.h.
 */
#ifndef MM_AREA_H
#define MM_AREA_H

#include "mm/space.h"

/* Puts a new area in its place of the sorted list. Never sleeps. */
void area_insert(struct space *space, struct area *area);

/*
 * Takes the area out of the space and gives back what it holds: entries, anons, amap, object. Modified pages
 * of a shared file map that are in nobody else's areas are sent to the file. May sleep.
 */
void area_destroy(struct space *space, struct area *area);

/*
 * The area has left its space: those of its file's pages that are modified and in nobody else's areas are sent to
 * the file. Does not wait for the end. May sleep for metadata. mm/lastuser.c
 */
void area_send_unused(const struct area *area);

/* For a copy of an area: it has its own references to what the area shows. Never sleeps. */
void area_ref_object(struct area *area);

/* Makes @start and @end borders of areas, waiting for memory if need be: 0 or -ENOMEM. May sleep. */
int area_split_for_range(struct space *space, vaddr_t start, vaddr_t end);

/* The same for what can be had at once: 0, or -ENOMEM with nothing changed. Never sleeps. */
int area_split_at(struct space *space, vaddr_t start, vaddr_t end);

/* Takes the area out of the space, and does nothing else: see area_destroy(). Never sleeps. */
void area_take_out(struct space *space, struct area *area);

/* True when nothing is mapped in [address, address + bytes), which lies in user space. Never sleeps. */
bool area_place_free(struct space *space, vaddr_t address, vaddr_t bytes);

/* The highest gap of @bytes below space->map_top, or 0. Never sleeps. */
vaddr_t area_find_gap(struct space *space, vaddr_t bytes);

/* Has one of the area's pages an anon? Never sleeps. */
bool area_has_anons(const struct area *area);

/* swap=static: places on swap for the area at @address, waiting for memory. 0 or -ENOMEM. May sleep. */
int area_reserve_places(struct space *space, vaddr_t address);

/* Joins what is alike among the areas that touch [start, end]. Never sleeps. */
void area_merge_range(struct space *space, vaddr_t start, vaddr_t end);

/* The range [address, *end) that a system call was given: 0, or -EINVAL for what cannot be one. */
int area_range_check(vaddr_t address, size_t length, vaddr_t *end);

/* May @pages more be locked in memory, and leave the others room to page in? */
bool lock_possible(pgoff_t pages);

/* The same for pages of @space, which is also bound by the limit of the running process. Never sleeps. */
bool lock_allowed(struct space *space, pgoff_t pages);

/*
 * Brings the pages of [start, end), which lie in areas of these @flags, into memory, as far as that can be done:
 * the mapping stands, and what is missing will fault when it is touched. May sleep.
 */
void area_populate(struct space *space, vaddr_t start, vaddr_t end, unsigned flags);

/* Makes the area's entries read-only: the next store to each page faults. Never sleeps. */
void area_write_protect(struct space *space, struct area *area);

/* Removes the entries of [start, end) from the page tables. Never sleeps. */
void area_unmap_pages(struct space *space, vaddr_t start, vaddr_t end);

#endif
