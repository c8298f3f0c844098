/* The processor's features and control registers. For arch/x86 alone. */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include "lib/types.h"

struct cpu_features {
    bool large_pages;  /* PSE: 4 MiB pages */
    bool global_pages; /* PGE */
    bool tsc;
    bool fxsr; /* FXSAVE and FXRSTOR */
    bool sse;
    bool smep;       /* no kernel execution of user pages */
    bool smap;       /* no kernel access to user pages without STAC */
    uint64_t tsc_hz; /* of the time-stamp counter, where the processor or what plays it says so; else 0 */
};

extern struct cpu_features cpu;

/* Asks CPUID. Panics on a processor without FXSAVE (older than the Pentium II). */
void cpu_detect(void);

/*
 * Sets CR0 and CR4 for everything detected, and writes STAC and CLAC into the places that wait for them;
 * so it runs before kernel text becomes read-only.
 */
void cpu_enable(void);

static inline uint32_t cpu_cr0(void) {
    uint32_t value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline uint32_t cpu_cr2(void) {
    uint32_t value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint32_t cpu_cr4(void) {
    uint32_t value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

#endif
