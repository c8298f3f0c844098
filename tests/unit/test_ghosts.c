/*
 * What policies remember of pages that are gone: the ring and its chains, compared with a plain list of what left
 * when; and what CLOCK-Pro makes of it.
 *
 * links: tools/pagesim/sim.c tools/pagesim/string.c mm/refstring.c mm/policy/ lib/print.c lib/string.c
 */
#include "mm/policy.h"
#include "mm/policy/ghosts.h"
#include "tools/pagesim/sim.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- the ring --- */

enum { STEPS = 20000, PAGES = 400 };

/* Page number p, as the model knows it: the number of its leaving, and its word; 0: it is no ghost. */
struct model {
    uint32_t left, size;
    struct {
        uint32_t number, word;
    } pages[PAGES];
};

static uint64_t identity(unsigned page) {
    struct frame frame = {.owner = OWNER_OBJECT, .index = page + 1};

    return frame_identity(&frame);
}

/* The page that has left longest ago of those remembered, PAGES: none; only the last `size` of all that left are. */
static unsigned overwritten_next(const struct model *model) {
    for (unsigned page = 0; page < PAGES; page++)
        if (model->pages[page].word != 0 && model->pages[page].number + model->size == model->left)
            return page;
    return PAGES;
}

static void leave(struct ghosts *ghosts, struct model *model, unsigned page, uint32_t word) {
    unsigned old = overwritten_next(model);
    uint32_t expected = old == PAGES ? 0 : model->pages[old].word;

    ck_assert_uint_eq(ghosts_add(ghosts, identity(page), word), expected);
    if (old != PAGES)
        model->pages[old].word = 0;
    model->pages[page].number = model->left++;
    model->pages[page].word = word;
}

static void compare(struct ghosts *ghosts, const struct model *model, unsigned page) {
    struct ghost *ghost = ghosts_find(ghosts, identity(page));

    ck_assert_int_eq(ghost != NULL, model->pages[page].word != 0);
    if (ghost == NULL)
        return;
    ck_assert_uint_eq(ghost->word, model->pages[page].word);
    ck_assert_uint_eq(ghosts_number(ghosts, ghost), model->pages[page].number);
    ck_assert_ptr_eq(ghosts_at(ghosts, model->pages[page].number), ghost);
}

START_TEST(ghosts_are_as_a_list_says) {
    static const uint32_t sizes[] = {1, 2, 7, 64, 300};
    struct ghosts *ghosts = ghosts_make(sizes[_i]);
    static struct model model;

    memset(&model, 0, sizeof(model));
    model.size = sizes[_i];
    srand(7 + (unsigned)_i);
    for (uint32_t step = 1; step <= STEPS; step++) {
        unsigned page = (unsigned)rand() % PAGES;

        compare(ghosts, &model, page);
        if (model.pages[page].word == 0) {
            leave(ghosts, &model, page, step);
        } else if (rand() % 2 == 0) {
            ghosts_drop(ghosts, ghosts_find(ghosts, identity(page)));
            ck_assert_ptr_null(ghosts_at(ghosts, model.pages[page].number));
            model.pages[page].word = 0;
        }
        ck_assert_uint_eq(ghosts_end(ghosts), model.left);
        ck_assert_uint_eq(ghosts_first(ghosts), model.left < model.size ? 0 : model.left - model.size);
        if (step % 100 == 0)
            ck_assert(ghosts_sound(ghosts));
    }
    ghosts_free(ghosts);
}
END_TEST

/* --- CLOCK-Pro's --- */

enum { FRAMES = 20 };

static struct set set;
static struct frame frames[FRAMES + 1];

static void put_in(unsigned i) {
    frames[i] = (struct frame){.owner = OWNER_OBJECT, .index = i + 1, .set = &set, .state = FRAME_ACTIVE};
    list_init(&frames[i].link);
    set.policy->add(&set, &frames[i]);
}

static unsigned evict(void) {
    struct frame *victim = set.policy->victim(&set);

    victim->state = FRAME_CLEAN;
    set.policy->remove(&set, victim);
    return (unsigned)(victim - frames);
}

static bool is_hot(const struct frame *wanted) {
    list_for_each (frame, &set.hot, struct frame, link)
        if (frame == wanted)
            return true;
    return false;
}

/* All but one are hot, nobody has used one since; then the last came and left, and left once more. */
static void page_that_has_left_twice(void) {
    ck_assert_int_eq(set_start(&set, &policy_clockpro, FRAMES), 0);
    for (unsigned i = 0; i < FRAMES; i++)
        put_in(i);
    ck_assert_uint_eq(evict(), 0);
    put_in(FRAMES);
    ck_assert(!is_hot(&frames[FRAMES]));
    ck_assert_uint_eq(evict(), FRAMES);
}

static void stop(void) {
    while (set.count > 0)
        evict();
    ck_assert_ptr_null(set.policy->check(&set));
    set_stop(&set);
}

/* It was used later than the hot page at the hand, so it takes its place. */
START_TEST(a_page_that_comes_back_soon_is_hot) {
    page_that_has_left_twice();
    put_in(FRAMES);
    ck_assert(is_hot(&frames[FRAMES]));
    ck_assert_ptr_null(set.policy->check(&set));
    stop();
}
END_TEST

/* Another page has its name now. */
START_TEST(a_page_that_has_ended_is_forgotten) {
    page_that_has_left_twice();
    set.policy->forget(&set, identity(FRAMES));
    put_in(FRAMES);
    ck_assert(!is_hot(&frames[FRAMES]));
    stop();
}
END_TEST

/* What was remembered of a page that is back is forgotten: when it ends in memory, another page may have its name. */
START_TEST(a_page_is_remembered_once) {
    page_that_has_left_twice();
    put_in(FRAMES);
    set.policy->remove(&set, &frames[FRAMES]);
    put_in(0);
    put_in(FRAMES);
    ck_assert(!is_hot(&frames[FRAMES]));
    stop();
}
END_TEST

static Suite *ghosts_suite(void) {
    Suite *suite = suite_create("ghosts");
    TCase *tests = tcase_create("ghosts");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, ghosts_are_as_a_list_says, 0, 5);
    tcase_add_test(tests, a_page_that_comes_back_soon_is_hot);
    tcase_add_test(tests, a_page_that_has_ended_is_forgotten);
    tcase_add_test(tests, a_page_is_remembered_once);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(ghosts_suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
