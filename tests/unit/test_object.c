/*
 * Objects and their pages: reading and writing through page_get() and page_put(), the hash, truncation,
 * write-back in order and in runs, errors, read-ahead, the end of an object, and the device pager's sectors.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 400, PAGES = 100, DISK_PAGES = 300 };

static struct fake_disk *disk;
static struct fake_file file;

static void setup(void) {
    vm_options.check = 1;
    fake_boot(FRAMES, 0);
    vm_start();
    fake_yield();
    disk = fake_disk_create("hda1", DISK_PAGES * SECTORS_PER_PAGE);
    for (unsigned i = 0; i < DISK_PAGES * PAGE_SIZE; i++)
        disk->data[i] = (uint8_t)(i / PAGE_SIZE + i * 7);
    fake_file_init(&file, disk, 8 * SECTORS_PER_PAGE, PAGES * PAGE_SIZE);
}

static uint8_t *on_disk(pgoff_t index) {
    return disk->data + (8 + index) * PAGE_SIZE;
}

static struct frame *get(pgoff_t index) {
    struct frame *frame = NULL;

    ck_assert_int_eq(page_get(&file.object, index, PAGE_READ, &frame), 0);
    ck_assert_uint_eq(frame->state, FRAME_PINNED);
    ck_assert_uint_eq(frame->index, index);
    return frame;
}

/* Reads the page in and lets it go. */
static struct frame *bring_in(pgoff_t index) {
    struct frame *frame = get(index);

    page_put(frame);
    return frame;
}

/* Stores @byte at offset @at of the page, as write(2) does. */
static struct frame *modify(pgoff_t index, unsigned at, uint8_t byte) {
    struct frame *frame = get(index);

    ((uint8_t *)frame_data(frame))[at] = byte;
    page_put_modified(frame, at, at + 1);
    return frame;
}

/* --- page_get and page_put --- */

START_TEST(a_page_is_read_once) {
    struct frame *frame = get(5);

    ck_assert_int_eq(memcmp(frame_data(frame), on_disk(5), PAGE_SIZE), 0);
    ck_assert_uint_eq(file.gets, 1);
    ck_assert_uint_eq(counters[COUNT_PGREAD_KERNEL], 1);
    ck_assert_uint_eq(counters[COUNT_PGFILEIN], 1);
    page_put(frame);
    ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
    ck_assert(!frame->modified);
    ck_assert_ptr_eq(get(5), frame);
    ck_assert_uint_eq(file.gets, 1);
    ck_assert_ptr_eq(get(5), frame); /* pins nest */
    page_put(frame);
    ck_assert_uint_eq(frame->state, FRAME_PINNED);
    page_put(frame);
    vm_check();
}
END_TEST

/* What may be copied without a pin: a page in use, and no other. */
START_TEST(only_a_page_in_use_is_found) {
    struct frame *frame;

    ck_assert_ptr_null(page_find(&file.object, 5));
    frame = bring_in(5);
    frame->referenced = false;
    ck_assert_ptr_eq(page_find(&file.object, 5), frame);
    ck_assert(frame->referenced);
    ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
    ck_assert_ptr_null(page_find(&file.object, 6));
    ck_assert_ptr_eq(get(5), frame);
    ck_assert_ptr_eq(page_find(&file.object, 5), frame); /* pinned by somebody else */
    page_put(frame);
    frame_to_pool(frame);
    ck_assert_ptr_null(page_find(&file.object, 5));
    frame_start_io(frame, false);
    ck_assert_uint_eq(frame->state, FRAME_BUSY);
    ck_assert_ptr_null(page_find(&file.object, 5));
    frame_done(frame, 0);
    ck_assert_ptr_eq(page_find(&file.object, 5), frame);
    frame->prefetched = true;
    ck_assert_ptr_null(page_find(&file.object, 5));
    frame->prefetched = false;
    vm_check();
}
END_TEST

START_TEST(prepare_that_sleeps_starts_over) {
    fake_seed(5);
    file.sleeps = 70;
    for (pgoff_t i = 0; i < 30; i++)
        ck_assert_int_eq(memcmp(frame_data(bring_in(i)), on_disk(i), PAGE_SIZE), 0);
    ck_assert_uint_eq(file.gets, 30);
}
END_TEST

