/*
 * What debug builds (make DEBUG=1) have more: undefined behaviour is reported (kernel/ubsan.c), overwritten stacks
 * too (kernel/stack_guard.c), freed memory is poisoned and blocks have red zones (mm/redzone.h). The boot word
 * break=NAME does one thing wrong on purpose (kernel/breakage.c), so that tests see each of them work.
 *
 * In normal builds all of it is empty.
 */
#ifndef KERNEL_DEBUG_H
#define KERNEL_DEBUG_H

#include "lib/types.h"

#ifdef FAULTLINE_DEBUG

void stack_guard_choose(void);          /* once, by a function that never returns */
bool breakage_choose(const char *name); /* false: there is none of that name */
void breakage_run(void);                /* in a kernel thread, before the first program */
void breakage_tick(void);               /* in the timer's interrupt */

#else

static inline void stack_guard_choose(void) {
}
static inline void breakage_run(void) {
}
static inline void breakage_tick(void) {
}

#endif
#endif
