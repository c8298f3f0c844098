/*
 * The list of facts that `semantics` prints, here and in the guest: the same lines, on a roomy machine and on
 * one so small that whatever is mapped, shared or copied has also been out on the disk.
 */
#include "tests/guest/guest.h"

#include <string.h>

static const char *const themes[] = {"access", "misuse", "mapping", "file", "sharing", "figures", "usercopy",
                                     "signal", "frame",  "thread",  "abi",  "limits",  "waiting", "children"};

/* No group may have hung or died, on either side: the host would say the same as a guest that is as wrong. */
static void check_whole(const struct run *run) {
    ck_assert_int_eq(run->status, 0);
    ck_assert_msg(strstr(run->output, "ENDED") == NULL, "a group of facts ended badly: %s", run->output);
}

START_TEST(facts_with_plenty) {
    struct run run =
        guest_like_host(&(struct guest){.mem = "64M", .check = 100}, COMMAND("semantics", themes[_i]));
    check_whole(&run);
}
END_TEST

START_TEST(facts_on_a_small_machine) {
    struct guest machine = {.frames = 160, .check = 50, .options = {"--timeout=300"}};
    struct run run = guest_like_host(&machine, COMMAND("semantics", themes[_i]));
    check_whole(&run);
    ck_assert_int_ge(counter(&run, "pgevict"), 1);
}
END_TEST

/* All themes one after the other in one guest: what one leaves behind must not show in the next. */
START_TEST(all_facts) {
    struct guest machine = {.grub = true, .check = 100, .options = {"--timeout=300"}};
    struct run run = guest_like_host(&machine, COMMAND("semantics"));
    check_whole(&run);
    unsigned lines = 0;
    for (const char *line = run.output; (line = strchr(line, '\n')) != NULL; line++)
        lines++;
    ck_assert_uint_ge(lines, 500);
    ck_assert_int_eq(counter(&run, "nr_anons"), 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

void add_semantics_cases(Suite *suite) {
    TCase *roomy = guest_case(suite, "semantics", 40);
    tcase_add_loop_test(roomy, facts_with_plenty, 0, LENGTH(themes));
    tcase_add_test(roomy, all_facts);
    tcase_add_loop_test(guest_case(suite, "semantics-small", 40), facts_on_a_small_machine, 0,
                        LENGTH(themes));
}
