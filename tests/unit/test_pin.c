/*
 * Pinned pages (mm/pin.c) and memory objects (mm/memobject.c): what stays in its frame, what a child sees, and
 * one object's pages by all ways that lead to them, in memory and on swap.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "mm/pin.h"

#include "fake_mm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/amap.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/policy.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { FRAMES = 300, SLOTS = 1000 };

#define PLACE    ((vaddr_t)0x20000000)
#define WRITABLE (AREA_READ | AREA_WRITE | AREA_MAYWRITE)

static struct space *space;

static void setup(void) {
    vm_options.check = 1;
    fake_boot(FRAMES, 0);
    fake_swap("hda2", SLOTS);
    vm_start();
    fake_yield();
    space = space_create();
}

static void teardown(void) {
    if (space != NULL)
        space_unref(space);
    fake_settle();
    vm_check();
    const char *broken = counters_check();
    ck_assert_msg(broken == NULL, "%s", broken);
    ck_assert_uint_eq(anon_count, 0);
    ck_assert_uint_eq(swap_slots_used(), 0);
    ck_assert_uint_eq(frame_count(FRAME_PINNED), 0);
}

static void map(struct space *where, vaddr_t at, unsigned pages, unsigned flags, struct object *object) {
    vaddr_t result;
    struct map_request request = {
        .address = at, .length = pages * PAGE_SIZE, .flags = flags, .fixed = true, .object = object};

    ck_assert_int_eq(space_map(where, &request, &result), 0);
}

/* The byte at @address as a program of @where reaches it. */
static uint8_t *reach(struct space *where, vaddr_t address, bool write) {
    uint8_t *byte;

    while ((byte = fake_mmu(&where->pmap, address, write)) == NULL)
        ck_assert_int_eq(vm_fault(where, address, write ? FAULT_WRITE : FAULT_READ), FAULT_OK);
    return byte;
}

static struct frame *pin(vaddr_t address, bool write) {
    struct frame *frame;

    ck_assert_int_eq(pin_user_page(space, address, write, &frame), 0);
    ck_assert_int_eq(frame->state, FRAME_PINNED);
    vm_check();
    return frame;
}

/* Touches twice as much memory as there is: whatever can leave its frame does. */
static void press(void) {
    struct space *other = space_create();

    map(other, PLACE, 2 * FRAMES, WRITABLE, NULL);
    for (unsigned i = 0; i < 2 * FRAMES; i++)
        *reach(other, PLACE + i * PAGE_SIZE, true) = 1;
    space_unref(other);
    fake_settle();
}

/* --- pins --- */

START_TEST(a_pinned_page_stays_where_it_is) {
    map(space, PLACE, 4, WRITABLE, NULL);
    for (unsigned i = 0; i < 4; i++)
        *reach(space, PLACE + i * PAGE_SIZE, true) = (uint8_t)(10 + i);
    struct frame *frame = pin(PLACE + PAGE_SIZE + 17, _i);
    press();
    ck_assert_ptr_null(fake_mmu(&space->pmap, PLACE, false)); /* its neighbour has left */
    ck_assert_ptr_eq(fake_mmu(&space->pmap, PLACE + PAGE_SIZE, false), frame_data(frame));
    if (_i)
        *(uint8_t *)frame_data(frame) = 77; /* the disk */
    pin_release(frame, _i);
    vm_check();
    press(); /* now it goes, and what the disk has written goes with it */
    ck_assert_ptr_null(fake_mmu(&space->pmap, PLACE + PAGE_SIZE, false));
    ck_assert_int_eq(*reach(space, PLACE + PAGE_SIZE, false), _i ? 77 : 11);
    ck_assert_int_eq(*reach(space, PLACE, false), 10);
}
END_TEST

