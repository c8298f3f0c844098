/* Signal frames: entering a handler in user mode, and coming back from it. See sigframe.c. */
#ifndef ARCH_X86_SIGFRAME_H
#define ARCH_X86_SIGFRAME_H

#include "arch/x86/context.h"
#include "arch/x86/trap.h"

struct sigframe_request {
    int signal;
    vaddr_t handler, restorer;        /* restorer 0: the trampoline on the frame is used */
    bool with_info;                   /* SA_SIGINFO: three arguments and an rt frame */
    bool on_alternate;                /* SA_ONSTACK */
    vaddr_t alternate_stack;          /* sigaltstack */
    size_t alternate_size;            /* 0: none */
    uint64_t mask;                    /* to be restored when the handler returns */
    int code, pid, status, value;     /* of siginfo */
    vaddr_t address;                  /* of siginfo: of the fault */
    uint32_t trap_vector, trap_error; /* of the thread's last exception */
    vaddr_t trap_address;             /* of its last page fault */
};

/*
 * Saves the user's registers and FPU state on its stack and makes @frame enter the handler. 0, or -EFAULT
 * with @frame unchanged. @context: the running thread's. May sleep.
 */
int sigframe_push(struct trap_frame *frame, struct context *context, const struct sigframe_request *request);

/*
 * The way back, for sigreturn (@rt false) and rt_sigreturn: puts registers and FPU state back from the
 * frame on the user's stack; *@mask gets the signal mask. 0 or -EFAULT. May sleep.
 */
int sigframe_pop(struct trap_frame *frame, struct context *context, bool rt, uint64_t *mask);

#endif
