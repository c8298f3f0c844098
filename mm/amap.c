/* Anonymous maps: see mm/amap.h. */
#include "mm/amap.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/commit.h"
#include "mm/heap.h"
#include "mm/swap.h"
#include "mm/vm.h"

/* Chunks for so many pages: whole sections, if it is more than one. */
static pgoff_t chunks_for(pgoff_t pages) {
    pgoff_t chunks = (pages + AMAP_CHUNK - 1) / AMAP_CHUNK;

    return chunks <= AMAP_SECTION ? chunks : (chunks + AMAP_SECTION - 1) / AMAP_SECTION * AMAP_SECTION;
}

struct amap *amap_create(pgoff_t pages) {
    struct amap *amap = kmalloc_try(sizeof(*amap));

    ASSERT(pages > 0 && pages <= AMAP_PAGES_MAX);
    if (amap == NULL)
        return NULL;
    amap->refs = 1;
    amap->pages = chunks_for(pages) * AMAP_CHUNK;
    return amap;
}

/* --- sections --- */

static uint32_t section_bytes(const struct amap_section *section, pgoff_t chunks) {
    return (uint32_t)(chunks *
                      (sizeof(*section->chunks) + (section->homes != NULL ? sizeof(*section->homes) : 0)));
}

struct amap_sum amaps_promised_each;

/* More of the heap, or less: @bytes. */
static void count_bytes(struct amap *amap, uint32_t bytes) {
    amap->bytes += bytes;
    if (amap->promised == AMAP_PROMISED_EACH)
        amaps_promised_each.bytes += bytes;
}

/* An empty section of @chunks chunks. 0 or -ENOMEM. */
static int section_create(struct amap *amap, struct amap_section *section, pgoff_t chunks) {
    struct amap_section made = {.chunks = kmalloc_try(chunks * sizeof(*made.chunks))};

    if (vm_options.swap_static)
        made.homes = kmalloc_try(chunks * sizeof(*made.homes));
    if (made.chunks == NULL || (vm_options.swap_static && made.homes == NULL)) {
        kfree(made.chunks);
        kfree(made.homes);
        return -ENOMEM;
    }
    *section = made;
    count_bytes(amap, section_bytes(section, chunks));
    return 0;
}

static void section_destroy(struct amap *amap, struct amap_section *section, pgoff_t chunks) {
    if (section->chunks == NULL)
        return;
    count_bytes(amap, -section_bytes(section, chunks));
    kfree(section->chunks);
    kfree(section->homes);
}

static pgoff_t section_chunks(const struct amap *amap) {
    return MIN(amap->pages / AMAP_CHUNK, AMAP_SECTION);
}

/* What the chunks of @amap hold is not looked at. */
static void destroy_sections(struct amap *amap) {
    for (unsigned i = 0; i < AMAP_SECTIONS; i++)
        section_destroy(amap, &amap->sections[i], section_chunks(amap));
}

/* The section of page @index, made if need be. 0 or -ENOMEM. */
static int section_prepare(struct amap *amap, pgoff_t index) {
    struct amap_section *section = &amap->sections[index / AMAP_CHUNK / AMAP_SECTION];

    return section->chunks != NULL ? 0 : section_create(amap, section, section_chunks(amap));
}

static inline struct amap_section *section_of(const struct amap *amap, pgoff_t index) {
    return (struct amap_section *)&amap->sections[index / AMAP_CHUNK / AMAP_SECTION];
}

slot_t amap_home_run(const struct amap *amap, pgoff_t chunk) {
    struct amap_section *section = section_of(amap, chunk * AMAP_CHUNK);

    return section->homes == NULL ? 0 : section->homes[chunk % AMAP_SECTION];
}

int amap_extend(struct amap *amap, pgoff_t pages) {
    struct amap_section *first = &amap->sections[0], larger;

    if (pages <= amap->pages)
        return 0;
    if (pages > AMAP_PAGES_MAX)
        return -EFBIG;
    /* Twice as much as before, so that a heap that grows page by page is not copied page by page. */
    pgoff_t before = section_chunks(amap);
    pgoff_t chunks = chunks_for(MIN(MAX(pages, 2 * amap->pages), AMAP_PAGES_MAX));
    pgoff_t after = MIN(chunks, AMAP_SECTION);

    if (first->chunks != NULL && after > before) {
        if (section_create(amap, &larger, after) != 0)
            return -ENOMEM;
        memcpy(larger.chunks, first->chunks, before * sizeof(*larger.chunks));
        if (larger.homes != NULL)
            memcpy(larger.homes, first->homes, before * sizeof(*larger.homes));
        section_destroy(amap, first, before);
        *first = larger;
    }
    amap->pages = chunks * AMAP_CHUNK;
    return 0;
}

