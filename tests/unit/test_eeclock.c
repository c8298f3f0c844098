/*
 * The early-eviction clock: its evidence by hand, clock victim for victim where there is none, loops and scans where
 * there is, and what must not upset it: another policy under way, frames that are pinned or freed under its hands,
 * pages that end.
 *
 * links: tools/pagesim/sim.c tools/pagesim/string.c tools/pagesim/stack.c mm/refstring.c mm/policy/
 * links: lib/print.c lib/string.c
 */
#include "mm/policy/evidence.h"
#include "tools/pagesim/sim.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_options plain;

/* --- evidence --- */

#define FAR 100u /* pages that left since: more than a sixth of memory */

/* Of a set all whose pages have left once. */
static struct evidence evidence_of(pfn_t frames) {
    struct evidence evidence = {.misses = (int)frames};

    evidence_set_frames(&evidence, frames);
    return evidence;
}

/* Pages in order of leaving until the verdict is a loop, at most @most. */
static unsigned pages_to_a_loop(struct evidence *evidence, pfn_t since, unsigned most) {
    for (unsigned page = 1; page <= most; page++) {
        evidence_back(evidence, 1000 + page, since, false);
        if (evidence->early)
            return page;
    }
    return 0;
}

/* Two pages may follow each other by chance and count against; from the third on each counts one; 160 / 16 is enough. */
START_TEST(a_sixteenth_of_memory_in_order_is_a_loop) {
    struct evidence evidence = evidence_of(160);

    ck_assert_uint_eq(pages_to_a_loop(&evidence, FAR, 100), 14);
    ck_assert_int_eq(evidence.credit, 160 / 16);
}
END_TEST

/* -1, -1, +1, then 6 each: -2, -1, 5, 11. */
START_TEST(pages_missed_lately_count_more) {
    struct evidence evidence = evidence_of(160), small = evidence_of(40);

    ck_assert_uint_eq(pages_to_a_loop(&evidence, 160 / 6, 100), 5);
    evidence = evidence_of(160);
    ck_assert_uint_eq(pages_to_a_loop(&evidence, 160 / 6 + 1, 100), 14);
    ck_assert_uint_eq(pages_to_a_loop(&small, 1, 100), 12); /* 8 are enough, but 40 / 6 is within the slack */
}
END_TEST

/* Two and a half times memory ago: 160 * 16 / 401 = 6 sixteenths of a page each; -2, -1, and 30 of them make 10. */
START_TEST(pages_missed_long_ago_count_less) {
    struct evidence evidence = evidence_of(160);

    ck_assert_uint_eq(pages_to_a_loop(&evidence, 400, 100), 33);
}
END_TEST

START_TEST(other_orders_are_no_loop) {
    struct evidence backwards = evidence_of(160), far_apart = evidence_of(160);

    for (uint32_t page = 0; page < 1000; page++) {
        evidence_back(&backwards, 5000 - page, FAR, false);
        evidence_back(&far_apart, page * 7919 % 5000, FAR, false);
        ck_assert(!backwards.early && !far_apart.early);
    }
    ck_assert_int_eq(backwards.order, -160 * 16);
}
END_TEST

/* Pages used again weigh against a loop, down to memory's size: then 2 + 170 pages in order are needed. */
START_TEST(pages_used_again_speak_against) {
    struct evidence evidence = evidence_of(160);

    for (unsigned i = 0; i < 500; i++)
        evidence_hit(&evidence);
    ck_assert_uint_eq(pages_to_a_loop(&evidence, FAR, 1000), 2 + 160 + 10);
}
END_TEST

START_TEST(losses_end_it_and_gains_prolong_it) {
    struct evidence evidence = evidence_of(160);

    pages_to_a_loop(&evidence, FAR, 100);
    for (unsigned i = 0; i < 1000; i++)
        evidence_gain(&evidence);
    ck_assert_int_eq(evidence.credit, 160 / 4);
    for (unsigned i = 0; i < 160 / 4; i++)
        evidence_loss(&evidence);
    ck_assert(evidence.early);
    evidence_loss(&evidence);
    ck_assert(!evidence.early);
    ck_assert_int_eq(evidence.order, 0);
}
END_TEST

