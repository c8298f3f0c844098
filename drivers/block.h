/*
 * The block layer: disks and their partitions, a queue of transfers for each disk, kept in C-LOOK order
 * and merged, served by the disk's interrupt.
 *
 * Promise to callers: bio_submit() never sleeps and never fails; every bio submitted is completed exactly
 * once, with 0 or -EIO, by a call of its done() in thread context (lib/deferred.h), in which nothing may
 * sleep. Neighbouring bios of one direction become one scatter/gather command, so a cluster of pages is
 * submitted as one bio a page between block_plug() and block_unplug(), and costs one request.
 *
 * Source of the order: C-LOOK, the one-way elevator (Silberschatz, "Operating System Concepts", ch. 11).
 */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H

#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"

struct block_device;

/* Why a transfer happens; each is counted once by its cause. */
enum block_cause { BLOCK_FILE, BLOCK_SWAP, BLOCK_META, BLOCK_RAW, BLOCK_CAUSES };

/* One transfer to or from memory that is contiguous physically: at most a page. */
struct bio {
    struct list link;            /* block layer's */
    struct block_device *device; /* in: a disk or a partition */
    sector_t sector;             /* in: first sector, relative to the device */
    uint16_t sectors;            /* in: 1 to SECTORS_PER_PAGE (0: block_flush's own, no data) */
    uint8_t write;               /* in: to the disk */
    uint8_t cause;               /* in: enum block_cause */
    paddr_t address;             /* in: physical, word aligned, not crossing a page */
    int error;                   /* block layer's, then done's argument */
    uint32_t sequence;           /* block layer's: order of submission */
    void (*done)(struct bio *bio, int error);
    void *data; /* the submitter's */
};

/*
 * A bio from the fixed pool, all fields zero. Sleeps when all are in flight, which ends as soon as the
 * disk completes one: it never waits for memory. bio_free() may be called from done().
 */
struct bio *bio_alloc(void);
void bio_free(struct bio *bio);

/* Queues the transfer. Thread context (done() included). Out of range of the device: done(-EIO). */
void bio_submit(struct bio *bio);

/* For the checker: every bio submitted whose done() has not been called; who waits in bio_alloc(). */
void block_for_each_bio(void (*visit)(const struct bio *bio, void *data), void *data);
unsigned block_bio_waiters(void);

/*
 * Between the two, bios for an idle disk collect without being started, so that they can merge, up to what one
 * command can take. Nests, per machine. A sleep between them starts what has collected.
 */
void block_plug(void);
void block_unplug(void);

/*
 * Called by the scheduler before every sleep: what is held back by a plug is started, as the sleeper may be
 * waiting for it.
 */
void block_before_sleep(void);

/* Transfers a page or less and sleeps until done: 0 or -EIO. For mount and the partition table. */
int block_transfer(struct block_device *device, sector_t sector, unsigned sectors, void *buffer, bool write);

/* Sleeps until all writes accepted so far are on the medium (FLUSH CACHE). 0 or -EIO. */
int block_flush(struct block_device *device);

/* True when the disk has nothing to do: the daemon writes early only then. */
bool block_idle(void);

struct block_device {
    struct list link;
    char name[8];              /* "hda", "hda1" */
    struct block_device *disk; /* of a partition: its disk; of a disk: itself */
    sector_t start, sectors;   /* on the disk */
    uint8_t type;              /* MBR type of a partition: 0x83, 0x82 */
    const struct block_driver *driver;
    void *data; /* the driver's */
    struct block_queue *queue;
};

struct block_device *block_find(const char *name);      /* or NULL */
struct block_device *block_find_type(uint8_t mbr_type); /* first partition of this type, or NULL */
void block_for_each(void (*visit)(struct block_device *device, void *data), void *data);

/* --- for disk drivers --- */

/* A command: bios of one direction, contiguous on the disk, in order. */
struct block_request {
    struct list bios;
    sector_t sector; /* on the disk */
    unsigned sectors;
    unsigned segments; /* bios */
    bool write;
    bool flush;     /* no data: flush the write cache */
    unsigned tries; /* the driver's; 0 at first */
};

struct block_driver {
    /*
     * Starts @request, which the driver owns until block_complete(), never called from within start().
     * Interrupts disabled; must not sleep.
     */
    void (*start)(struct block_device *disk, struct block_request *request);
    /* Once a timer tick, interrupts disabled, whether busy or not: time limits and recovery. May be NULL. */
    void (*tick)(struct block_device *disk);
    unsigned max_sectors;  /* of one request */
    unsigned max_segments; /* bios of one request */
};

/*
 * Adds a disk, whose name, sectors, driver and data the driver has filled in, reads its partition table and
 * adds its partitions, with a log line each. 0, -ENOSPC (too many disks), or -EIO (no table could be read;
 * the disk is there all the same). May sleep.
 */
int block_register(struct block_device *disk);

/*
 * The driver's request is over, after whatever retries the driver thinks worth while. Interrupt context or
 * not, interrupts disabled. The next request of the queue is started before this returns, so that the disk
 * is never idle while work is queued; done() of the bios runs later, deferred. When a request of several
 * bios has failed, each is tried once more alone, so that a bad sector fails nothing but its own bio.
 */
void block_complete(struct block_device *disk, struct block_request *request, int error);

/* Before the first driver. */
void block_init(void);

/* Called once a timer tick by the timer interrupt. */
void block_tick(void);

#endif
