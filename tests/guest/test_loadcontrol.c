/* Load control: processes that do not fit together take turns in memory, whole, and none is left behind. */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A disk as slow as a real one, and memory for some three of the working sets below. */
#define SMALL(disk) .mem = "24M", .frames = 512, .check = 50, .options = {disk}

/* Each page that was prepaged has been used, or has been found useless, by the end of its process at the latest. */
static void check_prepaged(const struct run *run) {
    ck_assert_int_eq(counter(run, "prepage_hit") + counter(run, "prepage_miss"),
                     counter(run, "prepage_swap"));
}

/* What six processes write and check is what it is on the host, though each has been out whole, and back in. */
START_TEST(turns_lose_no_byte) {
    struct guest machine = {SMALL("--iops=400"), .append = "loadcontrol=1 policy=fifo"};
    struct run run = guest_like_host(&machine, COMMAND("workset", "6", "512K", "60", "100", "10"));
    ck_assert_int_ge(counter(&run, "swapout_procs"), 4);
    ck_assert_int_eq(counter(&run, "swapin_procs"), counter(&run, "swapout_procs"));
    ck_assert_int_ge(counter(&run, "prepage_swap"), 300);
    ck_assert_int_ge(counter(&run, "prepage_hit"), counter(&run, "prepage_swap") / 2);
    check_prepaged(&run);
    ck_assert_int_eq(counter(&run, "nr_suspended"), 0);
}
END_TEST

/* The same work costs less than half of the page-ins by fault. */
START_TEST(turns_end_thrashing) {
    struct guest without = {SMALL("--iops=400"), .append = "policy=fifo"};
    struct guest with = {SMALL("--iops=400"), .append = "policy=fifo loadcontrol=1"};
    struct run thrashing = guest_run(&without, COMMAND("workset", "6", "512K", "30", "100", "10"));
    struct run turns = guest_run(&with, COMMAND("workset", "6", "512K", "30", "100", "10"));
    ck_assert_int_eq(thrashing.status, 0);
    ck_assert_int_eq(turns.status, 0);
    ck_assert_int_ge(counter(&turns, "swapout_procs"), 2);
    ck_assert_int_eq(counter(&thrashing, "swapout_procs"), 0);
    ck_assert_int_lt(2 * counter(&turns, "pgmajfault"), counter(&thrashing, "pgmajfault"));
}
END_TEST

/* The smallest number in lines "workset: process N: NUMBER rounds, …", and the sum of them. */
static long least_rounds(const char *output, long *sum) {
    long least = -1;
    *sum = 0;
    for (const char *line = output; (line = strstr(line, ": process ")) != NULL; line++) {
        long rounds = strtol(strchr(line + 2, ':') + 1, NULL, 10);
        least = least < 0 || rounds < least ? rounds : least;
        *sum += rounds;
    }
    return least;
}

/* In the same time each gets done at least a third of what it would if all got the same. */
START_TEST(nobody_is_left_behind) {
    struct guest machine = {SMALL("--iops=400"), .append = "loadcontrol=1"};
    struct run run = guest_run(&machine, COMMAND("workset", "-t", "8", "6", "512K"));
    long sum, least = least_rounds(run.output, &sum);
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "swapout_procs"), 6);
    ck_assert_msg(least * 6 * 3 >= sum, "the least has done %ld of %ld rounds", least, sum);
}
END_TEST

/* Local replacement: the frames of those who are out are the others' to share. */
START_TEST(turns_with_quotas) {
    struct guest machine = {SMALL("--iops=400"), .append = "loadcontrol=1 scope=local quota=proportional"};
    struct run run = guest_like_host(&machine, COMMAND("workset", "5", "512K", "25", "100", "10"));
    ck_assert_int_ge(counter(&run, "swapout_procs"), 2);
    ck_assert_int_ge(counter(&run, "prepage_hit"), 30);
    check_prepaged(&run);
}
END_TEST

/* The number in the first line "nr_suspended N" at or after *@text, which moves behind it. */
static long suspended(const char **text) {
    const char *line = strstr(*text, "nr_suspended ");
    ck_assert_msg(line != NULL, "no nr_suspended in %s", *text);
    *text = line + 1;
    return strtol(line + strlen("nr_suspended "), NULL, 10);
}

/* Six that would run for long, in the background; their pids in $a to $f. */
static const char letters[] = "abcdef";
#define ALL_SIX "$a $b $c $d $e $f"

static void start_six(char *script, size_t size) {
    for (const char *l = letters; *l != '\0'; l++)
        snprintf(script + strlen(script), size - strlen(script),
                 "workset 1 512K 4000 100 10 >/dev/null & %c=$!; ", *l);
}

static void wait_for_six(char *script, size_t size) {
    for (int job = 1; job <= 6; job++)
        snprintf(script + strlen(script), size - strlen(script), "wait %d; echo died: $?; ", job);
}

