/*
 * What the guest tells about itself: fault-time, top and pmap against the kernel's own numbers, and busybox's
 * ps, top, free and uptime, which read /proc as Linux writes it.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The line of @text that begins with @start, after blanks; fails the test if there is none. */
static const char *line_with(const char *text, const char *start) {
    for (const char *line = text; line != NULL; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *first = line + strspn(line, " \t");
        if (strncmp(first, start, strlen(start)) == 0)
            return first;
    }
    ck_abort_msg("no line that begins with \"%s\" in:\n%s", start, text);
}

static long long number_after(const char *text, const char *start) {
    return strtoll(line_with(text, start) + strlen(start), NULL, 10);
}

/* --- fault-time ---------------------------------------------------------------------------------- */

START_TEST(faults_and_their_times) {
    static const char *const kinds[] = {"spurious", "resident", "upgrade", "reclaim",
                                        "zero",     "swap",     "file",    "copy"};
    /* Without read-ahead, which spares a loop most of its faults, the disk decides nothing. */
    struct guest machine = {.frames = 256, .append = "readahead=0"};
    struct run run = guest_run(&machine, COMMAND("fault-time", "seqsweep", "1M", "3"));
    long long faults = 0, majors = 0, minor, major;
    double all = 0, ran;

    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, "seqsweep: pass 3 of 3"));
    for (unsigned i = 0; i < LENGTH(kinds); i++) {
        char name[24];
        long long count, read;
        double sum, mean, longest;
        const char *line;

        snprintf(name, sizeof(name), "\n%s ", kinds[i]);
        line = strstr(run.output, name);
        if (line == NULL)
            continue;
        ck_assert_int_eq(sscanf(line, "%*s %lld %lld %lf %lf %lf", &count, &read, &sum, &mean, &longest), 5);
        ck_assert_int_ge(count, read);
        ck_assert(sum > 0 && longest >= mean);
        faults += count;
        majors += read;
        all += sum;
    }
    ck_assert_int_eq(sscanf(line_with(run.output, "ran"), "ran %lf", &ran), 1);
    ck_assert(all <= ran);
    ck_assert_int_ge(number_after(run.output, "swap "), 100);
    ck_assert_int_eq(
        sscanf(strstr(run.output, "\nran") + 1, "%*[^\n]\n%lld minor and %lld major", &minor, &major), 2);
    /* getrusage's has also those for the new program's stack, before there was a program. */
    ck_assert_int_le(faults, minor + major);
    ck_assert_int_ge(faults, minor + major - 16);
    ck_assert_int_le(majors, major);
    ck_assert_int_ge(majors, major - 16);
    ck_assert_int_le(faults, counter(&run, "pgfault"));
}
END_TEST

/* The children of children count too, and who has not asked pays and shows nothing. */
START_TEST(faults_of_a_family) {
    static const char script[] =
        "cat /proc/self/faults; fault-time sh -c 'forkload 2 256K 2 & seqsweep 256K 1; wait'";
    struct run run = guest_run(&(struct guest){0}, SHELL(script));

    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, "kind"));
    ck_assert_int_ge(number_after(run.output, "zero "), 3 * 64);
    run = guest_run(&(struct guest){0}, SHELL("echo nonsense >/proc/self/faults"));
    ck_assert_int_ne(run.status, 0);
}
END_TEST

/* --- pmap and top -------------------------------------------------------------------------------- */

START_TEST(pmap_adds_up) {
    struct run run = guest_run(&(struct guest){0}, SHELL("pmap 1; cat /proc/1/status"));
    long long size, resident;

    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(sscanf(line_with(run.output, "total"), "total %lld %lld", &size, &resident), 2);
    ck_assert_int_eq(size, number_after(run.output, "VmSize:"));
    ck_assert_int_eq(resident, number_after(run.output, "VmRSS:"));
    ck_assert_ptr_nonnull(strstr(run.output, "/sbin/init"));
    ck_assert_ptr_nonnull(strstr(run.output, "[stack]"));
}
END_TEST

START_TEST(top_tells_who_faults) {
    struct run run =
        guest_run(&(struct guest){.frames = 256},
                  SHELL("seqsweep 1M 100000 >x & vmstat -w pswpin 2000; top 1 1; top 0; kill $!"));
    unsigned pid;
    char name[32], state;
    unsigned long resident, swapped;
    double minor, major;

    /* The first line after the headings is the one that faults most. */
    const char *line = strchr(line_with(run.output, "PID"), '\n');
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(
        sscanf(line, "%u %31s %c %lu %lu %lf %lf", &pid, name, &state, &resident, &swapped, &minor, &major),
        7);
    ck_assert_str_eq(name, "seqsweep");
    ck_assert_uint_gt(resident, 100);
    ck_assert_uint_gt(swapped, 100);
    ck_assert(major >= 1);
    ck_assert_ptr_nonnull(strstr(run.output, "MAJOR/s"));
    ck_assert_ptr_nonnull(strstr(run.output, "CPU s"));
}
END_TEST

/* --- busybox's tools ----------------------------------------------------------------------------- */

START_TEST(busybox_reads_proc) {
    const char *busybox = find_busybox();
    char addition[600];
    struct guest machine = {.append = "console=raw"};
    unsigned long total, used, free_kib;

    if (busybox == NULL) {
        printf("skipped: busybox could not be fetched (tools/fetch-i386); set BUSYBOX to its path\n");
        return;
    }
    snprintf(addition, sizeof(addition), "--add=%s:/bin/busybox", busybox);
    machine.options[0] = addition;
    struct run run =
        guest_run(&machine, SHELL("sleep 60 & busybox ps -o pid,ppid,vsz,rss,stat,comm; busybox top -b -n1; "
                                  "busybox free; busybox uptime; cat /proc/meminfo; kill $!"));
    ck_assert_ptr_nonnull(strstr(run.output, "PID   PPID  VSZ  RSS  STAT COMMAND"));
    ck_assert_int_eq(sscanf(strstr(run.output, "    1     0") ? strstr(run.output, "    1     0") : "",
                            " 1 0 %lu %lu", &total, &used),
                     2);
    ck_assert_uint_gt(total, used);
    ck_assert_ptr_nonnull(strstr(run.output, "  sleep\n"));
    ck_assert_ptr_nonnull(strstr(run.output, "Load average:"));
    ck_assert_ptr_nonnull(strstr(run.output, "/sbin/init"));
    ck_assert_int_eq(sscanf(line_with(run.output, "Mem: "), "Mem: %luK used, %luK free", &used, &free_kib),
                     2);
    ck_assert_int_eq((long long)(used + free_kib), number_after(run.output, "MemTotal:"));
    ck_assert_int_eq(number_after(strstr(run.output, "available"), "Mem:"),
                     number_after(run.output, "MemTotal:"));
    ck_assert_int_eq(number_after(run.output, "Swap:"), number_after(run.output, "SwapTotal:"));
    ck_assert_ptr_nonnull(strstr(run.output, " up 0 min"));
}
END_TEST

void add_proc_cases(Suite *suite) {
    TCase *proc = guest_case(suite, "proc-tools", 8);

    tcase_add_test(proc, faults_and_their_times);
    tcase_add_test(proc, faults_of_a_family);
    tcase_add_test(proc, pmap_adds_up);
    tcase_add_test(proc, top_tells_who_faults);
    tcase_add_test(proc, busybox_reads_proc);
}
