/* Vectors, and what the assembly stubs and trap.c know of each other. For arch/x86 alone. */
#ifndef ARCH_X86_TRAPS_H
#define ARCH_X86_TRAPS_H

#include "arch/x86/trap.h"

enum {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUND = 5,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_NO_FPU = 7,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_FPU_SEGMENT = 9,
    VECTOR_INVALID_TASK = 10,
    VECTOR_NO_SEGMENT = 11,
    VECTOR_STACK = 12,
    VECTOR_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_FPU_ERROR = 16,
    VECTOR_ALIGNMENT = 17,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_SIMD_ERROR = 19,
    VECTOR_EXCEPTIONS = 32, /* below: the processor's own */
    VECTOR_IRQ = 32,        /* to 47: the interrupt controllers' lines */
    VECTOR_SYSTEM_CALL = 0x80,
};

#define IRQ_LINES 16u

/* vectors.asm: the stubs' addresses, by vector. */
extern const uint32_t trap_vectors[256];

/* Called by the stubs for every vector but the system call's and the double fault's. */
void trap_dispatch(struct trap_frame *frame);

/* The double fault's task: on its own stack, for a broken kernel. */
NORETURN void trap_double_fault(void);

/* irq.c: serves an interrupt line. Interrupts disabled. */
void irq_dispatch(unsigned line, bool user);
void irq_init(void);
/* In a handler: whether the interrupt came while a program ran. */
bool irq_interrupted_user(void);

#endif
