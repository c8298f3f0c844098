/*
 * The trace: its totals are the counters', exactly, when nothing is lost; what is lost is said; Perfetto's file
 * is what the format wants.
 */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READER "build/trace"

/* Room for all events of these runs, so that none is lost however late the runner is. */
#define ALL_EVENTS "--append=trace=all,524288"

static const char *option(const char *format, const char *name) {
    static char texts[4][256];
    static unsigned turn;
    char *text = texts[turn++ % 4];

    snprintf(text, sizeof(texts[0]), format, test_path(name));
    return text;
}

/* What the reader says goes to the file @output of the test. */
static int read_trace(const char *command, const char *stats, const char *output) {
    char line[1024];

    snprintf(line, sizeof(line), READER " %s %s%s %s >%s", command, stats ? "--stats " : "",
             stats ? stats : "", test_path("trace"), test_path(output));
    return host_tool(COMMAND("sh", "-c", line));
}

static void check_agrees(void) {
    int status = read_trace("check", test_path("stats"), "check.out");

    ck_assert_msg(status == 0, "status %d: %s", status, read_file(test_path("check.out"), NULL));
}

/* --- totals -------------------------------------------------------------------------------------- */

START_TEST(events_agree_with_the_counters) {
    static const char *const loads[] = {
        "quicksort 4M & seqsweep 2M 3 & cowtest 1M & wait",
        "randtouch 4M 4000 & sparsetext all 1 & filetest & wait",
    };
    struct guest machine = {
        .mem = "96M", .frames = 512, .options = {ALL_EVENTS, option("--trace=%s", "trace")}};
    struct run run = guest_run(&machine, SHELL(loads[_i]));

    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pgevict"), 2000);
    ck_assert_int_ge(counter(&run, "pswpin"), 500);
    check_agrees();
}
END_TEST

START_TEST(events_agree_with_other_ways_to_page) {
    static const char *const words[] = {"scope=local policy=wsclock", "swap=static cluster=4",
                                        "ata=pio readahead=0"};
    struct guest machine = {.mem = "96M",
                            .frames = 256,
                            .append = words[_i],
                            .options = {ALL_EVENTS, option("--trace=%s", "trace")}};
    struct run run = guest_run(&machine, COMMAND("forkload", "3", "1M", "2"));

    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 200);
    check_agrees();
}
END_TEST

/* A counter that is not what the events say is found. */
START_TEST(a_wrong_counter_is_found) {
    struct guest machine = {
        .mem = "96M", .frames = 256, .options = {ALL_EVENTS, option("--trace=%s", "trace")}};
    struct run run = guest_run(&machine, COMMAND("seqsweep", "1M", "2"));

    check_agrees();
    json_object_set_new(run.stats, "pswpout", json_integer(counter(&run, "pswpout") + 1));
    ck_assert_int_eq(json_dump_file(run.stats, test_path("wrong"), JSON_INDENT(1)), 0);
    ck_assert_int_eq(read_trace("check", test_path("wrong"), "check.out"), 1);
    ck_assert_ptr_nonnull(strstr(read_file(test_path("check.out"), NULL), "pswpout"));
}
END_TEST

/* --- what is lost -------------------------------------------------------------------------------- */

static unsigned word_at(const char *bytes, size_t offset) {
    unsigned word;

    memcpy(&word, bytes + offset, sizeof(word));
    return word;
}

/* A ring so small that the runner cannot keep up: it says how many it has missed, and nothing is missing else. */
START_TEST(lost_events_are_counted) {
    struct guest machine = {.frames = 512,
                            .options = {"--append=trace=all,256", option("--trace=%s", "trace")}};
    struct run run = guest_run(&machine, COMMAND("seqsweep", "4M", "3"));
    size_t length, held = 0, marks = 0, missed = 0;
    char *bytes = read_file(test_path("trace"), &length);

    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_gt(length, 8192);
    for (size_t at = 8192; at + 32 <= length; at += 32) {
        bool mark = (unsigned char)bytes[at + 12] == 255;

        marks += mark;
        held += !mark;
        missed += mark ? word_at(bytes, at + 24) : 0;
    }
    ck_assert_uint_gt(missed, 1000);
    ck_assert_uint_eq(word_at(bytes, 48), missed);               /* lost */
    ck_assert_uint_eq(word_at(bytes, 52), held + marks);         /* written */
    ck_assert_uint_eq(word_at(bytes, 40), 32 * (held + missed)); /* head */
    ck_assert_int_eq(read_trace("check", test_path("stats"), "check.out"), 2);
    ck_assert_int_eq(read_trace("summary", NULL, "summary.out"), 0);
    ck_assert_ptr_nonnull(strstr(read_file(test_path("summary.out"), NULL), " lost\n"));
}
END_TEST

/* --- Perfetto ------------------------------------------------------------------------------------ */

enum { TRACKS_MOST = 4096, OPEN_MOST = 4096 };

