/*
 * What the compiler calls where the processor has no instruction: division of 64-bit numbers, as the processor
 * divides 64 bits by 32, and counting bits. The compiler's own library (libgcc) has all of it too, but for callers
 * that pass all arguments on the stack.
 *
 * Sources: Knuth, TAOCP vol. 2, 4.3.1; Warren, "Hacker's Delight", 9-5 (unsigned doubleword division from long
 * division), 5-1 (counting 1-bits). Names: gcc's manual, internals, "The GCC low-level runtime library".
 */
#include "arch/x86/compiler.h"

/* @value / @by, where the quotient has 32 bits: the high half of @value is below @by. */
static uint32_t divide_step(uint64_t value, uint32_t by, uint32_t *rest) {
#ifdef FAULTLINE_HOST
    *rest = (uint32_t)(value % by);
    return (uint32_t)(value / by);
#else
    uint32_t quotient;
    asm("divl %4"
        : "=a"(quotient), "=d"(*rest)
        : "0"((uint32_t)value), "1"((uint32_t)(value >> 32)), "r"(by));
    return quotient;
#endif
}

/* By a number of 32 bits: two digits, the higher first. */
static uint64_t divide_short(uint64_t value, uint32_t by) {
    uint32_t rest = 0;
    uint32_t high = divide_step(value >> 32, by, &rest);
    uint32_t low = divide_step((uint64_t)rest << 32 | (uint32_t)value, by, &rest);
    return (uint64_t)high << 32 | low;
}

/* By a larger one: the quotient of the leading bits is right or one too large, so one less is tried first. */
static uint64_t divide_long(uint64_t value, uint64_t by) {
    unsigned zeros = (unsigned)__builtin_clz((uint32_t)(by >> 32));
    uint32_t rest;
    uint32_t leading = divide_step(value >> 1, (uint32_t)((by << zeros) >> 32), &rest);
    uint32_t quotient = (uint32_t)(((uint64_t)leading << zeros) >> 31);
    if (quotient > 0)
        quotient--;
    return quotient + (value - quotient * by >= by);
}

uint64_t divide_unsigned(uint64_t value, uint64_t by) {
    return by >> 32 ? divide_long(value, by) : divide_short(value, (uint32_t)by);
}

int64_t divide_signed(int64_t value, int64_t by) {
    uint64_t quotient = divide_unsigned(value < 0 ? -(uint64_t)value : (uint64_t)value,
                                        by < 0 ? -(uint64_t)by : (uint64_t)by);
    return (int64_t)((value < 0) != (by < 0) ? -quotient : quotient);
}

unsigned count_ones(uint32_t bits) {
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    return ((bits + (bits >> 4)) & 0x0F0F0F0Fu) * 0x01010101u >> 24;
}

unsigned count_trailing_zeros(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    return (unsigned)(low != 0 ? __builtin_ctz(low) : 32 + __builtin_ctz((uint32_t)(bits >> 32)));
}

#ifndef FAULTLINE_HOST
uint64_t __udivdi3(uint64_t value, uint64_t by);
uint64_t __umoddi3(uint64_t value, uint64_t by);
uint64_t __udivmoddi4(uint64_t value, uint64_t by, uint64_t *rest);
int64_t __divdi3(int64_t value, int64_t by);
int64_t __moddi3(int64_t value, int64_t by);
int64_t __divmoddi4(int64_t value, int64_t by, int64_t *rest);
int __popcountsi2(uint32_t bits);
int __ctzdi2(uint64_t bits);

uint64_t __udivdi3(uint64_t value, uint64_t by) {
    return divide_unsigned(value, by);
}

uint64_t __umoddi3(uint64_t value, uint64_t by) {
    return value - divide_unsigned(value, by) * by;
}

uint64_t __udivmoddi4(uint64_t value, uint64_t by, uint64_t *rest) {
    uint64_t quotient = divide_unsigned(value, by);
    *rest = value - quotient * by;
    return quotient;
}

int64_t __divdi3(int64_t value, int64_t by) {
    return divide_signed(value, by);
}

int64_t __moddi3(int64_t value, int64_t by) {
    return (int64_t)((uint64_t)value - (uint64_t)divide_signed(value, by) * (uint64_t)by);
}

int64_t __divmoddi4(int64_t value, int64_t by, int64_t *rest) {
    int64_t quotient = divide_signed(value, by);
    *rest = (int64_t)((uint64_t)value - (uint64_t)quotient * (uint64_t)by);
    return quotient;
}

int __popcountsi2(uint32_t bits) {
    return (int)count_ones(bits);
}

int __ctzdi2(uint64_t bits) {
    return (int)count_trailing_zeros(bits);
}
#endif
