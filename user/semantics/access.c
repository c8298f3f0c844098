/*
 * Accesses and instructions that trap: which signal, why (si_code), where (si_addr), and what the processor
 * said, which the kernel leaves in the signal frame: cr2, the error code, the number of the trap.
 *
 * The error code of a page fault (Intel SDM volume 3, 4.7): bit 0 the page was there, bit 1 it was a write,
 * bit 2 it was user code. So 4 is reading what is not there, 6 writing it, 7 writing what is read-only.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <signal.h>

/* --- page faults --------------------------------------------------------------------------------- */

static void do_read(void *address) {
    (void)*(volatile char *)address;
}

static void do_write(void *address) {
    *(volatile char *)address = 'x';
}

static void do_jump(void *address) {
    ((void (*)(void))(uintptr_t)address)();
}

static void page_fault(const char *what, void (*action)(void *), void *address) {
    struct trap trap = provoke(action, address);
    if (trap.signal == 0)
        fact(what, "fine");
    else
        fact(what, "%s, si_addr %+d, cr2 %+d, error %u, trap %u", trap_name(&trap),
             (int)(trap.address - (uintptr_t)address), (int)(trap.cr2 - (uintptr_t)address), trap.error,
             trap.number);
}

static void unmapped(void) {
    char *hole = nowhere();
    page_fault("read at 0", do_read, NULL);
    page_fault("write at 0", do_write, NULL);
    page_fault("jump to 0", do_jump, NULL);
    page_fault("read where nothing is mapped", do_read, hole + 123);
    page_fault("write where nothing is mapped", do_write, hole + PAGE - 1);
    page_fault("jump where nothing is mapped", do_jump, hole + 123);
}

static void protected(void) {
    char *pages = some_pages(3);
    mprotect(pages, 3 * PAGE, PROT_NONE);
    page_fault("read without permission", do_read, pages + 5);
    page_fault("write without permission", do_write, pages + PAGE + 5);
    mprotect(pages, 3 * PAGE, PROT_READ);
    page_fault("write to a read-only page never touched", do_write, pages + 5);
    do_read(pages + PAGE);
    page_fault("write to a read-only page that was read", do_write, pages + PAGE + 5);
    mprotect(pages, 3 * PAGE, PROT_READ | PROT_WRITE);
    page_fault("write after it was permitted", do_write, pages + 5);
    mprotect(pages, PAGE, PROT_READ);
    page_fault("write to a page that was written, then made read-only", do_write, pages + 5);
    mprotect(pages, PAGE, PROT_NONE);
    page_fault("read of a page that was written, then forbidden", do_read, pages + 5);
    mprotect(pages, PAGE, PROT_READ);
    page_fault("write to it when it may be read again", do_write, pages + 5);
    page_fault("write to the program's text", do_write, (void *)(uintptr_t) protected);
    mprotect(pages, PAGE, PROT_WRITE);
    page_fault("read of a page that may only be written", do_read, pages + 5);
}

/* An access that straddles two pages faults at the first byte that is bad. */
static void do_read_word(void *address) {
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"((char *)address - 2));
}

static void do_write_word(void *address) {
    __asm__ volatile("movl $0, (%0)" : : "r"((char *)address - 2) : "memory");
}

static void straddling(void) {
    char *pages = lonely_pages(1);
    page_fault("word across the end of a mapping, read", do_read_word, pages + PAGE);
    page_fault("word across the end of a mapping, written", do_write_word, pages + PAGE);
    fact_true("nothing of it was written", all_bytes(pages, PAGE, 0));
}

static void past_the_file(void) {
    char *pages = shared_pages(some_file(PAGE + 100), 4), *own = private_pages(some_file(100), 2);
    page_fault("read in the last page of a file, past its end", do_read, pages + PAGE + 101);
    page_fault("read in the page after it", do_read, pages + 2 * PAGE + 7);
    page_fault("write in the page after it", do_write, pages + 3 * PAGE + 7);
    page_fault("read past the end, privately mapped", do_read, own + PAGE);
    page_fault("write past the end, privately mapped", do_write, own + PAGE);
}

/*
 * The kernel's part of the address space. Where it begins is the machine's affair (a 64-bit host has less of
 * it), and whether the page was there is not told: so no error code here.
 */
static void kernel_part(void) {
    char *top = (char *)0xfffff000u;
    struct trap trap = provoke(do_read, top);
    fact("read at the top of all", "%s, si_addr %+d", trap_name(&trap), (int)(trap.address - (uintptr_t)top));
    trap = provoke(do_write, top);
    fact("write at the top of all", "%s, si_addr %+d", trap_name(&trap),
         (int)(trap.address - (uintptr_t)top));
}

