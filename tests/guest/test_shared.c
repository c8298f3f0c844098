/*
 * Shared memory, pinned pages, and what /proc says about pages: the facts as on this machine, then the same
 * things with too little memory, where the counters prove that pages went and came back meanwhile.
 */
#include "tests/guest/guest.h"

#include <signal.h>
#include <string.h>

enum { PAGE_INS = 300 };

/* When every process has ended, no page, slot or pin of theirs may be left. */
static void check_all_given_back(const struct run *run) {
    ck_assert_int_eq(counter(run, "nr_anons"), 0);
    ck_assert_int_eq(counter(run, "nr_swap_free"), counter(run, "nr_swap_total"));
    ck_assert_int_eq(counter(run, "nr_pinned"), 0);
}

/* --- facts --------------------------------------------------------------------------------------- */

static const struct guest machines[] = {
    {.mem = "32M"},
    {.frames = 300, .check = 25, .grub = true},
    {.frames = 300, .check = 25, .append = "swap=static"},
};

START_TEST(shared_memory_facts) {
    struct run run = guest_like_host(&machines[_i], COMMAND("shmtest", "sysv"));
    check_all_given_back(&run);
    run = guest_like_host(&machines[_i], COMMAND("shmtest", "files"));
    check_all_given_back(&run);
}
END_TEST

START_TEST(pages_are_where_proc_says) {
    struct run run = guest_like_host(&(struct guest){.mem = "32M"}, COMMAND("pagemap", "check", "4M"));
    ck_assert_int_eq(counter(&run, "pswpin"), 0);
    run = guest_like_host(&(struct guest){.frames = 400, .check = 25}, COMMAND("pagemap", "check", "4M"));
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
}
END_TEST

/* This machine's file system may have no O_DIRECT (tmpfs): then the guest's facts stand alone. */
START_TEST(direct_facts) {
    static const struct guest disks[] = {
        {.options = {"--block-size=4096"}}, {.options = {"--block-size=1024"}}, {.pio = true}};
    struct run host = host_run(COMMAND("directtest", "facts", "file"));
    struct run run = guest_run(&disks[_i], COMMAND("directtest", "facts", "file"));
    ck_assert_int_eq(run.status, 0);
    if (host.status == 0)
        check_same(&run, &host);
    ck_assert_int_gt(counter(&run, "blk_raw_out"), 0);
}
END_TEST

/* Disks too: what lies on them past the cache is what the cache shows. */
START_TEST(direct_from_disks) {
    struct run run =
        guest_run(&(struct guest){.frames = 400}, SHELL("directtest compare /dev/hda1 2M && "
                                                        "directtest compare /dev/hda2 512K && "
                                                        "directtest compare /bin/quicksort 20K"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.output, "no"));
    ck_assert_int_ge(counter(&run, "blk_raw_in"), 600);
}
END_TEST

