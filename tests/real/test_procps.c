/*
 * /proc as procps reads it: libproc2, of ps, top, free, vmstat and uptime, linked with tests/real/programs/procps.c,
 * which compares what the library says with what is so. Here and in the guest it finds the same.
 */
#include "tests/real/real.h"

#include <string.h>

START_TEST(procps_reads_proc) {
    struct guest machine = {.frames = (unsigned)_i,
                            .options = {"--add=" REAL_PROGRAMS "/procps:/bin/procps"}};
    struct run host = host_run(COMMAND("procps"));
    struct run run = guest_run(&machine, COMMAND("procps"));

    ck_assert_msg(host.status == 0, "here: %s", host.output);
    ck_assert_str_eq(run.output, host.output);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.output, "WRONG"));
    if (_i != 0)
        ck_assert_int_gt(counter(&run, "pgmajfault"), 100);
}
END_TEST

void add_procps_case(Suite *suite) {
    static const int frames[] = {0, 160};
    TCase *tcase = guest_case(suite, "real-procps", 10);

    tcase_set_timeout(tcase, REAL_SECONDS);
    for (unsigned i = 0; i < LENGTH(frames); i++)
        tcase_add_loop_test(tcase, procps_reads_proc, frames[i], frames[i] + 1);
}
