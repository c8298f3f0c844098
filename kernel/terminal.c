/*
 * The console terminal. Output goes to COM1 and is mirrored on the VGA screen; input comes from COM1 and from
 * the keyboard; between them and the programs stands the line discipline (kernel/line.c). One terminal, under
 * three names.
 *
 *     COM1, keyboard --interrupt--> their rings --deferred--> line_type() --> read()
 *     write() --> line_process_output() --> COM1's ring --interrupt--> COM1;  and the screen
 *
 * All state is touched in thread context only (deferred work included), so there is no lock; user memory is
 * copied to and from a small buffer on the stack, and whatever had been decided before a copy is decided
 * again after it, since the copy may have slept.
 *
 * With console=raw the runner wants the program's bytes and nothing else, compared with what the program
 * writes into a pipe on another system. So the terminal's ioctls answer -ENOTTY: a C library then buffers,
 * and programs format, exactly as for the pipe; a real terminal would make them do otherwise. Reading
 * waits for bytes, and where nobody sends any it waits for ever.
 *
 * Source: POSIX.1-2017, chapter 11; tty_ioctl(4) and termios(3) for the numbers and Linux's behaviour.
 */
#include "kernel/terminal.h"

#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "drivers/keyboard.h"
#include "drivers/serial.h"
#include "drivers/vga.h"
#include "fs/vnode.h"
#include "kernel/job_control.h"
#include "kernel/line.h"
#include "kernel/process.h"
#include "kernel/terminal_output.h"
#include "lib/deferred.h"
#include "lib/errno.h"
#include "lib/log.h"

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termios.h>

enum {
    OPEN_NODES_MAX = 8,
    TICKS_PER_VTIME = TICKS_PER_SECOND / 10,
};

static struct {
    struct line line;
    bool raw;
    struct winsize size;
    struct waitq readers;
    struct open_node { /* device files that are open: pollers wait there */
        struct vnode *vnode;
        unsigned opens;
    } nodes[OPEN_NODES_MAX];
} terminal = {.size = {.ws_row = VGA_ROWS, .ws_col = VGA_COLUMNS}};

/* --- input --- */

/* Readers and pollers: there is input, or there may be room for output. */
static void wake_waiters(bool input) {
    wake_all(&terminal.readers);
    for (unsigned i = 0; i < OPEN_NODES_MAX; i++) {
        struct vnode *vnode = terminal.nodes[i].vnode;

        if (vnode == NULL)
            continue;
        *(input ? &vnode->inputs : &vnode->outputs) += 1;
        wake_all(&vnode->pollers);
    }
}

/*
 * Moves what the drivers have to the line discipline, as far as it has room: the rest comes when a program
 * has read. Deferred by the drivers' interrupts.
 */
static void take_input(void) {
    uint8_t bytes[64];
    size_t room, count, before = line_available(&terminal.line);

    while ((room = MIN(line_room(&terminal.line), sizeof(bytes))) > 0 &&
           ((count = serial_read(bytes, room)) > 0 || (count = keyboard_read(bytes, room)) > 0)) {
        for (size_t i = 0; i < count; i++)
            line_type(&terminal.line, bytes[i]);
    }
    wake_waiters(line_available(&terminal.line) > before);
}

static struct deferred input_work = {.function = take_input};

static void flow_by_key(bool stopped) {
    if (stopped) {
        output_stop(STOPPED_BY_KEY);
    } else {
        output_start(STOPPED_BY_KEY);
        wake_waiters(false);
    }
}

/* --- reading --- */

/*
 * Waits for the first or the next byte in raw mode, by VMIN and VTIME. As wait_timeout(); 1: enough is
 * there.
 */