/* Slices of a track must be one after the other or one in the other. */
struct track {
    long long pid, tid;
    double ends[8]; /* of the slices that are open */
    unsigned open;
    bool named;
};

static struct track tracks[TRACKS_MOST];
static unsigned track_count;
static long long waiting[OPEN_MOST]; /* ids of asynchronous slices that are open */
static unsigned waiting_count;

static struct track *track_of(json_t *event) {
    json_t *pid = json_object_get(event, "pid"), *tid = json_object_get(event, "tid");

    ck_assert(json_is_integer(pid) && json_is_integer(tid));
    for (unsigned i = 0; i < track_count; i++)
        if (tracks[i].pid == json_integer_value(pid) && tracks[i].tid == json_integer_value(tid))
            return &tracks[i];
    ck_assert_uint_lt(track_count, TRACKS_MOST);
    tracks[track_count] = (struct track){.pid = json_integer_value(pid), .tid = json_integer_value(tid)};
    return &tracks[track_count++];
}

static double number(json_t *event, const char *name) {
    json_t *value = json_object_get(event, name);

    ck_assert_msg(json_is_number(value), "no number %s", name);
    return json_number_value(value);
}

static void check_slice(json_t *event) {
    struct track *track = track_of(event);
    double begin = number(event, "ts"), end = begin + number(event, "dur");

    ck_assert_msg(track->named, "slices on a track without a name");
    ck_assert(end >= begin);
    while (track->open > 0 && track->ends[track->open - 1] <= begin + 0.0005)
        track->open--;
    if (track->open > 0)
        ck_assert_msg(end <= track->ends[track->open - 1] + 0.0005, "slices overlap at %f", begin);
    ck_assert_uint_lt(track->open, LENGTH(track->ends));
    track->ends[track->open++] = end;
}

static void check_wait(json_t *event, bool begins) {
    long long id = json_integer_value(json_object_get(event, "id"));
    unsigned at = 0;

    ck_assert(json_is_string(json_object_get(event, "cat")) && json_is_integer(json_object_get(event, "id")));
    while (at < waiting_count && waiting[at] != id)
        at++;
    if (begins) {
        ck_assert_uint_eq(at, waiting_count);
        ck_assert_uint_lt(waiting_count, OPEN_MOST);
        waiting[waiting_count++] = id;
    } else {
        ck_assert_uint_lt(at, waiting_count);
        waiting[at] = waiting[--waiting_count];
    }
}

static void check_counter(json_t *event) {
    const char *name;
    json_t *value, *args = json_object_get(event, "args");

    ck_assert_uint_ge(json_object_size(args), 1);
    json_object_foreach(args, name, value) {
        ck_assert_msg(json_is_integer(value) && json_integer_value(value) >= 0, "counter %s", name);
    }
}

static void check_metadata(json_t *event) {
    const char *what = json_string_value(json_object_get(event, "name"));
    json_t *name = json_object_get(json_object_get(event, "args"), "name");

    ck_assert(strcmp(what, "process_name") == 0 || strcmp(what, "thread_name") == 0);
    ck_assert(json_is_string(name));
    if (strcmp(what, "thread_name") == 0)
        track_of(event)->named = true;
}

/* One event, after one of time @before: its phase. */
static char check_event(json_t *event, double before) {
    const char *phase = json_string_value(json_object_get(event, "ph"));

    ck_assert(phase != NULL && strlen(phase) == 1 && strchr("XbeCiM", *phase) != NULL);
    ck_assert(json_is_string(json_object_get(event, "name")));
    ck_assert(number(event, "ts") >= (*phase == 'M' ? 0 : before));
    track_of(event);
    switch (*phase) {
    case 'X':
        check_slice(event);
        break;
    case 'b':
    case 'e':
        check_wait(event, *phase == 'b');
        break;
    case 'C':
        check_counter(event);
        break;
    case 'M':
        check_metadata(event);
        break;
    default:
        ck_assert(json_is_string(json_object_get(event, "s")));
    }
    return *phase;
}

static long long of_category(json_t *events, const char *category) {
    long long found = 0;
    size_t index;
    json_t *event;

    json_array_foreach(events, index, event) {
        const char *name = json_string_value(json_object_get(event, "cat"));

        found += name != NULL && strcmp(name, category) == 0 &&
                 json_string_value(json_object_get(event, "ph"))[0] == 'X';
    }
    return found;
}

