/*
 * The replacement policies by the textbook: their faults on the strings that lectures use, clock and second
 * chance against simulations done by hand, the stack property, and the bounds that hold for any string.
 *
 * links: tools/pagesim/sim.c tools/pagesim/string.c tools/pagesim/stack.c mm/refstring.c mm/policy/
 * links: lib/print.c lib/string.c
 */
#include "tools/pagesim/sim.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h" /* after sim.h, whose fail() Check has a macro for */

static const char silberschatz[] = "7,0,1,2,0,3,0,4,2,3,0,3,2,1,2,0,1,7,0,1";
static const char belady[] = "1,2,3,4,1,2,5,1,2,3,4,5";
static const char stallings[] = "2,3,2,1,5,2,4,5,3,2,5,2";

static const struct sim_options plain;

static struct sim_result run(const char *text, const char *policy, uint32_t frames) {
    struct string string = {0};

    string_parse(&string, text);
    string_finish(&string);
    struct sim_result result = sim_run(&string, policy_find(policy), frames, &plain);
    string_free(&string);
    return result;
}

/* The victims in order, as page numbers, separated by blanks; "w" behind one that was written. */
static char *victims(const char *text, const char *policy, uint32_t frames) {
    static char result[400];
    struct string string = {0};
    struct simulation sim;

    result[0] = '\0';
    string_parse(&string, text);
    string_finish(&string);
    sim_start(&sim, &string, policy_find(policy), frames, &plain);
    for (uint32_t at = 0; at < string.count; at++) {
        struct step step = sim_step(&sim, at);

        if (step.evicted)
            snprintf(result + strlen(result), sizeof(result) - strlen(result), "%s%u%s",
                     result[0] == '\0' ? "" : " ", string.names[step.victim], step.written ? "w" : "");
    }
    sim_end(&sim);
    string_free(&string);
    return result;
}

/* --- the numbers of the lectures --- */

static const struct {
    const char *string, *policy;
    uint32_t frames, faults;
} textbook[] = {
    {silberschatz, "fifo", 3, 15}, {silberschatz, "lru", 3, 12}, {silberschatz, "opt", 3, 9},
    {belady, "fifo", 3, 9},        {belady, "fifo", 4, 10},      {belady, "lru", 3, 10},
    {belady, "lru", 4, 8},         {belady, "opt", 3, 7},        {belady, "opt", 4, 6},
    {stallings, "fifo", 3, 9},     {stallings, "lru", 3, 7},     {stallings, "opt", 3, 6},
    {stallings, "clock", 3, 8},    {stallings, "second", 3, 8},  {belady, "clock", 3, 9},
    {belady, "clock", 4, 10},      {belady, "second", 3, 9},     {belady, "second", 4, 10},
};

START_TEST(textbook_faults) {
    ck_assert_uint_eq(run(textbook[_i].string, textbook[_i].policy, textbook[_i].frames).faults,
                      textbook[_i].faults);
}
END_TEST

START_TEST(textbook_victims) {
    ck_assert_str_eq(victims(silberschatz, "fifo", 3), "7 0 1 2 3 0 4 2 3 0 1 2");
    ck_assert_str_eq(victims(silberschatz, "lru", 3), "7 1 2 3 0 4 0 3 2");
    ck_assert_str_eq(victims(silberschatz, "opt", 3), "7 1 0 4 3 2");
}
END_TEST

/*
 * By hand, three frames, the hand in front of the oldest. 7 0 1 load with bits set. 2: all bits are cleared,
 * 7 goes. 0: its bit is set. 3: the hand is at 0, spares it, 1 goes. 0. 4: 2 was referenced when loaded, and
 * is spared; 0 too; 3 too; then 2 goes. 2: the bits of 0 and 3 are clear, 0 goes. 3: set. 0: spares 3, whose
 * bit was just set, and 4 and 2, set when loaded; 3 goes …
 */
START_TEST(clock_by_hand) {
    ck_assert_str_eq(victims("7,0,1,2,0,3,0,4,2,3,0", "clock", 3), "7 1 2 0 3");
    ck_assert_str_eq(victims(stallings, "clock", 3), "2 3 1 5 4");
}
END_TEST

/* The queue turns where the hand moves: the same victims. */
START_TEST(second_chance_is_clock) {
    struct string string = {0};

    for (unsigned i = 0; i < 300; i++)
        string_add(&string, (uint32_t)(i * i * 7 / 3 + i / 5) % 23, false);
    string_finish(&string);
    for (uint32_t frames = 1; frames < 24; frames++)
        ck_assert_uint_eq(sim_run(&string, &policy_clock, frames, &plain).faults,
                          sim_run(&string, &policy_second, frames, &plain).faults);
    string_free(&string);
}
END_TEST

