/*
 * The fifteen things about Linux's i386 interface that programs lean on without saying so. Each is a test of
 * its own, by number. Where `semantics` states it as facts (compared line by line with this machine by
 * test_semantics.c), the test makes sure that the facts in question are among those stated, here and there;
 * the others run a program made for it.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs one theme in the guest and here, and looks for lines, given by their beginnings, after the theme's name. */
static void check_facts(const char *theme, const char *const *facts) {
    struct run run = guest_like_host(&(struct guest){0}, COMMAND("semantics", theme));
    for (; *facts != NULL; facts++) {
        char line[200];
        snprintf(line, sizeof(line), "%s: %s: ", theme, *facts);
        ck_assert_msg(strstr(run.output, line) != NULL, "%s is not stated: %s", *facts, run.output);
    }
}

#define FACTS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(trap_1_registers_and_stack_at_entry) {
    struct run run = guest_like_host(&(struct guest){0}, COMMAND("entry", "an argument"));
    ck_assert_int_eq(run.status, 0);
    run = guest_like_host(&(struct guest){.frames = 300, .grub = true}, SHELL("entry; entry a b c"));
    ck_assert_int_eq(run.status, 0);
    check_facts("abi", FACTS("the first stack pointer is a multiple of 16",
                             "the strings are above the auxiliary vector"));
}
END_TEST

START_TEST(trap_2_auxiliary_vector) {
    check_facts("abi", FACTS("AT_PHENT, AT_PAGESZ", "AT_RANDOM leads to 16 bytes that are not all 0",
                             "AT_SYSINFO and AT_SYSINFO_EHDR are both there, or neither"));
}
END_TEST

/* The byte of the ELF header that names the operating system; 3 is GNU/Linux. */
static void set_osabi(char *image, char value) {
    enum { EI_OSABI = 7 };
    image[EI_OSABI] = value;
}

START_TEST(trap_3_elf_files) {
    struct run run = guest_like_host(&(struct guest){0}, COMMAND("pie"));
    ck_assert_int_eq(run.status, 0);
    check_facts("abi", FACTS("data not in the file is zero, from the middle of a page on"));

    size_t length;
    char *image = read_file("build/user/pie", &length), option[200];
    snprintf(option, sizeof(option), "--add=%s:/bin/gnu", test_path("gnu"));
    for (char osabi = 0; osabi <= 3; osabi += 3) {
        set_osabi(image, osabi);
        write_file(test_path("gnu"), image, length);
        ck_assert_int_eq(host_tool(COMMAND("chmod", "755", test_path("gnu"))), 0);
        run = guest_run(&(struct guest){.options = {option}}, COMMAND("gnu"));
        ck_assert_int_eq(run.status, 0);
    }
    free(image);
}
END_TEST

START_TEST(trap_4_thread_areas) {
    check_facts("abi", FACTS("the entry's number is written back", "after switches, and in a child"));
    check_facts("thread", FACTS("threads with storage and an id of their own, one process's id"));
}
END_TEST

START_TEST(trap_5_floating_point) {
    check_facts("abi", FACTS("CPUID says FPU, FXSR, SSE, SSE2"));
    check_facts("frame", FACTS("an FPU and an SSE register after it", "control words in a handler"));
    check_facts("access", FACTS("x87 division by zero", "SSE division by zero is FPE_FLTDIV"));
}
END_TEST

START_TEST(trap_6_brk_and_mmap2) {
    check_facts("abi", FACTS("mmap2 with offset 1 is the second page"));
    check_facts("misuse", FACTS("brk keeps an odd value", "brk into the kernel changes nothing"));
    check_facts("mapping",
                FACTS("a hint where nothing is, is followed", "fixed, it replaces what was there"));
}
END_TEST

START_TEST(trap_7_one_cache) {
    check_facts("file", FACTS("write, then a load from the mapping", "a store to the mapping, then read",
                              "the rest of the last page is zero", "and the file is as long as before"));
}
END_TEST

