/*
 * The guest tests: see guest.h. `guest-tests --list` prints each test case with its weight (about the
 * seconds it takes); CK_RUN_CASE chooses one, so that tests/run can run several at a time.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian keeps e2fsprogs where an ordinary user's PATH does not lead. */
static void add_system_directories(void) {
    char path[4096];
    const char *old = getenv("PATH");
    snprintf(path, sizeof(path), "%s:/usr/sbin:/sbin", old != NULL ? old : "/usr/bin:/bin");
    setenv("PATH", path, 1);
}

int main(int argc, char **argv) {
    add_system_directories();
    Suite *suite = suite_create("guest");
    add_load_cases(suite);
    add_trap_cases(suite);
    add_paging_cases(suite);
    add_limit_cases(suite);
    add_system_cases(suite);
    add_file_cases(suite);
    add_semantics_cases(suite);
    add_abi_cases(suite);
    add_replacement_cases(suite);
    add_fault_cases(suite);
    add_shared_cases(suite);
    SRunner *runner = srunner_create(suite);
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        guest_cases_list();
    } else {
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
    }
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
