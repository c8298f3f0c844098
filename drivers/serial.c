/*
 * The 16550 UART of COM1. Bytes going out wait in a ring, from which the UART's FIFO is refilled whenever it
 * is empty; bytes coming in are put into another ring, and the reader is told by deferred work.
 *
 * The rings are shared with the interrupt handler and touched with interrupts disabled only. Sending starts
 * in serial_write() and goes on in the interrupt that says that the FIFO is empty. Whether it is, is asked
 * of the line status each time, not concluded from the interrupt: so an interrupt too many does no harm, and
 * one lost is made up for by the next write.
 *
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers) and 8.6 (interrupts).
 */
#include "drivers/serial.h"

#include "arch/x86/irq.h"
#include "arch/x86/time.h"
#include "arch/x86/uart.h"
#include "lib/log.h"
#include "lib/wait.h"

enum {
    COM1_IRQ = 4,

    INTERRUPT_RECEIVED = 0x01,
    INTERRUPT_SENT = 0x02,
    INTERRUPT_LINE = 0x04,

    ID_NONE = 0x01,
    ID_MASK = 0x0E,
    ID_MODEM = 0x00,

    FIFO_ENABLE = 0x81,       /* receive interrupt at 8 bytes, or when the line falls silent */
    MODEM_DTR_RTS_IRQ = 0x0B, /* OUT2 gates the interrupt line of a PC */

    BURST_MAX = 256,    /* bytes at once to a FIFO that empties at once, as QEMU's: then others' turn */
    EVENTS_MAX = 64,    /* of one interrupt: a port gone mad must not hold the machine */
    DRAIN_SECONDS = 60, /* without progress: a reader may be slow, but this one is gone */
};

/* Free-running counters; their difference is the fill. Sizes are powers of two. */
struct ring {
    uint8_t *bytes;
    uint32_t size, in, out;
};

static uint8_t sending_bytes[8192], received_bytes[1024];
static struct ring sending = {.bytes = sending_bytes, .size = sizeof(sending_bytes)};
static struct ring received = {.bytes = received_bytes, .size = sizeof(received_bytes)};

static bool present, listening, held;
static unsigned fifo_bytes = 1;
static bool crowded; /* the ring of bytes to send is more than half full, or has been since writers woke */
static struct deferred *on_change;
static struct waitq room_waiters, sent_waiters;

static uint32_t ring_fill(const struct ring *ring) {
    return ring->in - ring->out;
}

static void ring_put(struct ring *ring, uint8_t byte) {
    ring->bytes[ring->in++ & (ring->size - 1)] = byte;
}

static uint8_t ring_get(struct ring *ring) {
    return ring->bytes[ring->out++ & (ring->size - 1)];
}

/* --- interrupts disabled from here --- */

static void refill_fifo(void) {
    for (unsigned sent = 0; !held && sent < BURST_MAX && ring_fill(&sending) > 0; sent += fifo_bytes) {
        if ((port_in8(COM1 + UART_LINE_STATUS) & STATUS_FIFO_EMPTY) == 0)
            return;
        for (unsigned n = 0; n < fifo_bytes && ring_fill(&sending) > 0; n++)
            port_out8(COM1 + UART_DATA, ring_get(&sending));
    }
}

/* Writers wake when half the ring is free, not for every byte. */
static void wake_writers(void) {
    if (crowded && ring_fill(&sending) <= sending.size / 2) {
        crowded = false;
        wake_all(&room_waiters);
        deferred_queue(on_change);
    }
    if (ring_fill(&sending) == 0)
        wake_all(&sent_waiters);
}

/*
 * What there is no room for stays in the UART, whose interrupt for it must then be off, until it is read. An
 * emulated line waits meanwhile; on a real one, without flow control, bytes are lost.
 */
static void listen(bool on) {
    listening = on;
    port_out8(COM1 + UART_INTERRUPT_ENABLE, INTERRUPT_SENT | INTERRUPT_LINE | (on ? INTERRUPT_RECEIVED : 0));
}

static void receive(void) {
    bool any = false;

    while ((port_in8(COM1 + UART_LINE_STATUS) & STATUS_RECEIVED) != 0) {
        if (ring_fill(&received) == received.size) {
            listen(false);
            break;
        }
        ring_put(&received, port_in8(COM1 + UART_DATA));
        any = true;
    }
    if (any)
        deferred_queue(on_change);
}

