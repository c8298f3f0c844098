/*
 * The system around the programs: init, the shell, boot words, the console, and programs nobody here wrote.
 */
#include "tests/guest/guest.h"
#include "tests/guest/typing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- how a command ends -------------------------------------------------------------------------- */

START_TEST(exit_status_is_passed_on) {
    ck_assert_int_eq(guest_run(&(struct guest){.grub = _i == 1}, SHELL("exit 42")).status, 42);
}
END_TEST

START_TEST(death_by_signal_is_passed_on) {
    enum { SIGKILL_STATUS = STATUS_SIGNAL + 9 };
    struct run run = guest_run(&(struct guest){.grub = _i == 1}, SHELL("kill -KILL $$; echo still here"));
    ck_assert_int_eq(run.status, SIGKILL_STATUS);
    ck_assert_uint_eq(run.length, 0);
}
END_TEST

START_TEST(unknown_command) {
    enum { STATUS_NOT_FOUND = 127 };
    ck_assert_int_eq(guest_run(&(struct guest){0}, COMMAND("no-such-program")).status, STATUS_NOT_FOUND);
}
END_TEST

/* What the kernel's log says of the command line, the runner says too. */
START_TEST(a_mistyped_word_is_named) {
    static const struct typing said[] = {{"", "\nguest: boot word: \"polcy=fifo\": no such word"},
                                         {"", NULL}};
    static const struct typing nothing[] = {{"", "guest: init: cannot run /missing: "}, {"", NULL}};
    ck_assert_int_eq(
        type_into(COMMAND("tools/guest", "--append=polcy=fifo", "--", "echo"), said, LENGTH(said)), 0);
    ck_assert_int_eq(
        type_into(COMMAND("tools/guest", "--append=init=/missing", "--", "echo"), nothing, LENGTH(nothing)),
        127);
}
END_TEST

/* --- the way in and out -------------------------------------------------------------------------- */

/* Through QEMU's or GRUB's command line, whatever those think of quotes. */
START_TEST(arguments_survive) {
    guest_like_host(&(struct guest){.grub = _i == 1},
                    COMMAND("echo", "two words", "\"quoted\"", "'single'", "100% %41 %zz", "back\\slash",
                            "$HOME `x` ; | & < >", "umlaut: \xc3\xbc", "comma,comma", "-n", "--", "{a}"));
}
END_TEST

START_TEST(empty_argument_survives) {
    guest_like_host(&(struct guest){0}, COMMAND("echo", "", "behind", ""));
}
END_TEST

/* Every byte value, many times over, comes out of the console as it went into the file. */
START_TEST(output_is_byte_for_byte) {
    enum { SIZE = 100000 };
    char *bytes = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    write_file(test_path("bytes"), bytes, SIZE);
    char addition[300];
    snprintf(addition, sizeof(addition), "--add=%s:/bytes", test_path("bytes"));
    struct run run = guest_run(&(struct guest){.options = {addition}}, COMMAND("cat", "/bytes"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(run.length, SIZE);
    ck_assert_mem_eq(run.output, bytes, SIZE);
    free(bytes);
}
END_TEST

/* A word that is not one is logged by name, and the machine boots all the same. */
START_TEST(mistyped_boot_words) {
    struct guest machine = {.grub = _i == 1, .append = "frmaes=100 policy=nonesuch cluster=many"};
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "1M"));
    ck_assert_ptr_nonnull(strstr(run.log, "frmaes"));
    ck_assert_ptr_nonnull(strstr(run.log, "nonesuch"));
    ck_assert_ptr_nonnull(strstr(run.log, "cluster"));
}
END_TEST

