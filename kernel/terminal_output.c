/*
 * The console's way out: to COM1, and the same on the screen. Output can be stopped, by ^S or by a program
 * (tcflow): then nothing more leaves COM1's buffer, writers wait, and what is echoed meanwhile is kept until it
 * goes on.
 *
 * Source: POSIX.1-2017, 11.1.8 and tcflow().
 */
#include "kernel/terminal_output.h"

#include "drivers/serial.h"
#include "drivers/vga.h"
#include "lib/errno.h"
#include "lib/wait.h"

enum { ECHOES_MAX = 512 };

static unsigned stoppers;   /* enum output_stopper */
static struct waitq halted; /* writers, until it goes on */
static char echoes[ECHOES_MAX];
static size_t echoes_held;

void output_write(const char *bytes, size_t count) {
    serial_write(bytes, count);
    vga_write(bytes, count);
}

void output_echo(const char *bytes, size_t count) {
    if (stoppers == 0) {
        output_write(bytes, count);
        return;
    }
    for (size_t i = 0; i < count && echoes_held < ECHOES_MAX; i++)
        echoes[echoes_held++] = bytes[i];
}

void output_stop(enum output_stopper who) {
    stoppers |= who;
    serial_hold(true);
}

void output_start(enum output_stopper who) {
    stoppers &= ~(unsigned)who;
    if (stoppers != 0)
        return;
    serial_hold(false);
    output_write(echoes, echoes_held);
    echoes_held = 0;
    wake_all(&halted);
}

/* COM1 wakes writers at half its buffer, which is more than a chunk. */
bool output_possible(void) {
    return stoppers == 0 && serial_room() >= 2 * OUTPUT_CHUNK;
}

int output_wait(bool nonblock) {
    int error = 0;

    while (error == 0 && !output_possible())
        error = nonblock ? -EAGAIN : stoppers != 0 ? wait_interruptible(&halted) : serial_wait_room();
    return error;
}
