/*
 * The trace's ring: what is written stands there, whole, numbered, the oldest overwritten; nothing is written
 * for groups that are off; the header says what a reader needs; the recent events of a thread.
 *
 * links: mm/ mm/policy/ arch/x86/pmap.c lib/print.c lib/string.c
 * links: tests/unit/fake/fake_mm_machine.c tests/unit/fake/fake_mm_mmu.c tests/unit/fake/fake_mm_sched.c
 * links: tests/unit/fake/fake_mm_disk.c tests/unit/fake/fake_mm_file.c
 */
#include "fake_mm.h"

#include "arch/x86/memory.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/trace.h"
#include "mm/vm.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS (1u << TRACE_GROUP_ALWAYS)

#define EVENT ((uint32_t)sizeof(struct trace_event))

static struct trace_event seen[1024];
static unsigned seen_count;

static void see(const struct trace_event *event) {
    ck_assert_uint_lt(seen_count, ARRAY_SIZE(seen));
    seen[seen_count++] = *event;
}

/* What events call frame @number before there is a frame table. */
static uint32_t entry(pfn_t number) {
    return number * (uint32_t)sizeof(struct frame);
}

static void recent(uint16_t who, unsigned most) {
    seen_count = 0;
    trace_recent(who, most, see);
}

START_TEST(an_event_holds_what_was_said) {
    trace_init(TRACE_GROUPS_ALL, 256);
    trace_who = 7u << 16;
    trace(TRACE_SWITCH, 0, 0, 0, 9, 0);
    trace(TRACE_MAP, 0x5A, entry(11), 0x08048000, 22, 33);
    recent(0, 10);
    ck_assert_uint_eq(seen_count, 2);
    ck_assert_uint_eq(seen[0].who, 7);
    ck_assert_uint_eq(seen[0].frame, TRACE_NO_FRAME);
    ck_assert_uint_eq(seen[0].time, seen[1].time); /* pages are not timed by themselves */
    seen[0] = seen[1];
    ck_assert_uint_eq(seen[0].sequence, 2 * EVENT);
    ck_assert_uint_eq(seen[0].kind, TRACE_MAP);
    ck_assert_uint_eq(seen[0].detail, 0x5A);
    ck_assert_uint_eq(seen[0].who, 9); /* that was switched to */
    ck_assert_uint_eq(seen[0].frame, 11);
    ck_assert_uint_eq(seen[0].address, 0x08048000);
    ck_assert_uint_eq(seen[0].a, 22);
    ck_assert_uint_eq(seen[0].b, 0); /* which this kind has not */
    ck_assert_uint_gt(seen[0].time, 0);
    ck_assert_uint_eq(trace_header.head, 2 * EVENT);
}
END_TEST

START_TEST(groups_that_are_off_cost_no_place) {
    trace_init(1u << TRACE_GROUP_DISK, 256);
    ck_assert_uint_eq(trace_header.groups, 1u << TRACE_GROUP_DISK | ALWAYS);
    trace(TRACE_MAP, 0, 1, 2, 3, 4);
    trace_name(TRACE_EXEC, 1, "sh");
    ck_assert_uint_eq(trace_header.head, 0);
    trace(TRACE_BIO_QUEUED, 0, 1, 2, 3, 4);
    trace(TRACE_FAULT_END, 0, 1, 2, 3, 4);
    ck_assert_uint_eq(trace_header.head, 2 * EVENT);
}
END_TEST

START_TEST(the_oldest_are_overwritten) {
    trace_init(TRACE_GROUPS_ALL, 256);
    for (unsigned i = 0; i < 1000; i++)
        trace(TRACE_MAP, 0, entry(i + 1), 0, 0, 0);
    ck_assert_uint_eq(trace_header.head, 1000 * EVENT);
    recent(0, 1000);
    ck_assert_uint_eq(seen_count, 256);
    for (unsigned i = 0; i < seen_count; i++) {
        ck_assert_uint_eq(seen[i].frame, 1000 - 256 + i + 1);
        ck_assert_uint_eq(seen[i].sequence, (1000 - 256 + i + 1) * EVENT);
    }
}
END_TEST