START_TEST(put_modified_marks_bytes) {
    struct frame *frame = get(3);

    page_put_modified(frame, 100, 100); /* nothing */
    ck_assert(!frame->modified);
    frame = get(3);
    page_put_modified(frame, 511, 1025);
    ck_assert(frame->modified);
    ck_assert_uint_eq(frame->sectors, 0x07);
    frame = get(3);
    page_put_modified(frame, PAGE_SIZE - 1, PAGE_SIZE);
    ck_assert_uint_eq(frame->sectors, 0x87);
}
END_TEST

START_TEST(a_new_page_is_not_read) {
    struct frame *frame = NULL;

    ck_assert_int_eq(page_get_new(&file.object, 9, &frame), 0);
    ck_assert_uint_eq(file.gets, 0);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        ck_assert_uint_eq(((uint8_t *)frame_data(frame))[i], 0);
    page_put_modified(frame, 0, PAGE_SIZE);
    struct frame *again = NULL;
    ck_assert_int_eq(page_get_new(&file.object, 9, &again), 0); /* what is there stays */
    ck_assert_ptr_eq(again, frame);
    page_put(again);
}
END_TEST

START_TEST(the_end_of_the_last_page_is_zero) {
    struct frame *frame;

    file.object.size = 20 * PAGE_SIZE + 1000;
    frame = bring_in(20);
    ck_assert_int_eq(memcmp(frame_data(frame), on_disk(20), 1000), 0);
    for (unsigned i = 1000; i < PAGE_SIZE; i++)
        ck_assert_uint_eq(((uint8_t *)frame_data(frame))[i], 0);
    ck_assert_uint_eq(object_page_count(&file.object), 21);
}
END_TEST

START_TEST(prepare_errors_are_passed_on) {
    struct frame *frame;

    file.prepare_error = -ENOSPC;
    ck_assert_int_eq(page_get(&file.object, 1, PAGE_WRITE, &frame), -ENOSPC);
    ck_assert_ptr_null(object_lookup(&file.object, 1));
    ck_assert_int_eq(page_get(&file.object, 1, PAGE_READ, &frame), 0);
    page_put(frame);
}
END_TEST

/* --- several threads want one page --- */

static unsigned finished;

static void reader(void *argument) {
    struct frame *frame;

    ck_assert_int_eq(page_get(&file.object, *(pgoff_t *)argument, PAGE_READ, &frame), 0);
    finished++;
    page_put(frame);
}

START_TEST(one_read_serves_all_who_wait) {
    pgoff_t index = 7;

    for (unsigned i = 0; i < 10; i++)
        fake_thread(reader, &index, NULL);
    fake_join();
    ck_assert_uint_eq(finished, 10);
    ck_assert_uint_eq(file.gets, 1);
}
END_TEST

/* --- the hash --- */

START_TEST(lookup_among_many_objects) {
    static struct fake_file files[20];

    for (unsigned f = 0; f < 20; f++) {
        fake_file_init(&files[f], disk, f, 50 * PAGE_SIZE);
        for (pgoff_t i = f % 3; i < 50; i += 5) {
            struct frame *frame;

            ck_assert_int_eq(page_get(&files[f].object, i, PAGE_READ, &frame), 0);
            page_put(frame);
        }
    }
    for (unsigned f = 0; f < 20; f++) {
        for (pgoff_t i = 0; i < 60; i++) {
            struct frame *frame = object_lookup(&files[f].object, i);

            if (i >= 50 || i % 5 != f % 3) {
                ck_assert_ptr_null(frame);
                continue;
            }
            ck_assert(frame != NULL && frame->object == &files[f].object && frame->index == i);
        }
        ck_assert_uint_eq(files[f].object.resident, 10);
    }
    ck_assert_uint_eq(object_pages_resident, 200);
    vm_check();
    for (unsigned f = 0; f < 20; f += 2)
        object_drop_pages(&files[f].object, 3);
    ck_assert_uint_eq(object_pages_resident, 130);
    vm_check();
}
END_TEST

/* --- truncation --- */

