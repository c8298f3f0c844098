/*
 * The frame table: every legal change of state, the order of the pool, reserves, pins, the reverse map, and
 * the ends of transfers, with their errors.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 200, RESERVE_USER = 12, RESERVE_KERNEL = 4 };

static struct fake_disk *disk;
static struct fake_file file;

static void setup(void) {
    vm_options.check = 1;
    vm_options.policy = "clock"; /* needs no memory of its own: frames are counted here */
    fake_boot(FRAMES, 0);
    disk = fake_disk_create("hda", 4096);
    fake_file_init(&file, disk, 0, 100 * PAGE_SIZE);
}

/* The file's page @index in a frame that is BUSY, as if its read had just begun. */
static struct frame *file_page(pgoff_t index) {
    struct frame *frame = frame_take(USE_USER);

    ck_assert_ptr_nonnull(frame);
    object_add_page(&file.object, index, frame);
    return frame;
}

static struct frame *active_page(pgoff_t index) {
    struct frame *frame = file_page(index);

    frame_activate(frame, &set_global);
    return frame;
}

static struct frame *clean_page(pgoff_t index) {
    struct frame *frame = file_page(index);

    frame_to_pool(frame);
    return frame;
}

/* An anon in an ACTIVE frame. */
static struct anon *active_anon(void) {
    struct frame *frame = frame_take(USE_USER);
    struct anon *anon = anon_create(frame);

    ck_assert_ptr_nonnull(anon);
    frame_activate(frame, &set_global);
    return anon;
}

static void start_swap(slot_t slots) {
    fake_swap("hdb", slots);
}

#define assert_state(frame, wanted) ck_assert_uint_eq((frame)->state, wanted)

static void assert_counts(pfn_t active, pfn_t dirty, pfn_t clean, pfn_t busy, pfn_t pinned) {
    ck_assert_uint_eq(frame_count(FRAME_ACTIVE), active);
    ck_assert_uint_eq(frame_count(FRAME_DIRTY), dirty);
    ck_assert_uint_eq(frame_count(FRAME_CLEAN), clean);
    ck_assert_uint_eq(frame_count(FRAME_BUSY), busy);
    ck_assert_uint_eq(frame_count(FRAME_PINNED), pinned);
    ck_assert_uint_eq(frame_count(FRAME_FREE) + frame_count(FRAME_KERNEL) + active + dirty + clean + busy +
                          pinned,
                      frame_total);
    vm_check_books();
}

/* --- start --- */

START_TEST(table_covers_the_machine) {
    ck_assert_uint_eq(frame_total, FRAMES + FAKE_RAM_HOLE);
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES);
    ck_assert_uint_eq(frame_count(FRAME_KERNEL), FAKE_RAM_HOLE);
    ck_assert_uint_eq(frames_pageable(), FRAMES);
    ck_assert_uint_eq(frames_available(), FRAMES);
    for (pfn_t n = 0; n < frame_total; n++) {
        struct frame *frame = &frame_table[n];

        ck_assert_uint_eq(frame_number(frame), n);
        ck_assert_ptr_eq(frame_of_data(frame_data(frame)), frame);
        ck_assert_ptr_eq(frame_of_data((char *)frame_data(frame) + PAGE_SIZE - 1), frame);
        assert_state(frame, n < FAKE_RAM_HOLE ? FRAME_KERNEL : FRAME_FREE);
    }
    vm_check_books();
}
END_TEST

START_TEST(kernel_has_its_own_share) {
    struct frame *taken[60];

    vm_options.policy = "clock"; /* needs no memory of its own: frames are counted here */
    fake_boot(FRAMES, 150);
    ck_assert_uint_eq(frames_pageable(), 150);
    ck_assert_uint_eq(frames_available(), 150);
    for (unsigned i = 0; i < 50; i++) {
        taken[i] = frame_take(USE_KERNEL);
        ck_assert(!taken[i]->pageable);
    }
    ck_assert_uint_eq(frames_available(), 150);
    taken[50] = frame_take(USE_KERNEL); /* its share is used up: it digs into the pool */
    ck_assert(taken[50]->pageable);
    ck_assert_uint_eq(frames_available(), 149);
    vm_check_books();
    for (unsigned i = 0; i <= 50; i++)
        frame_release(taken[i]);
    ck_assert(!frame_take(USE_KERNEL)->pageable);
    ck_assert(frame_take(USE_USER)->pageable);
    vm_check_books();
}
END_TEST

