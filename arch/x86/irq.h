/* Interrupt state and the processor's idle instruction. */
#ifndef ARCH_X86_IRQ_H
#define ARCH_X86_IRQ_H

#include "lib/types.h"

#define IRQ_EFLAGS_ENABLED (1u << 9) /* the processor's interrupt flag */

static inline void irq_enable(void) {
    asm volatile("sti" : : : "memory");
}

static inline void irq_disable(void) {
    asm volatile("cli" : : : "memory");
}

static inline bool irq_enabled(void) {
    unsigned flags;
    asm volatile("pushf\n\tpop %0" : "=r"(flags));
    return flags & IRQ_EFLAGS_ENABLED;
}

/* Disables interrupts and returns the state before, for irq_restore(). They nest. */
static inline unsigned irq_save(void) {
    unsigned flags;
    asm volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags) : : "memory");
    return flags & IRQ_EFLAGS_ENABLED;
}

static inline void irq_restore(unsigned state) {
    if (state)
        irq_enable();
}

/*
 * Enables interrupts and halts until one has been served. STI takes effect after the next instruction, so an
 * interrupt that is pending already ends the HLT, and none is lost between the two.
 */
static inline void irq_enable_and_halt(void) {
    asm volatile("sti\n\thlt" : : : "memory");
}

/* True inside an interrupt handler (not in a system call or a fault). */
bool irq_in_handler(void);

/*
 * Installs @handler for an ISA interrupt line (0-15) and unmasks it. The handler runs with interrupts
 * disabled, must not sleep, and acknowledges its device; the trap code acknowledges the controller.
 */
void irq_install(unsigned line, void (*handler)(void *data), void *data);

#endif