static void check_all_died(const char *text) {
    for (int job = 1; job <= 6; job++) {
        const char *line = strstr(text, "died: 143\n");
        ck_assert_msg(line != NULL, "not all died: %s", text);
        text = line + 1;
    }
}

/* Whoever is suspended can be killed, stopped and continued, and is waited for like any other. */
START_TEST(the_suspended_get_their_signals) {
    char script[2048] = "";
    start_six(script, sizeof(script));
    strcat(script, "vmstat -w nr_suspended 1; kill -STOP " ALL_SIX "; sleep 1; kill -CONT " ALL_SIX
                   "; sleep 2; kill " ALL_SIX "; ");
    wait_for_six(script, sizeof(script));
    struct guest machine = {SMALL("--iops=1000"), .append = "loadcontrol=1 policy=fifo"};
    struct run run = guest_run(&machine, SHELL(script));
    const char *text = run.output;
    ck_assert_int_ge(suspended(&text), 1);
    check_all_died(text);
}
END_TEST

/* Turned off while it has suspended somebody: all go on at once. */
START_TEST(it_can_be_turned_off) {
    char script[2048] = "";
    start_six(script, sizeof(script));
    strcat(script,
           "vmstat -w nr_suspended 1; echo 0 >/proc/sys/vm/loadcontrol; cat /proc/vmstat "
           "/proc/sys/vm/loadcontrol; echo 61 >/proc/sys/vm/loadcontrol || echo refused; kill " ALL_SIX "; ");
    wait_for_six(script, sizeof(script));
    struct guest machine = {SMALL("--iops=1000"), .append = "loadcontrol=1 policy=fifo"};
    struct run run = guest_run(&machine, SHELL(script));
    const char *text = run.output;
    ck_assert_int_ge(suspended(&text), 1);
    ck_assert_int_eq(suspended(&text), 0);
    ck_assert_ptr_nonnull(strstr(text, "\n0\necho: write error: Invalid argument\nrefused\n"));
    check_all_died(text);
}
END_TEST

/* Pages that leave together find bad places on swap: they are written elsewhere, and all come back as they were. */
START_TEST(turns_on_bad_slots) {
    struct guest machine = {SMALL("--iops=400"), .append = "loadcontrol=1 policy=fifo", .broken_disk = true};
    machine.options[1] = "--disk-fault=write:swap@1-3000:10%";
    struct run run = guest_like_host(&machine, COMMAND("workset", "6", "512K", "40", "100", "10"));
    ck_assert_int_ge(counter(&run, "swapout_procs"), 2);
    ck_assert_int_eq(counter(&run, "swapin_procs"), counter(&run, "swapout_procs"));
    ck_assert_int_ge(counter(&run, "swap_write_errors"), 20);
    check_prepaged(&run);
}
END_TEST

static unsigned occurrences(const char *text, const char *what) {
    unsigned count = 0;
    while ((text = strstr(text, what)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Who cannot be read back dies of that, and takes no other along: each of the six ends well or by SIGBUS. */
START_TEST(turns_on_unreadable_slots) {
    char script[1024] = "";
    for (int job = 1; job <= 6; job++)
        strcat(script, "workset 1 512K 40 100 10 >/dev/null & ");
    wait_for_six(script, sizeof(script));
    struct guest machine = {SMALL("--iops=400"), .append = "loadcontrol=1 policy=fifo", .broken_disk = true};
    machine.options[1] = "--disk-fault=read:swap@1-3000:1%";
    struct run run = guest_run(&machine, SHELL(script));
    /* A workset whose process has died ends with 1, and says of what; or dies itself. */
    unsigned well = occurrences(run.output, "died: 0\n"), told = occurrences(run.output, "died: 1\n");
    unsigned killed = occurrences(run.output, "died: 135\n");
    ck_assert_msg(well + told + killed == 6 && well < 6, "%s", run.output);
    ck_assert_uint_eq(occurrences(run.output, "ended with status 135"), told);
    ck_assert_int_ge(counter(&run, "swapout_procs"), 2);
    ck_assert_int_eq(counter(&run, "nr_anons"), 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

void add_loadcontrol_cases(Suite *suite) {
    TCase *turns = guest_case(suite, "load-control", 60);
    tcase_add_test(turns, turns_lose_no_byte);
    tcase_add_test(turns, turns_end_thrashing);
    tcase_add_test(turns, nobody_is_left_behind);
    tcase_add_test(turns, turns_with_quotas);

    TCase *others = guest_case(suite, "load-control-signals", 30);
    tcase_add_test(others, the_suspended_get_their_signals);
    tcase_add_test(others, it_can_be_turned_off);

    TCase *faults = guest_case(suite, "load-control-faults", 40);
    tcase_add_test(faults, turns_on_bad_slots);
    tcase_add_test(faults, turns_on_unreadable_slots);
}
