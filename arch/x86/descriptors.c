/*
 * The descriptor tables: flat segments for kernel and user, three TLS entries, the task state that gives
 * the kernel its stack on a trap from user mode, 256 gates, and a task of its own for the double fault.
 *
 * A double fault needs a task gate, not an interrupt gate, since its usual cause is a kernel stack that
 * has run into its guard page: the processor could push nothing there. A task switch brings a new stack.
 *
 * Source: Intel SDM vol. 3A, 3.4.5 (segment descriptors), 6.11 (gates), 7.2 (tasks).
 */
#include "arch/x86/descriptors.h"

#include "arch/x86/paging.h"
#include "arch/x86/traps.h"
#include "lib/log.h"

/* Bits of a descriptor, as a 64-bit number. */
#define DESCRIPTOR_PRESENT   (1ull << 47)
#define DESCRIPTOR_DPL3      (3ull << 45)
#define DESCRIPTOR_TASK      (0x9ull << 40)  /* 32-bit TSS, available */
#define DESCRIPTOR_CODE      (0x1Aull << 40) /* code or data, executable, readable */
#define DESCRIPTOR_DATA      (0x12ull << 40) /* code or data, writable */
#define DESCRIPTOR_FLAT_4GIB (0x00CF00000000FFFFull)
#define GATE_INTERRUPT       (0xEull << 40) /* entered with interrupts disabled */
#define GATE_TRAP            (0xFull << 40) /* … as they were */
#define GATE_TASK            (0x5ull << 40)
#define DOUBLE_FAULT_STACK   4096u
#define EFLAGS_RESERVED      0x2u
#define IO_MAP_NONE          (sizeof(struct task_state)) /* past the end: no port is allowed */

struct task_state task_state = {.ss0 = KERNEL_DS, .io_map = IO_MAP_NONE};

static uint8_t double_fault_stack[DOUBLE_FAULT_STACK] __attribute__((aligned(16)));
static struct task_state double_fault_state = {
    .ss = KERNEL_DS,
    .ds = KERNEL_DS,
    .es = KERNEL_DS,
    .cs = KERNEL_CS,
    .ss0 = KERNEL_DS,
    .eflags = EFLAGS_RESERVED,
    .io_map = IO_MAP_NONE,
};

static uint64_t gdt[GDT_ENTRIES] = {
    [GDT_KERNEL_CODE] = DESCRIPTOR_PRESENT | DESCRIPTOR_CODE | DESCRIPTOR_FLAT_4GIB,
    [GDT_KERNEL_DATA] = DESCRIPTOR_PRESENT | DESCRIPTOR_DATA | DESCRIPTOR_FLAT_4GIB,
    [GDT_USER_CODE] = DESCRIPTOR_PRESENT | DESCRIPTOR_CODE | DESCRIPTOR_FLAT_4GIB | DESCRIPTOR_DPL3,
    [GDT_USER_DATA] = DESCRIPTOR_PRESENT | DESCRIPTOR_DATA | DESCRIPTOR_FLAT_4GIB | DESCRIPTOR_DPL3,
};

static uint64_t idt[256];

struct table_register {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

static uint64_t task_descriptor(const struct task_state *state) {
    uint64_t base = (uintptr_t)state;
    return DESCRIPTOR_PRESENT | DESCRIPTOR_TASK | (sizeof(*state) - 1) | (base & 0xFFFFFF) << 16 |
           (base >> 24) << 56;
}

static uint64_t gate(uintptr_t entry, uint16_t selector, uint64_t kind) {
    return DESCRIPTOR_PRESENT | kind | (entry & 0xFFFF) | (uint64_t)selector << 16 |
           (uint64_t)(entry >> 16) << 48;
}

static void load_gdt(void) {
    gdt[GDT_TASK] = task_descriptor(&task_state);
    gdt[GDT_DOUBLE_FAULT] = task_descriptor(&double_fault_state);
    struct table_register gdtr = {sizeof(gdt) - 1, (uintptr_t)gdt};
    asm volatile("lgdt %0\n\t"
                 "ljmp %1, $1f\n"
                 "1:\n\t"
                 "mov %2, %%ds\n\t"
                 "mov %2, %%es\n\t"
                 "mov %2, %%ss\n\t"
                 "mov %3, %%fs\n\t"
                 "mov %3, %%gs\n\t"
                 "lldt %w3\n\t"
                 "ltr %w4"
                 :
                 : "m"(gdtr), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0), "r"(GDT_TASK << 3)
                 : "memory");
}

/*
 * All gates disable interrupts, so that a page fault's CR2 is read before anything can overwrite it; the
 * system call's, which has nothing to lose, does not. Programs may use int3, into and int 0x80.
 */
static void load_idt(void) {
    for (unsigned vector = 0; vector < ARRAY_SIZE(idt); vector++)
        idt[vector] = gate(trap_vectors[vector], KERNEL_CS, GATE_INTERRUPT);
    idt[VECTOR_BREAKPOINT] |= DESCRIPTOR_DPL3;
    idt[VECTOR_OVERFLOW] |= DESCRIPTOR_DPL3;
    idt[VECTOR_DOUBLE_FAULT] = gate(0, GDT_DOUBLE_FAULT << 3, GATE_TASK);
    idt[VECTOR_SYSTEM_CALL] = gate(trap_vectors[VECTOR_SYSTEM_CALL], KERNEL_CS, GATE_TRAP) | DESCRIPTOR_DPL3;
    struct table_register idtr = {sizeof(idt) - 1, (uintptr_t)idt};
    asm volatile("lidt %0" : : "m"(idtr));
}

void descriptors_init(void) {
    double_fault_state.eip = (uintptr_t)trap_double_fault;
    double_fault_state.esp = (uintptr_t)double_fault_stack + sizeof(double_fault_stack);
    double_fault_state.cr3 = pointer_to_phys(kernel_directory);
    load_gdt();
    load_idt();
}

/* fs and gs would go on as they were loaded: null, they are loaded again on the way back to the program. */
static void forget_segments(void) {
    asm volatile("mov %0, %%fs\n\t"
                 "mov %0, %%gs"
                 :
                 : "r"(0));
}

void descriptors_set_tls(const uint64_t tls[CONTEXT_TLS_ENTRIES]) {
    bool changed = false;
    for (unsigned i = 0; i < CONTEXT_TLS_ENTRIES; i++) {
        changed |= gdt[GDT_TLS + i] != tls[i];
        gdt[GDT_TLS + i] = tls[i];
    }
    if (changed)
        forget_segments();
}
