/* The effective access time: tools/eat against what is known of a program, a disk, and the lecture. */
#include "tests/guest/guest.h"

#include <math.h>

/* What tools/eat finds out about a command, with a disk of 25 ms a request. */
static json_t *eat_of(const char *const *command) {
    const char *words[16] = {"tools/eat",           "--frames", "300", "--iops", "40", "--json",
                             test_path("eat.json"), "--"};
    size_t count = 8, length;
    while (*command != NULL)
        words[count++] = *command++;
    ck_assert_int_eq(host_tool(words), 0);
    json_t *figures = json_loads(read_file(test_path("eat.json"), &length), 0, NULL);
    ck_assert_ptr_nonnull(figures);
    return figures;
}

static double number(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(json_is_number(value), "no %s", name);
    return json_number_value(value);
}

static void check_near(const char *what, double value, double expected, double tolerance) {
    ck_assert_msg(fabs(value - expected) <= tolerance * expected, "%s is %g, expected %g", what, value,
                  expected);
}

/* A second pass over the same memory writes every word and reads every word once more. */
START_TEST(references_are_counted) {
    json_t *once = eat_of(COMMAND("seqsweep", "512K", "1")),
           *twice = eat_of(COMMAND("seqsweep", "512K", "2"));
    double words = 512 * 1024 / 4;
    check_near("data references of a pass", number(twice, "data") - number(once, "data"), 2 * words, 0.05);
    ck_assert(number(twice, "instructions") - number(once, "instructions") > 20 * words);
}
END_TEST

START_TEST(the_average_is_of_what_was_measured) {
    json_t *figures = eat_of(COMMAND("randtouch", "1M", "150")), *kind;
    const char *name;
    double faults = 0, us = 0, disk_faults = 0, disk_us = 0;
    json_object_foreach(json_object_get(figures, "kinds"), name, kind) {
        bool waited = name[0] == 's' /* swap */ || name[0] == 'f' /* file */;
        faults += number(kind, "number");
        us += number(kind, "us");
        disk_faults += waited ? number(kind, "number") : 0;
        disk_us += waited ? number(kind, "us") : 0;
    }
    double p = number(figures, "p"), ma = number(figures, "ma_ns"), fault = number(figures, "fault_ns");
    check_near("faults", faults, number(figures, "pgfault"), 0.01);
    check_near("p", p, faults / number(figures, "references"), 1e-6);
    check_near("fault", fault, us * 1000 / faults, 1e-6);
    check_near("EAT", number(figures, "eat_ns"), (1 - p) * ma + p * fault, 1e-6);
    ck_assert_msg(disk_us / disk_faults > 5000, "a page came from a disk of 25 ms in %g us",
                  disk_us / disk_faults);
    ck_assert(number(figures, "eat_ns") > 10 * ma);
}
END_TEST

/*
 * The lecture's example, done: memory of 100 ns, a disk of 25 ms, one reference in 1,000 a fault: 25 us; and 10 % more
 * than memory where it is one in 2,500,000. What the disk took is what the rest is compared with: it is slowed down by
 * the host's clock, and where the host is busy, the guest's goes slower.
 */
START_TEST(the_lecture_is_right) {
    size_t length;
    ck_assert_int_eq(host_tool(COMMAND("tools/eat", "--lecture", "--json", test_path("lecture.json"))), 0);
    json_t *figures = json_loads(read_file(test_path("lecture.json"), &length), 0, NULL);
    json_t *cases = json_object_get(figures, "cases");
    ck_assert_uint_eq(json_array_size(cases), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = json_array_get(cases, i);
        check_near("memory time", number(one, "ma_ns"), 100, 0.05);
        double fault = number(one, "fault_ns");
        ck_assert_msg(fault > 25e6 / 5 && fault < 25e6 * 5, "a fault takes %g ns", fault);
        check_near("p", number(one, "p"), 1 / number(one, "one_in"), 0.06);
        check_near("EAT", number(one, "eat_ns"), number(one, "formula_ns"), 0.05);
    }
    const json_t *often = json_array_get(cases, 0), *rarely = json_array_get(cases, 1);
    check_near("EAT with 1/1,000", number(often, "eat_ns"), 100 + number(often, "fault_ns") / 1000, 0.1);
    check_near("EAT with 1/2,500,000", number(rarely, "eat_ns"), 100 + number(rarely, "fault_ns") / 2500000,
               0.05);
}
END_TEST

START_TEST(the_lecture_has_its_numbers) {
    json_t *lecture = json_object_get(eat_of(COMMAND("echo", "hello")), "lecture");
    check_near("EAT", number(lecture, "eat_ns"), 0.999 * 100 + 25e6 / 1000, 1e-9);
    check_near("p for 10 %", 1 / number(lecture, "ten_percent"), 2500000, 1e-9);
    ck_assert_int_ne(host_tool(COMMAND("tools/eat", "--frames", "300")), 0);
    ck_assert_int_ne(host_tool(COMMAND("tools/eat", "--ma", "0", "--", "echo")), 0);
}
END_TEST

void add_eat_cases(Suite *suite) {
    TCase *eat = guest_case(suite, "effective-access-time", 40);
    tcase_add_test(eat, references_are_counted);
    tcase_add_test(eat, the_average_is_of_what_was_measured);
    tcase_add_test(eat, the_lecture_is_right);
    tcase_add_test(eat, the_lecture_has_its_numbers);
}
