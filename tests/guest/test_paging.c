/* What demand paging promises, proved by counters. */
#include "tests/guest/guest.h"

/* --- a program larger than its memory ------------------------------------------------------------ */

static void sort_32_mib(bool grub, bool pio) {
    struct guest machine = {.mem = "48M", .frames = 2048, .grub = grub, .pio = pio};
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "32M"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 6144); /* at least what does not fit, once */
    ck_assert_int_ge(counter(&run, "pswpout"), 6144);
}

START_TEST(quicksort_of_32_mib_in_8) {
    sort_32_mib(true, false);
}
END_TEST

START_TEST(quicksort_of_32_mib_in_8_by_pio) {
    sort_32_mib(false, true);
}
END_TEST

/* --- programs are paged from their file ---------------------------------------------------------- */

enum { SPARSETEXT_PAGES = 3072, TOUCHED = 20 };

/* Without read-ahead: the pages touched and those that every program touches. */
START_TEST(untouched_pages_are_not_read) {
    struct guest machine = {.append = "readahead=0"};
    struct run base = guest_run(&machine, COMMAND("echo", "base"));
    struct run run = guest_like_host(&machine, COMMAND("sparsetext", "20"));
    long long more = counter(&run, "pgfilein") - counter(&base, "pgfilein");
    ck_assert_int_ge(more, TOUCHED);
    ck_assert_int_le(more, 4 * TOUCHED); /* functions, tables, and the map of a larger file */
    run = guest_like_host(&(struct guest){0}, COMMAND("sparsetext", "20"));
    ck_assert_int_le(counter(&run, "pgfilein"), SPARSETEXT_PAGES / 2);
}
END_TEST

START_TEST(clean_file_pages_are_not_written) {
    struct run run = guest_like_host(&(struct guest){.frames = 512}, COMMAND("sparsetext", "all", "3"));
    ck_assert_int_ge(counter(&run, "pgfilein"), 3 * (SPARSETEXT_PAGES - 512));
    ck_assert_int_le(counter(&run, "pswpout"), 200); /* data of the three processes */
    ck_assert_int_le(counter(&run, "pgfileout"), 50);
}
END_TEST

/* The three ways of load=: three rounds over an image of which a sixth fits into memory. */
START_TEST(an_image_comes_from_its_file_or_from_swap) {
    enum { ROUNDS = 3, FRAMES = 512, ABSENT = SPARSETEXT_PAGES - FRAMES, MORE = 1000 };
    struct guest machine = {.frames = FRAMES, .append = "load=swap"};
    struct run run = guest_like_host(&machine, COMMAND("sparsetext", "all", "3"));
    ck_assert_int_ge(counter(&run, "pgfilein"), SPARSETEXT_PAGES);
    ck_assert_int_le(counter(&run, "pgfilein"),
                     SPARSETEXT_PAGES + MORE); /* when it is copied, and never again */
    ck_assert_int_ge(counter(&run, "pswpout"), SPARSETEXT_PAGES);
    ck_assert_int_ge(counter(&run, "pswpin"), ROUNDS * ABSENT);
    machine.append = "load=file,swap";
    run = guest_like_host(&machine, COMMAND("sparsetext", "all", "3"));
    ck_assert_int_ge(counter(&run, "pgfilein"), SPARSETEXT_PAGES);
    ck_assert_int_le(counter(&run, "pgfilein"), SPARSETEXT_PAGES + MORE);
    ck_assert_int_ge(counter(&run, "pswpin"), (ROUNDS - 1) * ABSENT); /* the first time from the file */
    ck_assert_int_le(counter(&run, "pswpin"), (ROUNDS - 1) * SPARSETEXT_PAGES + MORE);
}
END_TEST

/* --- swap ---------------------------------------------------------------------------------------- */

/* Of a table of 16 MiB a few pages are touched: each page of it has a place, or each page that was written. */
START_TEST(places_on_swap_are_reserved_or_found) {
    enum { TABLE_PAGES = 4096, ENTRIES = 1000 };
    struct guest machine = {.frames = 300, .append = "swap=static"};
    struct run run = guest_like_host(&machine, COMMAND("sparse", "16M", "1000"));
    ck_assert_int_ge(counter(&run, "nr_swap_peak"), TABLE_PAGES);
    ck_assert_int_ge(counter(&run, "pswpin"), ENTRIES / 2);
    machine.append = "swap=dynamic";
    run = guest_like_host(&machine, COMMAND("sparse", "16M", "1000"));
    ck_assert_int_le(counter(&run, "nr_swap_peak"), 2 * ENTRIES);
    ck_assert_int_ge(counter(&run, "pswpin"), ENTRIES / 2);
}
END_TEST