START_TEST(more_pageable_frames_than_there_are_means_all) {
    vm_options.policy = "clock"; /* needs no memory of its own: frames are counted here */
    fake_boot(FRAMES, 10 * FRAMES);
    ck_assert_uint_eq(frames_pageable(), FRAMES);
    vm_check_books();
}
END_TEST

/* --- states --- */

START_TEST(taken_frame_is_busy_or_the_kernels) {
    struct frame *user = frame_take(USE_USER), *kernel = frame_take(USE_KERNEL);
    struct frame *daemon = frame_take(USE_PAGEOUT);

    assert_state(user, FRAME_BUSY);
    assert_state(daemon, FRAME_BUSY);
    assert_state(kernel, FRAME_KERNEL);
    assert_counts(0, 0, 0, 2, 0);
    frame_release(user);
    frame_release(kernel);
    frame_release(daemon);
    assert_counts(0, 0, 0, 0, 0);
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES);
}
END_TEST

START_TEST(particular_frame_for_a_run) {
    struct frame *frame = &frame_table[77];

    frame_take_this(frame);
    assert_state(frame, FRAME_KERNEL);
    EXPECT_PANIC("assertion", frame_take_this(frame));
    frame_release(frame);
    assert_state(frame, FRAME_FREE);
    vm_check_books();
}
END_TEST

START_TEST(through_all_the_states) {
    struct frame *frame = active_page(3);

    assert_counts(1, 0, 0, 0, 0);
    ck_assert(frame->referenced);
    frame_to_pool(frame); /* unmodified */
    assert_counts(0, 0, 1, 0, 0);
    frame_activate(frame, &set_global); /* reclaimed */
    assert_counts(1, 0, 0, 0, 0);
    frame->modified = true;
    frame_to_pool(frame);
    assert_counts(0, 1, 0, 0, 0);
    frame_start_io(frame, true);
    assert_counts(0, 0, 0, 1, 0);
    ck_assert_uint_eq(frames_being_laundered(), 1);
    frame_done(frame, 0);
    assert_counts(0, 0, 1, 0, 0);
    ck_assert(!frame->modified);
    ck_assert_uint_eq(frames_being_laundered(), 0);
    frame_pin(frame);
    assert_counts(0, 0, 0, 0, 1);
    frame_unpin(frame);
    assert_counts(1, 0, 0, 0, 0);
    frame->modified = true;
    frame_start_io(frame, true); /* early cleaning: it comes back to where it was */
    ck_assert_uint_eq(frames_being_laundered(), 0);
    frame_done(frame, 0);
    assert_counts(1, 0, 0, 0, 0);
    ck_assert(!frame->modified);
    object_drop_pages(&file.object, 0);
    assert_counts(0, 0, 0, 0, 0);
}
END_TEST

START_TEST(illegal_changes_panic) {
    struct frame *free = &frame_table[150], *busy = file_page(1), *active = active_page(2);
    struct frame *kernel = frame_take(USE_KERNEL);

    EXPECT_PANIC("assertion", frame_release(free));
    EXPECT_PANIC("assertion", frame_pin(free));
    EXPECT_PANIC("assertion", frame_pin(busy));
    EXPECT_PANIC("assertion", frame_pin(kernel));
    EXPECT_PANIC("assertion", frame_activate(active, &set_global));
    EXPECT_PANIC("assertion", frame_activate(free, &set_global));
    EXPECT_PANIC("assertion", frame_to_pool(free));
    EXPECT_PANIC("assertion", frame_start_io(busy, true));
    EXPECT_PANIC("assertion", frame_unpin(active));
    EXPECT_PANIC("assertion", frame_done(active, 0));
    EXPECT_PANIC("assertion", frame_release(active)); /* it has an owner */
    vm_check_books();
}
END_TEST

/* --- the order of the pool --- */

