/*
 * Isolation, by attack: random system calls on machines with hardly any memory. The kernel must stay what it
 * was: no panic, no hang, all results results, and at the end not one frame, slot or byte of the heap fewer than on a
 * machine where nothing has happened. `make fuzz-syscalls` does the same for as long as one likes.
 */
#include "tests/guest/guest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must be the same at the end, whatever has been done before. */
static void check_nothing_is_missing(const struct run *run, const struct run *idle) {
    static const char *const totals[] = {"nr_kernel",     "nr_heap_bytes", "nr_anons", "nr_swap_free",
                                         "nr_swap_total", "nr_busy",       "nr_pinned"};
    for (unsigned i = 0; i < LENGTH(totals); i++)
        ck_assert_msg(counter(run, totals[i]) == counter(idle, totals[i]), "%s: %lld, was %lld", totals[i],
                      counter(run, totals[i]), counter(idle, totals[i]));
}

/* The number behind "NAME " at the beginning of a line of the output. */
static long value(const struct run *run, const char *name) {
    char line[64];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(run->output, line);
    ck_assert_msg(at != NULL, "no line \"%s\" in the output", name);
    return strtol(at + strlen(line), NULL, 10);
}

/* The program's output may have bytes of all sorts before its report. */
static void skip_noise(struct run *run) {
    for (size_t i = 0; i < run->length; i++)
        if (run->output[i] == '\0')
            run->output[i] = '?';
}

static void fuzz(const struct guest *machine, const char *seed, const char *calls) {
    struct run idle = guest_run(machine, COMMAND("echo"));
    struct run run = guest_run(machine, COMMAND("fuzz", seed, calls));
    skip_noise(&run);
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(value(&run, "fuzz total calls"), strtol(calls, NULL, 10));
    ck_assert_int_eq(value(&run, "fuzz total strange"), 0);
    /* Most calls must get somewhere, and bad pointers must have been seen through, or this is no test. */
    ck_assert_int_ge(value(&run, "fuzz result ok"), strtol(calls, NULL, 10) / 5);
    ck_assert_int_ge(value(&run, "fuzz result EFAULT"), strtol(calls, NULL, 10) / 20);
    ck_assert_int_ge(counter(&run, "vm_checks"), 3);
    check_nothing_is_missing(&run, &idle);
}

START_TEST(random_calls_with_few_frames) {
    fuzz(&(struct guest){.frames = 400, .check = 10, .options = {"--swap-size=16M"}}, "1", "6000");
}
END_TEST

START_TEST(random_calls_in_a_small_machine) {
    fuzz(&(struct guest){.mem = "6M", .frames = 256, .check = 10, .options = {"--swap-size=8M"}}, "2",
         "4000");
}
END_TEST

START_TEST(random_calls_without_swap) {
    fuzz(&(struct guest){.mem = "16M", .frames = 512, .check = 10, .pio = true, .options = {"--swap-size=0"}},
         "3", "4000");
}
END_TEST

/* --- programs that are none ----------------------------------------------------------------------- */

