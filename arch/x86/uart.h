/*
 * A 16550A UART: its registers, as offsets from its first port, and what the serial console (COM1, by interrupts)
 * and the kernel log (COM2, by polling) both do with it.
 *
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers).
 */
#ifndef ARCH_X86_UART_H
#define ARCH_X86_UART_H

#include "arch/x86/port.h"

enum {
    COM1 = 0x3F8,
    COM2 = 0x2F8,

    UART_DATA = 0,
    UART_INTERRUPT_ENABLE = 1,
    UART_INTERRUPT_ID = 2, /* reading */
    UART_FIFO_CONTROL = 2, /* writing */
    UART_LINE_CONTROL = 3,
    UART_MODEM_CONTROL = 4,
    UART_LINE_STATUS = 5,
    UART_MODEM_STATUS = 6,
    UART_SCRATCH = 7,

    LINE_DIVISOR = 0x80, /* of the line control: the first two registers are the baud rate divisor */
    LINE_8N1 = 0x03,
    DIVISOR_115200 = 1,
    STATUS_RECEIVED = 0x01,
    STATUS_FIFO_EMPTY = 0x20,
    STATUS_ALL_SENT = 0x40,

    FIFO_BYTES = 16,
};

/* 115200 baud, 8 data bits, no parity, one stop bit; none of its interrupts. */
static inline void uart_set_line(uint16_t uart) {
    port_out8(uart + UART_INTERRUPT_ENABLE, 0);
    port_out8(uart + UART_LINE_CONTROL, LINE_DIVISOR);
    port_out8(uart + UART_DATA, DIVISOR_115200);
    port_out8(uart + UART_INTERRUPT_ENABLE, 0); /* the divisor's high byte, as long as that bit is set */
    port_out8(uart + UART_LINE_CONTROL, LINE_8N1);
}

#endif