START_TEST(free_first_then_the_oldest_clean) {
    struct frame *old[5];
    uint32_t stolen = counters[COUNT_PGSTEAL];

    for (pgoff_t i = 0; i < 5; i++)
        old[i] = clean_page(i);
    frame_activate(old[1], &set_global); /* reclaimed: it is not the second oldest any more */
    frame_to_pool(old[1]);
    while (frame_count(FRAME_FREE) > 0)
        ck_assert_ptr_nonnull(frame_take(USE_PAGEOUT));
    ck_assert_uint_eq(counters[COUNT_PGSTEAL], stolen);
    ck_assert_ptr_eq(frame_take(USE_PAGEOUT), old[0]);
    ck_assert_ptr_null(object_lookup(&file.object, 0));
    ck_assert_ptr_eq(frame_take(USE_PAGEOUT), old[2]);
    ck_assert_ptr_eq(frame_take(USE_PAGEOUT), old[3]);
    ck_assert_ptr_eq(frame_take(USE_PAGEOUT), old[4]);
    ck_assert_ptr_eq(object_lookup(&file.object, 1), old[1]);
    ck_assert_ptr_eq(frame_take(USE_PAGEOUT), old[1]);
    ck_assert_uint_eq(counters[COUNT_PGSTEAL], stolen + 5);
    ck_assert_ptr_null(frame_take(USE_PAGEOUT));
    vm_check_books();
}
END_TEST

START_TEST(dirty_is_never_stolen) {
    struct frame *dirty = active_page(0);

    dirty->modified = true;
    frame_to_pool(dirty);
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    assert_state(dirty, FRAME_DIRTY);
    ck_assert_ptr_eq(object_lookup(&file.object, 0), dirty);
    vm_check_books();
}
END_TEST

START_TEST(a_stolen_anon_keeps_its_slot) {
    start_swap(50);
    struct anon *anon = active_anon();
    struct frame *frame = anon->frame;

    frame_to_pool(frame);
    assert_state(frame, FRAME_DIRTY);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    fake_settle();
    assert_state(frame, FRAME_CLEAN);
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert_ptr_null(anon->frame);
    ck_assert_uint_ne(anon->slot, 0);
    anon_unref(anon);
    ck_assert_uint_eq(swap_free_slots(), swap_total());
}
END_TEST

/* --- reserves --- */

START_TEST(each_use_digs_as_deep_as_it_may) {
    while (frame_take(USE_USER) != NULL)
        ;
    ck_assert_uint_eq(frames_available(), RESERVE_USER);
    while (frame_take(USE_KERNEL) != NULL)
        ;
    ck_assert_uint_eq(frames_available(), RESERVE_KERNEL);
    ck_assert_ptr_null(frame_take(USE_USER));
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert_uint_eq(frames_available(), 0);
    ck_assert_ptr_null(frame_take(USE_USER));
    ck_assert_ptr_null(frame_take(USE_KERNEL));
    vm_check_books();
}
END_TEST

START_TEST(clean_frames_count_for_the_reserve) {
    for (pgoff_t i = 0; i < 20; i++)
        clean_page(i);
    ck_assert_uint_eq(frames_available(), FRAMES);
    while (frame_take(USE_USER) != NULL)
        ;
    ck_assert_uint_eq(frames_available(), RESERVE_USER);
    ck_assert_uint_eq(frame_count(FRAME_CLEAN), RESERVE_USER);
    vm_check_books();
}
END_TEST

/* --- pins --- */

START_TEST(pins_nest) {
    struct frame *frame = active_page(9);

    frame_pin(frame);
    frame_pin(frame);
    frame_unpin(frame);
    assert_counts(0, 0, 0, 0, 1);
    ck_assert_uint_eq(frame->pins, 1);
    frame_unpin(frame);
    assert_counts(1, 0, 0, 0, 0);
    EXPECT_PANIC("assertion", frame_unpin(frame));
}
END_TEST