/* The one place where processors differ: without an NX bit all that can be read can be executed. */
static void no_execute(void) {
    char *page = some_pages(1);
    *page = (char)0xc3; /* ret */
    struct trap trap = provoke(do_jump, page);
    bool with_nx = trap.signal == SIGSEGV && trap.code == SEGV_ACCERR && trap.address == (uintptr_t)page;
    fact_true("execution of a page not executable runs, or is refused as the NX bit does it",
              trap.signal == 0 || with_nx);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    page_fault("execution of a page made executable", do_jump, page);
}

/* --- other traps --------------------------------------------------------------------------------- */

/*
 * Each stub puts the address of the instruction that is to trap into `expected`. si_addr of SIGFPE, SIGILL
 * and single steps is that of the instruction; a general protection fault has none.
 */
static volatile uintptr_t expected;

#define TRAPPING(instruction) "movl $1f, %0\n1: " instruction

static void do_divide(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("divl %1") : "=m"(expected) : "r"(0), "a"(1), "d"(0) : "cc");
}

static void do_overflow_divide(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("idivl %1") : "=m"(expected) : "r"(-1), "a"(INT32_MIN), "d"(-1) : "cc");
}

static void do_undefined(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("ud2") : "=m"(expected));
}

static void do_load_cs(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING(".byte 0x8e, 0xc8") : "=m"(expected)); /* mov %eax, %cs */
}

static void do_breakpoint(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("int3") : "=m"(expected));
}

/* The trap comes after the instruction that follows the popf. */
static void do_single_step(void *argument) {
    (void)argument;
    __asm__ volatile("movl $1f, %0; pushf; orl $0x100, (%%esp); popf; nop; 1: nop" : "=m"(expected));
}

static void do_halt(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("hlt") : "=m"(expected));
}

static void do_port(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("inb $0x80, %%al") : "=m"(expected) : : "eax");
}

static void do_interrupts_off(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("cli") : "=m"(expected));
}

static void do_wild_interrupt(void *argument) {
    (void)argument;
    __asm__ volatile(TRAPPING("int $0x42") : "=m"(expected));
}

static void do_wild_selector(void *argument) {
    (void)argument;
    __asm__ volatile("movl $1f, %0; movl $0xfff8, %%eax; 1: movw %%ax, %%es" : "=m"(expected) : : "eax");
}

static void do_into(void *argument) {
    (void)argument;
    __asm__ volatile("movl $1f, %0; movb $127, %%al; addb $1, %%al; 1: into" : "=m"(expected) : : "eax");
}

static void do_bound(void *argument) {
    static const int32_t bounds[2] = {1, 2};
    (void)argument;
    __asm__ volatile("movl $1f, %0; movl $3, %%eax; 1: bound %%eax, %1"
                     : "=m"(expected)
                     : "m"(bounds)
                     : "eax");
}

static void other_trap(const char *what, void (*action)(void *)) {
    struct trap trap = provoke(action, NULL);
    fact(what, "%s, %s, eip %+d, error %u, trap %u", trap_name(&trap),
         trap.address == expected ? "si_addr is the instruction's"
         : trap.address == 0      ? "no si_addr"
                                  : "si_addr elsewhere",
         (int)(trap.instruction - expected), trap.error, trap.number);
}

static void instructions(void) {
    other_trap("division by zero", do_divide);
    other_trap("division whose quotient is too large", do_overflow_divide);
    other_trap("undefined instruction", do_undefined);
    other_trap("a move to cs", do_load_cs);
    other_trap("breakpoint", do_breakpoint);
    other_trap("single step", do_single_step);
    other_trap("into after an overflow", do_into);
    other_trap("bound outside its bounds", do_bound);
}

static void privileges(void) {
    other_trap("hlt", do_halt);
    other_trap("cli", do_interrupts_off);
    other_trap("in from a port", do_port);
    other_trap("an interrupt that is the kernel's", do_wild_interrupt);
    other_trap("a selector of no segment", do_wild_selector);
}

/* --- floating point ------------------------------------------------------------------------------ */

/*
 * x87 exceptions are reported by the next waiting instruction, SSE's by the instruction itself. Each stub
 * unmasks all but the inexact result, which nearly every operation has.
 */
static void x87(double a, double b, bool multiply) {
    uint16_t control = 0x0360; /* invalid, denormal, zero-divide, overflow, underflow are reported */
    if (multiply)
        __asm__ volatile("fninit; fldcw %0; fldl %1; fmull %2; fstpl %1; fwait"
                         :
                         : "m"(control), "m"(a), "m"(b)
                         : "st", "memory");
    else
        __asm__ volatile("fninit; fldcw %0; fldl %1; fdivl %2; fwait; fstp %%st(0)"
                         :
                         : "m"(control), "m"(a), "m"(b)
                         : "st");
}