START_TEST(boot_words_are_obeyed) {
    struct guest machine = {.frames = 600,
                            .append = "policy=clock cluster=4 readahead=2 pool=20,60 clean=off"};
    struct run run = guest_like_host(&machine, COMMAND("seqsweep", "4M", "3"));
    ck_assert_int_eq(counter(&run, "nr_pageable"), 600);
    ck_assert_int_le(counter(&run, "pswpout"), 4 * counter(&run, "swap_clusters"));
    ck_assert_int_eq(counter(&run, "pgcleaned_early"), 0);
}
END_TEST

START_TEST(help_tells_the_boot_words) {
    struct run run = guest_run(&(struct guest){0}, COMMAND("help"));
    ck_assert_int_eq(run.status, 0);
    static const char *const words[] = {"frames", "policy", "pool", "cluster", "ata", "check", "init"};
    for (unsigned i = 0; i < LENGTH(words); i++)
        ck_assert_msg(strstr(run.output, words[i]) != NULL, "help does not tell %s", words[i]);
}
END_TEST

START_TEST(the_demonstration_runs) {
    ck_assert_int_eq(guest_run(&(struct guest){.frames = 512}, COMMAND("pagedemo")).status, 0);
    ck_assert_int_eq(guest_run(&(struct guest){0}, COMMAND("vmstat", "1", "2")).status, 0);
}
END_TEST

/* --- other machines ------------------------------------------------------------------------------ */

/*
 * With and without what newer processors have (global and large pages, SMEP, SMAP); little and much memory.
 */
static const struct guest machines[] = {
    {.frames = 700, .options = {"--cpu=qemu32"}},
    {.frames = 700, .options = {"--cpu=core2duo"}},
    {.frames = 700, .options = {"--cpu=qemu32,-pse,-pge"}},
    {.frames = 700, .mem = "512M"},
    {.frames = 700, .mem = "1G", .grub = true},
    {.mem = "2G"},
};

START_TEST(other_machines) {
    struct run run = guest_like_host(&machines[_i], SHELL("quicksort 4M; restart 300 | wc -l; cowtest 1M"));
    ck_assert_int_eq(run.status, 0);
}
END_TEST

/* --- the shell ----------------------------------------------------------------------------------- */

static const char *const scripts[] = {
    "echo one two | cat | wc",
    "echo a > f; echo b >> f; cat < f; wc -l f",
    "cat nosuch 2> err; echo $?; wc -l < err; cat nosuch 2>&1 | wc -l",
    "false && echo no; true && echo yes; false || echo or; echo $?",
    "X=5; Y=\"$X and ${X}6\"; echo $Y '$X' \"a  b\" $UNSET end",
    "mkdir d; cd d; mkdir e; echo in > e/file; cd e; cp file f; cat f; cd ..; mv e/file g; ls; ls -l e",
    "mkdir d; cd d; mkdir e; echo in > e/file; rm -r e; ls; rm -r e; echo $?",
    "count 5 & count 6 > /dev/null & wait; echo done",
    "sh -c 'exit 3' & wait %1; echo $?; sh -c -- 'echo as system() asks'",
    "nosuch; echo $?; exit 9",
    "seqsweep 100K 1 | cat | cat | cat | cat | cat",
    "(echo not grouped)",
    "sleep 0.05; sync; echo slept",
};

START_TEST(shell_as_on_the_host) {
    guest_like_host(&(struct guest){0}, SHELL(scripts[_i]));
}
END_TEST

/* Typed ahead, the bytes unchanged: what a script of commands would print. */
START_TEST(shell_on_the_console) {
    static const char typed[] = "echo one | wc\nX=two\necho $X\ncat no-such-file\nexit 5\n";
    struct run run = guest_run(&(struct guest){.input = typed, .grub = _i == 1}, NO_COMMAND);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.output, "1 1 4\ntwo\n"));
}
END_TEST

