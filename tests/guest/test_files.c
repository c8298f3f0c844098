/*
 * Files: the guest's model tests, on each block size, with much and little memory; then its disk, looked at
 * from this machine with e2fsprogs, must hold what the same program has left in a directory here.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the root file system starts on the disk (tools/mkimage). */
#define ROOT_PARTITION "?offset=1048576"

static const char *const block_sizes[] = {"--block-size=1024", "--block-size=2048", "--block-size=4096"};

/* An option of the runner that names a file of the test's; static storage, overwritten in turn. */
static const char *option_for(const char *format, const char *name) {
    static char options[4][300];
    static unsigned turn;
    char *option = options[turn++ % 4];
    snprintf(option, sizeof(options[0]), format, test_path(name));
    return option;
}

/* Copies /filetest.d out of the disk, and compares every file with the host's. */
static void compare_with_host(const char *disk, const char *name) {
    char request[300], device[300];
    snprintf(device, sizeof(device), "%s%s", disk, ROOT_PARTITION);
    snprintf(request, sizeof(request), "rdump /%s %s", name, test_path(""));
    ck_assert_int_eq(host_tool(COMMAND("debugfs", "-R", request, device)), 0);
    int status = host_tool(COMMAND("diff", "-r", test_path(name), host_path(name)));
    ck_assert_msg(status == 0, "the disk's files differ: see %s", test_path("tool.out"));
}

/* Each block size, roomy and tight; the tight ones by PIO or through GRUB in turn. */
START_TEST(files_against_the_model) {
    bool tight = _i >= (int)LENGTH(block_sizes);
    const char *block_size = block_sizes[_i % (int)LENGTH(block_sizes)];
    struct guest machine = {.frames = tight ? 400 : 0,
                            .check = 25,
                            .pio = tight && _i % 2 == 0,
                            .grub = tight && _i % 2 == 1,
                            .options = {option_for("--disk=%s", "disk"), block_size}};
    struct run run = guest_like_host(&machine, COMMAND("filetest", "filetest.d", "2M", "400"));
    ck_assert_int_eq(run.status, 0);
    compare_with_host(test_path("disk"), "filetest.d");
}
END_TEST

/* What one boot writes, the next one reads. */
START_TEST(files_outlive_the_machine) {
    struct guest machine = {.frames = 600, .options = {option_for("--disk=%s", "disk")}};
    guest_like_host(&machine, COMMAND("filetest"));
    size_t length;
    char *expected = read_file(host_path("filetest.d/random"), &length);
    machine.grub = true;
    struct run run = guest_run(&machine, COMMAND("cat", "/filetest.d/random"));
    ck_assert_uint_eq(run.length, length);
    ck_assert_mem_eq(run.output, expected, length);
    run = guest_run(&machine, SHELL("rm -r filetest.d && ls -l /filetest.d"));
    ck_assert_int_eq(run.status, 1);
    free(expected);
}
END_TEST

/* A file larger than memory, copied; the copy is looked at from here, since the console is slow. */
START_TEST(file_larger_than_memory) {
    enum { SIZE = 6 << 20 };
    char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)((i * 2654435761u) >> 13);
    write_file(test_path("big"), bytes, SIZE);
    free(bytes);
    struct guest machine = {.frames = 512,
                            .pio = _i == 1,
                            .options = {option_for("--add=%s:/big", "big"), option_for("--disk=%s", "disk")}};
    struct run run = guest_run(&machine, SHELL("cp /big /copy && wc -c /copy && wc -l /big"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pgfilein"), 2 * SIZE / 4096);
    ck_assert_int_ge(counter(&run, "pgfileout"), SIZE / 4096);
    char request[300], device[300];
    snprintf(device, sizeof(device), "%s%s", test_path("disk"), ROOT_PARTITION);
    snprintf(request, sizeof(request), "dump /copy %s", test_path("copy"));
    ck_assert_int_eq(host_tool(COMMAND("debugfs", "-R", request, device)), 0);
    ck_assert_int_eq(host_tool(COMMAND("cmp", test_path("big"), test_path("copy"))), 0);
}
END_TEST

void add_file_cases(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "files", 55), files_against_the_model, 0,
                        2 * (int)LENGTH(block_sizes));
    TCase *disk = guest_case(suite, "disk", 20);
    tcase_add_test(disk, files_outlive_the_machine);
    tcase_add_loop_test(disk, file_larger_than_memory, 0, 2);
}