static void run_damaged_programs(const char *words, const char *seed) {
    struct guest machine = {.frames = 400, .check = 10, .append = words, .options = {"--swap-size=16M"}};
    struct run idle = guest_run(&machine, COMMAND("echo"));
    struct run run = guest_run(&machine, COMMAND("elffuzz", seed, "400"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(value(&run, "elffuzz result ENOEXEC"), 100);
    ck_assert_int_ge(value(&run, "elffuzz end exit"), 50); /* the damage was where it does no harm */
    ck_assert_int_ge(value(&run, "elffuzz end signal-11"), 1);
    ck_assert_ptr_null(strstr(run.output, "strange"));
    check_nothing_is_missing(&run, &idle);
}

START_TEST(damaged_programs) {
    run_damaged_programs("load=file", "1");
}
END_TEST

START_TEST(damaged_programs_copied_to_swap) {
    run_damaged_programs("load=swap prepage=8", "2");
}
END_TEST

/* --- wild instructions --------------------------------------------------------------------------- */

/* What programs do to the processor without asking the kernel: descriptors, flags, far jumps, ports, random code. */
START_TEST(wild_instructions) {
    struct guest machine = {.frames = 400, .check = 25, .options = {"--swap-size=16M"}};
    struct run idle = guest_run(&machine, COMMAND("echo"));
    struct run run = guest_run(&machine, COMMAND("crashme", "1", "1500"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.output, "1500 attempts, all ended") != NULL, "%s", run.output);
    ck_assert_int_ge(counter(&run, "forks"), 1500);
    check_nothing_is_missing(&run, &idle);
}
END_TEST

/* --- nobody else's bytes -------------------------------------------------------------------------- */

/*
 * A victim leaves more than all frames full of its secret, most of it on swap, and files; whoever comes
 * after finds nothing. Here and on this machine the same lines: nothing is missing from the list.
 */
START_TEST(nobody_is_given_anothers_bytes) {
    struct guest machine = {.frames = 400, .check = 25, .options = {"--swap-size=16M"}};
    struct run run = guest_like_host(&machine, COMMAND("secrets", "900", "2"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpout"), 3000);
    ck_assert_int_ge(counter(&run, "pgsteal"), 3000);
}
END_TEST

/* The next call of the kernel's table, from @at on: its name, in static storage; NULL: no more. */
static const char *next_call(const char **at) {
    static char name[64];
    for (const char *call = *at; (call = strstr(call, "CALL")) != NULL;) {
        int length = 0;
        bool whole_word = call > *at && !isupper((unsigned char)call[-1]); /* not SYSCALL */
        call += strlen("CALL");
        call += strspn(call, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (whole_word && sscanf(call, "(%63[a-z0-9_]%n", name, &length) == 1 && strcmp(name, "name") != 0) {
            *at = call + length;
            return name;
        }
    }
    return NULL;
}

START_TEST(every_call_of_the_kernel_is_tried) {
    struct run list = host_run(COMMAND("fuzz", "--list"));
    const char *table = read_file("kernel/syscall.c", NULL), *name, *at = table;
    unsigned calls = 0;
    for (; (name = next_call(&at)) != NULL; calls++) {
        char line[70];
        snprintf(line, sizeof(line), "\n%s\n", name);
        ck_assert_msg(strstr(list.output, line) != NULL ||
                          strncmp(list.output, line + 1, strlen(line + 1)) == 0,
                      "the fuzzer does not know %s", name);
    }
    ck_assert_uint_ge(calls, 150);
}
END_TEST

/* --- damaged disks -------------------------------------------------------------------------------- */

/*
 * A dozen disks whose metadata is wrong in a few places each, a busy program on each: errors, and no more. The script
 * damages them, and judges: see there.
 */
START_TEST(damaged_disks) {
    const char *path = test_path("tool.out");
    int status = host_tool(COMMAND("tests/fuzz/disks", "--seed=1", "--runs=12"));
    char *said = read_file(path, NULL);
    ck_assert_msg(status == 0, "%s", said);
    ck_assert_msg(strstr(said, "\"findings\": 0") != NULL, "%s", said);
    ck_assert_msg(strstr(said, "\"used\": 0") == NULL && strstr(said, "\"errors\": 0") == NULL, "%s", said);
}
END_TEST

/* What a damaged disk may come to: no first program. The machine says so and ends in order, with nothing left over. */
START_TEST(no_first_program) {
    struct guest machine = {.frames = 400, .append = "init=/missing"};
    struct run run = guest_run(&machine, COMMAND("echo"));
    ck_assert_int_eq(run.status, 127);
}
END_TEST

void add_fuzz_cases(Suite *suite) {
    TCase *calls = guest_case(suite, "fuzz-syscalls", 15);
    tcase_add_test(calls, random_calls_with_few_frames);
    tcase_add_test(calls, random_calls_in_a_small_machine);
    tcase_add_test(calls, random_calls_without_swap);
    tcase_add_test(calls, every_call_of_the_kernel_is_tried);
    TCase *programs = guest_case(suite, "fuzz-programs", 5);
    tcase_add_test(programs, damaged_programs);
    tcase_add_test(programs, damaged_programs_copied_to_swap);
    TCase *wild = guest_case(suite, "wild-instructions", 5);
    tcase_add_test(wild, wild_instructions);
    TCase *disks = guest_case(suite, "damaged-disks", 12);
    tcase_add_test(disks, damaged_disks);
    tcase_add_test(disks, no_first_program);
    TCase *secrets = guest_case(suite, "secrets", 10);
    tcase_add_test(secrets, nobody_is_given_anothers_bytes);
}