/* Operands by address: the attribute must not change how they are passed. */
__attribute__((target("sse2"))) static void sse(const double *a, const double *b, bool multiply) {
    uint32_t control = 0x1100; /* the same: all reported but denormal operands and inexact results */
    if (multiply)
        __asm__ volatile("ldmxcsr %0; movsd %1, %%xmm0; mulsd %2, %%xmm0"
                         :
                         : "m"(control), "m"(*a), "m"(*b)
                         : "xmm0");
    else
        __asm__ volatile("ldmxcsr %0; movsd %1, %%xmm0; divsd %2, %%xmm0"
                         :
                         : "m"(control), "m"(*a), "m"(*b)
                         : "xmm0");
}

static const double zero = 0, one = 1, huge = 1e300, tiny = 1e-300;

static void x87_divide(void *argument) {
    (void)argument;
    x87(1, 0, false);
}
static void x87_invalid(void *argument) {
    (void)argument;
    x87(0, 0, false);
}
static void x87_overflow(void *argument) {
    (void)argument;
    x87(1e300, 1e300, true);
}
static void sse_divide(void *argument) {
    (void)argument;
    sse(&one, &zero, false);
}
static void sse_invalid(void *argument) {
    (void)argument;
    sse(&zero, &zero, false);
}
static void sse_overflow(void *argument) {
    (void)argument;
    sse(&huge, &huge, true);
}
static void sse_underflow(void *argument) {
    (void)argument;
    sse(&tiny, &tiny, true);
}

static void floating_point(const char *what, void (*action)(void *)) {
    struct trap trap = provoke(action, NULL);
    fact(what, "%s, trap %u", trap_name(&trap), trap.number);
    uint32_t standard = 0x1f80;
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(standard));
}

/*
 * The other place where processors differ: QEMU's, when it emulates, notes SSE's exceptions in MXCSR and
 * never traps.
 */
static void sse_exception(const char *what, void (*action)(void *), int code, uint32_t flag) {
    uint32_t noted, standard = 0x1f80;
    struct trap trap = provoke(action, NULL);
    __asm__ volatile("stmxcsr %0; ldmxcsr %1" : "=m"(noted) : "m"(standard));
    bool reported = trap.signal == SIGFPE && trap.code == code && trap.number == 19;
    fact_true(what, reported || (trap.signal == 0 && (noted & flag)));
}

static void floating(void) {
    floating_point("x87 division by zero", x87_divide);
    floating_point("x87 invalid operation", x87_invalid);
    floating_point("x87 overflow", x87_overflow);
    sse_exception("SSE division by zero is FPE_FLTDIV", sse_divide, FPE_FLTDIV, 4);
    sse_exception("SSE invalid operation is FPE_FLTINV", sse_invalid, FPE_FLTINV, 1);
    sse_exception("SSE overflow is FPE_FLTOVF", sse_overflow, FPE_FLTOVF, 8);
    sse_exception("SSE underflow is FPE_FLTUND", sse_underflow, FPE_FLTUND, 16);
}

/* --- when nobody may catch it -------------------------------------------------------------------- */

static int die_ignoring(void *argument) {
    signal(SIGSEGV, SIG_IGN);
    do_write(argument);
    return 0;
}

static int die_blocking(void *argument) {
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    do_write(argument);
    return 0;
}

static void fault_again(int number) {
    (void)number;
    do_write(NULL);
}

static int die_in_handler(void *argument) {
    signal(SIGSEGV, fault_again);
    do_write(argument);
    return 0;
}

static void without_a_handler(void) {
    fact_call("a bad access while SIGSEGV is ignored ends in 128 +", in_child(die_ignoring, NULL));
    fact_call("a bad access while SIGSEGV is blocked ends in 128 +", in_child(die_blocking, NULL));
    fact_call("a bad access in SIGSEGV's own handler ends in 128 +", in_child(die_in_handler, NULL));
}

static const struct group groups[] = {
    {"accesses where nothing is", unmapped},
    {"accesses without permission", protected},
    {"accesses across an edge", straddling},
    {"accesses past a file's end", past_the_file},
    {"accesses to the kernel's memory", kernel_part},
    {"execution of data", no_execute},
    {"instructions that trap", instructions},
    {"instructions of the kernel's", privileges},
    {"floating point", floating},
    {"bad accesses that are not caught", without_a_handler},
};
THEME(access, "bad accesses: signal, code, address, what the frame holds", groups);
