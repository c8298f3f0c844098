/*
 * The VGA screen as its memory and its start register show it: text that scrolls, through the end of the memory
 * and back to its beginning, and the status line, which neither scrolls nor leaves anything behind.
 *
 * links: drivers/vga.c
 */
#include "drivers/vga.h"

#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "arch/x86/port.h"
#include "lib/log.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY      0xB8000u
#define CELLS       (0x8000u / 2)
#define MEMORY_ROWS (CELLS / VGA_COLUMNS)

void (*log_screen)(const char *text);

static uint8_t crtc[256], crtc_index;
static unsigned cell_start;

unsigned irq_save(void) {
    return 0;
}

void irq_restore(unsigned state UNUSED) {
}

void port_out8(uint16_t port, uint8_t value) {
    if (port == 0x3D4)
        crtc_index = value;
    else if (port == 0x3D5)
        crtc[crtc_index] = value;
    cell_start = (unsigned)crtc[0x0C] << 8 | crtc[0x0D];
}

/* The text of a row in sight, without the blanks at its end. */
static const char *row_text(unsigned row) {
    static char text[VGA_COLUMNS + 1];
    const volatile uint16_t *cells = phys_to_pointer(MEMORY);
    unsigned length = VGA_COLUMNS;

    ck_assert_uint_le(cell_start + (row + 1) * VGA_COLUMNS, CELLS);
    for (unsigned column = 0; column < VGA_COLUMNS; column++)
        text[column] = (char)cells[cell_start + row * VGA_COLUMNS + column];
    while (length > 0 && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
    return text;
}

static void write_text(const char *text) {
    vga_write(text, strlen(text));
}

static void setup(void) {
    char *page = (char *)phys_to_pointer(MEMORY);
    void *there = mmap(page, 0x8000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    ck_assert_ptr_eq(there, page);
    memset(there, 0x58, 0x8000); /* what the firmware has left */
    vga_init();
}

/* The rows in sight after lines 0 to @last: the last ones, and nothing else. */
static void check_lines(unsigned last, unsigned rows) {
    char wanted[32];

    for (unsigned row = 0; row + 1 < rows; row++) {
        snprintf(wanted, sizeof(wanted), "line %u", last + 2 + row - rows);
        ck_assert_str_eq(row_text(row), wanted);
    }
    ck_assert_str_eq(row_text(rows - 1), "");
}

static void write_line(unsigned number) {
    char line[32];

    snprintf(line, sizeof(line), "line %u\n", number);
    write_text(line);
}

START_TEST(text_scrolls) {
    for (unsigned i = 0; i < 3 * MEMORY_ROWS; i++) {
        write_line(i);
        if (i >= VGA_ROWS)
            check_lines(i, VGA_ROWS);
    }
}
END_TEST

START_TEST(the_status_line_stays) {
    vga_status_init();
    ck_assert_uint_eq(vga_rows(), VGA_ROWS - 1);
    for (unsigned i = 0; i < 3 * MEMORY_ROWS; i++) {
        write_line(i);
        if (i % 7 == 0) {
            vga_status("free 7");
            ck_assert_str_eq(row_text(VGA_ROWS - 1), "free 7");
        }
        if (i >= VGA_ROWS)
            check_lines(i, VGA_ROWS - 1);
        if (i >= VGA_ROWS && i % 7 == 1)
            ck_assert_str_eq(row_text(VGA_ROWS - 1), "");
    }
}
END_TEST

START_TEST(the_status_line_changes) {
    char line[VGA_COLUMNS + 1];

    vga_status_init();
    vga_status("free 10000");
    vga_status("free 7");
    ck_assert_str_eq(row_text(VGA_ROWS - 1), "free 7");
    memset(line, 'x', VGA_COLUMNS);
    line[VGA_COLUMNS] = '\0';
    vga_status(line);
    ck_assert_str_eq(row_text(VGA_ROWS - 1), line);
    write_text("\x1b[2J\x1b[99;1Hlast");
    ck_assert_str_eq(row_text(VGA_ROWS - 1), line);
    ck_assert_str_eq(row_text(VGA_ROWS - 2), "last");
}
END_TEST

/* The boot log may have filled the screen before. */
START_TEST(the_status_line_pushes_the_text_up) {
    for (unsigned i = 0; i < 40; i++)
        write_line(i);
    vga_status_init();
    vga_status("status");
    check_lines(39, VGA_ROWS - 1);
    ck_assert_str_eq(row_text(VGA_ROWS - 1), "status");
    write_line(40);
    check_lines(40, VGA_ROWS - 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vga");
    TCase *tests = tcase_create("screen");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, text_scrolls);
    tcase_add_test(tests, the_status_line_stays);
    tcase_add_test(tests, the_status_line_changes);
    tcase_add_test(tests, the_status_line_pushes_the_text_up);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
