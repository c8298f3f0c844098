/*
 * Ghosts: see mm/policy/ghosts.h. They stand in a ring in the order of their leaving, and in chains by hash.
 */
#include "mm/policy/ghosts.h"

#include "mm/heap.h"

#define NO_GHOST UINT32_MAX

struct ghosts {
    uint32_t size;
    uint32_t left;    /* pages that have left: the next one's number, … */
    uint32_t at;      /* … and where it will stand in the ring */
    uint32_t *chains; /* `size` of them, by hash: the first ghost */
    struct ghost ring[];
};

static uint32_t hash(uint64_t page) {
    return (uint32_t)((page * 0x9E3779B97F4A7C15u) >> 32) | 1u; /* 0 means none */
}

static uint32_t *chain_of(struct ghosts *ghosts, uint32_t page) {
    return &ghosts->chains[(uint64_t)page * ghosts->size >> 32];
}

struct ghosts *ghosts_make(uint32_t most) {
    struct ghosts *ghosts = NULL;

    /* While the machine runs, memory in one piece may be scarce: then less is remembered. */
    for (uint32_t size = most; ghosts == NULL && size > 0; size /= 2) {
        ghosts = kmalloc_try(sizeof(*ghosts) + (sizeof(struct ghost) + sizeof(uint32_t)) * size);
        if (ghosts != NULL)
            ghosts->size = size;
    }
    if (ghosts == NULL)
        return NULL;
    ghosts->chains = (uint32_t *)&ghosts->ring[ghosts->size];
    for (uint32_t i = 0; i < ghosts->size; i++)
        ghosts->chains[i] = NO_GHOST;
    return ghosts;
}

void ghosts_free(struct ghosts *ghosts) {
    kfree(ghosts);
}

void ghosts_drop(struct ghosts *ghosts, struct ghost *ghost) {
    uint32_t *at = chain_of(ghosts, ghost->page);

    while (&ghosts->ring[*at] != ghost)
        at = &ghosts->ring[*at].next;
    *at = ghost->next;
    ghost->page = 0;
}

uint32_t ghosts_add(struct ghosts *ghosts, uint64_t page, uint32_t word) {
    struct ghost *ghost = &ghosts->ring[ghosts->at];
    uint32_t *chain = chain_of(ghosts, hash(page)), overwritten = 0;

    if (ghost->page != 0) {
        overwritten = ghost->word;
        ghosts_drop(ghosts, ghost);
    }
    *ghost = (struct ghost){hash(page), word, *chain};
    *chain = ghosts->at;
    if (++ghosts->at == ghosts->size)
        ghosts->at = 0;
    ghosts->left++;
    return overwritten;
}

struct ghost *ghosts_find(struct ghosts *ghosts, uint64_t page) {
    for (uint32_t at = *chain_of(ghosts, hash(page)); at != NO_GHOST; at = ghosts->ring[at].next)
        if (ghosts->ring[at].page == hash(page))
            return &ghosts->ring[at];
    return NULL;
}

/* The place in the ring that was filled @ago pages before the last, or the other way round. */
static uint32_t before_last(const struct ghosts *ghosts, uint32_t ago) {
    uint32_t place = ghosts->at + ghosts->size - 1 - ago;

    return place < ghosts->size ? place : place - ghosts->size;
}

uint32_t ghosts_number(const struct ghosts *ghosts, const struct ghost *ghost) {
    return ghosts->left - 1 - before_last(ghosts, (uint32_t)(ghost - ghosts->ring));
}

struct ghost *ghosts_at(struct ghosts *ghosts, uint32_t number) {
    struct ghost *ghost = &ghosts->ring[before_last(ghosts, ghosts->left - 1 - number)];

    return ghost->page == 0 ? NULL : ghost;
}

uint32_t ghosts_first(const struct ghosts *ghosts) {
    return ghosts->left - MIN(ghosts->left, ghosts->size);
}

uint32_t ghosts_end(const struct ghosts *ghosts) {
    return ghosts->left;
}

bool ghosts_sound(const struct ghosts *ghosts) {
    uint32_t there = 0, chained = 0;

    for (uint32_t i = 0; i < ghosts->size; i++) {
        there += ghosts->ring[i].page != 0;
        for (uint32_t at = ghosts->chains[i]; at != NO_GHOST; at = ghosts->ring[at].next) {
            const struct ghost *ghost = &ghosts->ring[at];

            if (ghost->page == 0 || (uint64_t)ghost->page * ghosts->size >> 32 != i ||
                ++chained > ghosts->size)
                return false;
        }
    }
    return chained == there;
}
