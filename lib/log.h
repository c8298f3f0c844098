/*
 * The kernel log and panic. Lines go to the log serial port (COM2), to a ring in memory that a panic and
 * a debugger can read, and to the screen when there is no terminal on it yet.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/types.h"

/*
 * One line, without the newline. Prefix the text with the module's name and a colon: "ata: …". The log
 * puts the time before it, except before a text that begins with '@': such a line is a record for the
 * program that reads the log port, and goes there alone.
 * Any context; never sleeps.
 */
void klog(const char *format, ...) PRINTF_LIKE(1, 2);

/* Shows a log line, without its newline, where there is no terminal yet; NULL: nowhere. Any context. */
extern void (*log_screen)(const char *text);

/*
 * A broken invariant of our own; never for bad input, bad media or want of memory. Prints cause,
 * registers, backtrace and the thread's last events, and ends the machine with the exit status of a panic. Any context.
 */
NORETURN void panic(const char *format, ...) PRINTF_LIKE(1, 2);

/* Preconditions and invariants. Always compiled in: an assertion that is off is a comment. */
#define ASSERT(condition)                                                                                    \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0))                                                               \
            panic("%s:%d: %s: assertion failed: %s", __FILE__, __LINE__, __func__, #condition);              \
    } while (0)

#endif
