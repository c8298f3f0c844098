/*
 * The kernel heap: size classes, alignment, zeroed and poisoned blocks, runs of frames, and that frames go
 * back. A model (who has which bytes) goes through random allocations.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "arch/x86/memory.h"
#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/redzone.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 400, POISON = 0xDD };

static void setup(void) {
    vm_options.check = 1;
    vm_options.policy = "clock"; /* needs no memory of its own: frames are counted here */
    fake_boot(FRAMES, 0);
}

static void assert_all_free(void) {
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES);
    vm_check();
}

static bool is_all(const void *block, int byte, size_t bytes) {
    const uint8_t *p = block;

    for (size_t i = 0; i < bytes; i++)
        if (p[i] != byte)
            return false;
    return true;
}

/* --- blocks --- */

START_TEST(every_size_up_to_a_page) {
    for (size_t bytes = 1; bytes <= PAGE_SIZE; bytes++) {
        uint8_t *block = kmalloc(bytes);

        ck_assert_ptr_nonnull(block);
        ck_assert(is_all(block, 0, bytes));
        ck_assert_uint_eq((uintptr_t)block % sizeof(void *), 0);
        ck_assert_uint_eq(frame_of_data(block)->state, FRAME_KERNEL);
        ck_assert_ptr_eq(frame_of_data(block), frame_of_data(block + bytes - 1)); /* never across frames */
        memset(block, 0xFF, bytes);
        kfree(block);
    }
    assert_all_free();
}
END_TEST

enum { OF_64 = 64 - REDZONE_BYTES }; /* with its red zone a block of 64 bytes */

START_TEST(a_frame_serves_many_blocks_of_a_class) {
    uint8_t *blocks[64];

    for (unsigned i = 0; i < 64; i++)
        blocks[i] = kmalloc(OF_64);
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 1);
    for (unsigned i = 0; i < 64; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert(blocks[i] + 64 <= blocks[j] || blocks[j] + 64 <= blocks[i]);
    uint8_t *another = kmalloc(OF_64); /* the frame is full */
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 2);
    kfree(another);
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 1);
    kfree(blocks[30]);
    ck_assert_ptr_eq(kmalloc(OF_64), blocks[30]); /* the hole is used before a new frame */
    for (unsigned i = 0; i < 64; i++)
        kfree(blocks[i]);
    assert_all_free();
}
END_TEST

START_TEST(nothing_is_a_block_too) {
    kfree(NULL);
    kpage_free(NULL);
    EXPECT_PANIC("assertion", kmalloc(0));
}
END_TEST

/* --- poison --- */

START_TEST(freed_blocks_are_poisoned) {
    uint8_t *keep = kmalloc(100), *freed = kmalloc(100);

    memset(freed, 0x11, 100);
    kfree(freed);
    ck_assert(is_all(freed + sizeof(void *), POISON, 100 - sizeof(void *)));
    kfree(keep);
}
END_TEST

START_TEST(writing_after_free_is_found) {
    uint8_t *keep = kmalloc(100), *freed = kmalloc(100);

    ck_assert_ptr_nonnull(keep);
    kfree(freed);
    freed[60] = 1;
    EXPECT_PANIC("written after it was freed", kmalloc(100));
}
END_TEST

START_TEST(a_wrong_pointer_is_found) {
    uint8_t *block = kmalloc(100);
    struct frame *user = frame_take(USE_USER);

    EXPECT_PANIC("assertion", kfree(block + 8));
    EXPECT_PANIC("assertion", kfree(frame_data(user)));
    EXPECT_PANIC("assertion", kpage_free(block));
    kfree(block);
    EXPECT_PANIC("assertion", kfree(block)); /* twice: its frame is FREE by now */
}
END_TEST

/* --- red zones --- */

START_TEST(writing_behind_a_block_is_found) {
    for (volatile size_t bytes = 1; bytes <= 200; bytes++) {
        uint8_t *volatile keep = kmalloc(bytes), *volatile block = kmalloc(bytes);

        block[bytes] ^= 1;
        EXPECT_PANIC("behind its end", kfree(block));
        block[bytes] ^= 1;
        kfree(block);
        kfree(keep);
    }
    assert_all_free();
}
END_TEST

START_TEST(a_block_freed_twice_is_found) {
    uint8_t *keep = kmalloc(100), *block = kmalloc(100);

    kfree(block);
    EXPECT_PANIC("freed twice", kfree(block));
    kfree(keep);
}
END_TEST

START_TEST(writing_to_a_free_frame_is_found) {
    uint8_t *page = kpage_alloc();

    kpage_free(page);
    page[1234] = 1;
    EXPECT_PANIC("written to at byte 1232 while it was FREE", kpage_alloc());
}
END_TEST

/* --- pages and runs --- */

START_TEST(pages_are_aligned_and_zero) {
    uint8_t *pages[10];

    for (unsigned i = 0; i < 10; i++) {
        pages[i] = i % 2 == 0 ? kpage_alloc() : kpage_alloc_try();
        ck_assert_uint_eq((uintptr_t)pages[i] & PAGE_MASK, 0);
        ck_assert(is_all(pages[i], 0, PAGE_SIZE));
        memset(pages[i], 0xAB, PAGE_SIZE);
    }
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 10);
    for (unsigned i = 0; i < 10; i++)
        kpage_free(pages[i]);
    assert_all_free();
}
END_TEST