/* --- the whole --- */

bool amap_promise(struct amap *amap, pgoff_t pages) {
    ASSERT(amap->promised == 0 && amap->used == 0);
    if (pages != AMAP_PROMISED_EACH && !commit_charge(pages))
        return false;
    amap->promised = pages;
    if (pages == AMAP_PROMISED_EACH)
        amaps_promised_each.bytes += amap->bytes;
    return true;
}

void amap_ref(struct amap *amap) {
    amap->refs++;
}

void amap_unref(struct amap *amap) {
    ASSERT(amap->refs > 0);
    if (--amap->refs > 0)
        return;
    amap_clear(amap, 0, amap->pages);
    if (amap->promised != AMAP_PROMISED_EACH)
        commit_uncharge(amap->promised);
    destroy_sections(amap);
    ASSERT(amap->bytes == 0);
    kfree(amap);
}

/* --- places on swap, with swap=static --- */

/* The place of the run of chunk @chunk, whose section is there. */
static slot_t *home_run(const struct amap *amap, pgoff_t chunk) {
    return &section_of(amap, chunk * AMAP_CHUNK)->homes[chunk % AMAP_SECTION];
}

/* Where the run of @chunk should begin, so that slot - page is the same as in the chunks before, or behind; or 0. */
static slot_t run_wanted(const struct amap *amap, pgoff_t chunk) {
    pgoff_t begin = chunk / AMAP_SECTION * AMAP_SECTION, last = amap->pages / AMAP_CHUNK - 1;

    for (pgoff_t before = chunk; before > begin; before--)
        if (*home_run(amap, before - 1) != 0)
            return *home_run(amap, before - 1) + (chunk + 1 - before) * AMAP_CHUNK;
    if (chunk == last || (chunk + 1) % AMAP_SECTION == 0 || *home_run(amap, chunk + 1) <= AMAP_CHUNK)
        return 0;
    return *home_run(amap, chunk + 1) - AMAP_CHUNK;
}

/* One run for the chunks [chunk, end), if none has any and there is so long a one. */
static void reserve_in_one(struct amap *amap, pgoff_t chunk, pgoff_t end) {
    slot_t run;

    if (chunk == end)
        return;
    for (pgoff_t c = chunk; c < end; c++)
        if (section_prepare(amap, c * AMAP_CHUNK) != 0 || *home_run(amap, c) != 0)
            return;
    run = swap_reserve_run((end - chunk) * AMAP_CHUNK, run_wanted(amap, chunk));
    for (; run != 0 && chunk < end; chunk++, run += AMAP_CHUNK)
        *home_run(amap, chunk) = run;
}

int amap_make_room(struct amap *amap, pgoff_t index) {
    static bool told;
    struct anon ***chunk;
    slot_t *home;

    ASSERT(index < amap->pages);
    if (section_prepare(amap, index) != 0)
        return -ENOMEM;
    chunk = amap_chunk(amap, index);
    if (*chunk == NULL) {
        *chunk = kmalloc_try(AMAP_CHUNK * sizeof(**chunk));
        if (*chunk == NULL)
            return -ENOMEM;
        count_bytes(amap, AMAP_CHUNK * sizeof(**chunk));
    }
    if (section_of(amap, index)->homes == NULL)
        return 0;
    home = home_run(amap, index / AMAP_CHUNK);
    if (*home == 0)
        *home = swap_reserve_run(AMAP_CHUNK, run_wanted(amap, index / AMAP_CHUNK));
    if (*home == 0 && swap_free_slots() >= AMAP_CHUNK && !told) {
        klog("swap: of %u free slots no %u are side by side, as a run of swap=static must be",
             swap_free_slots(), AMAP_CHUNK);
        told = true; /* once: whoever asked is told each time, by -ENOMEM */
    }
    return *home == 0 ? -ENOSPC : 0;
}

