/*
 * Where memory ends: none left, swap full, no swap, hardly any to begin with. Somebody may be refused or
 * killed; the data of the others stays right, the machine goes on, and afterwards all is there again.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes all there is, twice, and works afterwards as if nothing had happened. */
static const char eat_and_go_on[] = "eatmem >/dev/null; echo one; eatmem >/dev/null; echo two; quicksort 1M";

/* The output lines that do not depend on whether eatmem was refused or killed. */
static void check_went_on(const struct run *run) {
    struct run host = host_run(COMMAND("quicksort", "1M"));
    ck_assert_int_eq(run->status, 0);
    ck_assert_ptr_nonnull(strstr(run->output, "one\n"));
    ck_assert_ptr_nonnull(strstr(run->output, "two\n"));
    ck_assert_msg(strstr(run->output, host.output) != NULL, "after eatmem: %s", run->output);
    ck_assert_int_eq(counter(run, "nr_anons"), 0);
}

START_TEST(out_of_memory_without_swap) {
    struct guest machine = {.mem = "16M", .options = {"--swap-size=0"}, .check = 25};
    struct run run = guest_run(&machine, SHELL(eat_and_go_on));
    check_went_on(&run);
    ck_assert_int_eq(counter(&run, "nr_swap_total"), 0);
    ck_assert_int_eq(counter(&run, "pswpout"), 0);
}
END_TEST

START_TEST(out_of_memory_and_swap) {
    struct guest machine = {.frames = 1024, .options = {"--swap-size=16M"}, .check = 25};
    struct run run = guest_run(&machine, SHELL(eat_and_go_on));
    check_went_on(&run);
    ck_assert_int_ge(counter(&run, "pswpout"), 3000); /* the swap has been full */
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

/* A load that just fits into frames and swap together, with hardly a slot to spare. */
START_TEST(swap_nearly_full) {
    struct guest machine = {.frames = 1024, .options = {"--swap-size=8M"}, .check = 25};
    struct run run = guest_like_host(&machine, COMMAND("seqsweep", "9M", "3"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 2000);
}
END_TEST

/* Eight processes ask for more than there is: some end badly, the machine does not. */
START_TEST(several_want_too_much) {
    struct guest machine = {.frames = 768, .options = {"--swap-size=8M"}, .check = 25};
    struct run run = guest_run(&machine, SHELL("forkload 8 4M 2 >/dev/null; echo over; quicksort 1M"));
    struct run host = host_run(COMMAND("quicksort", "1M"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, "over\n"));
    ck_assert_ptr_nonnull(strstr(run.output, host.output));
}
END_TEST

START_TEST(programs_without_swap) {
    struct guest machine = {.mem = "16M", .frames = 1024, .options = {"--swap-size=0"}};
    guest_like_host(&machine, COMMAND("quicksort", "1M"));
    guest_like_host(&machine, COMMAND("sparsetext", "all", "2")); /* its pages need no swap */
}
END_TEST

/* --- four mebibytes in all ----------------------------------------------------------------------- */

static void run_in_4_mib(bool grub, bool pio) {
    struct guest machine = {.mem = "4M", .grub = grub, .pio = pio};
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "6M"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 1000);
    guest_like_host(&machine, SHELL("seqsweep 2M 2 | cat | wc -l; forkload 3 512K 2; echo $?"));
}

START_TEST(boot_with_4_mib) {
    run_in_4_mib(false, false);
}
END_TEST

START_TEST(boot_with_4_mib_through_grub) {
    run_in_4_mib(true, false);
}
END_TEST

START_TEST(boot_with_4_mib_by_pio) {
    run_in_4_mib(false, true);
}
END_TEST

/* --- bombs: everything that can run out --------------------------------------------------------- */

/*
 * Each twice, with the totals after each: the second time must leave exactly what the first has left, frame for
 * frame and slot for slot. Then a program whose data is checked. @spared: nobody may be killed, as there is
 * nothing that could not be refused.
 */
static const struct bomb {
    const char *what;
    bool spared;
} bombs[] = {{"fork", true}, {"stack", false},  {"brk", false}, {"map 10000", false}, {"file", true},
             {"pipe", true}, {"thread", false}, {"shm", false}, {"names", true},      {"lock", true}};

static const struct guest bomb_machines[] = {
    {.mem = "16M", .check = 50, .options = {"--swap-size=16M"}},
    {.mem = "16M", .check = 50, .options = {"--swap-size=0"}},
    {.mem = "4M", .check = 50, .options = {"--swap-size=16M"}},
    {.mem = "4M", .check = 50, .options = {"--swap-size=0"}},
};

static void check_totals(const struct run *run) {
    const char *first = strstr(run->output, "totals:");
    const char *second = first != NULL ? strstr(first + 1, "totals:") : NULL;

    ck_assert_msg(second != NULL, "no totals: %s", run->output);
    size_t length = strcspn(first, "\n");
    ck_assert_msg(strncmp(first, second, length + 1) == 0, "not all came back:\n%s", run->output);
}

static void run_bomb(const struct bomb *bomb, const struct guest *machine) {
    char script[200];

    snprintf(script, sizeof(script), "bomb %s; bomb totals; bomb %s; bomb totals; quicksort 512K", bomb->what,
             bomb->what);
    struct run run = guest_run(machine, SHELL(script)), host = host_run(COMMAND("quicksort", "512K"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, host.output));
    ck_assert_msg(strstr(run.output, ": over\n") != NULL, "%s", run.output);
    check_totals(&run);
    if (bomb->spared)
        ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    ck_assert_int_eq(counter(&run, "nr_anons"), 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}

/* Every bomb once, the machines in turn; with BOMBS=all each on each machine. */
START_TEST(a_bomb_is_refused_or_killed_and_all_comes_back) {
    int machines = (int)LENGTH(bomb_machines);

    if (getenv("BOMBS") != NULL)
        run_bomb(&bombs[_i / machines], &bomb_machines[_i % machines]);
    else
        run_bomb(&bombs[_i], &bomb_machines[_i % machines]);
}
END_TEST

/* Nobody removes them: the guest must, at its end, and what is left of memory must do for others. */
START_TEST(names_that_stay_do_no_harm) {
    struct guest machine = {.mem = "4M", .check = 50, .options = {"--swap-size=16M"}};
    struct run run = guest_run(&machine, SHELL("bomb names 1 && quicksort 512K")),
               host = host_run(COMMAND("quicksort", "512K"));

    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, host.output));
}
END_TEST

