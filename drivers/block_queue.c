/*
 * The disk queue's order: C-LOOK for reads and for writes, with merging, reads before writes, and with one exception
 * that keeps data right.
 *
 * The idea. Bios that are free to go stand in one list, sorted by sector. There are two elevators, which go up only:
 * the next request of reads begins at the first read at or above the place where the last one ended, and when there
 * is none, at the lowest of all; and the same for writes. A request takes with it the bios that follow without a gap
 * in the same direction. So merging needs no code of its own at submission: whether a bio was submitted before or
 * after its neighbour, in front of it or behind, they stand side by side when the elevator comes.
 *
 * Reads first. A program waits for a read, and nobody for a write, as long as there are frames: else the clusters of
 * one page-out, all of them side by side, would be in the way of every page-in. But frames come from writes, so one
 * write goes after READS_IN_A_ROW reads.
 *
 * The exception. Sorting may not change what a read returns or which of two writes is the last. A bio that
 * overlaps an earlier one still in the queue, where either of them writes, is held back, and joins the sorted
 * list when the earlier one has gone to the disk (which does one request at a time, so to go earlier is to
 * be done earlier). A flush is held until every earlier write has gone. Whatever was submitted between two
 * bios that do not overlap may pass either.
 *
 * Nobody starves. Every request moves its elevator up by a sector at least and it never moves down except
 * to wrap, so a bio in the sorted list has gone after one sweep above it and one below, however many others
 * arrive meanwhile (a bio for the sector just served is behind the elevator and waits for the next sweep
 * like everyone); and each of two elevators moves at least once in READS_IN_A_ROW + 1 requests. A held bio waits for
 * earlier ones only, so the same holds for it, by induction.
 *
 * Source: C-LOOK and its fairness: Silberschatz, Galvin, Gagne, "Operating System Concepts", the chapter on
 * mass storage; Worthington, Ganger, Patt, "Scheduling algorithms for modern disk drives", 1994. Reads before
 * writes: Linux's deadline scheduler.
 */
#include "drivers/block_queue.h"

#include "lib/log.h"

#define READS_IN_A_ROW 2u

void block_queue_init(struct block_queue *queue) {
    *queue = (struct block_queue){.length = 0};
    list_init(&queue->sorted);
    queue->latest = &queue->sorted;
    list_init(&queue->held);
    list_init(&queue->urgent);
    list_init(&queue->current.bios);
}

/* Wraps around: valid while fewer than 2^31 bios are queued, and the pool has far fewer. */
static bool submitted_before(const struct bio *a, const struct bio *b) {
    return (int32_t)(a->sequence - b->sequence) < 0;
}

/* Must @later not go before @earlier? */
static bool must_follow(const struct bio *later, const struct bio *earlier) {
    if (!submitted_before(earlier, later) || bio_is_flush(earlier))
        return false;
    if (bio_is_flush(later))
        return earlier->write;
    if (!earlier->write && !later->write)
        return false;
    return bio_start(earlier) < bio_end(later) && bio_start(later) < bio_end(earlier);
}

static ALWAYS_INLINE bool must_follow_any(const struct bio *later, const struct list *bios) {
    list_for_each (earlier, bios, struct bio, link) {
        if (must_follow(later, earlier))
            return true;
    }
    return false;
}

/* Searched from the end: a run of pages is submitted in rising order and goes to the end at once. */
static void insert_sorted(struct block_queue *queue, struct bio *bio) {
    struct list *before = queue->sorted.prev;

    while (before != &queue->sorted && bio_start(list_entry(before, struct bio, link)) > bio_start(bio))
        before = before->prev;
    list_insert_before(before->next, &bio->link);
    queue->latest = &bio->link;
}

static void make_ready(struct block_queue *queue, struct bio *bio) {
    if (bio_is_flush(bio))
        list_add_tail(&queue->urgent, &bio->link);
    else
        insert_sorted(queue, bio);
    queue->ready[bio->write != 0] += !bio_is_flush(bio);
}

/*
 * The same of the sorted list, in which only the neighbours can overlap: what begins a page or more below does not
 * reach up to @later. Searched from the end, like the place for it.
 */
static bool must_follow_sorted(const struct bio *later, const struct list *sorted) {
    if (bio_is_flush(later))
        return must_follow_any(later, sorted);
    for (struct list *l = sorted->prev; l != sorted; l = l->prev) {
        const struct bio *earlier = list_entry(l, struct bio, link);

        if (bio_start(earlier) + SECTORS_PER_PAGE <= bio_start(later))
            return false;
        if (must_follow(later, earlier))
            return true;
    }
    return false;
}

/*
 * Does @bio belong behind the one that was added last, as the next of a run does, and overlaps neither that nor what
 * follows? Then it overlaps none: those below begin lower still and are no longer than a page. So a run is put into
 * its place without a search, however many others are queued above it.
 */
