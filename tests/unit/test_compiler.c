/*
 * The kernel's own 64-bit division and counting of bits (arch/x86/compiler.c) against the compiler's.
 *
 * links: arch/x86/compiler.c
 */
#include "arch/x86/compiler.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

static const uint64_t edges[] = {
    1,          2,          3,           10,          0x7FFFFFFF,  0x80000000,
    0x80000001, 0xFFFFFFFF, 0x100000000, 0x100000001, 0x1FFFFFFFF, 1ull << 62,
    1ull << 63, ~0ull - 1,  ~0ull,       0,           1000000000u, 0xFFFFFFFF00000000ull};

static void compare(uint64_t value, uint64_t by) {
    if (by == 0)
        return;
    ck_assert_uint_eq(divide_unsigned(value, by), value / by);
    if (value != 1ull << 63 || by != ~0ull) /* the one that overflows */
        ck_assert_int_eq(divide_signed((int64_t)value, (int64_t)by), (int64_t)value / (int64_t)by);
}

START_TEST(edges_by_edges) {
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++)
        for (unsigned j = 0; j < sizeof edges / sizeof *edges; j++)
            compare(edges[i], edges[j]);
}
END_TEST

static uint64_t random_bits(void) {
    uint64_t bits =
        (uint64_t)(uint32_t)random() << 33 ^ (uint64_t)(uint32_t)random() << 11 ^ (uint32_t)random();
    return bits >> random() % 64;
}

START_TEST(random_numbers) {
    srandom(1);
    for (unsigned i = 0; i < 100000; i++)
        compare(random_bits(), random_bits());
}
END_TEST

/* Quotients just at a whole number: where an estimate is one off. */
START_TEST(multiples_and_their_neighbours) {
    srandom(2);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t by = random_bits() | 1;
        uint64_t value = random_bits() / by * by;
        compare(value, by);
        compare(value - 1, by);
        compare(value + 1, by);
    }
}
END_TEST

START_TEST(bits) {
    srandom(3);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t value = random_bits();
        ck_assert_uint_eq(count_ones((uint32_t)value), (unsigned)__builtin_popcount((uint32_t)value));
        if (value != 0)
            ck_assert_uint_eq(count_trailing_zeros(value), (unsigned)__builtin_ctzll(value));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("compiler");
    TCase *cases = tcase_create("compiler");
    tcase_add_test(cases, edges_by_edges);
    tcase_add_test(cases, random_numbers);
    tcase_add_test(cases, multiples_and_their_neighbours);
    tcase_add_test(cases, bits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
