/*
 * Programs nobody here wrote, from Debian's i386 packages: the same binary on this machine and in the guest.
 * Works as the guest tests do (tests/guest/guest.h); `make test-real` fetches and builds what it needs.
 */
#include "tests/real/real.h"

#include <stdio.h>
#include <stdlib.h>

/* The programs come first, and e2fsprogs last, which Debian keeps where an ordinary user's PATH does not
 * lead. */
static void set_path(void) {
    char path[8192], *programs = realpath(REAL_PROGRAMS, NULL);
    const char *old = getenv("PATH");
    if (programs == NULL) {
        fprintf(stderr, "%s is not there: make test-real\n", REAL_PROGRAMS);
        exit(EXIT_FAILURE);
    }
    snprintf(path, sizeof(path), "%s:%s:/usr/sbin:/sbin", programs, old != NULL ? old : "/usr/bin:/bin");
    setenv("PATH", path, 1);
    setenv("TERM", "vt100", 1);
}

int main(int argc, char **argv) {
    set_path();
    Suite *suite = suite_create("real");
    add_real_cases(suite);
    add_vi_case(suite);
    add_procps_case(suite);
    return guest_main(suite, argc, argv);
}
