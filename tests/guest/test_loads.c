/*
 * The classic paging loads, each with plenty of memory and with little, booted both ways, the disk driven
 * both ways: 4 test cases of 2 runs a load. With plenty nothing may come from swap; with little the
 * page-ins must number in the hundreds, or the test would not be one.
 */
#include "tests/guest/guest.h"

enum { PAGE_INS = 300 };

static const struct load {
    const char *const command[6];
    unsigned tight;   /* frames */
    const char *from; /* counter of the pages that come back */
} loads[] = {
    {{"seqsweep", "6M", "3"}, 512, "pswpin"},
    {{"randtouch", "4M", "6000"}, 512, "pswpin"},
    {{"matmul", "256"}, 192, "pswpin"},
    {{"matmul", "400", "int", "ikj"}, 256, "pswpin"},
    {{"quicksort", "8M"}, 640, "pswpin"},
    {{"mergesort", "4M", "2"}, 640, "pswpin"},
    {{"deeprec", "6M", "2"}, 512, "pswpin"},
    {{"sparse", "512M", "2500"}, 512, "pswpin"},
    {{"listwalk", "6M", "4K", "3"}, 512, "pswpin"},
    {{"sparsetext", "all", "2"}, 512, "pgfilein"},
    {{"cowtest", "3M", "3"}, 768, "pswpin"},
    {{"forkload", "8", "2M", "2"}, 768, "pswpin"},
};

static void run_load(const struct load *load, bool grub, bool pio) {
    struct run roomy =
        guest_like_host(&(struct guest){.mem = "64M", .grub = grub, .pio = pio}, load->command);
    ck_assert_int_eq(counter(&roomy, "pswpin"), 0);

    struct guest tight_machine = {.frames = load->tight, .grub = grub, .pio = pio, .check = 4};
    struct run tight = guest_like_host(&tight_machine, load->command);
    ck_assert_int_ge(counter(&tight, load->from), PAGE_INS);
    ck_assert_int_ge(counter(&tight, "pgevict"), PAGE_INS);
    ck_assert_int_ge(counter(&tight, "vm_checks"), 2);
}

START_TEST(direct_dma) {
    run_load(&loads[_i], false, false);
}
END_TEST

START_TEST(direct_pio) {
    run_load(&loads[_i], false, true);
}
END_TEST

START_TEST(grub_dma) {
    run_load(&loads[_i], true, false);
}
END_TEST

START_TEST(grub_pio) {
    run_load(&loads[_i], true, true);
}
END_TEST

void add_load_cases(Suite *suite) {
    int count = (int)LENGTH(loads);
    tcase_add_loop_test(guest_case(suite, "loads-direct-dma", 60), direct_dma, 0, count);
    tcase_add_loop_test(guest_case(suite, "loads-direct-pio", 60), direct_pio, 0, count);
    tcase_add_loop_test(guest_case(suite, "loads-grub-dma", 80), grub_dma, 0, count);
    tcase_add_loop_test(guest_case(suite, "loads-grub-pio", 85), grub_pio, 0, count);
}
