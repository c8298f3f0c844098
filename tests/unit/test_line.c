/*
 * The line discipline: what typed bytes become, and what is echoed.
 *
 * links: kernel/line.c
 */
#include "kernel/line.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct line line;
static char echoed[4096];
static size_t echoed_length;
static int signalled;
static int flow_changes;

static void note_echo(const char *bytes, size_t count) {
    memcpy(echoed + echoed_length, bytes, count);
    echoed_length += count;
}

static void note_signal(int signal) {
    signalled = signal;
}

static void note_flow(bool stopped) {
    ck_assert(stopped == line.stopped);
    flow_changes++;
}

static void setup(void) {
    line.echo = note_echo;
    line.signal = note_signal;
    line.flow = note_flow;
    flow_changes = 0;
    echoed_length = 0;
    signalled = 0;
    line_init(&line, false);
}

static void setup_raw(void) {
    setup();
    line_init(&line, true);
}

static void type(const char *bytes) {
    while (*bytes != '\0')
        line_type(&line, (uint8_t)*bytes++);
}

/* A read of at most @size bytes gives @text. */
static void expect_read(size_t size, const char *text) {
    uint8_t bytes[LINE_INPUT_MAX];
    bool ended;
    size_t taken = line_take(&line, bytes, size, &ended);

    ck_assert_uint_eq(taken, strlen(text));
    ck_assert_mem_eq(bytes, text, taken);
}

static void expect_echo(const char *text) {
    ck_assert_uint_eq(echoed_length, strlen(text));
    ck_assert_mem_eq(echoed, text, echoed_length);
}

START_TEST(line_is_read_when_it_has_ended) {
    type("hello");
    ck_assert_uint_eq(line_available(&line), 0);
    type("\r"); /* the key; a program reads newline */
    expect_read(100, "hello\n");
    expect_echo("hello\r\n");
    ck_assert_uint_eq(line_available(&line), 0);
}
END_TEST

START_TEST(a_read_gets_one_line_in_parts_if_it_must) {
    type("one\ntwo\n");
    expect_read(2, "on");
    expect_read(100, "e\n");
    expect_read(100, "two\n");
}
END_TEST

START_TEST(erase_character_word_and_line) {
    type("abd\177c\n");
    expect_read(100, "abc\n");
    expect_echo("abd\b \bc\r\n");
    type("\177\177one two  \027three\n");
    expect_read(100, "one three\n");
    type("wrong\025right\n");
    expect_read(100, "right\n");
}
END_TEST

START_TEST(erase_goes_back_as_far_as_was_echoed) {
    line_process_output(&line, "$ ", 2, echoed); /* a prompt, so the tab goes from column 3 to 8 */
    type("a\t\177\n");
    expect_echo("a\t\b \b\b \b\b \b\b \b\b \b\r\n");
    echoed_length = 0;
    type("\001\177\n");
    expect_echo("^A\b \b\b \b\r\n");
}
END_TEST

START_TEST(a_quoted_key_means_itself) {
    type("a\x16\x03z\x16\x16\n");
    ck_assert_int_eq(signalled, 0);
    expect_read(20, "a\x03z\x16\n");
    expect_echo("a^\b^Cz^\b^V\r\n");
}
END_TEST

START_TEST(a_line_can_be_shown_again) {
    type("ab\x12"
         "c\x7f\x7f\n");
    expect_read(20, "a\n");
    expect_echo("ab^R\r\nabc\b \b\b \b\r\n");
}
END_TEST

START_TEST(end_of_file_on_an_empty_line_only) {
    type("abc\004");
    ck_assert_uint_gt(line_available(&line), 0);
    expect_read(3, "abc"); /* the end goes with it though it has no room */
    ck_assert_uint_eq(line_available(&line), 0);
    type("\004");
    ck_assert_uint_gt(line_available(&line), 0);
    expect_read(100, "");
    ck_assert_uint_eq(line_available(&line), 0);
}
END_TEST

START_TEST(signal_keys_drop_the_line) {
    type("half a line\003");
    ck_assert_int_eq(signalled, SIGINT);
    type("\n");
    expect_read(100, "\n");
    type("\032");
    ck_assert_int_eq(signalled, SIGTSTP);
    type("\034");
    ck_assert_int_eq(signalled, SIGQUIT);
}
END_TEST

