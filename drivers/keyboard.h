/*
 * The PS/2 keyboard, US layout. Keys become the bytes that a terminal expects: characters, control
 * characters, and ANSI escape sequences (those of Linux's console) for the cursor and function keys.
 */
#ifndef DRIVERS_KEYBOARD_H
#define DRIVERS_KEYBOARD_H

#include "lib/deferred.h"
#include "lib/types.h"

/* Sets the keyboard up; @typed is queued whenever bytes are there. */
void keyboard_init(struct deferred *typed);

/* Takes up to @size bytes; the number taken. Any context. */
size_t keyboard_read(uint8_t *to, size_t size);

#endif
