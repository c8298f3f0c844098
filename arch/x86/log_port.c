/*
 * COM2, by polling: 115200 baud, 8 data bits, no parity, its 16-byte FIFO filled whenever it is empty. No
 * interrupt is used, so the log also works with interrupts disabled, in an interrupt, and in a panic.
 *
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers).
 */
#include "arch/x86/log_port.h"

#include "arch/x86/port.h"

enum {
    COM2 = 0x2F8,
    UART_DATA = COM2 + 0,
    UART_INTERRUPT_ENABLE = COM2 + 1,
    UART_FIFO_CONTROL = COM2 + 2,
    UART_LINE_CONTROL = COM2 + 3,
    UART_MODEM_CONTROL = COM2 + 4,
    UART_LINE_STATUS = COM2 + 5,

    /* With this bit of the line control set, the first two registers are the baud rate divisor. */
    LINE_DIVISOR = 0x80,
    LINE_8N1 = 0x03,
    FIFO_ENABLE_AND_CLEAR = 0x07,
    MODEM_DTR_RTS = 0x03,
    STATUS_TRANSMITTER_EMPTY = 0x20,

    DIVISOR_115200 = 1,
    FIFO_BYTES = 16,
    POLLS_MAX = 1000000, /* far longer than 16 bytes take: then nobody is there, and we go on */
};

void log_port_init(void) {
    port_out8(UART_INTERRUPT_ENABLE, 0);
    port_out8(UART_LINE_CONTROL, LINE_DIVISOR);
    port_out8(UART_DATA, DIVISOR_115200);
    port_out8(UART_INTERRUPT_ENABLE, 0);
    port_out8(UART_LINE_CONTROL, LINE_8N1);
    port_out8(UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    port_out8(UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

void log_port_write(const char *text, size_t length) {
    for (size_t sent = 0; sent < length; sent++) {
        if (sent % FIFO_BYTES == 0) {
            for (unsigned i = 0; i < POLLS_MAX; i++)
                if (port_in8(UART_LINE_STATUS) & STATUS_TRANSMITTER_EMPTY)
                    break;
        }
        port_out8(UART_DATA, (uint8_t)text[sent]);
    }
}
