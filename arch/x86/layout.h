/* Symbols of linker.ld and boot/boot.asm: where the parts of the kernel image begin and end. */
#ifndef ARCH_X86_LAYOUT_H
#define ARCH_X86_LAYOUT_H

extern const char kernel_physical_start[]; /* a physical address; the others are virtual */
extern const char text_start[], text_end[];
extern const char rodata_start[], rodata_end[];
extern const char kernel_end[];
extern const char boot_stack_guard[], boot_stack_top[];

#endif
