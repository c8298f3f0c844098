/*
 * The page fault, case by case: what each kind does and how it is counted, copy-on-write, what is refused,
 * stacks, errors of the disk, and who is told to die. Random programs are in test_pageout.c.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "mm/fault.h"

#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 300, SLOTS = 500, FILE_PAGES = 40 };

#define PLACE ((vaddr_t)0x20000000)

static struct fake_disk *disk;
static struct fake_file file;
static struct space *space;

static void setup(void) {
    vm_options.check = 1;
    fake_boot(FRAMES, 0);
    fake_swap("hda2", SLOTS);
    vm_start();
    fake_yield();
    disk = fake_disk_create("hda1", FILE_PAGES * SECTORS_PER_PAGE);
    for (unsigned i = 0; i < FILE_PAGES * PAGE_SIZE; i++)
        disk->data[i] = (uint8_t)(1 + i / PAGE_SIZE);
    fake_file_init(&file, disk, 0, FILE_PAGES * PAGE_SIZE);
    space = space_create();
}

static void teardown(void) {
    fake_disk_fails = NULL;
    if (space != NULL)
        space_unref(space);
    fake_settle();
    vm_check();
    const char *broken = counters_check();
    ck_assert_msg(broken == NULL, "%s", broken);
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(swap_slots_used(), 0);
}

static void map_in(struct space *where, vaddr_t at, unsigned pages, unsigned flags, struct object *object) {
    vaddr_t result;
    struct map_request request = {.address = at,
                                  .length = pages * PAGE_SIZE,
                                  .flags = flags | AREA_MAYWRITE,
                                  .fixed = true,
                                  .object = object};

    ck_assert_int_eq(space_map(where, &request, &result), 0);
    ck_assert_uint_eq(result, at);
}

static void map(unsigned pages, unsigned flags, struct object *object) {
    map_in(space, PLACE, pages, flags, object);
}

/* The page's bytes in @where; faults as often as the processor would. */
static uint8_t *reach_in(struct space *where, vaddr_t address, bool write) {
    uint8_t *bytes;

    for (unsigned tries = 0; (bytes = fake_mmu(&where->pmap, address, write)) == NULL; tries++) {
        ck_assert_uint_lt(tries, 3);
        ck_assert_int_eq(vm_fault(where, address, write ? FAULT_WRITE : FAULT_READ), FAULT_OK);
    }
    return bytes;
}

static uint8_t *reach(unsigned page, bool write) {
    return reach_in(space, PLACE + page * PAGE_SIZE, write);
}

/* One fault, which must add one to @kind and to pgfault, and nothing to any other kind. */
static void fault_counts(unsigned page, enum fault_access access, enum counter kind, bool major) {
    uint32_t before[COUNT_TOTAL];

    memcpy(before, counters, sizeof(before));
    ck_assert_int_eq(vm_fault(space, PLACE + page * PAGE_SIZE + 123, access), FAULT_OK);
    for (unsigned c = COUNT_FAULT_ZERO; c <= COUNT_FAULT_BAD; c++)
        ck_assert_msg(counters[c] - before[c] == (c == kind), "%s: %u", counter_names[c],
                      counters[c] - before[c]);
    ck_assert_uint_eq(counters[COUNT_PGFAULT] - before[COUNT_PGFAULT], 1);
    ck_assert_uint_eq(counters[COUNT_PGMAJFAULT] - before[COUNT_PGMAJFAULT], major);
    vm_check_books();
}

static unsigned bits(unsigned page) {
    return pmap_query(&space->pmap, PLACE + page * PAGE_SIZE, NULL);
}

static struct frame *frame_at(unsigned page) {
    return fake_frame_at(&space->pmap, PLACE + page * PAGE_SIZE);
}

/* The page leaves for the pool, as if it had been the victim. */
static struct frame *to_pool(unsigned page) {
    struct frame *frame = frame_at(page);

    frame_unmap_all(frame);
    frame_to_pool(frame);
    return frame;
}

/* All pages of the area leave for swap or the file, and their frames go to somebody else. */
static void page_all_out(unsigned pages) {
    for (unsigned i = 0; i < pages; i++)
        if (bits(i) != 0) {
            struct frame *frame = to_pool(i);

            if (frame->state == FRAME_DIRTY && frame->owner == OWNER_ANON)
                ck_assert_uint_eq(swap_write(&frame, 1), 1);
            fake_settle();
        }
    fake_empty_pool();
}

/* --- the kinds --- */