/* Somebody else's work goes on meanwhile, and is not chosen to die in the place of the one who wants all. */
START_TEST(others_work_beside_bombs) {
    static const char *const kinds[] = {"fork 5", "pipe 30", "brk"};
    struct guest machine = {.mem = "16M", .options = {"--swap-size=16M"}, .check = 50};
    char script[100];

    snprintf(script, sizeof(script), "bomb %s >/dev/null & quicksort 2M; wait", kinds[_i]);
    struct run run = guest_run(&machine, SHELL(script)), host = host_run(COMMAND("quicksort", "2M"));
    ck_assert_msg(strstr(run.output, host.output) != NULL, "%s", run.output);
}
END_TEST

void add_limit_cases(Suite *suite) {
    TCase *limits = guest_case(suite, "limits", 30);
    tcase_add_test(limits, out_of_memory_without_swap);
    tcase_add_test(limits, out_of_memory_and_swap);
    tcase_add_test(limits, swap_nearly_full);
    tcase_add_test(limits, several_want_too_much);
    tcase_add_test(limits, programs_without_swap);
    TCase *all = guest_case(suite, "bombs", 40);
    int runs = (int)(LENGTH(bombs) * (getenv("BOMBS") != NULL ? LENGTH(bomb_machines) : 1));
    tcase_add_loop_test(all, a_bomb_is_refused_or_killed_and_all_comes_back, 0, runs);
    tcase_add_test(all, names_that_stay_do_no_harm);
    tcase_add_loop_test(all, others_work_beside_bombs, 0, 3);
    TCase *tiny = guest_case(suite, "four-mebibytes", 20);
    tcase_add_test(tiny, boot_with_4_mib);
    tcase_add_test(tiny, boot_with_4_mib_through_grub);
    tcase_add_test(tiny, boot_with_4_mib_by_pio);
}
