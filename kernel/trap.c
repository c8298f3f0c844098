/*
 * What traps mean to a process: a page fault is handed to mm, an exception becomes a signal, and before
 * every return to user mode what has been put off is done.
 *
 * A process that dies of its own fault is named in the log, with address, PC and reason: in this system
 * that line is what a student sees first.
 */
#include "arch/x86/trap.h"
#include "arch/x86/abi.h"
#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "kernel/process.h"
#include "lib/deferred.h"
#include "lib/log.h"
#include "mm/fault.h"
#include "mm/loadcontrol.h"
#include "mm/reftrace.h"
#include "mm/space.h"

#include <linux/signal.h>

/* --- page faults --- */

static ALWAYS_INLINE enum fault_result fault(const struct trap_frame *frame, vaddr_t address) {
    struct space *space = thread_space(thread_current);
    if (!space || address >= USER_TOP)
        return FAULT_MAPERR;
    if (space->trace)
        reftrace_instruction(space, trap_state_hash(frame));
    return vm_fault(space, address, frame->error & TRAP_PF_WRITE ? FAULT_WRITE : FAULT_READ);
}

/* A fault that could not be resolved is the program's. */
static __attribute__((noinline)) void fault_signal(struct trap_frame *frame, vaddr_t address,
                                                   enum fault_result result) {
    switch (result) {
    case FAULT_OK:
    case FAULT_KILLED: /* told to die: user mode will not be reached again */
        return;
    case FAULT_MAPERR:
        kernel_user_exception(frame, SIGSEGV, SEGV_MAPERR, address);
        return;
    case FAULT_ACCERR:
        kernel_user_exception(frame, SIGSEGV, SEGV_ACCERR, address);
        return;
    case FAULT_BUSERR:
        kernel_user_exception(frame, SIGBUS, BUS_ADRERR, address);
        return;
    }
    panic("fault: unknown result %d", (int)result);
}

void kernel_page_fault(struct trap_frame *frame, vaddr_t address) {
    enum fault_result result = fault(frame, address);
    if (result != FAULT_OK)
        fault_signal(frame, address, result);
}

bool kernel_copy_fault(struct trap_frame *frame, vaddr_t address) {
    ASSERT(thread_current->mutexes == 0); /* a mutex is never held over a copy of user memory */
    return fault(frame, address) == FAULT_OK;
}

/* --- exceptions --- */

static const char *signal_name(int signal) {
    switch (signal) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    case SIGTRAP:
        return "SIGTRAP";
    default:
        return "a signal";
    }
}

static const char *reason(int signal, int code) {
    if (code == SI_KERNEL && signal != SIGTRAP)
        return "privileged instruction, or outside a segment";
    switch (signal) {
    case SIGSEGV:
        return code == SEGV_ACCERR ? "the mapping does not allow it" : "nothing mapped there";
    case SIGBUS:
        return code == BUS_ADRALN
                   ? "not aligned"
                   : "past the end of its file, the disk failed, or (swap=static) no place on swap";
    case SIGFPE:
        return code == FPE_INTDIV ? "integer division by zero, or overflow" : "floating-point exception";
    case SIGILL:
        return "illegal instruction";
    default:
        return "breakpoint or single step";
    }
}

static void log_death(const struct trap_frame *frame, int signal, int code, vaddr_t address) {
    const struct process *process = process_current();
    const char *access = "";
    if (trap_is_page_fault(frame))
        access = (frame->error & TRAP_PF_WRITE) ? " (write)" : " (read)";
    klog("fault: %s[%d]: %s at 0x%08lx%s, pc 0x%08lx: %s", process->name, process->pid, signal_name(signal),
         (unsigned long)address, access, (unsigned long)abi_program_counter(frame), reason(signal, code));
}

/* What the signal frame will show of the exception. */
static void note_trap(struct thread *thread, const struct trap_frame *frame, int code, vaddr_t address) {
    thread->trap_vector = frame->vector;
    thread->trap_error = frame->error;
    if (trap_is_page_fault(frame)) {
        thread->trap_address = address;
        if (address >= USER_TOP) /* what the kernel has mapped there is not the program's to know */
            thread->trap_error |= TRAP_PF_PRESENT;
        else if (code == SEGV_ACCERR && space_shows(thread_space(thread), address))
            thread->trap_error |= TRAP_PF_PRESENT; /* that its entry was missing is our business alone */
    }
}

/*
 * The signal cannot wait: the instruction would only fault again. If the program blocks or ignores it, it
 * dies of it.
 */
void kernel_user_exception(struct trap_frame *frame, int signal, int code, vaddr_t address) {
    struct thread *self = thread_current;
    struct process *process = self->process;
    struct signal_action *action = &process->actions[signal];
    uint64_t bit = 1ull << (signal - 1);
    note_trap(self, frame, code, address);
    if ((self->signals_blocked & bit) || action->handler == (vaddr_t)SIG_IGN) {
        action->handler = (vaddr_t)SIG_DFL;
        self->signals_blocked &= ~bit;
    }
    if (action->handler == (vaddr_t)SIG_DFL)
        log_death(frame, signal, code, address);
    struct signal_info info = {.code = code, .address = address};
    signal_send_info(process, self, signal, &info);
}

/* --- on the way back --- */

static bool work_before_return(void) {
    return deferred_pending() || sched_preempt_wanted() || thread_current->attention;
}

/* Apart from its caller, so that the way back without work saves no registers. */
static __attribute__((noinline)) void do_work(struct trap_frame *frame) {
    do {
        irq_enable();
        thread_current->attention = false; /* before it is looked: what comes meanwhile sets it again */
        thread_current->at_rest = true;
        deferred_run();
        if (signal_work_pending()) {
            thread_current->attention = true; /* there may be more */
            thread_current->at_rest = false;
            signal_deliver(frame);
        } else if (loadcontrol_suspended(thread_space(thread_current))) {
            thread_current->attention = true; /* for what comes while it sleeps */
            thread_current->at_rest = false;
            loadcontrol_park(thread_space(thread_current));
        } else if (sched_preempt_wanted()) {
            sched_preempt();
        }
        thread_current->at_rest = false;
        irq_disable();
    } while (work_before_return());
}

void kernel_return_to_user(struct trap_frame *frame) {
    irq_disable();
    if (work_before_return())
        do_work(frame);
}
