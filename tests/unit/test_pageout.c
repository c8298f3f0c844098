/*
 * Page-out, end to end: random programs over a machine with plenty of memory, with hardly any, with little
 * swap, and with a disk that fails; and the daemon's own promises.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c tests/unit/fake/fake_mm_program.c
 */
#include "fake_mm.h"
#include "fake_mm_program.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/commit.h"
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
#include <stdio.h>
#include <stdlib.h>

/* A machine of @kernel + @pageable frames with @slots slots of swap (0: none), its daemon running. */
static void start(pfn_t kernel, pfn_t pageable, slot_t slots) {
    vm_options.check = 1;
    fake_boot(kernel + pageable, kernel == 0 ? 0 : pageable);
    if (slots > 0)
        fake_swap("hda2", slots);
    vm_start();
    fake_yield(); /* the daemon comes to its first sleep */
}

static void report(const char *name) {
    if (getenv("FAKE_REPORT") == NULL)
        return;
    fprintf(stderr,
            "%s: %u operations, %u accesses, %u faults, %u swap in, %u swap out, %u file in, %u file out, %u "
            "reclaim, "
            "%u kills, %u checks, %u switches\n",
            name, program_operations, program_accesses, counters[COUNT_PGFAULT], counters[COUNT_PSWPIN],
            counters[COUNT_PSWPOUT], counters[COUNT_PGFILEIN], counters[COUNT_PGFILEOUT],
            counters[COUNT_FAULT_RECLAIM], fake_kills, counters[COUNT_VM_CHECKS], fake_switches);
}

static const struct program_options ordinary = {.steps = 1000, ORDINARY_PROGRAMS};

START_TEST(plenty_of_memory) {
    fake_random_machine(_i);
    start(0, 4000, 500);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_eq(counters[COUNT_PSWPIN], 0);
    report("plenty");
}
END_TEST

