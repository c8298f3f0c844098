/*
 * The transfers of object pages: a frame's transfer in pieces, write-back on demand, read-ahead.
 *
 * A page of a file may lie in several places on the disk (a block can be smaller than a page), so one
 * transfer of a frame is any number of pieces; the last one to end completes the frame.
 */
#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"

#define FLUSH_BATCH 32u

static unsigned puts_under_way;

unsigned object_puts(void) {
    return puts_under_way;
}

/* --- pieces --- */

void frame_io_begin(struct frame *frame) {
    ASSERT(frame->state == FRAME_BUSY && frame->io_parts == 0);
    frame->io_parts =
        1; /* this function's caller: so that the first piece to end is not taken for the last */
    frame->io_error = 0;
}

static void part_ended(struct frame *frame, int error) {
    ASSERT(frame->io_parts > 0);
    if (error != 0 && frame->io_error == 0)
        frame->io_error = (int8_t)error;
    if (--frame->io_parts > 0)
        return;
    if (frame->io_error == 0)
        count(frame->io_write ? COUNT_PGFILEOUT : COUNT_PGFILEIN);
    frame_done(frame, frame->io_error);
}

static void part_done(struct bio *bio, int error) {
    struct frame *frame = bio->data;

    bio_free(bio);
    part_ended(frame, error);
}

void frame_io_part(struct frame *frame, struct block_device *device, sector_t sector, unsigned offset,
                   unsigned sectors, int cause) {
    struct bio *bio = bio_alloc();

    ASSERT(offset + sectors * SECTOR_SIZE <= PAGE_SIZE);
    frame->io_parts++;
    bio->device = device;
    bio->sector = sector;
    bio->sectors = (uint16_t)sectors;
    bio->write = frame->io_write;
    bio->cause = (uint8_t)cause;
    bio->address = frame_address(frame) + offset;
    bio->done = part_done;
    bio->data = frame;
    bio_submit(bio);
}

void frame_io_end(struct frame *frame, int error) {
    part_ended(frame, error);
}

/* --- write-back on demand: msync, fsync, sync --- */

/*
 * Gathers the modified pages of [first, end) with the lowest numbers, in order; with @unmapped_only those
 * that no space maps. *@waiting gets a page that must be waited for because somebody is at work on it.
 */
static unsigned gather_modified(struct object *object, pgoff_t first, pgoff_t end, bool unmapped_only,
                                struct frame **batch, struct frame **waiting) {
    unsigned found = 0;

    list_for_each (frame, &object->pages, struct frame, siblings) {
        unsigned at;

        if (frame->index < first || frame->index >= end || (unmapped_only && frame_mapped(frame)))
            continue;
        if (frame->state == FRAME_BUSY ? frame->io_write : frame->pins > 0 && frame_test_modified(frame)) {
            *waiting = frame;
            continue;
        }
        if (frame->state == FRAME_BUSY || !frame_test_modified(frame))
            continue;
        if (found == FLUSH_BATCH && batch[found - 1]->index < frame->index)
            continue;
        for (at = found < FLUSH_BATCH ? found++ : found - 1; at > 0 && batch[at - 1]->index > frame->index;
             at--)
            batch[at] = batch[at - 1];
        batch[at] = frame;
    }
    return found;
}

void object_put_frames(struct object *object, struct frame **frames, unsigned total) {
    unsigned run;

    puts_under_way++;
    for (unsigned i = 0; i < total; i++) {
        frame_unmap_all(frames[i]); /* only unmapped frames are written: they cannot change meanwhile */
        frame_start_io(frames[i], true);
    }
    block_plug();
    for (unsigned i = 0; i < total; i += run) {
        for (run = 1; i + run < total && frames[i + run]->index == frames[i]->index + run; run++)
            ;
        object->pager->put(object, &frames[i], run);
    }
    block_unplug();
    puts_under_way--;
}

int object_flush(struct object *object, pgoff_t first, pgoff_t pages) {
    pgoff_t begin = first, end = first + pages < first ? ~(pgoff_t)0 : first + pages;
    struct frame *batch[FLUSH_BATCH];
    uint32_t errors = object->write_errors;
    bool locked = false;

    may_sleep();
    while (first < end) {
        struct frame *waiting = NULL;
        unsigned total = gather_modified(object, first, end, false, batch, &waiting);

        if (total > 0) {
            first = batch[total - 1]->index +
                    1; /* each page once: a page whose write fails is not tried for ever */
            for (unsigned i = 0; i < total; i++)
                locked |= batch[i]->locks > 0;
            object_put_frames(object, batch, total);
        } else if (waiting != NULL) {
            frame_wait(waiting);
        } else {
            break;
        }
    }
    object_wait_writes(object);
    if (locked)
        lock_bring_back(object, begin, end);
    return object->write_errors != errors ? object->write_error : 0;
}

void object_write_unmapped(struct object *object, pgoff_t first, pgoff_t pages) {
    pgoff_t end = first + pages;
    struct frame *batch[FLUSH_BATCH], *waiting = NULL;
    unsigned total;

    while ((total = gather_modified(object, first, end, true, batch, &waiting)) > 0) {
        first = batch[total - 1]->index + 1;
        object_put_frames(object, batch, total);
    }
}

void object_wait_writes(struct object *object) {
    for (bool again = true; again;) {
        again = false;
        list_for_each (frame, &object->pages, struct frame, siblings) {
            if (frame->state == FRAME_BUSY && frame->io_write) {
                frame_wait(frame); /* the list may be another afterwards */
                again = true;
                break;
            }
        }
    }
}

int object_flush_all(void) {
    int error = 0;

    /* An object's flush sleeps, so the list is walked by position: flushed objects go to its tail. */
    unsigned total = 0;
    list_for_each (object, &objects, struct object, link)
        total++;
    while (total-- > 0 && !list_empty(&objects)) {
        struct object *object = list_first(&objects, struct object, link);

        list_remove(&object->link);
        list_add_tail(&objects, &object->link);
        object_ref(object); /* it stays while its pages are written */
        int one = object_flush(object, 0, ~(pgoff_t)0);
        object_unref(object);
        error = error != 0 ? error : one;
    }
    return error;
}

/* --- read-ahead --- */

/* Starts reading one page if that needs no waiting. False: stop here. */
static bool readahead_page(struct object *object, pgoff_t index) {
    struct frame *frame;

    if (object_lookup(object, index) != NULL)
        return true;
    if (object->pager->ready != NULL && !object->pager->ready(object, index))
        return false;
    frame = frame_take(USE_AHEAD);
    if (frame == NULL)
        return false;
    frame->prefetched = true;
    object_add_page(object, index, frame);
    count(COUNT_READAHEAD_FILE);
    object->pager->get(object, index, PAGE_READ, frame);
    return true;
}

pgoff_t object_readahead(struct object *object, pgoff_t first, unsigned pages) {
    pgoff_t end = MIN((uint64_t)first + pages, object_page_count(object));

    if (object->amap != NULL)
        return first; /* its pages come from swap, if at all */
    block_plug();
    while (first < end && readahead_page(object, first))
        first++;
    block_unplug();
    return first;
}

bool object_find_place(struct object *object, pgoff_t index) {
    const struct pager *pager = object->pager;
    int result = 1;

    if (pager->ready == NULL || index >= object_page_count(object) || pager->ready(object, index))
        return false;
    while (result == 1 && frames_available() > frames_reserved() + 1)
        result = pager->prepare(object, index, PAGE_READ);
    return result == 0;
}
