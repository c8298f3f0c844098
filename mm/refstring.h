/*
 * Reference strings: the pages a program refers to, one after the other, as in 7,0,1,2,0,3w: a `w` marks a
 * write. Recorded by mm/reftrace.c, replayed by OPT (mm/policy/opt.c) and by tools/pagesim.
 */
#ifndef MM_REFSTRING_H
#define MM_REFSTRING_H

#include "lib/types.h"

/* One reference: page number and whether it writes. */
typedef uint32_t reference_t;

static inline reference_t reference_make(uint32_t page, bool write) {
    return page << 1 | write;
}

static inline uint32_t reference_page(reference_t reference) {
    return reference >> 1;
}

static inline bool reference_writes(reference_t reference) {
    return reference & 1;
}

#define REFERENCE_NEVER UINT32_MAX

struct reference_string {
    uint32_t count;
    const reference_t *references;
    const uint32_t *next; /* position of the next reference to the same page, or REFERENCE_NEVER */
};

/*
 * Fills next[0..count-1]. @last is memory for a word for each page number below @pages, and every page of
 * the string is below @pages.
 */
void reference_string_link(const reference_t *references, uint32_t count, uint32_t *next, uint32_t *last,
                           uint32_t pages);

#endif
