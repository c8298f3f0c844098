/*
 * The user ABI's register conventions, as the rest of the kernel needs them: which registers of a trap
 * frame hold a system call's number, arguments and result, and the few others that fork and signals set.
 *
 * Source: Linux i386 (int 0x80): syscall(2), clone(2).
 */
#ifndef ARCH_X86_ABI_H
#define ARCH_X86_ABI_H

#include "arch/x86/trap.h"

#define ABI_SYSCALL_INSTRUCTION_BYTES 2u /* int 0x80 */

static inline uint32_t abi_syscall_number(const struct trap_frame *frame) {
    return frame->eax;
}

/* All six, for a call's parentheses. */
#define ABI_SYSCALL_ARGUMENTS(frame)                                                                         \
    (frame)->ebx, (frame)->ecx, (frame)->edx, (frame)->esi, (frame)->edi, (frame)->ebp

static inline uint32_t abi_result(const struct trap_frame *frame) {
    return frame->eax;
}

static inline void abi_set_result(struct trap_frame *frame, uint32_t result) {
    frame->eax = result;
}

/* Makes the system call that has just ended with an error run once more. */
static inline void abi_restart_syscall(struct trap_frame *frame, uint32_t number) {
    frame->eax = number;
    frame->eip -= ABI_SYSCALL_INSTRUCTION_BYTES;
}

static inline vaddr_t abi_program_counter(const struct trap_frame *frame) {
    return frame->eip;
}

static inline bool trap_is_page_fault(const struct trap_frame *frame) {
    return frame->vector == 14;
}

static inline vaddr_t abi_stack_pointer(const struct trap_frame *frame) {
    return frame->esp;
}

static inline void abi_set_stack_pointer(struct trap_frame *frame, vaddr_t stack) {
    frame->esp = (uint32_t)stack;
}

#endif