START_TEST(pin_takes_out_of_the_pool_without_io) {
    struct frame *frame = clean_page(9);
    uint32_t reclaimed = counters[COUNT_PGRECLAIM_KERNEL];

    ck_assert_uint_eq(frames_available(), FRAMES);
    frame_pin(frame);
    ck_assert_uint_eq(frames_available(), FRAMES - 1);
    ck_assert_uint_eq(counters[COUNT_PGRECLAIM_KERNEL], reclaimed + 1);
    frame_pin(frame);
    ck_assert_uint_eq(counters[COUNT_PGRECLAIM_KERNEL], reclaimed + 1);
    frame_unpin(frame);
    frame_unpin(frame);
    ck_assert_uint_eq(fake_disk_pending, 0);
    assert_counts(1, 0, 0, 0, 0);
}
END_TEST

START_TEST(no_policy_sees_a_pinned_or_busy_frame) {
    struct frame *a = active_page(0), *b = active_page(1), *c = active_page(2);

    frame_pin(a);
    frame_start_io(b, true);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_ptr_eq(set_global.policy->victim(&set_global), c);
    frame_unpin(a);
    frame_done(b, 0);
    ck_assert_uint_eq(set_global.count, 3);
}
END_TEST

/* --- the reverse map --- */

enum { SPACES = 5 };
static struct space *many[SPACES];

static void make_spaces(void) {
    for (unsigned i = 0; i < SPACES; i++) {
        many[i] = space_create();
        ck_assert_ptr_nonnull(many[i]);
    }
}

static void drop_spaces(void) {
    for (unsigned i = 0; i < SPACES; i++)
        space_unref(many[i]);
}

static unsigned bits_at(unsigned space, vaddr_t address, const struct frame *frame) {
    pfn_t pfn = 0;
    unsigned bits = pmap_query(&many[space]->pmap, address, &pfn);

    if (bits != 0)
        ck_assert_uint_eq(pfn, frame_number(frame));
    return bits;
}

START_TEST(a_page_mapped_many_times) {
    struct frame *frame = active_page(0);

    make_spaces();
    ck_assert(!frame_mapped(frame));
    for (unsigned i = 0; i < SPACES; i++)
        for (vaddr_t at = 0x400000; at < 0x400000 + 3 * PAGE_SIZE; at += PAGE_SIZE)
            ck_assert_int_eq(frame_map(frame, many[i], at, PMAP_WRITABLE), 0);
    ck_assert(frame_mapped(frame));
    frame_write_protect(frame);
    for (unsigned i = 0; i < SPACES; i++)
        ck_assert_uint_eq(bits_at(i, 0x401000, frame), PMAP_PRESENT);
    frame_unmap_one(frame, many[2], 0x401000);
    frame_unmap_one(frame, many[0], 0x400000); /* the first one, which is in the frame itself */
    frame_unmap_one(frame, many[4], 0x402000);
    ck_assert_uint_eq(bits_at(2, 0x401000, frame), 0);
    ck_assert_uint_eq(bits_at(2, 0x402000, frame), PMAP_PRESENT);
    EXPECT_PANIC("no mapping", frame_unmap_one(frame, many[2], 0x401000));
    frame_unmap_all(frame);
    ck_assert(!frame_mapped(frame));
    for (unsigned i = 0; i < SPACES; i++)
        ck_assert_uint_eq(many[i]->pmap.resident, 0);
    drop_spaces();
}
END_TEST

START_TEST(bits_are_gathered_from_every_mapping) {
    struct frame *frame = active_page(0);

    make_spaces();
    for (unsigned i = 0; i < SPACES; i++)
        ck_assert_int_eq(frame_map(frame, many[i], 0x8000000, PMAP_WRITABLE), 0);
    frame->referenced = false;
    ck_assert(!frame_test_referenced(frame));
    ck_assert_ptr_nonnull(fake_mmu(&many[3]->pmap, 0x8000123, false));
    ck_assert(frame_test_referenced(frame));
    ck_assert(!frame_test_referenced(frame)); /* the question clears the bit */
    ck_assert(!frame_test_modified(frame));
    ck_assert_ptr_nonnull(fake_mmu(&many[3]->pmap, 0x8000123, false));
    ck_assert(frame_test_referenced(frame)); /* even where the TLB held the entry */
    ck_assert_ptr_nonnull(fake_mmu(&many[4]->pmap, 0x8000000, true));
    ck_assert(frame_test_modified(frame));
    ck_assert(frame_test_modified(frame)); /* this one does not */
    frame_unmap_all(frame);
    ck_assert(frame->referenced && frame->modified);
    frame_to_pool(frame);
    assert_state(frame, FRAME_DIRTY);
    drop_spaces();
}
END_TEST

