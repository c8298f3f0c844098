/*
 * What a panic shows of the processor. Nothing here trusts the state it describes: every pointer of the
 * chain of stack frames is looked up in the page tables before it is followed.
 *
 * Source: System V ABI i386, 2.2.2 (the stack frame): ebp points to the caller's ebp, the return address
 * lies above it.
 */
#include "arch/x86/crash.h"

#include "arch/x86/cpu.h"
#include "arch/x86/layout.h"
#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/port.h"
#include "arch/x86/trap.h"

#define FRAMES_MAX 48u

struct stack_frame {
    const struct stack_frame *caller;
    uintptr_t return_address;
};

static const struct trap_frame *crash_frame;
static uintptr_t crash_stack_pointer;

void crash_set_frame(const struct trap_frame *frame, uintptr_t stack_pointer) {
    crash_frame = frame;
    crash_stack_pointer = stack_pointer;
}

static void emit_frame(void (*emit)(const char *name, uintptr_t value), const struct trap_frame *frame) {
    emit("eip", frame->eip);
    emit("cs", frame->cs);
    emit("eflags", frame->eflags);
    emit("eax", frame->eax);
    emit("ebx", frame->ebx);
    emit("ecx", frame->ecx);
    emit("edx", frame->edx);
    emit("esi", frame->esi);
    emit("edi", frame->edi);
    emit("ebp", frame->ebp);
    emit("esp", crash_stack_pointer);
    emit("ds", frame->ds & 0xFFFF);
    emit("es", frame->es & 0xFFFF);
    emit("fs", frame->fs & 0xFFFF);
    emit("gs", frame->gs & 0xFFFF);
    emit("vector", frame->vector);
    emit("error", frame->error);
}

void crash_registers(void (*emit)(const char *name, uintptr_t value)) {
    if (crash_frame) {
        emit_frame(emit, crash_frame);
    } else {
        emit("eip", (uintptr_t)__builtin_return_address(0));
        emit("ebp", (uintptr_t)__builtin_frame_address(0));
        emit("esp", (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t)); /* panic()'s */
    }
    emit("cr0", cpu_cr0());
    emit("cr2", cpu_cr2());
    emit("cr3", directory_loaded());
    emit("cr4", cpu_cr4());
}

static bool frame_readable(const struct stack_frame *frame) {
    vaddr_t first = (vaddr_t)frame, last = first + sizeof(*frame) - 1;
    return first % sizeof(uintptr_t) == 0 && kernel_mapped(first) && kernel_mapped(last);
}

static bool in_kernel_text(uintptr_t address) {
    return address >= (uintptr_t)text_start && address < (uintptr_t)text_end;
}

void crash_backtrace(void (*emit)(uintptr_t address)) {
    const struct stack_frame *frame = __builtin_frame_address(0);
    if (crash_frame) {
        emit(crash_frame->eip);
        frame = (const struct stack_frame *)crash_frame->ebp;
    } else {
        frame = frame->caller; /* panic's: its return address is where things went wrong */
    }
    for (unsigned i = 0; i < FRAMES_MAX && frame_readable(frame); i++) {
        if (!in_kernel_text(frame->return_address))
            break;
        emit(frame->return_address);
        frame = frame->caller;
    }
}

/* --- the screen -------------------------------------------------------------------------------------- */

enum { SCREEN_TEXT = 0xB8000, SCREEN_COLUMNS = 80, SCREEN_ROWS = 25, WHITE_ON_RED = 0x4F00 };
enum { CRTC_INDEX = 0x3D4, CRTC_DATA = 0x3D5, CRTC_START_HIGH = 0x0C, CRTC_START_LOW = 0x0D };

/* Scrolling (drivers/vga.c) moves the start of the picture in the screen's memory: back to the beginning. */
static void show_beginning(void) {
    port_out8(CRTC_INDEX, CRTC_START_HIGH);
    port_out8(CRTC_DATA, 0);
    port_out8(CRTC_INDEX, CRTC_START_LOW);
    port_out8(CRTC_DATA, 0);
}

void crash_screen(const char *line) {
    static unsigned row;
    if (row == 0)
        show_beginning();
    do {
        if (row == SCREEN_ROWS)
            return;
        volatile uint16_t *cell = (uint16_t *)phys_to_pointer(SCREEN_TEXT) + row++ * SCREEN_COLUMNS;
        for (unsigned column = 0; column < SCREEN_COLUMNS; column++)
            cell[column] = (uint16_t)(WHITE_ON_RED | (uint8_t)(*line ? *line++ : ' '));
    } while (*line);
}