START_TEST(truncation_forgets_pages_and_clears_the_tail) {
    for (pgoff_t i = 0; i < 10; i++)
        modify(i, 50, 0xAA);
    object_truncate(&file.object, 3 * PAGE_SIZE + 20);
    ck_assert_uint_eq(file.object.resident, 4);
    ck_assert_uint_eq(file.object.size, 3 * PAGE_SIZE + 20);
    struct frame *frame = get(3);
    ck_assert_int_eq(memcmp(frame_data(frame), on_disk(3), 20), 0);
    for (unsigned i = 20; i < PAGE_SIZE; i++)
        ck_assert_uint_eq(((uint8_t *)frame_data(frame))[i], 0);
    page_put(frame);
    ck_assert_uint_eq(file.puts, 0);
    object_truncate(&file.object, 0);
    ck_assert_uint_eq(file.object.resident, 0);
    vm_check();
}
END_TEST

static void truncate_to_nothing(void *unused) {
    (void)unused;
    object_truncate(&file.object, 0);
    finished++;
}

START_TEST(truncation_waits_for_pinned_pages) {
    struct frame *frame = get(4);

    fake_thread(truncate_to_nothing, NULL, NULL);
    fake_settle();
    ck_assert_uint_eq(finished, 0);
    ck_assert_ptr_eq(object_lookup(&file.object, 4), frame);
    page_put(frame);
    fake_join();
    ck_assert_uint_eq(finished, 1);
    ck_assert_ptr_null(object_lookup(&file.object, 4));
}
END_TEST

START_TEST(truncation_waits_for_transfers) {
    object_readahead(&file.object, 0, 8);
    ck_assert_uint_eq(frame_count(FRAME_BUSY), 8);
    object_truncate(&file.object, 2 * PAGE_SIZE + 1);
    ck_assert_uint_eq(file.object.resident, 3);
    ck_assert_uint_eq(((uint8_t *)frame_data(object_lookup(&file.object, 2)))[1], 0);
    vm_check();
}
END_TEST

/* --- write-back --- */

START_TEST(flush_goes_in_order_and_in_runs) {
    static const pgoff_t modified[] = {40, 3, 41, 5, 42, 4, 90};

    for (unsigned i = 0; i < ARRAY_SIZE(modified); i++)
        modify(modified[i], i, 0xC0);
    bring_in(43);
    unsigned requests = fake_disk_requests;
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), 0);
    ck_assert_uint_eq(file.puts, 3); /* 3-5, 40-42, 90 */
    ck_assert_uint_eq(file.put_pages, 7);
    ck_assert_uint_eq(fake_disk_requests - requests, 3);
    for (unsigned i = 0; i < ARRAY_SIZE(modified); i++) {
        struct frame *frame = object_lookup(&file.object, modified[i]);

        ck_assert_uint_eq(frame->state, FRAME_ACTIVE); /* they stay in memory */
        ck_assert(!frame->modified);
        ck_assert_uint_eq(on_disk(modified[i])[i], 0xC0);
    }
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), 0);
    ck_assert_uint_eq(file.put_pages, 7); /* nothing left */
    ck_assert_uint_eq(counters[COUNT_PGFILEOUT], 7);
}
END_TEST

START_TEST(flush_of_a_part) {
    for (pgoff_t i = 10; i < 20; i++)
        modify(i, 0, 0xC0);
    ck_assert_int_eq(object_flush(&file.object, 12, 3), 0);
    ck_assert_uint_eq(file.put_pages, 3);
    for (pgoff_t i = 10; i < 20; i++)
        ck_assert(object_lookup(&file.object, i)->modified == (i < 12 || i >= 15));
}
END_TEST

START_TEST(flush_of_more_than_a_batch) {
    for (pgoff_t i = 0; i < PAGES; i++)
        modify(PAGES - 1 - i, 1, (uint8_t)i);
    ck_assert_int_eq(object_flush(&file.object, 0, ~(pgoff_t)0), 0);
    ck_assert_uint_eq(file.put_pages, PAGES);
    for (pgoff_t i = 0; i < PAGES; i++)
        ck_assert_uint_eq(on_disk(PAGES - 1 - i)[1], (uint8_t)i);
}
END_TEST

START_TEST(what_programs_store_is_flushed) {
    struct space *space = space_create();
    struct frame *frame = bring_in(6);

    ck_assert_int_eq(frame_map(frame, space, 0x8000000, PMAP_WRITABLE), 0);
    *(uint8_t *)fake_mmu(&space->pmap, 0x8000011, true) = 0x5C;
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), 0);
    ck_assert_uint_eq(on_disk(6)[0x11], 0x5C);
    ck_assert_ptr_null(fake_mmu(&space->pmap, 0x8000011, true)); /* unmapped for the write */
    ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
    space_unref(space);
}
END_TEST