START_TEST(unmapping_one_folds_its_bits) {
    struct frame *frame = active_page(0);

    make_spaces();
    ck_assert_int_eq(frame_map(frame, many[0], 0x8000000, PMAP_WRITABLE), 0);
    ck_assert_int_eq(frame_map(frame, many[1], 0x8000000, PMAP_WRITABLE), 0);
    ck_assert_ptr_nonnull(fake_mmu(&many[1]->pmap, 0x8000000, true));
    frame->referenced = false;
    frame_unmap_one(frame, many[0], 0x8000000);
    ck_assert(!frame->referenced && !frame->modified);
    frame_unmap_one(frame, many[1], 0x8000000);
    ck_assert(frame->referenced && frame->modified);
    drop_spaces();
}
END_TEST

START_TEST(mapping_without_memory_changes_nothing) {
    struct frame *frame = active_page(0);

    make_spaces();
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert_int_eq(frame_map(frame, many[0], 0x8000000, 0), -ENOMEM);
    ck_assert(!frame_mapped(frame));
    ck_assert_uint_eq(many[0]->pmap.resident, 0);
}
END_TEST

START_TEST(a_mapped_frame_cannot_be_written_or_given_away) {
    struct frame *frame = active_page(0);

    make_spaces();
    ck_assert_int_eq(frame_map(frame, many[0], 0x8000000, PMAP_WRITABLE), 0);
    EXPECT_PANIC("assertion", frame_start_io(frame, true));
    EXPECT_PANIC("assertion", frame_to_pool(frame));
    EXPECT_PANIC("assertion", frame_release(frame));
}
END_TEST

/* --- the ends of transfers --- */

START_TEST(a_read_makes_the_page_active_and_wakes) {
    struct frame *frame = file_page(5);

    frame_io_begin(frame);
    frame_io_part(frame, &disk->device, 40, 0, 8, BLOCK_FILE);
    frame_io_end(frame, 0);
    disk->data[40 * SECTOR_SIZE + 17] = 0x5A;
    frame_wait(frame);
    assert_counts(1, 0, 0, 0, 0);
    ck_assert_uint_eq(((uint8_t *)frame_data(frame))[17], 0x5A);
}
END_TEST

START_TEST(a_page_read_ahead_goes_to_the_pool) {
    struct frame *frame = file_page(5);

    frame->prefetched = true;
    frame_done(frame, 0);
    assert_counts(0, 0, 1, 0, 0);
    frame_activate(frame, &set_global);
    ck_assert(!frame->prefetched);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_HIT], 1);
    frame_to_pool(frame);
    frame = file_page(6);
    frame->prefetched = true;
    frame_done(frame, 0);
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert_uint_eq(counters[COUNT_READAHEAD_MISS], 1);
}
END_TEST

START_TEST(a_failed_read_leaves_no_page) {
    struct frame *frame = file_page(5);

    frame_done(frame, -EIO);
    assert_state(frame, FRAME_FREE);
    ck_assert_ptr_null(object_lookup(&file.object, 5));
    ck_assert_uint_eq(file.object.read_errors, 1);
    ck_assert_uint_eq(file.object.read_error_page, 5);
    assert_counts(0, 0, 0, 0, 0);
}
END_TEST

START_TEST(a_failed_file_write_keeps_the_page_modified) {
    struct frame *frame = active_page(5);

    frame->modified = true;
    frame_to_pool(frame);
    frame_start_io(frame, true);
    frame_done(frame, -EIO);
    assert_counts(1, 0, 0, 0, 0);
    ck_assert(frame->modified);
    ck_assert_int_eq(file.object.write_error, -EIO);
    ck_assert_uint_eq(frames_being_laundered(), 0);
}
END_TEST

static bool writes_fail(const struct bio *bio) {
    return bio->write;
}