START_TEST(zero_fill) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    fault_counts(1, FAULT_READ, COUNT_FAULT_ZERO, false);
    ck_assert_uint_eq(bits(1) & PMAP_PRESENT, PMAP_PRESENT);
    uint8_t *bytes = reach(1, false);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        ck_assert_uint_eq(bytes[i], 0);
    fault_counts(2, FAULT_WRITE, COUNT_FAULT_ZERO, false);
    ck_assert_uint_eq(bits(2), PMAP_PRESENT | PMAP_WRITABLE | PMAP_REFERENCED | PMAP_MODIFIED);
    ck_assert_uint_eq(bits(0) | bits(3), 0);
    ck_assert_uint_eq(anon_count, 2);
    ck_assert_uint_eq(space->faults.minor, 2);
}
END_TEST

START_TEST(file_read_is_a_major_fault) {
    map(4, AREA_READ, &file.object);
    fault_counts(3, FAULT_READ, COUNT_FAULT_FILE, true);
    ck_assert_uint_eq(*reach(3, false), 4);
    ck_assert_uint_eq(space->faults.major, 1);
    ck_assert_uint_eq(file.gets, 1);
    ck_assert(!(bits(3) & PMAP_WRITABLE));
}
END_TEST

START_TEST(what_another_has_brought_in_is_resident) {
    struct space *other = space_create();

    map(4, AREA_READ, &file.object);
    map_in(other, 0x8000000, 4, AREA_READ, &file.object);
    ck_assert_uint_eq(*reach_in(other, 0x8000000 + 2 * PAGE_SIZE, false), 3);
    fault_counts(2, FAULT_READ, COUNT_FAULT_RESIDENT, false);
    ck_assert_ptr_eq(reach(2, false), reach_in(other, 0x8000000 + 2 * PAGE_SIZE, false));
    ck_assert_uint_eq(file.gets, 1);
    space_unref(other);
}
END_TEST

START_TEST(reclaim_needs_no_io) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    *reach(1, true) = 77;
    struct frame *frame = to_pool(1);
    unsigned requests = fake_disk_requests;
    ck_assert_uint_eq(frame->state, FRAME_DIRTY);
    fault_counts(1, FAULT_READ, COUNT_FAULT_RECLAIM, false);
    ck_assert_ptr_eq(frame_at(1), frame);
    ck_assert_uint_eq(*reach(1, false), 77);
    ck_assert_uint_eq(fake_disk_requests, requests);
    ck_assert(frame->modified); /* still to be written one day */
}
END_TEST

START_TEST(from_swap_and_not_written_again) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    *reach(1, true) = 77;
    page_all_out(4);
    ck_assert_uint_eq(swap_slots_used(), 1);
    fault_counts(1, FAULT_READ, COUNT_FAULT_SWAP, true);
    ck_assert_uint_eq(*reach(1, false), 77);
    ck_assert_uint_eq(to_pool(1)->state, FRAME_CLEAN); /* its slot still holds it */
    uint32_t written = counters[COUNT_PSWPOUT];
    page_all_out(4);
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], written);
    *reach(1, true) = 78;
    ck_assert_uint_eq(to_pool(1)->state, FRAME_DIRTY); /* not any more */
}
END_TEST

START_TEST(spurious) {
    map(1, AREA_READ | AREA_WRITE, NULL);
    reach(0, true);
    fault_counts(0, FAULT_READ, COUNT_FAULT_SPURIOUS, false);
    fault_counts(0, FAULT_WRITE, COUNT_FAULT_SPURIOUS, false);
}
END_TEST

/* --- copy-on-write --- */

START_TEST(private_file_page_is_copied_at_the_first_write) {
    map(4, AREA_READ | AREA_WRITE, &file.object);
    ck_assert_uint_eq(*reach(1, false), 2);
    struct frame *files = frame_at(1);
    fault_counts(1, FAULT_WRITE, COUNT_FAULT_COPY, false);
    ck_assert_ptr_ne(frame_at(1), files);
    *reach(1, true) = 99;
    ck_assert_uint_eq(*(uint8_t *)frame_data(files), 2);
    ck_assert(!frame_mapped(files));
    ck_assert_uint_eq(*(reach(1, false) + 1), 2); /* the rest of the page came along */
}
END_TEST

START_TEST(copy_of_a_page_that_must_be_read_first) {
    map(4, AREA_READ | AREA_WRITE, &file.object);
    fault_counts(2, FAULT_WRITE, COUNT_FAULT_COPY, true);
    ck_assert_uint_eq(counters[COUNT_FAULT_COPY_READ], 1);
    ck_assert_uint_eq(*reach(2, false), 3);
}
END_TEST

