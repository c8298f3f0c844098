/*
 * The paging unit: what a fault brings in and a victim takes with it, what tears a unit apart, and random programs
 * in memory of every kind with units of 2, 4 and 8 pages.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c tests/unit/fake/fake_mm_program.c
 */
#include "mm/unit.h"

#include "fake_mm.h"
#include "fake_mm_program.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

#define PLACE ((vaddr_t)0x20000000)

enum { UNIT = 4, FILE_PAGES = 40 };

static struct space *space;

static void start(unsigned unit, pfn_t pageable, slot_t slots) {
    vm_options.check = 1;
    vm_options.unit = unit;
    fake_boot(300 + pageable, pageable);
    if (slots > 0)
        fake_swap("hda2", slots);
    vm_start();
    fake_yield();
}

/* --- by hand --- */

static void end(void) {
    space_unref(space);
    fake_settle();
    vm_check();
    const char *broken = counters_check();
    ck_assert_msg(broken == NULL, "%s", broken);
    ck_assert_uint_eq(counters[COUNT_UNIT_PAGES], counters[COUNT_UNIT_USED] + counters[COUNT_UNIT_UNUSED]);
}

static void map(vaddr_t at, unsigned pages, unsigned flags, struct object *object) {
    vaddr_t result;
    struct map_request request = {.address = at,
                                  .length = pages * PAGE_SIZE,
                                  .flags = flags | AREA_MAYWRITE,
                                  .fixed = true,
                                  .object = object};

    ck_assert_int_eq(space_map(space, &request, &result), 0);
}

static void by_hand(void) {
    start(UNIT, 300, 500);
    space = space_create();
    fake_set_space(space);
}

static unsigned bits(unsigned page) {
    return pmap_query(&space->pmap, PLACE + page * PAGE_SIZE, NULL);
}

static struct frame *frame_of(unsigned page) {
    return fake_frame_at(&space->pmap, PLACE + page * PAGE_SIZE);
}

static unsigned mapped(unsigned pages) {
    unsigned total = 0;

    for (unsigned i = 0; i < pages; i++)
        total += bits(i) != 0;
    return total;
}

static void fault(unsigned page, enum fault_access access) {
    ck_assert_int_eq(vm_fault(space, PLACE + page * PAGE_SIZE, access), FAULT_OK);
    vm_check_books();
}

/* The program stores into a page that is mapped. */
static void store(unsigned page, uint8_t value) {
    uint8_t *bytes = fake_mmu(&space->pmap, PLACE + page * PAGE_SIZE, true);

    ck_assert_ptr_nonnull(bytes);
    *bytes = value;
}

/* All that is in the pool is written, and its frames go to others. */
static void empty_pool(void) {
    pageout_launder();
    fake_settle();
    fake_empty_pool();
}

START_TEST(a_fault_fills_its_unit_and_no_more) {
    by_hand();
    map(PLACE, 3 * UNIT, AREA_READ | AREA_WRITE, NULL);
    fault(UNIT + 2, FAULT_WRITE);
    for (unsigned i = 0; i < 3 * UNIT; i++)
        ck_assert_uint_eq(bits(i), i / UNIT != 1 ? 0
                                   : i == UNIT + 2
                                       ? PMAP_PRESENT | PMAP_WRITABLE | PMAP_REFERENCED | PMAP_MODIFIED
                                       : PMAP_PRESENT | PMAP_WRITABLE);
    ck_assert_uint_eq(counters[COUNT_PGFAULT], 1);
    ck_assert_uint_eq(counters[COUNT_UNIT_PAGES], UNIT - 1);
    store(UNIT, 1);
    end();
    ck_assert_uint_eq(counters[COUNT_UNIT_USED], 1);
    ck_assert_uint_eq(counters[COUNT_UNIT_UNUSED], UNIT - 2);
}
END_TEST

START_TEST(a_unit_ends_with_its_area) {
    by_hand();
    map(PLACE + PAGE_SIZE, UNIT, AREA_READ | AREA_WRITE,
        NULL); /* the last three of one and the first of another */
    fault(2, FAULT_WRITE);
    ck_assert_uint_eq(mapped(2 * UNIT), UNIT - 1);
    fault(UNIT, FAULT_WRITE);
    ck_assert_uint_eq(mapped(2 * UNIT), UNIT);
    end();
}
END_TEST

