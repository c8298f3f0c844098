/*
 * Memory objects: files without a disk, for /dev/shm and System V shared memory. See mm/memobject.c.
 */
#ifndef MM_MEMOBJECT_H
#define MM_MEMOBJECT_H

#include "mm/object.h"

/*
 * Makes an initialised object (object_init(), no pages yet) one whose pages are anonymous. 0 or -ENOMEM. May
 * sleep. Read, write, map and truncate it as any other; memobject_destroy() belongs into its pager's release.
 */
int memobject_init(struct object *object);
void memobject_destroy(struct object *object);

/* Room for @pages pages. 0, or -ENOMEM, -EINTR. May sleep. */
int memobject_extend(struct object *object, pgoff_t pages);

/* Pages of it that exist, in memory or on swap. */
pgoff_t memobject_pages(const struct object *object);

/* For mm/object.c: the object's page, made if need be. 0 with *@found, 1: look again, or errno. May sleep. */
int memobject_attempt(struct object *object, pgoff_t index, struct frame **found);
void memobject_truncate(struct object *object, uint64_t size);

#endif
