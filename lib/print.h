/*
 * Formatted output into a buffer. Understands %d %i %u %x %X %o %c %s %p %% with flags 0 - + space #,
 * width, precision and * for both, and the lengths hh h l ll z; 64-bit values need ll.
 */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include "lib/types.h"

#include <stdarg.h>

/* As ISO C: writes at most @size bytes with the final NUL, returns the length of the whole text. */
int print_to(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
int print_to_v(char *buffer, size_t size, const char *format, va_list args);

#endif
