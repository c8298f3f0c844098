/*
 * Interrupts: the processor's enable flag, and the two 8259A controllers behind the sixteen ISA lines.
 *
 * Handlers run to their end with interrupts disabled, one at a time, so none ever interrupts another.
 *
 * Source: Intel 8259A data sheet; SDM vol. 3A, 6.8.
 */
#include "arch/x86/irq.h"

#include "arch/x86/port.h"
#include "arch/x86/time.h"
#include "arch/x86/traps.h"
#include "lib/log.h"
#include "lib/wait.h"

enum {
    MASTER = 0x20, /* command ports; the data port is the next one */
    SLAVE = 0xA0,
    DATA = 1,
    CASCADE_LINE = 2, /* of the master, where the slave is connected */

    ICW1_INIT_ICW4 = 0x11, /* edge triggered, cascaded, a fourth word follows */
    ICW4_8086 = 0x01,
    OCW2_END = 0x20, /* non-specific end of interrupt */
    OCW3_READ_IN_SERVICE = 0x0B,
};

struct irq_line {
    void (*handler)(void *data);
    void *data;
};

static struct irq_line lines[IRQ_LINES];
static uint16_t enabled_lines = 1 << CASCADE_LINE;
static unsigned handler_depth;

bool irq_in_handler(void) {
    return handler_depth > 0;
}

static void set_masks(void) {
    port_out8(MASTER + DATA, (uint8_t)~enabled_lines);
    port_out8(SLAVE + DATA, (uint8_t)(~enabled_lines >> 8));
}

/* Moves the lines from vectors 8-15 and 0x70-0x77, where exceptions are, to 32-47; all masked. */
void irq_init(void) {
    port_out8(MASTER, ICW1_INIT_ICW4);
    port_out8(SLAVE, ICW1_INIT_ICW4);
    port_out8(MASTER + DATA, VECTOR_IRQ);
    port_out8(SLAVE + DATA, VECTOR_IRQ + 8);
    port_out8(MASTER + DATA, 1 << CASCADE_LINE);
    port_out8(SLAVE + DATA, CASCADE_LINE);
    port_out8(MASTER + DATA, ICW4_8086);
    port_out8(SLAVE + DATA, ICW4_8086);
    set_masks();
}

void irq_install(unsigned line, void (*handler)(void *data), void *data) {
    ASSERT(line < IRQ_LINES && line != CASCADE_LINE && !lines[line].handler);
    unsigned state = irq_save();
    lines[line] = (struct irq_line){handler, data};
    enabled_lines |= (uint16_t)(1u << line);
    set_masks();
    irq_restore(state);
}

/*
 * A request that goes away before the processor answers comes in as the controller's lowest line, without
 * being in service. Acknowledging it would end somebody else's interrupt; only the master, for whom the
 * slave's line 2 is in service, still wants to hear of a spurious 15.
 */
static bool is_spurious(unsigned line) {
    if (line != 7 && line != 15)
        return false;
    uint16_t controller = line == 7 ? MASTER : SLAVE;
    port_out8(controller, OCW3_READ_IN_SERVICE);
    if (port_in8(controller) & 0x80)
        return false;
    if (line == 15)
        port_out8(MASTER, OCW2_END);
    return true;
}

static void acknowledge(unsigned line) {
    if (line >= 8)
        port_out8(SLAVE, OCW2_END);
    port_out8(MASTER, OCW2_END);
}

static bool interrupted_user;

bool irq_interrupted_user(void) {
    return interrupted_user;
}

void irq_dispatch(unsigned line, bool user) {
    if (is_spurious(line))
        return;
    interrupted_user = user;
    handler_depth++;
    sleep_forbidden++;
    if (lines[line].handler)
        lines[line].handler(lines[line].data);
    sleep_forbidden--;
    handler_depth--;
    acknowledge(line);
}
