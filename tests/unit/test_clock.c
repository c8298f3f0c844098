/*
 * The clock policy: simulations done by hand, the hand when its frame leaves the circle, and random changes
 * against a clock made of an array.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/policy.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 64 };

static struct set set;
static struct frame frames[FRAMES];

static void setup(void) {
    memset(frames, 0, sizeof(frames));
    ck_assert_int_eq(set_start(&set, policy_find("clock"), 0), 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        list_init(&frames[i].link);
        frames[i].index = i;
        frames[i].set = &set;
    }
}

static void add(unsigned i, bool referenced) {
    frames[i].state = FRAME_ACTIVE;
    frames[i].referenced = referenced;
    set.policy->add(&set, &frames[i]);
}

static void take_out(unsigned i) {
    set.policy->remove(&set, &frames[i]);
    frames[i].state = FRAME_FREE;
}

/* Number of the victim, which leaves the set. */
static unsigned evict(void) {
    struct frame *victim = set.policy->victim(&set);

    ck_assert_ptr_nonnull(victim);
    take_out((unsigned)victim->index);
    return (unsigned)victim->index;
}

/* The circle is closed both ways, holds what is counted, and the hand is on it. */
static void assert_sound(void) {
    pfn_t found = 0;
    bool hand_found = false;

    list_for_each (frame, &set.frames, struct frame, link) {
        ck_assert_ptr_eq(frame->link.next->prev, &frame->link);
        ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
        hand_found |= frame == set.hand;
        ck_assert_uint_le(++found, FRAMES);
    }
    ck_assert_uint_eq(found, set.count);
    ck_assert(set.count == 0 ? set.hand == NULL : hand_found);
}

/* --- textbook strings --- */

/*
 * Demand paging of @string with @room frames: the victims in order into @victims. Pages are the numbers of
 * the frames themselves.
 */
static unsigned simulate(const char *string, unsigned room, char *victims) {
    unsigned faults = 0;

    for (; *string != '\0'; string++) {
        unsigned page = (unsigned)(*string - '0');

        assert_sound();
        if (frames[page].state == FRAME_ACTIVE) {
            frames[page].referenced = true;
            continue;
        }
        faults++;
        if (set.count == room)
            *victims++ = (char)('0' + evict());
        add(page, true);
    }
    *victims = '\0';
    return faults;
}

/* Stallings, "Operating Systems", 8.2, the figure with OPT, LRU, FIFO and CLOCK: 5 faults once it is full. */
START_TEST(stallings) {
    char victims[20];

    ck_assert_uint_eq(simulate("232152453252", 3, victims), 3 + 5);
    ck_assert_str_eq(victims, "23154");
}
END_TEST

/* Belady's string: with every page referenced at each sweep, clock is FIFO and has its anomaly. */
START_TEST(belady) {
    char victims[20];

    ck_assert_uint_eq(simulate("123412512345", 3, victims), 9);
    ck_assert_str_eq(victims, "123412");
    setup();
    ck_assert_uint_eq(simulate("123412512345", 4, victims), 10);
    ck_assert_str_eq(victims, "123451");
}
END_TEST

START_TEST(a_loop_one_page_too_long_misses_always) {
    char victims[20];

    ck_assert_uint_eq(simulate("1234123412341234", 3, victims), 16);
    ck_assert_str_eq(victims, "1234123412341");
}
END_TEST

START_TEST(one_page_used_all_the_time_stays) {
    for (unsigned i = 0; i < 10; i++)
        add(i, false);
    for (unsigned round = 0; round < 50; round++) {
        frames[4].referenced = true;
        unsigned victim = evict();

        ck_assert_uint_ne(victim, 4);
        add(victim, false);
    }
}
END_TEST

/* --- small circles --- */

START_TEST(empty_set) {
    ck_assert_ptr_null(set.policy->victim(&set));
    assert_sound();
}
END_TEST

START_TEST(single_frame) {
    add(5, true);
    ck_assert_ptr_eq(set.hand, &frames[5]);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[5]); /* its second round */
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[5]);
    assert_sound();
    take_out(5);
    assert_sound();
    ck_assert_ptr_null(set.policy->victim(&set));
    add(5, false);
    ck_assert_uint_eq(evict(), 5);
}
END_TEST

START_TEST(all_referenced_is_first_in_first_out) {
    uint32_t scanned = counters[COUNT_PGSCAN];

    for (unsigned i = 0; i < 10; i++)
        add(i, true);
    ck_assert_uint_eq(evict(), 0);
    ck_assert_uint_eq(counters[COUNT_PGSCAN] - scanned, 11);
    for (unsigned i = 1; i < 10; i++)
        ck_assert_uint_eq(evict(), i);
    ck_assert_uint_eq(counters[COUNT_PGSCAN] - scanned, 20);
    assert_sound();
}
END_TEST

START_TEST(the_unreferenced_one_is_found) {
    for (unsigned i = 0; i < 10; i++)
        add(i, i != 6);
    ck_assert_uint_eq(evict(), 6);
    for (unsigned i = 0; i < 10; i++)
        ck_assert(i == 6 || frames[i].referenced == (i > 6)); /* the hand cleared what it passed */
    ck_assert_uint_eq(evict(), 0);                            /* it goes on from 7, round, to 0 */
}
END_TEST