/*
 * The oldest page of the pool is the one to be copied, and the frame for the copy must come from the pool: 20
 * pages of the file are behind it there, and none is FREE. The source must not be stolen for its own copy.
 */
static void copy_from_a_full_pool(struct frame *source, bool of_file) {
    static struct frame *taken[FRAMES];
    unsigned total = 0;

    map_in(space, 0x30000000, 20, AREA_READ, &file.object);
    for (pgoff_t i = 0; i < 20; i++) {
        reach_in(space, 0x30000000 + (vaddr_t)i * PAGE_SIZE, false);
        fake_settle();
        struct frame *frame = object_lookup(&file.object, i);
        frame_unmap_all(frame);
        if (frame->state != FRAME_ACTIVE)
            continue;
        frame_to_pool(frame);
    }
    fake_settle();
    while (frame_count(FRAME_FREE) > 0)
        taken[total++] = frame_take(USE_PAGEOUT);
    ck_assert_uint_eq(source->state, FRAME_CLEAN);
    ck_assert_ptr_eq(list_first(frame_list(FRAME_CLEAN), struct frame, link), source);
    fault_counts(0, FAULT_WRITE, COUNT_FAULT_COPY, false);
    ck_assert_uint_eq(source->state, FRAME_ACTIVE);
    ck_assert_uint_eq(source->owner, of_file ? OWNER_OBJECT : OWNER_ANON);
    ck_assert_ptr_ne(frame_at(0), source);
    while (total > 0)
        frame_release(taken[--total]);
}

START_TEST(the_files_page_is_not_stolen_for_its_copy) {
    map_in(space, PLACE, 1, AREA_READ | AREA_WRITE, &file.object);
    space_find(space, PLACE)->object_offset = 35; /* beyond the pages that fill the pool */
    reach(0, false);
    copy_from_a_full_pool(to_pool(0), true);
    ck_assert_uint_eq(*reach(0, false), 36);
}
END_TEST

START_TEST(the_shared_anon_is_not_stolen_for_its_copy) {
    map(1, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 55;
    struct space *child = space_fork(space);
    struct frame *frame = to_pool(0);
    ck_assert_uint_eq(swap_write(&frame, 1), 1);
    fake_settle();
    copy_from_a_full_pool(frame, false);
    ck_assert_uint_eq(*reach(0, false), 55);
    space_unref(child);
}
END_TEST

START_TEST(fork_shares_until_somebody_writes) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    *reach(1, true) = 1;
    struct space *child = space_fork(space);
    ck_assert(!(bits(1) & PMAP_WRITABLE));
    ck_assert_uint_eq(child->pmap.resident, 0); /* its tables fill by faults */
    ck_assert_ptr_eq(reach_in(child, PLACE + PAGE_SIZE, false), reach(1, false));
    ck_assert_uint_eq(anon_count, 1);
    vm_check();

    *reach_in(child, PLACE + PAGE_SIZE, true) = 2;
    ck_assert_uint_eq(anon_count, 2);
    ck_assert_uint_eq(*reach(1, false), 1);
    fault_counts(1, FAULT_WRITE, COUNT_FAULT_UPGRADE, false); /* alone again: no second copy */
    ck_assert_uint_eq(anon_count, 2);
    *reach(1, true) = 3;
    ck_assert_uint_eq(*reach_in(child, PLACE + PAGE_SIZE, false), 2);
    space_unref(child);
    ck_assert_uint_eq(anon_count, 1);
}
END_TEST

