/*
 * A panic: a frame table that is spoilt from outside makes the checker stop the kernel, and what it says is all
 * there: the invariant, the registers, the functions by name, what the thread did last.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *spoilt_run(const char *words, char **log) {
    char line[2048];
    int status;

    snprintf(line, sizeof(line),
             "tools/guest --direct --frames 256 --ram %s --log %s --append 'check=5 %s' --timeout 100 -- "
             "seqsweep 1M 2000 "
             ">%s 2>%s & tests/guest/spoil %s || exit 1; wait $!",
             test_path("ram"), test_path("log"), words, test_path("out"), test_path("err"), test_path("ram"));
    status = host_tool(COMMAND("sh", "-c", line));
    ck_assert_msg(status == STATUS_PANIC, "status %d", status);
    *log = read_file(test_path("log"), NULL);
    return read_file(test_path("err"), NULL);
}

/* The function that holds the instruction before @address, as the kernel's file tells; inlined ones left out. */
static void function_at(unsigned long address, char *name, size_t size) {
    char line[512], last[512] = "", before[512] = "";

    snprintf(line, sizeof(line), "addr2line -i -f -e build/faultline.elf %#lx", address - 1);
    FILE *tool = popen(line, "r");
    ck_assert_ptr_nonnull(tool);
    while (fgets(line, sizeof(line), tool) != NULL) { /* a function and its place by turns, outwards */
        memcpy(before, last, sizeof(before));
        memcpy(last, line, sizeof(last));
    }
    ck_assert_int_eq(pclose(tool), 0);
    snprintf(name, size, "%.100s", before);
    name[strcspn(name, "\n")] = '\0';
}

/* Each "@frame ADDRESS NAME+OFFSET" names the right function. */
static unsigned check_frames(const char *log) {
    unsigned frames = 0;

    for (const char *at = log; (at = strstr(at, "@frame ")) != NULL; at++, frames++) {
        char name[128], wanted[128];
        unsigned long address;

        ck_assert_int_eq(sscanf(at, "@frame %lx %127[^+]+0x", &address, name), 2);
        function_at(address, wanted, sizeof(wanted));
        name[strcspn(name, ".")] = '\0';     /* the compiler's part of a function */
        wanted[strcspn(wanted, ".")] = '\0'; /* a local label of the assembler's */
        ck_assert_str_eq(name, wanted);
    }
    return frames;
}

static unsigned count_events(const char *log) {
    unsigned events = 0;

    for (const char *at = log; (at = strstr(at, "\n@event ")) != NULL; at++)
        events++;
    return events;
}

START_TEST(everything_is_said) {
    static const char *const words[] = {"trace=off", "trace=all"};
    char *log, *said = spoilt_run(words[_i], &log);

    ck_assert_ptr_nonnull(strstr(said, "guest: kernel panic: vm_check"));
    ck_assert_ptr_nonnull(strstr(log, "\n@panic vm_check"));
    ck_assert_ptr_nonnull(strstr(log, "\n@reg eip "));
    ck_assert_ptr_nonnull(strstr(log, "\n@reg cr2 "));
    ck_assert_ptr_nonnull(strstr(log, "\n@end"));
    ck_assert_uint_ge(check_frames(log), 4);
    ck_assert_ptr_nonnull(strstr(said, " vm_check at check.c:"));
    ck_assert_ptr_nonnull(strstr(log, "\n@event "));
    ck_assert_ptr_nonnull(strstr(said, "guest: the thread's last events:"));
    if (_i == 0)
        ck_assert_ptr_nonnull(strstr(log, " fault-end "));
    else
        ck_assert_uint_eq(count_events(log), 16);
}
END_TEST

void add_panic_cases(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "panic", 6), everything_is_said, 0, 2);
}
