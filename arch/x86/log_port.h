/* The serial port of the kernel log (COM2): polled, so that it works from the first instruction of C on. */
#ifndef ARCH_X86_LOG_PORT_H
#define ARCH_X86_LOG_PORT_H

#include "lib/types.h"

void log_port_init(void);

/* Sends @length bytes as they are; returns when the last one is in the port's buffer. Any context. */
void log_port_write(const char *text, size_t length);

#endif