START_TEST(a_victim_takes_its_unit_and_it_returns_in_one_piece) {
    by_hand();
    map(PLACE, 2 * UNIT, AREA_READ | AREA_WRITE, NULL);
    for (unsigned i = 0; i < 2 * UNIT; i++) {
        if (bits(i) == 0)
            fault(i, FAULT_WRITE);
        store(i, (uint8_t)(i + 1));
    }
    ck_assert_uint_eq(pageout_evict_from(&set_global), UNIT);
    ck_assert_uint_eq(pageout_evict_from(&set_global), UNIT);
    ck_assert_uint_eq(mapped(2 * UNIT), 0);
    empty_pool();
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 2 * UNIT);
    fake_disk_requests = 0;
    fault(UNIT + 1, FAULT_READ);
    ck_assert_uint_eq(mapped(2 * UNIT), UNIT);
    ck_assert_uint_eq(fake_disk_requests, 1);
    ck_assert_uint_eq(counters[COUNT_PSWPIN], UNIT);
    ck_assert_uint_eq(counters[COUNT_PSWPIN_FAULT], 1);
    for (unsigned i = UNIT; i < 2 * UNIT; i++)
        ck_assert_uint_eq(*(uint8_t *)fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, false), i + 1);
    end();
}
END_TEST

/* One page is stored into: all are written, side by side. Not stored into: none is. */
START_TEST(a_unit_has_one_modified_bit) {
    by_hand();
    map(PLACE, UNIT, AREA_READ | AREA_WRITE, NULL);
    fault(0, FAULT_WRITE);
    pageout_evict_from(&set_global);
    empty_pool();
    fault(0, FAULT_READ);
    store(2, 7);
    ck_assert_uint_eq(pageout_evict_from(&set_global), UNIT);
    empty_pool();
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 2 * UNIT);
    fake_disk_requests = 0;
    fault(0, FAULT_READ);
    ck_assert_uint_eq(fake_disk_requests, 1);
    pageout_evict_from(&set_global);
    empty_pool();
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 2 * UNIT);
    end();
}
END_TEST

/* The clock asks each page; a reference to one of them keeps all, for a round. */
START_TEST(a_unit_has_one_reference_bit) {
    by_hand();
    map(PLACE, UNIT, AREA_READ | AREA_WRITE, NULL);
    fault(0, FAULT_WRITE);
    for (unsigned i = 0; i < UNIT; i++)
        frame_test_referenced(frame_of(i));
    ck_assert(!frame_test_referenced(frame_of(1)));
    store(3, 1);
    for (unsigned i = 0; i < UNIT; i++)
        ck_assert(frame_test_referenced(frame_of(i)));
    for (unsigned i = 0; i < UNIT; i++)
        ck_assert(!frame_test_referenced(frame_of(i)));
    end();
}
END_TEST

START_TEST(a_pinned_page_stays_and_the_others_go) {
    by_hand();
    map(PLACE, UNIT, AREA_READ | AREA_WRITE, NULL);
    fault(0, FAULT_WRITE);
    struct frame *pinned = frame_of(1);
    frame_pin(pinned);
    ck_assert_uint_eq(pageout_evict_from(&set_global), UNIT - 1);
    ck_assert_uint_eq(mapped(UNIT), 1);
    empty_pool();
    frame_unpin(pinned);
    fault(3, FAULT_READ);
    ck_assert_uint_eq(mapped(UNIT), UNIT);
    end();
}
END_TEST

START_TEST(copy_on_write_copies_one_page) {
    by_hand();
    map(PLACE, UNIT, AREA_READ | AREA_WRITE, NULL);
    fault(0, FAULT_WRITE);
    store(1, 5);
    struct space *child = space_fork(space);
    ck_assert_ptr_nonnull(child);
    fault(1, FAULT_WRITE);
    store(1, 6);
    ck_assert_uint_eq(anon_count, UNIT + 1);
    ck_assert_int_eq(vm_fault(child, PLACE, FAULT_READ), FAULT_OK);
    ck_assert_uint_eq(*(uint8_t *)fake_mmu(&child->pmap, PLACE + PAGE_SIZE, false), 5);
    while (pageout_evict_from(&set_global) > 0)
        vm_check_books();
    fault(0, FAULT_READ);
    ck_assert_uint_eq(*(uint8_t *)fake_mmu(&space->pmap, PLACE + PAGE_SIZE, false), 6);
    space_unref(child);
    end();
}
END_TEST

