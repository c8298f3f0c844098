/*
 * Anonymous maps and anons: the directory's chunks, growing, copying, splitting, and the counts of references
 * that copy-on-write stands on. A model (an array of tags) goes through the same random operations.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/policy.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 1500 };

static pfn_t free_at_start;

static void setup(void) {
    vm_options.check = 1;
    fake_boot(FRAMES, 0);
    free_at_start = frame_count(FRAME_FREE);
}

/* Nothing may be left: no anon, no heap block, every frame FREE. */
static void teardown(void) {
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(frame_count(FRAME_FREE), free_at_start);
    vm_check();
}

/* An anon in an ACTIVE frame whose first word is @tag. */
static struct anon *tagged(uint32_t tag) {
    struct frame *frame = frame_take(USE_USER);
    struct anon *anon = anon_create(frame);

    ck_assert_ptr_nonnull(anon);
    *(uint32_t *)frame_data(frame) = tag;
    frame_activate(frame, &set_global);
    return anon;
}

static void put(struct amap *amap, pgoff_t index, uint32_t tag) {
    ck_assert_int_eq(amap_prepare(amap, index), 0);
    amap_set(amap, index, tagged(tag));
}

/* 0: no anon there. */
static uint32_t tag_at(const struct amap *amap, pgoff_t index) {
    struct anon *anon = amap_get(amap, index);

    return anon == NULL ? 0 : *(uint32_t *)frame_data(anon->frame);
}

/* --- the directory --- */

START_TEST(empty_map_has_no_chunks) {
    struct amap *amap = amap_create(1000);

    ck_assert_uint_eq(amap->refs, 1);
    ck_assert_uint_ge(amap->pages, 1000);
    ck_assert_uint_eq(amap->used, 0);
    for (pgoff_t i = 0; i < amap->pages; i++)
        ck_assert_ptr_null(amap_get(amap, i));
    ck_assert_uint_eq(amap_next(amap, 0, 1000), 1000);
    EXPECT_PANIC("assertion", amap_get(amap, amap->pages));
    amap_unref(amap);
}
END_TEST

START_TEST(sparse_entries_cost_only_their_chunks) {
    struct amap *amap = amap_create(100 * AMAP_CHUNK);
    pfn_t before = frame_count(FRAME_FREE);

    put(amap, 0, 1);
    put(amap, 50 * AMAP_CHUNK + 7, 2);
    put(amap, 100 * AMAP_CHUNK - 1, 3);
    ck_assert_uint_eq(amap->used, 3);
    ck_assert_uint_le(before - frame_count(FRAME_FREE),
                      8); /* 3 pages, their chunks and (on a 64-bit host, with a red zone) a section of two */
    ck_assert_uint_eq(tag_at(amap, 50 * AMAP_CHUNK + 7), 2);
    ck_assert_uint_eq(amap_next(amap, 1, amap->pages), 50 * AMAP_CHUNK + 7);
    ck_assert_uint_eq(amap_next(amap, 50 * AMAP_CHUNK + 8, amap->pages), 100 * AMAP_CHUNK - 1);
    ck_assert_uint_eq(amap_next(amap, 1, 20), 20);
    ck_assert_uint_eq(amap_next(amap, 1, 50 * AMAP_CHUNK + 7),
                      50 * AMAP_CHUNK + 7); /* the end, not the entry */
    amap_unref(amap);
}
END_TEST

START_TEST(set_replaces_and_drops_the_old) {
    struct amap *amap = amap_create(10);

    put(amap, 4, 1);
    put(amap, 4, 2);
    ck_assert_uint_eq(amap->used, 1);
    ck_assert_uint_eq(anon_count, 1);
    ck_assert_uint_eq(tag_at(amap, 4), 2);
    amap_set(amap, 4, NULL);
    ck_assert_uint_eq(amap->used, 0);
    ck_assert_uint_eq(anon_count, 0);
    amap_unref(amap);
}
END_TEST

