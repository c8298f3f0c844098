/*
 * Where memory ends: none left, swap full, no swap, hardly any to begin with. Somebody may be refused or
 * killed; the data of the others stays right, the machine goes on, and afterwards all is there again.
 */
#include "tests/guest/guest.h"

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

void add_limit_cases(Suite *suite) {
    TCase *limits = guest_case(suite, "limits", 30);
    tcase_add_test(limits, out_of_memory_without_swap);
    tcase_add_test(limits, out_of_memory_and_swap);
    tcase_add_test(limits, swap_nearly_full);
    tcase_add_test(limits, several_want_too_much);
    tcase_add_test(limits, programs_without_swap);
    TCase *tiny = guest_case(suite, "four-mebibytes", 20);
    tcase_add_test(tiny, boot_with_4_mib);
    tcase_add_test(tiny, boot_with_4_mib_through_grub);
    tcase_add_test(tiny, boot_with_4_mib_by_pio);
}