int amap_reserve(struct amap *amap, pgoff_t first, pgoff_t count) {
    pgoff_t chunk = first / AMAP_CHUNK, end = (first + count - 1) / AMAP_CHUNK + 1;
    int error = 0;

    if (!vm_options.swap_static)
        return 0;
    while (chunk < end && amap_home_run(amap, chunk) != 0)
        chunk++;
    reserve_in_one(amap, chunk, end);
    for (chunk = first / AMAP_CHUNK; error == 0 && chunk < end; chunk++)
        error = amap_prepare(amap, chunk * AMAP_CHUNK);
    return error;
}

/* With swap=static: the slot that is page @index's place in this amap, or 0. */
static slot_t home_of(const struct amap *amap, pgoff_t index) {
    slot_t run = amap_home_run(amap, index / AMAP_CHUNK);

    return run == 0 ? 0 : run + index % AMAP_CHUNK;
}

void amap_give_home(struct amap *amap, pgoff_t index, struct anon *anon) {
    slot_t home = home_of(amap, index);

    if (home != 0 && anon->refs == 1 && anon->home == 0 && !swap_is_kept(home))
        anon->home = home;
}

void amap_settle(struct amap *amap, pgoff_t index, struct anon *old, struct anon *anon) {
    if (amap->promised == AMAP_PROMISED_EACH) {
        commit_one(anon != NULL, old != NULL);
        amaps_promised_each.used += (pgoff_t)(anon != NULL) - (pgoff_t)(old != NULL);
    }
    if (old != NULL) {
        if (old->home != 0 && old->home == home_of(amap, index))
            anon_leave_home(old);
        anon_unref(old);
    }
    if (anon != NULL)
        amap_give_home(amap, index, anon);
    if (anon != NULL && amap->held)
        anon_hold(anon);
}

/* A chunk none of whose entries is in use goes, so that an unmapped heap leaves nothing behind. */
static void free_chunk_if_empty(struct amap *amap, pgoff_t index) {
    struct anon ***chunk = amap_chunk(amap, index);
    slot_t run = amap_home_run(amap, index / AMAP_CHUNK);

    for (unsigned i = 0; amap->used > 0 && i < AMAP_CHUNK; i++)
        if ((*chunk)[i] != NULL)
            return;
    kfree(*chunk);
    count_bytes(amap, -(uint32_t)(AMAP_CHUNK * sizeof(**chunk)));
    *chunk = NULL;
    if (run != 0) {
        swap_release_run(run, AMAP_CHUNK);
        section_of(amap, index)->homes[index / AMAP_CHUNK % AMAP_SECTION] = 0;
    }
}

/* The first page at or after @index that has a chunk, or @end: skips absent sections at once. */
static pgoff_t next_with_chunk(const struct amap *amap, pgoff_t index, pgoff_t end) {
    while (index < end) {
        struct anon ***chunk = amap_chunk(amap, index);
        pgoff_t step = chunk == NULL ? AMAP_SECTION * AMAP_CHUNK : AMAP_CHUNK;

        if (chunk != NULL && *chunk != NULL)
            return index;
        index = (index / step + 1) * step;
    }
    return end;
}

/* Drops the entries [first, stop) of one chunk; @entries is the chunk's. */
static void clear_entries(struct amap *amap, struct anon **entries, pgoff_t first, pgoff_t stop) {
    bool homes = section_of(amap, first)->homes != NULL;

    for (; first < stop && amap->used > 0; first++) {
        struct anon **entry = &entries[first % AMAP_CHUNK], *old = *entry;

        if (old == NULL)
            continue;
        if (homes || amap->promised == AMAP_PROMISED_EACH) {
            amap_set(amap, first, NULL);
            continue;
        }
        *entry = NULL;
        amap->used--;
        anon_unref(old);
    }
}

void amap_clear(struct amap *amap, pgoff_t first, pgoff_t count) {
    pgoff_t end = MIN(first + count, amap->pages);

    while ((first = next_with_chunk(amap, first, end)) < end) {
        pgoff_t stop = MIN(end, (first / AMAP_CHUNK + 1) * AMAP_CHUNK);

        clear_entries(amap, *amap_chunk(amap, first), first, stop);
        /* With swap=static what is left of a chunk may be another piece's, whose places it keeps. */
        if (!vm_options.swap_static || stop - first == AMAP_CHUNK)
            free_chunk_if_empty(amap, first);
        first = stop;
    }
}

