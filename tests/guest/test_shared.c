/*
 * Shared memory, pinned pages, and what /proc says about pages: the facts as on this machine, then the same
 * things with too little memory, where the counters prove that pages went and came back meanwhile.
 */
#include "tests/guest/guest.h"

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
    tcase_add_test(facts, direct_from_disks);
    tcase_add_test(facts, promises_are_kept);
    tcase_add_loop_test(facts, direct_facts, 0, 3);
    TCase *pressure = guest_case(suite, "shared-pressure", 40);
    tcase_add_loop_test(pressure, shared_pages_are_paged, 0, (int)LENGTH(words));
    TCase *direct = guest_case(suite, "direct", 50);
    tcase_add_loop_test(direct, direct_under_pressure, 0, (int)LENGTH(words));
    tcase_add_loop_test(direct, direct_and_processes, 0, 2);
}
