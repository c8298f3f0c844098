/* The end of every unit test's main(): runs the suite, and says how it went as tests/run wants to hear it. */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs all tests of @suite, each in a process of its own (unless CK_FORK=no). The exit status. */
static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