static void must_page(const char *name, int seed, pfn_t pageable) {
    fake_random_machine(seed);
    start(300, pageable, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
    report(name);
}

START_TEST(little_memory) {
    must_page("little", _i, 150);
}
END_TEST

START_TEST(hardly_any_memory) {
    must_page("hardly any", _i, 40);
}
END_TEST

/* Half of the pool is less than the reserves: the daemon's marks must be above them all the same. */
START_TEST(as_few_frames_as_can_be_asked_for) {
    fake_random_machine(_i);
    start(300, 1 + 20 * (pfn_t)_i, 4000);
    ck_assert_uint_ge(frames_pageable(), FRAMES_PAGEABLE_MIN);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    report("fewest");
}
END_TEST

START_TEST(small_marks_from_the_boot_word) {
    fake_random_machine(_i);
    vm_options.pool_low = 1 + (unsigned)_i;
    vm_options.pool_high = 2 + 2 * (unsigned)_i;
    start(300, 100, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    report("small marks");
}
END_TEST

START_TEST(no_share_for_the_kernel) {
    fake_random_machine(_i);
    start(0, 180, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    report("no share");
}
END_TEST

START_TEST(few_bios) {
    fake_random_machine(_i);
    fake_disk_bios_free = 2 + (unsigned)_i;
    start(300, 100, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    report("few bios");
}
END_TEST

START_TEST(one_page_at_a_time) {
    fake_random_machine(_i);
    vm_options.cluster = 1;
    vm_options.readahead = 0;
    start(300, 100, 4000);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_eq(counters[COUNT_SWAP_CLUSTERS], counters[COUNT_PSWPOUT]);
    report("one page");
}
END_TEST

static struct program_options short_of_memory(void) {
    struct program_options options = ordinary;

    options.short_of_memory = true;
    return options;
}

START_TEST(little_swap) {
    struct program_options options = short_of_memory();

    fake_random_machine(_i);
    start(300, 100, 60 + 100 * (slot_t)_i);
    programs_run(&options);
    report("little swap");
}
END_TEST

START_TEST(no_swap) {
    struct program_options options = short_of_memory();

    fake_random_machine(_i);
    start(300, 100, 0);
    programs_run(&options);
    report("no swap");
}
END_TEST

START_TEST(everything_is_short) {
    struct program_options options = short_of_memory();

    fake_random_machine(_i);
    start(0, 90 + 10 * (pfn_t)_i, 150);
    programs_run(&options);
    report("everything");
}
END_TEST

START_TEST(many_programs_die_of_want) {
    struct program_options options = short_of_memory();

    options.programs = 8;
    fake_random_machine(_i);
    start(300, 40, 150);
    programs_run(&options);
    ck_assert_uint_gt(fake_kills, 0);
    report("many die");
}
END_TEST

static bool some_reads_fail(const struct bio *bio) {
    return !bio->write && fake_chance(3);
}

START_TEST(reads_that_fail) {
    struct program_options options = ordinary;

    options.read_errors = true;
    fake_random_machine(_i);
    start(300, 100, 4000);
    fake_disk_fails = some_reads_fail;
    programs_run(&options);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_READ_ERRORS], 50);
    report("reads fail");
}
END_TEST

static bool some_writes_fail(const struct bio *bio) {
    return bio->write && fake_chance(3);
}

START_TEST(writes_that_fail) {
    struct program_options options = ordinary;

    options.write_errors = true;
    fake_random_machine(_i);
    start(300, 100, 9000);
    fake_disk_fails = some_writes_fail;
    programs_run(&options);
    ck_assert_uint_eq(fake_kills, 0);
    ck_assert_uint_gt(counters[COUNT_SWAP_WRITE_ERRORS], 50);
    report("writes fail");
}
END_TEST

/*
 * commit=strict: what has been promised is there when it is touched. Calls may be refused, but nobody is
 * killed, however little there is. (Random programs touch what they map, most of it in the end.)
 */
static void keep_promises(int seed, pfn_t kernel, pfn_t pageable, slot_t slots, unsigned programs) {
    struct program_options options = short_of_memory();

    options.programs = programs;
    options.steps = 500;
    options.greedy = true;
    fake_random_machine(seed);
    vm_options.commit_strict = true;
    start(kernel, pageable, slots);
    programs_run(&options);
    ck_assert_uint_eq(commit_promised(), 0);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
    report("promises");
}

START_TEST(promises_are_kept_with_little_swap) {
    keep_promises(_i, 300, 80, 1000, 5);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(promises_are_kept_where_the_kernel_takes_of_the_same_frames) {
    keep_promises(_i, 0, 300, 600, 5);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

START_TEST(promises_are_kept_to_many_programs) {
    keep_promises(_i, 300, 80, 500, 8);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

/* swap=static: every page has its place; with little swap, areas without one are refused. */
START_TEST(static_places_on_swap) {
    struct program_options options = ordinary;

    options.short_of_memory = _i >= 2;
    fake_random_machine(_i);
    vm_options.swap_static = true;
    start(300, 80, _i < 2 ? 80000 : 4000);
    programs_run(&options);
    ck_assert(options.short_of_memory || fake_kills == 0);
    report("static");
}
END_TEST

START_TEST(every_policy_keeps_every_byte) {
    const struct policy *policy = policy_number((unsigned)_i);

    if (policy == NULL || policy->needs_future)
        return; /* the loop allows for more policies than there are */
    fake_random_machine(_i);
    vm_options.policy = policy->name;
    start(300, 80, 4000);
    ck_assert_ptr_eq(set_global.policy, policy);
    programs_run(&ordinary);
    ck_assert_uint_eq(fake_kills, 0);
    report(policy->name);
}
END_TEST

/* --- the daemon --- */

static struct space *space;
#define PLACE ((vaddr_t)0x20000000)

static void fill(unsigned pages) {
    vaddr_t at;
    struct map_request request = {.address = PLACE,
                                  .length = pages * PAGE_SIZE,
                                  .flags = AREA_READ | AREA_WRITE | AREA_MAYWRITE,
                                  .fixed = true};

    space = space_create();
    fake_set_space(space);
    ck_assert_int_eq(space_map(space, &request, &at), 0);
    for (unsigned i = 0; i < pages; i++) {
        while (fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, true) == NULL)
            ck_assert_int_eq(vm_fault(space, PLACE + i * PAGE_SIZE, FAULT_WRITE), FAULT_OK);
        *(uint32_t *)fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, true) = i + 1;
    }
}

START_TEST(the_pool_is_kept_between_its_marks) {
    start(100, 200, 1000);
    ck_assert_uint_eq(counters[COUNT_DAEMON_WAKE], 0);
    fill(400);
    fake_settle();
    ck_assert_uint_ge(frames_available(), 16);
    ck_assert_uint_lt(frames_available(), 80);
    ck_assert_uint_eq(frame_count(FRAME_DIRTY), 0);
    ck_assert_uint_gt(counters[COUNT_DAEMON_WAKE], 0);
    space_unref(space);
}
END_TEST

START_TEST(page_out_writes_clusters) {
    vm_options.cluster = 8;
    start(100, 200, 1000);
    fill(400);
    fake_settle();
    ck_assert_uint_ge(counters[COUNT_PSWPOUT], 200);
    ck_assert_uint_le(counters[COUNT_SWAP_CLUSTERS], counters[COUNT_PSWPOUT] / 4);
    space_unref(space);
}
END_TEST

START_TEST(what_is_unchanged_is_not_written_again) {
    start(100, 200, 1000);
    fill(400);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 400; i++) {
            const uint32_t *word;

            while ((word = fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, false)) == NULL)
                ck_assert_int_eq(vm_fault(space, PLACE + i * PAGE_SIZE, FAULT_READ), FAULT_OK);
            ck_assert_uint_eq(*word, i + 1);
        }
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 400);
    ck_assert_uint_le(counters[COUNT_PSWPOUT], 400 + 40); /* each page once, and few twice */
    space_unref(space);
}
END_TEST