START_TEST(clear_drops_a_range_and_its_empty_chunks) {
    struct amap *amap = amap_create(4 * AMAP_CHUNK);

    for (pgoff_t i = 0; i < 4 * AMAP_CHUNK; i += 16)
        put(amap, i, i + 1);
    amap_clear(amap, AMAP_CHUNK - 16, 2 * AMAP_CHUNK + 32);
    ck_assert_ptr_nonnull(amap->sections[0].chunks[0]);
    ck_assert_ptr_null(amap->sections[0].chunks[1]);
    ck_assert_ptr_null(amap->sections[0].chunks[2]);
    ck_assert_uint_eq(tag_at(amap, AMAP_CHUNK - 32), AMAP_CHUNK - 31);
    ck_assert_uint_eq(tag_at(amap, AMAP_CHUNK - 16), 0);
    ck_assert_uint_eq(tag_at(amap, 3 * AMAP_CHUNK), 0);
    ck_assert_uint_eq(tag_at(amap, 3 * AMAP_CHUNK + 16), 3 * AMAP_CHUNK + 17);
    ck_assert_uint_eq(amap->used, anon_count);
    amap_clear(amap, 0, ~(pgoff_t)0);
    ck_assert_uint_eq(amap->used, 0);
    ck_assert_uint_eq(anon_count, 0);
    amap_unref(amap);
}
END_TEST

START_TEST(extend_keeps_what_is_there) {
    struct amap *amap = amap_create(3);

    put(amap, 2, 42);
    for (pgoff_t pages = 1; pages < 40 * AMAP_CHUNK; pages += 333) {
        ck_assert_int_eq(amap_extend(amap, pages), 0);
        ck_assert_uint_ge(amap->pages, pages);
        ck_assert_uint_eq(tag_at(amap, 2), 42);
        ck_assert_uint_eq(tag_at(amap, amap->pages - 1), 0);
    }
    put(amap, 39 * AMAP_CHUNK, 43);
    ck_assert_int_eq(amap_extend(amap, 1), 0); /* never smaller */
    ck_assert_uint_eq(tag_at(amap, 39 * AMAP_CHUNK), 43);
    amap_unref(amap);
}
END_TEST

/* A program may reserve all its addresses and touch two pages. */
START_TEST(gigabytes_need_no_run_of_frames) {
    struct amap *amap = amap_create(786432), *copy;
    pfn_t before = frame_count(FRAME_FREE);

    put(amap, 5, 50);
    put(amap, 786431, 60);
    ck_assert_uint_le(before - frame_count(FRAME_FREE), 7); /* pages, chunks with red zones, sections */
    ck_assert_uint_eq(amap_next(amap, 6, 786432), 786431);
    copy = amap_copy(amap, 0, 786432, 0, 786432);
    ck_assert_uint_eq(tag_at(copy, 786431), 60);
    ck_assert_int_eq(amap_extend(amap, 2 * 786432), 0);
    ck_assert_uint_eq(tag_at(amap, 786431), 60);
    put(amap, 2 * 786432 - 1, 70);
    ck_assert_int_eq(amap_extend(amap, AMAP_PAGES_MAX), 0);
    ck_assert_int_eq(amap_extend(amap, AMAP_PAGES_MAX + 1), -EFBIG);
    ck_assert_uint_eq(tag_at(amap, 2 * 786432 - 1), 70);
    amap_clear(amap, 0, AMAP_PAGES_MAX);
    ck_assert_uint_eq(amap->used, 0);
    amap_unref(amap);
    amap_unref(copy);
}
END_TEST

START_TEST(references_of_the_map_itself) {
    struct amap *amap = amap_create(10);

    put(amap, 0, 1);
    amap_ref(amap);
    amap_unref(amap);
    ck_assert_uint_eq(tag_at(amap, 0), 1);
    amap_unref(amap);
    ck_assert_uint_eq(anon_count, 0);
}
END_TEST

/* --- copies: fork and copy-on-write --- */