START_TEST(bad_addresses) {
    struct frame *frame;

    map(space, PLACE, 1, AREA_READ, NULL);
    ck_assert_int_eq(pin_user_page(space, PLACE, true, &frame), -EFAULT);
    ck_assert_int_eq(pin_user_page(space, PLACE + PAGE_SIZE, false, &frame), -EFAULT);
    ck_assert_int_eq(pin_user_page(space, ~(vaddr_t)0, false, &frame), -EFAULT);
    pin_release(pin(PLACE, false), false);
}
END_TEST

/* The frame lives until the disk is done with it, and nobody else gets it before. */
START_TEST(unmapped_under_a_transfer) {
    map(space, PLACE, 2, WRITABLE, NULL);
    struct frame *frame = pin(PLACE, true);
    if (_i == 0) {
        ck_assert_int_eq(space_unmap(space, PLACE, 2 * PAGE_SIZE), 0);
    } else {
        space_unref(space);
        space = NULL;
    }
    ck_assert_int_eq(frame->state, FRAME_PINNED);
    vm_check();
    press();
    ck_assert_int_eq(frame->state, FRAME_PINNED);
    pin_release(frame, true);
    ck_assert_int_eq(frame->state, FRAME_FREE);
}
END_TEST

/* Writing breaks copy-on-write before the pin, and a fork during it does not bring it back. */
START_TEST(copy_on_write_and_pins) {
    map(space, PLACE, 2, WRITABLE, NULL);
    *reach(space, PLACE, true) = 1;
    struct space *before = space_fork(space);
    struct frame *frame = pin(PLACE, true);
    struct space *during = space_fork(space);
    *(uint8_t *)frame_data(frame) = 2; /* the disk */
    ck_assert_int_eq(*reach(before, PLACE, false), 1);
    ck_assert_int_eq(*reach(during, PLACE, false), 1);
    ck_assert_int_eq(*reach(space, PLACE, false), 2);
    vm_check();
    *reach(space, PLACE, true) = 3;
    ck_assert_ptr_eq(fake_mmu(&space->pmap, PLACE, true), frame_data(frame)); /* still the disk's target */
    pin_release(frame, true);
    *reach(during, PLACE, true) = 4;
    ck_assert_int_eq(*reach(space, PLACE, false), 3);
    ck_assert_int_eq(*reach(before, PLACE, false), 1);
    space_unref(before);
    space_unref(during);
}
END_TEST

enum { MANY = 100 };

static unsigned pinned;

static void pin_many(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < MANY; i++) {
        struct frame *frame;

        ck_assert_int_eq(pin_user_page(space, PLACE + i * PAGE_SIZE, true, &frame), 0);
        pinned++;
    }
}

/* One that wants more than an eighth of memory waits for the end of earlier transfers. */
START_TEST(pins_are_limited) {
    map(space, PLACE, MANY, WRITABLE, NULL);
    pinned = 0;
    fake_thread(pin_many, NULL, NULL);
    for (unsigned released = 0; released < MANY;) {
        while (pinned - released < FRAMES / 8 && pinned < MANY)
            fake_yield();
        ck_assert_uint_le(pinned - released, FRAMES / 8);
        for (unsigned last = pinned; released < last; released++) {
            pfn_t pfn;

            pmap_query(&space->pmap, PLACE + released * PAGE_SIZE, &pfn);
            pin_release(&frame_table[pfn], true);
        }
    }
    fake_join();
}
END_TEST

/* mlockall: what cannot be brought in is no error, and does not keep the rest from being brought in. */
START_TEST(all_is_locked_but_what_nobody_may_touch) {
    map(space, PLACE, 2, WRITABLE, NULL);
    map(space, PLACE + 4 * PAGE_SIZE, 1, AREA_MAYWRITE, NULL);
    map(space, PLACE + 8 * PAGE_SIZE, 3, WRITABLE, NULL);
    ck_assert_int_eq(space_lock(space, PLACE + 4 * PAGE_SIZE, PAGE_SIZE, false), -ENOMEM);
    ck_assert_int_eq(space_unlock_all(space), 0);
    ck_assert_int_eq(space_lock_all(space, true, false, false), 0);
    ck_assert_uint_eq(space_locked(space), 6);
    for (unsigned i = 8; i < 11; i++)
        ck_assert_uint_ne(pmap_query(&space->pmap, PLACE + i * PAGE_SIZE, NULL) & PMAP_PRESENT, 0);
    ck_assert_int_eq(space_unlock_all(space), 0);
}
END_TEST

