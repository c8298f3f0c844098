/* The machine as a whole: what the loader told, and how to end it. */
#ifndef ARCH_X86_MACHINE_H
#define ARCH_X86_MACHINE_H

#include "lib/types.h"

struct memory_range {
    paddr_t start, end; /* bytes, page aligned, end exclusive */
};

/*
 * The usable RAM below 768 MiB, without the kernel image and what boot has allocated; filled from the
 * Multiboot memory map, sorted, disjoint. *@count gets the number of ranges.
 */
const struct memory_range *machine_memory(unsigned *count);

/* First physical address after RAM that is usable; the frame table covers [0, this). */
paddr_t machine_memory_end(void);

/* Page-aligned zeroed memory, never freed, before frame_init() only. Panics when there is none. */
void *machine_boot_alloc(size_t bytes);

/* The Multiboot command line without the kernel's file name. */
const char *machine_command_line(void);

/* Who made the processor, and what it is called: the brand string, "" where CPUID tells none. */
struct machine_processor {
    char vendor[13], name[49];
    unsigned family, model, stepping;
};
void machine_processor(struct machine_processor *processor);

/* How the machine was left, for QEMU's isa-debug-exit (then power off or halt elsewhere). */
enum machine_exit { MACHINE_EXIT_OK = 16, MACHINE_EXIT_PANIC = 17 };
NORETURN void machine_exit(enum machine_exit how);
NORETURN void machine_reboot(void);

#endif