/* Classes: of the pages not used lately the one that need not be written goes first. */
START_TEST(nru_prefers_unmodified) {
    ck_assert_str_eq(victims("1w,2,3,4,5", "nru", 3), "2 3");
    ck_assert_str_eq(victims("1w,2w,3w,4", "nru", 3), "1w");
    ck_assert_uint_lt(run("1w,2,3,4,5,6,1w,7,8,9,1w", "nru", 3).page_outs,
                      run("1w,2,3,4,5,6,1w,7,8,9,1w", "fifo", 3).page_outs);
}
END_TEST

/* With a tick at every reference the counters are exact for eight references. */
START_TEST(aging_with_a_tick_at_every_reference_is_lru) {
    struct string string = {0};
    struct sim_options options = {.period = 1};

    string_parse(&string, silberschatz);
    string_finish(&string);
    ck_assert_uint_eq(sim_run(&string, &policy_aging, 3, &options).faults, 12);
    string_free(&string);
}
END_TEST

/* A page used longer than tau ago goes before those of the working set, whatever the hand says. */
START_TEST(wsclock_keeps_the_working_set) {
    struct string string = {0};
    struct sim_options options = {.tau = 3};
    struct simulation sim;
    struct step step = {0};

    string_parse(&string, "1,2,3,1,3,1,3,1,3,4");
    string_finish(&string);
    sim_start(&sim, &string, &policy_wsclock, 3, &options);
    for (uint32_t at = 0; at < string.count; at++)
        step = sim_step(&sim, at);
    ck_assert(step.evicted);
    ck_assert_uint_eq(string.names[step.victim], 2);
    sim_end(&sim);
    string_free(&string);
}
END_TEST

START_TEST(mru_is_opt_on_a_loop) {
    struct string string = {0};

    string_generate(&string, "loop:40,10", 1);
    string_finish(&string);
    for (uint32_t frames = 2; frames <= 40; frames++)
        ck_assert_uint_eq(sim_run(&string, &policy_mru, frames, &plain).faults,
                          sim_run(&string, &policy_opt, frames, &plain).faults);
    string_free(&string);
}
END_TEST

/* --- loops and scans --- */

/* The goal of the scan-resistant policy: within 1.3 of OPT where clock misses always. */
START_TEST(clockpro_is_near_optimal_on_loops) {
    static const struct {
        const char *pattern;
        uint32_t frames;
    } loads[] = {{"loop:512,5", 367},
                 {"loop:100,20", 50},
                 {"loop:100,20", 90},
                 {"loop:300,10", 250},
                 {"stride:512,7,10000", 330}};
    struct string string = {0};

    string_generate(&string, loads[_i].pattern, 1);
    string_finish(&string);
    uint32_t opt = sim_run(&string, &policy_opt, loads[_i].frames, &plain).faults;
    uint32_t pro = sim_run(&string, &policy_clockpro, loads[_i].frames, &plain).faults;
    ck_assert_uint_eq(sim_run(&string, &policy_clock, loads[_i].frames, &plain).faults, string.count);
    ck_assert_msg(10 * pro <= 13 * opt, "%u faults, OPT %u", pro, opt);
    string_free(&string);
}
END_TEST

/* --- what holds for any string --- */

static void random_string(struct string *string, int seed) {
    char pattern[40];

    snprintf(pattern, sizeof(pattern), seed % 2 == 0 ? "random:%d,400" : "zipf:%d,400", 5 + seed % 30);
    string_generate(string, pattern, (uint32_t)seed + 1);
    string_finish(string);
}

/*
 * OPT is the least; nobody faults less often than there are pages, or more often than there are references.
 */
START_TEST(bounds) {
    struct string string = {0};

    random_string(&string, _i);
    for (uint32_t frames = 1; frames <= string.pages + 2; frames++) {
        uint32_t least = sim_run(&string, &policy_opt, frames, &plain).faults;

        for (unsigned i = 0; policy_number(i) != NULL; i++) {
            uint32_t faults = sim_run(&string, policy_number(i), frames, &plain).faults;

            ck_assert_uint_ge(faults, least);
            ck_assert_uint_le(faults, string.count);
            if (frames >= string.pages)
                ck_assert_uint_eq(faults, string.pages);
        }
    }
    string_free(&string);
}
END_TEST