START_TEST(the_last_of_a_family_writes_in_place) {
    struct space *children[5];

    map(1, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 1;
    for (unsigned i = 0; i < 5; i++)
        children[i] = space_fork(i == 0 ? space : children[i - 1]);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(*reach_in(children[i], PLACE, false), 1);
    ck_assert_uint_eq(anon_count, 1);
    vm_check();
    space_unref(space);
    space = NULL;
    for (unsigned i = 0; i < 4; i++)
        space_unref(children[i]);
    uint32_t copies = counters[COUNT_FAULT_COPY];
    *reach_in(children[4], PLACE, true) = 2;
    ck_assert_uint_eq(counters[COUNT_FAULT_COPY], copies);
    space_unref(children[4]);
}
END_TEST

START_TEST(copy_of_a_page_on_swap) {
    map(2, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 5;
    struct space *child = space_fork(space);
    page_all_out(2);
    *reach_in(child, PLACE, true) = 6;
    ck_assert_uint_eq(*reach(0, false), 5);
    ck_assert_uint_eq(*reach_in(child, PLACE, false), 6);
    ck_assert_uint_eq(swap_slots_used(), 1); /* the child's page has none yet */
    space_unref(child);
}
END_TEST

START_TEST(shared_memory_is_one_page_for_all) {
    map(4, AREA_READ | AREA_WRITE | AREA_SHARED, NULL);
    *reach(0, true) = 1;
    struct space *child = space_fork(space);
    *reach_in(child, PLACE + PAGE_SIZE, true) = 2; /* touched first by the child */
    ck_assert_uint_eq(*reach(1, false), 2);
    *reach(0, true) = 3;
    ck_assert_uint_eq(*reach_in(child, PLACE, false), 3);
    ck_assert_uint_eq(anon_count, 2);
    page_all_out(4);
    *reach_in(child, PLACE, true) = 4;
    ck_assert_uint_eq(*reach(0, false), 4);
    space_unref(child);
}
END_TEST

START_TEST(shared_file_pages_are_written_back) {
    map(4, AREA_READ | AREA_WRITE | AREA_SHARED, &file.object);
    ck_assert_uint_eq(*reach(2, false), 3);
    ck_assert(!(bits(2) & PMAP_WRITABLE)); /* so that prepare() is asked before the first write */
    fault_counts(2, FAULT_WRITE, COUNT_FAULT_UPGRADE, false);
    *reach(2, true) = 0x99;
    ck_assert_int_eq(space_sync(space, PLACE, 4 * PAGE_SIZE, true), 0);
    ck_assert_uint_eq(disk->data[2 * PAGE_SIZE], 0x99);
    *reach(3, true) = 0x98;
    space_unref(space); /* the last user goes: it is written without being asked */
    space = NULL;
    fake_settle();
    ck_assert_uint_eq(disk->data[3 * PAGE_SIZE], 0x98);
}
END_TEST

/* --- refused --- */

static void expect_refused(vaddr_t address, enum fault_access access, enum fault_result result) {
    uint32_t bad = counters[COUNT_FAULT_BAD];

    ck_assert_int_eq(vm_fault(space, address, access), result);
    ck_assert_uint_eq(counters[COUNT_FAULT_BAD], bad + 1);
}

START_TEST(no_area) {
    expect_refused(PLACE, FAULT_READ, FAULT_MAPERR);
    map(4, AREA_READ, NULL);
    expect_refused(PLACE - 1, FAULT_READ, FAULT_MAPERR);
    expect_refused(PLACE + 4 * PAGE_SIZE, FAULT_READ, FAULT_MAPERR);
    expect_refused(0, FAULT_WRITE, FAULT_MAPERR);
    expect_refused(0xFFFFF000, FAULT_WRITE, FAULT_MAPERR);
}
END_TEST

START_TEST(wrong_access) {
    map(4, AREA_READ, NULL);
    expect_refused(PLACE, FAULT_WRITE, FAULT_ACCERR);
    reach(0, false);
    expect_refused(PLACE, FAULT_WRITE, FAULT_ACCERR); /* present makes no difference */
    ck_assert_int_eq(space_protect(space, PLACE, PAGE_SIZE, 0), 0);
    ck_assert_uint_eq(bits(0), 0);
    expect_refused(PLACE, FAULT_READ, FAULT_ACCERR);
    ck_assert_int_eq(space_protect(space, PLACE, PAGE_SIZE, AREA_READ | AREA_WRITE), 0);
    reach(0, true);
}
END_TEST

START_TEST(past_the_end_of_the_file) {
    map(FILE_PAGES + 4, AREA_READ, &file.object);
    reach(FILE_PAGES - 1, false);
    expect_refused(PLACE + FILE_PAGES * PAGE_SIZE, FAULT_READ, FAULT_BUSERR);
    object_truncate(&file.object, 10 * PAGE_SIZE + 1);
    ck_assert_uint_eq(*reach(10, false), 11);
    expect_refused(PLACE + 11 * PAGE_SIZE, FAULT_READ, FAULT_BUSERR);
    expect_refused(PLACE + (FILE_PAGES - 1) * PAGE_SIZE, FAULT_READ, FAULT_BUSERR); /* was mapped before */
}
END_TEST

static bool reads_fail(const struct bio *bio) {
    return !bio->write;
}

START_TEST(a_file_that_cannot_be_read) {
    map(4, AREA_READ, &file.object);
    fake_disk_fails = reads_fail;
    expect_refused(PLACE, FAULT_READ, FAULT_BUSERR);
    fake_disk_fails = NULL;
    ck_assert_uint_eq(*reach(0, false), 1);
}
END_TEST

START_TEST(a_slot_that_cannot_be_read) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 9;
    page_all_out(4);
    fake_disk_fails = reads_fail;
    expect_refused(PLACE, FAULT_READ, FAULT_BUSERR);
    fake_disk_fails = NULL;
    ck_assert_uint_eq(*reach(0, false), 9);
}
END_TEST

START_TEST(no_block_for_a_shared_write) {
    map(4, AREA_READ | AREA_WRITE | AREA_SHARED, &file.object);
    file.prepare_error = -ENOSPC;
    expect_refused(PLACE, FAULT_WRITE, FAULT_BUSERR);
    reach(0, false);
    expect_refused(PLACE, FAULT_WRITE, FAULT_BUSERR);
}
END_TEST

/* --- stacks --- */

START_TEST(a_stack_grows_down_to_its_limit) {
    vaddr_t top = 0x40000000, limit = 200 * PAGE_SIZE;

    ck_assert_int_eq(space_make_stack(space, top, limit), 0);
    *reach_in(space, top - 1, true) = 1;
    *reach_in(space, top - 100 * PAGE_SIZE, true) = 2;
    *reach_in(space, top - limit, true) = 3;
    ck_assert_uint_eq(*reach_in(space, top - 1, false), 1);
    ck_assert_uint_eq(*reach_in(space, top - 100 * PAGE_SIZE, false), 2);
    expect_refused(top - limit - 1, FAULT_WRITE, FAULT_MAPERR);
    expect_refused(top, FAULT_WRITE, FAULT_MAPERR);
    vm_check();
}
END_TEST

/* --- several at once --- */

static unsigned finished, killed;

static void touch_first_page(void *unused) {
    (void)unused;
    enum fault_result result = vm_fault(space, PLACE, FAULT_READ);

    ck_assert(result == FAULT_OK || result == FAULT_KILLED);
    finished += result == FAULT_OK;
    killed += result == FAULT_KILLED;
}

START_TEST(one_read_for_all_who_fault) {
    map(4, AREA_READ, &file.object);
    for (unsigned i = 0; i < 8; i++)
        fake_thread(touch_first_page, NULL, NULL);
    fake_join();
    ck_assert_uint_eq(finished, 8);
    ck_assert_uint_eq(file.gets, 1);
    ck_assert_uint_eq(counters[COUNT_PGMAJFAULT], 8); /* all have waited for it */
}
END_TEST

START_TEST(unmapped_while_the_page_is_read) {
    map(4, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 9;
    page_all_out(4);
    fake_thread(touch_first_page, NULL, NULL);
    fake_yield(); /* it has started the read and sleeps */
    ck_assert_uint_eq(frame_count(FRAME_BUSY), 1);
    ck_assert_int_eq(space_discard(space, PLACE, PAGE_SIZE), 0);
    vm_check();
    fake_join();
    ck_assert_uint_eq(finished, 1);
    ck_assert_uint_eq(*reach(0, false), 0); /* a new page */
}
END_TEST

START_TEST(a_killed_program_does_not_wait_for_frames) {
    struct frame *taken[FRAMES];
    unsigned total = 0;

    map(4, AREA_READ | AREA_WRITE, NULL);
    reach(1, true);
    while ((taken[total] = frame_take(USE_PAGEOUT)) != NULL)
        total++;
    fake_kill(fake_thread(touch_first_page, NULL, NULL));
    fake_join();
    ck_assert_uint_eq(killed, 1);
    while (total > 0)
        frame_release(taken[--total]);
}
END_TEST

/* --- fault-around --- */

enum { WINDOW = 8 };
#define OTHER (PLACE + 0x400000u) /* the file once more */

/* The file's pages are in memory and in use; one fault at @page of the other map of it. */
static void fault_in_other_map(unsigned window, unsigned flags, unsigned page) {
    vm_options.around = 1;
    map(FILE_PAGES, AREA_READ, &file.object);
    for (unsigned i = 0; i < FILE_PAGES; i++)
        reach(i, false);
    map_in(space, OTHER, FILE_PAGES, flags, &file.object);
    vm_options.around = window;
    ck_assert_int_eq(vm_fault(space, OTHER + page * PAGE_SIZE, FAULT_READ), FAULT_OK);
}

static unsigned other_bits(unsigned page) {
    return pmap_query(&space->pmap, OTHER + page * PAGE_SIZE, NULL);
}

START_TEST(a_fault_maps_the_window_around_it) {
    fault_in_other_map(WINDOW, AREA_READ, WINDOW + 3);
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        bool inside = i / WINDOW == 1;

        ck_assert_uint_eq(other_bits(i), i == WINDOW + 3 ? PMAP_PRESENT | PMAP_REFERENCED
                                         : inside        ? PMAP_PRESENT
                                                         : 0);
        if (inside)
            ck_assert_uint_eq(*reach_in(space, OTHER + i * PAGE_SIZE, false), i + 1);
    }
    ck_assert_uint_eq(counters[COUNT_FAULT_AROUND], WINDOW - 1);
    vm_check_books();
}
END_TEST

START_TEST(a_window_of_one_is_the_page_alone) {
    fault_in_other_map(1, AREA_READ, 5);
    ck_assert_uint_eq(other_bits(4) | other_bits(6), 0);
    ck_assert_uint_eq(counters[COUNT_FAULT_AROUND], 0);
}
END_TEST

/* A private page is the program's own, whatever the file has in its place, and a map that may write still copies. */
START_TEST(fault_around_shows_own_copies) {
    pfn_t own, shown = 0;

    fault_in_other_map(1, AREA_READ | AREA_WRITE, 1);
    *reach_in(space, OTHER + 2 * PAGE_SIZE, true) = 200;
    pmap_query(&space->pmap, OTHER + 2 * PAGE_SIZE, &own);
    frame_unmap_all(&frame_table[own]);
    vm_options.around = WINDOW;
    ck_assert_int_eq(vm_fault(space, OTHER, FAULT_READ), FAULT_OK);
    ck_assert_uint_eq(pmap_query(&space->pmap, OTHER + 2 * PAGE_SIZE, &shown), PMAP_PRESENT | PMAP_WRITABLE);
    ck_assert_uint_eq(shown, own);
    ck_assert_uint_eq(*reach_in(space, OTHER + 2 * PAGE_SIZE, false), 200);
    *reach_in(space, OTHER + 3 * PAGE_SIZE, true) = 201;
    ck_assert_uint_eq(*reach(3, false), 4);
    vm_check_books();
}
END_TEST

/* Anonymous pages that have been written and stay: shown again together by who comes from before, … */
static void write_in_place(unsigned pages) {
    map(pages, AREA_READ | AREA_WRITE, NULL);
    for (unsigned i = 0; i < pages; i++) {
        pfn_t number;

        *reach(i, true) = i + 1;
        pmap_query(&space->pmap, PLACE + i * PAGE_SIZE, &number);
        struct frame *frame = &frame_table[number];

        frame_unmap_all(frame);
        ck_assert_uint_eq(swap_write(&frame, 1), 1);
    }
    fake_settle();
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], pages);
}

