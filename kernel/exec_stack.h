/* The stack that a program starts with. See exec_stack.c. */
#ifndef KERNEL_EXEC_STACK_H
#define KERNEL_EXEC_STACK_H

#include "kernel/elf.h"
#include "kernel/exec_strings.h"
#include "mm/space.h"

struct exec_stack {
    struct space *space; /* current; its stack area ends at @top */
    vaddr_t top;
    const struct strings *strings;
    const struct elf_image *elf;
    vaddr_t bias; /* of the program */
};

/* Fills the stack; *@stack gets the stack pointer at entry, 16-byte aligned. 0 or -EFAULT. May sleep. */
int exec_build_stack(const struct exec_stack *request, vaddr_t *stack);

#endif
