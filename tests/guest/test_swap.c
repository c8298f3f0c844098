/*
 * The swap area as mkswap makes it, and its list of bad pages, which `mkswap -c` writes after it has tried to read
 * each: what is listed is neither written nor counted.
 */
#include "tests/guest/guest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header of the area (Linux's union swap_header), in bytes from its start, and what the test makes of it. */
enum {
    PAGE_BYTES = 4096,
    HEADER_LAST_PAGE = 1028,
    HEADER_BAD_COUNT = 1032,
    HEADER_BAD_PAGES = 1536,
    SLOTS = 2048, /* of 8 MiB */
    MARK = 0xB5,  /* the bytes of bad pages */
};

/* Offset of the second partition of a disk: the first sector in its entry of the MBR. */
static long swap_offset(FILE *disk) {
    enum { SECOND_ENTRY = 446 + 16, TYPE = 4, FIRST_SECTOR = 8, SWAP_TYPE = 0x82 };
    unsigned char entry[16];
    ck_assert_int_eq(fseek(disk, SECOND_ENTRY, SEEK_SET), 0);
    ck_assert_uint_eq(fread(entry, 1, sizeof(entry), disk), sizeof(entry));
    ck_assert_int_eq(entry[TYPE], SWAP_TYPE);
    return 512L * (entry[FIRST_SECTOR] | entry[FIRST_SECTOR + 1] << 8 | entry[FIRST_SECTOR + 2] << 16);
}

static void put(FILE *disk, long offset, const void *bytes, size_t length) {
    ck_assert_int_eq(fseek(disk, offset, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(bytes, 1, length, disk), length);
}

static unsigned bad_every; /* one slot in so many is bad … */
static unsigned bad_from;  /* … from here on */

/* The first and the last slot too, and one more. */
static bool is_bad(unsigned slot) {
    return slot < bad_from ? false : slot % bad_every == 1 || slot == SLOTS - 1 || slot == 100;
}

/* Lists the bad pages in the header, and marks them; their number. */
static unsigned make_bad_pages(const char *name) {
    FILE *disk = fopen(name, "r+");
    ck_assert_ptr_nonnull(disk);
    long area = swap_offset(disk);
    unsigned char page[PAGE_BYTES];
    uint32_t count = 0, last;
    ck_assert_int_eq(fseek(disk, area + HEADER_LAST_PAGE, SEEK_SET), 0);
    ck_assert_uint_eq(fread(&last, sizeof(last), 1, disk), 1);
    ck_assert_uint_eq(last, SLOTS - 1);
    memset(page, MARK, sizeof(page));
    for (uint32_t slot = 1; slot < SLOTS; slot++) {
        if (!is_bad(slot))
            continue;
        put(disk, area + HEADER_BAD_PAGES + 4L * count++, &slot, sizeof(slot));
        put(disk, area + (long)slot * PAGE_BYTES, page, sizeof(page));
    }
    put(disk, area + HEADER_BAD_COUNT, &count, sizeof(count));
    ck_assert_int_eq(fclose(disk), 0);
    return count;
}

/* Bad pages are as they were; *@used gets how many of the others have been written to. */
static void look_at_slots(const char *name, unsigned *used) {
    FILE *disk = fopen(name, "r");
    ck_assert_ptr_nonnull(disk);
    long area = swap_offset(disk);
    unsigned char page[PAGE_BYTES], mark[PAGE_BYTES], zeros[PAGE_BYTES] = {0};
    memset(mark, MARK, sizeof(mark));
    *used = 0;
    for (unsigned slot = 1; slot < SLOTS; slot++) {
        ck_assert_int_eq(fseek(disk, area + (long)slot * PAGE_BYTES, SEEK_SET), 0);
        ck_assert_uint_eq(fread(page, 1, sizeof(page), disk), sizeof(page));
        if (is_bad(slot))
            ck_assert_msg(memcmp(page, mark, sizeof(page)) == 0, "bad slot %u has been written", slot);
        else
            *used += memcmp(page, zeros, sizeof(page)) != 0;
    }
    fclose(disk);
}

/* So much goes to swap that most of the good slots are used at one time or another, on both sides of bad ones. */
START_TEST(bad_pages_are_left_alone) {
    static const char *const more[] = {NULL, "swap=static", "cluster=1 ata=pio"};
    static const unsigned distances[] = {7, 150, 4}; /* swap=static needs 64 good ones in a row */
    bad_every = distances[_i];
    char disk[300], option[340];
    unsigned used;
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(option, sizeof(option), "--disk=%s", disk);
    struct guest machine = {
        .frames = 512, .check = 50, .append = more[_i], .options = {option, "--swap-size=8M"}};
    guest_like_host(&machine, COMMAND("echo", "the disk is made"));
    unsigned bad = make_bad_pages(disk);
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "4M"));
    ck_assert_int_eq(counter(&run, "nr_swap_total"), SLOTS - 1 - bad);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), SLOTS - 1 - bad);
    ck_assert_int_ge(counter(&run, "pswpin"), 500);
    look_at_slots(disk, &used);
    ck_assert_uint_ge(used, 500);
    run = guest_run(&machine, COMMAND("cat", "/proc/meminfo"));
    char line[64];
    snprintf(line, sizeof(line), "SwapTotal: %13u kB\n", 4 * (SLOTS - 1 - bad));
    ck_assert_msg(strstr(run.output, line) != NULL, "not '%s': %s", line, run.output);
}
END_TEST

/* --- swap=static --------------------------------------------------------------------------------- */

/* Where each page is, on the disk too, and what each call takes of SwapFree: to the page. */
START_TEST(a_page_is_at_its_number) {
    static const char *const more[] = {"swap=static clean=off", "swap=static clean=off cluster=5",
                                       "swap=static clean=off scope=local"};
    struct guest machine = {.frames = 1500, .check = 25, .append = more[_i]};
    struct run run = guest_run(&machine, COMMAND("staticswap"));
    ck_assert_msg(run.status == 0, "staticswap: %s", run.output);
    ck_assert_int_ge(counter(&run, "pswpout"), 3000);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
}
END_TEST

/*
 * So many bad pages that there are few runs: programs for which there is none are refused, with ENOMEM, and nothing is
 * lost; with swap=dynamic all slots between bad ones are good.
 */
START_TEST(no_run_for_a_program) {
    static const char script[] = "pagedemo; pagedemo; echo $?";
    char disk[300], option[340];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(option, sizeof(option), "--disk=%s", disk);
    struct guest machine = {.frames = 700, .check = 50, .options = {option, "--swap-size=8M"}};
    guest_like_host(&machine, COMMAND("echo", "the disk is made"));
    bad_every = 40;
    bad_from = 900;
    unsigned bad = make_bad_pages(disk);
    machine.append = "swap=static";
    struct run run = guest_run(&machine, SHELL(script));
    ck_assert_int_ne(run.status, 0);
    ck_assert_msg(strstr(run.output, "sh: pagedemo: Cannot allocate memory\n") != NULL, "sh said: %s",
                  run.output);
    ck_assert_int_eq(counter(&run, "oom_kill"), 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), SLOTS - 1 - bad);
    machine.append = NULL;
    run = guest_run(&machine, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.output, "allocate"));
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), SLOTS - 1 - bad);
}
END_TEST

void add_swap_cases(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "swap-area", 12), bad_pages_are_left_alone, 0, 3);
    TCase *fixed = guest_case(suite, "swap-static", 15);
    tcase_add_loop_test(fixed, a_page_is_at_its_number, 0, 3);
    tcase_add_test(fixed, no_run_for_a_program);
}