START_TEST(pages_written_in_place_are_mapped_together) {
    uint32_t faults;

    vm_options.around = WINDOW;
    write_in_place(2 * WINDOW);
    faults = counters[COUNT_PGFAULT];
    for (unsigned i = 0; i < 2 * WINDOW; i++)
        ck_assert_uint_eq(*reach(i, false), i + 1);
    ck_assert_uint_le(counters[COUNT_PGFAULT] - faults,
                      3); /* the first, the second, and one of the next window */
    *reach(5, true) = 250;
    page_all_out(2 * WINDOW);
    ck_assert_uint_eq(*reach(5, false), 250); /* a store without a fault is not lost */
    vm_check_books();
}
END_TEST

/* … and one by one where a program goes another way. */
START_TEST(pages_written_in_place_are_not_mapped_for_nothing) {
    vm_options.around = WINDOW;
    write_in_place(2 * WINDOW);
    for (unsigned i = 2 * WINDOW; i-- > 0;)
        ck_assert_uint_eq(*reach(i, false), i + 1);
    ck_assert_uint_eq(counters[COUNT_FAULT_AROUND], 0);
}
END_TEST

/* --- read-ahead --- */

START_TEST(a_sequential_reader_finds_its_pages) {
    map(FILE_PAGES, AREA_READ, &file.object);
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        ck_assert_uint_eq(*reach(i, false), i + 1);
        fake_settle(); /* what was read ahead arrives while the program computes */
    }
    ck_assert_uint_lt(counters[COUNT_FAULT_FILE], 10);
    ck_assert_uint_gt(counters[COUNT_FAULT_RECLAIM] + counters[COUNT_FAULT_AROUND], 20);
    ck_assert_int_eq(space_unmap(space, PLACE, FILE_PAGES * PAGE_SIZE), 0);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_HIT], counters[COUNT_READAHEAD_FILE]);
    ck_assert_uint_eq(file.gets, FILE_PAGES);
}
END_TEST

