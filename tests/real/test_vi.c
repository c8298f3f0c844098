/*
 * busybox's vi, typed at: in the guest on its console, here on a pseudo-terminal. What it shows may differ;
 * the files that it leaves may not.
 */
#include "tests/guest/typing.h"
#include "tests/real/real.h"

#include <stdio.h>

/* After an escape the waiting matters: with more behind it at once it would be the start of some key's code. */
static const struct typing steps[] = {
    {"", "~"},
    {"ifirst line\rsecond line\rthird line", "third line"},
    {"\033", "- "},
    {"yyp", "Put 1 lines"},
    {":4s/third/fourth/\r", "fourth line"},
    {"1Gdd", "Delete 1 lines"},
    {"Gofifth, at the end", "fifth, at the end"},
    {"\033", "- "},
    {":wq\r", NULL},
};

START_TEST(vi_in_a_terminal) {
    char disk[300], here[300], there[300];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(here, sizeof(here), "%s", test_path("here"));
    snprintf(there, sizeof(there), "%s", test_path("there"));
    ck_assert_int_eq(type_into(COMMAND("busybox", "vi", here), steps, LENGTH(steps)), 0);
    ck_assert_int_eq(
        type_into(COMMAND("tools/guest", "--interactive", "--check-disk", "--append=check=100",
                          _i == 0 ? "--frames=0" : "--frames=300", "--disk", disk,
                          "--add=" REAL_PROGRAMS "/busybox:/bin/busybox", "--", "busybox", "vi", "/text"),
                  steps, LENGTH(steps)),
        0);
    fetch_from_disk(disk, "/text", there);
    ck_assert_str_eq(read_file(there, NULL), read_file(here, NULL));
    ck_assert_str_eq(read_file(here, NULL), "second line\nthird line\nfourth line\nfifth, at the end\n");
}
END_TEST

void add_vi_case(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "real-vi", 10), vi_in_a_terminal, 0, 2);
}
