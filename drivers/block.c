/*
 * The block layer: the pool of bios, the disks and partitions, and the way of a transfer through the queue.
 *
 *                 plugged, or the disk is busy          start_next()            the driver's interrupt
 *   bio_submit() ------------------------------> queue -------------> the disk ------------------------+
 *                                                  ^                                                   |
 *                                                  | several bios failed: each alone   block_complete()|
 *                                                  +---------------------------------------------------+
 *                                                                                                      |
 *          done(bio, error), thread context <------- deferred ------- finished list <------------------+
 *
 * Queues and the finished list are shared with the disks' interrupt handlers: whoever touches them has
 * disabled interrupts. The pool, the plug, the table of devices and everything done() does are thread context
 * only. A disk does one request at a time, and the next is started in the interrupt that ends the last, so a
 * disk with work queued never waits for the processor, but for the moment in which a run is being submitted.
 *
 * Memory: none is ever allocated. A page-out must not need a page in order to write a page, so the bios are a
 * fixed pool, and who finds it empty waits for a disk, which needs no memory either.
 *
 * Source: the bio and the plug are Linux's (Documentation/block); the buffer pool that sleeps is Bach's, "The
 * Design of the UNIX Operating System", ch. 3.
 */
#include "drivers/block.h"

#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "drivers/block_queue.h"
#include "drivers/partition.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/trace.h"

/* Enough for the longest command at the disk, the next one, and the windows of some streams. */
enum { BIOS = 384, DISKS_MAX = 4 };

static struct bio pool[BIOS];
static struct list pool_free = LIST_INITIALIZER(pool_free);
static struct waitq pool_waiters;
/* Threads in bio_alloc(), also those that have been woken and have not run yet. */
static unsigned bio_waiters;

/* Disks and partitions, in the order of registration. */
static struct list devices = LIST_INITIALIZER(devices);
static struct block_queue queues[DISKS_MAX];
static struct block_device partitions[DISKS_MAX][PARTITIONS_MAX];
static unsigned disk_count;

static unsigned plug_depth; /* the interrupt handler reads it */

static void run_done(void);
/* Bios that are over and whose done() has not been called. */
static struct list finished = LIST_INITIALIZER(finished);
static struct deferred finished_work = {.function = run_done};

void block_init(void) {
    for (unsigned i = 0; i < BIOS; i++)
        list_add_tail(&pool_free, &pool[i].link);
}

/* --- the queue and the disk; all with interrupts disabled --- */

/* The frame of the page that a bio transfers. */
static uint32_t bio_frame(const struct bio *bio) {
    return bio->address >> PAGE_SHIFT;
}

/* The time from @since to @now, for a counter of microseconds. A disk that hangs may take more nanoseconds than 32 bits hold. */
static void count_time(enum counter counter, uint64_t since, uint64_t now) {
    uint64_t took = now - since;

    count_add(counter, took < UINT32_MAX - 500 ? ((uint32_t)took + 500) / 1000 : (uint32_t)(took / 1000));
}

/* What the disk does from here on is for the work that was queued. */
static void note_start(struct block_queue *queue) {
    uint64_t now = time_nanoseconds();

    queue->busy = true;
    if (queue->held_since != 0)
        count_time(COUNT_BLK_HELD_US, queue->held_since, now);
    queue->held_since = 0;
    queue->busy_since = now;
}

/* Gives the disk its next request, unless it has one or there is none. */
static void start_next(struct block_device *disk) {
    struct block_queue *queue = disk->queue;
    struct block_request *request = &queue->current;

    if (queue->busy || queue->length == 0 ||
        !block_queue_take(queue, disk->driver->max_sectors, disk->driver->max_segments, request))
        return;
    note_start(queue);
    if (!request->flush)
        count(request->write ? COUNT_BLK_WRITES : COUNT_BLK_READS);
    count_add(COUNT_BLK_MERGES, request->segments - 1);
    trace(TRACE_COMMAND_START, request->write | request->flush << 1, 0, request->sector, request->sectors,
          request->segments);
    disk->driver->start(disk, request);
}

/*
 * A plug holds back what may still grow, also where the disk has just become free: half a run now and half later are
 * two requests. What is enough pages for the longest command does not wait.
 */
static ALWAYS_INLINE void start_unless_held(struct block_device *disk) {
    struct block_queue *queue = disk->queue;

    if (queue->busy)
        return;
    if (plug_depth == 0 || queue->length * SECTORS_PER_PAGE >= disk->driver->max_sectors)
        start_next(disk);
    else if (queue->length > 0 && queue->held_since == 0)
        queue->held_since = time_nanoseconds();
}

