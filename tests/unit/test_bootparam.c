/*
 * Boot words: each word of the table, good values and bad, how a line is cut into words, and arguments for
 * init, up to random lines that must never be believed further than their own length.
 *
 * links: kernel/bootparam.c lib/print.c lib/string.c
 */
#include "kernel/bootparam.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/policy.h"
#include "mm/trace.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct vm_options vm_options;

const struct policy policy_clock = {.name = "clock"};

const struct policy *policy_find(const char *name) {
    return strcmp(name, "clock") == 0 ? &policy_clock : NULL;
}

static unsigned complaints;
static char last_complaint[256];

static void complain(const char *text) {
    complaints++;
    str_copy(last_complaint, text, sizeof(last_complaint));
}

static void setup(void) {
    boot_options = (struct boot_options){.init = "/sbin/init", .ata = "dma"};
    vm_options = (struct vm_options){.policy = "clock", .cluster = 16, .early_clean = true};
    complaints = 0;
    last_complaint[0] = '\0';
}

static void parse(const char *line) {
    int result = bootparam_parse(line, complain);
    ck_assert_int_eq(result, complaints == 0 ? 0 : -EINVAL);
}

/* Exactly one complaint, and it names @word. */
static void assert_refused(const char *line, const char *word) {
    setup();
    parse(line);
    ck_assert_msg(complaints == 1, "%s: %u complaints", line, complaints);
    ck_assert_msg(strstr(last_complaint, word) != NULL, "%s: complaint is: %s", line, last_complaint);
}

START_TEST(the_status_line) {
    setup();
    parse("status=on");
    ck_assert(boot_options.status);
    parse("status=off");
    ck_assert(!boot_options.status);
    assert_refused("status=1", "status=1");
}
END_TEST

START_TEST(groups_of_the_trace) {
    setup();
    parse("trace=all");
    ck_assert_uint_eq(vm_options.trace, TRACE_GROUPS_ALL);
    ck_assert_uint_eq(vm_options.trace_events, 0);
    parse("trace=fault,disk,5000");
    ck_assert_uint_eq(vm_options.trace, 1u << TRACE_GROUP_FAULT | 1u << TRACE_GROUP_DISK);
    ck_assert_uint_eq(vm_options.trace_events, 8192);
    parse("trace=256,page");
    ck_assert_uint_eq(vm_options.trace, 1u << TRACE_GROUP_PAGE);
    ck_assert_uint_eq(vm_options.trace_events, 256);
    setup();
    parse("trace=off");
    ck_assert_uint_eq(vm_options.trace, 0);
    assert_refused("trace=", "trace");
    assert_refused("trace=faults", "trace=faults");
    assert_refused("trace=always", "trace=always");
    assert_refused("trace=all,1", "trace");
    assert_refused("trace=all,300,300", "trace");
    assert_refused("trace=512", "trace=512");
    ck_assert_uint_eq(vm_options.trace, 0);
}
END_TEST

START_TEST(nothing_is_asked_for) {
    parse("");
    parse(" \t ");
    ck_assert_str_eq(boot_options.init, "/sbin/init");
    ck_assert_int_eq(boot_options.argument_count, 0);
    ck_assert_uint_eq(complaints, 0);
}
END_TEST

START_TEST(every_word) {
    parse("frames=2048 policy=clock pool=10,20 cluster=32 readahead=0 around=1 clean=off check=100 ata=pio "
          "root=hdb1 init=/bin/sh console=raw");
    ck_assert_uint_eq(complaints, 0);
    ck_assert_uint_eq(vm_options.frames, 2048);
    ck_assert_str_eq(vm_options.policy, "clock");
    ck_assert_uint_eq(vm_options.pool_low, 10);
    ck_assert_uint_eq(vm_options.pool_high, 20);
    ck_assert_uint_eq(vm_options.cluster, 32);
    ck_assert_uint_eq(vm_options.around, 1);
    ck_assert_uint_eq(vm_options.readahead, 0);
    ck_assert(!vm_options.early_clean);
    ck_assert_uint_eq(vm_options.check, 100);
    ck_assert_str_eq(boot_options.ata, "pio");
    ck_assert_str_eq(boot_options.root, "hdb1");
    ck_assert_str_eq(boot_options.init, "/bin/sh");
    ck_assert(boot_options.console_raw);
}
END_TEST

