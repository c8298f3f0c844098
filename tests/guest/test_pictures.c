/*
 * The page that plays a trace, in a real browser without a screen: what it has worked out of the events is what
 * the guest has counted; every place is reached alike forwards and by jumping; the buttons go through the steps.
 *
 * Without a Chromium on this machine there is nothing to test, and that is said.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_EVENTS "--append=trace=all,524288"

static const char *browser(void) {
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};

    for (unsigned i = 0; i < LENGTH(names); i++) {
        char line[128];

        snprintf(line, sizeof(line), "command -v %s", names[i]);
        if (host_tool(COMMAND("sh", "-c", line)) == 0)
            return names[i];
    }
    printf("skipped: pictures: no chromium here (package chromium)\n");
    fflush(stdout);
    return NULL;
}

/* Traces a run and makes its page. */
static struct run make_page(const struct guest *guest, const char *const *command) {
    struct guest machine = *guest;
    char trace[256], line[1024];

    snprintf(trace, sizeof(trace), "--trace=%s", test_path("trace"));
    machine.options[0] = ALL_EVENTS;
    machine.options[1] = trace;
    struct run run = guest_run(&machine, command);
    snprintf(line, sizeof(line), "build/trace html --title 'a <test> & \"more\"' %s >%s", test_path("trace"),
             test_path("page.html"));
    ck_assert_int_eq(host_tool(COMMAND("sh", "-c", line)), 0);
    return run;
}

/* The body's tag after the page has been shown at the place that @hash says. */
static char *show(const char *program, const char *hash) {
    char line[2048];
    char *text, *body, *end;

    snprintf(line, sizeof(line),
             "timeout 100 %s --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
             "--disable-background-networking --disable-component-update --disable-sync "
             "--user-data-dir=\"$PWD/%s\" "
             "--virtual-time-budget=30000 --dump-dom \"file://$PWD/%s#%s\" >%s 2>%s",
             program, test_path("profile"), test_path("page.html"), hash, test_path("dom"),
             test_path("said"));
    ck_assert_int_eq(host_tool(COMMAND("sh", "-c", line)), 0);
    text = read_file(test_path("dom"), NULL);
    body = strstr(text, "<body");
    ck_assert_msg(body != NULL, "no page; see %s", test_path("said"));
    end = strchr(body, '>');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return body;
}

/* The value of data-@name. */
static const char *data(const char *body, const char *name) {
    static char values[8][8192];
    static unsigned turn;
    char *value = values[turn++ % LENGTH(values)], key[64];
    const char *at;

    snprintf(key, sizeof(key), " data-%s=\"", name);
    at = strstr(body, key);
    ck_assert_msg(at != NULL, "no data-%s in: %s", name, body);
    snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
    return value;
}

static long long data_number(const char *body, const char *name) {
    return strtoll(data(body, name), NULL, 10);
}

/* The numbers of a list against the counters of these names; NULL: not compared. */
static void check_list(const struct run *run, const char *list, const char *const *names, unsigned count) {
    char *at = (char *)list;

    for (unsigned i = 0; i < count; i++) {
        long long value = strtoll(at, &at, 10);

        if (names[i] != NULL)
            ck_assert_msg(value == counter(run, names[i]), "%s: %lld in the page, %lld in the guest",
                          names[i], value, counter(run, names[i]));
    }
}

static void check_end(const struct run *run, const char *body) {
    static const char *const states[] = {NULL,      "nr_active", "nr_pool_dirty", "nr_pool_clean",
                                         "nr_busy", "nr_pinned"};
    static const char *const kinds[] = {"fault_spurious", "fault_resident", "fault_upgrade",
                                        "fault_reclaim",  "fault_zero",     "fault_swap",
                                        "fault_file",     "fault_copy",     "fault_bad"};

    ck_assert_str_eq(data(body, "ready"), "yes");
    ck_assert_str_eq(data(body, "lost"), "0");
    ck_assert_int_eq(data_number(body, "faults"), counter(run, "pgfault"));
    ck_assert_int_eq(data_number(body, "evictions"), counter(run, "pgevict"));
    ck_assert_int_eq(data_number(body, "swap"), counter(run, "nr_swap_total") - counter(run, "nr_swap_free"));
    check_list(run, data(body, "states"), states, LENGTH(states));
    check_list(run, data(body, "kinds"), kinds, LENGTH(kinds));
}

/* Every step of a fault that reads has its event. */
static void check_steps(const char *steps) {
    static const unsigned wanted[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12};

    for (unsigned i = 0; i < LENGTH(wanted); i++) {
        bool found = false;
        char *at = (char *)steps;

        while (*at != '\0')
            found |= strtoul(at, &at, 10) == wanted[i];
        ck_assert_msg(found, "no step %u in: %s", wanted[i], steps);
    }
}

static void check_walk(const char *walk) {
    long long last = -1, places = 0;

    for (char *at = (char *)walk; *at != '\0'; places++) {
        long long place = strtoll(at, &at, 10);

        ck_assert_msg(place > last, "step %lld leads from event %lld to %lld", places, last, place);
        last = place;
    }
    ck_assert_int_eq(places, 41);
}

START_TEST(the_page_shows_what_was_counted) {
    const char *program = browser();
    struct guest machine = {.mem = "96M", .frames = 256};

    if (program == NULL)
        return;
    struct run run = make_page(&machine, SHELL("seqsweep 1M 3 & quicksort 1M & wait"));
    char *page = read_file(test_path("page.html"), NULL);
    ck_assert(strstr(page, "http:") == NULL && strstr(page, "https:") == NULL &&
              strstr(page, " src=") == NULL);
    ck_assert_int_ge(counter(&run, "pswpin"), 200);
    check_end(&run, show(program, "event=end"));
    char *body = show(program, "walk=40&check=12");
    check_steps(data(body, "steps"));
    check_walk(data(body, "walk"));
    ck_assert_str_eq(data(body, "check"), "12 of 12");
}
END_TEST

/*
 * 200,000 events and more: loading applies each once, and no place is further from a copy of the state than 64th of
 * the run. (What that takes in milliseconds is in data-load, data-mean and data-longest; docs/trace.md.)
 */
START_TEST(a_long_run) {
    const char *program = browser();
    struct guest machine = {.mem = "96M", .frames = 512};

    if (program == NULL)
        return;
    struct run run = make_page(&machine, COMMAND("randtouch", "4M", "24000"));
    char *body = show(program, "event=end&theme=dark");
    long long events = data_number(body, "events");
    ck_assert_int_ge(events, 200000);
    ck_assert_int_eq(data_number(body, "applied"), events);
    check_end(&run, body);
    body = show(program, "measure");
    ck_assert_int_le(data_number(body, "most"), events / 64 + 1);
    ck_assert_int_gt(data_number(body, "most"), 0);
    printf("pictures: %lld events, loaded in %s ms; a place in %s ms on average, %s ms at most\n", events,
           data(body, "load"), data(body, "mean"), data(body, "longest"));
}
END_TEST

void add_picture_cases(Suite *suite) {
    TCase *pictures = guest_case(suite, "pictures", 12);

    tcase_add_test(pictures, the_page_shows_what_was_counted);
    tcase_add_test(pictures, a_long_run);
}
