/* What the files of test-real share. */
#ifndef TESTS_REAL_REAL_H
#define TESTS_REAL_REAL_H

#include "tests/guest/guest.h"

#define REAL_PROGRAMS "build/real/bin"
#define REAL_SECONDS  800 /* of one test; an emulated machine on a busy one */

/* Where the root file system starts on the disk (tools/mkimage). */
#define ROOT_PARTITION "?offset=1048576"

/* Copies a file out of a guest's disk, by debugfs. */
void fetch_from_disk(const char *disk, const char *guest_path, const char *to);

void add_real_cases(Suite *suite);
void add_vi_case(Suite *suite);
void add_procps_case(Suite *suite);

#endif