START_TEST(the_last_of_two_counts) {
    parse("frames=1 frames=2");
    ck_assert_uint_eq(vm_options.frames, 2);
}
END_TEST

START_TEST(bad_words_are_named) {
    static const char *const bad[] = {
        "frobnicate",
        "frobnicate=1",
        "frames",
        "frames=",
        "frames=x",
        "frames=10x",
        "frames=-1",
        "frames= ",
        "framesx=1",
        "frame=1",
        "frames=4294967296",
        "frames=99999999999999999999",
        "policy=random",
        "policy=",
        "pool=5",
        "pool=5,",
        "pool=5,4",
        "pool=0,4",
        "pool=5,6,7",
        "cluster=0",
        "cluster=33",
        "around=0",
        "readahead=128",
        "clean=maybe",
        "check=often",
        "ata=scsi",
        "root=",
        "init=sh",
        "init=",
        "console=serial",
        "=",
        "=1",
        "-",
        "---",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char name[64];
        str_copy(name, bad[i], sizeof(name));
        char *blank = strchr(name, ' ');
        if (blank)
            *blank = '\0';
        assert_refused(bad[i], name);
    }
}
END_TEST

START_TEST(a_bad_word_changes_nothing_and_stops_nothing) {
    parse("pool=7,3 nonsense frames=5");
    ck_assert_uint_eq(complaints, 2);
    ck_assert_uint_eq(vm_options.pool_low, 0);
    ck_assert_uint_eq(vm_options.pool_high, 0);
    ck_assert_uint_eq(vm_options.frames, 5);
}
END_TEST

START_TEST(complaints_say_what_is_expected) {
    assert_refused("ata=scsi", "dma|pio");
    assert_refused("cluster=99", "1-32");
}
END_TEST

START_TEST(quotes_and_backslashes) {
    parse("init=\"/bin/my shell\" root=hd\\a1");
    ck_assert_uint_eq(complaints, 0);
    ck_assert_str_eq(boot_options.init, "/bin/my shell");
    ck_assert_str_eq(boot_options.root, "hda1");
    setup();
    parse("\"frames=7\" init=/a\\ b in\"it=/c\"d");
    ck_assert_uint_eq(complaints, 0);
    ck_assert_uint_eq(vm_options.frames, 7);
    ck_assert_str_eq(boot_options.init, "/cd");
}
END_TEST

START_TEST(an_unfinished_quote_ends_with_the_line) {
    parse("init=\"/bin/x y");
    ck_assert_str_eq(boot_options.init, "/bin/x y");
    setup();
    parse("init=/x\\");
    ck_assert_str_eq(boot_options.init, "/x\\");
}
END_TEST

