/* Checked fill patterns: see pattern.h. */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

void pattern_fill(uint32_t *words, uint32_t first, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++)
        words[i] = pattern_word(seed, first + (uint32_t)i);
}

uint32_t pattern_check(const uint32_t *words, uint32_t first, size_t count, uint32_t seed, const char *what) {
    uint32_t checksum = CHECKSUM_START;
    for (size_t i = 0; i < count; i++) {
        uint32_t expected = pattern_word(seed, first + (uint32_t)i);
        uint32_t found = words[i];
        if (found != expected)
            fail("%s: word %zu is %08x, should be %08x", what, first + i, found, expected);
        checksum = checksum_add(checksum, found);
    }
    return checksum;
}