START_TEST(a_copy_shares_every_anon) {
    struct amap *amap = amap_create(2 * AMAP_CHUNK), *copy;

    put(amap, 3, 30);
    put(amap, 5, 50);
    put(amap, AMAP_CHUNK + 1, 70);
    copy = amap_copy(amap, 0, 2 * AMAP_CHUNK, 0, 2 * AMAP_CHUNK);
    ck_assert_ptr_eq(amap_get(copy, 3), amap_get(amap, 3));
    ck_assert_uint_eq(amap_get(amap, 3)->refs, 2);
    ck_assert_uint_eq(amap_get(amap, AMAP_CHUNK + 1)->refs, 2);
    ck_assert_uint_eq(copy->used, 3);
    ck_assert_uint_eq(anon_count, 3);
    put(copy, 3, 31); /* the child writes: it gets a page of its own */
    ck_assert_uint_eq(tag_at(amap, 3), 30);
    ck_assert_uint_eq(tag_at(copy, 3), 31);
    ck_assert_uint_eq(amap_get(amap, 3)->refs, 1);
    amap_unref(amap);
    ck_assert_uint_eq(tag_at(copy, 5), 50);
    ck_assert_uint_eq(amap_get(copy, 5)->refs, 1);
    amap_unref(copy);
}
END_TEST

START_TEST(a_copy_of_a_part_elsewhere) {
    struct amap *amap = amap_create(600), *copy;

    for (pgoff_t i = 0; i < 600; i += 3)
        put(amap, i, i + 1);
    copy = amap_copy(amap, 200, 100, 17, 500);
    for (pgoff_t i = 0; i < 500; i++) {
        bool inside = i >= 17 && i < 117;
        pgoff_t from = i - 17 + 200;

        ck_assert_uint_eq(tag_at(copy, i), inside && from % 3 == 0 ? from + 1 : 0);
    }
    amap_unref(copy);
    amap_unref(amap);
}
END_TEST

START_TEST(many_copies_count_their_references) {
    struct amap *amap = amap_create(4), *copies[20];

    put(amap, 1, 9);
    for (unsigned i = 0; i < 20; i++)
        copies[i] = amap_copy(i == 0 ? amap : copies[i - 1], 0, 4, 0, 4);
    ck_assert_uint_eq(amap_get(amap, 1)->refs, 21);
    for (unsigned i = 0; i < 20; i++)
        amap_unref(copies[(i * 7) % 20]);
    ck_assert_uint_eq(amap_get(amap, 1)->refs, 1);
    amap_unref(amap);
}
END_TEST

START_TEST(a_split_moves) {
    struct amap *amap = amap_create(700), *upper;

    for (pgoff_t i = 0; i < 700; i += 7)
        put(amap, i, i + 1);
    upper = amap_split(amap, 301, 399);
    for (pgoff_t i = 0; i < 700; i++) {
        uint32_t expected = i % 7 == 0 ? i + 1 : 0;

        ck_assert_uint_eq(tag_at(amap, i), i < 301 ? expected : 0);
        if (i >= 301)
            ck_assert_uint_eq(tag_at(upper, i - 301), expected);
        if (expected != 0)
            ck_assert_uint_eq(amap_get(i < 301 ? amap : upper, i < 301 ? i : i - 301)->refs, 1);
    }
    ck_assert_uint_eq(amap->used + upper->used, 100);
    ck_assert_uint_eq(anon_count, 100);
    amap_unref(amap);
    amap_unref(upper);
}
END_TEST

START_TEST(a_split_of_a_copy_keeps_the_shares) {
    struct amap *amap = amap_create(10), *copy, *upper;

    put(amap, 8, 80);
    copy = amap_copy(amap, 0, 10, 0, 10);
    upper = amap_split(copy, 5, 5);
    ck_assert_ptr_eq(amap_get(upper, 3), amap_get(amap, 8));
    ck_assert_uint_eq(amap_get(amap, 8)->refs, 2);
    amap_unref(copy);
    ck_assert_uint_eq(amap_get(amap, 8)->refs, 2);
    amap_unref(upper);
    ck_assert_uint_eq(amap_get(amap, 8)->refs, 1);
    amap_unref(amap);
}
END_TEST

