/*
 * Failing disks: the runner makes chosen sectors fail (--disk-fault), and nothing may be lost that need not be.
 * A failed write to swap keeps the page and writes it elsewhere; a read that fails once is tried again; one
 * that fails for good ends those who need the page, and nobody else; the file system says EIO.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct guest broken_machine(int pio, const char *rule) {
    return (struct guest){.frames = 600, .pio = pio, .check = 25, .broken_disk = true, .options = {rule}};
}

START_TEST(a_page_whose_slot_is_bad_is_written_elsewhere) {
    struct guest machine = broken_machine(_i, "--disk-fault=write:swap@1-50");
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "4M"));

    ck_assert_int_ge(counter(&run, "pswpin"), 1000);
    ck_assert_int_ge(counter(&run, "swap_write_errors"), 16);
    ck_assert_int_eq(counter(&run, "blk_resets"), 0); /* a disk that says "error" is in order */
    /* Bad slots are gone for good, all others are free again. */
    ck_assert_int_eq(counter(&run, "nr_swap_total"), 32767 - counter(&run, "swap_write_errors"));
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

START_TEST(every_twentieth_slot_is_bad) {
    struct guest machine = broken_machine(_i, "--disk-fault=write:swap@1-1000:5%");
    struct run run = guest_like_host(&machine, COMMAND("seqsweep", "4M", "3"));

    ck_assert_int_ge(counter(&run, "swap_write_errors"), 10);
}
END_TEST

START_TEST(what_fails_once_is_tried_again) {
    struct guest machine = broken_machine(_i, "--disk-fault=read:swap@1-200:once");
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "4M"));

    ck_assert_int_ge(counter(&run, "blk_retries"), 20);
    ck_assert_int_eq(counter(&run, "blk_errors"), 0);
    ck_assert_int_eq(counter(&run, "page_read_errors"), 0);
}
END_TEST

