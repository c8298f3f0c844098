/* What a panic asks of the processor: registers, the chain of calls, and a screen that needs no driver. */
#ifndef ARCH_X86_CRASH_H
#define ARCH_X86_CRASH_H

#include "lib/types.h"

struct trap_frame;

/*
 * The registers that a panic is to show: those of a trap (the default is the caller's). Called by the trap
 * code before it panics. @stack_pointer is the trapped code's; a trap in kernel mode does not save it.
 */
void crash_set_frame(const struct trap_frame *frame, uintptr_t stack_pointer);

/* Calls @emit for each register worth knowing. */
void crash_registers(void (*emit)(const char *name, uintptr_t value));

/* Calls @emit for each return address, innermost first; stops at the first frame that makes no sense. */
void crash_backtrace(void (*emit)(uintptr_t address));

/* Writes a line on the text screen, wrapped, below the last one, until the screen is full. */
void crash_screen(const char *line);

#endif
