/*
 * The rate of the time-stamp counter, measured while a host takes the processor away: at any moment, for times from
 * a fraction of a reading to several rounds of the PIT. What is found must be right to a part in a thousand.
 *
 * links: arch/x86/calibrate.c
 */
#include "arch/x86/port.h"
#include "arch/x86/time.h"
#include "arch/x86/time_boot.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { CHANNEL2 = 0x42, COMMAND = 0x43, SPEAKER = 0x61, LATCH_COMMAND = 0x80 };

static double now;         /* seconds */
static double hz;          /* the counter's */
static unsigned away;      /* chances in a million that the processor is taken away at a step */
static double away_for[2]; /* least and most seconds */
static double loaded_at;
static uint16_t latched;
static bool low_byte, stands;
static uint32_t state;

static double chance(void) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / (double)(1u << 24);
}

/* Every access takes a while, and some take much longer. */
static void step(double seconds) {
    now += seconds * (1 + chance());
    if (chance() * 1e6 < away)
        now += away_for[0] + (away_for[1] - away_for[0]) * chance();
}

uint64_t time_counter(void) {
    step(20e-9);
    return (uint64_t)(now * hz);
}

void port_out8(uint16_t port, uint8_t value) {
    step(30e-9);
    if (port == COMMAND && value == LATCH_COMMAND)
        latched = stands ? 0xFFFF : (uint16_t)(0xFFFF - (uint64_t)((now - loaded_at) * PIT_HZ)),
        low_byte = true;
    else if (port == CHANNEL2)
        loaded_at = now;
    step(30e-9);
}

uint8_t port_in8(uint16_t port) {
    step(60e-9);
    if (port != CHANNEL2)
        return 0;
    uint8_t value = (uint8_t)(low_byte ? latched : latched >> 8);
    low_byte = !low_byte;
    return value;
}

static void host(uint32_t seed, double rate, unsigned chances, double least, double most) {
    state = seed;
    now = 1 + seed % 1000;
    hz = rate;
    away = chances;
    away_for[0] = least;
    away_for[1] = most;
    stands = false;
}

static void check_rate(void) {
    double found = (double)time_measure_rate();
    ck_assert_double_gt(found, hz * 0.999);
    ck_assert_double_lt(found, hz * 1.001);
}

/* Three rounds, ten milliseconds. */
START_TEST(test_quiet) {
    for (uint32_t seed = 0; seed < 50; seed++) {
        host(seed, 1e9 + seed * 77e6, 0, 0, 0);
        double begin = now;
        check_rate();
        ck_assert_double_lt(now - begin, 0.015);
    }
}
END_TEST

/* Readings are torn apart all the time, and now and then a whole time slice is gone. */
START_TEST(test_busy) {
    for (uint32_t seed = 0; seed < 300; seed++) {
        host(seed, 2.4e9, 100000, 10e-6, 3e-3);
        check_rate();
        host(seed, 2.4e9, 2000, 1e-3, 30e-3);
        check_rate();
    }
}
END_TEST

/* The processor is away for so long that the PIT goes all round, in one round of twenty. */
START_TEST(test_all_round) {
    for (uint32_t seed = 0; seed < 300; seed++) {
        host(seed, 3e9, 1, 50e-3, 60e-3);
        check_rate();
    }
}
END_TEST

START_TEST(test_no_pit) {
    host(1, 2e9, 0, 0, 0);
    stands = true;
    ck_assert_uint_eq(time_measure_rate(), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calibration");
    TCase *tests = tcase_create("calibration");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_quiet);
    tcase_add_test(tests, test_busy);
    tcase_add_test(tests, test_all_round);
    tcase_add_test(tests, test_no_pit);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
