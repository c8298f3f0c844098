/*
 * Load control: when it takes processes to thrash, how many leave, whom it leaves alone, and who comes back when. The
 * programs page for real, on a disk that is done at once; the ticks are the test's.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "mm/loadcontrol.h"

#include "fake_mm.h"
#include "lib/deferred.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

#define PLACE    ((vaddr_t)0x20000000)
#define PAGEABLE 500u
#define QUARTER  25 /* ticks: the period in which load control looks at time */

enum { MOST = 12 };

static struct space *programs[MOST];
static unsigned total;

static void start(unsigned seconds) {
    vm_options.check = 1;
    vm_options.readahead = 0;
    vm_options.loadcontrol = seconds;
    fake_boot(300 + PAGEABLE, PAGEABLE);
    fake_swap("hda2", 8000);
    vm_start();
    ck_assert_uint_eq(loadcontrol_seconds(), seconds);
    fake_yield(); /* the daemon comes to its first sleep */
    fake_tick(1000);
}

/* Another program, with @pages pages. */
static struct space *program(unsigned pages) {
    struct space *space = fake_space((int)total + 1, PLACE, pages);

    programs[total++] = space;
    return space;
}

static void touch(struct space *space, unsigned page) {
    fake_set_space(space);
    while (fake_mmu(&space->pmap, PLACE + page * PAGE_SIZE, true) == NULL)
        ck_assert_int_eq(vm_fault(space, PLACE + page * PAGE_SIZE, FAULT_WRITE), FAULT_OK);
}

/* One tick of the machine: @runs does, or nobody (NULL), while the programs from @first on wait for pages. */
static void tick(unsigned first, struct space *runs) {
    bool waits[MOST] = {false};
    uint64_t began = 0;

    for (unsigned n = first; n < total; n++) {
        waits[n] = !programs[n]->load.suspended;
        if (waits[n])
            began = loadcontrol_wait_begin();
    }
    fake_tick(1);
    loadcontrol_tick(runs);
    for (unsigned n = first; n < total; n++)
        if (waits[n])
            loadcontrol_wait_end(programs[n], began);
    deferred_run();
}

/* The programs from @first on go on in their first @pages pages, around and around, as far as they are not suspended. */
static void go_on(unsigned first, unsigned pages) {
    static unsigned at;

    for (unsigned n = first; n < total; n++)
        for (unsigned i = 0; i < 2 && !programs[n]->load.suspended; i++)
            touch(programs[n], (at + i) % pages);
    at += 2;
}

/* For so much as a period has time for, while nobody can do more than wait. */
static void thrash(unsigned pages) {
    for (unsigned i = 0; i < QUARTER; i++) {
        go_on(0, pages);
        tick(0, NULL);
    }
}

static unsigned suspended(void) {
    return loadcontrol_suspended_total();
}

/* What the kernel does with a thread of a suspended process that is about to go to user mode. */
static void park(void *space) {
    while (loadcontrol_suspended(space))
        loadcontrol_park(space);
}

/* All who have been told to leave do, and those who may come back are there. */
static void let_them_move(void) {
    static bool parked[MOST];

    for (unsigned n = 0; n < total; n++) {
        if (programs[n]->load.suspended && !parked[n])
            fake_thread(park, programs[n], programs[n]);
        parked[n] = programs[n]->load.suspended;
    }
    fake_settle();
}

static void end(void) {
    ck_assert_int_eq(loadcontrol_set(0), 0);
    fake_join();
    vm_check();
    while (total > 0)
        space_unref(programs[--total]);
    ck_assert_uint_eq(counters[COUNT_PREPAGE_HIT] + counters[COUNT_PREPAGE_MISS],
                      counters[COUNT_PREPAGE_SWAP]);
    const char *broken = counters_check();
    ck_assert_msg(broken == NULL, "%s", broken);
}

/* Ten programs of 120 pages where three fit: at the first decision six to eight leave, not one after the other. */
START_TEST(as_many_leave_as_do_not_fit) {
    start(1);
    while (total < 10)
        program(120);
    for (unsigned period = 0; suspended() == 0 && period < 20; period++)
        thrash(120);
    ck_assert_uint_ge(suspended(), 6);
    ck_assert_uint_le(suspended(), 8);
    end();
}
END_TEST