START_TEST(pages_in_the_pool_are_flushed_too) {
    struct frame *frame = modify(8, 0, 0xC1);

    frame_to_pool(frame);
    ck_assert_uint_eq(frame->state, FRAME_DIRTY);
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), 0);
    ck_assert_uint_eq(frame->state, FRAME_CLEAN);
    ck_assert_uint_eq(on_disk(8)[0], 0xC1);
}
END_TEST

static void flush_all(void *unused) {
    (void)unused;
    ck_assert_int_eq(object_flush_all(), 0);
    finished++;
}

START_TEST(flush_waits_for_whoever_is_at_work) {
    struct frame *frame = get(8);

    frame->modified = true;
    fake_thread(flush_all, NULL, NULL);
    fake_settle();
    ck_assert_uint_eq(finished, 0);
    *(uint8_t *)frame_data(frame) = 0xC2;
    page_put_modified(frame, 0, 1);
    fake_join();
    ck_assert_uint_eq(on_disk(8)[0], 0xC2);
}
END_TEST

START_TEST(sync_writes_every_object) {
    static struct fake_file more[5];

    for (unsigned f = 0; f < 5; f++) {
        struct frame *frame;

        fake_file_init(&more[f], disk, (120 + f * 10) * SECTORS_PER_PAGE, 5 * PAGE_SIZE);
        ck_assert_int_eq(page_get(&more[f].object, f, PAGE_WRITE, &frame), 0);
        memset(frame_data(frame), 0xD0, PAGE_SIZE);
        page_put_modified(frame, 0, PAGE_SIZE);
    }
    modify(0, 0, 0xD1);
    ck_assert_int_eq(object_flush_all(), 0);
    for (unsigned f = 0; f < 5; f++) {
        ck_assert_uint_eq(disk->data[(120 + f * 10 + f) * PAGE_SIZE + 99], 0xD0);
        ck_assert_uint_eq(more[f].object.refs, 1);
    }
    ck_assert_uint_eq(on_disk(0)[0], 0xD1);
}
END_TEST

START_TEST(only_unmapped_pages) {
    struct space *space = space_create();
    struct frame *mapped = modify(1, 0, 0xC3);

    modify(2, 0, 0xC4);
    ck_assert_int_eq(frame_map(mapped, space, 0x8000000, PMAP_WRITABLE), 0);
    object_write_unmapped(&file.object, 0, PAGES);
    fake_settle();
    ck_assert_uint_eq(file.put_pages, 1);
    ck_assert_uint_eq(on_disk(2)[0], 0xC4);
    ck_assert(mapped->modified);
    frame_unmap_all(mapped);
    space_unref(space);
}
END_TEST

/* --- errors --- */

static sector_t failing; /* first sector of the page that fails; both directions */

static bool page_fails(const struct bio *bio) {
    return bio->sector / SECTORS_PER_PAGE == failing / SECTORS_PER_PAGE;
}

START_TEST(a_read_error_is_reported_and_leaves_nothing) {
    struct frame *frame;

    failing = (8 + 5) * SECTORS_PER_PAGE;
    fake_disk_fails = page_fails;
    ck_assert_int_eq(page_get(&file.object, 5, PAGE_READ, &frame), -EIO);
    ck_assert_ptr_null(object_lookup(&file.object, 5));
    ck_assert_uint_eq(file.gets, 1); /* once, not for ever */
    bring_in(6);
    fake_disk_fails = NULL;
    bring_in(5);
    vm_check();
}
END_TEST

static int results[3];

static void failing_reader(void *argument) {
    struct frame *frame;

    *(int *)argument = page_get(&file.object, 5, PAGE_READ, &frame);
}

START_TEST(everybody_who_waits_for_a_failed_read_hears_of_it) {
    failing = (8 + 5) * SECTORS_PER_PAGE;
    fake_disk_fails = page_fails;
    for (unsigned i = 0; i < 3; i++)
        fake_thread(failing_reader, &results[i], NULL);
    fake_join();
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(results[i], -EIO);
}
END_TEST