/* --- memory objects --- */

static unsigned released;
static int refusal;

static int object_prepare(struct object *object, pgoff_t index, enum page_access access) {
    (void)object, (void)index, (void)access;
    return refusal;
}

static void object_release(struct object *object) {
    memobject_destroy(object);
    kfree(object);
    released++;
}

static const struct pager memory_pager = {
    .name = "memory", .prepare = object_prepare, .release = object_release};

static struct object *make_object(uint64_t size) {
    struct object *object = kmalloc(sizeof(*object));

    object_init(object, &memory_pager, size);
    ck_assert_int_eq(memobject_init(object, AMAP_PROMISED_EACH), 0);
    released = 0;
    refusal = 0;
    return object;
}

static uint8_t read_byte(struct object *object, pgoff_t index) {
    struct frame *frame;

    ck_assert_int_eq(page_get(object, index, PAGE_READ, &frame), 0);
    uint8_t byte = *(uint8_t *)frame_data(frame);
    page_put(frame);
    return byte;
}

static void write_byte(struct object *object, pgoff_t index, uint8_t byte) {
    struct frame *frame;

    ck_assert_int_eq(page_get(object, index, PAGE_READ, &frame), 0);
    *(uint8_t *)frame_data(frame) = byte;
    page_put_modified(frame, 0, 1);
}

/* write(), read(), two shared maps and a private one: the same bytes, before and after a stay on swap. */
START_TEST(all_ways_lead_to_one_page) {
    struct object *object = make_object(8 * PAGE_SIZE);
    struct space *other = space_create();
    map(space, PLACE, 8, WRITABLE | AREA_SHARED, object);
    map(other, PLACE, 4, WRITABLE | AREA_SHARED, object);
    map(other, PLACE + 0x10000, 8, WRITABLE, object);
    write_byte(object, 1, 5);
    ck_assert_int_eq(*reach(space, PLACE + PAGE_SIZE, false), 5);
    *reach(other, PLACE + PAGE_SIZE, true) = 6;
    ck_assert_int_eq(*reach(other, PLACE + 0x10000 + PAGE_SIZE, false), 6);
    press();
    ck_assert_uint_eq(memobject_resident(object), 0);
    ck_assert_uint_eq(memobject_pages(object), 1);
    ck_assert_int_eq(read_byte(object, 1), 6);
    press();
    *reach(other, PLACE + 0x10000 + PAGE_SIZE, true) = 7; /* a copy of its own, read from swap */
    ck_assert_int_eq(*reach(space, PLACE + PAGE_SIZE, false), 6);
    ck_assert(memobject_is_hole(object, 2) && !memobject_is_hole(object, 1));
    vm_check();
    space_unref(other);
    object_unref(object);
    ck_assert_uint_eq(released, 0); /* a map is left */
    ck_assert_int_eq(*reach(space, PLACE + PAGE_SIZE, false), 6);
    ck_assert_int_eq(space_unmap(space, PLACE, 8 * PAGE_SIZE), 0);
    ck_assert_uint_eq(released, 1);
}
END_TEST

START_TEST(truncation_takes_pages_in_memory_and_on_swap) {
    struct object *object = make_object(6 * PAGE_SIZE);
    map(space, PLACE, 6, WRITABLE | AREA_SHARED, object);
    for (unsigned i = 0; i < 6; i++)
        write_byte(object, i, (uint8_t)(20 + i));
    if (_i)
        press();
    object_truncate(object, 2 * PAGE_SIZE + 1);
    ck_assert_uint_eq(memobject_pages(object), 3);
    ck_assert_int_eq(vm_fault(space, PLACE + 3 * PAGE_SIZE, FAULT_READ), FAULT_BUSERR);
    object_truncate(object, 6 * PAGE_SIZE);
    ck_assert_int_eq(*reach(space, PLACE + PAGE_SIZE, false), 21);
    ck_assert_int_eq(*reach(space, PLACE + 2 * PAGE_SIZE, false), 22);
    ck_assert_int_eq(*reach(space, PLACE + 4 * PAGE_SIZE, false), 0);
    object_unref(object);
}
END_TEST

