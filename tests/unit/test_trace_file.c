/*
 * The reader of trace files: good ones as they were written, and every way a file can be damaged: cut, with a
 * wrong header, with events out of sequence, with bytes turned.
 *
 * links: tools/trace/file.c
 */
#include "tests/unit/suite.h"
#include "tools/trace/file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS = 40 };

static struct {
    struct trace_header header;
    struct trace_event events[EVENTS];
} image;
static char path[] = "/tmp/faultline-trace-XXXXXX";
static struct file file;

/* A trace of EVENTS entries in page tables. Kinds in another order than ours, and one that we do not know. */
static void make_image(void) {
    static const char text[] =
        "kind X strange a b c d e\nkind PAGE map bits entry address pid -\n"
        "kind THREAD switch why - - who -\nkind PAGE frame from entry index owner flags\ncounter pgfault\n";

    memset(&image, 0, sizeof(image));
    memcpy(image.header.magic, TRACE_MAGIC, sizeof(image.header.magic));
    image.header.version = TRACE_VERSION;
    image.header.header_bytes = sizeof(image.header);
    image.header.event_bytes = sizeof(struct trace_event);
    image.header.events = 256;
    image.header.frames = 100;
    image.header.first_entry = 0xC0100000;
    image.header.layout.bytes = 64;
    image.header.written = EVENTS;
    image.header.cycle_first = 1000;
    image.header.cycle_scale = 2u << 22; /* two nanoseconds a cycle */
    image.header.text_bytes = sizeof(text) - 1;
    memcpy(image.header.text, text, sizeof(text));
    for (unsigned i = 0; i < EVENTS; i++)
        image.events[i] = (struct trace_event){.time = 1000 + 10 * i,
                                               .sequence = 32 * (i + 1),
                                               .kind = TRACE_TIMED | 1,
                                               .detail = 5,
                                               .who = 3,
                                               .frame = 0xC0100000 + 64 * i,
                                               .address = 0x1000 * i,
                                               .a = 3};
}

static void write_bytes(const void *bytes, size_t count) {
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, count, out), count);
    ck_assert_int_eq(fclose(out), 0);
}

static bool read_image(size_t bytes) {
    file_close(&file);
    write_bytes(&image, bytes);
    return file_read(&file, path);
}

static void setup(void) {
    int descriptor = mkstemp(path);

    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    make_image();
}

static void teardown(void) {
    unlink(path);
    file_close(&file);
}

START_TEST(a_good_file) {
    ck_assert(read_image(sizeof(image)));
    ck_assert_uint_eq(file.count, EVENTS);
    ck_assert_uint_eq(file.kind_count, 4);
    ck_assert_uint_eq(file.lost, 0);
    ck_assert_uint_eq(file.events[7].kind, TRACE_MAP);
    ck_assert_uint_eq(file.events[7].time, 140);
    ck_assert_uint_eq(file.events[7].frame, 7);
    ck_assert_uint_eq(event_field(&file.events[7], kind_field(&file.kinds[1], "address")), 0x7000);
    ck_assert_uint_eq(kind_field(&file.kinds[1], "nothing"), FIELDS);
}
END_TEST

/* The place where it is cut does not matter: what is whole is read. */
START_TEST(cut_anywhere) {
    for (size_t bytes = 0; bytes <= sizeof(image); bytes++) {
        bool readable = read_image(bytes);

        ck_assert_int_eq(readable, bytes >= sizeof(image.header));
        if (readable)
            ck_assert_uint_eq(file.count, (bytes - sizeof(image.header)) / sizeof(struct trace_event));
        if (bytes > 64 && bytes < sizeof(image.header) - 64)
            bytes += 61;
    }
}
END_TEST

START_TEST(a_damaged_header) {
    image.header.magic[3] ^= 1;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.header.version++;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.header.event_bytes = 16;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.header.header_bytes = 12;
    ck_assert(!read_image(sizeof(image)));
    image.header.header_bytes = sizeof(image) + 8;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.header.frames = ~0u;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.header.text_bytes = 0;
    ck_assert(!read_image(sizeof(image)));
}
END_TEST

START_TEST(text_without_end) {
    image.header.text_bytes = ~0u;
    memset(image.header.text, 'x', sizeof(image.header.text));
    ck_assert(!read_image(sizeof(image)));
}
END_TEST

START_TEST(not_a_file) {
    ck_assert(!file_read(&file, "/nonexistent/trace"));
    ck_assert(!file_read(&file, "/tmp"));
    ck_assert(!file_read(&file, "/dev/null"));
}
END_TEST

START_TEST(a_missing_event_is_not_silent) {
    image.events[20].sequence++;
    ck_assert(!read_image(sizeof(image)));
    make_image();
    image.events[20].kind = 4; /* the header describes four */
    ck_assert(!read_image(sizeof(image)));
}
END_TEST