/* With echo (all is typed ahead, so it comes first) and line editing: a wrong letter taken back, and the end of input typed to a program. */
START_TEST(shell_on_a_terminal) {
    static const char typed[] = "echp\177o right\ncat\nback\n\004exit 6\n";
    struct run run = guest_run(&(struct guest){.input = typed, .append = "console=terminal"}, NO_COMMAND);
    ck_assert_int_eq(run.status, 6);
    ck_assert_ptr_nonnull(strstr(run.output, "back\r\nexit 6\r\n")); /* the echo of what was typed */
    ck_assert_ptr_nonnull(strstr(run.output, "$ right\r\n"));
    ck_assert_ptr_nonnull(strstr(run.output, "$ back\r\n"));
}
END_TEST

/* --- programs nobody here wrote ------------------------------------------------------------------ */

const char *find_busybox(void) {
    static const char fetched[] = "build/real/busybox";
    const char *given = getenv("BUSYBOX");
    if (given != NULL)
        return given;
    if (access(fetched, R_OK) != 0 && host_tool(COMMAND("tools/fetch-i386")) != 0)
        return NULL;
    return access(fetched, R_OK) == 0 ? fetched : NULL;
}

/* Runs the same on this machine, by the same binary, and compares. */
static void busybox_like_host(const char *busybox, const struct guest *machine, const char *script) {
    char addition[600];
    snprintf(addition, sizeof(addition), "--add=%s:/bin/busybox", busybox);
    struct guest with_busybox = *machine;
    with_busybox.options[0] = addition;
    char *absolute = realpath(busybox, NULL);
    struct run host = host_run(COMMAND(absolute, "sh", "-c", script));
    struct run run = guest_run(&with_busybox, COMMAND("busybox", "sh", "-c", script));
    check_same(&run, &host);
    free(absolute);
}

START_TEST(busybox_runs) {
    const char *busybox = find_busybox();
    if (busybox == NULL) {
        printf("skipped: busybox could not be fetched (tools/fetch-i386); set BUSYBOX to its path\n");
        return;
    }
    static const char sort[] = "seq 1 20000 | sort -r | md5sum";
    busybox_like_host(busybox, &(struct guest){.grub = true}, sort);
    busybox_like_host(busybox, &(struct guest){.frames = 600, .check = 25}, sort);
    busybox_like_host(busybox, &(struct guest){0},
                      "for i in 1 2 3; do echo $i; done | tr 1-3 a-c; "
                      "mkdir x && echo hello > x/y && cat x/* | sed s/l/L/g; ls x; "
                      "awk 'BEGIN { for (i = 0; i < 5; i++) s += i; print s }'; "
                      "seq 1 3000 | gzip | gunzip | tail -n 1");
}
END_TEST

void add_system_cases(Suite *suite) {
    TCase *ends = guest_case(suite, "endings", 8);
    tcase_add_loop_test(ends, exit_status_is_passed_on, 0, 2);
    tcase_add_loop_test(ends, death_by_signal_is_passed_on, 0, 2);
    tcase_add_test(ends, unknown_command);
    tcase_add_test(ends, a_mistyped_word_is_named);
    TCase *console = guest_case(suite, "boot-and-console", 12);
    tcase_add_loop_test(console, arguments_survive, 0, 2);
    tcase_add_test(console, empty_argument_survives);
    tcase_add_test(console, output_is_byte_for_byte);
    tcase_add_loop_test(console, mistyped_boot_words, 0, 2);
    tcase_add_test(console, boot_words_are_obeyed);
    tcase_add_test(console, help_tells_the_boot_words);
    tcase_add_test(console, the_demonstration_runs);
    tcase_add_loop_test(guest_case(suite, "machines", 20), other_machines, 0, (int)LENGTH(machines));
    TCase *shell = guest_case(suite, "shell", 20);
    tcase_add_loop_test(shell, shell_as_on_the_host, 0, (int)LENGTH(scripts));
    tcase_add_loop_test(shell, shell_on_the_console, 0, 2);
    tcase_add_test(shell, shell_on_a_terminal);
    tcase_add_test(guest_case(suite, "busybox", 15), busybox_runs);
}
