/*
 * The VGA text screen: memory of two bytes a cell at 0xB8000, character and attribute.
 *
 * To scroll, nothing is copied: the display is told to begin a row later in its 32 KiB of memory, which has
 * room for 204 rows; only when that end is reached, the rows in sight go back to the beginning. Memory of a
 * display adapter is slow, and under emulation each access to it costs more than a thousand instructions.
 *
 * Source: IBM, "VGA technical reference", CRT controller registers 0Ch-0Fh; ECMA-48 for the sequences.
 */
#include "drivers/vga.h"

#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "arch/x86/port.h"
#include "lib/log.h"
#include "lib/string.h"

enum {
    TEXT_MEMORY = 0xB8000,
    TEXT_MEMORY_BYTES = 0x8000,
    MEMORY_ROWS = TEXT_MEMORY_BYTES / 2 / VGA_COLUMNS,

    CRTC_INDEX = 0x3D4,
    CRTC_DATA = 0x3D5,
    CRTC_START_HIGH = 0x0C,
    CRTC_START_LOW = 0x0D,
    CRTC_CURSOR_HIGH = 0x0E,
    CRTC_CURSOR_LOW = 0x0F,

    ATTRIBUTE = 0x07,        /* light grey on black */
    STATUS_ATTRIBUTE = 0x30, /* black on cyan */
    TAB_STOP = 8,
    PARAMETERS_MAX = 4,
    ESCAPE = 0x1B,
};

/* Rows of text: without the row of the status line, if there is one. */
static unsigned rows = VGA_ROWS;

/* The status line: what is to stand there, and whether it does. A scroll takes it away until the next one. */
static struct {
    char text[VGA_COLUMNS];
    bool shown;
} status;

/* Where in a sequence ESC [ parameter ; parameter … letter we are. */
enum parser { PLAIN, AFTER_ESCAPE, IN_SEQUENCE };

static struct {
    unsigned top;         /* row of the memory that is the first in sight */
    unsigned row, column; /* the cursor, in sight; column VGA_COLUMNS: the next character begins a row */
    enum parser parser;
    unsigned parameters[PARAMETERS_MAX], parameter; /* the one being read */
} screen;

static volatile uint16_t *cell(unsigned row, unsigned column) {
    volatile uint16_t *memory = phys_to_pointer(TEXT_MEMORY);

    return memory + (screen.top + row) * VGA_COLUMNS + column;
}

static uint16_t blank(void) {
    return ATTRIBUTE << 8 | ' ';
}

static void clear_cells(unsigned row, unsigned from, unsigned to) {
    for (unsigned column = from; column < to; column++)
        *cell(row, column) = blank();
}

static void clear_rows(unsigned from, unsigned to) {
    for (unsigned row = from; row < to; row++)
        clear_cells(row, 0, VGA_COLUMNS);
}

static void crtc_write16(unsigned high, unsigned low, unsigned value) {
    port_out8(CRTC_INDEX, (uint8_t)high);
    port_out8(CRTC_DATA, (uint8_t)(value >> 8));
    port_out8(CRTC_INDEX, (uint8_t)low);
    port_out8(CRTC_DATA, (uint8_t)value);
}

/* Makes what has been written visible: the start of the display and the cursor. */
static void show(void) {
    static unsigned shown_top;
    unsigned column = MIN(screen.column, VGA_COLUMNS - 1);

    if (screen.top != shown_top)
        crtc_write16(CRTC_START_HIGH, CRTC_START_LOW, screen.top * VGA_COLUMNS);
    shown_top = screen.top;
    crtc_write16(CRTC_CURSOR_HIGH, CRTC_CURSOR_LOW, (screen.top + screen.row) * VGA_COLUMNS + column);
}

/* All rows below those in sight are blank, so that a row that comes into sight need not be cleared. */
static void clear_below(void) {
    for (unsigned row = VGA_ROWS; screen.top + row < MEMORY_ROWS; row++)
        clear_cells(row, 0, VGA_COLUMNS);
}

/* The rows in sight, but for the first, to the beginning of the memory. */
static void move_to_beginning(void) {
    volatile uint16_t *to = phys_to_pointer(TEXT_MEMORY);

    for (unsigned row = 1; row < VGA_ROWS; row++) {
        for (unsigned column = 0; column < VGA_COLUMNS; column++)
            *to++ = *cell(row, column);
    }
    screen.top = 0;
    clear_cells(VGA_ROWS - 1, 0, VGA_COLUMNS);
    clear_below();
}

static void scroll(void) {
    if (status.shown)
        clear_cells(VGA_ROWS - 1, 0, VGA_COLUMNS);
    status.shown = false;
    if (screen.top + VGA_ROWS == MEMORY_ROWS)
        move_to_beginning();
    else
        screen.top++;
}

static void new_row(void) {
    screen.column = 0;
    if (screen.row + 1 < rows)
        screen.row++;
    else
        scroll();
}

