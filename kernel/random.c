/*
 * Random numbers: xorshift64*, stirred with the time-stamp counter at every call.
 *
 * Good enough for hash seeds and stack canaries of programs under study. It is NOT cryptographically
 * secure: whoever can guess boot time and a few counters can guess the rest. There is no secret in this
 * machine to protect with it.
 *
 * Source: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8, 2003; Vigna's multiplied form.
 */
#include "kernel/random.h"
#include "arch/x86/time.h"

static uint64_t next(void) {
    static uint64_t state = 0x9E3779B97F4A7C15ull;
    state ^= time_cycles() ^ (uint64_t)time_boot_epoch() << 32;
    if (state == 0)
        state = 1; /* the one state that xorshift cannot leave */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Dull;
}

void random_bytes(void *to, size_t bytes) {
    uint8_t *at = to;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (i % sizeof value == 0)
            value = next();
        at[i] = (uint8_t)(value >> (i % sizeof value * 8));
    }
}