/* Two faults show where the program goes; from then on every page is on its way before it is asked for. */
START_TEST(a_stream_waits_for_its_first_two_pages_only) {
    map(FILE_PAGES, AREA_READ, &file.object);
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        reach(_i ? FILE_PAGES - 1 - i : i, false);
        fake_settle();
    }
    ck_assert_uint_eq(counters[COUNT_PGMAJFAULT], 2);
    ck_assert_uint_eq(file.gets, FILE_PAGES);
    vm_check_books();
}
END_TEST

START_TEST(a_stream_of_anonymous_pages_is_read_ahead_and_mapped_ahead) {
    enum { TOTAL = 40 };

    map(TOTAL, AREA_READ | AREA_WRITE, NULL);
    for (unsigned i = 0; i < TOTAL; i++)
        *reach(i, true) = (uint8_t)(i + 1);
    page_all_out(TOTAL);
    vm_options.around = 8;
    for (unsigned i = 0; i < TOTAL; i++) {
        ck_assert_uint_eq(*reach(_i ? TOTAL - 1 - i : i, false), _i ? TOTAL - i : i + 1);
        fake_settle();
    }
    ck_assert_uint_eq(counters[COUNT_PGMAJFAULT], 2);
    ck_assert_uint_gt(counters[COUNT_FAULT_AROUND], TOTAL / 2);
    *reach(TOTAL / 2, true) = 200; /* mapped ahead with the right to write */
    vm_check_books();
    page_all_out(TOTAL);
    ck_assert_uint_eq(*reach(TOTAL / 2, false), 200);
}
END_TEST