static bool follows_latest(const struct bio *bio, const struct block_queue *queue) {
    const struct list *before = queue->latest, *after = before->next;

    return !bio_is_flush(bio) && list_empty(&queue->held) &&
           (before == &queue->sorted ||
            bio_start(list_entry(before, struct bio, link)) + SECTORS_PER_PAGE <= bio_start(bio)) &&
           (after == &queue->sorted || bio_end(bio) <= bio_start(list_entry(after, struct bio, link)));
}

void block_queue_add(struct block_queue *queue, struct bio *bio) {
    bio->sequence = queue->submitted++;
    queue->length++;
    if (follows_latest(bio, queue)) {
        list_insert_before(queue->latest->next, &bio->link);
        queue->latest = &bio->link;
        queue->ready[bio->write != 0]++;
    } else if (must_follow_sorted(bio, &queue->sorted) || must_follow_any(bio, &queue->held))
        list_add_tail(&queue->held, &bio->link);
    else
        make_ready(queue, bio);
}

/*
 * They need no check for overlaps: what has been to the disk once is older than all that it overlaps. They go
 * to the front, before a flush that became urgent while they were at the disk.
 */
void block_queue_put_back(struct block_queue *queue, struct block_request *request) {
    while (!list_empty(&request->bios)) {
        struct bio *bio = list_last(&request->bios, struct bio, link);

        list_remove(&bio->link);
        list_add_head(&queue->urgent, &bio->link);
        queue->length++;
    }
}

/* Lets go of those whose predecessors are gone. In order, so that one held by another held one stays. */
static void release_held(struct block_queue *queue) {
    struct list still_held;

    list_init(&still_held);
    while (!list_empty(&queue->held)) {
        struct bio *bio = list_first(&queue->held, struct bio, link);

        list_remove(&bio->link);
        if (must_follow_sorted(bio, &queue->sorted) || must_follow_any(bio, &still_held))
            list_add_tail(&still_held, &bio->link);
        else
            make_ready(queue, bio);
    }
    while (!list_empty(&still_held)) {
        struct bio *bio = list_first(&still_held, struct bio, link);

        list_remove(&bio->link);
        list_add_tail(&queue->held, &bio->link);
    }
}

/* Which of the two elevators moves; the sorted list is not empty. */
static bool writes_are_next(struct block_queue *queue) {
    bool both = queue->ready[0] > 0 && queue->ready[1] > 0;
    bool write = queue->ready[0] == 0 || (both && queue->reads >= READS_IN_A_ROW);

    queue->reads = both && !write ? queue->reads + 1 : 0;
    return write;
}

/* The bio where the elevator of @write stops next; there is one. */
static struct bio *elevator_next(struct block_queue *queue, bool write) {
    struct bio *lowest = NULL;

    list_for_each (bio, &queue->sorted, struct bio, link) {
        if ((bio->write != 0) != write)
            continue;
        if (bio_start(bio) >= queue->position[write])
            return bio;
        if (lowest == NULL)
            lowest = bio;
    }
    return lowest;
}

static void move_to_request(struct block_queue *queue, struct bio *bio, struct block_request *request) {
    list_remove(&bio->link);
    list_add_tail(&request->bios, &bio->link);
    request->sectors += bio->sectors;
    request->segments++;
    queue->length--;
}

static void request_begin(struct block_request *request, const struct bio *bio) {
    *request = (struct block_request){
        .sector = bio_start(bio),
        .write = bio->write,
        .flush = bio_is_flush(bio),
    };
    list_init(&request->bios);
}

/* Takes @first and the bios after it in the sorted list that continue it. */
static void gather(struct block_queue *queue, struct bio *first, unsigned max_sectors, unsigned max_segments,
                   struct block_request *request) {
    struct bio *bio = first, *last;

    request_begin(request, first);
    do {
        last = bio;
        request->sectors += bio->sectors;
        request->segments++;
        if (bio->link.next == &queue->sorted || request->segments == max_segments)
            break;
        bio = list_next(bio, struct bio, link);
    } while (bio->write == first->write && bio_start(bio) == request->sector + request->sectors &&
             request->sectors + bio->sectors <= max_sectors);
    queue->latest = first->link.prev;
    list_move_run(&request->bios, &first->link, &last->link);
    queue->length -= request->segments;
    queue->ready[first->write != 0] -= request->segments;
    queue->position[first->write != 0] = request->sector + request->sectors;
}

bool block_queue_take(struct block_queue *queue, unsigned max_sectors, unsigned max_segments,
                      struct block_request *request) {
    ASSERT(max_sectors >= SECTORS_PER_PAGE && max_segments >= 1);
    release_held(queue);
    if (!list_empty(&queue->urgent)) {
        struct bio *bio = list_first(&queue->urgent, struct bio, link);

        request_begin(request, bio);
        move_to_request(queue, bio, request);
        return true;
    }
    if (list_empty(&queue->sorted))
        return false;
    gather(queue, elevator_next(queue, writes_are_next(queue)), max_sectors, max_segments, request);
    return true;
}
