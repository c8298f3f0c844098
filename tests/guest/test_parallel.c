/*
 * What runs side by side, in memory that does not suffice for it: threads in one space, processes that share
 * memory, processes that share nothing, transfers into pages that others want. Short, as it is made to be run
 * a hundred times in a row (`make test-repeat`).
 */
#include "tests/guest/guest.h"

#include <string.h>

static void check_all_given_back(const struct run *run) {
    ck_assert_int_eq(counter(run, "nr_anons"), 0);
    ck_assert_int_eq(counter(run, "nr_swap_free"), counter(run, "nr_swap_total"));
    ck_assert_int_eq(counter(run, "nr_pinned"), 0);
}

static const char *const words[] = {NULL, "swap=static", "scope=local", "ata=pio", "commit=strict"};

START_TEST(threads_in_one_space) {
    struct guest machine = {.frames = 256, .check = 25, .append = words[_i]};
    struct run run = guest_like_host(&machine, COMMAND("threads", "6", "1M", "2"));
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
    ck_assert_int_ge(counter(&run, "context_switches"), 300);
    check_all_given_back(&run);
}
END_TEST

START_TEST(processes_that_share_memory) {
    struct guest machine = {.frames = 256, .check = 25, .append = words[_i]};
    struct run run = guest_like_host(&machine, COMMAND("shmtest", "paging", "1M", "2"));
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
    check_all_given_back(&run);
}
END_TEST

START_TEST(eight_processes) {
    struct run run = guest_like_host(&(struct guest){.frames = 300, .check = 25, .append = words[_i]},
                                     COMMAND("forkload", "8", "256K", "2"));
    ck_assert_int_ge(counter(&run, "forks"), 8);
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
    check_all_given_back(&run);
}
END_TEST

START_TEST(direct_transfers) {
    struct guest machine = {.frames = 300, .check = 25, .append = words[_i]};
    struct run run = guest_run(&machine, COMMAND("directtest", "pressure", "file", "512K", "3"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "blk_raw_in"), 3 * 128);
    check_all_given_back(&run);
}
END_TEST

START_TEST(all_of_it_together) {
    static const char script[] =
        "threads 4 512K 2 >1 & shmtest paging 512K 2 >2 & forkload 4 128K 2 >3 & quicksort 512K >4 & "
        "cowtest 256K >5 & semantics thread sharing >6 & wait; cat 1 2 3 4 5 6";
    struct run run = guest_like_host(&(struct guest){.frames = 400, .check = 50}, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
    check_all_given_back(&run);
}
END_TEST

void add_parallel_cases(Suite *suite) {
    TCase *parallel = guest_case(suite, "parallel", 15);
    tcase_add_loop_test(parallel, threads_in_one_space, 0, (int)LENGTH(words));
    tcase_add_loop_test(parallel, processes_that_share_memory, 0, 2);
    tcase_add_loop_test(parallel, eight_processes, 0, 2);
    tcase_add_loop_test(parallel, direct_transfers, 0, 2);
    tcase_add_test(parallel, all_of_it_together);
}
