/*
 * For tests of the block layer on the host: a disk in an array, which completes a request when it is told
 * to, or when somebody sleeps; and the processor and scheduler functions that the block layer calls.
 */
#ifndef TESTS_FAKE_BLOCK_H
#define TESTS_FAKE_BLOCK_H

#include "drivers/block.h"

enum { FAKE_DISK_SECTORS = 4096, FAKE_LOG_MAX = 64 };

/* One disk, registered by nobody yet; its driver takes 256 sectors and 64 bios a request. */
extern struct block_device fake_disk;
extern uint8_t fake_disk_data[FAKE_DISK_SECTORS * SECTOR_SIZE];

/* Requests as the driver got them, in order. */
struct fake_request {
    sector_t sector;
    unsigned sectors, bios;
    bool write, flush;
};
extern struct fake_request fake_requests[FAKE_LOG_MAX];
extern unsigned fake_request_count;

/* Every request that touches this sector fails. */
extern sector_t fake_bad_sector;
#define FAKE_NO_BAD_SECTOR UINT32_MAX

/* Ends the request at the disk as its interrupt would, deferred work not included. False: there is none. */
bool fake_disk_interrupt(void);

/* Interrupts and deferred work until nothing is left to do. */
void fake_disk_run(void);

extern uint64_t fake_nanoseconds; /* the time: it passes when the test says so */

/* A physical address for the block layer, and the memory behind it: static memory of the test only. */
paddr_t fake_physical(const void *pointer);
void *fake_pointer(paddr_t address);

#endif
