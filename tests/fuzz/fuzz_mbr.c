/*
 * A disk's partition table. Input: a word with the size of the disk, and its sector 0.
 *
 * links: drivers/partition.c lib/print.c lib/string.c
 */
#include "drivers/partition.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/fuzz/fuzz.h"

void klog(const char *format UNUSED, ...) {
}

const unsigned long fuzz_runs = 5000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct {
        uint32_t disk_sectors;
        uint8_t mbr[SECTOR_SIZE];
    } input = {0};
    struct partition table[PARTITIONS_MAX];
    memcpy(&input, data, MIN(bytes, sizeof(input)));
    int count = partition_parse("fuzz", input.mbr, input.disk_sectors, table), used = 0;
    if (count < 0) {
        MUST(count == -EINVAL);
        return 0;
    }
    for (unsigned i = 0; i < PARTITIONS_MAX; i++) {
        const struct partition *p = &table[i];
        if (p->sectors == 0)
            continue;
        used++;
        MUST(p->start > 0 && p->start < input.disk_sectors && p->sectors <= input.disk_sectors - p->start);
        for (unsigned j = 0; j < i; j++)
            MUST(table[j].sectors == 0 || table[j].start + table[j].sectors <= p->start ||
                 p->start + p->sectors <= table[j].start);
    }
    MUST(used == count);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    static const uint32_t entries[PARTITIONS_MAX][2] = {
        {2048, 100000}, {102048, 4000}, {106048, 10}, {200000, 1}};
    const uint32_t sectors = 300000;
    if (number >= PARTITIONS_MAX || room < 4 + SECTOR_SIZE)
        return 0;
    memset(data, 0, 4 + SECTOR_SIZE);
    memcpy(data, &sectors, 4);
    for (unsigned i = 0; i <= number; i++) {
        uint8_t *entry = data + 4 + 446 + i * 16;
        entry[4] = i == 1 ? 0x82 : 0x83;
        memcpy(entry + 8, entries[i], 8);
    }
    data[4 + 510] = 0x55, data[4 + 511] = 0xAA;
    return 4 + SECTOR_SIZE;
}