/* More passes that only read: more page-ins, and not a page-out more. */
START_TEST(unmodified_pages_are_not_written_again) {
    struct guest machine = {.frames = 1024, .append = "clean=off"};
    struct run few = guest_like_host(&machine, COMMAND("seqsweep", "-r", "8M", "2"));
    struct run many = guest_like_host(&machine, COMMAND("seqsweep", "-r", "8M", "6"));
    ck_assert_int_ge(counter(&many, "pswpin"), counter(&few, "pswpin") + 4 * 1024);
    ck_assert_int_le(counter(&many, "pswpout"), counter(&few, "pswpout") + 150);
}
END_TEST

START_TEST(page_outs_go_in_clusters) {
    struct run run = guest_like_host(&(struct guest){.frames = 1024}, COMMAND("seqsweep", "8M", "2"));
    ck_assert_int_ge(counter(&run, "swap_clusters"), 1);
    ck_assert_int_ge(counter(&run, "pswpout"), 4 * counter(&run, "swap_clusters"));
}
END_TEST

/*
 * The program itself compares the disk counters around each reclaimed page. Without read-ahead, so that
 * what is found in the pool has been left there and not just been brought.
 */
START_TEST(a_reclaimed_page_costs_no_disk_request) {
    struct guest machine = {.frames = 768, .append = "readahead=0"};
    struct run run = guest_run(&machine, COMMAND("reclaim"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "fault_reclaim"), 1);
}
END_TEST

/* --- the paging unit ----------------------------------------------------------------------------- */

enum { UNIT_SWEEP_PAGES = 768, UNIT_PASSES = 3 };

static struct run sweep_in_units(const char *words) {
    struct guest machine = {.frames = 512, .append = words};
    return guest_like_host(&machine, COMMAND("seqsweep", "3M", "3"));
}

/* A sweep uses every page of a unit: its faults and disk requests are divided by the unit, its pages are not. */
START_TEST(a_fault_brings_in_its_unit) {
    struct run single = sweep_in_units("policy=clock readahead=0 unit=1");
    ck_assert_int_eq(counter(&single, "unit_pages"), 0);
    long long faults = counter(&single, "fault_swap"), pages = counter(&single, "pswpin");
    ck_assert_int_ge(faults, (UNIT_PASSES - 1) * UNIT_SWEEP_PAGES);
    static const struct {
        const char *words;
        unsigned pages;
    } units[] = {{"policy=clock readahead=0 unit=2", 2}, {"policy=clock readahead=0 unit=8", 8}};
    for (unsigned i = 0; i < LENGTH(units); i++) {
        struct run run = sweep_in_units(units[i].words);
        long long unit = units[i].pages;
        ck_assert_int_le(counter(&run, "fault_swap"), faults / unit + faults / 10);
        ck_assert_int_ge(counter(&run, "pswpin"), pages - pages / 10);
        ck_assert_int_le(counter(&run, "pswpin"), pages + pages / 5);
        ck_assert_int_ge(counter(&run, "unit_swap"), pages * (unit - 1) / unit - pages / 10);
        ck_assert_int_ge(counter(&run, "unit_used"), counter(&run, "unit_swap") * 9 / 10);
        /* a unit that was written in one piece is read with one request */
        long long requests = counter(&run, "blk_read_requests") - counter(&run, "pgfilein");
        ck_assert_int_le(requests, counter(&run, "pswpin") / unit + faults / 10);
    }
}
END_TEST

/* One entry a page of 4 KiB, far apart: what a large unit brings in besides is not used, and counted as such. */
START_TEST(what_nobody_uses_of_a_unit_is_counted) {
    struct run run = guest_like_host(&(struct guest){.append = "unit=8"}, COMMAND("sparse", "16M", "200"));
    ck_assert_int_ge(counter(&run, "unit_unused"), 7 * 150);
    ck_assert_int_eq(counter(&run, "unit_pages"), counter(&run, "unit_used") + counter(&run, "unit_unused"));
    /* 200 segments that share no unit lose half of one each, and half a page of it is not seen */
    run = guest_like_host(&(struct guest){.append = "unit=8"}, COMMAND("segments"));
    ck_assert_int_ge(counter(&run, "unit_unused"), 200 * 3);
    ck_assert_int_le(counter(&run, "unit_unused"), 200 * 6);
}
END_TEST