/* "Not written back" is a matter of the disk: what lies behind the end there is looked at from outside. */
START_TEST(trap_7_the_tail_is_not_written_back) {
    char disk[300], device[340], option[340];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(option, sizeof(option), "--disk=%s", disk);
    snprintf(device, sizeof(device), "%s?offset=1048576", disk);
    struct run run = guest_run(&(struct guest){.options = {option}}, COMMAND("mm_tail", "/tail"));
    ck_assert_int_eq(run.status, 0);
    /* The file, 100 bytes of it, lies in one block; the whole block is copied by making the inode longer. */
    ck_assert_int_eq(host_tool(COMMAND("debugfs", "-w", "-R", "set_inode_field /tail size 4096", device)), 0);
    char request[400];
    snprintf(request, sizeof(request), "dump /tail %s", test_path("block"));
    ck_assert_int_eq(host_tool(COMMAND("debugfs", "-R", request, device)), 0);
    size_t length;
    char *block = read_file(test_path("block"), &length);
    ck_assert_uint_eq(length, 4096);
    for (unsigned i = 0; i < length; i++)
        ck_assert_msg(block[i] == (i < 100 ? 'S' : 0), "byte %u is %02x", i, (unsigned char)block[i]);
    free(block);
}
END_TEST

START_TEST(trap_8_bad_pointers) {
    check_facts("usercopy", FACTS("write from nowhere", "read to read-only memory",
                                  "write to a file from a buffer of which 100 bytes are there"));
}
END_TEST

/* 700 MiB mapped in a machine of 2, three hundred pages of it touched, far apart: page tables on demand. */
START_TEST(trap_9_overcommitment) {
    check_facts("mapping", FACTS("mmap of a gibibyte, not reserved"));
    struct guest machine = {.frames = 500, .check = 100, .options = {"--swap-size=16M"}};
    struct run run = guest_like_host(&machine, COMMAND("sparse", "700M", "300"));
    ck_assert_int_eq(run.status, 0);
}
END_TEST

START_TEST(trap_10_faults_as_an_interface) {
    check_facts("access", FACTS("read where nothing is mapped", "write to a read-only page that was read",
                                "read in the page after it", "division by zero", "single step"));
    check_facts("frame", FACTS("pages found dirty by a write barrier, faults"));
}
END_TEST

START_TEST(trap_11_identities_and_ioctl) {
    check_facts("abi", FACTS("another file has another", "it says the same as fstat", "TCGETS of a file"));
}
END_TEST

/* The console of these runs is not a terminal; test_system.c has one. Here: job control without one. */
START_TEST(trap_12_stopping_and_poll) {
    check_facts("signal", FACTS("a child stopped by", "a child continued says so", "poll, the same"));
}
END_TEST

/* Memory told is memory there: what a sort takes for its buffer must follow the machine's size. */
START_TEST(trap_13_memory_told) {
    check_facts("abi", FACTS("RAM is more than nothing, and more than is free"));
    struct run run = guest_run(&(struct guest){.mem = "16M"}, COMMAND("mm_told"));
    long small = strtol(run.output, NULL, 10);
    run = guest_run(&(struct guest){.mem = "64M"}, COMMAND("mm_told"));
    long large = strtol(run.output, NULL, 10);
    ck_assert_int_ge(small, 8 << 10); /* KiB */
    ck_assert_int_le(small, 16 << 10);
    ck_assert_int_ge(large, 48 << 10);
    ck_assert_int_le(large, 64 << 10);
}
END_TEST

START_TEST(trap_14_the_end_of_a_thread) {
    check_facts("thread", FACTS("threads of 200 that came and went", "threads that waited and were woken"));
}
END_TEST

START_TEST(trap_15_devices_and_proc) {
    check_facts("abi", FACTS("read of /dev/null", "read of /dev/urandom", "/dev/shm is a directory",
                             "/proc/meminfo begins with MemTotal"));
}
END_TEST

void add_abi_cases(Suite *suite) {
    TCase *abi = guest_case(suite, "abi", 60);
    tcase_add_test(abi, trap_1_registers_and_stack_at_entry);
    tcase_add_test(abi, trap_2_auxiliary_vector);
    tcase_add_test(abi, trap_3_elf_files);
    tcase_add_test(abi, trap_4_thread_areas);
    tcase_add_test(abi, trap_5_floating_point);
    tcase_add_test(abi, trap_6_brk_and_mmap2);
    tcase_add_test(abi, trap_7_one_cache);
    tcase_add_test(abi, trap_7_the_tail_is_not_written_back);
    tcase_add_test(abi, trap_8_bad_pointers);
    tcase_add_test(abi, trap_9_overcommitment);
    tcase_add_test(abi, trap_10_faults_as_an_interface);
    tcase_add_test(abi, trap_11_identities_and_ioctl);
    tcase_add_test(abi, trap_12_stopping_and_poll);
    tcase_add_test(abi, trap_13_memory_told);
    tcase_add_test(abi, trap_14_the_end_of_a_thread);
    tcase_add_test(abi, trap_15_devices_and_proc);
}
