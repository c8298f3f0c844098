/*
 * Ghosts: what policies remember of pages that are gone, by what the pages are, not where they were. Ghosts are
 * numbered in the order in which the pages left; the one that left longest ago is overwritten first.
 *
 * Nothing here sleeps. Thread context only.
 */
#ifndef MM_POLICY_GHOSTS_H
#define MM_POLICY_GHOSTS_H

#include "mm/frame.h"

struct ghosts;

struct ghost {
    uint32_t
        page; /* hash of its identity (mm/frame.h), 0: none. Two pages in 2^32 may be taken for each other */
    uint32_t word; /* the policy's own, as frame->policy */
    uint32_t next; /* in its chain */
};

/* Memory for @most ghosts (at least one), or for less if memory in one piece is scarce. NULL: for none. */
struct ghosts *ghosts_make(uint32_t most);
void ghosts_free(struct ghosts *ghosts);

/* The page has left. The word of the ghost that had to give way to this one, or 0. */
uint32_t ghosts_add(struct ghosts *ghosts, uint64_t page, uint32_t word);

/* The page's ghost, or NULL. */
struct ghost *ghosts_find(struct ghosts *ghosts, uint64_t page);
/* It is forgotten. */
void ghosts_drop(struct ghosts *ghosts, struct ghost *ghost);

/* The number of pages that had left when this one did. */
uint32_t ghosts_number(const struct ghosts *ghosts, const struct ghost *ghost);
/* The ghost of that number, or NULL: it has been dropped. */
struct ghost *ghosts_at(struct ghosts *ghosts, uint32_t number);
/* Ghosts that may exist have numbers from ghosts_first() to ghosts_end(), the latter not included. */
uint32_t ghosts_first(const struct ghosts *ghosts);
uint32_t ghosts_end(const struct ghosts *ghosts);

/* For the checker: every ghost is in the chain of its hash, once, and nothing else is. */
bool ghosts_sound(const struct ghosts *ghosts);

#endif
