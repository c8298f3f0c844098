/*
 * The swap area: mkswap's header, placement (next fit, runs, fragmentation, full), errors, checksums, and the
 * figures, through a disk in memory that completes in any order.
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
#include "mm/policy.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 700, DISK_SLOTS = 1000 };

static struct fake_disk *disk;

static void setup(void) {
    vm_options.check = 1;
    vm_options.policy = "clock"; /* needs no memory of its own: frames are counted here */
    fake_boot(FRAMES, 0);
    disk = fake_disk_create("hda2", DISK_SLOTS * SECTORS_PER_PAGE);
}

/* A swap area of @slots slots with the header's. */
static void start(slot_t slots) {
    fake_mkswap(disk, slots, NULL, 0);
    ck_assert_int_eq(swap_start(&disk->device), 0);
    ck_assert_uint_eq(swap_total(), slots - 1);
    ck_assert_uint_eq(swap_free_slots(), slots - 1);
    ck_assert_uint_eq(swap_slots_used(), 0);
}

static void fill(struct frame *frame, uint32_t tag) {
    uint32_t *word = frame_data(frame);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        word[i] = tag * 2654435761u + i;
}

static bool filled_with(const struct frame *frame, uint32_t tag) {
    const uint32_t *word = frame_data(frame);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        if (word[i] != tag * 2654435761u + i)
            return false;
    return true;
}

/* @count DIRTY anons, filled with @tag and on. */
static void make(struct anon **anons, unsigned count, uint32_t tag) {
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = frame_take(USE_PAGEOUT);

        ck_assert_ptr_nonnull(frame);
        anons[i] = anon_create(frame);
        fill(frame, tag + i);
        frame_activate(frame, &set_global);
        frame_to_pool(frame);
    }
}

/* Starts writing all; returns how many were started. */
static unsigned write_start(struct anon **anons, unsigned count) {
    struct frame *frames[SWAP_CLUSTER_MAX];

    for (unsigned i = 0; i < count; i++)
        frames[i] = anons[i]->frame;
    return swap_write(frames, count);
}

/* Makes and writes @count anons (in clusters), which must all find a slot. */
static void store(struct anon **anons, unsigned count, uint32_t tag) {
    unsigned done = 0;

    make(anons, count, tag);
    while (done < count) {
        unsigned started = write_start(anons + done, MIN(count - done, SWAP_CLUSTER_MAX));

        ck_assert_uint_gt(started, 0);
        done += started;
    }
    fake_settle();
}

static void drop(struct anon **anons, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        anon_unref(anons[i]);
}

/* Takes the frame of a CLEAN page away, as a steal does. */
static void lose_frame(struct anon *anon) {
    struct frame *frame = anon->frame;

    ck_assert_uint_eq(frame->state, FRAME_CLEAN);
    anon_lose_frame(anon);
    frame_release(frame);
}

static void read_start(struct anon *anon) {
    anon_set_frame(anon, frame_take(USE_PAGEOUT));
    swap_read(anon);
}

/* --- the header --- */

static void expect_refused(int error) {
    unsigned lines = fake_log_lines;

    ck_assert_int_eq(swap_start(&disk->device), error);
    ck_assert_uint_eq(swap_total(), 0);
    ck_assert_uint_eq(swap_free_slots(), 0);
    ck_assert_uint_eq(fake_log_lines - lines, error == -EINVAL);
    ck_assert_uint_eq(frame_count(FRAME_KERNEL), FAKE_RAM_HOLE); /* nothing kept */
    fake_mkswap(disk, 100, NULL, 0);
    fake_disk_fails = NULL;
    ck_assert_int_eq(swap_start(&disk->device), 0); /* and it can be tried again */
}

