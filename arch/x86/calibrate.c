/*
 * The rate of the time-stamp counter, measured on the PIT's channel 2, which counts down at a known one.
 *
 * Under a host with other things to do, the processor may be away at any time, for longer than all of this takes:
 * between the reading of one clock and of the other, or for so long that the 16 bits of the PIT go all round. So a
 * round yields bounds, not a number: the counter is read before and after each look at the PIT, and the true rate
 * lies between the quotients of the shortest and the longest time that this allows. A round that was disturbed has
 * wide bounds, which are true all the same. Rounds are made until what all of them allow is narrow enough. One that
 * went all round seems to be quicker than it was, and contradicts the others: the slower ones are right.
 *
 * Source: Intel 8254 data sheet; interval arithmetic (Moore, 1966); Linux's pit_calibrate_tsc() knows the danger.
 */
#include "arch/x86/port.h"
#include "arch/x86/time.h"
#include "arch/x86/time_boot.h"

enum {
    PIT_CHANNEL2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL2_ONE_SHOT = 0xB0, /* channel 2, low then high byte, mode 0: counts down once */
    PIT_CHANNEL2_LATCH = 0x80,    /* its count, held until both bytes have been read */

    SPEAKER = 0x61, /* the port that also has channel 2's gate */
    SPEAKER_GATE = 0x01,
    SPEAKER_SOUND = 0x02,

    ROUND_COUNT = PIT_HZ / 300, /* 3.3 ms */
    ROUNDS_MIN = 3,             /* one alone may have gone all round, and two may contradict each other */
    ROUNDS_MAX = 20,
    NARROW = 1000, /* one part in so many */
    READINGS = 4,  /* tries, of which one counts */
    POLLS_MAX = 100000,
};

/* What the PIT said between two looks at the counter. */
struct reading {
    uint64_t before, after;
    uint16_t count; /* goes down, and round at 0 */
};

/* Cycles a second. */
struct bounds {
    uint64_t low, high;
};

/* Of a few tries the one counts that took the fewest cycles. */
static struct reading read_both(void) {
    struct reading best = {.after = UINT64_MAX};
    for (unsigned i = 0; i < READINGS; i++) {
        struct reading one = {.before = time_counter()};
        port_out8(PIT_COMMAND, PIT_CHANNEL2_LATCH);
        one.count = port_in8(PIT_CHANNEL2);
        one.count |= (uint16_t)(port_in8(PIT_CHANNEL2) << 8);
        one.after = time_counter();
        if (one.after - one.before < best.after - best.before)
            best = one;
    }
    return best;
}

static uint16_t counted(const struct reading *start, const struct reading *end) {
    return (uint16_t)(start->count - end->count);
}

/* One round, over ROUND_COUNT or more of channel 2. False: it does not count. */
static bool measure(struct bounds *bounds) {
    uint8_t speaker = (uint8_t)(port_in8(SPEAKER) & ~(SPEAKER_SOUND | SPEAKER_GATE));
    port_out8(SPEAKER, speaker | SPEAKER_GATE);
    port_out8(PIT_COMMAND, PIT_CHANNEL2_ONE_SHOT); /* which goes on, past 0 and round */
    port_out8(PIT_CHANNEL2, 0xFF);
    port_out8(PIT_CHANNEL2, 0xFF);
    struct reading start = read_both(), end = start;
    for (unsigned i = 0; i < POLLS_MAX && counted(&start, &end) < ROUND_COUNT; i++)
        end = read_both();
    port_out8(SPEAKER, speaker);
    uint16_t count = counted(&start, &end);
    if (count < ROUND_COUNT)
        return false;
    bounds->low = (end.before - start.after) * PIT_HZ / (count + 1u); /* the PIT shows whole counts only */
    bounds->high = (end.after - start.before) * PIT_HZ / (count - 1u);
    return true;
}

/* What both allow; where they contradict each other, the slower. */
static struct bounds both(struct bounds a, struct bounds b) {
    if (a.low > b.high)
        return b;
    if (b.low > a.high)
        return a;
    return (struct bounds){MAX(a.low, b.low), MIN(a.high, b.high)};
}

uint64_t time_measure_rate(void) {
    struct bounds known = {0, UINT64_MAX}, one;
    for (unsigned i = 0; i < ROUNDS_MIN || (i < ROUNDS_MAX && known.high - known.low > known.low / NARROW);
         i++) {
        if (!measure(&one))
            return 0;
        known = both(known, one);
    }
    return known.low + (known.high - known.low) / 2;
}
