/*
 * Memory objects: files without a disk, for /dev/shm and System V shared memory. See mm/memobject.c.
 */
#ifndef MM_MEMOBJECT_H
#define MM_MEMOBJECT_H

#include "mm/amap.h"
#include "mm/object.h"

/*
 * 512 MiB: the directory of more pages would not fit one page of the heap, and larger blocks cannot be had
 * reliably.
 */
#define MEMOBJECT_PAGES_MAX ((pgoff_t)1 << 17)

/*
 * Makes an initialised object (object_init(), no pages yet) one whose pages are anonymous. @promised: as for
 * amap_promise(), how many are counted as promised, or AMAP_PROMISED_EACH. 0 or -ENOMEM. May sleep.
 *
 * Read, write, map and truncate it as any other; memobject_destroy() belongs into its pager's release. Its pager's
 * prepare, if there is one, is asked before a page is made (-ENOSPC), and may not sleep.
 */
int memobject_init(struct object *object, pgoff_t promised);
void memobject_destroy(struct object *object);

/* Room for @pages pages. 0, or -ENOMEM, -EINTR, -EFBIG (more than MEMOBJECT_PAGES_MAX). May sleep. */
int memobject_extend(struct object *object, pgoff_t pages);

/* A page that nobody has written to yet: it reads as zeros without being made. False for other objects. */
bool memobject_is_hole(const struct object *object, pgoff_t index);
/* The resident frame of its page, in whatever state, or NULL. Never sleeps. */
struct frame *memobject_lookup(const struct object *object, pgoff_t index);
/* Asks the pager whether a page may be made: 0 or errno. Never sleeps. */
int memobject_may_make(struct object *object, pgoff_t index);

/*
 * SHM_LOCK: all its pages come into memory and stay, also those that are made later; and its end. -ENOMEM: more
 * than memory can spare, -EIO, -EINTR. The caller holds a reference. May sleep.
 */
int memobject_hold(struct object *object);
void memobject_let_go(struct object *object);

/* Pages of it that exist, in memory or on swap. */
pgoff_t memobject_pages(const struct object *object);
/* Of them, those that are in memory; the same of all memory objects: /proc/meminfo's Shmem. */
pgoff_t memobject_resident(const struct object *object);
pgoff_t memobjects_resident(void);
/* Frames that hold pages of MAP_SHARED|MAP_ANONYMOUS, each once. */
pgoff_t shared_anonymous_resident(void);

/* For mm/object.c: the object's page, made if need be. 0 with *@found, 1: look again, or errno. May sleep. */
int memobject_attempt(struct object *object, pgoff_t index, struct frame **found);
void memobject_truncate(struct object *object, uint64_t size);

#endif