START_TEST(a_line_too_long_loses_its_end_but_ends) {
    uint8_t bytes[LINE_INPUT_MAX];
    bool ended;

    for (unsigned i = 0; i < LINE_INPUT_MAX + 100; i++) {
        line_type(&line, 'x');
        echoed_length = 0;
    }
    type("\n");
    ck_assert_uint_eq(line_take(&line, bytes, sizeof(bytes), &ended), LINE_INPUT_MAX);
    ck_assert(ended);
    ck_assert_uint_eq(bytes[LINE_INPUT_MAX - 1], '\n');
}
END_TEST

START_TEST(without_echo_nothing_shows) {
    struct termios settings = line.settings;

    settings.c_lflag &= ~(tcflag_t)ECHO;
    line_set(&line, &settings);
    type("secret\177\n");
    expect_read(100, "secre\n");
    expect_echo("");
}
END_TEST

START_TEST(leaving_canonical_mode_frees_what_was_typed) {
    struct termios settings = line.settings;

    type("abc");
    settings.c_lflag &= ~(tcflag_t)ICANON;
    line_set(&line, &settings);
    expect_read(100, "abc");
    type("d\004");
    expect_read(100, "d\004");
}
END_TEST

/* Says whether the output is stopped after @keys. */
static bool stopped_after(const char *keys) {
    type(keys);
    return line.stopped;
}

START_TEST(output_stops_and_goes_on_by_keys) {
    struct termios settings = line.settings;

    ck_assert(stopped_after("a\x13"));
    ck_assert(stopped_after("b\x13"));
    ck_assert(!stopped_after("\x11"));
    ck_assert_int_eq(flow_changes, 2);
    ck_assert(!stopped_after("\x16\x13\n")); /* quoted */
    expect_read(100, "ab\x13\n");
    ck_assert(!stopped_after("\x13\x03")); /* a signal */
    settings.c_iflag |= IXANY;
    line_set(&line, &settings);
    ck_assert(!stopped_after("\x13y\n"));
    expect_read(100, "y\n");
}
END_TEST

START_TEST(output_goes_on_when_there_is_no_key_for_it) {
    struct termios settings = line.settings;

    ck_assert(stopped_after("\x13"));
    settings.c_iflag &= ~(tcflag_t)IXON;
    line_set(&line, &settings);
    ck_assert(!line.stopped);
    ck_assert(!stopped_after("\x13\n"));
    expect_read(100, "\x13\n");
}
END_TEST

START_TEST(raw_bytes_pass_unchanged_both_ways) {
    char out[8];

    type("a\r\n\003\004\023\021\177");
    expect_read(100, "a\r\n\003\004\023\021\177");
    expect_echo("");
    ck_assert_int_eq(signalled, 0);
    ck_assert_uint_eq(line_process_output(&line, "a\nb", 3, out), 3);
    ck_assert_mem_eq(out, "a\nb", 3);
}
END_TEST

START_TEST(newline_becomes_two_on_the_way_out) {
    char out[8];

    ck_assert_uint_eq(line_process_output(&line, "a\nb", 3, out), 4);
    ck_assert_mem_eq(out, "a\r\nb", 4);
}
END_TEST

static Suite *line_suite(void) {
    Suite *suite = suite_create("line");
    TCase *canonical = tcase_create("canonical"), *raw = tcase_create("raw");

    tcase_add_checked_fixture(canonical, setup, NULL);
    tcase_add_test(canonical, line_is_read_when_it_has_ended);
    tcase_add_test(canonical, a_read_gets_one_line_in_parts_if_it_must);
    tcase_add_test(canonical, erase_character_word_and_line);
    tcase_add_test(canonical, erase_goes_back_as_far_as_was_echoed);
    tcase_add_test(canonical, a_quoted_key_means_itself);
    tcase_add_test(canonical, a_line_can_be_shown_again);
    tcase_add_test(canonical, end_of_file_on_an_empty_line_only);
    tcase_add_test(canonical, signal_keys_drop_the_line);
    tcase_add_test(canonical, a_line_too_long_loses_its_end_but_ends);
    tcase_add_test(canonical, without_echo_nothing_shows);
    tcase_add_test(canonical, leaving_canonical_mode_frees_what_was_typed);
    tcase_add_test(canonical, output_stops_and_goes_on_by_keys);
    tcase_add_test(canonical, output_goes_on_when_there_is_no_key_for_it);
    tcase_add_test(canonical, newline_becomes_two_on_the_way_out);
    suite_add_tcase(suite, canonical);
    tcase_add_checked_fixture(raw, setup_raw, NULL);
    tcase_add_test(raw, raw_bytes_pass_unchanged_both_ways);
    suite_add_tcase(suite, raw);
    return suite;
}

int main(void) {
    return run_suite(line_suite());
}
