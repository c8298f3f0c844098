/*
 * Pipes: order, atomic writes, ends that come and go, bad user memory. There is one thread; what the others
 * do while it sleeps is a function that the sleep calls.
 *
 * links: fs/pipe.c mm/write_error.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_fs.c tests/unit/fake/fake_panic.c
 */
#include "fake_fs.h"
#include "fs/vnode.h"
#include "lib/errno.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 65536, ATOMIC = 4096 };

static struct vnode *vnode;
static uint8_t source[3 * CAPACITY], target[3 * CAPACITY];
static size_t read_so_far;
static unsigned sleeps;

int vnode_get_attributes(struct vnode *of UNUSED, struct vnode_attributes *attributes UNUSED) {
    return -EINVAL; /* of named pipes: not part of this test */
}

int vnode_set_attributes(struct vnode *of UNUSED, const struct vnode_attributes *attributes UNUSED,
                         unsigned which UNUSED) {
    return -EINVAL;
}

uint64_t mount_anonymous_device(void) {
    return 1;
}

static long put(size_t offset, size_t bytes, bool nonblock) {
    return vnode->operations->write(vnode, (vaddr_t)source + offset, bytes, 0, nonblock);
}

static long take(size_t offset, size_t bytes, bool nonblock) {
    return vnode->operations->read(vnode, (vaddr_t)target + offset, bytes, 0, nonblock);
}

static void setup(void) {
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 2654435761u >> 24);
    memset(target, 0, sizeof target);
    read_so_far = 0;
    sleeps = 0;
    fake_sleep = NULL;
    fake_user_end = 0;
    ck_assert_int_eq(pipe_create(&vnode), 0);
    vnode->operations->opened(vnode, true, false);
    vnode->operations->opened(vnode, false, true);
}

/* Also what the sanitizer checks: the ring's pages are given back. */
static void teardown(void) {
    vnode_unref(vnode);
    ck_assert_uint_eq(fake_objects(), 0);
}

/* Another process reads a little. */
static int others_read(void) {
    long got = take(read_so_far, 1000, true);
    ck_assert_int_gt(got, 0);
    read_so_far += (size_t)got;
    sleeps++;
    return 0;
}

START_TEST(test_order) {
    size_t written = 0, taken = 0;
    while (taken < 2 * CAPACITY) { /* round the ring, at all offsets */
        long n = put(written, 1 + written * 7 % 5000, true);
        if (n > 0)
            written += (size_t)n;
        else
            ck_assert_int_eq(n, -EAGAIN);
        n = take(taken, 1 + taken * 11 % 3000, true);
        ck_assert_int_gt(n, 0);
        taken += (size_t)n;
    }
    ck_assert_int_eq(memcmp(source, target, taken), 0);
}
END_TEST

START_TEST(test_capacity_and_atomicity) {
    ck_assert_int_eq(put(0, sizeof source, true), CAPACITY); /* a long one is cut */
    ck_assert_int_eq(put(0, 1, true), -EAGAIN);
    ck_assert_int_eq(take(0, ATOMIC - 1, true), ATOMIC - 1);
    ck_assert_int_eq(put(CAPACITY, ATOMIC, true), -EAGAIN); /* a short one is not */
    ck_assert_int_eq(put(CAPACITY, ATOMIC + 1, true), ATOMIC - 1);
}
END_TEST

START_TEST(test_writer_waits) {
    fake_sleep = others_read;
    ck_assert_int_eq(put(0, sizeof source, false), sizeof source);
    ck_assert_uint_gt(sleeps, 100);
    fake_sleep = NULL;
    while (read_so_far < sizeof source)
        others_read();
    ck_assert_int_eq(memcmp(source, target, sizeof source), 0);
}
END_TEST

static int others_close_writer(void) {
    vnode->operations->closed(vnode, false, true);
    return 0;
}

static int others_close_reader(void) {
    vnode->operations->closed(vnode, true, false);
    return 0;
}

START_TEST(test_ends) {
    ck_assert_int_eq(take(0, 10, true), -EAGAIN);
    ck_assert_int_eq(put(0, 3, true), 3);
    fake_sleep = others_close_writer;
    ck_assert_int_eq(take(0, 10, false), 3); /* what there is, at once */
    ck_assert_int_eq(take(0, 10, false), 0); /* waits, and sees the end */
    ck_assert_uint_eq(vnode->operations->poll(vnode) & (POLLIN | POLLHUP), POLLHUP);
    vnode->operations->opened(vnode, false, true);
    ck_assert_int_eq(put(0, CAPACITY, true), CAPACITY);
    fake_sleep = others_close_reader;
    ck_assert_int_eq(put(0, 1, false), -EPIPE);
    ck_assert_uint_eq(vnode->operations->poll(vnode) & (POLLOUT | POLLERR), POLLERR);
}
END_TEST

static int a_signal(void) {
    return -EINTR;
}

START_TEST(test_signals) {
    fake_sleep = a_signal;
    ck_assert_int_eq(take(0, 10, false), -EINTR);
    ck_assert_int_eq(put(0, 2 * CAPACITY, false), CAPACITY); /* not an error: something was written */
    ck_assert_int_eq(put(0, 1, false), -EINTR);
    ck_assert_int_eq(take(0, 10, false), 10);
}
END_TEST

/* What could not be copied out is still there. */
START_TEST(test_bad_memory) {
    fake_user_end = (vaddr_t)source + 5000;
    ck_assert_int_eq(put(0, 6000, true), 5000);
    ck_assert_int_eq(put(5000, 10, true), -EFAULT);
    fake_user_end = (vaddr_t)target + 4500;
    ck_assert_int_eq(take(0, 5000, true), 4500);
    ck_assert_int_eq(take(4500, 500, true), -EFAULT);
    fake_user_end = 0;
    ck_assert_int_eq(take(4500, 600, true), 500);
    ck_assert_int_eq(memcmp(source, target, 5000), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pipe");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, test_order);
    tcase_add_test(all, test_capacity_and_atomicity);
    tcase_add_test(all, test_writer_waits);
    tcase_add_test(all, test_ends);
    tcase_add_test(all, test_signals);
    tcase_add_test(all, test_bad_memory);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