START_TEST(perfetto_gets_what_its_format_wants) {
    struct guest machine = {
        .mem = "96M", .frames = 256, .options = {ALL_EVENTS, option("--trace=%s", "trace")}};
    struct run run = guest_run(&machine, SHELL("seqsweep 1M 2 & forkload 2 1M 1 & wait"));
    unsigned seen[128] = {0};
    double before = 0;
    size_t index;
    json_t *event;

    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(read_trace("perfetto", NULL, "perfetto.json"), 0);
    json_t *root = json_load_file(test_path("perfetto.json"), JSON_REJECT_DUPLICATES, NULL);
    json_t *events = json_object_get(root, "traceEvents");
    ck_assert(json_is_array(events));
    json_array_foreach(events, index, event) {
        char phase = check_event(event, before);

        seen[(unsigned char)phase]++;
        if (phase != 'M')
            before = number(event, "ts");
    }
    for (const char *phase = "XbeCiM"; *phase != '\0'; phase++)
        ck_assert_msg(seen[(unsigned char)*phase] > 0, "no event of phase %c", *phase);
    ck_assert_uint_eq(waiting_count, 0);
    ck_assert_int_eq(of_category(events, "fault"), counter(&run, "pgfault"));
    ck_assert_int_ge(of_category(events, "disk"),
                     counter(&run, "blk_read_requests") + counter(&run, "blk_write_requests"));
}
END_TEST

/* --- watching live ------------------------------------------------------------------------------- */

/* What tools/watch sees in the guest's memory while it runs: the last look is what the guest itself counts. */
START_TEST(watched_from_outside) {
    static const char *const gauges[][2] = {
        {"active", "nr_active"}, {"dirty", "nr_pool_dirty"}, {"clean", "nr_pool_clean"}};
    struct run run = {.status = 0};
    char line[1024], *text, *last;
    const char *name;
    json_t *value, *seen;

    snprintf(line, sizeof(line),
             "tools/watch --json --every 0.05 --run --direct --frames 256 --append check=1 --stats %s -- "
             "seqsweep 1M 4 >%s 2>%s",
             test_path("stats"), test_path("seen"), test_path("said"));
    ck_assert_int_eq(host_tool(COMMAND("sh", "-c", line)), 0);
    run.stats = json_load_file(test_path("stats"), 0, NULL);
    text = read_file(test_path("seen"), NULL);
    ck_assert_uint_gt(strlen(text), 1);
    text[strlen(text) - 1] = '\0';
    last = strrchr(text, '\n');
    ck_assert_msg(last != NULL, "only one look");
    seen = json_loads(last + 1, 0, NULL);
    ck_assert_int_ge(counter(&run, "pswpin"), 200);
    ck_assert_int_ge(counter(&run, "vm_checks"), 1);
    json_object_foreach(run.stats, name, value) {
        json_t *other = json_object_get(seen, name);

        if (other != NULL && json_is_integer(value))
            ck_assert_msg(json_equal(value, other), "%s: %lld seen, %lld counted", name,
                          json_integer_value(other), json_integer_value(value));
    }
    ck_assert_ptr_nonnull(json_object_get(seen, "pgfault"));
    for (unsigned i = 0; i < LENGTH(gauges); i++)
        ck_assert_int_eq(json_integer_value(json_object_get(seen, gauges[i][0])),
                         counter(&run, gauges[i][1]));
}
END_TEST

/* Whatever the size of the terminal, the picture fits it. */
START_TEST(pictures_fit_the_terminal) {
    static const unsigned sizes[][2] = {{80, 24}, {40, 12}, {200, 60}};
    char line[1024];

    snprintf(line, sizeof(line),
             "COLUMNS=%u LINES=%u tools/watch --frames 2 --every 0.1 --run --direct --frames 256 -- "
             "seqsweep 1M 2 >%s 2>&1",
             sizes[_i][0], sizes[_i][1], test_path("seen"));
    ck_assert_int_le(host_tool(COMMAND("sh", "-c", line)),
                     1); /* the guest may be ended by the watcher's end */
    char *text = read_file(test_path("seen"), NULL);
    unsigned column = 0, lines = 0;
    for (const char *at = text; *at != '\0' && strncmp(at, "seqsweep", 8) != 0; at++) {
        if (*at == '\x1b')
            at += strcspn(at, "mHKJ");
        else if (*at == '\n')
            column = 0, lines++;
        else if ((*at & 0xC0) != 0x80)
            ck_assert_msg(++column <= sizes[_i][0], "line %u is too long", lines);
    }
    ck_assert_uint_ge(lines, 8);
    ck_assert_uint_le(lines, 2 * sizes[_i][1] + 2);
}
END_TEST

void add_trace_cases(Suite *suite) {
    TCase *totals = guest_case(suite, "trace", 12);
    tcase_add_loop_test(totals, events_agree_with_the_counters, 0, 2);
    tcase_add_loop_test(totals, events_agree_with_other_ways_to_page, 0, 3);
    tcase_add_test(totals, a_wrong_counter_is_found);
    tcase_add_test(totals, lost_events_are_counted);
    tcase_add_test(totals, perfetto_gets_what_its_format_wants);
    TCase *live = guest_case(suite, "watch", 6);
    tcase_add_test(live, watched_from_outside);
    tcase_add_loop_test(live, pictures_fit_the_terminal, 0, 3);
}