/* From 10 pages for a loop to more than 160 / 8 against it. */
/* Of 160 + 160 misses 12 may be lost. The first trial may lose 10, and that it has lost 11 is known after the eleventh. */
START_TEST(what_trials_have_lost_is_remembered) {
    struct evidence evidence = evidence_of(160);

    pages_to_a_loop(&evidence, FAR, 100);
    ck_assert_int_eq(evidence.credit, 10);
    for (unsigned losses = 0; losses < 11; losses++)
        evidence_loss(&evidence);
    ck_assert(!evidence.early);
    pages_to_a_loop(&evidence, FAR, 100);
    ck_assert_msg(evidence.early && evidence.credit == 1, "credit %d", evidence.credit);
    for (unsigned losses = 0; losses < 4;
         losses++) /* two of them when it has ended: pages that it let go of */
        evidence_loss(&evidence);
    ck_assert_uint_eq(pages_to_a_loop(&evidence, FAR, 100), 0);

    /* 15 are the part that may be lost of 375 misses. */
    for (unsigned misses = 320; misses < 375; misses++) {
        ck_assert_uint_eq(pages_to_a_loop(&evidence, FAR, 10), 0);
        evidence_left(&evidence, false);
    }
    ck_assert_uint_ne(pages_to_a_loop(&evidence, FAR, 10), 0);
    ck_assert_int_eq(evidence.credit, 0);
}
END_TEST

START_TEST(gains_pay_for_further_trials) {
    struct evidence evidence = evidence_of(160);

    evidence.lost = 20;
    ck_assert_uint_eq(pages_to_a_loop(&evidence, FAR, 100), 0);
    for (unsigned gains = 0; gains < 10; gains++)
        evidence_gain(&evidence);
    ck_assert_uint_ne(pages_to_a_loop(&evidence, FAR, 100), 0);
    ck_assert_int_eq(evidence.credit, 2);
}
END_TEST

START_TEST(disorder_ends_a_loop) {
    struct evidence evidence = evidence_of(160);

    pages_to_a_loop(&evidence, FAR, 100);
    for (uint32_t page = 0; page < 30; page++)
        evidence_back(&evidence, 5000 - page, FAR, false);
    ck_assert(evidence.early);
    evidence_back(&evidence, 4000, FAR, false);
    ck_assert(!evidence.early);
}
END_TEST

static void evict(struct evidence *evidence, unsigned pages) {
    while (pages-- > 0)
        evidence_evicted(evidence);
}

/*
 * On trial, any number of pages may be absent; that is until the loop has come round, 160 in memory and 100 not. Then
 * a sixteenth of memory, and one and a half times the gains of a round: of this one or, until there are as many, the
 * one before.
 */
START_TEST(absent_pages_must_be_worth_it) {
    struct evidence evidence = evidence_of(160);

    ck_assert(!evidence_for_one_more(&evidence, 0));
    pages_to_a_loop(&evidence, FAR, 100);
    evict(&evidence, 259);
    ck_assert(evidence_for_one_more(&evidence, 160));
    evict(&evidence, 1);
    ck_assert(evidence_for_one_more(&evidence, 10));
    ck_assert(!evidence_for_one_more(&evidence, 11));
    for (unsigned i = 0; i < 20; i++)
        evidence_gain(&evidence);
    for (unsigned round = 0; round < 2; round++) {
        ck_assert(evidence_for_one_more(&evidence, 40));
        ck_assert(!evidence_for_one_more(&evidence, 41));
        evict(&evidence, 260);
    }
    ck_assert(!evidence_for_one_more(&evidence, 11));
}
END_TEST