pgoff_t amap_next(const struct amap *amap, pgoff_t index, pgoff_t end) {
    end = MIN(end, amap->pages);
    while ((index = next_with_chunk(amap, index, end)) < end) {
        struct anon **entries = *amap_chunk(amap, index);
        pgoff_t stop = MIN(end, (index / AMAP_CHUNK + 1) * AMAP_CHUNK);

        for (; index < stop; index++)
            if (entries[index % AMAP_CHUNK] != NULL)
                return index;
    }
    return end;
}

/*
 * Copies entries [from, stop), all in one chunk, to @to and on, where nothing is. Fork spends most of its time
 * here. An anon that is named twice has no home to be given, so storing it is all there is to do. 0 or -ENOMEM.
 */
static int copy_entries(struct amap *copy, pgoff_t to, const struct amap *amap, pgoff_t from, pgoff_t stop) {
    struct anon **source = *amap_chunk(amap, from), **target = NULL;
    pgoff_t prepared = copy->pages; /* chunk that @target is; none yet */

    for (; from < stop; from++, to++) {
        struct anon *anon = source[from % AMAP_CHUNK];

        if (anon == NULL)
            continue;
        if (to / AMAP_CHUNK != prepared) {
            if (amap_prepare(copy, to) != 0)
                return -ENOMEM;
            prepared = to / AMAP_CHUNK;
            target = *amap_chunk(copy, to);
        }
        anon->refs++;
        target[to % AMAP_CHUNK] = anon;
        copy->used++;
    }
    return 0;
}

struct amap *amap_copy(const struct amap *amap, pgoff_t first, pgoff_t count, pgoff_t to, pgoff_t pages) {
    struct amap *copy = amap_create(pages);
    pgoff_t end = MIN(first + count, amap->pages), start = first;

    if (copy == NULL)
        return NULL;
    while ((start = next_with_chunk(amap, start, end)) < end) {
        pgoff_t stop = MIN(end, (start / AMAP_CHUNK + 1) * AMAP_CHUNK);

        if (copy_entries(copy, to + start - first, amap, start, stop) != 0) {
            amap_unref(copy);
            return NULL;
        }
        start = stop;
    }
    return copy;
}

struct amap *amap_split(struct amap *amap, pgoff_t first, pgoff_t count) {
    struct amap *split = amap_copy(amap, first, count, 0, count);

    if (split == NULL)
        return NULL;
    amap_clear(amap, first, count); /* the copy's references remain */
    for (pgoff_t i = amap_next(split, 0, count); vm_options.swap_static && i < count;
         i = amap_next(split, i + 1, count))
        amap_give_home(split, i, amap_get(split, i));
    return split;
}

int amap_room_before(struct amap *amap, pgoff_t pages) {
    struct amap larger = *amap;
    pgoff_t by = pages / AMAP_CHUNK, before = amap->pages / AMAP_CHUNK;

    ASSERT(pages % AMAP_CHUNK == 0 && amap->pages + pages <= AMAP_PAGES_MAX);
    memset(larger.sections, 0, sizeof(larger.sections));
    larger.bytes = 0;
    larger.pages = chunks_for(amap->pages + pages) * AMAP_CHUNK;
    for (pgoff_t chunk = 0; chunk < before; chunk++) {
        const struct amap_section *from = section_of(amap, chunk * AMAP_CHUNK);
        struct amap_section *to = section_of(&larger, (chunk + by) * AMAP_CHUNK);

        if (from->chunks == NULL)
            continue;
        if (section_prepare(&larger, (chunk + by) * AMAP_CHUNK) != 0) {
            destroy_sections(&larger);
            return -ENOMEM;
        }
        to->chunks[(chunk + by) % AMAP_SECTION] = from->chunks[chunk % AMAP_SECTION];
        if (from->homes != NULL)
            to->homes[(chunk + by) % AMAP_SECTION] = from->homes[chunk % AMAP_SECTION];
    }
    destroy_sections(amap);
    larger.bytes += amap->bytes; /* what is left are the chunks */
    *amap = larger;
    return 0;
}