START_TEST(a_failed_swap_write_keeps_the_page_and_loses_the_slot) {
    start_swap(50);
    struct anon *anon = active_anon();
    struct frame *frame = anon->frame;

    fake_disk_fails = writes_fail;
    frame_to_pool(frame);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    fake_settle();
    ck_assert_uint_eq(anon->slot, 0);
    ck_assert_ptr_eq(anon->frame, frame);
    ck_assert(frame->modified);
    assert_state(frame, FRAME_ACTIVE);
    ck_assert_uint_eq(swap_total(), 48);
    ck_assert_uint_eq(swap_free_slots(), 48);
    anon_unref(anon);
}
END_TEST

/* --- orphans: everybody drops the anon while its page is under way --- */

START_TEST(orphan_of_a_write) {
    start_swap(50);
    struct anon *anon = active_anon();
    struct frame *frame = anon->frame;

    frame_to_pool(frame);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    anon_unref(anon);
    assert_state(frame, FRAME_BUSY); /* the disk still reads it */
    ck_assert_uint_eq(swap_slots_used(), 1);
    vm_check_books();
    fake_settle();
    assert_state(frame, FRAME_FREE);
    ck_assert_uint_eq(swap_slots_used(), 0);
    ck_assert_uint_eq(anon_count, 0);
    vm_check_books();
}
END_TEST

START_TEST(orphan_of_a_failed_write) {
    start_swap(50);
    struct anon *anon = active_anon();
    struct frame *frame = anon->frame;

    fake_disk_fails = writes_fail;
    frame_to_pool(frame);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    anon_unref(anon);
    fake_settle();
    assert_state(frame, FRAME_FREE);
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(swap_total(), 48);
    ck_assert_uint_eq(swap_free_slots(), 48);
    vm_check_books();
}
END_TEST

static bool all_fail(const struct bio *bio) {
    return bio != NULL;
}

/* The page of @anon goes to its slot and out of memory. */
static void page_out(struct anon *anon) {
    struct frame *frame = anon->frame;

    frame_to_pool(frame);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    fake_settle();
    anon_lose_frame(anon);
    frame_release(frame);
}

static void orphan_of_a_read(bool fails) {
    start_swap(50);
    struct anon *anon = active_anon();

    page_out(anon);
    struct frame *frame = frame_take(USE_USER);
    anon_set_frame(anon, frame);
    swap_read(anon);
    anon_unref(anon);
    vm_check_books();
    fake_disk_fails = fails ? all_fail : NULL;
    fake_settle();
    assert_state(frame, FRAME_FREE);
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(swap_free_slots(), swap_total());
    vm_check_books();
}

START_TEST(orphan_of_a_read_that_succeeds) {
    orphan_of_a_read(false);
}
END_TEST

START_TEST(orphan_of_a_read_that_fails) {
    orphan_of_a_read(true);
}
END_TEST

START_TEST(a_failed_swap_read_keeps_the_slot) {
    start_swap(50);
    struct anon *anon = active_anon();

    page_out(anon);
    anon_set_frame(anon, frame_take(USE_USER));
    swap_read(anon);
    fake_disk_fails = all_fail;
    fake_settle();
    ck_assert_ptr_null(anon->frame);
    ck_assert_uint_ne(anon->slot, 0);
    ck_assert(anon->read_error);
    ck_assert_uint_eq(counters[COUNT_READ_ERRORS], 1);
    anon_unref(anon);
    ck_assert_uint_eq(swap_free_slots(), swap_total());
}
END_TEST

/* --- random changes against a model --- */

struct model {
    struct frame *frame; /* NULL: not resident */
    enum frame_state state;
    unsigned pins;
    bool modified;
};
static struct model model[60];