/* A bio that belongs to no list. */
static void finish_bio(struct bio *bio, int error) {
    bio->error = error;
    list_add_tail(&finished, &bio->link);
    deferred_queue(&finished_work);
}

void block_complete(struct block_device *disk, struct block_request *request, int error) {
    struct block_queue *queue = disk->queue;

    ASSERT(!irq_enabled());
    ASSERT(queue->busy && request == &queue->current);
    trace(TRACE_COMMAND_DONE, request->write | request->flush << 1, 0, request->sector, request->sectors,
          (uint32_t)-error);
    if (error != 0 && request->segments > 1) {
        count(COUNT_BLK_SPLITS);
        block_queue_put_back(queue, request);
    } else {
        if (error != 0)
            count(COUNT_BLK_ERRORS);
        list_first(&request->bios, struct bio, link)->error = error; /* those of several are 0 */
        list_move_all(&finished, &request->bios);
        list_init(&request->bios);
    }
    queue->busy = false;
    count_time(COUNT_BLK_BUSY_US, queue->busy_since, time_nanoseconds());
    start_unless_held(disk);
    /* Nothing has finished, perhaps: run_done() also starts what the plug of a sleeper holds back. */
    deferred_queue(&finished_work);
}

/* Calls @visit for each disk, partitions left out. */
static void for_each_disk(void (*visit)(struct block_device *disk)) {
    list_for_each (device, &devices, struct block_device, link) {
        if (device->disk == device)
            visit(device);
    }
}

static void start_all(void) {
    unsigned state = irq_save();

    for_each_disk(start_next);
    irq_restore(state);
}

static void tick_disk(struct block_device *disk) {
    if (disk->driver->tick != NULL)
        disk->driver->tick(disk);
}

void block_tick(void) {
    ASSERT(!irq_enabled());
    for_each_disk(tick_disk);
}

/* --- bios --- */

struct bio *bio_alloc(void) {
    may_sleep();
    bio_waiters++;
    while (list_empty(&pool_free))
        wait_on(&pool_waiters);
    bio_waiters--;
    struct bio *bio = list_first(&pool_free, struct bio, link);

    list_remove(&bio->link);
    *bio = (struct bio){.sector = 0};
    list_init(&bio->link);
    return bio;
}

void bio_free(struct bio *bio) {
    ASSERT(bio >= pool && bio < pool + BIOS && bio->done != NULL);
    bio->done = NULL;
    list_add_head(&pool_free, &bio->link);
    wake_one(&pool_waiters);
}

void block_for_each_bio(void (*visit)(const struct bio *bio, void *data), void *data) {
    for (unsigned i = 0; i < BIOS; i++)
        if (pool[i].done != NULL)
            visit(&pool[i], data);
}

unsigned block_bio_waiters(void) {
    return bio_waiters;
}

static bool in_range(const struct bio *bio) {
    return bio->sector < bio->device->sectors && bio->sectors <= bio->device->sectors - bio->sector;
}

static ALWAYS_INLINE void submit(struct bio *bio) {
    struct block_device *disk = bio->device->disk;
    unsigned state = irq_save();

    block_queue_add(disk->queue, bio);
    trace(TRACE_BIO_QUEUED, bio->write | bio->cause << 1, bio_frame(bio), bio_start(bio), bio->sectors, 0);
    start_unless_held(disk);
    irq_restore(state);
}

STOP_POINT void bio_submit(struct bio *bio) {
    ASSERT(!irq_in_handler());
    ASSERT(bio->sectors <= SECTORS_PER_PAGE);
    ASSERT((bio->address & 1) == 0);
    ASSERT((bio->address & PAGE_MASK) + bio->sectors * SECTOR_SIZE <= PAGE_SIZE);
    ASSERT(bio->cause < BLOCK_CAUSES && bio->done != NULL);
    if (in_range(bio)) {
        submit(bio);
        return;
    }
    klog("block: %s: %s of %u sectors at %u refused: the device has %u", bio->device->name,
         bio->write ? "write" : "read", bio->sectors, (unsigned)bio->sector, (unsigned)bio->device->sectors);
    unsigned state = irq_save();

    finish_bio(bio, -EIO);
    irq_restore(state);
}

/* Each transfer once, by its cause and direction, when it has succeeded. */
static void count_transfer(const struct bio *bio) {
    static const enum counter by_cause[BLOCK_CAUSES][2] = {
        [BLOCK_FILE] = {COUNT_BLK_FILE_IN, COUNT_BLK_FILE_OUT},
        [BLOCK_SWAP] = {COUNT_BLK_SWAP_IN, COUNT_BLK_SWAP_OUT},
        [BLOCK_META] = {COUNT_BLK_META_IN, COUNT_BLK_META_OUT},
        [BLOCK_RAW] = {COUNT_BLK_RAW_IN, COUNT_BLK_RAW_OUT},
    };
    enum counter sectors = bio->write ? COUNT_BLK_WRITE_SECTORS : COUNT_BLK_READ_SECTORS;
    enum counter kibibytes = bio->write ? COUNT_PGPGOUT : COUNT_PGPGIN;

    count(by_cause[bio->cause][bio->write ? 1 : 0]);
    /* A sector is half a KiB: the halves are kept in the count of sectors, so that none is lost. */
    count_add(kibibytes, (counters[sectors] % 2 + bio->sectors) / 2);
    count_add(sectors, bio->sectors);
}