START_TEST(arguments_after_two_dashes) {
    parse("frames=9 -- sh -c frames=1 -- \"\" x%20y%2541 %e2%82%AC");
    static const char *const expected[] = {"sh", "-c", "frames=1", "--", "", "x y%41", "\xe2\x82\xac"};
    ck_assert_uint_eq(complaints, 0);
    ck_assert_uint_eq(vm_options.frames, 9);
    ck_assert_int_eq(boot_options.argument_count, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        ck_assert_str_eq(boot_options.arguments[i], expected[i]);
}
END_TEST

START_TEST(every_byte_can_be_an_argument) {
    for (unsigned byte = 1; byte < 256; byte++) {
        char line[32];
        setup();
        snprintf(line, sizeof(line), "-- a%%%02xb", byte);
        parse(line);
        ck_assert_int_eq(boot_options.argument_count, 1);
        ck_assert_int_eq((unsigned char)boot_options.arguments[0][1], byte);
        ck_assert_uint_eq(strlen(boot_options.arguments[0]), 3);
    }
}
END_TEST

START_TEST(bad_percents) {
    assert_refused("-- a%", "a%");
    assert_refused("-- a%4", "a%4");
    assert_refused("-- a%g1", "a%g1");
    assert_refused("-- a%1g", "a%1g");
    assert_refused("-- a%00b", "a%00b");
    ck_assert_int_eq(boot_options.argument_count, 0);
}
END_TEST

START_TEST(too_many_arguments) {
    char line[512] = "--";
    for (int i = 0; i < INIT_ARGUMENTS_MAX + 2; i++)
        strcat(line, " x");
    parse(line);
    ck_assert_uint_eq(complaints, 2);
    ck_assert_int_eq(boot_options.argument_count, INIT_ARGUMENTS_MAX);
}
END_TEST

START_TEST(a_line_too_long_is_cut) {
    static char line[10000];
    memset(line, ' ', sizeof(line) - 1);
    memcpy(line, "frames=3", 8);
    memcpy(line + 9000, "frames=4", 8);
    parse(line);
    ck_assert_uint_eq(complaints, 1);
    ck_assert_uint_eq(vm_options.frames, 3);
}
END_TEST

static unsigned described;

static void count_description(const char *name, const char *values, const char *meaning) {
    ck_assert(name[0] != '\0' && values[0] != '\0' && meaning[0] != '\0');
    described++;
}

START_TEST(the_table_describes_itself) {
    described = 0;
    bootparam_describe(count_description);
    ck_assert_uint_ge(described, 11);
}
END_TEST

/* Lines of random bytes from those that mean something, under the sanitizers. */
START_TEST(random_lines) {
    static const char letters[] = "frames=pol,icy \"\\%-0123456789abcdef\t";
    srand((unsigned)_i);
    for (int round = 0; round < 2000; round++) {
        char line[128];
        size_t length = (size_t)rand() % (sizeof(line) - 1);
        for (size_t i = 0; i < length; i++)
            line[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
        line[length] = '\0';
        setup();
        parse(line);
        for (int i = 0; i < boot_options.argument_count; i++)
            ck_assert_uint_le(strlen(boot_options.arguments[i]), length);
    }
}
END_TEST

/* The README shows the same table: each word has its row there. */
static char readme[1 << 16];

static void has_a_row(const char *name, const char *values, const char *meaning) {
    char row[64];

    (void)values;
    (void)meaning;
    snprintf(row, sizeof row, "| `%s%s` |", name, name[0] == '-' ? "" : "=");
    ck_assert_msg(strstr(readme, row) != NULL, "README.md has no row %s", row);
}

START_TEST(the_readme_has_every_word) {
    FILE *file = fopen("README.md", "r");

    ck_assert_ptr_nonnull(file);
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    fclose(file);
    bootparam_describe(has_a_row);
}
END_TEST

static Suite *bootparam_suite(void) {
    Suite *suite = suite_create("bootparam");
    TCase *tests = tcase_create("bootparam");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, nothing_is_asked_for);
    tcase_add_test(tests, groups_of_the_trace);
    tcase_add_test(tests, the_status_line);
    tcase_add_test(tests, every_word);
    tcase_add_test(tests, the_last_of_two_counts);
    tcase_add_test(tests, bad_words_are_named);
    tcase_add_test(tests, a_bad_word_changes_nothing_and_stops_nothing);
    tcase_add_test(tests, complaints_say_what_is_expected);
    tcase_add_test(tests, quotes_and_backslashes);
    tcase_add_test(tests, an_unfinished_quote_ends_with_the_line);
    tcase_add_test(tests, arguments_after_two_dashes);
    tcase_add_test(tests, every_byte_can_be_an_argument);
    tcase_add_test(tests, bad_percents);
    tcase_add_test(tests, too_many_arguments);
    tcase_add_test(tests, a_line_too_long_is_cut);
    tcase_add_test(tests, the_table_describes_itself);
    tcase_add_test(tests, the_readme_has_every_word);
    tcase_add_loop_test(tests, random_lines, 0, 10);
    return suite;
}

int main(void) {
    return run_suite(bootparam_suite());
}