/* Units torn apart by fork, shared at several places, locked, pinned, protected: under the checker. */
START_TEST(units_may_be_torn_apart) {
    static const char script[] = "cowtest 1M 2; shmtest paging 1M 2; directtest facts d; forkload 3 512K 2; "
                                 "semantics file sharing";
    static const char *const words[] = {"unit=4", "unit=2 swap=static scope=local policy=fifo"};
    for (unsigned i = 0; i < LENGTH(words); i++) {
        struct guest machine = {.frames = 320, .check = 10, .append = words[i]};
        struct run run = guest_like_host(&machine, SHELL(script));
        ck_assert_int_ge(counter(&run, "pswpin"), 300);
        ck_assert_int_ge(counter(&run, "unit_swap"), 50);
    }
}
END_TEST

/* --- while one waits, another computes ----------------------------------------------------------- */

START_TEST(paging_and_counting_overlap) {
    struct guest machine = {.frames = 1024, .options = {"--iops=400"}};
    struct run run = guest_run(&machine, COMMAND("overlap", "8M", "400"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.output, "overlap: paging and counting overlap\n");
    ck_assert_int_ge(counter(&run, "fault_swap"), 400);
    ck_assert_int_ge(counter(&run, "context_switches"), 800); /* there and back, at each */
}
END_TEST

/* --- many at once -------------------------------------------------------------------------------- */

START_TEST(eight_processes_at_once) {
    struct guest machine = {.frames = 1024, .check = 25};
    struct run run = guest_like_host(&machine, COMMAND("forkload", "8", "2M", "3"));
    ck_assert_int_ge(counter(&run, "pswpin"), 2000);
    ck_assert_int_ge(counter(&run, "forks"), 8);
}
END_TEST

START_TEST(eight_programs_at_once) {
    static const char script[] =
        "seqsweep 2M 3 >1 & randtouch 2M 4000 >2 & matmul 128 >3 & quicksort 2M >4 & mergesort 1M >5 & "
        "deeprec 2M >6 & listwalk 2M >7 & cowtest 1M >8 & wait; cat 1 2 3 4 5 6 7 8";
    struct run run = guest_like_host(&(struct guest){.frames = 1024, .check = 25}, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 500);
}
END_TEST

START_TEST(many_processes_leave_nothing_behind) {
    struct run run = guest_like_host(&(struct guest){.frames = 512}, COMMAND("manyproc", "150", "8", "256K"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(counter(&run, "nr_swap_free"), counter(&run, "nr_swap_total"));
    ck_assert_int_eq(counter(&run, "nr_anons"), 0);
}
END_TEST

void add_paging_cases(Suite *suite) {
    tcase_add_test(guest_case(suite, "quicksort-32M", 25), quicksort_of_32_mib_in_8);
    tcase_add_test(guest_case(suite, "quicksort-32M-pio", 35), quicksort_of_32_mib_in_8_by_pio);
    TCase *pages = guest_case(suite, "paging", 20);
    tcase_add_test(pages, untouched_pages_are_not_read);
    tcase_add_test(pages, clean_file_pages_are_not_written);
    tcase_add_test(pages, unmodified_pages_are_not_written_again);
    tcase_add_test(pages, page_outs_go_in_clusters);
    tcase_add_test(pages, a_reclaimed_page_costs_no_disk_request);
    TCase *stores = guest_case(suite, "backing-store", 15);
    tcase_add_test(stores, an_image_comes_from_its_file_or_from_swap);
    tcase_add_test(stores, places_on_swap_are_reserved_or_found);
    TCase *units = guest_case(suite, "units", 20);
    tcase_add_test(units, a_fault_brings_in_its_unit);
    tcase_add_test(units, what_nobody_uses_of_a_unit_is_counted);
    tcase_add_test(units, units_may_be_torn_apart);
    tcase_add_test(guest_case(suite, "overlap", 15), paging_and_counting_overlap);
    TCase *many = guest_case(suite, "many-processes", 20);
    tcase_add_test(many, eight_processes_at_once);
    tcase_add_test(many, eight_programs_at_once);
    tcase_add_test(many, many_processes_leave_nothing_behind);
}
