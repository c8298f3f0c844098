/* The log is not kept, and a panic is the end of the test: for unit tests of drivers. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void klog(const char *format UNUSED, ...) {
}

NORETURN void panic(const char *format, ...) {
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