/* All of swap can be written and not read: whoever needs a page back dies of SIGBUS, and all slots come back. */
START_TEST(a_page_that_cannot_be_read_ends_its_program) {
    struct guest machine = broken_machine(_i, "--disk-fault=read:swap@1-4000");
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
    struct guest machine = broken_machine(_i, "--disk-fault=read:/tmp/big@5000-5500");
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

/* "--add=" of @name in the test's directory, at /NAME in the guest; static storage, overwritten in turn. */
static const char *add_file(const char *name, size_t bytes) {
    static char texts[4][300];
    static unsigned next;
    char *text = texts[next++ % LENGTH(texts)], *data = malloc(bytes);

    memset(data, 'x', bytes);
    write_file(test_path(name), data, bytes);
    free(data);
    snprintf(text, sizeof(texts[0]), "--add=%s:/%s", test_path(name), name);
    return text;
}

/*
 * One transfer fails once, in the middle of a read past the cache: the pages of that command are tried each alone, and
 * all of them arrive. With DMA they are more than 32, which is what a 28-bit command can ask for.
 */
START_TEST(a_long_command_that_fails_is_tried_page_by_page) {
    const char *const compare[] = {"directtest", "compare", "/long", "4M", NULL};
    const char *file = add_file("long", 4u << 20);
    struct guest good = {.frames = 3000, .pio = _i, .check = 25, .options = {file}}, bad = good;
    struct run plain = guest_run(&good, compare), run;

    bad.broken_disk = true;
    bad.options[1] = "--disk-fault=read:/long@600:once";
    run = guest_run(&bad, compare);
    check_same(&run, &plain);
    ck_assert_ptr_null(strstr(run.output, "no"));
    ck_assert_int_eq(counter(&run, "blk_splits"), 1);
    ck_assert_int_eq(counter(&run, "blk_errors"), 0);
    long long more = counter(&run, "blk_read_requests") - counter(&plain, "blk_read_requests");
    if (!_i)
        ck_assert_int_gt(more, 64);
}
END_TEST

/* --- what programs are told ----------------------------------------------------------------------- */

/* A failed write is told once to each open file description, and what failed is written the next time. */
static const char told[] = "write: 0\n"
                           "fsync of the writer: EIO\n"
                           "fsync again: 0\n"
                           "fsync of its duplicate: 0\n"
                           "fsync of another who has it open: EIO\n"
                           "fsync of that one again: 0\n"
                           "fsync of one who opens later: 0\n"
                           "msync(MS_ASYNC): 0\n"
                           "msync(MS_SYNC): EIO\n"
                           "msync again: 0\n"
                           "fsync of the same open file: 0\n"
                           "fsync of another: EIO\n"
                           "munmap: 0\n"
                           "write: 0\n"
                           "close: 0\n"
                           "fsync of who opens next: EIO\n"
                           "fsync again: 0\n"
                           "write with O_DSYNC: EIO\n"
                           "the same again: 0\n"
                           "write: 0\n"
                           "fsync of the child: EIO\n"
                           "fsync of the parent: 0\n"
                           "syncfs, of all before: EIO\n"
                           "write: 0\n"
                           "fsync of another file: 0\n"
                           "syncfs by another file: EIO\n"
                           "syncfs again: 0\n"
                           "syncfs by a directory: EIO\n"
                           "fsync of the file: EIO\n"
                           "fsync again: 0\n"
                           "syncfs of who opens later: 0\n"
                           "write: 0\n"
                           "write beside it: 0\n"
                           "fsync: EIO\n"
                           "fsync again: EIO\n";

START_TEST(a_failed_write_is_told_by_fsync_and_msync) {
    struct guest machine = broken_machine(_i, add_file("victim", 64 << 10));
    struct run run;

    machine.options[1] = "--disk-fault=write:/victim@3:x3";
    machine.options[2] = "--disk-fault=write:/victim@5:x3";
    machine.options[3] = "--disk-fault=write:/victim@7:x3";
    machine.options[4] = "--disk-fault=write:/victim@9:x3";
    machine.options[5] = "--disk-fault=write:/victim@14:x3";
    machine.options[6] = "--disk-fault=write:/victim@13:x3";
    machine.options[7] = "--disk-fault=write:/victim@11";
    run = guest_run(&machine, COMMAND("syncfail", "/victim"));
    check_same(&run, &(struct run){.output = (char *)told, .length = strlen(told)});
}
END_TEST

/*
 * A directory whose block cannot be read: EIO for its names, and for nobody else. A file whose block map
 * cannot be read: its first twelve blocks are there, the others are not.
 */
START_TEST(metadata_that_cannot_be_read_gives_an_error) {
    static const char script[] = "cat /d/file; ls /d; cp /d/file /tmp/x; cat /mapped | wc -c; quicksort 1M";
    struct guest machine = broken_machine(_i, "--disk-fault=read:/d");
    struct run run, host = host_run(COMMAND("quicksort", "1M"));
    char add[300];

    write_file(test_path("file"), "text\n", 5);
    snprintf(add, sizeof(add), "--add=%s:/d/file", test_path("file"));
    machine.options[1] = add;
    machine.options[2] = add_file("mapped", 256 << 10);
    machine.options[3] = "--disk-fault=read:map:/mapped";
    run = guest_run(&machine, SHELL(script));
    ck_assert_ptr_null(strstr(run.output, "text"));
    ck_assert_ptr_nonnull(strstr(run.output, "Input/output error"));
    ck_assert_msg(strstr(run.output, " 49152\n") || strstr(run.output, "\n49152\n"), "%s", run.output);
    ck_assert_ptr_nonnull(strstr(run.output, host.output));
    ck_assert_int_eq(run.status, 0);
}
END_TEST

/* A directory's block that cannot be written at first: its fsync says so, and the next one succeeds. */
START_TEST(metadata_that_cannot_be_written_is_told_and_written_later) {
    struct guest machine = broken_machine(_i, "--disk-fault=write:/d:x3");
    char add[300];

    write_file(test_path("file"), "text\n", 5);
    snprintf(add, sizeof(add), "--add=%s:/d/file", test_path("file"));
    machine.options[1] = add;
    struct run run =
        guest_run(&machine, SHELL("mkdir /d/e; sync /d && echo good; sync /d && echo better; ls /d"));
    ck_assert_ptr_null(strstr(run.output, "good"));
    ck_assert_ptr_nonnull(strstr(run.output, "better\ne/\nfile\n"));
}
END_TEST

/* --- disks that say nothing ----------------------------------------------------------------------- */

static void check_recovered(const struct run *run) {
    struct run host = host_run(COMMAND("sh", "-c", "echo ready; seqsweep 4M 3"));

    check_same(run, &host);
    ck_assert_int_eq(counter(run, "blk_timeouts"), 1);
    ck_assert_int_eq(counter(run, "blk_resets"), 1);
    ck_assert_int_eq(counter(run, "blk_retries"), 1);
    ck_assert_int_eq(counter(run, "blk_errors"), 0);
    ck_assert_int_ge(counter(run, "pswpin"), 2000);
}

/* The drive does its work and does not interrupt: QEMU is made to set its nIEN bit behind our back. */
START_TEST(a_lost_interrupt_is_recovered) {
    struct guest machine = broken_machine(_i, "--when=ready=o /b 0x3f6 2");

    machine.broken_disk = false;
    struct run run = guest_run(&machine, SHELL("echo ready; seqsweep 4M 3"));
    check_recovered(&run);
}
END_TEST

/* The drive stays busy: it is slowed down to a byte a second until it has been given up. */
START_TEST(a_hung_command_is_recovered) {
    struct guest machine = broken_machine(_i, "--when=ready=block_set_io_throttle ide0-hd0 1 0 0 0 0 0");

    machine.broken_disk = false;
    machine.options[1] = "--when=timed out=block_set_io_throttle ide0-hd0 0 0 0 0 0 0";
    struct run run = guest_run(&machine, SHELL("echo ready; seqsweep 4M 3"));
    check_recovered(&run);
}
END_TEST

/* --- slices of the long tests (tests/faults) ----------------------------------------------------- */

/* Runs a script of tests/faults; a failure shows what it said. */
static void run_script(const char *const *command) {
    int status = host_tool(command);

    ck_assert_msg(status == 0, "%s: status %d:\n%s", command[0], status,
                  read_file(test_path("tool.out"), NULL));
}

START_TEST(ten_power_cuts) {
    run_script(COMMAND("tests/faults/powercut", "--runs", "10", "--seed", "11", "--jobs", "1"));
}
END_TEST

START_TEST(a_slice_of_the_matrix) {
    run_script(COMMAND("tests/faults/matrix", "--runs", "8", "--seed", "1", "--jobs", "1"));
}
END_TEST

void add_fault_cases(Suite *suite) {
    TCase *faults = guest_case(suite, "disk-faults", 110);

    tcase_add_loop_test(faults, a_page_whose_slot_is_bad_is_written_elsewhere, 0, 2);
    tcase_add_loop_test(faults, every_twentieth_slot_is_bad, 0, 2);
    tcase_add_loop_test(faults, what_fails_once_is_tried_again, 0, 2);
    tcase_add_loop_test(faults, a_page_that_cannot_be_read_ends_its_program, 0, 2);
    tcase_add_loop_test(faults, a_file_that_cannot_be_read_gives_an_error, 0, 2);
    tcase_add_loop_test(faults, a_long_command_that_fails_is_tried_page_by_page, 0, 2);
    tcase_add_loop_test(faults, a_failed_write_is_told_by_fsync_and_msync, 0, 2);
    tcase_add_loop_test(faults, metadata_that_cannot_be_read_gives_an_error, 0, 2);
    tcase_add_loop_test(faults, metadata_that_cannot_be_written_is_told_and_written_later, 0, 2);

    TCase *slices = guest_case(suite, "damage", 40);
    tcase_add_test(slices, ten_power_cuts);
    tcase_add_test(slices, a_slice_of_the_matrix);

    /* Each waits ten seconds for the disk; with DISK_HANGS=all each way of transfer. */
    TCase *hangs = guest_case(suite, "disk-hangs", 26);
    bool all = getenv("DISK_HANGS") != NULL;
    tcase_add_loop_test(hangs, a_lost_interrupt_is_recovered, 0, all ? 2 : 1);
    tcase_add_loop_test(hangs, a_hung_command_is_recovered, all ? 0 : 1, 2);
}