/* Moves what is finished to @taken. False: nothing is. */
static bool take_finished(struct list *taken) {
    unsigned state = irq_save();

    list_init(taken);
    list_move_all(taken, &finished);
    list_init(&finished);
    irq_restore(state);
    return !list_empty(taken);
}

/*
 * Deferred: the second half of block_complete(), in thread context. What done() submits while the holder of
 * a plug sleeps has nobody else to start it.
 */
static void run_done(void) {
    struct list taken;

    while (take_finished(&taken)) {
        while (!list_empty(&taken)) {
            struct bio *bio = list_first(&taken, struct bio, link);

            list_remove(&bio->link);
            if (bio->error == 0 && !bio_is_flush(bio))
                count_transfer(bio);
            bio->done(bio, bio->error);
        }
    }
    block_before_sleep();
}

/* --- plugging --- */

void block_plug(void) {
    plug_depth++;
}

void block_unplug(void) {
    ASSERT(plug_depth > 0);
    if (--plug_depth == 0)
        start_all();
}

void block_before_sleep(void) {
    if (plug_depth > 0)
        start_all();
}

bool block_idle(void) {
    bool idle = true;
    unsigned state = irq_save();

    for (unsigned i = 0; i < disk_count; i++)
        idle = idle && !queues[i].busy && queues[i].length == 0;
    irq_restore(state);
    return idle;
}

/* --- devices --- */

struct block_device *block_find(const char *name) {
    list_for_each (device, &devices, struct block_device, link) {
        if (strcmp(device->name, name) == 0)
            return device;
    }
    return NULL;
}

struct block_device *block_find_type(uint8_t mbr_type) {
    list_for_each (device, &devices, struct block_device, link) {
        if (device->disk != device && device->type == mbr_type)
            return device;
    }
    return NULL;
}

void block_for_each(void (*visit)(struct block_device *device, void *data), void *data) {
    list_for_each (device, &devices, struct block_device, link) {
        visit(device, data);
    }
}

/* The timer interrupt walks the list too. */
static void add_device(struct block_device *device) {
    unsigned state = irq_save();

    list_add_tail(&devices, &device->link);
    irq_restore(state);
}

/* Partition @number, from 1, of @disk, as the table describes it. */
static void add_partition(struct block_device *disk, struct block_device *device, unsigned number,
                          const struct partition *entry) {
    *device = (struct block_device){
        .disk = disk,
        .start = entry->start,
        .sectors = entry->sectors,
        .type = entry->type,
        .driver = disk->driver,
        .data = disk->data,
        .queue = disk->queue,
    };
    print_to(device->name, sizeof(device->name), "%s%u", disk->name, number);
    add_device(device);
    klog("block: %s: %u sectors at %u, type 0x%02x", device->name, (unsigned)device->sectors,
         (unsigned)device->start, device->type);
}

static int add_partitions(struct block_device *disk, struct block_device slots[PARTITIONS_MAX]) {
    struct partition table[PARTITIONS_MAX];
    uint8_t sector[SECTOR_SIZE];
    int error = block_transfer(disk, 0, 1, sector, false);

    if (error != 0) {
        klog("block: %s: partition table not read: error %d", disk->name, error);
        return error;
    }
    if (partition_parse(disk->name, sector, disk->sectors, table) < 0) {
        klog("block: %s: no partition table", disk->name);
        return 0;
    }
    for (unsigned i = 0; i < PARTITIONS_MAX; i++) {
        if (table[i].sectors != 0)
            add_partition(disk, &slots[i], i + 1, &table[i]);
    }
    return 0;
}

int block_register(struct block_device *disk) {
    may_sleep();
    if (disk_count == DISKS_MAX)
        return -ENOSPC;
    unsigned number = disk_count++;

    disk->disk = disk;
    disk->start = 0;
    disk->queue = &queues[number];
    block_queue_init(disk->queue);
    add_device(disk);
    klog("block: %s: %u sectors (%u MiB)", disk->name, (unsigned)disk->sectors,
         (unsigned)(disk->sectors / (1024 * 1024 / SECTOR_SIZE)));
    return add_partitions(disk, partitions[number]);
}