/* As many pages used once as memory has, and half of those used again come back, in no order: a scan. */
START_TEST(a_scan_is_seen_by_its_leavings) {
    struct evidence scan = evidence_of(160), even = evidence_of(160);

    for (unsigned i = 0; i < 160; i++) {
        evidence_left(&scan, false);
        evidence_left(&even, false);
        evidence_left(&even, true);
    }
    for (unsigned i = 0; i < 40; i++)
        evidence_left(&scan, true);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(!scan.early);
        evidence_back(&scan, 5000 - i, FAR, true);
        evidence_back(&even, 5000 - i, FAR, true);
    }
    ck_assert(scan.early);
    ck_assert_int_eq(scan.credit, 160 / 16);
    ck_assert(!even.early); /* as many of both kinds leave: that is a locality too large */
}
END_TEST

/* --- strings --- */

static struct string pattern(const char *text, uint32_t seed) {
    struct string string = {0};

    string_generate(&string, text, seed);
    string_finish(&string);
    return string;
}

static const char *const without_evidence[] = {"random:60,4000", "phases:60,10,400", "random:120,4000"};

/* No absent page, no difference: the same page leaves at the same reference. */
static void check_is_clock(const char *text, pfn_t away) {
    struct string string = pattern(text, 3);
    struct simulation eeclock, other;
    unsigned evictions = 0;

    sim_start(&eeclock, &string, &policy_eeclock, 50, &plain);
    sim_start(&other, &string, &policy_clock, 50, &plain);
    eeclock.set.away = away;
    for (uint32_t at = 0; at < string.count; at++) {
        struct step here = sim_step(&eeclock, at), there = sim_step(&other, at);

        ck_assert(here.evicted == there.evicted);
        if (here.evicted)
            ck_assert_uint_eq(here.victim, there.victim);
        evictions += here.evicted;
    }
    ck_assert_uint_ge(evictions, 100);
    sim_end(&eeclock);
    sim_end(&other);
    string_free(&string);
}

START_TEST(without_evidence_it_is_clock) {
    check_is_clock(without_evidence[_i], 0);
}
END_TEST

/* As many frames as fsync may have at the disk: what is evicted meanwhile has its second chance all the same. */
START_TEST(it_is_clock_while_frames_are_being_written) {
    check_is_clock(without_evidence[_i], 40);
}
END_TEST

/* Faults in references @from to @to. */
static uint32_t faults_of(struct simulation *sim, uint32_t from, uint32_t to) {
    uint32_t before = sim->faults;

    for (uint32_t at = from; at < to; at++)
        sim_step(sim, at);
    return sim->faults - before;
}

/*
 * 200 pages in 160 frames. The first pass misses all. In the second, pages 0, 1, … come back after 40 others have left:
 * 14 make a loop. Later passes miss what does not fit and the pages that pass through: 2 fresh, 2 young, and the next.
 */
START_TEST(a_loop_is_kept_in_memory) {
    struct string string = pattern("loop:200,10", 1);
    struct simulation sim;

    sim_start(&sim, &string, &policy_eeclock, 160, &plain);
    ck_assert_uint_eq(faults_of(&sim, 0, 200), 200);
    ck_assert_uint_eq(faults_of(&sim, 200, 214), 14);
    ck_assert_uint_le(faults_of(&sim, 214, 400), 40 + 5);
    for (uint32_t pass = 2; pass < 10; pass++) {
        uint32_t faults = faults_of(&sim, 200 * pass, 200 * (pass + 1));

        ck_assert_uint_ge(faults, 40);
        ck_assert_uint_le(faults, 40 + 5);
    }
    sim_end(&sim);
    string_free(&string);
}
END_TEST

