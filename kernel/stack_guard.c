/*
 * Debug builds (make DEBUG=1): the stack protector. The compiler puts a word between a function's arrays and
 * its return address, and compares it before it returns: an array written beyond its end has changed it.
 *
 * The word is chosen at boot, so that it is not by chance what the array is overrun with.
 *
 * Source: Cowan et al., "StackGuard" (1998); gcc's -fstack-protector-strong.
 */
#ifdef FAULTLINE_DEBUG

#include "kernel/debug.h"

#include "arch/x86/time.h"
#include "lib/log.h"

uintptr_t __stack_chk_guard = 0xE7FF0A00; /* until it is chosen: with bytes that end a string */

NORETURN void __stack_chk_fail(void);

void __stack_chk_fail(void) {
    panic("stack: a local array was written beyond its end by the function that would return to %p",
          __builtin_return_address(0));
}

/* The caller must not return: its own word is the old one. */
void stack_guard_choose(void) {
    __stack_chk_guard = ((uintptr_t)time_cycles() * 2654435761u) << 8;
}

#endif
