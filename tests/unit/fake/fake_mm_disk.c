/*
 * Disks in memory, for drivers/block.h: a transfer waits until somebody has time for it, moves its bytes at
 * the very end, and may be overtaken by any other that does not overlap it. What a real disk may do to memory
 * meanwhile is done to it: a page being read holds rubbish until it has arrived, and a page being written
 * must not change until it is out.
 */
#include "fake_mm.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/vm.h"

#include <check.h>
#include <stdlib.h>

#define BIOS 64u

struct slot {
    struct bio bio;
    bool submitted, held; /* held: behind a plug */
    uint32_t sum;         /* of a write's bytes */
};

enum fake_disk_order fake_disk_order;
bool (*fake_disk_fails)(const struct bio *bio);
unsigned fake_disk_pending;
unsigned fake_disk_requests;
unsigned fake_disk_bios_free = BIOS;

static struct list free_bios = LIST_INITIALIZER(free_bios);
static struct list submitted = LIST_INITIALIZER(submitted); /* oldest first */
static struct waitq bio_waiters;
static struct slot slots[BIOS];
static unsigned plugs;
static unsigned waiting; /* threads in bio_alloc() */

struct fake_disk *fake_disk_create(const char *name, sector_t sectors) {
    static struct fake_disk *disks[4];
    static unsigned count;
    struct fake_disk *disk = calloc(1, sizeof(*disk));

    ASSERT(count < ARRAY_SIZE(disks));
    disks[count++] = disk;
    disk->data = calloc(sectors, SECTOR_SIZE);
    disk->device.disk = &disk->device;
    disk->device.sectors = sectors;
    str_copy(disk->device.name, name, sizeof(disk->device.name));
    return disk;
}

static uint8_t *on_disk(const struct bio *bio) {
    return container_of(bio->device, struct fake_disk, device)->data + (size_t)bio->sector * SECTOR_SIZE;
}

