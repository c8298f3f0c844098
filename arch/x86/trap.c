/*
 * The dispatcher: every trap but system calls comes here from the stubs of vectors.asm with its registers in a
 * struct trap_frame.
 *
 * A program's exceptions become the signals that Linux i386 sends for them, to the code and the address.
 * The kernel's own are panics with a clear line, but for two kinds of instruction that may fault and say
 * in the exception table where to go on: user copies (copy.asm) and the loading of a program's segment
 * registers (vectors.asm).
 *
 * Of the twelve steps of a page fault (mm/fault.c) this file has step 3, trap_page_fault().
 *
 * Source: Intel SDM vol. 3A, chapter 6; signal(7), sigaction(2).
 */
#include "arch/x86/cpu.h"
#include "arch/x86/crash.h"
#include "arch/x86/descriptors.h"
#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/traps.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "mm/vm.h"

#include <asm-generic/siginfo.h>
#include <asm/signal.h>

enum {
    EFLAGS_ALWAYS_ONE = 1 << 1,
    EFLAGS_INTERRUPT = 1 << 9,
    ERROR_FETCH = 1 << 4, /* of a page fault: an instruction fetch (reported where SMEP is on) */
};

/* MAY_FAULT (arch/x86/asm.inc). */
struct exception_entry {
    uint32_t instruction, fixup;
};
extern const struct exception_entry exception_table_start[], exception_table_end[];

/* --- the way back to a program ----------------------------------------------------------------------- */

void trap_frame_init_user(struct trap_frame *frame, vaddr_t entry, vaddr_t stack) {
    *frame = (struct trap_frame){
        .ds = USER_DS,
        .es = USER_DS,
        .eip = (uint32_t)entry,
        .cs = USER_CS,
        .eflags = EFLAGS_ALWAYS_ONE | EFLAGS_INTERRUPT,
        .esp = (uint32_t)stack,
        .ss = USER_DS,
    };
}

/* --- the kernel's own exceptions --------------------------------------------------------------------- */

/* Where to go on after an exception at the kernel's @instruction, or 0: it may not fault. */
static uintptr_t find_fixup(uintptr_t instruction) {
    for (const struct exception_entry *e = exception_table_start; e < exception_table_end; e++)
        if (e->instruction == instruction)
            return e->fixup;
    return 0;
}

static void set_crash_frame(const struct trap_frame *frame) {
    /* The processor saves no stack pointer for a trap that changes no stack: it is the frame's end. */
    crash_set_frame(frame, trap_from_user(frame) ? frame->esp : (uintptr_t)&frame->esp);
}

static const char *page_fault_hint(const struct trap_frame *frame, vaddr_t address) {
    if (address >= USER_TOP)
        return "";
    if (find_fixup(frame->eip))
        return " (a user copy where nothing may sleep)";
    return address < PAGE_SIZE ? " (a null pointer)" : " (a user address, outside a user copy)";
}

static NORETURN void kernel_page_fault_panic(struct trap_frame *frame, vaddr_t address) {
    set_crash_frame(frame);
    const char *what = frame->error & ERROR_FETCH ? "jump" : frame->error & TRAP_PF_WRITE ? "write" : "read";
    const char *where = frame->error & TRAP_PF_PRESENT ? "protected" : "unmapped";
    panic("kernel %s %s %s 0x%08lx%s, eip 0x%08x", what, *what == 'r' ? "from" : "to", where,
          (unsigned long)address, page_fault_hint(frame, address), frame->eip);
}

/* --- page faults ------------------------------------------------------------------------------------- */

/* FNV-1a, a word at a time. */
uint32_t trap_state_hash(const struct trap_frame *frame) {
    const uint32_t words[] = {frame->eip, frame->eax, frame->ecx,
                              frame->edx, frame->ebx, frame->esi,
                              frame->edi, frame->ebp, trap_from_user(frame) ? frame->esp : 0};
    uint32_t hash = 2166136261u;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        hash = (hash ^ words[i]) * 16777619u;
    return hash;
}

