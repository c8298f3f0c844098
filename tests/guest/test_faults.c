/*
 * Failing disks: the runner makes chosen sectors fail (--disk-fault), and nothing may be lost that need not be.
 * A failed write to swap keeps the page and writes it elsewhere; a read that fails once is tried again; one
 * that fails for good ends those who need the page, and nobody else; the file system says EIO.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The runner's standard disk: 128 MiB of file system from sector 2048 on, then swap, 8 sectors a slot. */
#define SWAP_START (2048 + 128 * 2048)
#define SLOT(n)    (SWAP_START + (n)*8)

/* "--disk-fault=KIND:FIRST-LAST" and @more; static storage, overwritten in turn. */
static const char *fault(const char *kind, unsigned first, unsigned last, const char *more) {
    static char texts[4][64];
    static unsigned next;
    char *text = texts[next++ % LENGTH(texts)];

    snprintf(text, sizeof(texts[0]), "--disk-fault=%s:%u-%u%s", kind, first, last, more);
    return text;
}

static struct guest broken_machine(int pio, const char *rule) {
    return (struct guest){.frames = 600, .pio = pio, .check = 25, .broken_disk = true, .options = {rule}};
}

START_TEST(a_page_whose_slot_is_bad_is_written_elsewhere) {
    struct guest machine = broken_machine(_i, fault("write", SLOT(1), SLOT(50), ""));
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "4M"));

    ck_assert_int_ge(counter(&run, "pswpin"), 1000);
    ck_assert_int_ge(counter(&run, "swap_write_errors"), 16);
    /* Bad slots are gone for good, all others are free again. */
    ck_assert_int_eq(counter(&run, "nr_swap_total"), 32767 - counter(&run, "swap_write_errors"));
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

START_TEST(every_twentieth_slot_is_bad) {
    struct guest machine = broken_machine(_i, fault("write", SLOT(1), SLOT(1000), ":5%"));
    struct run run = guest_like_host(&machine, COMMAND("seqsweep", "4M", "3"));

    ck_assert_int_ge(counter(&run, "swap_write_errors"), 10);
}
END_TEST

START_TEST(what_fails_once_is_tried_again) {
    struct guest machine = broken_machine(_i, fault("read", SLOT(1), SLOT(200), ":once"));
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "4M"));

    ck_assert_int_ge(counter(&run, "blk_retries"), 20);
    ck_assert_int_eq(counter(&run, "blk_errors"), 0);
    ck_assert_int_eq(counter(&run, "page_read_errors"), 0);
}
END_TEST

/* All of swap can be written and not read: whoever needs a page back dies of SIGBUS, and all slots come back. */
START_TEST(a_page_that_cannot_be_read_ends_its_program) {
    struct guest machine = broken_machine(_i, fault("read", SLOT(1), SLOT(4000), ""));
    struct run run = guest_run(&machine, COMMAND("seqsweep", "4M", "2"));

    ck_assert_int_eq(run.status, STATUS_SIGNAL + 7);
    ck_assert_int_ge(counter(&run, "page_read_errors"), 1);
    ck_assert_int_eq(counter(&run, "nr_anons"), 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

/* A file in the middle of the disk loses some sectors: its reader gets an error, others their bytes. */
START_TEST(a_file_that_cannot_be_read_gives_an_error) {
    static const char script[] = "cat /tmp/big >/dev/null && echo read; quicksort 1M";
    char add[300];
    struct guest machine = broken_machine(_i, fault("read", 2048 + 60 * 2048, 2048 + 62 * 2048, ""));
    struct run run, host = host_run(COMMAND("quicksort", "1M"));
    size_t bytes = 48u << 20;
    char *big = calloc(1, bytes);

    memset(big, 'x', bytes);
    write_file(test_path("big"), big, bytes);
    free(big);
    snprintf(add, sizeof(add), "--add=%s:/tmp/big", test_path("big"));
    machine.options[1] = add;
    run = guest_run(&machine, SHELL(script));
    ck_assert_ptr_null(strstr(run.output, "read\n"));
    ck_assert_ptr_nonnull(strstr(run.output, host.output));
    ck_assert_int_ge(counter(&run, "page_read_errors"), 1);
}
END_TEST

void add_fault_cases(Suite *suite) {
    TCase *faults = guest_case(suite, "disk-faults", 110);

    tcase_add_loop_test(faults, a_page_whose_slot_is_bad_is_written_elsewhere, 0, 2);
    tcase_add_loop_test(faults, every_twentieth_slot_is_bad, 0, 2);
    tcase_add_loop_test(faults, what_fails_once_is_tried_again, 0, 2);
    tcase_add_loop_test(faults, a_page_that_cannot_be_read_ends_its_program, 0, 2);
    tcase_add_loop_test(faults, a_file_that_cannot_be_read_gives_an_error, 0, 2);
}