START_TEST(a_unit_of_a_file_is_read_and_mapped) {
    struct fake_disk *disk;
    struct fake_file file;

    by_hand();
    disk = fake_disk_create("hda1", FILE_PAGES * SECTORS_PER_PAGE);
    for (unsigned i = 0; i < FILE_PAGES * PAGE_SIZE; i++)
        disk->data[i] = (uint8_t)(1 + i / PAGE_SIZE);
    fake_file_init(&file, disk, 0, FILE_PAGES * PAGE_SIZE);
    vm_options.around = 1;
    map(PLACE, FILE_PAGES, AREA_READ, &file.object);
    fault(UNIT + 1, FAULT_READ);
    ck_assert_uint_eq(file.gets, UNIT);
    ck_assert_uint_eq(mapped(FILE_PAGES), UNIT);
    for (unsigned i = UNIT; i < 2 * UNIT; i++)
        ck_assert_uint_eq(*(uint8_t *)fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, false), i + 1);
    ck_assert_uint_eq(pageout_evict_from(&set_global), UNIT);
    end();
}
END_TEST

/* --- random programs --- */

static const struct program_options ordinary = {.steps = 400, ORDINARY_PROGRAMS};

static unsigned random_machine(int seed) {
    fake_random_machine(seed);
    return 2u << seed % 3; /* the unit */
}

START_TEST(little_memory) {
    start(random_machine(_i), 200, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
    ck_assert_uint_gt(counters[COUNT_UNIT_PAGES], 100);
}
END_TEST

/* Here units do not fit, or only now and then. */
START_TEST(hardly_any_memory) {
    start(random_machine(_i), 32 + 8 * (pfn_t)_i, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
}
END_TEST

START_TEST(little_swap) {
    struct program_options options = ordinary;

    options.short_of_memory = true;
    start(random_machine(_i), 150, _i < 3 ? 200 : 0);
    programs_run(&options);
}
END_TEST

static bool some_transfers_fail(const struct bio *bio) {
    (void)bio;
    return fake_chance(2);
}

START_TEST(transfers_that_fail) {
    struct program_options options = ordinary;

    options.read_errors = options.write_errors = true;
    start(random_machine(_i), 150, 9000);
    fake_disk_fails = some_transfers_fail;
    programs_run(&options);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_READ_ERRORS], 20);
}
END_TEST

START_TEST(static_places_and_sets_of_their_own) {
    unsigned unit = random_machine(_i);

    vm_options.swap_static = true;
    vm_options.scope = SCOPE_LOCAL;
    vm_options.quota = _i % 2 == 0 ? QUOTA_EQUAL : QUOTA_PFF;
    start(unit, 250, 80000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
}
END_TEST

START_TEST(programs_are_swapped_whole) {
    struct program_options options = ordinary;

    options.swapping = true;
    start(random_machine(_i), 150, 4000);
    programs_run(&options);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(every_policy) {
    const struct policy *policy = policy_number((unsigned)_i);

    if (policy == NULL || policy->needs_future)
        return; /* the loop allows for more policies than there are */
    vm_options.policy = policy->name;
    start(random_machine(_i), 150, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_UNIT_PAGES], 50);
}
END_TEST

static Suite *unit_suite(void) {
    Suite *suite = suite_create("paging unit");
    TCase *hand = tcase_create("by hand"), *random = tcase_create("random programs");

    suite_add_tcase(suite, hand);
    tcase_add_test(hand, a_fault_fills_its_unit_and_no_more);
    tcase_add_test(hand, a_unit_ends_with_its_area);
    tcase_add_test(hand, a_victim_takes_its_unit_and_it_returns_in_one_piece);
    tcase_add_test(hand, a_unit_has_one_modified_bit);
    tcase_add_test(hand, a_unit_has_one_reference_bit);
    tcase_add_test(hand, a_pinned_page_stays_and_the_others_go);
    tcase_add_test(hand, copy_on_write_copies_one_page);
    tcase_add_test(hand, a_unit_of_a_file_is_read_and_mapped);
    suite_add_tcase(suite, random);
    tcase_set_timeout(random, 100);
    tcase_add_loop_test(random, little_memory, 0, 6);
    tcase_add_loop_test(random, hardly_any_memory, 0, 6);
    tcase_add_loop_test(random, little_swap, 0, 6);
    tcase_add_loop_test(random, transfers_that_fail, 0, 3);
    tcase_add_loop_test(random, static_places_and_sets_of_their_own, 0, 6);
    tcase_add_loop_test(random, programs_are_swapped_whole, 0, 3);
    tcase_add_loop_test(random, every_policy, 0, 13);
    return suite;
}

int main(void) {
    return run_suite(unit_suite());
}
