/*
 * The kernel log and panic. A line goes to three places: the log port, at once, so that nothing is lost
 * when the machine dies on the next instruction; a ring in memory, for a debugger and a core dump; and the
 * screen while no terminal owns it.
 *
 * Lines that begin with '@' are records for the program at the other end of the log port (the guest
 * runner). On a panic these are @panic TEXT, @reg NAME HEX, @frame ADDRESS FUNCTION from the innermost call
 * outwards, @event TEXT for the last events of the thread that ran (mm/trace.h), oldest first, and @end. The
 * screen shows the same, as far as it has rows.
 *
 * Promise to callers: any context, interrupts in any state, no sleep, no allocation.
 */
#include "lib/log.h"

#include "arch/x86/crash.h"
#include "arch/x86/irq.h"
#include "arch/x86/log_port.h"
#include "arch/x86/machine.h"
#include "arch/x86/time.h"
#include "kernel/symbols.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/trace.h"

#define LINE_MAX 256u /* bytes of a line with its NUL; what is longer is cut */
#define RING_MAX 16384u

#define PANIC_EVENTS        16u
#define PANIC_SCREEN_EVENTS 7u

void (*log_screen)(const char *text);

/* The last lines, newline terminated; log_ring_next is where the next byte goes, modulo RING_MAX. */
char log_ring[RING_MAX];
uint32_t log_ring_next;

static void ring_add(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        log_ring[log_ring_next++ % RING_MAX] = text[i];
}

/* Sends one line; @line has room for the newline that takes the place of its NUL for the while. */
static void put_line(char *line) {
    size_t length = strlen(line);
    if (log_screen && line[0] != '@')
        log_screen(line);
    line[length] = '\n';
    log_port_write(line, length + 1);
    ring_add(line, length + 1);
}

static size_t put_time(char *line, size_t size) {
    uint64_t micros = time_nanoseconds() / 1000;
    return (size_t)print_to(line, size, "[%5u.%06u] ", (unsigned)(micros / 1000000),
                            (unsigned)(micros % 1000000));
}

void klog(const char *format, ...) {
    char line[LINE_MAX];
    size_t prefix = format[0] == '@' ? 0 : put_time(line, sizeof(line));
    va_list args;
    va_start(args, format);
    print_to_v(line + prefix, sizeof(line) - prefix, format, args);
    va_end(args);

    unsigned state = irq_save();
    put_line(line);
    irq_restore(state);
}

/* --- panic ------------------------------------------------------------------------------------------- */

static void panic_record(const char *record, const char *text) {
    char line[LINE_MAX];
    print_to(line, sizeof(line), "@%s %s", record, text);
    put_line(line);
}

/* The screen has few rows, so there several words share one; an empty word ends the row. */
static void panic_screen_word(const char *word) {
    static char row[72];
    size_t used = strlen(row), length = strlen(word);
    if (length == 0 || used + length + 2 > sizeof(row)) {
        crash_screen(row);
        used = 0;
    }
    print_to(row + used, sizeof(row) - used, "%s%s", word, length > 0 ? " " : "");
}

static void panic_register(const char *name, uintptr_t value) {
    char text[32];
    print_to(text, sizeof(text), "%s %08lx", name, (unsigned long)value);
    panic_record("reg", text);
    panic_screen_word(text);
}

static void panic_frame(uintptr_t address) {
    char text[96];
    unsigned offset;
    const char *name = symbol_find(address, &offset);
    /* Where a function begins, the call was the last instruction of the one before: of something like panic(). */
    if (name && offset == 0 && (name = symbol_find(address - 1, &offset)) != NULL)
        offset++;
    if (name)
        print_to(text, sizeof(text), "%08lx %s+0x%x", (unsigned long)address, name, offset);
    else
        print_to(text, sizeof(text), "%08lx", (unsigned long)address);
    panic_record("frame", text);
    panic_screen_word(name ? text + 9 : text);
}

static void panic_event(const struct trace_event *event) {
    char text[128];
    trace_describe(event, text, sizeof(text));
    panic_record("event", text);
}

static void panic_screen_event(const struct trace_event *event) {
    char text[81]; /* a row of the screen */
    trace_describe(event, text, sizeof(text));
    crash_screen(text);
}

/*
 * What the thread did last: the ends of its faults at least, everything with trace=all. Of a thread that has left
 * nothing, as those of the kernel that only wait: what anybody did.
 */
static void panic_events(void) {
    uint16_t thread = (uint16_t)(trace_who >> 16);
    if (trace_recent(thread, PANIC_EVENTS, panic_event) == 0) {
        thread = 0;
        trace_recent(thread, PANIC_EVENTS, panic_event);
    }
    crash_screen(thread ? "the thread's last events:" : "the last events:");
    trace_recent(thread, PANIC_SCREEN_EVENTS, panic_screen_event);
}

/* No lock, no allocation and no wait: nothing can be relied on any more, so as little as possible is. */
void panic(const char *format, ...) {
    static bool panicking;
    irq_disable();
    if (panicking)
        machine_exit(MACHINE_EXIT_PANIC); /* what is broken breaks the report, too */
    panicking = true;

    char text[LINE_MAX - 16];
    va_list args;
    va_start(args, format);
    print_to_v(text, sizeof(text), format, args);
    va_end(args);

    log_screen = NULL;
    panic_record("panic", text);
    crash_screen("Faultline has stopped:");
    crash_screen(text);
    crash_registers(panic_register);
    panic_screen_word("");
    crash_screen("called from, innermost first:");
    crash_backtrace(panic_frame);
    panic_screen_word("");
    panic_events();
    char end[] = "@end";
    put_line(end);
    machine_exit(MACHINE_EXIT_PANIC);
}
