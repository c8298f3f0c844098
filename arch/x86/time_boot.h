/* What only arch_main() asks of time.c. */
#ifndef ARCH_X86_TIME_BOOT_H
#define ARCH_X86_TIME_BOOT_H

/* Starts the tick and measures the time-stamp counter: about ten milliseconds. After irq_init(). */
void time_init(void);

#endif
