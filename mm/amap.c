/* Anonymous maps: see mm/amap.h. */
#include "mm/amap.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/heap.h"
#include "mm/swap.h"
#include "mm/vm.h"

static pgoff_t chunks_for(pgoff_t pages) {
    return (pages + AMAP_CHUNK - 1) / AMAP_CHUNK;
}

struct amap *amap_create(pgoff_t pages) {
    struct amap *amap = kmalloc_try(sizeof(*amap));

    ASSERT(pages > 0);
    if (amap == NULL)
        return NULL;
    amap->refs = 1;
    amap->pages = chunks_for(pages) * AMAP_CHUNK;
    amap->chunks = kmalloc_try(chunks_for(pages) * sizeof(*amap->chunks));
    if (vm_options.swap_static)
        amap->homes = kmalloc_try(chunks_for(pages) * sizeof(*amap->homes));
    if (amap->chunks == NULL || (vm_options.swap_static && amap->homes == NULL)) {
        kfree(amap->chunks);
        kfree(amap->homes);
        kfree(amap);
        return NULL;
    }
    return amap;
}

int amap_extend(struct amap *amap, pgoff_t pages) {
    if (pages <= amap->pages)
        return 0;
    /* Twice as much as before, so that a heap that grows page by page is not copied page by page. */
    pgoff_t before = chunks_for(amap->pages), chunks = MAX(chunks_for(pages), 2 * before);
    struct anon ***larger = kmalloc_try(chunks * sizeof(*larger));
    slot_t *homes = amap->homes == NULL ? NULL : kmalloc_try(chunks * sizeof(*homes));

    if (larger == NULL || (amap->homes != NULL && homes == NULL)) {
        kfree(larger);
        kfree(homes);
        return -ENOMEM;
    }
    memcpy(larger, amap->chunks, before * sizeof(*larger));
    if (homes != NULL)
        memcpy(homes, amap->homes, before * sizeof(*homes));
    kfree(amap->chunks);
    kfree(amap->homes);
    amap->chunks = larger;
    amap->homes = homes;
    amap->pages = chunks * AMAP_CHUNK;
    return 0;
}

void amap_ref(struct amap *amap) {
    amap->refs++;
}

void amap_unref(struct amap *amap) {
    ASSERT(amap->refs > 0);
    if (--amap->refs > 0)
        return;
    amap_clear(amap, 0, amap->pages);
    kfree(amap->homes);
    kfree(amap->chunks);
    kfree(amap);
}

struct anon *amap_get(const struct amap *amap, pgoff_t index) {
    struct anon **chunk;

    ASSERT(index < amap->pages);
    chunk = amap->chunks[index / AMAP_CHUNK];
    return chunk == NULL ? NULL : chunk[index % AMAP_CHUNK];
}

int amap_prepare(struct amap *amap, pgoff_t index) {
    pgoff_t chunk = index / AMAP_CHUNK;

    ASSERT(index < amap->pages);
    if (amap->chunks[chunk] == NULL)
        amap->chunks[chunk] = kmalloc_try(AMAP_CHUNK * sizeof(**amap->chunks));
    if (amap->chunks[chunk] == NULL)
        return -ENOMEM;
    if (amap->homes != NULL && amap->homes[chunk] == 0)
        amap->homes[chunk] = swap_reserve_run(AMAP_CHUNK);
    return amap->homes != NULL && amap->homes[chunk] == 0 ? -ENOSPC : 0;
}

/* With swap=static: the slot that is page @index's place in this amap, or 0. */
static slot_t home_of(const struct amap *amap, pgoff_t index) {
    slot_t run = amap->homes == NULL ? 0 : amap->homes[index / AMAP_CHUNK];

    return run == 0 ? 0 : run + index % AMAP_CHUNK;
}

/* A new anon gets its place; one that comes from another amap (fork) keeps what it has. */
static void give_home(struct amap *amap, pgoff_t index, struct anon *anon) {
    slot_t home = home_of(amap, index);

    if (home != 0 && anon->refs == 1 && anon->home == 0 && anon->slot == 0 && !swap_is_kept(home))
        anon->home = home;
}

void amap_set(struct amap *amap, pgoff_t index, struct anon *anon) {
    struct anon **entry = &amap->chunks[index / AMAP_CHUNK][index % AMAP_CHUNK];
    struct anon *old = *entry;

    *entry = anon;
    amap->used += (anon != NULL) - (old != NULL);
    if (old != NULL) {
        if (old->home != 0 && old->home == home_of(amap, index))
            anon_leave_home(old);
        anon_unref(old);
    }
    if (anon != NULL)
        give_home(amap, index, anon);
}

/* A chunk none of whose entries is in use goes, so that an unmapped heap leaves nothing behind. */
static void free_chunk_if_empty(struct amap *amap, pgoff_t chunk) {
    struct anon **entries = amap->chunks[chunk];

    for (unsigned i = 0; i < AMAP_CHUNK; i++)
        if (entries[i] != NULL)
            return;
    kfree(entries);
    amap->chunks[chunk] = NULL;
    if (amap->homes != NULL && amap->homes[chunk] != 0) {
        swap_release_run(amap->homes[chunk], AMAP_CHUNK);
        amap->homes[chunk] = 0;
    }
}

void amap_clear(struct amap *amap, pgoff_t first, pgoff_t count) {
    pgoff_t end = MIN(first + count, amap->pages);

    while (first < end) {
        pgoff_t chunk = first / AMAP_CHUNK;
        pgoff_t stop = MIN(end, (chunk + 1) * AMAP_CHUNK);

        if (amap->chunks[chunk] != NULL) {
            for (; first < stop; first++)
                if (amap->chunks[chunk][first % AMAP_CHUNK] != NULL)
                    amap_set(amap, first, NULL);
            free_chunk_if_empty(amap, chunk);
        }
        first = stop;
    }
}

pgoff_t amap_next(const struct amap *amap, pgoff_t index, pgoff_t end) {
    end = MIN(end, amap->pages);
    while (index < end) {
        struct anon **chunk = amap->chunks[index / AMAP_CHUNK];

        if (chunk == NULL)
            index = (index / AMAP_CHUNK + 1) * AMAP_CHUNK;
        else if (chunk[index % AMAP_CHUNK] != NULL)
            return index;
        else
            index++;
    }
    return end;
}

struct amap *amap_copy(const struct amap *amap, pgoff_t first, pgoff_t count, pgoff_t to, pgoff_t pages) {
    struct amap *copy = amap_create(pages);
    pgoff_t end = first + count;

    if (copy == NULL)
        return NULL;
    for (pgoff_t i = amap_next(amap, first, end); i < end; i = amap_next(amap, i + 1, end)) {
        struct anon *anon = amap_get(amap, i);

        if (amap_prepare(copy, to + i - first) != 0) {
            amap_unref(copy);
            return NULL;
        }
        anon->refs++;
        amap_set(copy, to + i - first, anon);
    }
    return copy;
}

struct amap *amap_split(struct amap *amap, pgoff_t first, pgoff_t count) {
    struct amap *split = amap_copy(amap, first, count, 0, count);

    if (split != NULL)
        amap_clear(amap, first, count); /* the copy's references remain */
    return split;
}