static void interrupt(void *data UNUSED) {
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        uint8_t id = port_in8(COM1 + UART_INTERRUPT_ID);

        if ((id & ID_NONE) != 0)
            return;
        if ((id & ID_MASK) == ID_MODEM)
            port_in8(COM1 + UART_MODEM_STATUS);
        receive();
        refill_fifo();
        wake_writers();
    }
}

/* --- any context --- */

size_t serial_read(uint8_t *to, size_t size) {
    size_t taken = 0;
    unsigned state = irq_save();

    while (taken < size && ring_fill(&received) > 0)
        to[taken++] = ring_get(&received);
    if (taken > 0 && !listening)
        listen(true);
    irq_restore(state);
    return taken;
}

size_t serial_write(const char *bytes, size_t count) {
    size_t taken = 0;

    if (!present)
        return count;
    unsigned state = irq_save();

    while (taken < count && ring_fill(&sending) < sending.size)
        ring_put(&sending, (uint8_t)bytes[taken++]);
    refill_fifo();
    crowded = crowded || ring_fill(&sending) > sending.size / 2;
    irq_restore(state);
    return taken;
}

void serial_hold(bool hold) {
    unsigned state = irq_save();

    held = hold;
    if (present)
        refill_fifo();
    irq_restore(state);
}

size_t serial_room(void) {
    unsigned state = irq_save();
    size_t room = sending.size - ring_fill(&sending);

    irq_restore(state);
    return room;
}

/* Interrupts stay disabled between the test and the sleep, or the interrupt's wake-up could fall between. */
static int wait_fill(uint32_t most, struct waitq *waiters) {
    int error = 0;
    unsigned state = irq_save();

    while (error == 0 && ring_fill(&sending) > most)
        error = wait_interruptible(waiters);
    irq_restore(state);
    return error;
}

int serial_wait_room(void) {
    return wait_fill(sending.size / 2, &room_waiters);
}

int serial_wait_sent(void) {
    return wait_fill(0, &sent_waiters);
}

/* True when all is on the line; *@left gets what is still in the ring. */
static bool all_sent(uint32_t *left) {
    unsigned state = irq_save();

    refill_fifo();
    *left = ring_fill(&sending);
    bool empty = *left == 0 && (port_in8(COM1 + UART_LINE_STATUS) & STATUS_ALL_SENT) != 0;

    irq_restore(state);
    return empty;
}

/* Interrupts, a timer tick at the latest, wake the processor to look again. */
void serial_drain(void) {
    uint64_t patience = time_ticks() + DRAIN_SECONDS * TICKS_PER_SECOND;
    uint32_t left, before = 0;

    ASSERT(irq_enabled());
    serial_hold(false);
    while (present && !all_sent(&left) && time_ticks() < patience) {
        if (left != before)
            patience = time_ticks() + DRAIN_SECONDS * TICKS_PER_SECOND;
        before = left;
        irq_enable_and_halt();
    }
}

/* The scratch register exists for nothing else but to be written and read back. */
static bool port_answers(void) {
    port_out8(COM1 + UART_SCRATCH, 0x5A);
    if (port_in8(COM1 + UART_SCRATCH) != 0x5A)
        return false;
    port_out8(COM1 + UART_SCRATCH, 0xA5);
    return port_in8(COM1 + UART_SCRATCH) == 0xA5;
}

/*
 * Enabling the FIFO throws away what has been received. Where input is waiting already, and more behind it (a
 * file piped into an emulator), there is no moment at which that is safe: then we do without.
 */
static void enable_fifo(void) {
    if ((port_in8(COM1 + UART_LINE_STATUS) & STATUS_RECEIVED) != 0)
        return;
    port_out8(COM1 + UART_FIFO_CONTROL, FIFO_ENABLE);
    fifo_bytes = FIFO_BYTES;
}

bool serial_init(struct deferred *changed) {
    present = port_answers();
    if (!present)
        return false;
    on_change = changed;
    unsigned state = irq_save();

    uart_set_line(COM1);
    enable_fifo();
    port_out8(COM1 + UART_MODEM_CONTROL, MODEM_DTR_RTS_IRQ);
    irq_install(COM1_IRQ, interrupt, NULL);
    listen(true);
    irq_restore(state);
    return true;
}
