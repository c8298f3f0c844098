/*
 * For tests of a file system on the host: a disk that is an image file, mm/object.h over host memory, and the
 * few functions of scheduler, heap and processor that fs/ calls. One thread.
 *
 * What a real machine does while somebody sleeps, the fake does at every point where sleeping is allowed, by
 * chance: pages that nobody has pinned are written, or written and stolen. So a pointer into a page kept over
 * such a point, or a page used without a pin, shows. It also checks the rules of locking: no mutex is held
 * over a user copy or while a file's page is waited for, none is taken twice, nothing sleeps in get().
 */
#ifndef TESTS_FAKE_FS_H
#define TESTS_FAKE_FS_H

#include "drivers/block.h"
#include "mm/object.h"

/* Opens the image as device "hda1"; closes it and forgets all pages, as if the power were cut. */
struct block_device *fake_disk_open(const char *image);
void fake_disk_close(void);

/* How busy the machine is: percent of sleeping points at which a page is taken away. */
extern unsigned fake_pressure;
/* Frames there are; more pages in memory cost somebody theirs. */
extern unsigned fake_frames;
/* Seeds the fake's own choices. */
void fake_seed(uint32_t seed);

/* Reads of this sector fail; FAKE_NO_SECTOR: none. */
#define FAKE_NO_SECTOR UINT32_MAX
extern sector_t fake_bad_sector;
/* So many of the next writes of that sector fail. */
extern unsigned fake_write_failures;

/* User memory from this address on is bad: copies stop there. 0: all is good. */
extern vaddr_t fake_user_end;

/* User memory is never absent; else half of what every second copy wants is. */
extern bool fake_user_resident;
/* The clock, in seconds; it goes on by itself unless it stands. */
extern unsigned fake_seconds;
extern bool fake_clock_stands;

/* What happens while the one thread sleeps: its result is the sleep's. NULL: a test would hang, so it fails. */
extern int (*fake_sleep)(void);

/* Sectors moved since the disk was opened. */
extern unsigned fake_sectors_read, fake_sectors_written;

/* Pages of an object, or of all, that are in memory; pins and locks that are held (0 between calls). */
unsigned fake_pages(void);
unsigned fake_pins(void);
unsigned fake_locks(void);
/* In-core objects there are. */
unsigned fake_objects(void);
/* The last line of the log, and how many there were. */
extern char fake_log_last[256];
extern unsigned fake_log_lines;

#endif
