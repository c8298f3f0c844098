/*
 * The swapper: a space leaves memory whole in few large writes, and its resident set comes back in few large reads.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c tests/unit/fake/fake_mm_program.c
 */
#include "fake_mm.h"
#include "fake_mm_program.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/loadcontrol.h"
#include "mm/refault.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/swapper.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

#define PLACE ((vaddr_t)0x20000000)

static struct space *space;

static void start(pfn_t pageable, slot_t slots) {
    vm_options.check = 1;
    fake_boot(300 + pageable, pageable);
    fake_swap("hda2", slots);
    vm_start();
    fake_yield(); /* the daemon comes to its first sleep */
}

/* --- random programs --- */

static const struct program_options swapping = {.steps = 1000, ORDINARY_PROGRAMS, .swapping = true};

static void run(const struct program_options *options) {
    programs_run(options);
    ck_assert_uint_gt(counters[COUNT_PREPAGE_SWAP], 100);
    ck_assert_uint_gt(counters[COUNT_PREPAGE_HIT], 10);
    ck_assert_uint_le(counters[COUNT_PREPAGE_HIT] + counters[COUNT_PREPAGE_MISS],
                      counters[COUNT_PREPAGE_SWAP]);
}

START_TEST(plenty_of_memory) {
    fake_random_machine(_i);
    start(4000, 4000);
    programs_run(&swapping);
    ck_assert_uint_gt(counters[COUNT_PGRECLAIM_KERNEL], 100); /* nobody has taken their frames */
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(little_memory) {
    fake_random_machine(_i);
    start(_i % 2 == 0 ? 150 : 60, 4000);
    ck_assert_int_eq(refault_start(), 0);
    run(&swapping);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(little_swap) {
    struct program_options options = swapping;

    options.short_of_memory = true;
    fake_random_machine(_i);
    start(100, 160 + 100 * (slot_t)_i);
    programs_run(&options);
}
END_TEST

START_TEST(static_places_on_swap) {
    fake_random_machine(_i);
    vm_options.swap_static = true;
    start(120, 80000);
    run(&swapping);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(few_bios) {
    fake_random_machine(_i);
    fake_disk_bios_free = 2 + (unsigned)_i;
    start(100, 4000);
    run(&swapping);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(local_replacement) {
    fake_random_machine(_i);
    vm_options.scope = SCOPE_LOCAL;
    start(300, 4000);
    run(&swapping);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

static bool some_reads_fail(const struct bio *bio) {
    return !bio->write && fake_chance(3);
}

static bool some_writes_fail(const struct bio *bio) {
    return bio->write && fake_chance(3);
}

START_TEST(transfers_that_fail) {
    struct program_options options = swapping;

    options.read_errors = _i % 2 == 0;
    options.write_errors = _i % 2 == 1;
    fake_random_machine(_i);
    start(100, 9000);
    fake_disk_fails = _i % 2 == 0 ? some_reads_fail : some_writes_fail;
    programs_run(&options);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

/* --- one program, step by step --- */

static uint32_t *reach(unsigned page, bool write) {
    vaddr_t address = PLACE + page * PAGE_SIZE;
    uint32_t *word;

    while ((word = fake_mmu(&space->pmap, address, write)) == NULL)
        ck_assert_int_eq(vm_fault(space, address, write ? FAULT_WRITE : FAULT_READ), FAULT_OK);
    return word;
}

/* A space with @pages pages, written in an order that has nothing to do with their places. */
static void fill(unsigned pages) {
    vaddr_t at;
    struct map_request request = {.address = PLACE,
                                  .length = pages * PAGE_SIZE,
                                  .flags = AREA_READ | AREA_WRITE | AREA_MAYWRITE,
                                  .fixed = true};

    space = space_create();
    fake_set_space(space);
    ck_assert_int_eq(space_map(space, &request, &at), 0);
    for (unsigned i = 0; i < pages; i++)
        *reach(i * 37 % pages, true) = i * 37 % pages + 1;
}

static void look(unsigned pages) {
    for (unsigned i = 0; i < pages; i++)
        ck_assert_uint_eq(*reach(i, false), i + 1);
}

/* The pool's pages are gone, too. */
static void lose_the_pool(void) {
    while (frame_take(USE_PAGEOUT) != NULL)
        continue;
    for (pfn_t n = 0; n < frame_total; n++)
        if (frame_table[n].state == FRAME_BUSY)
            frame_release(&frame_table[n]);
}

START_TEST(out_and_in_cost_few_requests) {
    start(400, 2000);
    fill(200);
    fake_disk_requests = 0;
    swapper_out(space);
    fake_settle();
    ck_assert_uint_eq(space->pmap.resident, 0);
    ck_assert_uint_eq(frames_available(), 400);
    ck_assert_uint_eq(swapper_recorded(space), 200);
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 200);
    ck_assert_uint_le(fake_disk_requests, 200 / SWAP_CLUSTER_MAX + 1);
    lose_the_pool();
    fake_disk_requests = 0;
    swapper_in(space);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_SWAP], 200);
    ck_assert_uint_le(fake_disk_requests, 200 / SWAP_CLUSTER_MAX + 1);
    look(200);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_HIT], 200);
    ck_assert_uint_eq(counters[COUNT_PSWPIN_FAULT], 0);
    ck_assert_uint_eq(counters[COUNT_PGMAJFAULT], 0);
    vm_check();
    space_unref(space);
}
END_TEST

/* Pages that nobody wanted the last time are not read again. */
START_TEST(what_is_not_used_is_not_recorded_again) {
    start(400, 2000);
    fill(200);
    swapper_out(space);
    fake_settle();
    lose_the_pool();
    swapper_in(space);
    look(80);
    swapper_out(space);
    fake_settle();
    ck_assert_uint_eq(swapper_recorded(space), 80);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_HIT], 80);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_MISS], 120);
    ck_assert_uint_eq(frames_available(), 400);
    lose_the_pool();
    swapper_in(space);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_SWAP], 280);
    look(200);
    vm_check();
    space_unref(space);
}
END_TEST