/* --- without memory --- */

START_TEST(no_memory_changes_nothing) {
    struct amap *amap = amap_create(3 * AMAP_CHUNK), *copy = NULL;
    struct frame *taken[FRAMES];
    unsigned total = 0;

    for (pgoff_t i = 0; i < 3; i++)
        put(amap, i * AMAP_CHUNK, i + 1);
    while ((taken[total] = frame_take(USE_KERNEL)) != NULL)
        total++;
    while (kmalloc_try(1) != NULL) /* what is left over in half-used heap pages goes too */
        ;
    for (unsigned give = 0; copy == NULL && give < 20; give++) {
        copy = amap_copy(amap, 0, 3 * AMAP_CHUNK, 0, 3 * AMAP_CHUNK);
        ck_assert_uint_eq(anon_count, 3);
        for (pgoff_t i = 0; i < 3; i++)
            ck_assert_uint_eq(amap_get(amap, i * AMAP_CHUNK)->refs, copy == NULL ? 1 : 2);
        if (copy == NULL)
            frame_release(taken[--total]); /* a little more, so that it fails further on */
    }
    ck_assert_ptr_nonnull(copy);
}
END_TEST

/* --- anons --- */

START_TEST(the_three_states_of_an_anon) {
    fake_swap("hdb", 80);
    struct anon *anon = tagged(77);
    struct frame *frame = anon->frame;

    ck_assert(frame->modified && anon->slot == 0); /* in memory only */
    frame_to_pool(frame);
    swap_write(&frame, 1);
    fake_settle();
    ck_assert(anon->frame == frame && anon->slot != 0); /* both */
    while (frame_take(USE_PAGEOUT) != NULL)
        ;
    ck_assert(anon->frame == NULL && anon->slot != 0); /* on swap only */
    for (pfn_t n = 0; n < 3; n++) {                    /* give some back, for the read */
        struct frame *busy = list_first(frame_list(FRAME_BUSY), struct frame, link);
        frame_release(busy);
    }
    anon_set_frame(anon, frame_take(USE_PAGEOUT));
    swap_read(anon);
    fake_settle();
    ck_assert_uint_eq(*(uint32_t *)frame_data(anon->frame), 77);
    anon_drop_slot(anon);
    ck_assert_uint_eq(swap_free_slots(), swap_total());
    anon_unref(anon);
    ck_assert_uint_eq(anon_count, 0);
}
END_TEST

START_TEST(an_anon_without_a_slot_cannot_lose_its_frame) {
    struct anon *anon = tagged(1);

    EXPECT_PANIC("assertion", anon_lose_frame(anon));
}
END_TEST

/* --- random operations against a model --- */

enum { PAGES = 3 * 256, MAPS = 6 };

static struct amap *maps[MAPS];
static uint32_t tags[MAPS][PAGES];
static uint32_t next_tag = 1;

static void compare(unsigned m) {
    uint32_t used = 0;

    for (pgoff_t i = 0; i < PAGES; i++) {
        ck_assert_uint_eq(tag_at(maps[m], i), tags[m][i]);
        used += tags[m][i] != 0;
    }
    ck_assert_uint_eq(maps[m]->used, used);
}

/* Each anon is named by as many entries as it has references. */
static void compare_references(void) {
    for (unsigned m = 0; m < MAPS; m++)
        for (pgoff_t i = amap_next(maps[m], 0, PAGES); i < PAGES; i = amap_next(maps[m], i + 1, PAGES)) {
            struct anon *anon = amap_get(maps[m], i);
            uint32_t named = 0;

            for (unsigned other = 0; other < MAPS; other++)
                for (pgoff_t j = 0; j < PAGES; j++)
                    named += tags[other][j] == tags[m][i];
            ck_assert_uint_eq(anon->refs, named);
        }
}

static void set_some(unsigned m) {
    pgoff_t i = fake_random_below(PAGES);

    tags[m][i] = next_tag++;
    put(maps[m], i, tags[m][i]);
}

