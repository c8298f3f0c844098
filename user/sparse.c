/*
 * sparse: a table of hundreds of megabytes of which few pages are ever touched. Costs a machine with
 * demand paging what is touched, page tables included; costs any other the whole table.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <sys/mman.h>

static const char usage[] = "sparse [SIZE [ENTRIES [SEED]]]\n"
                            "  puts ENTRIES (standard 2000) entries into a hash table of SIZE (512M) bytes\n"
                            "  and finds them again";

/* Open addressing, linear probing; key 0 is an empty place, which is what fresh pages are full of. */
struct entry {
    uint32_t key, value;
};

static uint32_t key_of(uint32_t seed, uint32_t i) {
    return pattern_word(seed, i) | 1;
}

static struct entry *find(struct entry *table, uint32_t places, uint32_t key) {
    uint32_t place = (uint32_t)(((uint64_t)scramble(key) * places) >> 32);
    while (table[place].key != 0 && table[place].key != key)
        place = (place + 1) % places;
    return &table[place];
}

int main(int argc, char **argv) {
    program_start(argc, argv, "sparse", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 512u << 20, PAGE, 2u << 30);
    unsigned entries = number_argument(argc, argv, 2, "ENTRIES", 2000, 1, UINT32_MAX);
    unsigned seed = number_argument(argc, argv, 3, "SEED", 1, 0, UINT32_MAX);
    uint32_t places = size / sizeof(struct entry);
    if (entries > places / 2)
        usage_error("%u entries do not fit well into %zu bytes", entries, size);

    struct entry *table =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table == MAP_FAILED)
        fail_errno("no %zu bytes of address space", size);
    unsigned distinct = 0;
    for (uint32_t i = 0; i < entries; i++) {
        struct entry *entry = find(table, places, key_of(seed, i));
        distinct += entry->key == 0;
        *entry = (struct entry){.key = key_of(seed, i), .value = entry->value + 1};
    }
    uint32_t checksum = CHECKSUM_START, found = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const struct entry *entry = find(table, places, key_of(seed, i));
        if (entry->key != key_of(seed, i) || entry->value == 0)
            fail("entry %u is lost", i);
        found += entry->value == 1;
        checksum = checksum_add(checksum, entry->key + entry->value);
    }
    for (uint32_t i = 0; i < entries; i++) { /* keys that are not there must not be found */
        uint32_t absent = scramble(i) & ~1u;
        if (absent != 0 && find(table, places, absent)->key != 0)
            fail("key %08x was never put in", absent);
    }
    printf("sparse: %u entries (%u distinct, %u single) in %zu MiB, checksum %08x\n", entries, distinct,
           found, size >> 20, checksum);
    return 0;
}