START_TEST(a_write_error_is_reported_once_and_the_page_kept) {
    struct frame *frame = modify(5, 0, 0xC5);
    struct error_cursor *early = error_cursor_create(&file.object);
    struct error_cursor *other = error_cursor_create(&file.object);

    modify(4, 0, 0xC4);
    modify(6, 0, 0xC6);
    failing = (8 + 5) * SECTORS_PER_PAGE;
    fake_disk_fails = page_fails;
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), -EIO);
    ck_assert_int_eq(object_tell_errors(&file.object, early), -EIO);
    ck_assert_int_eq(object_tell_errors(&file.object, early), 0);    /* told once … */
    ck_assert_int_eq(object_tell_errors(&file.object, other), -EIO); /* … to each */
    ck_assert_uint_eq(file.put_pages, 3);                            /* and not tried again and again */
    ck_assert(frame->modified);
    ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
    ck_assert_uint_eq(on_disk(6)[0], 0xC6);
    object_wait_writes(&file.object);
    fake_disk_fails = NULL;
    ck_assert_int_eq(object_flush(&file.object, 0, PAGES), 0); /* tried again */
    ck_assert_uint_eq(on_disk(5)[0], 0xC5);
    ck_assert_int_eq(object_tell_errors(&file.object, early), 0);
    error_cursor_unref(early);
    error_cursor_unref(other);
}
END_TEST

START_TEST(a_write_error_that_nobody_knows_of_is_told_to_whoever_opens_next) {
    struct error_cursor *cursor[3];

    object_write_failed(&file.object, -EIO);
    object_write_failed(&file.object, -ENOSPC);
    cursor[0] = error_cursor_create(&file.object);
    cursor[1] = error_cursor_create(&file.object);
    ck_assert_int_eq(object_tell_errors(&file.object, cursor[0]), -ENOSPC);
    cursor[2] = error_cursor_create(&file.object); /* it is known now */
    ck_assert_int_eq(object_tell_errors(&file.object, cursor[1]), -ENOSPC);
    ck_assert_int_eq(object_tell_errors(&file.object, cursor[2]), 0);
    object_write_failed(&file.object, -EIO);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(object_tell_errors(&file.object, cursor[i]), -EIO);
    for (unsigned i = 0; i < 3; i++)
        error_cursor_unref(cursor[i]);
    ck_assert_int_eq(object_tell_errors(&file.object, NULL), 0);
}
END_TEST

/* --- read-ahead --- */

START_TEST(readahead_reads_what_is_absent_in_one_request) {
    bring_in(3);
    unsigned requests = fake_disk_requests;
    object_readahead(&file.object, 2, 6);
    ck_assert_uint_eq(frame_count(FRAME_BUSY), 5);
    ck_assert_uint_eq(fake_disk_requests - requests, 2); /* 2, and 4 to 7 */
    fake_settle();
    ck_assert_uint_eq(frame_count(FRAME_CLEAN), 5);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_FILE], 5);
    ck_assert_int_eq(memcmp(frame_data(bring_in(6)), on_disk(6), PAGE_SIZE), 0);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_HIT], 1);
    ck_assert_uint_eq(file.gets, 6);
}
END_TEST

START_TEST(readahead_ends_with_the_object) {
    object_readahead(&file.object, PAGES - 3, 50);
    ck_assert_uint_eq(frame_count(FRAME_BUSY), 3);
    object_readahead(&file.object, PAGES + 10, 50);
    fake_settle();
    ck_assert_uint_eq(file.gets, 3);
}
END_TEST

/* What nobody has asked for and could not be read is not there; who asks for it is told, and the neighbours are good. */
START_TEST(a_page_whose_readahead_fails_is_not_there) {
    struct frame *frame;

    failing = (8 + 5) * SECTORS_PER_PAGE;
    fake_disk_fails = page_fails;
    object_readahead(&file.object, 3, 5);
    fake_settle();
    ck_assert_ptr_null(object_lookup(&file.object, 5));
    ck_assert_uint_eq(frame_count(FRAME_CLEAN), 4);
    ck_assert_int_eq(page_get(&file.object, 5, PAGE_READ, &frame), -EIO);
    ck_assert_int_eq(memcmp(frame_data(bring_in(6)), on_disk(6), PAGE_SIZE), 0);
    fake_disk_fails = NULL;
    ck_assert_int_eq(memcmp(frame_data(bring_in(5)), on_disk(5), PAGE_SIZE), 0);
    vm_check();
}
END_TEST