/* A page that has only been mapped is a guess still: thrown out untouched it was useless. */
START_TEST(mapping_ahead_is_not_use) {
    vm_options.around = 8;
    map(FILE_PAGES, AREA_READ, &file.object);
    for (unsigned i = 0; i < 3; i++) {
        reach(i, false);
        fake_settle();
    }
    ck_assert_uint_gt(counters[COUNT_FAULT_AROUND], 0);
    uint32_t ahead = counters[COUNT_READAHEAD_FILE];
    ck_assert_int_eq(space_unmap(space, PLACE, FILE_PAGES * PAGE_SIZE), 0);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_HIT], 1); /* page 2 */
    object_truncate(&file.object, 0);
    ck_assert_uint_eq(counters[COUNT_READAHEAD_MISS], ahead - 1);
}
END_TEST

START_TEST(a_random_reader_reads_nothing_more) {
    static const unsigned order[] = {7, 30, 2, 20, 11, 38, 25, 5};

    map(FILE_PAGES, AREA_READ, &file.object);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
        reach(order[i], false);
    ck_assert_uint_eq(file.gets, ARRAY_SIZE(order));
    ck_assert_uint_eq(counters[COUNT_READAHEAD_FILE], 0);
}
END_TEST

START_TEST(a_page_given_back_and_stored_to_is_kept) {
    map(1, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 8;
    ck_assert_int_eq(space_advise(space, PLACE, PAGE_SIZE, ADVISE_FREE), 0);
    *reach(0, true) = 9;
    page_all_out(1);
    vm_check();
    ck_assert(!amap_get(space_find(space, PLACE)->amap, 0)->lazily_free);
    ck_assert_uint_eq(*reach(0, false), 9);
}
END_TEST

/* A page given back and taken has neither frame nor slot, and 0 is not the slot beside slot 1. */
START_TEST(readahead_passes_by_what_was_given_back) {
    map(2, AREA_READ | AREA_WRITE, NULL);
    *reach(0, true) = 7;
    page_all_out(2);
    *reach(1, true) = 8;
    struct amap *amap = space_find(space, PLACE)->amap;
    ck_assert_uint_eq(amap_get(amap, 0)->slot, 1);
    ck_assert_int_eq(space_advise(space, PLACE + PAGE_SIZE, PAGE_SIZE, ADVISE_FREE), 0);
    frame_to_pool(amap_get(amap, 1)->frame);
    page_all_out(2);
    ck_assert_ptr_null(amap_get(amap, 1)->frame);
    ck_assert_int_eq(space_advise(space, PLACE, 2 * PAGE_SIZE, ADVISE_SEQUENTIAL), 0);
    ck_assert_uint_eq(*reach(0, false), 7);
    ck_assert_uint_eq(*reach(1, false), 0);
}
END_TEST

/*
 * MADV_PAGEOUT writes in clusters, and does not leave that to the daemon. With few bios the call waits for the disk on
 * its way. Who comes back to the page written last waits for its write, and reads nothing.
 */
START_TEST(advice_to_page_out_writes_at_once) {
    enum { ADVISED = 40 };

    if (_i == 1)
        fake_disk_bios_free = 3;
    map(ADVISED, AREA_READ | AREA_WRITE, NULL);
    for (unsigned i = 0; i < ADVISED; i++)
        *reach(i, true) = (uint8_t)(i + 1);
    ck_assert_int_eq(space_advise(space, PLACE, ADVISED * PAGE_SIZE, ADVISE_PAGEOUT), 0);
    ck_assert_uint_eq(frame_count(FRAME_DIRTY), 0);
    ck_assert_uint_eq(counters[COUNT_SWAP_CLUSTERS], 2);
    if (_i == 0) {
        ck_assert_uint_eq(frame_count(FRAME_BUSY), ADVISED);
        ck_assert_uint_eq(fake_disk_pending, ADVISED);
    }
    ck_assert_uint_eq(*reach(ADVISED - 1, false), ADVISED);
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], ADVISED);
    for (unsigned i = 0; i < ADVISED; i++)
        ck_assert_uint_eq(*reach(i, false), i + 1);
    ck_assert_uint_eq(counters[COUNT_PSWPIN], 0);
    ck_assert_uint_eq(counters[COUNT_FAULT_RECLAIM], ADVISED);
}
END_TEST