START_TEST(a_new_frame_is_met_last) {
    for (unsigned i = 0; i < 4; i++)
        add(i, false);
    ck_assert_uint_eq(evict(), 0);
    add(9, false);
    ck_assert_uint_eq(evict(), 1);
    ck_assert_uint_eq(evict(), 2);
    ck_assert_uint_eq(evict(), 3);
    ck_assert_uint_eq(evict(), 9);
}
END_TEST

/* --- the hand's frame leaves --- */

START_TEST(the_hand_moves_on_when_its_frame_leaves) {
    for (unsigned i = 0; i < 4; i++)
        add(i, false);
    ck_assert_ptr_eq(set.hand, &frames[0]);
    take_out(0);
    assert_sound();
    ck_assert_ptr_eq(set.hand, &frames[1]);
    take_out(3); /* not the hand's */
    ck_assert_ptr_eq(set.hand, &frames[1]);
    take_out(1);
    take_out(2);
    assert_sound();
    ck_assert_ptr_null(set.hand);
    add(0, false);
    assert_sound();
}
END_TEST

START_TEST(the_hand_goes_round_past_the_end_of_the_list) {
    for (unsigned i = 0; i < 3; i++)
        add(i, false);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[0]);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[1]);
    ck_assert_ptr_eq(set.hand, &frames[2]);
    take_out(2); /* the last of the list: the next is the first */
    assert_sound();
    ck_assert_ptr_eq(set.hand, &frames[0]);
}
END_TEST

/* --- two sets --- */

START_TEST(sets_do_not_mix) {
    struct set other;

    ck_assert_int_eq(set_start(&other, &policy_clock, 0), 0);
    for (unsigned i = 0; i < 8; i++)
        (i % 2 == 0 ? &set : &other)->policy->add(i % 2 == 0 ? &set : &other, &frames[i]);
    ck_assert_uint_eq(set.count, 4);
    ck_assert_uint_eq(other.count, 4);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_eq(set.policy->victim(&set)->index % 2, 0);
        ck_assert_uint_eq(other.policy->victim(&other)->index % 2, 1);
    }
}
END_TEST

START_TEST(policies_by_name) {
    ck_assert_ptr_eq(policy_find("clock"), &policy_clock);
    ck_assert_ptr_null(policy_find("Clock"));
    ck_assert_ptr_null(policy_find(""));
    ck_assert_ptr_null(policy_find("clockwork"));
}
END_TEST

/* --- random changes against a clock made of an array --- */

static unsigned circle[FRAMES]; /* from the hand on */
static unsigned circle_size;
static bool bit[FRAMES];

static void model_remove(unsigned number) {
    unsigned at = 0;

    while (circle[at] != number)
        at++;
    memmove(&circle[at], &circle[at + 1], (--circle_size - at) * sizeof(circle[0]));
}

static unsigned model_victim(void) {
    for (;;) {
        unsigned looked = circle[0];

        memmove(&circle[0], &circle[1], (circle_size - 1) * sizeof(circle[0]));
        circle[circle_size - 1] = looked;
        if (!bit[looked])
            return looked;
        bit[looked] = false;
    }
}

START_TEST(random_changes) {
    fake_seed((uint32_t)_i + 1);
    circle_size = 0;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = fake_random_below(FRAMES);

        if (frames[i].state != FRAME_ACTIVE) {
            bit[i] = fake_chance(50);
            add(i, bit[i]);
            circle[circle_size++] = i; /* just behind the hand */
        } else if (fake_chance(40)) {
            frames[i].referenced = bit[i] = true;
        } else if (fake_chance(40)) {
            take_out(i);
            model_remove(i);
        }
        if (fake_chance(30) && circle_size > 0) {
            unsigned victim = (unsigned)set.policy->victim(&set)->index;

            ck_assert_uint_eq(frames[victim].state, FRAME_ACTIVE);
            ck_assert_uint_eq(victim, model_victim());
        }
        if (step % 16 == 0)
            assert_sound();
    }
}
END_TEST

static Suite *clock_suite(void) {
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, stallings);
    tcase_add_test(tests, belady);
    tcase_add_test(tests, a_loop_one_page_too_long_misses_always);
    tcase_add_test(tests, one_page_used_all_the_time_stays);
    tcase_add_test(tests, empty_set);
    tcase_add_test(tests, single_frame);
    tcase_add_test(tests, all_referenced_is_first_in_first_out);
    tcase_add_test(tests, the_unreferenced_one_is_found);
    tcase_add_test(tests, a_new_frame_is_met_last);
    tcase_add_test(tests, the_hand_moves_on_when_its_frame_leaves);
    tcase_add_test(tests, the_hand_goes_round_past_the_end_of_the_list);
    tcase_add_test(tests, sets_do_not_mix);
    tcase_add_test(tests, policies_by_name);
    tcase_add_loop_test(tests, random_changes, 0, 5);
    return suite;
}

int main(void) {
    return run_suite(clock_suite());
}
