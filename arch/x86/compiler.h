/* What the compiler calls for division and counting (compiler.c), under names that a test can call. Any context. */
#ifndef ARCH_X86_COMPILER_H
#define ARCH_X86_COMPILER_H

#include "lib/types.h"

/* @by is not 0; the signed quotient is rounded towards 0. */
uint64_t divide_unsigned(uint64_t value, uint64_t by);
int64_t divide_signed(int64_t value, int64_t by);

unsigned count_ones(uint32_t bits);
unsigned count_trailing_zeros(uint64_t bits); /* @bits is not 0 */

#endif