static Suite *fault_suite(void) {
    Suite *suite = suite_create("fault");
    TCase *tests = tcase_create("fault");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, zero_fill);
    tcase_add_test(tests, file_read_is_a_major_fault);
    tcase_add_test(tests, what_another_has_brought_in_is_resident);
    tcase_add_test(tests, reclaim_needs_no_io);
    tcase_add_test(tests, from_swap_and_not_written_again);
    tcase_add_test(tests, spurious);
    tcase_add_test(tests, private_file_page_is_copied_at_the_first_write);
    tcase_add_test(tests, copy_of_a_page_that_must_be_read_first);
    tcase_add_test(tests, the_files_page_is_not_stolen_for_its_copy);
    tcase_add_test(tests, the_shared_anon_is_not_stolen_for_its_copy);
    tcase_add_test(tests, fork_shares_until_somebody_writes);
    tcase_add_test(tests, the_last_of_a_family_writes_in_place);
    tcase_add_test(tests, copy_of_a_page_on_swap);
    tcase_add_test(tests, shared_memory_is_one_page_for_all);
    tcase_add_test(tests, shared_file_pages_are_written_back);
    tcase_add_test(tests, no_area);
    tcase_add_test(tests, wrong_access);
    tcase_add_test(tests, past_the_end_of_the_file);
    tcase_add_test(tests, a_file_that_cannot_be_read);
    tcase_add_test(tests, a_slot_that_cannot_be_read);
    tcase_add_test(tests, no_block_for_a_shared_write);
    tcase_add_test(tests, a_stack_grows_down_to_its_limit);
    tcase_add_test(tests, one_read_for_all_who_fault);
    tcase_add_test(tests, unmapped_while_the_page_is_read);
    tcase_add_test(tests, a_killed_program_does_not_wait_for_frames);
    tcase_add_test(tests, a_fault_maps_the_window_around_it);
    tcase_add_test(tests, a_window_of_one_is_the_page_alone);
    tcase_add_test(tests, fault_around_shows_own_copies);
    tcase_add_test(tests, pages_written_in_place_are_mapped_together);
    tcase_add_test(tests, pages_written_in_place_are_not_mapped_for_nothing);
    tcase_add_loop_test(tests, advice_to_page_out_writes_at_once, 0, 2);
    tcase_add_test(tests, a_sequential_reader_finds_its_pages);
    tcase_add_loop_test(tests, a_stream_waits_for_its_first_two_pages_only, 0, 2);
    tcase_add_loop_test(tests, a_stream_of_anonymous_pages_is_read_ahead_and_mapped_ahead, 0, 2);
    tcase_add_test(tests, mapping_ahead_is_not_use);
    tcase_add_test(tests, a_random_reader_reads_nothing_more);
    tcase_add_test(tests, readahead_passes_by_what_was_given_back);
    tcase_add_test(tests, a_page_given_back_and_stored_to_is_kept);
    return suite;
}

int main(void) {
    return run_suite(fault_suite());
}
