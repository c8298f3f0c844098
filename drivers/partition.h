/* The partition table of the Master Boot Record. */
#ifndef DRIVERS_PARTITION_H
#define DRIVERS_PARTITION_H

#include "lib/types.h"

#define PARTITIONS_MAX 4u

struct partition {
    sector_t start, sectors; /* sectors 0: this entry is unused */
    uint8_t type;            /* 0x83 Linux, 0x82 Linux swap, … */
};

/*
 * Reads the four entries of @mbr, the first SECTOR_SIZE bytes of a disk of @disk_sectors, into @table.
 * Entries that reach over the end of the disk, cover sector 0 or overlap an earlier one are refused, with a
 * log line that begins with @name. Returns the number of usable ones, or -EINVAL when there is no table.
 */
int partition_parse(const char *name, const void *mbr, sector_t disk_sectors,
                    struct partition table[PARTITIONS_MAX]);

#endif
