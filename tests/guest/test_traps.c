/*
 * What the processor traps on: bad accesses, which end the program and nothing else; bad pointers given to
 * the kernel, which end nobody; and instructions that must start over.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <string.h>

enum { SIGILL_STATUS = STATUS_SIGNAL + 4, SIGSEGV_STATUS = STATUS_SIGNAL + 11 };

/* --- bad accesses -------------------------------------------------------------------------------- */

/* All of badaccess's but sse-divide, which QEMU does not emulate. */
static const char *const kinds[] = {
    "null-read",
    "null-write",
    "null-jump",
    "kernel-read",
    "kernel-write",
    "kernel-jump",
    "kernel-top-read",
    "garbage-jump",
    "text-write",
    "rodata-write",
    "heap-past",
    "stack-far-below",
    "stack-overflow",
    "unmapped-read",
    "readonly-write",
    "protected-write",
    "forbidden-read",
    "file-past-end",
    "divide-by-zero",
    "float-divide",
    "illegal-instruction",
    "breakpoint",
    "single-step",
    "privileged-halt",
    "privileged-interrupts",
    "privileged-port",
    "privileged-control",
    "kernel-interrupt",
    "wild-segment",
};

/* A script that does everything bad in turn, and in the end something good. */
static void make_script(char *script, size_t room, const char *option) {
    size_t length = 0;
    for (unsigned i = 0; i < LENGTH(kinds); i++)
        length += (size_t)snprintf(script + length, room - length, "badaccess %s%s; echo %s $?\n", option,
                                   kinds[i], kinds[i]);
    snprintf(script + length, room - length, "seqsweep 1M 1\n");
}

/* Passed as a file: a kernel's command line is short. */
static struct run run_script(const struct guest *machine, const char *script) {
    char addition[300];
    const char *path = test_path("script");
    write_file(path, script, strlen(script));
    snprintf(addition, sizeof(addition), "--add=%s:/script", path);

    struct guest with_script = *machine;
    unsigned last = 0;
    while (with_script.options[last] != NULL)
        last++;
    with_script.options[last] = addition;
    struct run host = host_run(COMMAND("sh", "../script"));
    struct run run = guest_run(&with_script, COMMAND("sh", "/script"));
    check_same(&run, &host);
    ck_assert_int_eq(run.status, 0);
    return run;
}

static unsigned count_text(const char *text, const char *wanted) {
    unsigned count = 0;
    for (; (text = strstr(text, wanted)) != NULL; text += strlen(wanted))
        count++;
    return count;
}

START_TEST(each_bad_access_has_its_signal) {
    char script[8192];
    make_script(script, sizeof(script), "");
    struct run run = run_script(&(struct guest){.grub = _i == 1}, script);
    ck_assert_uint_ge(count_text(run.log, "badaccess"), 20); /* a line for each that has an address */
    ck_assert_int_ge(counter(&run, "fault_bad"), 14);        /* all but those at kernel addresses */
}
END_TEST

START_TEST(each_bad_access_on_a_small_machine) {
    char script[8192];
    make_script(script, sizeof(script), "");
    run_script(&(struct guest){.frames = 300, .check = 25}, script);
}
END_TEST

/* Signal, code and address as Linux gives them. */
START_TEST(each_bad_access_can_be_caught) {
    char script[8192];
    make_script(script, sizeof(script), "-c ");
    run_script(&(struct guest){0}, script);
}
END_TEST

START_TEST(the_runner_tells_the_signal) {
    struct run run = guest_run(&(struct guest){0}, COMMAND("badaccess", "null-write"));
    ck_assert_int_eq(run.status, SIGSEGV_STATUS);
    ck_assert_uint_eq(run.length, 0);
    run = guest_run(&(struct guest){.grub = true}, COMMAND("badaccess", "illegal-instruction"));
    ck_assert_int_eq(run.status, SIGILL_STATUS);
}
END_TEST

/* --- bad pointers -------------------------------------------------------------------------------- */

START_TEST(bad_pointers_in_system_calls) {
    struct run run = guest_like_host(&(struct guest){0}, COMMAND("efault"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(count_text(run.log, "9999"), 1); /* an unknown call, made twice, logged once */
}
END_TEST

START_TEST(bad_pointers_on_a_small_machine) {
    guest_like_host(&(struct guest){.frames = 256, .check = 25}, COMMAND("efault"));
}
END_TEST

/* --- signals that are caught ---------------------------------------------------------------------- */

/* Among others a pager made of signal handlers, with much and little memory. */
START_TEST(caught_signals) {
    guest_like_host(&(struct guest){0}, COMMAND("sigtest"));
    guest_like_host(&(struct guest){.frames = 300, .check = 10}, COMMAND("sigtest", "500"));
}
END_TEST

/* --- restartable instructions -------------------------------------------------------------------- */

static void run_restart(bool grub, bool pio) {
    struct run roomy = guest_like_host(&(struct guest){.grub = grub, .pio = pio}, COMMAND("restart"));
    ck_assert_int_eq(roomy.status, 0);
    /* The sweep between two runs of a test is larger than the machine: operands come from swap. */
    struct guest tight_machine = {.frames = 192, .grub = grub, .pio = pio};
    struct run tight = guest_like_host(&tight_machine, COMMAND("restart", "300"));
    ck_assert_int_eq(tight.status, 0);
    ck_assert_int_ge(counter(&tight, "pswpin"), 500);
}

START_TEST(restart_direct_dma) {
    run_restart(false, false);
}
END_TEST

START_TEST(restart_direct_pio) {
    run_restart(false, true);
}
END_TEST

START_TEST(restart_grub_dma) {
    run_restart(true, false);
}
END_TEST

START_TEST(restart_grub_pio) {
    run_restart(true, true);
}
END_TEST

void add_trap_cases(Suite *suite) {
    TCase *bad = guest_case(suite, "bad-accesses", 15);
    tcase_add_loop_test(bad, each_bad_access_has_its_signal, 0, 2);
    tcase_add_test(bad, each_bad_access_on_a_small_machine);
    tcase_add_test(bad, each_bad_access_can_be_caught);
    tcase_add_test(bad, the_runner_tells_the_signal);
    TCase *pointers = guest_case(suite, "bad-pointers", 5);
    tcase_add_test(pointers, bad_pointers_in_system_calls);
    tcase_add_test(pointers, bad_pointers_on_a_small_machine);
    tcase_add_test(guest_case(suite, "caught-signals", 8), caught_signals);
    TCase *restart = guest_case(suite, "restart", 30);
    tcase_add_test(restart, restart_direct_dma);
    tcase_add_test(restart, restart_direct_pio);
    tcase_add_test(restart, restart_grub_dma);
    tcase_add_test(restart, restart_grub_pio);
}