static void put_character(uint8_t character) {
    if (screen.column == VGA_COLUMNS)
        new_row();
    *cell(screen.row, screen.column++) = (uint16_t)(ATTRIBUTE << 8 | character);
}

static void put_plain(uint8_t byte) {
    switch (byte) {
    case '\n':
        new_row();
        break;
    case '\r':
        screen.column = 0;
        break;
    case '\b':
        if (screen.column > 0)
            screen.column--;
        break;
    case '\t':
        screen.column = MIN((screen.column / TAB_STOP + 1) * TAB_STOP, VGA_COLUMNS - 1);
        break;
    case ESCAPE:
        screen.parser = AFTER_ESCAPE;
        break;
    default:
        if (byte >= ' ' && byte != 0x7F)
            put_character(byte);
    }
}

/* A parameter of the sequence; missing or 0 counts as 1. */
static unsigned count_parameter(unsigned index) {
    return MAX(screen.parameters[index], 1u);
}

static void erase_in_display(unsigned what) {
    if (what != 1) /* from the cursor to the end, or all */
        clear_rows(screen.row + 1, rows);
    if (what != 0) /* from the beginning to the cursor, or all */
        clear_rows(0, screen.row);
}

static void erase_in_line(unsigned what) {
    unsigned from = what == 0 ? screen.column : 0;
    unsigned to = what == 1 ? screen.column + 1 : VGA_COLUMNS;

    clear_cells(screen.row, from, MIN(to, VGA_COLUMNS));
}

static void move_cursor(unsigned row, unsigned column) {
    screen.row = MIN(row, rows - 1);
    screen.column = MIN(column, VGA_COLUMNS - 1);
}

static unsigned less(unsigned from, unsigned amount) {
    return from > amount ? from - amount : 0;
}

static void end_sequence(uint8_t letter) {
    switch (letter) {
    case 'H':
    case 'f':
        move_cursor(count_parameter(0) - 1, count_parameter(1) - 1);
        break;
    case 'A':
        move_cursor(less(screen.row, count_parameter(0)), screen.column);
        break;
    case 'B':
        move_cursor(screen.row + count_parameter(0), screen.column);
        break;
    case 'C':
        move_cursor(screen.row, screen.column + count_parameter(0));
        break;
    case 'D':
        move_cursor(screen.row, less(screen.column, count_parameter(0)));
        break;
    case 'J':
        erase_in_display(screen.parameters[0]);
        erase_in_line(screen.parameters[0]);
        break;
    case 'K':
        erase_in_line(screen.parameters[0]);
        break;
    default:
        break;
    }
}

static void put_in_sequence(uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        unsigned *parameter = &screen.parameters[screen.parameter];

        *parameter = MIN(*parameter * 10 + (byte - '0'), 1000u);
    } else if (byte == ';') {
        screen.parameter = MIN(screen.parameter + 1, (unsigned)PARAMETERS_MAX - 1);
    } else if (byte >= 0x40 && byte <= 0x7E) {
        end_sequence(byte);
        screen.parser = PLAIN;
    }
}

static void put(uint8_t byte) {
    switch (screen.parser) {
    case PLAIN:
        put_plain(byte);
        break;
    case AFTER_ESCAPE:
        screen.parser = byte == '[' ? IN_SEQUENCE : PLAIN;
        screen.parameter = 0;
        memset(screen.parameters, 0, sizeof(screen.parameters));
        break;
    case IN_SEQUENCE:
        put_in_sequence(byte);
        break;
    }
}

void vga_write(const char *bytes, size_t count) {
    unsigned state = irq_save();

    for (size_t i = 0; i < count; i++)
        put((uint8_t)bytes[i]);
    show();
    irq_restore(state);
}

static void show_log_line(const char *line) {
    vga_write(line, strlen(line));
    vga_write("\n", 1);
}

void vga_init(void) {
    clear_rows(0, VGA_ROWS);
    clear_below();
    crtc_write16(CRTC_START_HIGH, CRTC_START_LOW, 0);
    show();
    log_screen = show_log_line;
}

unsigned vga_rows(void) {
    return rows;
}

/* The rows of text become one less; if the cursor is in the last, they move up. */
void vga_status_init(void) {
    unsigned state = irq_save();

    if (screen.row == rows - 1) {
        scroll();
        screen.row--;
    }
    rows = VGA_ROWS - 1;
    show();
    irq_restore(state);
}

/* The screen's memory is slow: only what has changed is written. */
void vga_status(const char *line) {
    unsigned state = irq_save();

    for (unsigned column = 0; column < VGA_COLUMNS; column++) {
        char character = *line != '\0' ? *line++ : ' ';

        if (!status.shown || status.text[column] != character)
            *cell(VGA_ROWS - 1, column) = (uint16_t)(STATUS_ATTRIBUTE << 8 | (uint8_t)character);
        status.text[column] = character;
    }
    status.shown = true;
    irq_restore(state);
}

void vga_take_from_log(void) {
    log_screen = NULL;
}