/* A loop is over, and random use of the same pages and others begins: it costs little more than clock. */
START_TEST(it_ends_when_it_loses) {
    struct string string = {0};
    struct simulation sim, other;

    string_generate(&string, "loop:200,5", 1);
    string_generate(&string, "phases:150,20,2000", 7);
    string_finish(&string);
    sim_start(&sim, &string, &policy_eeclock, 160, &plain);
    sim_start(&other, &string, &policy_clock, 160, &plain);
    ck_assert_uint_lt(faults_of(&sim, 0, 1000), 460);
    ck_assert_uint_eq(faults_of(&other, 0, 1000), 1000);
    uint32_t here = faults_of(&sim, 1000, string.count), there = faults_of(&other, 1000, string.count);

    ck_assert_uint_le(here, there + 3 * 160 / 8);
    sim_end(&sim);
    sim_end(&other);
    string_free(&string);
}
END_TEST

/* --- what must not upset it --- */

/* In the middle of a loop another policy takes over, and gives back: both find the set whole, and the loop is found. */
START_TEST(policies_change_in_a_loop) {
    struct string string = pattern("loop:200,12", 1);
    struct simulation sim;

    sim_start(&sim, &string, &policy_eeclock, 160, &plain);
    ck_assert_uint_lt(faults_of(&sim, 0, 700), 200 + 60 + 45 + 45);
    ck_assert_int_eq(set_change_policy(&sim.set, &policy_clock), 0);
    ck_assert_uint_eq(sim.set.count, 160);
    ck_assert_ptr_null(sim.set.history);
    ck_assert_uint_ge(faults_of(&sim, 700, 1200), 400); /* clock, with all that was known forgotten */
    ck_assert_int_eq(set_change_policy(&sim.set, &policy_eeclock), 0);
    ck_assert_uint_eq(sim.set.count, 160);
    faults_of(&sim, 1200, 1800);
    ck_assert_uint_le(faults_of(&sim, 1800, 2400), 3 * (40 + 5));
    sim_end(&sim);
    string_free(&string);
}
END_TEST

/* Pages that end when they are gone (a process exits) are no evidence when others take their names. */
START_TEST(pages_that_end_are_no_evidence) {
    struct string string = pattern("loop:200,6", 1);
    struct simulation sim;

    sim_start(&sim, &string, &policy_eeclock, 160, &plain);
    for (uint32_t at = 0; at < string.count; at++) {
        struct step step = sim_step(&sim, at);

        ck_assert(step.fault);
        if (step.evicted) {
            struct frame gone = {
                .owner = OWNER_OBJECT, .object = sim.frames[step.frame].object, .index = step.victim};

            policy_eeclock.forget(&sim.set, frame_identity(&gone));
        }
    }
    sim_end(&sim);
    string_free(&string);
}
END_TEST

static const struct {
    const char *pattern;
    uint32_t frames;
} for_books[] = {{"loop:200,12", 160},    {"loop:100,12", 40},   {"loop:240,12", 48},
                 {"random:200,8000", 60}, {"zipf:300,8000", 30}, {"phases:60,10,400", 50}};

/* Whatever it evicts and forgets, and why: it goes on counting right. */
START_TEST(its_books_are_right) {
    struct string string = pattern(for_books[_i].pattern, 4);
    struct simulation sim;

    sim_start(&sim, &string, &policy_eeclock, for_books[_i].frames, &plain);
    for (uint32_t at = 0; at < string.count; at++) {
        sim_step(&sim, at);
        if (at % 16 == 0)
            ck_assert_ptr_null(policy_eeclock.check(&sim.set));
    }
    sim_end(&sim);
    string_free(&string);
}
END_TEST

enum { FRAMES = 20 };

static struct set set;
static struct frame frames[FRAMES];

static void start_full(void) {
    memset(frames, 0, sizeof(frames));
    ck_assert_int_eq(set_start(&set, &policy_eeclock, FRAMES), 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        frames[i] = (struct frame){.owner = OWNER_OBJECT, .index = i + 1, .set = &set, .state = FRAME_ACTIVE};
        list_init(&frames[i].link);
        set.policy->add(&set, &frames[i]);
    }
}

