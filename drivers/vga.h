/*
 * The VGA text screen, 80 by 25. Understands newline (which also returns the carriage), carriage return,
 * backspace, tab, and of the ANSI sequences: cursor home and position (H, f), cursor moves (A, B, C, D),
 * erase in display and in line (J, K). Colours (m) and all other sequences are swallowed.
 */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

#include "lib/types.h"

#define VGA_COLUMNS 80u
#define VGA_ROWS    25u

/* Clears the screen and shows the kernel log on it (log_screen) until vga_take_from_log(). */
void vga_init(void);

/* From now on the screen is the terminal's: log lines do not go there any more. */
void vga_take_from_log(void);

/* Sets the last row apart for vga_status(). After vga_init(), before the terminal asks for vga_rows(). */
void vga_status_init(void);
unsigned vga_rows(void); /* of text */

/* Writes the last row; what is longer than the screen is wide is cut. Never sleeps. Any context. */
void vga_status(const char *line);

/* Never sleeps. Any context. */
void vga_write(const char *bytes, size_t count);

#endif
