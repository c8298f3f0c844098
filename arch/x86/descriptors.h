/*
 * Segments, gates and task state. For arch/x86 alone.
 *
 * The table is laid out as that of Linux i386, because programs see the selectors: in their registers, in
 * signal frames, and in what set_thread_area returns.
 */
#ifndef ARCH_X86_DESCRIPTORS_H
#define ARCH_X86_DESCRIPTORS_H

#include "arch/x86/context.h"
#include "lib/types.h"

enum {
    GDT_TLS = 6,          /* to 8: set_thread_area's */
    GDT_KERNEL_CODE = 12, /* these also in arch/x86/asm.inc, as selectors */
    GDT_KERNEL_DATA = 13,
    GDT_USER_CODE = 14,
    GDT_USER_DATA = 15,
    GDT_TASK = 16,
    GDT_DOUBLE_FAULT = 17,
    GDT_ENTRIES,
};

#define KERNEL_CS (GDT_KERNEL_CODE << 3)
#define KERNEL_DS (GDT_KERNEL_DATA << 3)
#define USER_CS   (GDT_USER_CODE << 3 | 3)
#define USER_DS   (GDT_USER_DATA << 3 | 3)

/* Task state segment: SDM vol. 3A, 7.2.1. */
struct task_state {
    uint32_t link;
    uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs;
    uint32_t ldt;
    uint16_t trap, io_map;
};

/* The one task of normal operation. Its registers are written by the processor on a double fault only. */
extern struct task_state task_state;

/* Loads GDT, TSS and IDT. */
void descriptors_init(void);

/* Sets the TLS entries of the GDT, for the program that is returned to next. */
void descriptors_set_tls(const uint64_t tls[CONTEXT_TLS_ENTRIES]);

#endif
