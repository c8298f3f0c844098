/* The shell on a terminal: line editing, and jobs that are stopped, go on and are killed from the keyboard. */
#include "tests/guest/guest.h"
#include "tests/guest/typing.h"

#define UP "echo u''p; " /* what is typed is shown too, and is not yet an answer */

/* A program that has said that it is up is in the foreground, so that the keys reach it and not the shell. */
static const struct typing jobs[] = {
    {"", "$ "},
    {"sh -c \"" UP "sleep 100\"\r", "\nup"},
    {"\x1a", "[1] stopped: sh"},
    {"", "$ "},
    {"echo =$?\r", "\n=148"},
    {"", "$ "},
    {"jobs\r", "\n[1] stopped: sh"},
    {"", "$ "},
    {"bg; jobs\r", "\n[1] sh"},
    {"", "\n[1] sh"},
    {"", "$ "},
    {"fg\r", "\n[1] sh"},
    {"\x1a", "\n[1] stopped: sh"},
    {"", "$ "},
    {"sh -c \"echo u''p >&2; cat\" | wc\r", "\nup"},
    {"\x1a", "\n[2] stopped: sh"},
    {"", "$ "},
    {"fg %2\r", "\n[2] sh"},
    {"one two\rthree\r\x04", "2 3 14"},
    {"", "$ "},
    {"fg %1\r", "\n[1] sh"},
    {"\x03", "$ "},
    {"echo =$?\r", "\n=130"},
    {"", "$ "},
    {"sh -c \"" UP "sleep 100\"\r", "\nup"},
    {"\x1a", "[1] stopped: sh"},
    {"", "$ "},
    {"kill -TERM %1; wait %1; echo =$?\r", "\n=143"}, /* what is stopped hears of it */
    {"", "$ "},
    {"kill %1 0x; kill -NONE 1; kill; echo =$?\r", "kill: %1: no such job"},
    {"", "kill: 0x: Invalid argument"},
    {"", "kill: NONE: no such signal"},
    {"", "\n=2"},
    {"", "$ "},
    {"jobs; echo none\r", "jobs; echo none\r\r\nnone"},
    {"", "$ "},
    {"exit 7\r", NULL},
};

START_TEST(jobs_from_the_keyboard) {
    ck_assert_int_eq(type_into(COMMAND("tools/guest", "--interactive", "--check-disk", "--append=check=100",
                                       _i == 0 ? "--frames=0" : "--frames=160"),
                               jobs, LENGTH(jobs)),
                     7);
}
END_TEST

static const struct typing editing[] = {
    {"", "$ "},
    {"echo abx\x7f"
     "c\r",
     "\nabc"}, /* erase */
    {"", "$ "},
    {"rubbish\x15"
     "echo line\r",
     "\nline"}, /* kill */
    {"", "$ "},
    {"echo some rubbish\x17words\r", "\nsome words"}, /* word erase */
    {"", "$ "},
    {"echo never\x03", "^C"}, /* the shell forgets the line and goes on */
    {"", "$ "},
    {"echo =$? 'open\r", "> "}, /* and the lines before it that it goes on with */
    {"\x03", "$ "},
    {"echo =$?\r", "\n=130"},
    {"", "$ "},
    {"echo 'a\rb'\r", "\nb"}, /* a line that goes on */
    {"", "$ "},
    {"cat\r", "cat"}, /* end of file, at the beginning of a line */
    {"first\r", "\nfirst"},
    {"\x04", "$ "},
    {"echo lit\x16\x03 | wc\r", "1 1 5"}, /* the next character as it is */
    {"", "$ "},
    {"\x04", NULL},
};

START_TEST(lines_are_edited) {
    ck_assert_int_eq(
        type_into(COMMAND("tools/guest", "--interactive", "--append=check=100"), editing, LENGTH(editing)),
        0);
}
END_TEST

/* To leave is nobody's failure: the machine is switched off, without last words and without a complaint. */
static const struct typing leaving[] = {
    {"", "$ "},
    {"echo u''p\r", "\nup"},
    {"\x01x", NULL},
};

START_TEST(the_terminal_is_left) {
    ck_assert_int_eq(type_into(COMMAND("tools/guest", "--interactive", "--stats", test_path("left.json")),
                               leaving, LENGTH(leaving)),
                     0);
    size_t length;
    json_t *stats = json_loads(read_file(test_path("left.json"), &length), 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(stats, "outcome")), "left");
}
END_TEST

/* Keys of the machine's own keyboard, pressed when the program asks for them. */
START_TEST(output_is_stopped_from_the_keyboard) {
    struct guest machine = {
        .append = "console=terminal",
        .options = {"--when=sendfile64=sendkey ctrl-s", "--when=fadvise64_64=sendkey ctrl-q"}};
    struct run run = guest_run(&machine, COMMAND("flow"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.output, "before: writable\r\n"
                                 "stopped by ^S: EAGAIN; after ^Q: writable\r\n"
                                 "stopped by tcflow: EAGAIN; let go: writable\r\n");
}
END_TEST

void add_terminal_cases(Suite *suite) {
    TCase *terminal = guest_case(suite, "terminal", 8);
    tcase_add_loop_test(terminal, jobs_from_the_keyboard, 0, 2);
    tcase_add_test(terminal, lines_are_edited);
    tcase_add_test(terminal, the_terminal_is_left);
    tcase_add_test(terminal, output_is_stopped_from_the_keyboard);
}
