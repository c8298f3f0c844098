/*
 * What an interrupt handler cannot come between. On one processor an instruction is enough, without LOCK.
 *
 * Source: SDM vol. 2, XADD.
 */
#ifndef ARCH_X86_ATOMIC_H
#define ARCH_X86_ATOMIC_H

#include "lib/types.h"

/* Adds to *@counter: what it was before. The compiler may move other loads and stores across it. */
static ALWAYS_INLINE uint32_t atomic_add_before(uint32_t *counter, uint32_t value) {
#ifdef FAULTLINE_HOST
    *counter += value;
    return *counter - value;
#else
    asm("xadd %0, %1" : "+r"(value), "+m"(*counter) : : "cc");
    return value;
#endif
}

#endif
