/*
 * The MBR's partition table: four entries of 16 bytes at byte 446 of sector 0, then the signature 55 AA.
 * An entry is only believed when it lies on the disk and takes nothing from another one, for a file system
 * on a wrong entry would write over its neighbour. Primary partitions only: an extended partition is shown
 * as one partition, and what is inside it is not looked for.
 *
 * Source: "Standard MBR"; sfdisk(8) writes it so. All numbers are little-endian.
 */
#include "drivers/partition.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum {
    MBR_TABLE = 446,
    MBR_ENTRY_BYTES = 16,
    MBR_SIGNATURE = 510,
    ENTRY_TYPE = 4, /* offsets in an entry; the CHS addresses between them are not used */
    ENTRY_START = 8,
    ENTRY_SECTORS = 12,
};

static uint32_t get_le32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool overlap(const struct partition *a, const struct partition *b) {
    return a->start < (uint64_t)b->start + b->sectors && b->start < (uint64_t)a->start + a->sectors;
}

/* What is wrong with entry @index of @table, whose earlier entries have been checked; NULL: nothing. */
static const char *complaint(const struct partition *table, unsigned index, sector_t disk_sectors) {
    const struct partition *entry = &table[index];

    if (entry->start == 0)
        return "begins at sector 0, the partition table itself";
    if ((uint64_t)entry->start + entry->sectors > disk_sectors)
        return "reaches over the end of the disk";
    for (unsigned i = 0; i < index; i++) {
        if (table[i].sectors != 0 && overlap(&table[i], entry))
            return "overlaps an earlier one";
    }
    return NULL;
}

int partition_parse(const char *name, const void *mbr, sector_t disk_sectors,
                    struct partition table[PARTITIONS_MAX]) {
    const uint8_t *bytes = mbr;
    int usable = 0;

    memset(table, 0, PARTITIONS_MAX * sizeof(table[0]));
    if (bytes[MBR_SIGNATURE] != 0x55 || bytes[MBR_SIGNATURE + 1] != 0xAA)
        return -EINVAL;
    for (unsigned i = 0; i < PARTITIONS_MAX; i++) {
        const uint8_t *entry = bytes + MBR_TABLE + i * MBR_ENTRY_BYTES;

        if (entry[ENTRY_TYPE] == 0 || get_le32(entry + ENTRY_SECTORS) == 0)
            continue;
        table[i] = (struct partition){
            .start = get_le32(entry + ENTRY_START),
            .sectors = get_le32(entry + ENTRY_SECTORS),
            .type = entry[ENTRY_TYPE],
        };
        const char *wrong = complaint(table, i, disk_sectors);

        if (wrong != NULL) {
            klog("block: %s%u: refused: %u sectors at %u: %s", name, i + 1, (unsigned)table[i].sectors,
                 (unsigned)table[i].start, wrong);
            table[i].sectors = 0;
            continue;
        }
        usable++;
    }
    return usable;
}
