/*
 * The queue of one disk: which transfer goes next, and which of its neighbours go with it. A data structure
 * and nothing else; drivers/block.c guards it and moves the requests. See block_queue.c for the algorithm.
 */
#ifndef DRIVERS_BLOCK_QUEUE_H
#define DRIVERS_BLOCK_QUEUE_H

#include "drivers/block.h"

struct block_queue {
    struct list sorted;  /* free to go, by sector on the disk; equal sectors in order of submission */
    struct list held;    /* in order of submission: each must wait for one submitted earlier */
    struct list *latest; /* of `sorted`, or its head: behind it the next of a run will have its place */
    struct list urgent;  /* before all others, each as a request of its own */
    unsigned ready[2];   /* bios in `sorted`: reads, and [1] writes */
    sector_t
        position[2];    /* where the last request of reads, of writes ended: its elevator is here, going up */
    unsigned reads;     /* requests in a row that were reads while a write was ready */
    uint32_t submitted; /* the next bio's sequence */
    unsigned length;    /* bios in the three lists */

    struct block_request current; /* the disk's, while busy */
    bool busy;
    uint64_t busy_since; /* nanoseconds: when the disk got its command, … */
    uint64_t held_since; /* … and when the first bio began to wait for an idle disk; 0: none does */
};

void block_queue_init(struct block_queue *queue);

/* Adds a bio. Later ones that overlap it, where either writes, will go after it. */
void block_queue_add(struct block_queue *queue, struct bio *bio);

/* Puts back the bios of a request that failed: they go next, in order, each as a request of its own. */
void block_queue_put_back(struct block_queue *queue, struct block_request *request);

/*
 * Takes the next request out of the queue: at least one bio, at most @max_segments of them and
 * @max_sectors in all. False: the queue is empty, and @request is as it was.
 */
bool block_queue_take(struct block_queue *queue, unsigned max_sectors, unsigned max_segments,
                      struct block_request *request);

/* First sector of @bio, and the one after its last, on the disk. */
static inline sector_t bio_start(const struct bio *bio) {
    return bio->device->start + bio->sector;
}

static inline sector_t bio_end(const struct bio *bio) {
    return bio_start(bio) + bio->sectors;
}

static inline bool bio_is_flush(const struct bio *bio) {
    return bio->sectors == 0;
}

#endif