static int wait_raw(size_t wanted) {
    size_t there = line_available(&terminal.line);
    unsigned min = terminal.line.settings.c_cc[VMIN];
    unsigned ticks = terminal.line.settings.c_cc[VTIME] * TICKS_PER_VTIME;

    if (there > 0 && there >= MIN(min, wanted))
        return 1;
    if (min == 0)
        return wait_timeout(&terminal.readers, ticks);
    if (ticks == 0 || there == 0) /* with both set, the time runs from the first byte */
        return wait_interruptible(&terminal.readers);
    return wait_timeout(&terminal.readers, ticks);
}

static int wait_canonical(void) {
    return line_available(&terminal.line) > 0 ? 1 : wait_interruptible(&terminal.readers);
}

/* Waits until a read of @wanted bytes may go on with what is there, which after a time-out may be nothing. */
static int wait_input(size_t wanted, bool nonblock) {
    for (;;) {
        int error = job_control_check(SIGTTIN);

        if (error != 0)
            return error;
        if (nonblock)
            return line_available(&terminal.line) > 0 ? 0 : -EAGAIN;
        int result = line_canonical(&terminal.line) ? wait_canonical() : wait_raw(wanted);

        if (result == 1 || result == -ETIMEDOUT)
            return 0;
        if (result < 0)
            return result;
    }
}

static long terminal_read(struct vnode *vnode UNUSED, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                          bool nonblock) {
    uint8_t chunk[OUTPUT_CHUNK];
    size_t done = 0;
    bool ended = false;

    may_sleep();
    int error = bytes == 0 ? 0 : wait_input(bytes, nonblock);

    if (error != 0)
        return error;
    while (done < bytes && !ended) {
        size_t taken = line_take(&terminal.line, chunk, MIN(bytes - done, sizeof(chunk)), &ended);

        if (taken == 0)
            break;
        size_t missed = user_copy_out(buffer + done, chunk, taken);

        done += taken - missed;
        if (missed > 0)
            return done > 0 ? (long)done : -EFAULT;
    }
    deferred_queue(&input_work); /* there is room now */
    return (long)done;
}

/* --- writing --- */

static long terminal_write(struct vnode *vnode UNUSED, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                           bool nonblock) {
    char chunk[OUTPUT_CHUNK], processed[2 * OUTPUT_CHUNK];
    size_t done = 0;

    may_sleep();
    int error = (terminal.line.settings.c_lflag & TOSTOP) != 0 ? job_control_check_change() : 0;

    while (error == 0 && done < bytes) {
        size_t wanted = MIN(bytes - done, sizeof(chunk));
        size_t copied = wanted - user_copy_in(chunk, buffer + done, wanted);

        /* After the copy, which may have let others write. */
        error = output_wait(nonblock);
        if (error != 0)
            break;
        output_write(processed, line_process_output(&terminal.line, chunk, copied, processed));
        done += copied;
        if (copied < wanted)
            error = -EFAULT;
    }
    return done > 0 ? (long)done : error;
}

/* --- ioctl --- */

/* TCSETS and its kin: now, after the output has gone (W), and then without what has been typed (F). */
static int set_settings(unsigned request, vaddr_t argument) {
    struct termios settings;
    int error = job_control_check_change();

    if (error == 0)
        error = user_read(&settings, argument, sizeof(settings));
    if (error == 0 && request != TCSETS)
        error = serial_wait_sent();
    if (error != 0)
        return error;
    if (request == TCSETSF)
        line_flush(&terminal.line);
    line_set(&terminal.line, &settings);
    wake_waiters(true); /* what was part of a line may be input */
    return 0;
}

static int set_size(vaddr_t argument) {
    struct winsize size;
    int error = user_read(&size, argument, sizeof(size));

    if (error != 0)
        return error;
    bool changed = size.ws_row != terminal.size.ws_row || size.ws_col != terminal.size.ws_col;

    terminal.size = size;
    if (changed)
        job_control_signal(SIGWINCH);
    return 0;
}

static int flush(unsigned which) {
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH) /* output is on its way already */
        line_flush(&terminal.line);
    return 0;
}