/* One pass by stack distances says what a simulation of every number of frames says. */
START_TEST(stack_distances) {
    struct string string = {0};
    uint32_t faults[64];

    random_string(&string, _i);
    stack_lru(&string, 40, faults);
    for (uint32_t frames = 1; frames <= 40; frames++)
        ck_assert_uint_eq(faults[frames], sim_run(&string, &policy_lru, frames, &plain).faults);
    stack_opt(&string, 40, faults);
    for (uint32_t frames = 1; frames <= 40; frames++)
        ck_assert_uint_eq(faults[frames], sim_run(&string, &policy_opt, frames, &plain).faults);
    string_free(&string);
}
END_TEST

/* Whether all that `frames` frames hold is also in `frames + 1`, at every moment. */
static bool is_nested(const struct string *string, const struct policy *policy, uint32_t frames) {
    struct simulation small, large;
    bool nested = true;

    sim_start(&small, string, policy, frames, &plain);
    sim_start(&large, string, policy, frames + 1, &plain);
    for (uint32_t at = 0; at < string->count; at++) {
        sim_step(&small, at);
        sim_step(&large, at);
        for (uint32_t page = 0; page < string->pages; page++)
            nested &= small.resident[page] == NULL || large.resident[page] != NULL;
    }
    sim_end(&small);
    sim_end(&large);
    return nested;
}

/*
 * LRU's and OPT's resident sets are nested. OPT's where no two pages are never used again: ties may differ.
 */
START_TEST(stack_property_of_lru_and_opt) {
    struct string string = {0};

    random_string(&string, _i);
    uint32_t pages = string.pages, lru[64], opt[64];
    for (uint32_t frames = 1; frames < pages; frames++)
        ck_assert(is_nested(&string, &policy_lru, frames));
    stack_lru(&string, 40, lru);
    stack_opt(&string, 40, opt);
    for (uint32_t frames = 2; frames <= 40; frames++) {
        ck_assert_uint_le(lru[frames], lru[frames - 1]);
        ck_assert_uint_le(opt[frames], opt[frames - 1]);
    }
    string_free(&string);
    /* Followed by all its pages in some order, every page is used again while it matters. */
    random_string(&string, _i);
    struct string longer = {0};
    for (uint32_t i = 0; i < string.count; i++)
        string_add(&longer, reference_page(string.references[i]), false);
    for (uint32_t page = 0; page < pages; page++)
        string_add(&longer, page, false);
    string_finish(&longer);
    uint32_t count = longer.count;
    for (uint32_t frames = 1; frames < pages; frames++) {
        longer.count = count - pages; /* the tail is only looked forward to */
        ck_assert(is_nested(&longer, &policy_opt, frames));
    }
    string_free(&longer);
    string_free(&string);
}
END_TEST

START_TEST(fifo_has_no_stack_property) {
    struct string string = {0};

    string_parse(&string, belady);
    string_finish(&string);
    ck_assert(!is_nested(&string, &policy_fifo, 3));
    ck_assert(is_nested(&string, &policy_lru, 3));
    string_free(&string);
}
END_TEST

/* --- every policy, as the kernel uses it --- */

enum { FRAMES = 48 };

/*
 * Frames come, go by eviction, go for other reasons (the process has ended), are away and come back, and are
 * offered again when they could not leave. The policy never names a frame that is not in the set.
 */
static void exercise(struct set *set, struct frame *frames, unsigned rounds) {
    for (unsigned round = 0; round < rounds; round++) {
        struct frame *frame = &frames[(unsigned)rand() % FRAMES], *victim;

        if (frame->state == FRAME_ACTIVE && rand() % 3 == 0) {
            frame->state = rand() % 2 == 0 ? FRAME_PINNED : FRAME_FREE;
            set->policy->remove(set, frame);
        } else if (frame->state != FRAME_ACTIVE) {
            if (frame->state == FRAME_FREE)
                frame->policy = 0;
            frame->state = FRAME_ACTIVE;
            frame->referenced = rand() % 2;
            frame->modified = rand() % 2;
            set->policy->add(set, frame);
        } else if (set->policy->touch != NULL) {
            set->policy->touch(frame);
        }
        frames[(unsigned)rand() % FRAMES].referenced = true;
        set_tick(set);
        victim = set->policy->victim(set);
        ck_assert((victim == NULL) == (set->count == 0));
        if (victim == NULL)
            continue;
        ck_assert_uint_eq(victim->state, FRAME_ACTIVE);
        if (rand() % 4 == 0) {
            victim->state = FRAME_CLEAN;
            set->policy->remove(set, victim);
            victim->state = FRAME_FREE;
        }
    }
}