START_TEST(lost_events_are_counted) {
    image.events[20] = (struct trace_event){.kind = TRACE_LOST, .frame = TRACE_NO_FRAME, .a = 1000};
    for (unsigned i = 21; i < EVENTS; i++)
        image.events[i].sequence += 32 * 1000;
    ck_assert(read_image(sizeof(image)));
    ck_assert_uint_eq(file.lost, 1000);
    ck_assert_uint_eq(file.events[20].kind, TRACE_LOST);
    ck_assert_uint_ge(file.events[20].time, file.events[19].time);
}
END_TEST

START_TEST(unknown_kinds_pass) {
    image.events[5].kind = TRACE_TIMED;
    ck_assert(read_image(sizeof(image)));
    ck_assert_uint_eq(file.events[5].kind, KIND_UNKNOWN);
    ck_assert_str_eq(file.kinds[file.events[5].number].name, "strange");
}
END_TEST

/* What the kernel leaves out: time and thread of what happens meanwhile, fields that the kind has not. */
START_TEST(what_is_left_out_is_filled_in) {
    image.events[5].kind = 1;
    image.events[5].time = ~0ull;
    image.events[5].who = 99;
    image.events[5].b = 77;
    image.events[6] = (struct trace_event){.kind = TRACE_TIMED | 2, .sequence = 32 * 7, .who = 3, .a = 8};
    image.events[7].kind = 1;
    image.events[8] = (struct trace_event){.kind = TRACE_LOST, .a = 10};
    image.events[9].kind = 1;
    ck_assert(read_image(sizeof(image)));
    ck_assert_uint_eq(file.events[5].time, file.events[4].time);
    ck_assert_uint_eq(file.events[5].who, 3);
    ck_assert_uint_eq(file.events[5].b, 0);
    ck_assert_uint_eq(file.events[6].frame, TRACE_NO_FRAME);
    ck_assert_uint_eq(file.events[6].who, 3);
    ck_assert_uint_eq(file.events[7].who, 8); /* that was switched to */
    ck_assert_uint_eq(file.events[9].who, 0); /* may be anybody */
    ck_assert_uint_eq(file.events[10].who, 3);
}
END_TEST

START_TEST(both_states_of_a_frame) {
    image.events[5] = (struct trace_event){.kind = 3,
                                           .detail = FRAME_DIRTY,
                                           .sequence = 32 * 6,
                                           .frame = 0xC0100000 + 64 * 12,
                                           .b = FRAME_BUSY | OWNER_ANON << 8 | 1u << 16};
    ck_assert(read_image(sizeof(image)));
    ck_assert_uint_eq(file.events[5].kind, TRACE_FRAME);
    ck_assert_uint_eq(file.events[5].frame, 12);
    ck_assert_uint_eq(file.events[5].detail, FRAME_DIRTY | FRAME_BUSY << 4);
    ck_assert_uint_eq(file.events[5].b, OWNER_ANON | 1u << 8 | 1u << 16); /* modified, being written */
}
END_TEST

/* An interrupt came between the taking of a place and its time. */
START_TEST(time_never_falls) {
    image.events[10].time -= 500;
    image.events[11].time = 0;
    ck_assert(read_image(sizeof(image)));
    for (unsigned i = 1; i < EVENTS; i++)
        ck_assert_uint_ge(file.events[i].time, file.events[i - 1].time);
}
END_TEST

/* Whatever bytes are turned, the reader refuses or reads; the sanitizers watch it. */
START_TEST(random_damage) {
    unsigned state = (unsigned)_i + 1;

    for (unsigned round = 0; round < 200; round++) {
        make_image();
        for (unsigned n = 0; n < 1 + round % 8; n++) {
            state = state * 1103515245u + 12345u;
            ((uint8_t *)&image)[(state >> 8) % (n % 2 ? sizeof(image) : 200)] ^=
                (uint8_t)(1u << (state >> 4 & 7));
        }
        if (read_image(sizeof(image)))
            ck_assert_uint_le(file.count, EVENTS + sizeof(image.header) / 32);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trace file");
    TCase *tests = tcase_create("reader");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_good_file);
    tcase_add_test(tests, cut_anywhere);
    tcase_add_test(tests, a_damaged_header);
    tcase_add_test(tests, text_without_end);
    tcase_add_test(tests, not_a_file);
    tcase_add_test(tests, a_missing_event_is_not_silent);
    tcase_add_test(tests, lost_events_are_counted);
    tcase_add_test(tests, unknown_kinds_pass);
    tcase_add_test(tests, what_is_left_out_is_filled_in);
    tcase_add_test(tests, both_states_of_a_frame);
    tcase_add_test(tests, time_never_falls);
    tcase_add_loop_test(tests, random_damage, 0, 5);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