enum { MANY = 40, LOOP = 50 };

/* There was memory for few ghosts only: pages that clock still has on paper are forgotten. Then others are scanned. */
START_TEST(its_books_are_right_with_few_ghosts) {
    static struct frame of_page[LOOP];

    ck_assert_int_eq(set_start(&set, &policy_eeclock, 2), 0);
    set.traced = true;
    for (unsigned at = 0; at < 60 * LOOP; at++) {
        struct frame *frame = &of_page[at < 40 * LOOP ? at % LOOP : (at * 7) % LOOP];

        if (frame->state == FRAME_ACTIVE) {
            frame->referenced = true;
            continue;
        }
        if (set.count == MANY) {
            struct frame *victim = set.policy->victim(&set);

            victim->state = FRAME_CLEAN;
            set.policy->remove(&set, victim);
        }
        *frame = (struct frame){.owner = OWNER_OBJECT,
                                .index = (pgoff_t)(frame - of_page) + 1,
                                .set = &set,
                                .state = FRAME_ACTIVE};
        list_init(&frame->link);
        set.policy->add(&set, frame);
        ck_assert_ptr_null(policy_eeclock.check(&set));
    }
    for (unsigned page = 0; page < LOOP; page++)
        if (of_page[page].state == FRAME_ACTIVE)
            set.policy->remove(&set, &of_page[page]);
    set_stop(&set);
}
END_TEST

static void take_out(struct frame *frame, enum frame_state state) {
    frame->state = state;
    set.policy->remove(&set, frame);
}

static void put_in(struct frame *frame) {
    frame->state = FRAME_ACTIVE;
    set.policy->add(&set, frame);
}

static void stop(void) {
    for (unsigned i = 0; i < FRAMES; i++)
        if (frames[i].state == FRAME_ACTIVE)
            set.policy->remove(&set, &frames[i]);
    ck_assert_uint_eq(set.count, 0);
    ck_assert(list_empty(&set.frames) && list_empty(&set.hot));
    set_stop(&set);
}

/* The victim is first in line, whoever is pinned meanwhile; pinned itself, it is in line again when it comes back. */
START_TEST(a_pinned_frame_keeps_its_place) {
    start_full();
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[0]);
    take_out(&frames[5], FRAME_PINNED);
    put_in(&frames[5]);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[0]);
    take_out(&frames[0], FRAME_PINNED);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[1]); /* while the first is away */
    put_in(&frames[0]);
    ck_assert_uint_eq(set.count, FRAMES);
    stop();
}
END_TEST

/* The victim goes, to that state, and page @index comes in its place. The page that went. */
static pgoff_t replace(enum frame_state becomes, pgoff_t index) {
    struct frame *victim = set.policy->victim(&set);
    pgoff_t gone = victim->index;

    take_out(victim, becomes);
    victim->index = index;
    victim->policy = 0;
    put_in(victim);
    return gone;
}

/* Others take the places of pages 1 to 20, and they come back in that order. The next victim then. */
static pgoff_t victim_when_all_come_back(enum frame_state became) {
    pgoff_t next;

    start_full();
    for (unsigned i = 0; i < FRAMES; i++)
        ck_assert_uint_eq(replace(became, 101 + i), 1 + i);
    for (unsigned i = 0; i < FRAMES; i++)
        replace(FRAME_FREE, 1 + i);
    next = set.policy->victim(&set)->index;
    stop();
    return next;
}

/* A victim that is pinned has not left: its coming back is no evidence, and the oldest leaves. Else it is a loop. */
START_TEST(a_pinned_victim_has_not_left) {
    ck_assert_uint_eq(victim_when_all_come_back(FRAME_PINNED), 1);
    ck_assert_uint_eq(victim_when_all_come_back(FRAME_FREE), 1);
    ck_assert_uint_gt(victim_when_all_come_back(FRAME_CLEAN), 1);
    ck_assert_uint_gt(victim_when_all_come_back(FRAME_DIRTY), 1);
}
END_TEST

