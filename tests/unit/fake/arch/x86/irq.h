/* The interrupt state of a machine that has none: functions that each fake defines as its tests need them. */
#ifndef FAKE_ARCH_X86_IRQ_H
#define FAKE_ARCH_X86_IRQ_H

#include "lib/types.h"

unsigned irq_save(void);
void irq_restore(unsigned state);
bool irq_enabled(void);
void irq_enable(void);
void irq_disable(void);
void irq_enable_and_halt(void);
bool irq_in_handler(void);
void irq_install(unsigned line, void (*handler)(void *data), void *data);

#endif