/* In the kernel: of a user copy, which may end early (and does where the page could not be waited for), or a bug. */
static __attribute__((noinline)) void trap_copy_fault(struct trap_frame *frame, vaddr_t address) {
    uintptr_t fixup = find_fixup(frame->eip);
    if (address >= USER_TOP || !fixup || !(frame->eflags & EFLAGS_INTERRUPT))
        kernel_page_fault_panic(frame, address);
    irq_enable();
    if (sleep_forbidden || !kernel_copy_fault(frame, address))
        frame->eip = fixup;
}

/*
 * Step 3 of a page fault: read CR2 before anything else can fault, and let interrupts in again. Then mm
 * resolves it, and the instruction runs again (step 12); or it cannot, and the program gets a signal, or
 * the user copy ends early.
 */
static __attribute__((noinline)) void trap_page_fault(struct trap_frame *frame) {
    vaddr_t address = cpu_cr2();
    if (!trap_from_user(frame)) {
        trap_copy_fault(frame, address);
        return;
    }
    irq_enable();
    kernel_page_fault(frame, address);
}

/* --- other exceptions -------------------------------------------------------------------------------- */

struct exception {
    const char *name;
    int signal, code;
    bool at_instruction; /* si_addr is the instruction; else 0 */
};

/* As Linux i386 has them; SI_KERNEL is its code where the fault has no finer one. No signal: a panic. */
static const struct exception exceptions[VECTOR_EXCEPTIONS] = {
    [VECTOR_DIVIDE] = {"divide error", SIGFPE, FPE_INTDIV, true},
    [VECTOR_DEBUG] = {"debug exception", SIGTRAP, TRAP_BRKPT, true},
    [VECTOR_BREAKPOINT] = {"breakpoint", SIGTRAP, SI_KERNEL, false},
    [VECTOR_OVERFLOW] = {"overflow", SIGSEGV, SI_KERNEL, false},
    [VECTOR_BOUND] = {"bound range exceeded", SIGSEGV, SI_KERNEL, false},
    [VECTOR_INVALID_OPCODE] = {"invalid opcode", SIGILL, ILL_ILLOPN, true},
    [VECTOR_NO_FPU] = {.name = "device not available"}, /* never: we do not switch lazily */
    [VECTOR_FPU_SEGMENT] = {"coprocessor segment overrun", SIGFPE, SI_KERNEL, false},
    [VECTOR_INVALID_TASK] = {"invalid TSS", SIGSEGV, SI_KERNEL, false},
    [VECTOR_NO_SEGMENT] = {"segment not present", SIGBUS, SI_KERNEL, false},
    [VECTOR_STACK] = {"stack segment fault", SIGBUS, SI_KERNEL, false},
    [VECTOR_PROTECTION] = {"general protection fault", SIGSEGV, SI_KERNEL, false},
    [VECTOR_FPU_ERROR] = {"x87 error", SIGFPE, 0, true},
    [VECTOR_ALIGNMENT] = {"alignment check", SIGBUS, BUS_ADRALN, false},
    [VECTOR_MACHINE_CHECK] = {.name = "machine check"},
    [VECTOR_SIMD_ERROR] = {"SSE error", SIGFPE, 0, true},
};

