/*
 * Data that can be checked anywhere at any time: word number i of a pattern is a fixed scramble of
 * (seed, i), so a word that comes back from the wrong page, the wrong slot or the wrong pass differs.
 * And a seeded generator, the same on every machine.
 */
#ifndef USER_LIB_PATTERN_H
#define USER_LIB_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* A bijection of 32 bits in which each bit of the input changes about half of the output. */
static inline uint32_t scramble(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352du; /* multipliers: C. Wellons, "Prospecting for hash functions", 2018 */
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

static inline uint32_t pattern_word(uint32_t seed, uint32_t index) {
    return scramble(index ^ (seed * 0x9e3779b9u));
}

/* Fills @words with words [first, first + count) of pattern @seed. */
void pattern_fill(uint32_t *words, uint32_t first, size_t count, uint32_t seed);

/*
 * Compares every word; the first wrong one fails the program with a message that says which it was, what
 * it held and what it should hold. @what names the data. Returns the checksum of the words.
 */
uint32_t pattern_check(const uint32_t *words, uint32_t first, size_t count, uint32_t seed, const char *what);

/* Adds one word to a checksum that depends on the order of the words (FNV-1a over words). */
static inline uint32_t checksum_add(uint32_t checksum, uint32_t word) {
    return (checksum ^ word) * 16777619u;
}
#define CHECKSUM_START 2166136261u

/* xorshift32 (G. Marsaglia, "Xorshift RNGs", 2003); never 0. */
struct generator {
    uint32_t state;
};

static inline struct generator generator_start(uint32_t seed) {
    uint32_t state = scramble(seed + 1);
    return (struct generator){.state = state != 0 ? state : 1};
}

static inline uint32_t generator_next(struct generator *g) {
    g->state ^= g->state << 13;
    g->state ^= g->state >> 17;
    g->state ^= g->state << 5;
    return g->state;
}

/* A number in [0, below), @below > 0. */
static inline uint32_t generator_below(struct generator *g, uint32_t below) {
    return (uint32_t)(((uint64_t)generator_next(g) * below) >> 32);
}

#endif
