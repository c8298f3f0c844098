/*
 * How whole pages are cleared and copied: by string instructions, or by the registers of SSE where the processor has
 * them. Which is quicker depends on the machine (hardware likes the first, emulators the second), so both are
 * tried at boot and the one that took fewer cycles stays. Without a cycle counter the string instructions do.
 *
 * Source: Intel, "64 and IA-32 Architectures Optimization Reference Manual", 3.7.6 (fast string operation).
 */
#include "arch/x86/page_fill.h"

#include "arch/x86/cpu.h"
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "lib/log.h"

/* page_fill.asm */
void page_clear_string(void *page);
void page_clear_wide(void *page);
void page_copy_string(void *to, const void *from);
void page_copy_wide(void *to, const void *from);

/* Where page_clear() and page_copy() jump to. */
void (*page_clear_method)(void *page) = page_clear_string;
void (*page_copy_method)(void *to, const void *from) = page_copy_string;

bool page_copy_is_wide;

enum { TRIES = 8 }; /* the least counts: what disturbs a measurement only makes it longer */

static uint8_t pages[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static uint32_t cycles_to_clear(void (*clear)(void *page)) {
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t start = time_cycles();

        clear(pages[0]);
        least = MIN(least, (uint32_t)(time_cycles() - start));
    }
    return least;
}

static uint32_t cycles_to_copy(void (*copy)(void *to, const void *from)) {
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t start = time_cycles();

        copy(pages[0], pages[1]);
        least = MIN(least, (uint32_t)(time_cycles() - start));
    }
    return least;
}

void page_fill_init(void) {
    if (!cpu.sse || !cpu.tsc)
        return;
    if (cycles_to_clear(page_clear_wide) < cycles_to_clear(page_clear_string))
        page_clear_method = page_clear_wide;
    page_copy_is_wide = cycles_to_copy(page_copy_wide) < cycles_to_copy(page_copy_string);
    if (page_copy_is_wide)
        page_copy_method = page_copy_wide;
    klog("arch: pages are cleared by %s and copied by %s",
         page_clear_method == page_clear_wide ? "wide stores" : "string instructions",
         page_copy_is_wide ? "wide moves" : "string instructions");
}