/* SwapTotal, SwapFree and SwapCached, to the page, against what /proc says of each page of each process. */
START_TEST(swap_figures_are_right_to_the_page) {
    static const char *const more[] = {NULL, "scope=local clean=off", "swap=static"};
    struct guest machine = {.frames = 600, .check = 50, .append = more[_i]};
    struct run run =
        guest_run(&machine, _i == 2 ? COMMAND("swapfigures", "static", "1M") : COMMAND("swapfigures", "1M"));
    ck_assert_msg(run.status == 0, "swapfigures: %s", run.output);
    ck_assert_int_ge(counter(&run, "pswpout"), PAGE_INS);
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

/* In memory, in the pool, being written and on swap: each counted by the program itself. */
START_TEST(fork_copies_nothing_until_written) {
    static const char *const more[] = {"clean=off", "swap=static readahead=0", "scope=local ata=pio"};
    struct guest machine = {.frames = 1200, .check = 25, .append = more[_i]};
    if (_i == 0)
        machine.options[0] = "--iops=40";
    struct run run = guest_run(&machine, COMMAND("forkstates", "256", "6M", _i == 0 ? "slow" : NULL));
    ck_assert_msg(run.status == 0, "forkstates: %s", run.output);
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
    ck_assert_int_ge(counter(&run, "fault_reclaim"), PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

/* Modified pages of files reach the disk when their last user goes, and not before. */
START_TEST(pages_are_written_for_the_last_user) {
    static const struct guest disks[] = {{.check = 10}, {.pio = true, .options = {"--block-size=1024"}}};
    struct run run = guest_run(&disks[_i], COMMAND("lastuser", "/file"));
    ck_assert_msg(run.status == 0, "lastuser: %s", run.output);
    check_all_given_back(&run);
}
END_TEST

/* With all promises kept there is no killing: who asks for too much is refused. */
START_TEST(promises_are_kept) {
    struct guest machine = {.frames = 300, .append = "commit=strict", .options = {"--swap-size=8M"}};
    struct run run =
        guest_run(&machine, SHELL("shmtest sysv | wc -l; cat /dev/zero 2> /dev/null > /dev/shm/f; "
                                  "echo $?; rm /dev/shm/f; shmtest paging 1M 2"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    check_all_given_back(&run);
}
END_TEST

/* Each call that promises memory changes Committed_AS by its pages, and what undoes it changes it back. */
START_TEST(promises_are_right_to_the_page) {
    static const char *const more[] = {"commit=strict", "commit=strict swap=static"};
    struct run run =
        guest_run(&(struct guest){.frames = 400, .check = 10, .append = more[_i]}, COMMAND("promises"));
    ck_assert_msg(run.status == 0, "promises: %s", run.output);
    check_all_given_back(&run);
}
END_TEST

/* Programs that take all they can get and use all of it are refused more in time, and none is killed. */
START_TEST(hungry_programs_are_refused) {
    static const char *const more[] = {"commit=strict", "commit=strict policy=fifo scope=local"};
    struct guest machine = {.frames = 300, .append = more[_i], .options = {"--swap-size=8M"}};
    struct run run = guest_run(&machine, SHELL("eatmem 1G 64K & eatmem 1G 20K & eatmem 1G 256K & wait"));
    ck_assert_int_eq(run.status, 0); /* some may not even have been started, which the shell says */
    ck_assert_ptr_nonnull(strstr(run.output, "eatmem: no more memory, all of it checked\n"));
    ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    ck_assert_int_ge(counter(&run, "pswpout"), 1200);
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

/* Frames that the kernel and programs share: page tables and stacks must not eat what has been promised. */
START_TEST(hungry_programs_of_a_small_machine) {
    struct guest machine = {.mem = "6M", .append = "commit=strict", .options = {"--swap-size=4M"}};
    struct run run = guest_run(&machine, SHELL("eatmem 1G 4K & eatmem 1G 64K & eatmem 1G 1M & wait"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    check_all_given_back(&run);
}
END_TEST

START_TEST(a_stack_that_may_not_grow) {
    struct guest machine = {.frames = 300, .append = "commit=strict", .options = {"--swap-size=4M"}};
    struct run run = guest_run(&machine, COMMAND("deeprec", "7M"));
    ck_assert_int_eq(run.status, STATUS_SIGNAL + SIGSEGV);
    ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    check_all_given_back(&run);
}
END_TEST

/* A program that lies in memory only, and a file system that is full. */
START_TEST(files_in_memory) {
    struct guest machine = {.frames = 300, .check = 25, .options = {"--swap-size=4M"}};
    struct run run = guest_run(&machine, SHELL("cp /bin/quicksort /dev/shm/q; /dev/shm/q 1M; "
                                               "cat /dev/zero 2> /dev/null > /dev/shm/f; echo $?; "
                                               "rm /dev/shm/f; cat /bin/quicksort > /dev/shm/f; echo $?; "
                                               "rm /dev/shm/f /dev/shm/q"));
    struct run host = host_run(SHELL("quicksort 1M; echo 1; echo 0"));
    check_same(&run, &host);
    ck_assert_int_ge(counter(&run, "pswpout"), PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

/* --- under pressure ------------------------------------------------------------------------------ */

static const char *const words[] = {NULL, "swap=static", "scope=local", "policy=fifo", "ata=pio"};

START_TEST(shared_pages_are_paged) {
    struct guest machine = {.frames = 512, .check = 25, .append = words[_i]};
    struct run run = guest_like_host(&machine, COMMAND("shmtest", "paging", "4M", "3"));
    ck_assert_int_ge(counter(&run, "pswpin"), 10 * PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

START_TEST(direct_under_pressure) {
    struct guest machine = {.frames = 512, .check = 25, .append = words[_i]};
    struct run run = guest_run(&machine, COMMAND("directtest", "pressure", "file", "1M", "8"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
    ck_assert_int_ge(counter(&run, "blk_raw_in"), 8 * 256);
    ck_assert_int_ge(counter(&run, "blk_raw_out"), 7 * 256); /* the first write makes the file */
    check_all_given_back(&run);
}
END_TEST

/*
 * Transfers among neighbours that are paged, and whose memory or process goes half-way. The slow disk makes the middle
 * long; victims were taken while pages were pinned, so the policy has gone round without those.
 */
START_TEST(pinned_among_neighbours) {
    static const char *const more[] = {NULL, "swap=static cluster=4", "scope=local policy=fifo"};
    struct guest machine = {.frames = 700, .check = 50, .append = more[_i], .options = {"--iops=100"}};
    struct run run = guest_run(&machine, COMMAND("pintest", "file", "4"));
    ck_assert_msg(run.status == 0, "pintest: %s", run.output);
    ck_assert_int_ge(counter(&run, "pgevict_pinned"), PAGE_INS);
    ck_assert_int_ge(counter(&run, "pswpin"), PAGE_INS);
    ck_assert_int_ge(counter(&run, "dma_pin"), PAGE_INS);
    ck_assert_int_eq(counter(&run, "dma_pin"), counter(&run, "dma_unpin"));
    check_all_given_back(&run);
}
END_TEST

/* fork, munmap and exit while the disk, a slow one at times, works on the pages. */
START_TEST(direct_and_processes) {
    static const char *const disks[] = {"--block-size=4096", "--iops=400"};
    struct guest machine = {.frames = 400, .check = 10, .options = {disks[_i]}};
    struct run run = guest_run(&machine, COMMAND("directtest", "fork", "file"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "blk_raw_in"), PAGE_INS);
    check_all_given_back(&run);
    run = guest_run(&machine, COMMAND("directtest", "unmap", "file", "30"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "blk_raw_in"), PAGE_INS);
    check_all_given_back(&run);
}
END_TEST

void add_shared_cases(Suite *suite) {
    TCase *facts = guest_case(suite, "shared-facts", 15);
    tcase_add_loop_test(facts, shared_memory_facts, 0, (int)LENGTH(machines));
    tcase_add_test(facts, pages_are_where_proc_says);
    tcase_add_test(facts, files_in_memory);
    tcase_add_loop_test(facts, swap_figures_are_right_to_the_page, 0, 3);
    tcase_add_loop_test(facts, pages_are_written_for_the_last_user, 0, 2);
    tcase_add_test(facts, direct_from_disks);
    TCase *promises = guest_case(suite, "promises", 15);
    tcase_add_test(promises, promises_are_kept);
    tcase_add_loop_test(promises, promises_are_right_to_the_page, 0, 2);
    tcase_add_loop_test(promises, hungry_programs_are_refused, 0, 2);
    tcase_add_test(promises, hungry_programs_of_a_small_machine);
    tcase_add_test(promises, a_stack_that_may_not_grow);
    tcase_add_loop_test(facts, direct_facts, 0, 3);
    TCase *pressure = guest_case(suite, "shared-pressure", 45);
    tcase_add_loop_test(pressure, shared_pages_are_paged, 0, (int)LENGTH(words));
    tcase_add_loop_test(pressure, fork_copies_nothing_until_written, 0, 3);
    TCase *direct = guest_case(suite, "direct", 65);
    tcase_add_loop_test(direct, direct_under_pressure, 0, (int)LENGTH(words));
    tcase_add_loop_test(direct, direct_and_processes, 0, 2);
    tcase_add_loop_test(direct, pinned_among_neighbours, 0, 3);
}