static void assert_sound(const struct set *set, const struct frame *frames) {
    pfn_t active = 0, listed = 0, hot = 0;

    for (unsigned i = 0; i < FRAMES; i++)
        active += frames[i].state == FRAME_ACTIVE;
    list_for_each (frame, &set->frames, struct frame, link) {
        ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
        listed++;
    }
    list_for_each (frame, &set->hot, struct frame, link) {
        ck_assert_uint_eq(frame->state, FRAME_ACTIVE);
        hot++;
    }
    ck_assert_uint_eq(listed + hot, active);
    ck_assert_uint_eq(set->count, active);
    ck_assert_uint_eq(set->hot_count, hot);
    ck_assert(set->hand == NULL || set->hand->state == FRAME_ACTIVE);
    if (set->policy->check != NULL)
        ck_assert_ptr_null(set->policy->check(set));
}

static struct frame *make_frames(struct set *set) {
    struct frame *frames = allocate(FRAMES, sizeof(*frames));

    for (unsigned i = 0; i < FRAMES; i++) {
        list_init(&frames[i].link);
        frames[i] = (struct frame){
            .link = {&frames[i].link, &frames[i].link}, .owner = OWNER_OBJECT, .index = i + 1, .set = set};
    }
    return frames;
}

static void take_apart(struct set *set, struct frame *frames) {
    for (unsigned i = 0; i < FRAMES; i++)
        if (frames[i].state == FRAME_ACTIVE)
            set->policy->remove(set, &frames[i]);
    set_stop(set);
    free(frames);
}

START_TEST(policies_name_only_frames_of_the_set) {
    struct set set;
    struct frame *frames = make_frames(&set);

    srand(1);
    ck_assert_int_eq(set_start(&set, policy_number((unsigned)_i), FRAMES), 0);
    for (unsigned i = 0; i < 200; i++) {
        exercise(&set, frames, 50);
        assert_sound(&set, frames);
    }
    take_apart(&set, frames);
}
END_TEST

/* From every policy to every other while the set is in use: no frame is lost. */
START_TEST(policies_change_under_way) {
    struct set set;
    struct frame *frames = make_frames(&set);

    srand(2);
    ck_assert_int_eq(set_start(&set, policy_number((unsigned)_i), FRAMES), 0);
    for (unsigned i = 0; policy_number(i) != NULL; i++) {
        exercise(&set, frames, 100);
        pfn_t before = set.count;

        ck_assert_int_eq(set_change_policy(&set, policy_number(i)), 0);
        ck_assert_uint_eq(set.count, before);
        assert_sound(&set, frames);
        exercise(&set, frames, 100);
        assert_sound(&set, frames);
        ck_assert_int_eq(set_change_policy(&set, policy_number((unsigned)_i)), 0);
    }
    take_apart(&set, frames);
}
END_TEST

/* FIFO's order is carried over to FIFO-like orders: who came first is still the next to go. */
START_TEST(order_is_carried_over) {
    struct set set;
    struct frame *frames = make_frames(&set);

    ck_assert_int_eq(set_start(&set, &policy_clock, FRAMES), 0);
    for (unsigned i = 0; i < 10; i++) {
        frames[i].state = FRAME_ACTIVE;
        set.policy->add(&set, &frames[i]);
    }
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[0]); /* stays; the hand is at 1 now */
    ck_assert_int_eq(set_change_policy(&set, &policy_fifo), 0);
    ck_assert_ptr_eq(set.policy->victim(&set), &frames[1]);
    for (unsigned i = 0; i < 10; i++)
        set.policy->remove(&set, &frames[i]);
    set_stop(&set);
    free(frames);
}
END_TEST

/* --- sampled bits, as the kernel has them: nobody says when a page was used --- */

/* A set of @count frames, none referenced, added in their order. */
static struct frame *start_sampled(struct set *set, const struct policy *policy, unsigned count) {
    struct frame *frames = make_frames(set);

    ck_assert_int_eq(set_start(set, policy, FRAMES), 0);
    set->period = 1;
    for (unsigned i = 0; i < count; i++) {
        frames[i].state = FRAME_ACTIVE;
        policy->add(set, &frames[i]);
        frames[i].referenced = false;
    }
    return frames;
}

