/*
 * Stack distances: the faults of LRU and OPT for every number of frames at once.
 *
 * Both are stack algorithms: what they keep in m frames is part of what they keep in m + 1. So the pages can
 * be written in one stack whose first m are the resident ones, for every m; a reference to a page at depth d
 * is a fault exactly where m < d.
 *
 * For LRU the stack is in order of last use, and the depth of a page is one more than the number of different
 * pages referenced since: counted with a binary indexed tree over the positions of last references. For OPT
 * the stack has to be carried along: the referenced page comes to the top, and each level keeps of two pages
 * the one that is used again sooner, and hands the other down.
 *
 * Source: Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies" (1970); the
 * tree: Bennett and Kruskal, "LRU stack processing" (1975).
 */
#include "tools/pagesim/sim.h"

#include <stdlib.h>

/* From references per depth to faults per number of frames. */
static void faults_from_depths(const uint32_t *depths, uint32_t count, uint32_t most, uint32_t *faults) {
    uint32_t hits = 0;

    for (uint32_t m = 1; m <= most; m++) {
        hits += depths[m];
        faults[m] = count - hits;
    }
}

/* --- LRU --- */

/* A binary indexed tree of 0s and 1s at positions 1..n. */
static void tree_add(uint32_t *tree, uint32_t n, uint32_t at, int value) {
    for (; at <= n; at += at & -at)
        tree[at] += (uint32_t)value;
}

static uint32_t tree_sum(const uint32_t *tree, uint32_t at) {
    uint32_t sum = 0;

    for (; at > 0; at -= at & -at)
        sum += tree[at];
    return sum;
}

void stack_lru(const struct string *string, uint32_t most, uint32_t *faults) {
    uint32_t n = string->count;
    uint32_t *depths = allocate(most + 1, sizeof(*depths));
    uint32_t *tree = allocate(n + 1, sizeof(*tree));         /* 1 where a page was referenced last */
    uint32_t *last = allocate(string->pages, sizeof(*last)); /* position + 1, 0: never */

    for (uint32_t at = 1; at <= n; at++) {
        uint32_t page = reference_page(string->references[at - 1]);

        if (last[page] != 0) {
            uint32_t depth = tree_sum(tree, at - 1) - tree_sum(tree, last[page]) + 1;

            if (depth <= most)
                depths[depth]++;
            tree_add(tree, n, last[page], -1);
        }
        tree_add(tree, n, at, 1);
        last[page] = at;
    }
    faults_from_depths(depths, n, most, faults);
    free(last);
    free(tree);
    free(depths);
}

/* --- OPT --- */

/* The page that is used again sooner stays higher; among those never used again, any fixed order will do. */
static bool is_sooner(const uint32_t *next, uint32_t page, uint32_t other) {
    return next[page] != next[other] ? next[page] < next[other] : page < other;
}

void stack_opt(const struct string *string, uint32_t most, uint32_t *faults) {
    uint32_t *depths = allocate(most + 1, sizeof(*depths));
    uint32_t *stack = allocate(string->pages, sizeof(*stack));
    uint32_t *next = allocate(string->pages, sizeof(*next)); /* position of each page's next reference */
    uint32_t height = 0;

    for (uint32_t at = 0; at < string->count; at++) {
        uint32_t page = reference_page(string->references[at]), depth = 0, carried = page;

        while (depth < height && stack[depth] != page) {
            uint32_t here = stack[depth];

            /* The referenced page takes the top; below, the better of two stays. */
            if (depth == 0 || is_sooner(next, carried, here)) {
                stack[depth] = carried;
                carried = here;
            }
            depth++;
        }
        if (depth == height)
            height++;
        else if (depth < most)
            depths[depth + 1]++;
        stack[depth] = carried;
        next[page] = string->next[at];
    }
    faults_from_depths(depths, string->count, most, faults);
    free(next);
    free(stack);
    free(depths);
}
