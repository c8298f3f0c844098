/* See kernel/symbols.h. */
#include "kernel/symbols.h"

/* Made by tools/symbols: addresses in rising order, and where each one's name begins. */
extern const uint32_t symbol_count;
extern const uint32_t symbol_addresses[], symbol_offsets[];
extern const char symbol_names[];

const char *symbol_find(uintptr_t address, unsigned *offset) {
    uint32_t low = 0, high = symbol_count;

    while (low < high) { /* the first that begins behind the address */
        uint32_t middle = low + (high - low) / 2;

        if (symbol_addresses[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = (unsigned)(address - symbol_addresses[low - 1]);
    return &symbol_names[symbol_offsets[low - 1]];
}