START_TEST(no_header) {
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(old_magic) {
    fake_mkswap(disk, 100, NULL, 0);
    memcpy(disk->data + PAGE_SIZE - 10, "SWAP-SPACE", 10);
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(unknown_version) {
    fake_mkswap(disk, 100, NULL, 0);
    disk->data[1024] = 2;
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(larger_than_the_partition) {
    fake_mkswap(disk, DISK_SLOTS + 1, NULL, 0);
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(last_page_that_overflows) {
    fake_mkswap(disk, 0, NULL, 0); /* last page 0xffffffff */
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(nothing_but_a_header) {
    fake_mkswap(disk, 1, NULL, 0);
    expect_refused(-EINVAL);
}
END_TEST

START_TEST(more_bad_pages_than_the_list_holds) {
    fake_mkswap(disk, 100, NULL, 0);
    memcpy(disk->data + 1032, &(uint32_t){638}, 4); /* 637 words between the list and the magic */
    expect_refused(-EINVAL);
}
END_TEST

static bool all_fail(const struct bio *bio) {
    return bio != NULL;
}

START_TEST(unreadable_header) {
    fake_mkswap(disk, 100, NULL, 0);
    fake_disk_fails = all_fail;
    expect_refused(-EIO);
}
END_TEST

START_TEST(whole_partition) {
    start(DISK_SLOTS);
}
END_TEST

START_TEST(only_one_area) {
    start(100);
    ck_assert_int_eq(swap_start(&disk->device), -EBUSY);
}
END_TEST

START_TEST(bad_pages_are_never_used) {
    static const uint32_t bad[] = {1, 5, 6, 19, 5, 0, 5000}; /* a double, the header, beyond the end */
    struct anon *anons[15];

    fake_mkswap(disk, 20, bad, ARRAY_SIZE(bad));
    ck_assert_int_eq(swap_start(&disk->device), 0);
    ck_assert_uint_eq(swap_total(), 15);
    ck_assert_uint_eq(swap_free_slots(), 15);
    store(anons, 15, 1);
    for (unsigned i = 0; i < 15; i++) {
        slot_t slot = anons[i]->slot;

        ck_assert(slot > 1 && slot < 19 && slot != 5 && slot != 6);
    }
    ck_assert_uint_eq(swap_free_slots(), 0);
    drop(anons, 15);
    ck_assert_uint_eq(swap_free_slots(), 15);
}
END_TEST

/* --- placement --- */

START_TEST(a_cluster_lies_together_and_is_one_request) {
    struct anon *anons[32];

    start(100);
    make(anons, 32, 1);
    ck_assert_uint_eq(write_start(anons, 32), 32);
    ck_assert_uint_eq(fake_disk_requests, 1);
    ck_assert_uint_eq(fake_disk_pending, 32);
    ck_assert_uint_eq(counters[COUNT_SWAP_CLUSTERS], 1);
    for (unsigned i = 0; i < 32; i++) {
        ck_assert_uint_eq(anons[i]->slot, 1 + i);
        ck_assert_uint_eq(anons[i]->frame->state, FRAME_BUSY);
        ck_assert(swap_slot_used(1 + i));
    }
    ck_assert(!swap_slot_used(33));
    fake_settle();
    for (unsigned i = 0; i < 32; i++) {
        ck_assert_uint_eq(anons[i]->frame->state, FRAME_CLEAN);
        ck_assert(!anons[i]->frame->modified);
        ck_assert_int_eq(memcmp(disk->data + (1 + i) * PAGE_SIZE, frame_data(anons[i]->frame), PAGE_SIZE), 0);
    }
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 32);
}
END_TEST

START_TEST(next_fit_goes_on_and_wraps) {
    struct anon *anons[64];

    start(40);
    store(anons, 10, 1);
    drop(anons, 10);
    store(anons, 10, 1);
    ck_assert_uint_eq(anons[0]->slot, 11); /* 1 to 10 are free, but it goes on */
    store(anons + 10, 19, 11);
    ck_assert_uint_eq(anons[28]->slot, 39);
    store(anons + 29, 5, 100); /* the end: from the start again */
    ck_assert_uint_eq(anons[29]->slot, 1);
    ck_assert_uint_eq(swap_free_slots(), 39 - 34);
}
END_TEST

START_TEST(the_first_run_that_is_long_enough) {
    struct anon *anons[50], *more[8];

    start(51);
    store(anons, 50, 1);
    for (unsigned i = 10; i < 14; i++) /* holes: 4 at slot 11, 9 at 21, 20 at 31 */
        anon_unref(anons[i]);
    for (unsigned i = 20; i < 29; i++)
        anon_unref(anons[i]);
    for (unsigned i = 30; i < 50; i++)
        anon_unref(anons[i]);
    store(more, 8, 200);
    ck_assert_uint_eq(more[0]->slot, 21);
    ck_assert_uint_eq(more[7]->slot, 28);
}
END_TEST

START_TEST(the_longest_run_where_none_is_long_enough) {
    struct anon *anons[50], *more[30];

    start(51);
    store(anons, 50, 1);
    for (unsigned i = 0; i < 50; i++)
        if (i % 10 < 3 || (i >= 20 && i < 25)) /* threes, and five at slot 21 */
            anon_unref(anons[i]);
    make(more, 30, 200);
    ck_assert_uint_eq(write_start(more, 30), 5);
    ck_assert_uint_eq(more[0]->slot, 21);
    ck_assert_uint_eq(more[5]->slot, 0);
    ck_assert_uint_eq(more[5]->frame->state, FRAME_DIRTY);
    ck_assert_uint_eq(write_start(more + 5, 25), 3); /* next fit: the threes behind it */
    ck_assert_uint_eq(more[5]->slot, 31);
    fake_settle();
    ck_assert_uint_eq(swap_free_slots(), 17 - 8);
}
END_TEST

START_TEST(single_slots_when_nothing_else_is_left) {
    struct anon *anons[50], *more[25];
    unsigned written = 0;

    start(51);
    store(anons, 50, 1);
    for (unsigned i = 0; i < 50; i += 2)
        anon_unref(anons[i]);
    make(more, 25, 200);
    while (written < 25) {
        ck_assert_uint_eq(write_start(more + written, 25 - written), 1);
        written++;
    }
    fake_settle();
    ck_assert_uint_eq(swap_free_slots(), 0);
    for (unsigned i = 0; i < 25; i++)
        ck_assert_uint_eq(more[i]->slot % 2, 1);
}
END_TEST

START_TEST(no_more_than_a_cluster_at_once) {
    struct anon *anons[40];
    struct frame *frames[40];

    start(100);
    make(anons, 40, 1);
    for (unsigned i = 0; i < 40; i++)
        frames[i] = anons[i]->frame;
    ck_assert_uint_eq(swap_write(frames, 40), SWAP_CLUSTER_MAX);
    fake_settle();
}
END_TEST

START_TEST(a_page_written_again_moves) {
    struct anon *anons[4];

    start(100);
    store(anons, 4, 1);
    frame_activate(anons[2]->frame, &set_global);
    fill(anons[2]->frame, 50);
    anons[2]->frame->modified = true;
    frame_to_pool(anons[2]->frame);
    ck_assert_uint_eq(write_start(&anons[2], 1), 1);
    ck_assert_uint_eq(anons[2]->slot, 5);
    ck_assert(!swap_slot_used(3));
    fake_settle();
    ck_assert_uint_eq(swap_slots_used(), 4);
    lose_frame(anons[2]);
    read_start(anons[2]);
    fake_settle();
    ck_assert(filled_with(anons[2]->frame, 50));
}
END_TEST

/* --- full --- */

START_TEST(full_refuses_what_has_no_slot) {
    struct anon *anons[20];

    start(11);
    make(anons, 20, 1);
    ck_assert_uint_eq(write_start(anons, 20), 10);
    ck_assert_uint_eq(swap_free_slots(), 0);
    ck_assert_uint_eq(write_start(anons + 10, 10), 0);
    for (unsigned i = 10; i < 20; i++)
        ck_assert_uint_eq(anons[i]->frame->state, FRAME_DIRTY);
    fake_settle();
    anon_unref(anons[4]);
    ck_assert_uint_eq(swap_free_slots(), 1);
    ck_assert_uint_eq(write_start(anons + 10, 10), 1);
    ck_assert_uint_eq(anons[10]->slot, 5);
    fake_settle();
}
END_TEST

START_TEST(full_rewrites_in_place_what_has_one) {
    struct anon *anons[12];

    start(11);
    store(anons, 10, 1);
    for (unsigned i = 3; i < 6; i++) { /* three are modified */
        frame_activate(anons[i]->frame, &set_global);
        fill(anons[i]->frame, 100 + i);
        anons[i]->frame->modified = true;
        frame_to_pool(anons[i]->frame);
    }
    make(anons + 10, 2, 300); /* two new ones have no slot */
    struct anon *mixed[] = {anons[10], anons[3], anons[11], anons[4], anons[5]};
    ck_assert_uint_eq(write_start(mixed, 5), 3);
    fake_settle();
    for (unsigned i = 3; i < 6; i++) {
        ck_assert_uint_eq(anons[i]->slot, 1 + i);
        lose_frame(anons[i]);
        read_start(anons[i]);
    }
    fake_settle();
    for (unsigned i = 3; i < 6; i++)
        ck_assert(filled_with(anons[i]->frame, 100 + i));
    ck_assert_uint_eq(anons[10]->frame->state, FRAME_DIRTY);
    ck_assert_uint_eq(anons[11]->frame->state, FRAME_DIRTY);
    ck_assert_uint_eq(swap_free_slots(), 0);
}
END_TEST

START_TEST(without_swap_nothing_is_written) {
    struct anon *anons[2];

    make(anons, 2, 1);
    ck_assert_uint_eq(swap_total(), 0);
    ck_assert_uint_eq(write_start(anons, 2), 0);
    ck_assert_uint_eq(anons[0]->frame->state, FRAME_DIRTY);
}
END_TEST

/* --- errors --- */

static slot_t bad_slot;

static bool bad_slot_fails(const struct bio *bio) {
    return bio->sector / SECTORS_PER_PAGE == bad_slot;
}

START_TEST(a_failed_write_marks_the_slot_bad_and_goes_elsewhere) {
    struct anon *anons[4];

    start(100);
    make(anons, 4, 1);
    bad_slot = 3;
    fake_disk_fails = bad_slot_fails;
    ck_assert_uint_eq(write_start(anons, 4), 4);
    fake_settle();
    ck_assert_uint_eq(anons[2]->slot, 0);
    ck_assert_uint_eq(anons[2]->frame->state, FRAME_ACTIVE);
    ck_assert(anons[2]->frame->modified);
    ck_assert(filled_with(anons[2]->frame, 3));
    ck_assert_uint_eq(anons[1]->slot, 2);
    ck_assert_uint_eq(anons[3]->frame->state, FRAME_CLEAN);
    ck_assert_uint_eq(swap_total(), 98);
    ck_assert_uint_eq(swap_free_slots(), 95);
    ck_assert_uint_eq(swap_slots_used(), 3);
    ck_assert_uint_eq(counters[COUNT_SWAP_WRITE_ERRORS], 1);
    ck_assert_ptr_nonnull(strstr(fake_log_last, "slot 3"));

    frame_to_pool(anons[2]->frame);
    ck_assert_uint_eq(write_start(&anons[2], 1), 1);
    fake_settle();
    ck_assert_uint_eq(anons[2]->slot, 5);
    ck_assert_uint_eq(anons[2]->frame->state, FRAME_CLEAN);
    drop(anons, 4);
    ck_assert_uint_eq(swap_free_slots(), 98);
    ck_assert(swap_slot_used(3)); /* for ever */
}
END_TEST

START_TEST(a_failed_rewrite_in_place_keeps_the_page) {
    struct anon *anons[10];

    start(11);
    store(anons, 10, 1);
    frame_activate(anons[0]->frame, &set_global);
    anons[0]->frame->modified = true;
    frame_to_pool(anons[0]->frame);
    bad_slot = 1;
    fake_disk_fails = bad_slot_fails;
    ck_assert_uint_eq(write_start(anons, 1), 1);
    fake_settle();
    ck_assert_uint_eq(anons[0]->slot, 0);
    ck_assert_uint_eq(anons[0]->frame->state, FRAME_ACTIVE);
    ck_assert_uint_eq(frames_being_laundered(), 0); /* nobody may wait for it */
    ck_assert_uint_eq(swap_total(), 9);
    ck_assert_uint_eq(swap_free_slots(), 0);
}
END_TEST

START_TEST(a_failed_read_is_remembered_for_the_next_fault) {
    struct anon *anons[1];

    start(100);
    store(anons, 1, 7);
    lose_frame(anons[0]);
    fake_disk_fails = all_fail;
    read_start(anons[0]);
    fake_settle();
    ck_assert_ptr_null(anons[0]->frame);
    ck_assert(anons[0]->read_error);
    ck_assert_uint_eq(anons[0]->slot, 1);
    ck_assert_uint_eq(counters[COUNT_PSWPIN], 0);
    fake_disk_fails = NULL; /* the disk has recovered */
    read_start(anons[0]);
    fake_settle();
    ck_assert(filled_with(anons[0]->frame, 7));
    ck_assert_uint_eq(counters[COUNT_PSWPIN], 1);
}
END_TEST

/* --- checksums --- */

static void store_and_lose(struct anon **anons) {
    start(100);
    store(anons, 2, 7);
    lose_frame(anons[0]);
    lose_frame(anons[1]);
}

START_TEST(a_changed_bit_on_the_disk_is_found) {
    struct anon *anons[2];

    store_and_lose(anons);
    disk->data[anons[1]->slot * PAGE_SIZE + 1234] ^= 0x10;
    read_start(anons[0]);
    fake_settle();
    read_start(anons[1]);
    EXPECT_PANIC("slot 2 is not the one that was written", fake_settle());
}
END_TEST

START_TEST(exchanged_words_are_found) {
    struct anon *anons[2];

    store_and_lose(anons);
    uint32_t *words = (uint32_t *)(void *)(disk->data + PAGE_SIZE), first = words[0];
    words[0] = words[9];
    words[9] = first;
    read_start(anons[0]);
    EXPECT_PANIC("slot 1", fake_settle());
}
END_TEST

START_TEST(exchanged_pages_are_found) {
    struct anon *anons[2];
    static uint8_t page[PAGE_SIZE];

    store_and_lose(anons);
    memcpy(page, disk->data + PAGE_SIZE, PAGE_SIZE);
    memcpy(disk->data + PAGE_SIZE, disk->data + 2 * PAGE_SIZE, PAGE_SIZE);
    memcpy(disk->data + 2 * PAGE_SIZE, page, PAGE_SIZE);
    read_start(anons[0]);
    EXPECT_PANIC("slot 1", fake_settle());
}
END_TEST

START_TEST(a_clean_page_that_changes_is_found_by_the_checker) {
    struct anon *anons[1];

    start(100);
    store(anons, 1, 7);
    ck_assert(swap_checksum_matches(anons[0]->slot, anons[0]->frame));
    *(uint8_t *)frame_data(anons[0]->frame) ^= 1;
    ck_assert(!swap_checksum_matches(anons[0]->slot, anons[0]->frame));
    EXPECT_PANIC("differs from slot 1", vm_check());
}
END_TEST

START_TEST(without_check_there_are_no_checksums) {
    struct anon *anons[1];

    vm_options.check = 0;
    start(100);
    store(anons, 1, 7);
    lose_frame(anons[0]);
    disk->data[PAGE_SIZE] ^= 1;
    read_start(anons[0]);
    fake_settle();
    ck_assert(!filled_with(anons[0]->frame, 7));
}
END_TEST

START_TEST(a_page_changed_while_it_is_written_is_the_fakes_panic) {
    struct anon *anons[1];

    start(100);
    make(anons, 1, 7);
    ck_assert_uint_eq(write_start(anons, 1), 1);
    *(uint8_t *)frame_data(anons[0]->frame) ^= 1;
    EXPECT_PANIC("changed while they were written", fake_settle());
}
END_TEST

/* --- random use against a model --- */

enum { ANONS = 150 };

static struct anon *anons[ANONS];
static uint32_t tags[ANONS]; /* what the page holds; 0: no such anon */
static uint32_t next_tag;
static unsigned failed_writes;

static bool one_in_twenty_writes_fails(const struct bio *bio) {
    bool fails = bio->write && fake_chance(5);

    failed_writes += fails;
    return fails;
}

static bool in_state(unsigned i, enum frame_state state) {
    return tags[i] != 0 && anons[i]->frame != NULL && anons[i]->frame->state == state;
}

static void write_some_dirty(void) {
    struct anon *cluster[SWAP_CLUSTER_MAX];
    unsigned count = 0, most = 1 + fake_random_below(SWAP_CLUSTER_MAX);

    for (unsigned i = fake_random_below(ANONS); count < most && i < ANONS; i++)
        if (in_state(i, FRAME_DIRTY) || in_state(i, FRAME_ACTIVE))
            cluster[count++] = anons[i];
    if (count > 0)
        write_start(cluster, count);
}

static void change(unsigned i) {
    if (in_state(i, FRAME_CLEAN) || in_state(i, FRAME_DIRTY))
        frame_activate(anons[i]->frame, &set_global);
    if (!in_state(i, FRAME_ACTIVE))
        return;
    tags[i] = ++next_tag;
    fill(anons[i]->frame, tags[i]);
    anons[i]->frame->modified = true;
    if (fake_chance(70))
        frame_to_pool(anons[i]->frame);
}

static void random_step(unsigned i) {
    if (tags[i] == 0) {
        tags[i] = ++next_tag;
        make(&anons[i], 1, tags[i]);
    } else if (fake_chance(15)) {
        anon_unref(anons[i]); /* perhaps in the middle of a transfer */
        tags[i] = 0;
    } else if (anons[i]->frame == NULL) {
        read_start(anons[i]);
    } else if (in_state(i, FRAME_CLEAN) && fake_chance(50)) {
        lose_frame(anons[i]);
    } else {
        change(i);
    }
}

/* Slots are distinct and marked, and the figures add up. */
static void check_figures(slot_t total) {
    static bool named[DISK_SLOTS];
    slot_t used = 0;

    memset(named, 0, sizeof(named));
    for (unsigned i = 0; i < ANONS; i++) {
        if (tags[i] == 0)
            continue;
        slot_t slot = anons[i]->slot;

        ck_assert(anons[i]->frame != NULL || slot != 0);
        if (slot != 0) {
            ck_assert(!named[slot] && swap_slot_used(slot));
            named[slot] = true;
            used++;
        }
        if (anons[i]->frame != NULL && anons[i]->frame->state != FRAME_BUSY)
            ck_assert(filled_with(anons[i]->frame, tags[i]));
    }
    list_for_each (frame, frame_list(FRAME_BUSY), struct frame, link)
        used += frame->anon->refs == 0 && frame->anon->slot != 0;
    ck_assert_uint_eq(swap_slots_used(), used);
    ck_assert_uint_eq(swap_total(), total - failed_writes);
    ck_assert_uint_eq(swap_free_slots(), total - failed_writes - used);
}

static void random_use(slot_t slots, uint32_t seed) {
    start(slots);
    fake_seed(seed);
    fake_disk_order = DISK_RANDOM;
    for (unsigned step = 0; step < 6000; step++) {
        random_step(fake_random_below(ANONS));
        if (fake_chance(20))
            write_some_dirty();
        while (fake_disk_pending > 40 || (fake_disk_pending > 0 && fake_chance(60)))
            fake_disk_complete_one();
        if (step % 16 == 0)
            check_figures(slots - 1);
    }
    for (unsigned i = 0; i < ANONS; i++)
        if (tags[i] != 0)
            anon_unref(anons[i]);
    fake_settle();
    ck_assert_uint_eq(swap_slots_used(), 0);
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(frame_count(FRAME_FREE) + frame_count(FRAME_KERNEL), frame_total);
}

START_TEST(random_use_with_room) {
    random_use(400, (uint32_t)_i + 1);
}
END_TEST

START_TEST(random_use_when_full) {
    random_use(60, (uint32_t)_i + 1);
}
END_TEST

START_TEST(random_use_with_errors) {
    fake_disk_fails = one_in_twenty_writes_fails;
    random_use(DISK_SLOTS, (uint32_t)_i + 1);
    ck_assert_uint_gt(failed_writes, 10);
}
END_TEST

static Suite *swap_suite(void) {
    Suite *suite = suite_create("swap");
    TCase *header = tcase_create("header"), *slots = tcase_create("slots"), *random = tcase_create("random");

    suite_add_tcase(suite, header);
    tcase_add_checked_fixture(header, setup, NULL);
    tcase_add_test(header, no_header);
    tcase_add_test(header, old_magic);
    tcase_add_test(header, unknown_version);
    tcase_add_test(header, larger_than_the_partition);
    tcase_add_test(header, last_page_that_overflows);
    tcase_add_test(header, nothing_but_a_header);
    tcase_add_test(header, more_bad_pages_than_the_list_holds);
    tcase_add_test(header, unreadable_header);
    tcase_add_test(header, whole_partition);
    tcase_add_test(header, only_one_area);
    tcase_add_test(header, bad_pages_are_never_used);

    suite_add_tcase(suite, slots);
    tcase_add_checked_fixture(slots, setup, NULL);
    tcase_add_test(slots, a_cluster_lies_together_and_is_one_request);
    tcase_add_test(slots, next_fit_goes_on_and_wraps);
    tcase_add_test(slots, the_first_run_that_is_long_enough);
    tcase_add_test(slots, the_longest_run_where_none_is_long_enough);
    tcase_add_test(slots, single_slots_when_nothing_else_is_left);
    tcase_add_test(slots, no_more_than_a_cluster_at_once);
    tcase_add_test(slots, a_page_written_again_moves);
    tcase_add_test(slots, full_refuses_what_has_no_slot);
    tcase_add_test(slots, full_rewrites_in_place_what_has_one);
    tcase_add_test(slots, without_swap_nothing_is_written);
    tcase_add_test(slots, a_failed_write_marks_the_slot_bad_and_goes_elsewhere);
    tcase_add_test(slots, a_failed_rewrite_in_place_keeps_the_page);
    tcase_add_test(slots, a_failed_read_is_remembered_for_the_next_fault);
    tcase_add_test(slots, a_changed_bit_on_the_disk_is_found);
    tcase_add_test(slots, exchanged_words_are_found);
    tcase_add_test(slots, exchanged_pages_are_found);
    tcase_add_test(slots, a_clean_page_that_changes_is_found_by_the_checker);
    tcase_add_test(slots, without_check_there_are_no_checksums);
    tcase_add_test(slots, a_page_changed_while_it_is_written_is_the_fakes_panic);

    suite_add_tcase(suite, random);
    tcase_add_checked_fixture(random, setup, NULL);
    tcase_add_loop_test(random, random_use_with_room, 0, 4);
    tcase_add_loop_test(random, random_use_when_full, 0, 4);
    tcase_add_loop_test(random, random_use_with_errors, 0, 4);
    return suite;
}

int main(void) {
    return run_suite(swap_suite());
}