START_TEST(an_idle_machine_cleans_early) {
    start(100, 200, 1000);
    fill(150); /* more than half of memory, but no need to evict */
    uint32_t evicted = counters[COUNT_PGEVICT];
    fake_settle();
    for (unsigned i = 0; i < 200; i++) {
        fake_tick(1);
        vm_idle();
        fake_settle();
    }
    ck_assert_uint_gt(counters[COUNT_PGCLEANED_EARLY], 100);
    ck_assert_uint_eq(counters[COUNT_PGEVICT], evicted); /* they stay in memory */
    uint32_t written = counters[COUNT_PSWPOUT];
    for (unsigned i = 0; i < 50; i++) {
        fake_tick(1);
        vm_idle();
        fake_settle();
    }
    ck_assert_uint_eq(counters[COUNT_PSWPOUT], written); /* once is enough */
    vm_check();
    space_unref(space);
}
END_TEST

/* A round over the pages in order; @write: each gets a new value, @value of its number. */
static void go_round(unsigned pages, bool write, uint32_t value, uint32_t expected) {
    for (unsigned i = 0; i < pages; i++) {
        uint32_t *word;

        while ((word = fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, write)) == NULL)
            ck_assert_int_eq(vm_fault(space, PLACE + i * PAGE_SIZE, write ? FAULT_WRITE : FAULT_READ),
                             FAULT_OK);
        ck_assert_uint_eq(*word, expected + i);
        if (write)
            *word = value + i;
        if (i % 20 == 0)
            fake_tick(1);
    }
    fake_settle();
    vm_check();
}

static unsigned modified_frames(void) {
    unsigned modified = 0;

    for (pfn_t n = 0; n < frame_total; n++)
        modified += frame_table[n].state == FRAME_ACTIVE && frame_table[n].owner == OWNER_ANON &&
                    frame_test_modified(&frame_table[n]);
    return modified;
}

/* The loop keeps a part of the pages in memory: they are written as if it did not, once, and stay. */
START_TEST(what_is_kept_beyond_its_time_is_written_in_time) {
    start(300, 600, 3000);
    fill(1000);
    go_round(1000, false, 0, 1);
    go_round(1000, false, 0, 1);
    ck_assert_uint_gt(counters[COUNT_PGCLEANED_OVERDUE], 100);
    ck_assert_uint_lt(modified_frames(), 60);
    ck_assert_uint_le(counters[COUNT_PSWPOUT], 1000);
    uint32_t read = counters[COUNT_PSWPIN], written = counters[COUNT_PSWPOUT];
    go_round(1000, false, 0, 1);
    ck_assert_uint_lt(counters[COUNT_PSWPIN] - read, 800); /* the others were in memory */
    ck_assert_uint_le(counters[COUNT_PSWPOUT] - written, 60);
    space_unref(space);
}
END_TEST

/* In a loop that writes, the pages that are kept are modified in each round: no write of them would be the last. */
START_TEST(what_is_modified_in_each_round_is_not_written_in_each) {
    enum { ROUNDS = 12 };

    start(300, 600, 3000);
    fill(1000);
    for (uint32_t round = 0; round < ROUNDS; round++)
        go_round(1000, true, (round + 1) * 5000, round == 0 ? 1 : round * 5000);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], ROUNDS * 400);
    ck_assert_uint_lt(counters[COUNT_PGCLEANED_OVERDUE], counters[COUNT_PSWPOUT] / 10);
    space_unref(space);
}
END_TEST

static void store(unsigned page, uint32_t value) {
    uint32_t *word;

    while ((word = fake_mmu(&space->pmap, PLACE + page * PAGE_SIZE, true)) == NULL)
        ck_assert_int_eq(vm_fault(space, PLACE + page * PAGE_SIZE, FAULT_WRITE), FAULT_OK);
    *word = value;
}

/* Among the pages that are to be written some are given back and come anew, and some are stored to. */
START_TEST(what_is_kept_beyond_its_time_may_change_or_go) {
    start(300, 600, 3000);
    fill(1000);
    for (unsigned round = 0; round < 20; round++) {
        unsigned first = round * 137 % 900;

        go_round(1000, false, 0, 1);
        ck_assert_int_eq(space_discard(space, PLACE + first * PAGE_SIZE, 50 * PAGE_SIZE), 0);
        for (unsigned page = first; page < first + 100; page++)
            store(page, page + 1);
    }
    ck_assert_uint_gt(counters[COUNT_PGCLEANED_OVERDUE], 100);
    go_round(1000, false, 0, 1);
    space_unref(space);
}
END_TEST