START_TEST(larger_blocks_are_contiguous) {
    uint8_t *run = kmalloc(10 * PAGE_SIZE + 1), *other = kmalloc(3 * PAGE_SIZE);

    ck_assert_uint_eq((uintptr_t)run & PAGE_MASK, 0);
    ck_assert(is_all(run, 0, 11 * PAGE_SIZE));
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 14);
    ck_assert_uint_eq(pointer_to_phys(run + 10 * PAGE_SIZE) - pointer_to_phys(run), 10 * PAGE_SIZE);
    ck_assert(other >= run + 11 * PAGE_SIZE || other + 3 * PAGE_SIZE <= run);
    kfree(run);
    ck_assert_uint_eq(frame_count(FRAME_FREE), FRAMES - 3);
    kfree(other);
    assert_all_free();
}
END_TEST

START_TEST(a_run_needs_neighbours) {
    struct frame *taken[FRAMES];

    for (unsigned i = 0; i < FRAMES; i++)
        taken[i] = frame_take(USE_PAGEOUT);
    for (unsigned i = 0; i < FRAMES; i++)
        if (frame_number(taken[i]) % 2 == 0)
            frame_release(taken[i]);
    ck_assert_ptr_null(kmalloc(2 * PAGE_SIZE)); /* does not sleep for ever either */
    ck_assert_ptr_nonnull(kmalloc(PAGE_SIZE));
}
END_TEST

/* --- without memory --- */

START_TEST(no_memory) {
    while (kmalloc_try(PAGE_SIZE) != NULL)
        ;
    ck_assert_ptr_null(kpage_alloc_try());
    ck_assert_ptr_null(kmalloc_try(100));
    ck_assert_uint_eq(frames_available(), 4); /* the paging daemon's */
    vm_check();
}
END_TEST

static void *released_later;

static void release_one(void *unused) {
    (void)unused;
    kfree(released_later);
}

START_TEST(kmalloc_sleeps_until_a_frame_comes) {
    void *block;

    while ((block = kmalloc_try(PAGE_SIZE)) != NULL)
        released_later = block;
    fake_thread(release_one, NULL, NULL);
    ck_assert_ptr_nonnull(kmalloc(PAGE_SIZE));
}
END_TEST

/* --- random use against a model --- */

enum { BLOCKS = 300 };

static struct {
    uint8_t *at;
    size_t bytes;
    uint8_t fill;
} blocks[BLOCKS];

static size_t random_size(void) {
    unsigned kind = fake_random_below(100);

    if (kind < 60)
        return 1 + fake_random_below(200);
    if (kind < 90)
        return 1 + fake_random_below(2048);
    if (kind < 97)
        return 1 + fake_random_below(PAGE_SIZE);
    return 1 + fake_random_below(4 * PAGE_SIZE);
}

static void random_alloc(unsigned i) {
    size_t bytes = random_size();

    blocks[i].at = kmalloc_try(bytes);
    if (blocks[i].at == NULL)
        return;
    ck_assert(is_all(blocks[i].at, 0, bytes));
    blocks[i].bytes = bytes;
    blocks[i].fill = (uint8_t)fake_random();
    memset(blocks[i].at, blocks[i].fill, bytes);
}

static void random_free(unsigned i) {
    ck_assert(is_all(blocks[i].at, blocks[i].fill, blocks[i].bytes)); /* nobody else has written there */
    kfree(blocks[i].at);
    blocks[i].at = NULL;
}

START_TEST(random_use) {
    fake_seed((uint32_t)_i + 1);
    for (unsigned step = 0; step < 30000; step++) {
        unsigned i = fake_random_below(BLOCKS);

        if (blocks[i].at == NULL)
            random_alloc(i);
        else
            random_free(i);
        if (step % 500 == 0)
            vm_check();
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (blocks[i].at != NULL)
            random_free(i);
    assert_all_free();
}
END_TEST

static Suite *heap_suite(void) {
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("heap");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, every_size_up_to_a_page);
    tcase_add_test(tests, a_frame_serves_many_blocks_of_a_class);
    tcase_add_test(tests, nothing_is_a_block_too);
    tcase_add_test(tests, freed_blocks_are_poisoned);
    tcase_add_test(tests, writing_after_free_is_found);
    tcase_add_test(tests, writing_behind_a_block_is_found);
    tcase_add_test(tests, a_block_freed_twice_is_found);
    tcase_add_test(tests, writing_to_a_free_frame_is_found);
    tcase_add_test(tests, a_wrong_pointer_is_found);
    tcase_add_test(tests, pages_are_aligned_and_zero);
    tcase_add_test(tests, larger_blocks_are_contiguous);
    tcase_add_test(tests, a_run_needs_neighbours);
    tcase_add_test(tests, no_memory);
    tcase_add_test(tests, kmalloc_sleeps_until_a_frame_comes);
    tcase_add_loop_test(tests, random_use, 0, 5);
    return suite;
}

int main(void) {
    return run_suite(heap_suite());
}