/* The same, but most of the time somebody runs: pages are paged in behind the work of others. */
START_TEST(who_runs_does_not_thrash) {
    start(1);
    struct space *worker = program(10);
    while (total < 10)
        program(120);
    for (unsigned step = 0; step < 12 * QUARTER; step++) {
        go_on(1, 120);
        tick(1, worker);
    }
    ck_assert_uint_ge(counters[COUNT_REFAULT], 500);
    ck_assert_uint_eq(suspended(), 0);
    end();
}
END_TEST

/* Pages that are new, and pages of files or programs that are read for the first time, are no sign of too many. */
START_TEST(filling_memory_is_no_thrashing) {
    start(1);
    while (total < 4)
        program(3000);
    for (unsigned period = 0; period < 8; period++)
        thrash(3000);
    ck_assert_uint_eq(suspended(), 0);
    end();
}
END_TEST

/*
 * An editor was there before everybody else; it has as many pages as the others, and asks for one now and then. And a
 * shell asks often, but has few. Neither has to leave.
 */
START_TEST(who_asks_for_little_stays) {
    start(1);
    struct space *editor = program(120), *shell = program(15);
    for (unsigned page = 0; page < 120; page++)
        touch(editor, page);
    tick(2, editor);
    tick(2, shell);
    while (total < 10)
        program(120);
    for (unsigned step = 0; step < 12 * QUARTER; step++) {
        go_on(2, 120);
        if (step % 50 == 0)
            touch(editor, step % 120);
        touch(shell, step % 15);
        tick(2, step % 50 == 0 ? editor : step % 5 == 0 ? shell : NULL);
        ck_assert(!editor->load.suspended && !shell->load.suspended);
        if (suspended() > 0 && step % QUARTER == 0)
            let_them_move();
    }
    ck_assert_uint_ge(suspended(), 4);
    end();
}
END_TEST

/* Those who are out come back in the order in which they left, and all have their turns. */
START_TEST(turns_go_round) {
    unsigned turns[MOST] = {0};
    bool was[MOST] = {false};

    start(1);
    while (total < 8)
        program(120);
    for (unsigned period = 0; period < 80; period++) {
        thrash(120);
        let_them_move();
        for (unsigned n = 0; n < total; n++) {
            turns[n] += was[n] && !programs[n]->load.suspended;
            was[n] = programs[n]->load.suspended;
        }
    }
    unsigned least = turns[0], most = turns[0];
    for (unsigned n = 1; n < total; n++) {
        least = MIN(least, turns[n]);
        most = MAX(most, turns[n]);
    }
    ck_assert_msg(least >= 4 && most <= least + 2, "they have come back %u to %u times", least, most);
    ck_assert_uint_ge(counters[COUNT_PREPAGE_HIT], counters[COUNT_PREPAGE_SWAP] / 2);
    end();
}
END_TEST

/* When the others have ended, those who are out come back without waiting for a turn. */
START_TEST(room_is_used_at_once) {
    start(60);
    while (total < 6)
        program(200);
    for (unsigned period = 0; suspended() == 0 && period < 20; period++)
        thrash(200);
    unsigned out = suspended();
    ck_assert_uint_ge(out, 3);
    let_them_move();
    for (unsigned n = 0; n < total; n++)
        if (!programs[n]->load.suspended)
            ck_assert_int_eq(space_unmap(programs[n], PLACE, 200 * PAGE_SIZE), 0);
    for (unsigned i = 0; i < 200; i++) /* they sleep */
        tick(total, NULL);
    let_them_move();
    ck_assert_uint_lt(suspended(), out);
    end();
}
END_TEST

static Suite *loadcontrol_suite(void) {
    Suite *suite = suite_create("loadcontrol");
    TCase *decisions = tcase_create("decisions");

    suite_add_tcase(suite, decisions);
    tcase_set_timeout(decisions, 30);
    tcase_add_test(decisions, as_many_leave_as_do_not_fit);
    tcase_add_test(decisions, who_runs_does_not_thrash);
    tcase_add_test(decisions, filling_memory_is_no_thrashing);
    tcase_add_test(decisions, who_asks_for_little_stays);
    tcase_add_test(decisions, turns_go_round);
    tcase_add_test(decisions, room_is_used_at_once);
    return suite;
}

int main(void) {
    return run_suite(loadcontrol_suite());
}
