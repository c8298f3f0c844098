/* What only arch_main() asks of time.c, and time.c of calibrate.c. */
#ifndef ARCH_X86_TIME_BOOT_H
#define ARCH_X86_TIME_BOOT_H

#include "lib/types.h"

#define PIT_HZ 1193182

/* Starts the tick and finds out the rate of the time-stamp counter: about ten milliseconds. After irq_init(). */
void time_init(void);

/* Cycles of the time-stamp counter in a second, measured on the PIT; 0: that does not count. Interrupts are off. */
uint64_t time_measure_rate(void);

#endif
