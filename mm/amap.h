/*
 * Anonymous maps: the directory from the pages of an area to their anons, and so, by way of the anon, from a
 * virtual page to its place on disk: what dynamic placement of swap needs.
 *
 * A private area's amap belongs to that area, or to the pieces it was split into, which use disjoint ranges of
 * it. Shared anonymous memory is one amap with an area in each space that shares it; its pages live until the
 * last of these is gone.
 *
 * The entries stand in chunks made when first needed, so that an area of hundreds of megabytes of which a few
 * pages are touched costs a few chunks. The pointers to the chunks stand in sections of a page at most, because
 * larger blocks cannot be had reliably: a program may reserve gigabytes. Nothing here sleeps; -ENOMEM means
 * "wait for frames and start over".
 */
#ifndef MM_AMAP_H
#define MM_AMAP_H

#include "arch/x86/memory.h"
#include "lib/log.h"
#include "lib/types.h"

struct anon;

enum { AMAP_CHUNK = 64 }; /* entries; an enum, for debuggers do not know macros */
#define AMAP_SECTION   ((pgoff_t)(PAGE_SIZE / sizeof(void *))) /* chunks */
#define AMAP_PAGES_MAX ((pgoff_t)1 << 21)
#define AMAP_SECTIONS  (AMAP_PAGES_MAX / (AMAP_SECTION * AMAP_CHUNK))

/* The first section of a small amap is shorter than AMAP_SECTION. */
struct amap_section {
    struct anon ***chunks; /* NULL: none made yet */
    slot_t *homes;         /* with swap=static: the run of slots of each chunk, or 0; else NULL */
};

struct amap {
    unsigned refs;    /* areas */
    pgoff_t pages;    /* entries the directory has room for */
    uint32_t used;    /* entries that hold an anon */
    uint32_t bytes;   /* of the kernel's heap in sections and chunks */
    uint32_t recount; /* the checker's */
    pgoff_t limit;    /* shared anonymous memory: pages it has, for good; 0: as many as its areas show */
    bool held;        /* a locked segment's: its pages do not leave memory */
    pgoff_t promised; /* pages counted as promised for all of it (mm/commit.c), or AMAP_PROMISED_EACH */
    struct amap_section sections[AMAP_SECTIONS];
};

/* An empty amap for @pages pages, refs 1; NULL: no memory. */
struct amap *amap_create(pgoff_t pages);

/* Room for @pages entries in all, if there is less. 0, -ENOMEM, or -EFBIG: more than AMAP_PAGES_MAX. */
int amap_extend(struct amap *amap, pgoff_t pages);

/*
 * Counts so many pages as promised, until the amap goes; AMAP_PROMISED_EACH: each entry from the moment when
 * it is made. False, and nothing changed: the rule of commit= forbids it. Only where no area does the
 * counting: shared memory.
 */
#define AMAP_PROMISED_EACH ((pgoff_t)-1)
bool amap_promise(struct amap *amap, pgoff_t pages);

/* What all amaps with AMAP_PROMISED_EACH have together: entries in use, bytes of the kernel's heap. */
struct amap_sum {
    pgoff_t used;
    uint32_t bytes;
};
extern struct amap_sum amaps_promised_each;

void amap_ref(struct amap *amap);

/* One area less; the last one frees the amap and what it still holds. */
void amap_unref(struct amap *amap);

/* The place of the pointer to page @index's chunk, or NULL: not even its section is there. */
static inline struct anon ***amap_chunk(const struct amap *amap, pgoff_t index) {
    const struct amap_section *section = &amap->sections[index / AMAP_CHUNK / AMAP_SECTION];

    return section->chunks == NULL ? NULL : &section->chunks[index / AMAP_CHUNK % AMAP_SECTION];
}

/* The anon of entry @index, or NULL. */
static inline struct anon *amap_get(const struct amap *amap, pgoff_t index) {
    struct anon ***chunk;

    ASSERT(index < amap->pages);
    chunk = amap_chunk(amap, index);
    return chunk == NULL || *chunk == NULL ? NULL : (*chunk)[index % AMAP_CHUNK];
}

/*
 * Makes room so that amap_set() of this entry cannot fail; mostly there is some. 0 or -ENOMEM; with swap=static
 * also -ENOSPC: there is no run of slots for its chunk, and waiting will not help.
 */
int amap_make_room(struct amap *amap, pgoff_t index);
static inline int amap_prepare(struct amap *amap, pgoff_t index) {
    struct anon ***chunk = amap_chunk(amap, index);
    bool homes = amap->sections[index / AMAP_CHUNK / AMAP_SECTION].homes != NULL;

    return chunk != NULL && *chunk != NULL && !homes ? 0 : amap_make_room(amap, index);
}

/*
 * Room for @pages more entries, a multiple of AMAP_CHUNK, before the first: entry i becomes entry i + @pages, with the
 * place on swap it has. AMAP_PAGES_MAX is the caller's to keep. 0 or -ENOMEM.
 */
int amap_room_before(struct amap *amap, pgoff_t pages);

/*
 * With swap=static: a place on swap for each of the entries [first, first + count), as amap_prepare() gives it: one
 * run for all, if there is one so long, and in line with what the amap has, if that is free; else as they are found.
 */
int amap_reserve(struct amap *amap, pgoff_t first, pgoff_t count);

/*
 * With swap=static: the page of entry @index, which nobody shares any more, has its place in this amap from now on,
 * if it has none elsewhere. What it is written to next is that.
 */
void amap_give_home(struct amap *amap, pgoff_t index, struct anon *anon);

/* With swap=static: the first slot of the run that is the place of pages [chunk * AMAP_CHUNK, …), or 0. */
slot_t amap_home_run(const struct amap *amap, pgoff_t chunk);

/* Entry @index, which holds @anon instead or nothing, has lost @old or nothing: what amap_set() does then. */
void amap_settle(struct amap *amap, pgoff_t index, struct anon *old, struct anon *anon);

/* Enters an anon (whose reference passes to the amap) in an entry, in place of what is there. */
static inline void amap_set(struct amap *amap, pgoff_t index, struct anon *anon) {
    struct anon **entry = &(*amap_chunk(amap, index))[index % AMAP_CHUNK], *old = *entry;
    bool homes = amap->sections[index / AMAP_CHUNK / AMAP_SECTION].homes != NULL;

    *entry = anon;
    amap->used += (anon != NULL) - (old != NULL);
    if (old != NULL || homes || amap->promised == AMAP_PROMISED_EACH || amap->held)
        amap_settle(amap, index, old, anon);
}

/* Drops the entries [first, first + count). */
void amap_clear(struct amap *amap, pgoff_t first, pgoff_t count);

/*
 * A new amap with room for @pages, whose entries @to … are copies of entries [first, first + count): every
 * anon named gets one more reference, so both sides must be write-protected by the caller. NULL: no memory.
 */
struct amap *amap_copy(const struct amap *amap, pgoff_t first, pgoff_t count, pgoff_t to, pgoff_t pages);

/*
 * A new amap that holds entries [first, first + count) of this one as 0 …; they are moved. NULL: no memory.
 */
struct amap *amap_split(struct amap *amap, pgoff_t first, pgoff_t count);

/* The next entry in use at or after @index, or @end: skips absent chunks at once. */
pgoff_t amap_next(const struct amap *amap, pgoff_t index, pgoff_t end);

#endif
