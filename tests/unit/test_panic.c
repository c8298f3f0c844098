/*
 * What a panic puts on the screen and on the log port: the cause, registers, functions by name, the thread's last
 * events, in this order; and the table of functions itself.
 *
 * links: kernel/log.c kernel/symbols.c lib/print.c lib/string.c
 */
#include "kernel/symbols.h"

#include "arch/x86/crash.h"
#include "arch/x86/irq.h"
#include "arch/x86/log_port.h"
#include "arch/x86/machine.h"
#include "arch/x86/time.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/trace.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <setjmp.h>
#include <stdlib.h>

/* --- the table, as tools/symbols would make it --- */

const uint32_t symbol_count = 3;
const uint32_t symbol_addresses[] = {0xC0101000, 0xC0101100, 0xC0101500};
const uint32_t symbol_offsets[] = {0, 6, 13};
const char symbol_names[] = "first\0second\0third";

/* --- the machine --- */

static char screen[8192], port[8192];
static jmp_buf ended;
static unsigned events; /* of the thread that runs */

uint32_t trace_who = 7u << 16;

unsigned irq_save(void) {
    return 0;
}

void irq_restore(unsigned state UNUSED) {
}

void irq_disable(void) {
}

uint64_t time_nanoseconds(void) {
    return 0;
}

void log_port_write(const char *bytes, size_t count) {
    strncat(port, bytes, count);
}

void crash_screen(const char *line) {
    strcat(screen, line);
    strcat(screen, "\n");
}

void crash_registers(void (*emit)(const char *name, uintptr_t value)) {
    emit("eip", 0xC0101234);
    emit("cr2", 0);
}

void crash_backtrace(void (*emit)(uintptr_t address)) {
    emit(0xC0101234);
    emit(0xC0101500); /* behind a call that does not return: the end of `second` */
    emit(0xC0100000); /* before all functions */
}

unsigned trace_recent(uint16_t who, unsigned most, void (*emit)(const struct trace_event *event)) {
    unsigned there = who == 7 ? events : 3;

    for (unsigned i = there > most ? there - most : 0; i < there; i++)
        emit(&(struct trace_event){.who = who, .frame = i});
    return there < most ? there : most;
}

void trace_describe(const struct trace_event *event, char *text, size_t size) {
    print_to(text, size, "event %u of %u", (unsigned)event->frame, event->who);
}

NORETURN void machine_exit(enum machine_exit how) {
    ck_assert_int_eq(how, MACHINE_EXIT_PANIC);
    longjmp(ended, 1);
}

static void run(void) {
    if (setjmp(ended) == 0)
        panic("frame %u is %s", 5u, "lost");
}

/* --- tests --- */

START_TEST(functions_by_address) {
    unsigned offset;

    ck_assert_ptr_null(symbol_find(0xC0100FFF, &offset));
    ck_assert_str_eq(symbol_find(0xC0101000, &offset), "first");
    ck_assert_uint_eq(offset, 0);
    ck_assert_str_eq(symbol_find(0xC01010FF, &offset), "first");
    ck_assert_uint_eq(offset, 0xFF);
    ck_assert_str_eq(symbol_find(0xC0101100, &offset), "second");
    ck_assert_str_eq(symbol_find(0xFFFFFFFF, &offset), "third");
}
END_TEST

START_TEST(what_the_log_port_gets) {
    events = 30;
    run();
    ck_assert_ptr_nonnull(
        strstr(port, "@panic frame 5 is lost\n@reg eip c0101234\n@reg cr2 00000000\n"
                     "@frame c0101234 second+0x134\n@frame c0101500 second+0x400\n@frame c0100000\n"
                     "@event event 14 of 7\n"));
    ck_assert_ptr_nonnull(strstr(port, "@event event 29 of 7\n@end\n"));
}
END_TEST

START_TEST(what_the_screen_gets) {
    events = 30;
    run();
    ck_assert_str_eq(screen,
                     "Faultline has stopped:\nframe 5 is lost\neip c0101234 cr2 00000000 \n"
                     "called from, innermost first:\nsecond+0x134 second+0x400 c0100000 \n"
                     "the thread's last events:\nevent 23 of 7\nevent 24 of 7\nevent 25 of 7\nevent 26 of 7\n"
                     "event 27 of 7\nevent 28 of 7\nevent 29 of 7\n");
}
END_TEST

/* A thread that has left no events: those of all. */
START_TEST(a_quiet_thread) {
    events = 0;
    run();
    ck_assert_ptr_nonnull(
        strstr(port, "@event event 0 of 0\n@event event 1 of 0\n@event event 2 of 0\n@end\n"));
    ck_assert_ptr_nonnull(strstr(screen, "\nthe last events:\nevent 0 of 0\n"));
}
END_TEST

/* A panic in a panic says nothing more. */
START_TEST(a_second_panic) {
    run();
    size_t said = strlen(port);
    run();
    ck_assert_uint_eq(strlen(port), said);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("panic");
    TCase *tests = tcase_create("panic");

    tcase_add_test(tests, functions_by_address);
    tcase_add_test(tests, what_the_log_port_gets);
    tcase_add_test(tests, what_the_screen_gets);
    tcase_add_test(tests, a_quiet_thread);
    tcase_add_test(tests, a_second_panic);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
