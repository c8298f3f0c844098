/*
 * What a thread is to the processor: a saved stack pointer, FPU state and TLS descriptors. The layouts
 * of a trap frame and of user registers are arch/x86's (trap.h).
 */
#ifndef ARCH_X86_CONTEXT_H
#define ARCH_X86_CONTEXT_H

#include "lib/types.h"

#define CONTEXT_TLS_ENTRIES 3u

struct context {
    uintptr_t stack_pointer;           /* of the sleeping thread */
    void *stack_top;                   /* of the kernel stack; loaded into the TSS */
    uint64_t tls[CONTEXT_TLS_ENTRIES]; /* GDT entries 6-8, as set_thread_area filled them */
    bool fpu_used;                     /* fpu[] holds state worth loading */
    uint8_t fpu[512 + 16];             /* FXSAVE area; aligned to 16 by the code that uses it */
};

struct trap_frame;

/* Prepares a new kernel thread: when first switched to, it calls @entry(@argument), which never returns. */
void context_init_kernel(struct context *context, void *stack_top, void (*entry)(void *), void *argument);

/*
 * Prepares a new user thread on @stack_top: when first switched to, it returns to user mode with the
 * registers of @frame. The frame is copied to the top of the new stack; it is returned, to be modified
 * (return value, stack pointer) before the thread first runs.
 */
struct trap_frame *context_init_user(struct context *context, void *stack_top,
                                     const struct trap_frame *frame);

/* Saves @from, loads @to: stack, TSS stack, TLS, FPU. Interrupts disabled. Returns when @from runs again. */
void context_switch(struct context *from, struct context *to);

/* Copies FPU and TLS of the running thread's @from to the child's @to (fork, clone). */
void context_copy_user_state(struct context *to, struct context *from);

/* Clean FPU state, no TLS: for exec of the running thread. */
void context_reset_user_state(struct context *context);

/*
 * set_thread_area: @desc is Linux's struct user_desc in kernel memory; entry_number -1 picks a free entry
 * (6-8) and writes it back. 0 or -EINVAL, -ESRCH. Takes effect at once for the running thread.
 */
int context_set_tls(struct context *context, void *user_desc);

/* Clean FPU state and nothing else: for the running thread as it enters a signal handler. */
void context_reset_fpu(struct context *context);

/* The FXSAVE image of the running thread, for signal frames: 512 bytes out of or into the context. */
void context_save_fpu(struct context *context, void *image512);
void context_load_fpu(struct context *context, const void *image512);

#endif