START_TEST(readahead_does_not_sleep) {
    fake_seed(1);
    file.sleeps = 100; /* no map is ever at hand */
    no_sleep_begin();
    object_readahead(&file.object, 0, 10);
    no_sleep_end();
    ck_assert_uint_eq(file.gets, 0);
}
END_TEST

START_TEST(readahead_finds_out_where_pages_lie) {
    file.map_reads = 2; /* the map is in two pieces that must be read */
    ck_assert_uint_eq(object_readahead(&file.object, 4, 6), 4);
    ck_assert(object_find_place(&file.object, 4));
    ck_assert_uint_eq(file.map_reads, 0);
    ck_assert(!object_find_place(&file.object, 4));           /* it is known: that was not why it ended */
    ck_assert(!object_find_place(&file.object, PAGES + 100)); /* there is none */
    ck_assert_uint_eq(object_readahead(&file.object, 4, 6), 10);
    fake_settle();
    ck_assert_uint_eq(file.gets, 6);
}
END_TEST

/* --- the end of an object --- */

START_TEST(an_unused_object_lives_as_long_as_its_pages) {
    bring_in(1);
    bring_in(2);
    object_unref(&file.object);
    ck_assert_uint_eq(file.unused, 1);
    ck_assert_uint_eq(file.released, 0);
    object_ref(&file.object); /* found again by its name */
    ck_assert_ptr_nonnull(object_lookup(&file.object, 1));
    object_unref(&file.object);
    object_drop_pages(&file.object, 1);
    ck_assert_uint_eq(file.released, 0);
    object_drop_pages(&file.object, 0);
    ck_assert_uint_eq(file.released, 1);
    vm_check();
}
END_TEST

START_TEST(an_object_without_pages_goes_at_once) {
    object_unref(&file.object);
    ck_assert_uint_eq(file.released, 1);
}
END_TEST

START_TEST(stealing_the_last_page_releases) {
    struct frame *frame = bring_in(1);

    object_unref(&file.object);
    frame_to_pool(frame);
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert_uint_eq(file.released, 1);
}
END_TEST

START_TEST(dropping_keeps_what_matters) {
    struct frame *pinned = get(1), *modified = modify(2, 0, 1);

    bring_in(3);
    object_drop_pages(&file.object, 0);
    ck_assert_ptr_eq(object_lookup(&file.object, 1), pinned);
    ck_assert_ptr_eq(object_lookup(&file.object, 2), modified);
    ck_assert_ptr_null(object_lookup(&file.object, 3));
    page_put(pinned);
}
END_TEST

/* --- the device pager: sectors --- */

START_TEST(a_device_page_writes_its_modified_sectors_only) {
    struct object *device = object_of_device(&disk->device);
    struct frame *frame;

    ck_assert_ptr_eq(object_of_device(&disk->device), device);
    ck_assert_int_eq(page_get(device, 2, PAGE_WRITE, &frame), 0);
    ck_assert_int_eq(memcmp(frame_data(frame), disk->data + 2 * PAGE_SIZE, PAGE_SIZE), 0);
    memset(frame_data(frame), 0xE0, PAGE_SIZE);
    disk->data[2 * PAGE_SIZE + 5 * SECTOR_SIZE] = 0x77; /* somebody else's, as a file's data would be */
    page_put_modified(frame, SECTOR_SIZE, 3 * SECTOR_SIZE);
    ck_assert_int_eq(object_flush(device, 0, ~(pgoff_t)0), 0);
    ck_assert_uint_eq(disk->data[2 * PAGE_SIZE + SECTOR_SIZE], 0xE0);
    ck_assert_uint_eq(disk->data[2 * PAGE_SIZE + 3 * SECTOR_SIZE - 1], 0xE0);
    ck_assert_uint_ne(disk->data[2 * PAGE_SIZE + 3 * SECTOR_SIZE], 0xE0);
    ck_assert_uint_eq(disk->data[2 * PAGE_SIZE + 5 * SECTOR_SIZE], 0x77);
    ck_assert_uint_eq(frame->sectors, 0);
}
END_TEST