static void clear_some(unsigned m) {
    pgoff_t first = fake_random_below(PAGES), count = fake_random_below(PAGES);

    amap_clear(maps[m], first, count);
    for (pgoff_t i = first; i < PAGES && i < first + count; i++)
        tags[m][i] = 0;
}

static void copy_over(unsigned m) {
    unsigned from = fake_random_below(MAPS);
    pgoff_t first = fake_random_below(PAGES), count = fake_random_below(PAGES - first) + 1;
    pgoff_t to = fake_random_below(PAGES - count + 1);

    if (from == m)
        return;
    amap_unref(maps[m]);
    maps[m] = amap_copy(maps[from], first, count, to, PAGES);
    memset(tags[m], 0, sizeof(tags[m]));
    memcpy(&tags[m][to], &tags[from][first], count * sizeof(tags[m][0]));
}

static void split_over(unsigned m) {
    unsigned from = fake_random_below(MAPS);
    pgoff_t first = fake_random_below(PAGES), count = fake_random_below(PAGES - first) + 1;

    if (from == m)
        return;
    amap_unref(maps[m]);
    maps[m] = amap_split(maps[from], first, count);
    ck_assert_int_eq(amap_extend(maps[m], PAGES), 0);
    memset(tags[m], 0, sizeof(tags[m]));
    memcpy(tags[m], &tags[from][first], count * sizeof(tags[m][0]));
    memset(&tags[from][first], 0, count * sizeof(tags[m][0]));
}

START_TEST(random_operations) {
    fake_seed((uint32_t)_i + 1);
    next_tag = 1;
    memset(tags, 0, sizeof(tags));
    for (unsigned m = 0; m < MAPS; m++)
        maps[m] = amap_create(PAGES);
    for (unsigned step = 0; step < 3000; step++) {
        unsigned m = fake_random_below(MAPS), what = fake_random_below(100);

        if (what < 92)
            set_some(m);
        else if (what < 95)
            clear_some(m);
        else if (what < 98)
            copy_over(m);
        else
            split_over(m);
        if (step % 20 == 0)
            compare(m);
        if (step % 300 == 0)
            compare_references();
    }
    for (unsigned m = 0; m < MAPS; m++) {
        compare(m);
        amap_unref(maps[m]);
        memset(tags[m], 0, sizeof(tags[m]));
    }
}
END_TEST

static Suite *amap_suite(void) {
    Suite *suite = suite_create("amap and anon");
    TCase *clean = tcase_create("leaves nothing"), *other = tcase_create("ends short of memory");

    suite_add_tcase(suite, clean);
    tcase_add_checked_fixture(clean, setup, teardown);
    tcase_add_test(clean, empty_map_has_no_chunks);
    tcase_add_test(clean, sparse_entries_cost_only_their_chunks);
    tcase_add_test(clean, set_replaces_and_drops_the_old);
    tcase_add_test(clean, clear_drops_a_range_and_its_empty_chunks);
    tcase_add_test(clean, extend_keeps_what_is_there);
    tcase_add_test(clean, gigabytes_need_no_run_of_frames);
    tcase_add_test(clean, references_of_the_map_itself);
    tcase_add_test(clean, a_copy_shares_every_anon);
    tcase_add_test(clean, a_copy_of_a_part_elsewhere);
    tcase_add_test(clean, many_copies_count_their_references);
    tcase_add_test(clean, a_split_moves);
    tcase_add_test(clean, a_split_of_a_copy_keeps_the_shares);
    tcase_add_loop_test(clean, random_operations, 0, 6);
    suite_add_tcase(suite, other);
    tcase_add_checked_fixture(other, setup, NULL);
    tcase_add_test(other, no_memory_changes_nothing);
    tcase_add_test(other, the_three_states_of_an_anon);
    tcase_add_test(other, an_anon_without_a_slot_cannot_lose_its_frame);
    return suite;
}

int main(void) {
    return run_suite(amap_suite());
}
