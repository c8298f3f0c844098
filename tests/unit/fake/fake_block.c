/* See fake_block.h. */
#include "fake_block.h"

#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/trace.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the processor, the scheduler, the log --- */

static bool interrupts = true;

uint32_t trace_enabled, trace_who, trace_mask;
uint64_t trace_latest;
struct trace_header trace_header;
struct trace_event *trace_ring;

uint64_t time_counter(void) {
    panic("an event of a group that is off");
}

uint64_t fake_nanoseconds = 1;

uint64_t time_nanoseconds(void) {
    return fake_nanoseconds;
}

static unsigned no_sleep;

unsigned irq_save(void) {
    bool before = interrupts;

    interrupts = false;
    return before;
}

void irq_restore(unsigned state) {
    interrupts = state;
}

bool irq_enabled(void) {
    return interrupts;
}

bool irq_in_handler(void) {
    return false;
}

void may_sleep(void) {
    if (no_sleep > 0)
        panic("what may sleep is called where nothing may");
}

void no_sleep_begin(void) {
    no_sleep++;
}

void no_sleep_end(void) {
    no_sleep--;
}

/* Time passes: what the sleeper waits for must come from the disk. */
void wait_on(struct waitq *queue UNUSED) {
    block_before_sleep();
    bool progress = deferred_pending();

    if (!progress && !fake_disk_interrupt())
        panic("a thread sleeps and nothing can wake it");
    deferred_run();
}

void waitq_wake_one(struct waitq *queue UNUSED) {
}

void waitq_wake_all(struct waitq *queue UNUSED) {
}

void mutex_lock(struct mutex *mutex UNUSED) {
}

void mutex_unlock(struct mutex *mutex UNUSED) {
}

uint32_t counters[COUNT_TOTAL];

/* --- the disk --- */

uint8_t fake_disk_data[FAKE_DISK_SECTORS * SECTOR_SIZE];
struct fake_request fake_requests[FAKE_LOG_MAX];
unsigned fake_request_count;
sector_t fake_bad_sector = FAKE_NO_BAD_SECTOR;

static struct block_request *at_disk;

static void fake_start(struct block_device *disk UNUSED, struct block_request *request) {
    ASSERT(!irq_enabled() && at_disk == NULL);
    at_disk = request;
    if (fake_request_count == FAKE_LOG_MAX)
        return;
    struct fake_request *entry = &fake_requests[fake_request_count++];

    *entry = (struct fake_request){.sector = request->sector,
                                   .sectors = request->sectors,
                                   .write = request->write,
                                   .flush = request->flush};
    list_for_each (bio, &request->bios, struct bio, link) {
        entry->bios++;
    }
}

static const struct block_driver fake_driver = {
    .start = fake_start,
    .max_sectors = 256,
    .max_segments = 64,
};

struct block_device fake_disk = {
    .name = "hda",
    .sectors = FAKE_DISK_SECTORS,
    .driver = &fake_driver,
};

/* Addresses are 32 bits of a pointer less the direct map's base; the rest is that of any static pointer. */
paddr_t fake_physical(const void *pointer) {
    return pointer_to_phys(pointer);
}

void *fake_pointer(paddr_t address) {
    uintptr_t here = (uintptr_t)fake_disk_data;
    int32_t distance = (int32_t)(address + DIRECT_MAP_BASE - (uint32_t)here);

    return (void *)(here + (intptr_t)distance);
}

static void move(const struct block_request *request) {
    uint8_t *on_disk = fake_disk_data + (size_t)request->sector * SECTOR_SIZE;

    list_for_each (bio, &request->bios, struct bio, link) {
        size_t bytes = bio->sectors * SECTOR_SIZE;

        if (request->write)
            memcpy(on_disk, fake_pointer(bio->address), bytes);
        else
            memcpy(fake_pointer(bio->address), on_disk, bytes);
        on_disk += bytes;
    }
}

bool fake_disk_interrupt(void) {
    struct block_request *request = at_disk;

    if (request == NULL)
        return false;
    bool bad = request->sector <= fake_bad_sector && fake_bad_sector - request->sector < request->sectors;

    if (!bad)
        move(request);
    at_disk = NULL;
    unsigned state = irq_save();

    block_complete(&fake_disk, request, bad ? -EIO : 0);
    irq_restore(state);
    return true;
}

void fake_disk_run(void) {
    block_before_sleep();
    do {
        deferred_run();
    } while (fake_disk_interrupt() || deferred_pending());
}