static uint32_t sum_of(const struct bio *bio) {
    const uint8_t *bytes = phys_to_pointer(bio->address);
    uint32_t sum = 0;

    for (unsigned i = 0; i < bio->sectors * SECTOR_SIZE; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* --- bios --- */

struct bio *bio_alloc(void) {
    static bool made;

    may_sleep();
    waiting++;
    for (unsigned i = 0; !made && i < BIOS; i++)
        list_add_tail(&free_bios, &slots[i].bio.link);
    made = true;
    while (fake_disk_bios_free == 0)
        wait_on(&bio_waiters);
    waiting--;
    fake_disk_bios_free--;
    struct bio *bio = list_first(&free_bios, struct bio, link);
    list_remove(&bio->link);
    *bio = (struct bio){.sector = 0};
    list_init(&bio->link);
    return bio;
}

void bio_free(struct bio *bio) {
    list_add_head(&free_bios, &bio->link);
    fake_disk_bios_free++;
    wake_one(&bio_waiters);
}

void block_for_each_bio(void (*visit)(const struct bio *bio, void *data), void *data) {
    list_for_each (bio, &submitted, struct bio, link)
        visit(bio, data);
}

unsigned block_bio_waiters(void) {
    return waiting;
}

static bool follows_last(const struct bio *bio) {
    const struct bio *last;

    if (list_empty(&submitted))
        return false;
    last = list_last(&submitted, struct bio, link);
    return last->device == bio->device && last->write == bio->write &&
           last->sector + last->sectors == bio->sector;
}

void bio_submit(struct bio *bio) {
    struct slot *slot = container_of(bio, struct slot, bio);

    ASSERT(bio->sectors >= 1 && bio->sectors <= SECTORS_PER_PAGE);
    ASSERT((bio->address & PAGE_MASK) + bio->sectors * SECTOR_SIZE <= PAGE_SIZE);
    ASSERT(bio->done != NULL && bio->cause < BLOCK_CAUSES);
    if (!(plugs > 0 && follows_last(bio)))
        fake_disk_requests++;
    slot->held = plugs > 0;
    bio->error = bio->sector + bio->sectors > bio->device->sectors ? -EIO : 0;
    if (bio->write)
        slot->sum = sum_of(bio);
    else
        memset(phys_to_pointer(bio->address), 0xEE, bio->sectors * SECTOR_SIZE);
    list_add_tail(&submitted, &bio->link);
    fake_disk_pending++;
}

/* --- plugging --- */

static void start_all(void) {
    list_for_each (bio, &submitted, struct bio, link) {
        container_of(bio, struct slot, bio)->held = false;
    }
}

void block_plug(void) {
    plugs++;
}

void block_unplug(void) {
    ASSERT(plugs > 0);
    if (--plugs == 0)
        start_all();
}

void block_before_sleep(void) {
    start_all();
}

bool block_idle(void) {
    return fake_disk_pending == 0;
}

/* --- completion --- */

/* Nothing that was submitted earlier overlaps it, where either writes. */
static bool may_go(const struct bio *bio) {
    if (container_of(bio, struct slot, bio)->held)
        return false;
    list_for_each (earlier, &submitted, struct bio, link) {
        if (earlier == bio)
            return true;
        if (earlier->device == bio->device && (earlier->write || bio->write) &&
            earlier->sector < bio->sector + bio->sectors && bio->sector < earlier->sector + earlier->sectors)
            return false;
    }
    return true;
}

static struct bio *choose(void) {
    struct bio *chosen = NULL;
    unsigned able = 0;

    list_for_each (bio, &submitted, struct bio, link) {
        if (!may_go(bio))
            continue;
        able++;
        if (chosen == NULL || fake_disk_order == DISK_LIFO ||
            (fake_disk_order == DISK_RANDOM && fake_random_below(able) == 0))
            chosen = bio;
    }
    return chosen;
}

static void count_transfer(const struct bio *bio) {
    enum counter in = COUNT_BLK_FILE_IN + 2 * bio->cause;
    enum counter sectors = bio->write ? COUNT_BLK_WRITE_SECTORS : COUNT_BLK_READ_SECTORS;

    count(bio->write ? in + 1 : in);
    count_add(bio->write ? COUNT_PGPGOUT : COUNT_PGPGIN, (counters[sectors] % 2 + bio->sectors) / 2);
    count_add(sectors, bio->sectors);
}

static void move(struct bio *bio) {
    size_t bytes = bio->sectors * SECTOR_SIZE;

    if (bio->write && container_of(bio, struct slot, bio)->sum != sum_of(bio))
        panic("the bytes for sector %u changed while they were written", (unsigned)bio->sector);
    if (bio->error == 0 && fake_disk_fails != NULL && fake_disk_fails(bio))
        bio->error = -EIO;
    if (bio->error != 0)
        return;
    if (bio->write)
        memcpy(on_disk(bio), phys_to_pointer(bio->address), bytes);
    else
        memcpy(phys_to_pointer(bio->address), on_disk(bio), bytes);
    count_transfer(bio);
}

bool fake_disk_complete_one(void) {
    struct bio *bio = choose();

    if (bio == NULL)
        return false;
    list_remove(&bio->link);
    fake_disk_pending--;
    move(bio);
    no_sleep_begin();
    bio->done(bio, bio->error);
    no_sleep_end();
    return true;
}

/* --- transfers that sleep --- */

int block_transfer(struct block_device *device, sector_t sector, unsigned sectors, void *buffer, bool write) {
    struct bio bio = {.device = device,
                      .sector = sector,
                      .sectors = (uint16_t)sectors,
                      .write = write,
                      .cause = BLOCK_RAW,
                      .address = pointer_to_phys(buffer)};

    may_sleep();
    if (sector + sectors > device->sectors || (fake_disk_fails != NULL && fake_disk_fails(&bio)))
        return -EIO;
    if (write)
        memcpy(on_disk(&bio), buffer, sectors * SECTOR_SIZE);
    else
        memcpy(buffer, on_disk(&bio), sectors * SECTOR_SIZE);
    count_transfer(&bio);
    return 0;
}

int block_flush(struct block_device *device UNUSED) {
    return 0;
}

/* --- mkswap --- */

void fake_mkswap(struct fake_disk *disk, slot_t total, const uint32_t *bad, unsigned bad_count) {
    uint8_t *page = disk->data;
    uint32_t words[3] = {1, total - 1, bad_count};

    memset(page, 0, PAGE_SIZE);
    memcpy(page + 1024, words, sizeof(words));
    if (bad_count > 0)
        memcpy(page + 1536, bad, bad_count * sizeof(*bad));
    memcpy(page + PAGE_SIZE - 10, "SWAPSPACE2", 10);
}

void fake_swap(const char *name, slot_t total) {
    struct fake_disk *disk = fake_disk_create(name, total * SECTORS_PER_PAGE);

    fake_mkswap(disk, total, NULL, 0);
    ck_assert_int_eq(swap_start(&disk->device), 0);
}