static bool any_write_fails(const struct bio *bio) {
    return bio->write;
}

/* It stays, modified, and is not named again at once: its next slot would go bad, too, and so on. */
START_TEST(what_cannot_be_written_in_place_is_let_alone) {
    start(300, 600, 9000);
    fill(1000);
    go_round(500, false, 0, 1); /* the loop is seen, and pages are kept */
    fake_disk_fails = any_write_fails;
    go_round(1000, false, 0, 1);
    ck_assert_uint_gt(counters[COUNT_PGCLEANED_OVERDUE], 50);
    ck_assert_uint_gt(counters[COUNT_SWAP_WRITE_ERRORS], 20);
    ck_assert_uint_lt(counters[COUNT_SWAP_WRITE_ERRORS], 600);
    fake_disk_fails = NULL;
    go_round(1000, false, 0, 1);
    space_unref(space);
}
END_TEST

static bool program_died;

static void take_everything(void *unused) {
    (void)unused;
    for (vaddr_t at = PLACE; !program_died; at += PAGE_SIZE)
        program_died = vm_fault(space, at, FAULT_WRITE) == FAULT_KILLED;
    fake_set_space(NULL);
    space_unref(space);
}

START_TEST(without_swap_the_largest_is_killed_and_memory_comes_back) {
    vaddr_t at;
    struct map_request request = {.address = PLACE,
                                  .length = 5000 * PAGE_SIZE,
                                  .flags = AREA_READ | AREA_WRITE | AREA_NORESERVE,
                                  .fixed = true};

    start(100, 200, 0);
    space = space_create();
    ck_assert_int_eq(space_map(space, &request, &at), 0);
    fake_thread(take_everything, NULL, space);
    fake_join();
    ck_assert(program_died);
    ck_assert_uint_eq(fake_kills, 1);
    ck_assert_uint_eq(frames_available(), 200);
    vm_check();
}
END_TEST

static Suite *pageout_suite(void) {
    Suite *suite = suite_create("page-out");
    TCase *random = tcase_create("random programs"), *daemon = tcase_create("daemon");

    suite_add_tcase(suite, random);
    tcase_set_timeout(random, 100);
    tcase_add_loop_test(random, plenty_of_memory, 0, 2);
    tcase_add_loop_test(random, little_memory, 0, 4);
    tcase_add_loop_test(random, hardly_any_memory, 0, 4);
    tcase_add_loop_test(random, as_few_frames_as_can_be_asked_for, 0, 3);
    tcase_add_loop_test(random, small_marks_from_the_boot_word, 0, 3);
    tcase_add_loop_test(random, no_share_for_the_kernel, 0, 2);
    tcase_add_loop_test(random, few_bios, 0, 2);
    tcase_add_loop_test(random, one_page_at_a_time, 0, 2);
    tcase_add_loop_test(random, little_swap, 0, 4);
    tcase_add_loop_test(random, no_swap, 0, 5);
    tcase_add_loop_test(random, everything_is_short, 0, 5);
    tcase_add_loop_test(random, many_programs_die_of_want, 0, 6);
    tcase_add_loop_test(random, reads_that_fail, 0, 2);
    tcase_add_loop_test(random, writes_that_fail, 0, 2);
    tcase_add_loop_test(random, static_places_on_swap, 0, 3);
    tcase_add_loop_test(random, promises_are_kept_with_little_swap, 0, 5);
    tcase_add_loop_test(random, promises_are_kept_where_the_kernel_takes_of_the_same_frames, 0, 3);
    tcase_add_loop_test(random, promises_are_kept_to_many_programs, 0, 5);
    tcase_add_loop_test(random, every_policy_keeps_every_byte, 0, 12);

    suite_add_tcase(suite, daemon);
    tcase_add_test(daemon, the_pool_is_kept_between_its_marks);
    tcase_add_test(daemon, page_out_writes_clusters);
    tcase_add_test(daemon, what_is_unchanged_is_not_written_again);
    tcase_add_test(daemon, an_idle_machine_cleans_early);
    tcase_add_test(daemon, what_is_kept_beyond_its_time_is_written_in_time);
    tcase_add_test(daemon, what_is_modified_in_each_round_is_not_written_in_each);
    tcase_add_test(daemon, what_is_kept_beyond_its_time_may_change_or_go);
    tcase_add_test(daemon, what_cannot_be_written_in_place_is_let_alone);
    tcase_add_test(daemon, without_swap_the_largest_is_killed_and_memory_comes_back);
    return suite;
}

int main(void) {
    return run_suite(pageout_suite());
}
