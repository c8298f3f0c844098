/* The clock. */
#ifndef ARCH_X86_TIME_H
#define ARCH_X86_TIME_H

#include "lib/types.h"

#define TICKS_PER_SECOND 100u

uint64_t time_ticks(void);       /* timer ticks since boot */
uint64_t time_nanoseconds(void); /* since boot, monotonic, finer than a tick (TSC calibrated on the PIT) */

uint64_t time_cycles(void); /* time-stamp counter, or nanoseconds where there is none */
bool time_has_counter(void);

/* The time-stamp counter, where there is one. In line for the trace. */
#ifdef FAULTLINE_HOST
uint64_t time_counter(void);
#else
static ALWAYS_INLINE uint64_t time_counter(void) {
    uint64_t value;

    asm volatile("rdtsc" : "=A"(value));
    return value;
}
#endif

/* Nanoseconds since boot = (time_cycles() - *@first) * *@scale / 2^22; *@scale 0: cycles are nanoseconds. */
void time_cycle_rate(uint64_t *first, uint32_t *scale);
uint32_t time_boot_epoch(void); /* seconds since 1970 at boot, from the CMOS clock */
uint32_t time_epoch(void);      /* seconds since 1970, as of the last tick: what files are stamped with */

#endif
