/* The console: /dev/console, /dev/ttyS0 and /dev/tty. See terminal.c. */
#ifndef KERNEL_TERMINAL_H
#define KERNEL_TERMINAL_H

#include "lib/types.h"

/*
 * Starts COM1 and the keyboard, and registers the devices; the screen stays the log's until the console is
 * opened. @raw (boot word console=raw): bytes pass unchanged, and to programs the console looks like a pipe,
 * not like a terminal. At boot, after vga_init(), before anything opens the console.
 */
void terminal_init(bool raw);

/* Stays until all output has left the machine, before the machine ends. Does not sleep. */
void terminal_drain(void);

#endif
