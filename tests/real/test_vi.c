/*
 * busybox's vi, typed at: in the guest on its console, here on a pseudo-terminal. What it shows may differ;
 * the files that it leaves may not. With plenty of memory, and with a quarter of what it has resident here.
 */
#include "tests/guest/typing.h"
#include "tests/real/real.h"

#include <stdio.h>
#include <stdlib.h>

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

/* Types at vi here, which leaves the file @here; a quarter of what it had resident, in frames. */
static unsigned quarter_of_vi(const char *here) {
    char script[1400], measured[300];
    unsigned kib = 0;
    snprintf(measured, sizeof(measured), "%s", test_path("measured"));
    snprintf(script, sizeof(script), "exec build/user/footprint busybox vi %s 2>%s", here, measured);
    ck_assert_int_eq(type_into(SHELL(script), steps, LENGTH(steps)), 0);
    char *said = read_file(measured, NULL);
    ck_assert_msg(sscanf(said, "footprint: %u KiB resident", &kib) == 1, "%s", said);
    free(said);
    return kib / 4 / 4;
}

START_TEST(vi_in_a_terminal) {
    char disk[300], here[300], there[300], frames[40];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(here, sizeof(here), "%s", test_path("here"));
    snprintf(there, sizeof(there), "%s", test_path("there"));
    unsigned quarter = quarter_of_vi(here);
    printf("vi: a quarter is %u frames\n", quarter);
    snprintf(frames, sizeof(frames), "--frames=%u", _i == 0 ? 0 : quarter);
    ck_assert_int_eq(type_into(COMMAND("tools/guest", "--interactive", "--check-disk", "--append=check=100",
                                       frames, "--disk", disk, "--add=" REAL_PROGRAMS "/busybox:/bin/busybox",
                                       "--", "busybox", "vi", "/text"),
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