/* si_code for the unmasked exception bits of the x87 status word or MXCSR, the gravest first; 0: none. */
static int float_error_code(uint32_t errors) {
    static const struct {
        uint8_t bits;
        uint8_t code;
    } codes[] = {
        /* 0x12: underflow, or a denormal operand */
        {0x01, FPE_FLTINV}, {0x04, FPE_FLTDIV}, {0x08, FPE_FLTOVF}, {0x12, FPE_FLTUND}, {0x20, FPE_FLTRES},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
        if (errors & codes[i].bits)
            return codes[i].code;
    return 0;
}

static int x87_error_code(void) {
    uint16_t status, control;
    asm volatile("fnstsw %0" : "=m"(status));
    asm volatile("fnstcw %0" : "=m"(control));
    return float_error_code(status & ~control);
}

static int sse_error_code(void) {
    uint32_t mxcsr;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    return float_error_code(mxcsr & ~(mxcsr >> 7)); /* the mask bits lie 7 above the error bits */
}

static int debug_code(void) {
    enum { DR6_SINGLE_STEP = 1 << 14 };
    uint32_t dr6;
    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    asm volatile("mov %0, %%dr6" : : "r"(0)); /* the processor only ever sets bits */
    return dr6 & DR6_SINGLE_STEP ? TRAP_TRACE : TRAP_BRKPT;
}

static NORETURN void exception_panic(struct trap_frame *frame) {
    set_crash_frame(frame);
    const char *name = frame->vector < VECTOR_EXCEPTIONS ? exceptions[frame->vector].name : NULL;
    panic("%s exception %u (%s), error 0x%x, eip 0x%08x", trap_from_user(frame) ? "unexpected" : "kernel",
          frame->vector, name ? name : "no name", frame->error, frame->eip);
}

static void user_exception(struct trap_frame *frame, const struct exception *exception) {
    int code = exception->code;
    if (frame->vector == VECTOR_DEBUG)
        code = debug_code();
    else if (frame->vector == VECTOR_FPU_ERROR)
        code = x87_error_code();
    else if (frame->vector == VECTOR_SIMD_ERROR)
        code = sse_error_code();
    if (code == 0)
        return; /* an x87 error that has gone away again */
    irq_enable();
    kernel_user_exception(frame, exception->signal, code, exception->at_instruction ? frame->eip : 0);
}

static __attribute__((noinline)) void trap_exception(struct trap_frame *frame) {
    if (frame->vector == VECTOR_NMI) {
        set_crash_frame(frame);
        panic("non-maskable interrupt (asked for from outside, or bad hardware), eip 0x%08x", frame->eip);
    }
    const struct exception *exception = frame->vector < VECTOR_EXCEPTIONS ? &exceptions[frame->vector] : NULL;
    if (trap_from_user(frame) && exception && exception->signal) {
        user_exception(frame, exception);
        return;
    }
    uintptr_t fixup = trap_from_user(frame) ? 0 : find_fixup(frame->eip);
    if (!fixup)
        exception_panic(frame);
    frame->eip = fixup;
}

/* --- all of them ------------------------------------------------------------------------------------- */

/* Called by trap_save (vectors.asm), with interrupts disabled. */
void trap_dispatch(struct trap_frame *frame) {
    if (frame->vector == VECTOR_PAGE_FAULT)
        trap_page_fault(frame);
    else if (frame->vector >= VECTOR_IRQ && frame->vector < VECTOR_IRQ + IRQ_LINES)
        irq_dispatch(frame->vector - VECTOR_IRQ, trap_from_user(frame));
    else
        trap_exception(frame);
}

/*
 * The double fault's task. The processor has stored the registers of whoever it interrupted in
 * task_state. The usual cause is a kernel stack that has run into its guard page.
 */
void trap_double_fault(void) {
    const struct task_state *old = &task_state;
    static struct trap_frame frame;
    frame = (struct trap_frame){
        .gs = old->gs,
        .fs = old->fs,
        .es = old->es,
        .ds = old->ds,
        .edi = old->edi,
        .esi = old->esi,
        .ebp = old->ebp,
        .ebx = old->ebx,
        .edx = old->edx,
        .ecx = old->ecx,
        .eax = old->eax,
        .vector = VECTOR_DOUBLE_FAULT,
        .eip = old->eip,
        .cs = old->cs,
        .eflags = old->eflags,
        .esp = old->esp,
        .ss = old->ss,
    };
    crash_set_frame(&frame, old->esp);
    if (kstack_is_guard(cpu_cr2()) || kstack_is_guard(old->esp))
        panic("kernel stack overflow of thread %s, eip 0x%08x, esp 0x%08x", vm_current_name(), old->eip,
              old->esp);
    panic("double fault, eip 0x%08x, esp 0x%08x, address 0x%08x", old->eip, old->esp, cpu_cr2());
}
