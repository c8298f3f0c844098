/*
 * Local replacement: quotas, how they grow and shrink by page-fault frequency, and that they are met.
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
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/scope.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

#define PLACE    ((vaddr_t)0x20000000)
#define PAGEABLE 800u

static void start(enum quota_rule quota) {
    vm_options.check = 1;
    vm_options.scope = SCOPE_LOCAL;
    vm_options.quota = quota;
    vm_options.readahead = 0;
    fake_boot(300 + PAGEABLE, PAGEABLE);
    fake_swap("hda2", 8000);
    vm_start();
    fake_yield(); /* the daemon comes to its first sleep */
}

/* A fault leaves the set within its quota, or no further above it than it was. */
static void fault(struct space *space, vaddr_t address, enum fault_access access) {
    pfn_t before = set_frames(space->set);

    ck_assert_int_eq(vm_fault(space, address, access), FAULT_OK);
    if (space->set != &set_global)
        ck_assert_uint_le(set_frames(space->set), MAX(space->set->quota, before));
}

/* Goes through its first @pages pages; writes if nobody has. */
static void sweep(struct space *space, unsigned pages) {
    fake_set_space(space);
    for (unsigned i = 0; i < pages; i++) {
        uint32_t *word;

        while ((word = fake_mmu(&space->pmap, PLACE + i * PAGE_SIZE, true)) == NULL)
            fault(space, PLACE + i * PAGE_SIZE, FAULT_WRITE);
        ck_assert(*word == 0 || *word == i + 1);
        *word = i + 1;
    }
}

/* Ten milliseconds of the program's time, so many times. */
static void runs(struct space *space, unsigned ticks) {
    while (ticks-- > 0)
        scope_tick(space->owner_pid);
}

static void be_idle(unsigned ticks) {
    while (ticks-- > 0) {
        vm_idle();
        fake_settle();
        fake_tick(1);
    }
}

static pfn_t shared(void) {
    return PAGEABLE - pageout_high_mark() - PAGEABLE / 8;
}

START_TEST(a_set_stays_within_its_quota) {
    start(QUOTA_EQUAL);
    struct space *one = fake_space(1, PLACE, 700), *two = fake_space(2, PLACE, 700);

    sweep(one, 600);
    sweep(two, 600);
    ck_assert_uint_eq(one->set->quota, shared() / 2);
    ck_assert_uint_le(one->set->count, one->set->quota);
    ck_assert_uint_le(two->set->count, two->set->quota);
    sweep(one, 600); /* nothing is lost */
    vm_check();
    space_unref(one);
    space_unref(two);
}
END_TEST

/* A quota that shrinks is met soon, without a fault of the program's. */
START_TEST(the_daemon_trims_to_the_quota) {
    start(QUOTA_EQUAL);
    struct space *one = fake_space(1, PLACE, 700), *others[5];

    sweep(one, 600);
    ck_assert_uint_gt(one->set->count, shared() / 2);
    for (int i = 0; i < 5; i++)
        others[i] = fake_space(2 + i, PLACE, 10);
    ck_assert_uint_gt(one->set->count, one->set->quota);
    be_idle(10);
    ck_assert_uint_le(one->set->count, one->set->quota);
    ck_assert_uint_gt(one->set->count, one->set->quota / 2);
    ck_assert(scope_quotas_met());
    be_idle(30);
    ck_assert(pageout_settled());
    vm_check();
    sweep(one, 600);
    for (int i = 0; i < 5; i++)
        space_unref(others[i]);
    space_unref(one);
}
END_TEST

START_TEST(the_checker_sees_a_quota_that_is_not_met) {
    start(QUOTA_EQUAL);
    struct space *one = fake_space(1, PLACE, 700);

    sweep(one, 300);
    be_idle(40);
    vm_check();
    one->set->quota = one->set->count - 1; /* nobody has told the daemon, and it has been idle for long */
    EXPECT_PANIC("its quota is", vm_check());
}
END_TEST

/* By page-fault frequency: who faults much gets more, who does not gives back, and they fit together. */
START_TEST(faults_move_frames_to_who_needs_them) {
    start(QUOTA_PFF);
    struct space *quiet = fake_space(1, PLACE, 700), *busy = fake_space(2, PLACE, 700);
    pfn_t at_first = busy->set->quota;

    ck_assert_uint_le(busy->set->quota + quiet->set->quota, shared());
    sweep(quiet, 100);
    for (unsigned round = 0; round < 40; round++) {
        sweep(busy, 400);
        runs(busy, 16);
        fake_settle();
        sweep(quiet, 50);
        runs(quiet, 16);
        fake_settle();
        ck_assert_uint_le(busy->set->quota + quiet->set->quota, shared());
    }
    ck_assert_uint_gt(busy->set->quota, at_first);
    ck_assert_uint_ge(busy->set->quota, 350); /* nearly all that it goes through … */
    ck_assert_uint_le(busy->set->count, busy->set->quota);
    uint32_t faults = busy->faults.major + busy->faults.minor;
    sweep(busy, 400);
    ck_assert_uint_lt(busy->faults.major + busy->faults.minor - faults, 400); /* … so that much of it stays */
    ck_assert_uint_lt(quiet->set->quota, 300);
    ck_assert_uint_ge(quiet->set->quota, 16);
    vm_check();
    space_unref(busy);
    space_unref(quiet);
}
END_TEST