/* Frames of all kinds are freed, those under the hands first: the hand moves on, and nobody names a frame that is gone. */
START_TEST(frames_are_freed_under_the_hand) {
    start_full();
    for (unsigned i = 0; i < FRAMES; i++)
        frames[i].referenced = i % 2 == 0;
    ck_assert_ptr_eq(set.policy->victim(&set),
                     &frames[1]); /* 0 had its second chance, and the hand is on it */
    ck_assert_ptr_eq(set.hand, &frames[0]);
    take_out(&frames[0], FRAME_FREE);
    ck_assert_ptr_null(set.hand);
    for (unsigned left = FRAMES - 1; left > 0; left--) {
        struct frame *victim = set.policy->victim(&set);

        ck_assert_ptr_nonnull(victim);
        ck_assert_uint_eq(victim->state, FRAME_ACTIVE);
        ck_assert(set.hand == NULL || set.hand->state == FRAME_ACTIVE);
        take_out(left % 3 == 0 || set.hand == NULL ? victim : set.hand, FRAME_FREE);
    }
    ck_assert_ptr_null(set.policy->victim(&set));
    stop();
}
END_TEST

/* A process with part of the pages ends; what is left is replaced as before. */
START_TEST(a_process_ends_in_the_middle) {
    start_full();
    for (unsigned i = 0; i < FRAMES; i++)
        frames[i].referenced = i >= 10;
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[0]);
    for (unsigned i = 0; i < FRAMES; i += 2)
        take_out(&frames[i], FRAME_FREE);
    for (unsigned i = 1; i < 10; i += 2) {
        ck_assert_ptr_eq(set.policy->victim(&set), &frames[i]);
        take_out(&frames[i], FRAME_FREE);
    }
    ck_assert_uint_eq(set.count, 5);
    stop();
}
END_TEST

static Suite *eeclock_suite(void) {
    Suite *suite = suite_create("eeclock");
    TCase *tests = tcase_create("eeclock");

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_sixteenth_of_memory_in_order_is_a_loop);
    tcase_add_test(tests, pages_missed_lately_count_more);
    tcase_add_test(tests, pages_missed_long_ago_count_less);
    tcase_add_test(tests, other_orders_are_no_loop);
    tcase_add_test(tests, pages_used_again_speak_against);
    tcase_add_test(tests, losses_end_it_and_gains_prolong_it);
    tcase_add_test(tests, what_trials_have_lost_is_remembered);
    tcase_add_test(tests, gains_pay_for_further_trials);
    tcase_add_test(tests, disorder_ends_a_loop);
    tcase_add_test(tests, absent_pages_must_be_worth_it);
    tcase_add_test(tests, a_scan_is_seen_by_its_leavings);
    tcase_add_loop_test(tests, without_evidence_it_is_clock, 0, (int)ARRAY_SIZE(without_evidence));
    tcase_add_loop_test(tests, it_is_clock_while_frames_are_being_written, 0,
                        (int)ARRAY_SIZE(without_evidence));
    tcase_add_test(tests, a_loop_is_kept_in_memory);
    tcase_add_test(tests, it_ends_when_it_loses);
    tcase_add_test(tests, policies_change_in_a_loop);
    tcase_add_loop_test(tests, its_books_are_right, 0, (int)ARRAY_SIZE(for_books));
    tcase_add_test(tests, its_books_are_right_with_few_ghosts);
    tcase_add_test(tests, pages_that_end_are_no_evidence);
    tcase_add_test(tests, a_pinned_frame_keeps_its_place);
    tcase_add_test(tests, a_pinned_victim_has_not_left);
    tcase_add_test(tests, frames_are_freed_under_the_hand);
    tcase_add_test(tests, a_process_ends_in_the_middle);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(eeclock_suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
