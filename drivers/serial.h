/*
 * The first serial port (COM1): 115200 baud, 8 data bits, no parity, interrupt-driven both ways. The second
 * one belongs to the kernel log (arch/x86/log_port.c), which must work without interrupts.
 */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "lib/deferred.h"
#include "lib/types.h"

/*
 * Sets the port up; @changed is queued whenever bytes have come in, and when there is room again after the
 * buffer has been more than half full. False: there is no such port.
 */
bool serial_init(struct deferred *changed);

/* Takes up to @size bytes that have come in; the number taken. What overflows the buffer is lost. Any
 * context. */
size_t serial_read(uint8_t *to, size_t size);

/* Queues bytes for sending; the number queued, short when the buffer is full. Never sleeps. Any context. */
size_t serial_write(const char *bytes, size_t count);

/* Bytes that serial_write() would take now. Any context. */
size_t serial_room(void);

/* Flow control: no byte leaves the buffer until it is let go again. Any context. */
void serial_hold(bool hold);

/* Sleeps until there is room again, or until everything has been sent: 0, or -EINTR for a signal. */
int serial_wait_room(void);
int serial_wait_sent(void);

/*
 * Stays until all that is queued has been sent, giving up only when nobody takes it for a minute: before the
 * machine ends. Interrupts enabled; does not sleep.
 */
void serial_drain(void);

#endif
