/*
 * Traps: what the stubs save, and what the rest of the kernel provides to the dispatcher.
 */
#ifndef ARCH_X86_TRAP_H
#define ARCH_X86_TRAP_H

#include "lib/types.h"

/* Saved by the stubs, lowest address first. esp and ss are there only for traps from user mode. */
struct trap_frame {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_at_pusha, ebx, edx, ecx, eax;
    uint32_t vector, error;
    uint32_t eip, cs, eflags, esp, ss;
};

static inline bool trap_from_user(const struct trap_frame *frame) {
    return (frame->cs & 3) == 3;
}

/*
 * A number for where the interrupted program stands: instruction and general registers. Equal numbers at two faults
 * mean, but for one chance in 2^32, that the same instruction faulted again before it came to its end.
 */
uint32_t trap_state_hash(const struct trap_frame *frame);

/* Page-fault error code bits (SDM vol. 3A, 4.7). */
enum { TRAP_PF_PRESENT = 1, TRAP_PF_WRITE = 2, TRAP_PF_USER = 4 };

/* A frame that enters user mode at @entry with stack @stack and all other registers 0, interrupts on. */
void trap_frame_init_user(struct trap_frame *frame, vaddr_t entry, vaddr_t stack);

/* System call register convention of Linux i386: number in eax, arguments ebx ecx edx esi edi ebp. */

/* --- provided by kernel/, called by the stubs and the dispatcher in thread context, interrupts enabled --- */

/* int 0x80. The result goes into frame->eax. */
void kernel_syscall(struct trap_frame *frame);

/*
 * A processor exception in user mode other than a resolved page fault: sends the signal (Linux number and
 * si_code) to the running thread. @address is si_addr; trap number, error code and CR2 go into the
 * signal frame.
 */
void kernel_user_exception(struct trap_frame *frame, int signal, int code, vaddr_t address);

/*
 * Called before every return to user mode, with interrupts in any state: delivers signals, reschedules, runs
 * deferred work. May not return (the process may end). Returns with interrupts disabled, so that nothing is left
 * to be done: what an interrupt defers now would wait for the next trap, which may be a tick away.
 */
void kernel_return_to_user(struct trap_frame *frame);

/*
 * A page fault at @address in user mode, with the error code in @frame: mm resolves it and the instruction runs
 * again, or the thread gets the signal for it. See mm/fault.h, vm_fault().
 */
void kernel_page_fault(struct trap_frame *frame, vaddr_t address);

/* The same in a copy of user memory by the kernel. True: the instruction can run again. False: the copy ends. */
bool kernel_copy_fault(struct trap_frame *frame, vaddr_t address);

/* Once a tick, in the timer interrupt, interrupts disabled. @user: the tick interrupted user mode. */
void kernel_tick(bool user);

#endif