/* What memory was too small for belongs to the set all the same. */
START_TEST(what_was_taken_meanwhile_comes_back_too) {
    start(150, 2000);
    ck_assert_int_eq(refault_start(), 0);
    fill(200);
    swapper_out(space);
    fake_settle();
    ck_assert_uint_ge(swapper_recorded(space), 190); /* the notes of two pages may have met in one place */
    vm_check();
    swapper_in(space);
    look(200);
    space_unref(space);
}
END_TEST

/* A page that another space has mapped stays where it is. */
START_TEST(shared_pages_stay) {
    struct space *child;

    start(400, 2000);
    fill(50);
    child = space_fork(space);
    ck_assert_ptr_nonnull(child);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(vm_fault(child, PLACE + i * PAGE_SIZE, FAULT_READ), FAULT_OK);
    look(50);
    swapper_out(space);
    fake_settle();
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], 30);
    ck_assert_uint_eq(child->pmap.resident, 20);
    swapper_in(space);
    look(50);
    vm_check();
    space_unref(child);
    space_unref(space);
}
END_TEST

static Suite *swapper_suite(void) {
    Suite *suite = suite_create("swapper");
    TCase *random = tcase_create("random programs"), *one = tcase_create("one program");

    suite_add_tcase(suite, random);
    tcase_set_timeout(random, 100);
    tcase_add_loop_test(random, plenty_of_memory, 0, 2);
    tcase_add_loop_test(random, little_memory, 0, 4);
    tcase_add_loop_test(random, little_swap, 0, 3);
    tcase_add_loop_test(random, static_places_on_swap, 0, 2);
    tcase_add_loop_test(random, few_bios, 0, 2);
    tcase_add_loop_test(random, local_replacement, 0, 2);
    tcase_add_loop_test(random, transfers_that_fail, 0, 2);

    suite_add_tcase(suite, one);
    tcase_add_test(one, out_and_in_cost_few_requests);
    tcase_add_test(one, what_is_not_used_is_not_recorded_again);
    tcase_add_test(one, what_was_taken_meanwhile_comes_back_too);
    tcase_add_test(one, shared_pages_stay);
    return suite;
}

int main(void) {
    return run_suite(swapper_suite());
}
