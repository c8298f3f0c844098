/*
 * The clock: the PIT's channel 0 interrupts TICKS_PER_SECOND times a second; between ticks the time-stamp
 * counter tells the time, its rate measured at boot (calibrate.c); the CMOS clock says what day it was then.
 *
 * Source: Intel 8254 data sheet; Motorola MC146818A data sheet; SDM vol. 3B, 17.17 (time-stamp counter).
 */
#include "arch/x86/time.h"

#include "arch/x86/cpu.h"
#include "arch/x86/irq.h"
#include "arch/x86/port.h"
#include "arch/x86/time_boot.h"
#include "arch/x86/traps.h"

enum {
    PIT_CHANNEL0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL0_RATE = 0x34, /* channel 0, low then high byte, mode 2: rate generator */

    IRQ_TIMER = 0,
    TICK_COUNT = (PIT_HZ + TICKS_PER_SECOND / 2) / TICKS_PER_SECOND,

    POLLS_MAX = 100000,
};

#define NANOSECONDS          1000000000u
#define NANOSECONDS_PER_TICK (NANOSECONDS / TICKS_PER_SECOND)

/* Nanoseconds are cycles * scale / 2^SCALE_SHIFT: good for counters of 1 MHz and more. */
#define SCALE_SHIFT 22u

static uint64_t ticks;
static uint64_t first_cycle;
static uint32_t scale; /* 0: no usable counter, ticks must do */
static uint32_t boot_epoch, epoch;

/* --- reading the clock ------------------------------------------------------------------------------- */

uint64_t time_ticks(void) {
    unsigned state = irq_save(); /* two words: a tick must not come between them */
    uint64_t value = ticks;
    irq_restore(state);
    return value;
}

uint64_t time_nanoseconds(void) {
    if (scale == 0)
        return time_ticks() * NANOSECONDS_PER_TICK;
    uint64_t cycles = time_counter() - first_cycle;
    uint64_t low = (cycles & UINT32_MAX) * scale, high = (cycles >> 32) * scale;
    return (low >> SCALE_SHIFT) + (high << (32 - SCALE_SHIFT));
}

uint64_t time_cycles(void) {
    return cpu.tsc ? time_counter() : time_nanoseconds();
}

bool time_has_counter(void) {
    return cpu.tsc;
}

void time_cycle_rate(uint64_t *first, uint32_t *factor) {
    *first = first_cycle;
    *factor = cpu.tsc ? scale : 0;
}

uint32_t time_boot_epoch(void) {
    return boot_epoch;
}

uint32_t time_epoch(void) {
    return epoch;
}

/* --- the tick ---------------------------------------------------------------------------------------- */

static void tick(void *data UNUSED) {
    ticks++;
    epoch =
        boot_epoch + (uint32_t)(time_nanoseconds() / NANOSECONDS); /* not by ticks: some may have been lost */
    kernel_tick(irq_interrupted_user());
}

static void start_ticks(void) {
    port_out8(PIT_COMMAND, PIT_CHANNEL0_RATE);
    port_out8(PIT_CHANNEL0, TICK_COUNT & 0xFF);
    port_out8(PIT_CHANNEL0, TICK_COUNT >> 8);
    irq_install(IRQ_TIMER, tick, NULL);
}

/* --- the date ---------------------------------------------------------------------------------------- */

enum {
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
    CMOS_SECONDS = 0x00,
    CMOS_MINUTES = 0x02,
    CMOS_HOURS = 0x04,
    CMOS_DAY = 0x07,
    CMOS_MONTH = 0x08,
    CMOS_YEAR = 0x09,
    CMOS_STATUS_A = 0x0A,
    CMOS_STATUS_B = 0x0B,
    CMOS_UPDATING = 0x80, /* status A */
    CMOS_24_HOURS = 0x02, /* status B */
    CMOS_BINARY = 0x04,   /* status B */
    CMOS_PM = 0x80,       /* of the hours */
};

struct date {
    unsigned second, minute, hour, day, month, year;
};

static uint8_t cmos_read(uint8_t index) {
    port_out8(CMOS_INDEX, index);
    return port_in8(CMOS_DATA);
}

static unsigned cmos_number(uint8_t value, bool binary) {
    return binary ? value : (value >> 4) * 10u + (value & 0x0Fu);
}

/* Read right after an update has ended, the fields are of one moment: the next one is a second away. */
static struct date cmos_date(void) {
    for (unsigned i = 0; i < POLLS_MAX && (cmos_read(CMOS_STATUS_A) & CMOS_UPDATING); i++)
        ;
    uint8_t status = cmos_read(CMOS_STATUS_B);
    bool binary = status & CMOS_BINARY;
    uint8_t hour = cmos_read(CMOS_HOURS);
    struct date date = {
        .second = cmos_number(cmos_read(CMOS_SECONDS), binary),
        .minute = cmos_number(cmos_read(CMOS_MINUTES), binary),
        .hour = cmos_number(hour & (uint8_t)~CMOS_PM, binary),
        .day = cmos_number(cmos_read(CMOS_DAY), binary),
        .month = cmos_number(cmos_read(CMOS_MONTH), binary),
        .year = 2000 + cmos_number(cmos_read(CMOS_YEAR), binary),
    };
    if (!(status & CMOS_24_HOURS))
        date.hour = date.hour % 12 + (hour & CMOS_PM ? 12 : 0);
    return date;
}

/* Days from 1970 to the first of March that begins the (March) year, plus the days since then. */
static uint32_t date_to_epoch(const struct date *date) {
    unsigned year = date->month > 2 ? date->year : date->year - 1; /* leap days come last this way */
    unsigned month = (date->month + 9) % 12;                       /* March is 0 */
    unsigned days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + date->day - 1;
    const unsigned days_1970 = 719468; /* the same sum for 1 January 1970 */
    return ((days - days_1970) * 24 + date->hour) * 3600 + date->minute * 60 + date->second;
}

void time_init(void) {
    struct date date = cmos_date();
    boot_epoch = epoch = date_to_epoch(&date);
    if (cpu.tsc) {
        uint64_t hz = cpu.tsc_hz != 0 ? cpu.tsc_hz : time_measure_rate();
        if (hz > 1000000)
            scale = (uint32_t)(((uint64_t)NANOSECONDS << SCALE_SHIFT) / hz);
        first_cycle = time_counter();
    }
    start_ticks();
}