static unsigned evict(struct set *set, const struct frame *frames) {
    struct frame *victim = set->policy->victim(set);

    ck_assert_ptr_nonnull(victim);
    set->policy->remove(set, victim);
    return (unsigned)(victim - frames);
}

static void stop_sampled(struct set *set, struct frame *frames) {
    while (set->count > 0)
        evict(set, frames);
    set_stop(set);
    free(frames);
}

/* Used between two ticks: later than all others, in the order they had, as what happened in between is not known. */
START_TEST(lru_is_sampled) {
    static const unsigned order[] = {1, 3, 5, 2, 4, 0};
    struct set set;
    struct frame *frames = start_sampled(&set, &policy_lru, 6);

    frames[4].referenced = true;
    frames[2].referenced = true;
    set_tick(&set);
    frames[0].referenced = true;
    set_tick(&set);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
        ck_assert_uint_eq(evict(&set, frames), order[i]);
    stop_sampled(&set, frames);
}
END_TEST

/* Used at ticks: 0 at none, 1 at the first, 2 at the first two, 3 at the third, 4 at the first and third. */
START_TEST(aging_counts_recent_ticks_most) {
    static const unsigned used[3][5] = {{0, 1, 1, 0, 1}, {0, 0, 1, 0, 0}, {0, 0, 0, 1, 1}};
    struct set set;
    struct frame *frames = start_sampled(&set, &policy_aging, 5);

    for (unsigned tick = 0; tick < 8; tick++)
        set_tick(&set); /* what they were given for being new is shifted out */
    for (unsigned tick = 0; tick < 3; tick++) {
        for (unsigned i = 0; i < 5; i++)
            frames[i].referenced = used[tick][i];
        set_tick(&set);
    }
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(evict(&set, frames), i);
    stop_sampled(&set, frames);
}
END_TEST

/* Each frame has the same chance, whatever was used; the same seed chooses the same. */
START_TEST(random_is_uniform_and_seeded) {
    enum { COUNT = 20, CHOICES = 4000 };
    static unsigned choices[2][CHOICES];
    unsigned chosen[COUNT] = {0}, different = 0;

    for (unsigned run = 0; run < 2; run++) {
        struct set set;
        struct frame *frames = start_sampled(&set, &policy_random, COUNT);

        set.seed = 5;
        for (unsigned i = 0; i < CHOICES; i++) {
            frames[i % 7].referenced = true;
            choices[run][i] = (unsigned)(set.policy->victim(&set) - frames);
            chosen[choices[run][i]]++;
        }
        set.seed = 6;
        for (unsigned i = 0; i < 100; i++)
            different += choices[run][i] != (unsigned)(set.policy->victim(&set) - frames);
        stop_sampled(&set, frames);
    }
    ck_assert_mem_eq(choices[0], choices[1], sizeof(choices[0]));
    ck_assert_uint_ge(different, 100);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(chosen[i] > 2 * CHOICES / COUNT * 7 / 10 && chosen[i] < 2 * CHOICES / COUNT * 13 / 10);
}
END_TEST

static Suite *policy_suite(void) {
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");
    int policies = 0;

    while (policy_number((unsigned)policies) != NULL)
        policies++;
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, textbook_faults, 0, (int)ARRAY_SIZE(textbook));
    tcase_add_test(tests, textbook_victims);
    tcase_add_test(tests, clock_by_hand);
    tcase_add_test(tests, second_chance_is_clock);
    tcase_add_test(tests, nru_prefers_unmodified);
    tcase_add_test(tests, aging_with_a_tick_at_every_reference_is_lru);
    tcase_add_test(tests, wsclock_keeps_the_working_set);
    tcase_add_test(tests, mru_is_opt_on_a_loop);
    tcase_add_loop_test(tests, clockpro_is_near_optimal_on_loops, 0, 5);
    tcase_add_loop_test(tests, bounds, 0, 10);
    tcase_add_loop_test(tests, stack_distances, 0, 20);
    tcase_add_loop_test(tests, stack_property_of_lru_and_opt, 0, 20);
    tcase_add_test(tests, fifo_has_no_stack_property);
    tcase_add_loop_test(tests, policies_name_only_frames_of_the_set, 0, policies);
    tcase_add_loop_test(tests, policies_change_under_way, 0, policies);
    tcase_add_test(tests, order_is_carried_over);
    tcase_add_test(tests, lru_is_sampled);
    tcase_add_test(tests, aging_counts_recent_ticks_most);
    tcase_add_test(tests, random_is_uniform_and_seeded);
    return suite;
}

int main(void) {
    return run_suite(policy_suite());
}
