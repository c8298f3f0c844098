/* The areas of a space as a search tree by address, beside their sorted list: see mm/areatree.c. */
#ifndef MM_AREATREE_H
#define MM_AREATREE_H

#include "lib/types.h"

struct area;

/* Puts @area, which overlaps none of the tree's, into it. Nothing here sleeps or allocates. */
void areatree_insert(struct area **root, struct area *area);
void areatree_remove(struct area **root, struct area *area);

/* The area with the highest start that is not above @address, or NULL. */
struct area *areatree_at_or_below(struct area *root, vaddr_t address);

#endif
