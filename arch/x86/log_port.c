/*
 * COM2, by polling: 115200 baud, 8 data bits, no parity, its 16-byte FIFO filled whenever it is empty. No
 * interrupt is used, so the log also works with interrupts disabled, in an interrupt, and in a panic.
 *
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers).
 */
#include "arch/x86/log_port.h"

#include "arch/x86/uart.h"

enum {
    FIFO_ENABLE_AND_CLEAR = 0x07,
    MODEM_DTR_RTS = 0x03,
    POLLS_MAX = 1000000, /* far longer than 16 bytes take: then nobody is there, and we go on */
};

void log_port_init(void) {
    uart_set_line(COM2);
    port_out8(COM2 + UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    port_out8(COM2 + UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

void log_port_write(const char *text, size_t length) {
    for (size_t sent = 0; sent < length; sent++) {
        if (sent % FIFO_BYTES == 0) {
            for (unsigned i = 0; i < POLLS_MAX; i++)
                if (port_in8(COM2 + UART_LINE_STATUS) & STATUS_FIFO_EMPTY)
                    break;
        }
        port_out8(COM2 + UART_DATA, (uint8_t)text[sent]);
    }
}
