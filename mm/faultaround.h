/* Mapping of a fault's neighbours that are in memory already: see mm/faultaround.c. */
#ifndef MM_FAULTAROUND_H
#define MM_FAULTAROUND_H

#include "lib/types.h"

struct area;
struct space;

/*
 * A fault has just mapped page @page of @area: maps what it can of the window around it. @stream: read-ahead had
 * brought the page in, so what came with it will be wanted too. Never sleeps.
 */
void fault_around(struct space *space, struct area *area, pgoff_t page, bool stream);

#endif
