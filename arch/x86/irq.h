/* Interrupt state and the processor's idle instruction. */
#ifndef ARCH_X86_IRQ_H
#define ARCH_X86_IRQ_H

#include "lib/types.h"

/* Disables interrupts and returns the state before, for irq_restore(). They nest. */
unsigned irq_save(void);
void irq_restore(unsigned state);
bool irq_enabled(void);
void irq_enable(void);
void irq_disable(void);

/* Enables interrupts and halts until one has been served; no interrupt is lost between the two. */
void irq_enable_and_halt(void);

/* True inside an interrupt handler (not in a system call or a fault). */
bool irq_in_handler(void);

/*
 * Installs @handler for an ISA interrupt line (0-15) and unmasks it. The handler runs with interrupts
 * disabled, must not sleep, and acknowledges its device; the trap code acknowledges the controller.
 */
void irq_install(unsigned line, void (*handler)(void *data), void *data);

#endif