START_TEST(a_full_file_system_makes_no_pages) {
    struct object *object = make_object(4 * PAGE_SIZE);
    struct frame *frame;
    map(space, PLACE, 4, WRITABLE | AREA_SHARED, object);
    *reach(space, PLACE, true) = 9;
    refusal = -ENOSPC;
    ck_assert_int_eq(page_get(object, 1, PAGE_READ, &frame), -ENOSPC);
    ck_assert_int_eq(vm_fault(space, PLACE + PAGE_SIZE, FAULT_WRITE), FAULT_BUSERR);
    press();
    ck_assert_int_eq(*reach(space, PLACE, false), 9); /* what there is stays */
    ck_assert_int_eq(memobject_extend(object, MEMOBJECT_PAGES_MAX + 1), -EFBIG);
    ck_assert_int_eq(page_get(object, MEMOBJECT_PAGES_MAX, PAGE_READ, &frame), -EFBIG);
    ck_assert_int_eq(page_get(object, UINT32_MAX, PAGE_READ, &frame), -EFBIG); /* and + 1 would be 0 */
    object_unref(object);
}
END_TEST

static void plain_release(struct object *object) {
    kfree(object);
}

/* Page numbers that begin again at 0 within a mapping are none. */
START_TEST(past_the_last_page_number) {
    static const struct pager plain = {.name = "plain", .release = plain_release};
    struct object *memory = make_object(4 * PAGE_SIZE), *file = kmalloc(sizeof(*file));
    struct map_request request = {.length = 8 * PAGE_SIZE,
                                  .flags = WRITABLE | AREA_SHARED,
                                  .object = memory,
                                  .object_offset = UINT32_MAX - 3};
    vaddr_t at;

    ck_assert_int_eq(space_map(space, &request, &at), -EOVERFLOW);
    object_init(file, &plain, 4 * PAGE_SIZE);
    request.object = file;
    ck_assert_int_eq(space_map(space, &request, &at), -EOVERFLOW);
    request.length = 2 * PAGE_SIZE;
    ck_assert_int_eq(space_map(space, &request, &at), 0);
    ck_assert_int_eq(space_remap(space, at, 2 * PAGE_SIZE, 9 * PAGE_SIZE, 1, 0, &at), -EINVAL);
    object_unref(memory);
    object_unref(file);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pin");
    TCase *pins = tcase_create("pins"), *objects_of_memory = tcase_create("memory-objects");

    tcase_add_checked_fixture(pins, setup, teardown);
    tcase_add_loop_test(pins, a_pinned_page_stays_where_it_is, 0, 2);
    tcase_add_test(pins, bad_addresses);
    tcase_add_loop_test(pins, unmapped_under_a_transfer, 0, 2);
    tcase_add_test(pins, copy_on_write_and_pins);
    tcase_add_test(pins, pins_are_limited);
    tcase_add_test(pins, all_is_locked_but_what_nobody_may_touch);
    suite_add_tcase(suite, pins);
    tcase_add_checked_fixture(objects_of_memory, setup, teardown);
    tcase_add_test(objects_of_memory, all_ways_lead_to_one_page);
    tcase_add_loop_test(objects_of_memory, truncation_takes_pages_in_memory_and_on_swap, 0, 2);
    tcase_add_test(objects_of_memory, a_full_file_system_makes_no_pages);
    tcase_add_test(objects_of_memory, past_the_last_page_number);
    suite_add_tcase(suite, objects_of_memory);

    return run_suite(suite);
}