/* Between the bounds nothing changes; and only a program's own time counts. */
START_TEST(between_the_bounds_a_quota_stays) {
    start(QUOTA_PFF);
    struct space *one = fake_space(1, PLACE, 700), *two = fake_space(2, PLACE, 700);
    pfn_t quota = one->set->quota;

    for (unsigned period = 0; period < 10; period++) {
        for (unsigned fault = 0; fault < 10; fault++)
            vm_fault(one, PLACE + (period * 10 + fault) * PAGE_SIZE, FAULT_WRITE);
        runs(one, 16);
        ck_assert_uint_eq(one->set->quota, quota);
    }
    runs(one, 16); /* a period without faults */
    ck_assert_uint_lt(one->set->quota, quota);
    quota = one->set->quota;
    runs(two, 64); /* not its time */
    ck_assert_uint_eq(one->set->quota, quota);
    vm_check();
    space_unref(one);
    space_unref(two);
}
END_TEST

/* Pages that are shared count for one of those who share them; the others may have as many besides. */
START_TEST(fork_and_exit_keep_the_quota) {
    vm_options.quota_fixed = 60;
    start(QUOTA_FIXED);
    struct space *parent = fake_space(1, PLACE, 300), *child;

    sweep(parent, 200);
    ck_assert_uint_le(parent->set->count, 60);
    child = space_fork(parent);
    ck_assert_ptr_nonnull(child);
    child->owner_pid = 2;
    ck_assert_ptr_ne(child->set, parent->set);
    sweep(child, 200); /* each write makes a copy */
    sweep(parent, 200);
    ck_assert_uint_le(child->set->count, 60);
    ck_assert_uint_le(parent->set->count, 60);
    be_idle(40);
    vm_check();
    space_unref(child);
    sweep(parent, 200);
    ck_assert_uint_le(parent->set->count, 60);
    be_idle(40);
    vm_check();
    space_unref(parent);
}
END_TEST

/* The least that a quota can be is enough for an instruction, and for all of a program. */
START_TEST(the_least_quota_is_enough) {
    vm_options.quota_fixed = 1;
    start(QUOTA_FIXED);
    struct space *one = fake_space(1, PLACE, 300);

    ck_assert_uint_eq(one->set->quota, QUOTA_LEAST);
    sweep(one, 300);
    sweep(one, 300);
    ck_assert_uint_le(one->set->count, QUOTA_LEAST);
    vm_check();
    space_unref(one);
}
END_TEST

/* Global to local: pages go with their programs. Back: they are everybody's, and those with a policy of their own, too. */
START_TEST(the_scope_changes) {
    start(QUOTA_EQUAL);
    vm_options.scope = SCOPE_GLOBAL;
    struct space *one = fake_space(1, PLACE, 700), *two = fake_space(2, PLACE, 700);

    sweep(one, 300);
    sweep(two, 300);
    ck_assert_ptr_eq(one->set, &set_global);
    pfn_t resident = one->pmap.resident;
    ck_assert_int_eq(scope_set_policy(two, &policy_mru), 0);
    ck_assert_int_eq(scope_change(SCOPE_LOCAL), 0);
    ck_assert_uint_eq(one->set->count, resident);
    ck_assert_ptr_eq(two->set->policy, &policy_mru);
    be_idle(40);
    ck_assert_uint_le(one->set->count, one->set->quota);
    ck_assert_uint_le(two->set->count, two->set->quota);
    vm_check();
    sweep(one, 300);
    ck_assert_int_eq(scope_change(SCOPE_GLOBAL), 0);
    ck_assert_ptr_eq(one->set, &set_global);
    ck_assert_ptr_eq(two->set, &set_global);
    vm_check();
    sweep(one, 600);
    sweep(two, 600);
    vm_check();
    space_unref(one);
    space_unref(two);
}
END_TEST

static void change_scopes(void *unused) {
    static const enum quota_rule rules[] = {QUOTA_EQUAL, QUOTA_FIXED, QUOTA_PROPORTIONAL, QUOTA_PFF};

    (void)unused;
    vm_options.quota_fixed = 40;
    for (unsigned i = 0; i < 400; i++) {
        for (unsigned wait = fake_random_below(20); wait > 0; wait--)
            fake_yield();
        vm_options.quota = rules[fake_random_below(4)];
        ck_assert_int_eq(scope_change(fake_chance(50) ? SCOPE_LOCAL : SCOPE_GLOBAL), 0);
    }
}

/* The same while programs fault, fork, map files and end, and pages are on their way. */
START_TEST(the_scope_changes_under_programs) {
    static const struct program_options options = {.steps = 1000, ORDINARY_PROGRAMS};
    fake_random_machine(_i);
    vm_options.check = 1;
    fake_boot(450, 150);
    fake_swap("hda2", 4000);
    vm_start();
    fake_thread(change_scopes, NULL, NULL);
    programs_run(&options);
    ck_assert_uint_gt(counters[COUNT_PSWPIN], 100);
    ck_assert_uint_eq(fake_kills, 0);
}
END_TEST

static Suite *scope_suite(void) {
    Suite *suite = suite_create("scope");
    TCase *quotas = tcase_create("quotas");

    suite_add_tcase(suite, quotas);
    tcase_add_test(quotas, a_set_stays_within_its_quota);
    tcase_add_test(quotas, the_daemon_trims_to_the_quota);
    tcase_add_test(quotas, the_checker_sees_a_quota_that_is_not_met);
    tcase_add_test(quotas, faults_move_frames_to_who_needs_them);
    tcase_add_test(quotas, between_the_bounds_a_quota_stays);
    tcase_add_test(quotas, fork_and_exit_keep_the_quota);
    tcase_add_test(quotas, the_least_quota_is_enough);

    TCase *changes = tcase_create("changes");
    suite_add_tcase(suite, changes);
    tcase_set_timeout(changes, 60);
    tcase_add_test(changes, the_scope_changes);
    tcase_add_loop_test(changes, the_scope_changes_under_programs, 0, 6);
    return suite;
}

int main(void) {
    return run_suite(scope_suite());
}