START_TEST(recent_events_of_one_thread) {
    trace_init(TRACE_GROUPS_ALL, 256);
    for (unsigned i = 1; i <= 100; i++) {
        unsigned who = i % 10 == 0 ? 5 : 6;

        trace_who = 7u << 16;
        trace(TRACE_SWITCH, 0, 0, 0, who, 0);
        trace(TRACE_MAP, 0, entry(i), 0, 0, 0);
    }
    recent(5, 4);
    ck_assert_uint_eq(seen_count, 4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(seen[i].frame, 70 + 10 * i);
    recent(9, 4);
    ck_assert_uint_eq(seen_count, 0);
    recent(5, 0);
    ck_assert_uint_eq(seen_count, 0);
}
END_TEST

/* Nothing is traced: a fault's end is written, with the time of the last tick. */
START_TEST(the_clock_is_left_alone_where_nothing_is_traced) {
    trace_init(0, 0);
    uint64_t tick = trace_tick = time_cycles();

    trace(TRACE_FAULT_END, 0, 0, 0x1000, 1, 0);
    recent(0, 10);
    ck_assert_uint_eq(seen_count, 1);
    ck_assert_uint_eq(seen[0].time, tick);
    trace_init(TRACE_GROUPS_ALL, 256);
    trace(TRACE_FAULT_END, 0, 0, 0x1000, 1, 0);
    recent(0, 10);
    ck_assert_uint_gt(seen[seen_count - 1].time, tick);
}
END_TEST

/* A place that has been taken and not yet written: an interrupt handler came between. */
START_TEST(an_unfinished_event_is_not_shown) {
    trace_init(TRACE_GROUPS_ALL, 256);
    trace(TRACE_MAP, 0, entry(1), 0, 0, 0);
    trace_header.head += EVENT;
    trace(TRACE_MAP, 0, entry(3), 0, 0, 0);
    recent(0, 10);
    ck_assert_uint_eq(seen_count, 2);
    ck_assert_uint_eq(seen[0].frame, 1);
    ck_assert_uint_eq(seen[1].frame, 3);
}
END_TEST

START_TEST(a_name_is_cut) {
    trace_init(TRACE_GROUPS_ALL, 256);
    trace_name(TRACE_EXEC, 3, "a-long-name-indeed");
    trace_name(TRACE_EXEC, 4, "sh");
    recent(0, 10);
    ck_assert_uint_eq(seen[0].frame, 3);
    ck_assert_int_eq(memcmp(&seen[0].address, "a-long-name-", 12), 0);
    ck_assert_int_eq(memcmp(&seen[1].address, "sh\0\0\0\0\0\0\0\0\0", 12), 0);
}
END_TEST

/* Every kind and counter has its line, in order. */
START_TEST(the_header_describes_itself) {
    unsigned kinds = 0, names = 0;
    char *text, *line, *rest;

    trace_init(TRACE_GROUPS_ALL, 0);
    ck_assert_str_eq(trace_header.magic, TRACE_MAGIC);
    ck_assert_uint_eq(trace_header.events, TRACE_EVENTS);
    ck_assert_uint_eq(trace_header.self % PAGE_SIZE, pointer_to_phys(&trace_header) % PAGE_SIZE);
    ck_assert_uint_eq(trace_header.text_bytes, strlen(trace_header.text));
    text = strdup(trace_header.text);
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char group[16], name[24], fields[5][16];

        if (sscanf(line, "kind %15s %23s %15s %15s %15s %15s %15s", group, name, fields[0], fields[1],
                   fields[2], fields[3], fields[4]) == 7)
            ck_assert_str_eq(name, trace_kind_name(kinds++));
        else if (sscanf(line, "counter %23s", name) == 1)
            ck_assert_str_eq(name, counter_names[names++]);
        else
            ck_abort_msg("line: %s", line);
    }
    free(text);
    ck_assert_uint_eq(kinds, TRACE_KIND_TOTAL);
    ck_assert_uint_eq(names, COUNT_TOTAL);
    ck_assert_str_eq(trace_kind_name(TRACE_KIND_TOTAL), "?");
}
END_TEST

/* Who replays the events of frames from the beginning has the frame table. */
START_TEST(frame_events_tell_every_state) {
    uint8_t states[1024] = {0};
    struct frame *taken[20];

    vm_options.trace = TRACE_GROUPS_ALL;
    vm_options.trace_events = 1024;
    fake_boot(200, 100);
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        taken[i] = frame_take(i % 2 ? USE_KERNEL : USE_USER);
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i += 3)
        frame_release(taken[i]);
    recent(0, 1024);
    ck_assert_uint_eq(seen_count, trace_header.head / EVENT);
    for (unsigned i = 0; i < seen_count; i++) {
        const struct trace_event *e = &seen[i];

        if (e->kind == TRACE_FRAMES)
            memset(&states[e->frame], e->detail, e->a);
        if (e->kind == TRACE_FRAME) {
            ck_assert_uint_eq(states[e->frame], e->detail);
            states[e->frame] = (uint8_t)e->b;
        }
    }
    ck_assert_uint_eq(trace_header.frames, frame_total);
    for (pfn_t n = 0; n < frame_total; n++)
        ck_assert_uint_eq(states[n], frame_table[n].state);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trace");
    TCase *tests = tcase_create("ring");

    tcase_add_test(tests, an_event_holds_what_was_said);
    tcase_add_test(tests, groups_that_are_off_cost_no_place);
    tcase_add_test(tests, the_oldest_are_overwritten);
    tcase_add_test(tests, recent_events_of_one_thread);
    tcase_add_test(tests, the_clock_is_left_alone_where_nothing_is_traced);
    tcase_add_test(tests, an_unfinished_event_is_not_shown);
    tcase_add_test(tests, a_name_is_cut);
    tcase_add_test(tests, the_header_describes_itself);
    tcase_add_test(tests, frame_events_tell_every_state);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
