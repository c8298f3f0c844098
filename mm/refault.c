/* Refaults: see mm/refault.h. */
#include "mm/refault.h"

#include "arch/x86/time.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define NOTES_PER_FRAME 4u /* of pages that are gone */
#define NOTES_MAX       (1u << 16)
#define DISTANCE        4u /* times the size of memory: what left longer ago is no refault */

struct note {
    uint32_t page;      /* the rest of its identity's hash; 0: none */
    uint32_t tick;      /* when it left */
    uint32_t departure; /* and as the how manieth */
};

/* A page may be noted in either place of its pair; the older note gives way. */
struct pair {
    struct note notes[2];
};

/* Pages of pairs, as larger blocks cannot be had reliably. */
#define PAIRS_PER_PAGE (PAGE_SIZE / sizeof(struct pair))

static struct {
    struct pair **pages; /* NULL: not started */
    uint32_t pairs;
    uint32_t departures;
} table;

static uint32_t hash(uint64_t page) {
    return (uint32_t)((page * 0x9E3779B97F4A7C15ull) >> 32);
}

static struct pair *pair_of(uint64_t page) {
    uint32_t index = (uint32_t)((uint64_t)hash(page) * table.pairs >> 32);

    return &table.pages[index / PAIRS_PER_PAGE][index % PAIRS_PER_PAGE];
}

static uint32_t tag_of(uint64_t page) {
    return (uint32_t)(page ^ page >> 32) | 1u;
}

static void free_pages(struct pair **pages, unsigned made) {
    while (made > 0)
        kpage_free(pages[--made]);
    kfree(pages);
}

static struct pair **make_pages(unsigned total) {
    struct pair **pages = kmalloc(total * sizeof(struct pair *));

    if (pages == NULL)
        return NULL;
    for (unsigned i = 0; i < total; i++) {
        pages[i] = kpage_alloc();
        if (pages[i] == NULL) {
            free_pages(pages, i);
            return NULL;
        }
    }
    return pages;
}

int refault_start(void) {
    uint32_t pairs = MIN(frames_pageable() * NOTES_PER_FRAME, NOTES_MAX) / 2;
    unsigned total = (pairs + PAIRS_PER_PAGE - 1) / PAIRS_PER_PAGE;
    struct pair **pages;

    if (table.pages != NULL)
        return 0;
    pages = make_pages(total);
    if (pages == NULL)
        return -ENOMEM;
    if (table.pages != NULL) { /* somebody else has started it while this slept */
        free_pages(pages, total);
        return 0;
    }
    table.pairs = total * PAIRS_PER_PAGE;
    table.pages = pages;
    return 0;
}

/* Where the page is noted already, else the older of the two. */
static struct note *place_for(uint64_t page) {
    struct note *notes = pair_of(page)->notes;

    if (notes[0].page == tag_of(page))
        return &notes[0];
    if (notes[1].page == tag_of(page))
        return &notes[1];
    return &notes[(int32_t)(notes[1].departure - notes[0].departure) < 0];
}

void refault_note(const struct frame *frame) {
    uint64_t page;

    if (table.pages == NULL)
        return;
    page = frame_identity(frame);
    *place_for(page) = (struct note){tag_of(page), (uint32_t)time_ticks(), ++table.departures};
}

bool refault_known(uint64_t page, uint32_t *evicted) {
    if (table.pages == NULL)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct note *note = &pair_of(page)->notes[i];

        if (note->page == tag_of(page) &&
            table.departures - note->departure <= DISTANCE * frames_pageable()) {
            *evicted = note->tick;
            return true;
        }
    }
    return false;
}