/* tcflow(): stops or starts the output, or asks the other side to do so. */
static int flow(unsigned action) {
    int error = job_control_check_change();
    char key = (char)terminal.line.settings.c_cc[action == TCIOFF ? VSTOP : VSTART];

    if (error != 0)
        return error;
    switch (action) {
    case TCOOFF:
        output_stop(STOPPED_BY_PROGRAM);
        return 0;
    case TCOON:
        output_start(STOPPED_BY_PROGRAM);
        wake_waiters(false);
        return 0;
    case TCIOFF:
    case TCION:
        serial_write(&key, key != 0);
        return 0;
    default:
        return -EINVAL;
    }
}

static int get_integer(vaddr_t argument, int value) {
    return user_write(argument, &value, sizeof(value));
}

static int terminal_ioctl(struct vnode *vnode UNUSED, unsigned request, vaddr_t argument) {
    if (terminal.raw)
        return request == FIONREAD ? get_integer(argument, (int)line_available(&terminal.line)) : -ENOTTY;
    switch (request) {
    case TCGETS:
        return user_write(argument, &terminal.line.settings, sizeof(terminal.line.settings));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_settings(request, argument);
    case TIOCGWINSZ:
        return user_write(argument, &terminal.size, sizeof(terminal.size));
    case TIOCSWINSZ:
        return set_size(argument);
    case FIONREAD:
        return get_integer(argument, (int)line_available(&terminal.line));
    case TCXONC:
        return flow((unsigned)argument);
    case TCFLSH:
        return flush((unsigned)argument);
    case TCSBRK: /* with an argument: tcdrain(); there is no line on which to send a break */
        return argument != 0 ? serial_wait_sent() : 0;
    default:
        return job_control_ioctl(request, argument);
    }
}

/* --- the rest of a device file --- */

static unsigned terminal_poll(struct vnode *vnode UNUSED) {
    unsigned events = 0;

    if (line_available(&terminal.line) > 0)
        events |= POLLIN | POLLRDNORM;
    if (output_possible())
        events |= POLLOUT | POLLWRNORM;
    return events;
}

static struct open_node *find_node(const struct vnode *vnode) {
    for (unsigned i = 0; i < OPEN_NODES_MAX; i++) {
        if (terminal.nodes[i].vnode == vnode)
            return &terminal.nodes[i];
    }
    return NULL;
}

static void terminal_opened(struct vnode *vnode, bool read UNUSED, bool write UNUSED) {
    struct open_node *node = find_node(vnode);

    if (node == NULL)
        node = find_node(NULL);
    ASSERT(node != NULL); /* there are three names */
    node->vnode = vnode;
    node->opens++;
    vga_take_from_log(); /* up to the first program, the screen shows how the start goes */
    if (!terminal.raw)
        job_control_offer();
}

static void terminal_closed(struct vnode *vnode, bool read UNUSED, bool write UNUSED) {
    struct open_node *node = find_node(vnode);

    if (node != NULL && --node->opens == 0)
        node->vnode = NULL;
}

static const struct vnode_operations terminal_operations = {
    .read = terminal_read,
    .write = terminal_write,
    .ioctl = terminal_ioctl,
    .poll = terminal_poll,
    .opened = terminal_opened,
    .closed = terminal_closed,
};

/* Device numbers are Linux's (Documentation/admin-guide/devices.txt). */
void terminal_init(bool raw) {
    terminal.raw = raw;
    terminal.line.echo = output_echo;
    terminal.line.flow = flow_by_key;
    terminal.line.signal = job_control_signal;
    line_init(&terminal.line, raw);
    terminal.size.ws_row = (unsigned short)vga_rows();
    bool serial = serial_init(&input_work);

    keyboard_init(&input_work);
    device_register(5, 1, "console", &terminal_operations, NULL);
    device_register(4, 64, "ttyS0", &terminal_operations, NULL);
    device_register(5, 0, "tty", &terminal_operations, NULL);
    klog("terminal: %sscreen and keyboard%s", serial ? "COM1, " : "", raw ? ", raw" : "");
}

void terminal_drain(void) {
    serial_drain();
}