START_TEST(forgotten_sectors_are_not_written) {
    struct object *device = object_of_device(&disk->device);
    struct frame *frame;

    ck_assert_int_eq(page_get(device, 2, PAGE_WRITE, &frame), 0);
    memset(frame_data(frame), 0xE1, PAGE_SIZE);
    page_put_modified(frame, 0, 2 * SECTOR_SIZE);
    object_forget(device, 2, SECTOR_SIZE, 2 * SECTOR_SIZE);
    ck_assert_uint_eq(frame->sectors, 1);
    ck_assert_int_eq(object_flush(device, 0, ~(pgoff_t)0), 0);
    ck_assert_uint_eq(disk->data[2 * PAGE_SIZE], 0xE1);
    ck_assert_uint_ne(disk->data[2 * PAGE_SIZE + SECTOR_SIZE], 0xE1);
    object_forget(device, 77, 0, PAGE_SIZE); /* not resident: nothing to forget */
}
END_TEST

START_TEST(a_device_page_past_the_end_is_an_error) {
    struct fake_disk *odd = fake_disk_create("hdc", 8 + 3); /* a page and three sectors */
    struct object *device = object_of_device(&odd->device);
    struct frame *frame;

    memset(odd->data, 0x42, 11 * SECTOR_SIZE);
    ck_assert_int_eq(page_get(device, 1, PAGE_READ, &frame), 0);
    ck_assert_uint_eq(((uint8_t *)frame_data(frame))[3 * SECTOR_SIZE - 1], 0x42);
    ck_assert_uint_eq(((uint8_t *)frame_data(frame))[3 * SECTOR_SIZE], 0);
    page_put(frame);
    ck_assert_int_eq(page_get(device, 2, PAGE_READ, &frame), -EIO);
}
END_TEST

static Suite *object_suite(void) {
    Suite *suite = suite_create("object");
    TCase *tests = tcase_create("object");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_page_is_read_once);
    tcase_add_test(tests, only_a_page_in_use_is_found);
    tcase_add_test(tests, prepare_that_sleeps_starts_over);
    tcase_add_test(tests, put_modified_marks_bytes);
    tcase_add_test(tests, a_new_page_is_not_read);
    tcase_add_test(tests, the_end_of_the_last_page_is_zero);
    tcase_add_test(tests, prepare_errors_are_passed_on);
    tcase_add_test(tests, one_read_serves_all_who_wait);
    tcase_add_test(tests, lookup_among_many_objects);
    tcase_add_test(tests, truncation_forgets_pages_and_clears_the_tail);
    tcase_add_test(tests, truncation_waits_for_pinned_pages);
    tcase_add_test(tests, truncation_waits_for_transfers);
    tcase_add_test(tests, flush_goes_in_order_and_in_runs);
    tcase_add_test(tests, flush_of_a_part);
    tcase_add_test(tests, flush_of_more_than_a_batch);
    tcase_add_test(tests, what_programs_store_is_flushed);
    tcase_add_test(tests, pages_in_the_pool_are_flushed_too);
    tcase_add_test(tests, flush_waits_for_whoever_is_at_work);
    tcase_add_test(tests, sync_writes_every_object);
    tcase_add_test(tests, only_unmapped_pages);
    tcase_add_test(tests, a_read_error_is_reported_and_leaves_nothing);
    tcase_add_test(tests, everybody_who_waits_for_a_failed_read_hears_of_it);
    tcase_add_test(tests, a_write_error_is_reported_once_and_the_page_kept);
    tcase_add_test(tests, a_write_error_that_nobody_knows_of_is_told_to_whoever_opens_next);
    tcase_add_test(tests, readahead_reads_what_is_absent_in_one_request);
    tcase_add_test(tests, readahead_ends_with_the_object);
    tcase_add_test(tests, a_page_whose_readahead_fails_is_not_there);
    tcase_add_test(tests, readahead_does_not_sleep);
    tcase_add_test(tests, readahead_finds_out_where_pages_lie);
    tcase_add_test(tests, an_unused_object_lives_as_long_as_its_pages);
    tcase_add_test(tests, an_object_without_pages_goes_at_once);
    tcase_add_test(tests, stealing_the_last_page_releases);
    tcase_add_test(tests, dropping_keeps_what_matters);
    tcase_add_test(tests, a_device_page_writes_its_modified_sectors_only);
    tcase_add_test(tests, forgotten_sectors_are_not_written);
    tcase_add_test(tests, a_device_page_past_the_end_is_an_error);
    return suite;
}

int main(void) {
    return run_suite(object_suite());
}
