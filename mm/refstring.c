/* Reference strings: see mm/refstring.h. */
#include "mm/refstring.h"

#include "lib/log.h"

void reference_string_link(const reference_t *references, uint32_t count, uint32_t *next, uint32_t *last,
                           uint32_t pages) {
    for (uint32_t page = 0; page < pages; page++)
        last[page] = REFERENCE_NEVER;
    for (uint32_t at = count; at-- > 0;) {
        uint32_t page = reference_page(references[at]);

        ASSERT(page < pages);
        next[at] = last[page];
        last[page] = at;
    }
}
