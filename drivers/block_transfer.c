/*
 * Transfers that sleep: a page or less for those who have nothing else to do meanwhile (the partition table, a file
 * system's first look at its disk), and the flush of a disk's cache. One bio, and one thread asleep until it is done.
 *
 * Errors: -EIO. The bounce page is one for all, so transfers take turns; none is in the way of paging, which has bios
 * of its own.
 */
#include "arch/x86/memory.h"
#include "drivers/block.h"
#include "lib/log.h"
#include "lib/string.h"

/* One thread asleep until one bio is done. */
struct completion {
    bool done;
    int error;
    struct waitq waiter;
};

static void complete(struct bio *bio, int error) {
    struct completion *completion = bio->data;

    completion->done = true;
    completion->error = error;
    bio_free(bio);
    wake_all(&completion->waiter);
}

/* done() runs in thread context, so between the test and the wait nothing can come. */
static int wait_completed(struct completion *completion) {
    while (!completion->done)
        wait_on(&completion->waiter);
    return completion->error;
}

/*
 * The bounce page: the caller's buffer may lie anywhere, a kernel stack for instance, and have any size. The mutex
 * says whose the page is while the disk moves it, and guards nothing else: who has it waits for a bio and the disk,
 * which need no thread that could want the page, and for no other lock.
 */
static uint8_t bounce[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct mutex bounce_lock;

int block_transfer(struct block_device *device, sector_t sector, unsigned sectors, void *buffer, bool write) {
    struct completion completion = {.done = false};

    may_sleep();
    ASSERT(sectors >= 1 && sectors <= SECTORS_PER_PAGE);
    mutex_lock(&bounce_lock);
    if (write)
        memcpy(bounce, buffer, sectors * SECTOR_SIZE);
    struct bio *bio = bio_alloc();

    bio->device = device;
    bio->sector = sector;
    bio->sectors = (uint16_t)sectors;
    bio->write = write;
    bio->cause = BLOCK_RAW;
    bio->address = pointer_to_phys(bounce);
    bio->done = complete;
    bio->data = &completion;
    bio_submit(bio);
    int error = wait_completed(&completion);

    if (error == 0 && !write)
        memcpy(buffer, bounce, sectors * SECTOR_SIZE);
    mutex_unlock(&bounce_lock);
    return error;
}

int block_flush(struct block_device *device) {
    struct completion completion = {.done = false};
    struct bio *bio;

    may_sleep();
    bio = bio_alloc();
    bio->device = device;
    bio->done = complete;
    bio->data = &completion;
    bio_submit(bio);
    return wait_completed(&completion);
}