static void change_one(pgoff_t index) {
    struct model *m = &model[index];

    if (m->frame == NULL) {
        m->frame = file_page(index);
        m->state = FRAME_BUSY;
        m->modified = false;
        return;
    }
    switch (m->state) {
    case FRAME_BUSY:
        frame_done(m->frame, 0);
        m->state = m->frame->state; /* checked below by the counts */
        m->modified = false;
        break;
    case FRAME_ACTIVE:
        if (fake_chance(30))
            m->frame->modified = m->modified = true;
        else if (fake_chance(50))
            frame_to_pool(m->frame), m->state = m->modified ? FRAME_DIRTY : FRAME_CLEAN;
        else if (fake_chance(50))
            frame_pin(m->frame), m->pins = 1, m->state = FRAME_PINNED;
        else
            frame_start_io(m->frame, true), m->state = FRAME_BUSY;
        break;
    case FRAME_DIRTY:
    case FRAME_CLEAN:
        if (fake_chance(40))
            frame_activate(m->frame, &set_global), m->state = FRAME_ACTIVE;
        else if (fake_chance(40))
            frame_pin(m->frame), m->pins = 1, m->state = FRAME_PINNED;
        else if (m->state == FRAME_DIRTY)
            frame_start_io(m->frame, true), m->state = FRAME_BUSY;
        break;
    default:
        if (m->pins < 3 && fake_chance(40))
            frame_pin(m->frame), m->pins++;
        else if (frame_unpin(m->frame), --m->pins == 0)
            m->state = FRAME_ACTIVE;
    }
}

START_TEST(random_changes) {
    fake_seed((uint32_t)_i + 1);
    for (unsigned step = 0; step < 2000; step++) {
        pfn_t counted[FRAME_STATES] = {0};

        change_one(fake_random_below(ARRAY_SIZE(model)));
        for (unsigned i = 0; i < ARRAY_SIZE(model); i++) {
            if (model[i].frame == NULL)
                continue;
            counted[model[i].state]++;
            ck_assert_uint_eq(model[i].frame->state, model[i].state);
            ck_assert(model[i].frame->modified == model[i].modified);
        }
        assert_counts(counted[FRAME_ACTIVE], counted[FRAME_DIRTY], counted[FRAME_CLEAN], counted[FRAME_BUSY],
                      counted[FRAME_PINNED]);
    }
}
END_TEST

static Suite *frame_suite(void) {
    Suite *suite = suite_create("frame table");
    TCase *tests = tcase_create("frames"), *share = tcase_create("kernel's share");

    suite_add_tcase(suite, share); /* without the fixture: these boot a machine of their own */
    tcase_add_test(share, kernel_has_its_own_share);
    tcase_add_test(share, more_pageable_frames_than_there_are_means_all);
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, table_covers_the_machine);
    tcase_add_test(tests, taken_frame_is_busy_or_the_kernels);
    tcase_add_test(tests, particular_frame_for_a_run);
    tcase_add_test(tests, through_all_the_states);
    tcase_add_test(tests, illegal_changes_panic);
    tcase_add_test(tests, free_first_then_the_oldest_clean);
    tcase_add_test(tests, dirty_is_never_stolen);
    tcase_add_test(tests, a_stolen_anon_keeps_its_slot);
    tcase_add_test(tests, each_use_digs_as_deep_as_it_may);
    tcase_add_test(tests, clean_frames_count_for_the_reserve);
    tcase_add_test(tests, pins_nest);
    tcase_add_test(tests, pin_takes_out_of_the_pool_without_io);
    tcase_add_test(tests, no_policy_sees_a_pinned_or_busy_frame);
    tcase_add_test(tests, a_page_mapped_many_times);
    tcase_add_test(tests, bits_are_gathered_from_every_mapping);
    tcase_add_test(tests, unmapping_one_folds_its_bits);
    tcase_add_test(tests, mapping_without_memory_changes_nothing);
    tcase_add_test(tests, a_mapped_frame_cannot_be_written_or_given_away);
    tcase_add_test(tests, a_read_makes_the_page_active_and_wakes);
    tcase_add_test(tests, a_page_read_ahead_goes_to_the_pool);
    tcase_add_test(tests, a_failed_read_leaves_no_page);
    tcase_add_test(tests, a_failed_file_write_keeps_the_page_modified);
    tcase_add_test(tests, a_failed_swap_write_keeps_the_page_and_loses_the_slot);
    tcase_add_test(tests, orphan_of_a_write);
    tcase_add_test(tests, orphan_of_a_failed_write);
    tcase_add_test(tests, orphan_of_a_read_that_succeeds);
    tcase_add_test(tests, orphan_of_a_read_that_fails);
    tcase_add_test(tests, a_failed_swap_read_keeps_the_slot);
    tcase_add_loop_test(tests, random_changes, 0, 5);
    return suite;
}

int main(void) {
    return run_suite(frame_suite());
}
