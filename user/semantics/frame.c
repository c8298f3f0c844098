/*
 * The signal frame: what a handler finds on its stack, which stack that is, what becomes of the registers.
 * Programs live by this: garbage collectors, emulators and user-level pagers read and write the frame.
 */
#include "user/semantics/facts.h"

#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    if (sigaction(number, &action, NULL) != 0)
        fail_errno("sigaction %d", number);
}

/* --- a write barrier, and a pager, by mprotect --------------------------------------------------- */

static char *heap;
static unsigned dirty, faults;

/* The first store to a page: note it, allow it, and let the instruction run again. */
static void barrier(int number, siginfo_t *info, void *context) {
    const mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    (void)number;
    unsigned page = (unsigned)((char *)info->si_addr - heap) / PAGE;
    faults++;
    if ((machine->gregs[REG_ERR] & 2) && machine->cr2 == (uintptr_t)info->si_addr && page < 32)
        dirty |= 1u << page;
    mprotect(heap + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static void write_barrier(void) {
    heap = some_pages(32);
    for (unsigned i = 0; i < 32; i++)
        heap[i * PAGE] = (char)i;
    mprotect(heap, 32 * PAGE, PROT_READ);
    install(SIGSEGV, barrier, 0);
    for (unsigned i = 0; i < 32; i += 3)
        heap[i * PAGE] += 100;
    bool right = true;
    for (unsigned i = 0; i < 32; i++)
        right &= heap[i * PAGE] == (char)(i % 3 == 0 ? i + 100 : i);
    fact("pages found dirty by a write barrier, faults", "%08x, %u", dirty, faults);
    fact_true("each store was done, once", right);
}

/* --- registers ----------------------------------------------------------------------------------- */

static greg_t seen[NGREG];

static void keep_registers(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    memcpy(seen, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof(seen));
    __asm__ volatile("std; cld"); /* the flags are the frame's afterwards, whatever the handler does */
}

/* Puts known values into all registers, traps, and reports those afterwards. */
static void trap_with_registers(uint32_t after[8]) {
    __asm__ volatile("pushl %%ebp; pushl %0\n"
                     "movl $0x11111111, %%eax; movl $0x22222222, %%ebx; movl $0x33333333, %%ecx\n"
                     "movl $0x44444444, %%edx; movl $0x55555555, %%esi; movl $0x66666666, %%edi\n"
                     "movl $0x77777777, %%ebp; std; stc\n"
                     "int3\n"
                     "pushf; xchgl %%eax, 4(%%esp)\n" /* eax: the array; its slot: the old eax */
                     "popl 28(%%eax); cld\n"
                     "movl %%ebx, 4(%%eax); movl %%ecx, 8(%%eax); movl %%edx, 12(%%eax)\n"
                     "movl %%esi, 16(%%eax); movl %%edi, 20(%%eax); movl %%ebp, 24(%%eax)\n"
                     "popl (%%eax); popl %%ebp"
                     :
                     : "S"(after)
                     : "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
}

static void general_registers(void) {
    uint32_t after[8] = {0};
    install(SIGTRAP, keep_registers, 0);
    trap_with_registers(after);
    fact("registers in the frame", "%x %x %x %x %x %x %x", (unsigned)seen[REG_EAX], (unsigned)seen[REG_EBX],
         (unsigned)seen[REG_ECX], (unsigned)seen[REG_EDX], (unsigned)seen[REG_ESI], (unsigned)seen[REG_EDI],
         (unsigned)seen[REG_EBP]);
    fact("registers after the handler", "%x %x %x %x %x %x %x", after[0], after[1], after[2], after[3],
         after[4], after[5], after[6]);
    fact("direction and carry, in the frame and after", "%d%d %d%d", !!(seen[REG_EFL] & 0x400),
         seen[REG_EFL] & 1, !!(after[7] & 0x400), (int)(after[7] & 1));
    fact("the trap's number in the frame", "%d", (int)seen[REG_TRAPNO]);
}

static volatile unsigned direction_flag, stack_alignment;

static void look_around(int number, siginfo_t *info, void *context) {
    uint32_t flags;
    (void)number;
    (void)info;
    (void)context;
    __asm__ volatile("pushf; popl %0" : "=r"(flags));
    direction_flag = flags >> 10 & 1;
    /* The return address is at 4 below a multiple of 16; the frame pointer pushed after it at 8. */
    stack_alignment = ((uintptr_t)__builtin_frame_address(0) + 8) % 16;
}

static void entering(void) {
    install(SIGUSR1, look_around, 0);
    int pid = getpid();
    __asm__ volatile("std; int $0x80; cld" : : "a"(SYS_kill), "b"(pid), "c"(SIGUSR1) : "memory");
    fact("the direction flag in a handler, whatever it was", "%u", direction_flag);
    fact("the stack's alignment in a handler", "%u", stack_alignment);
}

/* --- segments: data is where the handler looks for it, whatever the interrupted code had selected --- */

static volatile unsigned data_segment, extra_segment, stack_segment, saved_extra;

static void look_at_segments(int number, siginfo_t *info, void *context) {
    unsigned data, extra, stack;
    __asm__ volatile("movl %%ds, %0; movl %%es, %1; movl %%ss, %2" : "=r"(data), "=r"(extra), "=r"(stack));
    (void)number;
    (void)info;
    data_segment = data;
    extra_segment = extra;
    stack_segment = stack;
    saved_extra = (unsigned)((ucontext_t *)context)->uc_mcontext.gregs[REG_ES] & 0xffff;
}

static void segments(void) {
    unsigned after = 99;
    install(SIGUSR1, look_at_segments, 0);
    __asm__ volatile("pushl %%es; movl %4, %%es; int $0x80; movl %%es, %0; popl %%es"
                     : "=&r"(after)
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), "r"(0)
                     : "memory");
    fact_true("in a handler ds and es are as ss, though es was 0",
              data_segment == stack_segment && extra_segment == stack_segment);
    fact("es in the frame, and after the handler", "%u, %u", saved_extra, after);
}

static void clear_extra(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_ES] = 0;
}

static void changing_segments(void) {
    unsigned after = 99;
    install(SIGUSR1, clear_extra, 0);
    __asm__ volatile("pushl %%es; int $0x80; movl %%es, %0; popl %%es"
                     : "=&r"(after)
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1)
                     : "memory");
    fact_true("es is what the handler has put into the frame", after <= 3); /* null, of whatever privilege */
}

static uint32_t skipped;

/* Steps over the two bytes of ud2 and gives the instruction a result. */
static void emulate(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number;
    (void)info;
    registers[REG_EIP] += 2;
    registers[REG_EAX] = 4711;
}

static void changing_the_frame(void) {
    install(SIGILL, emulate, 0);
    __asm__ volatile("ud2" : "=a"(skipped));
    fact("an instruction emulated by changing the frame", "%u", skipped);
}

static void block_by_frame(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void changing_the_mask(void) {
    sigset_t now;
    install(SIGUSR1, block_by_frame, 0);
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    fact_true("a mask changed in the frame is the mask afterwards", sigismember(&now, SIGUSR2));
}

/* A frame that no return may believe: the selectors' privilege must not be taken from it. */
static void corrupt_selector(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_CS] = 0x18;
}

static void corrupt_pointer(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EIP] = 0;
}

static int return_through(void *argument) {
    install(SIGUSR1, (void (*)(int, siginfo_t *, void *))(uintptr_t)argument, 0);
    raise(SIGUSR1);
    return 7;
}

static void bad_frames(void) {
    int status = in_child(return_through, (void *)(uintptr_t)corrupt_selector);
    fact_true("a frame whose selector is no user's gains nothing", status == 7 || status == 128 + SIGSEGV);
    fact("a frame that leads to 0 ends in 128 +", "%d",
         in_child(return_through, (void *)(uintptr_t)corrupt_pointer));
}

/* --- the trampoline ------------------------------------------------------------------------------ */

static unsigned char trampoline[8];
static bool retcode_there;

static void find_trampoline(int number, siginfo_t *info, void *context) {
    enum { KERNEL_UCONTEXT = 116 }; /* bytes: uc_flags, uc_link, uc_stack, sigcontext, 8 bytes of mask */
    (void)number;
    (void)info;
    memcpy(trampoline, (char *)context + KERNEL_UCONTEXT, sizeof(trampoline));
    retcode_there = true;
}

/*
 * Debuggers and unwinders recognise a frame by the bytes of the code that returns from it. They are in every
 * frame, used or not.
 */
static void return_code(void) {
    install(SIGUSR1, find_trampoline, 0);
    raise(SIGUSR1);
    char text[3 * sizeof(trampoline) + 1] = "";
    for (unsigned i = 0; i < sizeof(trampoline) - 1; i++)
        sprintf(text + 3 * i, "%02x ", trampoline[i]);
    fact("the code in the frame", "%s", retcode_there ? text : "none");
}

/* Without SA_RESTORER the kernel says where to return to, and it works. */
static volatile unsigned returned;

static void count_return(int number) {
    (void)number;
    returned++;
}

static void without_restorer(void) {
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint32_t mask[2];
    } action = {.handler = count_return};
    fact_call("rt_sigaction without a restorer", syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
    raise(SIGUSR1);
    raise(SIGUSR1);
    fact("handlers that returned all the same", "%u", returned);
    fact_call("rt_sigaction with a mask of another size",
              syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 4));
}

/* --- FPU and SSE --------------------------------------------------------------------------------- */

static uint16_t handler_control;
static uint32_t handler_mxcsr;
static bool has_fpu_frame;

static void spoil_fpu(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    has_fpu_frame = ((ucontext_t *)context)->uc_mcontext.fpregs != NULL;
    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(handler_control), "=m"(handler_mxcsr));
    uint32_t other = 0x1fc0;
    uint16_t control = 0x0c7f;
    __asm__ volatile(
        "fninit; fldcw %0; fldz; fldz; fldz; ldmxcsr %1; pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7"
        :
        : "m"(control), "m"(other)
        : "memory");
}

static void floating_registers(void) {
    double pi = 0, top[2] = {1.5, 2.5}, low[2] = {0, 0};
    uint16_t control = 0x027f, control_after = 0;
    uint32_t mxcsr = 0x9f80, mxcsr_after = 0;
    install(SIGUSR1, spoil_fpu, 0);
    int pid = getpid();
    __asm__ volatile("fninit; fldcw %5; fldpi; movupd %4, %%xmm7; ldmxcsr %6\n"
                     "int $0x80\n"
                     "fstpl %0; movupd %%xmm7, %1; fnstcw %2; stmxcsr %3"
                     : "=m"(pi), "=m"(low), "=m"(control_after), "=m"(mxcsr_after)
                     : "m"(top), "m"(control), "m"(mxcsr), "a"(SYS_kill), "b"(pid), "c"(SIGUSR1)
                     : "memory");
    uint32_t standard = 0x1f80;
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(standard));
    fact("control words in a handler", "%04x %04x", handler_control, handler_mxcsr);
    fact("control words after it", "%04x %04x", control_after, mxcsr_after);
    fact("an FPU and an SSE register after it", "%.6f %.1f %.1f", pi, low[0], low[1]);
    fact_true("they were in the frame", has_fpu_frame);
}

static void change_fpu_frame(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    struct _libc_fpstate *state = ((ucontext_t *)context)->uc_mcontext.fpregs;
    state->cw = 0x0f7f; /* the frame's first part is fnsave's; its control word counts */
}

static void changing_the_fpu(void) {
    uint16_t control = 0;
    install(SIGUSR1, change_fpu_frame, 0);
    __asm__ volatile("fninit; fnclex");
    raise(SIGUSR1);
    __asm__ volatile("fnstcw %0; fninit" : "=m"(control));
    fact("a control word changed in the frame", "%04x", control & 0xffff);
}

/* --- alternate stacks ---------------------------------------------------------------------------- */

static char *alternate;
enum { ALTERNATE_BYTES = 64 << 10 };
static bool was_on_it, said_so;
static int change_inside;

static void on_which_stack(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    char local;
    stack_t now;
    was_on_it = &local >= alternate && &local < alternate + ALTERNATE_BYTES;
    sigaltstack(NULL, &now);
    said_so = now.ss_flags == SS_ONSTACK;
    change_inside = sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0 ? 0 : errno;
}

static void alternate_stack(void) {
    alternate = some_pages(ALTERNATE_BYTES / PAGE);
    stack_t stack = {.ss_sp = alternate, .ss_size = ALTERNATE_BYTES}, old;
    fact_call("sigaltstack of 100 bytes", sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 100}, NULL));
    fact_call("sigaltstack with unknown flags",
              sigaltstack(&(stack_t){.ss_sp = alternate, .ss_flags = 77}, NULL));
    sigaltstack(NULL, &old);
    fact_true("none at first", old.ss_flags == SS_DISABLE);
    fact_call("sigaltstack", sigaltstack(&stack, NULL));
    install(SIGUSR1, on_which_stack, SA_ONSTACK);
    raise(SIGUSR1);
    fact_true("a handler with SA_ONSTACK runs on it", was_on_it);
    fact_true("and is told so", said_so);
    fact("it may not change it meanwhile", "%s", errno_name(change_inside));
    install(SIGUSR1, on_which_stack, 0);
    raise(SIGUSR1);
    fact_true("a handler without the flag does not", !was_on_it && !said_so);
}

static sigjmp_buf back;

static void jump_back(int number, siginfo_t *info, void *context) {
    on_which_stack(number, info, context);
    siglongjmp(back, 1);
}

__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile char room[4000];
    room[0] = (char)depth;
    return depth == UINT32_MAX ? 0 : recurse(depth + 1) + (unsigned)room[0];
}

static void overflow(void) {
    alternate = some_pages(ALTERNATE_BYTES / PAGE);
    sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = ALTERNATE_BYTES}, NULL);
    install(SIGSEGV, jump_back, SA_ONSTACK);
    for (unsigned i = 0; i < 2; i++) {
        was_on_it = false;
        if (sigsetjmp(back, 1) == 0)
            recurse(0);
        fact_true("a stack overflow is handled on the other stack", was_on_it);
    }
}

static int overflow_without(void *argument) {
    (void)argument;
    install(SIGSEGV, jump_back, 0);
    if (sigsetjmp(back, 1) == 0)
        recurse(0);
    return 7;
}

static int bad_stack(void *argument) {
    sigaltstack(&(stack_t){.ss_sp = argument, .ss_size = ALTERNATE_BYTES}, NULL);
    install(SIGUSR1, on_which_stack, SA_ONSTACK);
    raise(SIGUSR1);
    return 7;
}

enum { FAULT_PAGES = 16 };

/* A kernel may clear and copy pages with the program's own SSE registers, if it puts them back. */
static bool sse_survives_writes(char *pages) {
    static const float in[4] __attribute__((aligned(16))) = {1.5f, -2.25f, 3.75f, -4.5f};
    float first[4] __attribute__((aligned(16))), second[4] __attribute__((aligned(16)));

    for (unsigned page = 0; page < FAULT_PAGES; page++) {
        __asm__ volatile("movaps %2, %%xmm0; movaps %2, %%xmm1; addps %%xmm1, %%xmm1\n"
                         "movb $1, (%3)\n"
                         "movaps %%xmm0, %0; movaps %%xmm1, %1"
                         : "=m"(first), "=m"(second)
                         : "m"(in), "r"(pages + page * PAGE)
                         : "memory");
        for (unsigned i = 0; i < 4; i++)
            if (first[i] != in[i] || second[i] != in[i] + in[i])
                return false;
    }
    return true;
}

static int write_in_child(void *pages) {
    return sse_survives_writes(pages) ? 0 : 1;
}

/* The same for what is copied by a system call: read(2) or write(2), made here so that nothing comes between. */
static bool sse_survives_call(int number, int file, void *buffer, unsigned bytes) {
    static const float in[4] __attribute__((aligned(16))) = {0.5f, -1.25f, 7.75f, -9.5f};
    float out[4] __attribute__((aligned(16)));
    int result;

    __asm__ volatile("movaps %2, %%xmm0; int $0x80; movaps %%xmm0, %1"
                     : "=a"(result), "=m"(out)
                     : "m"(in), "a"(number), "b"(file), "c"(buffer), "d"(bytes)
                     : "memory");
    return result == (int)bytes && memcmp(in, out, sizeof in) == 0;
}

/* Copies so long that a kernel may have a quick way for them: to fresh pages, to touched ones, and back. */
static void registers_over_copies(void) {
    enum { BYTES = 3 * PAGE + 1000, READ = 3, WRITE = 4 };
    char *data = some_pages(4), *back = some_pages(4);
    int ends[2], file = fileno(tmpfile());
    unsigned wrong = 0;

    for (unsigned i = 0; i < BYTES; i++)
        data[i] = (char)(i * i >> 3);
    for (unsigned round = 0; round < 3; round++) {
        lseek(file, 0, SEEK_SET);
        wrong += !sse_survives_call(WRITE, file, data, BYTES);
        lseek(file, 0, SEEK_SET);
        wrong += !sse_survives_call(READ, file, back + 4 * round, BYTES);
        wrong += memcmp(data, back + 4 * round, BYTES) != 0;
    }
    if (pipe(ends) != 0)
        return;
    for (unsigned bytes = 500; bytes < BYTES; bytes += 777) {
        memset(back, 0, 4 * PAGE);
        wrong += !sse_survives_call(WRITE, ends[1], data + bytes % 13, bytes);
        wrong += !sse_survives_call(READ, ends[0], back + bytes % 7, bytes);
        wrong += memcmp(data + bytes % 13, back + bytes % 7, bytes) != 0 || back[bytes % 7 + bytes] != 0;
    }
    fact("SSE registers and data after read and write, changed", "%u", wrong);
}

static void registers_over_faults(void) {
    char *pages = some_pages(FAULT_PAGES);

    fact("SSE registers after zero-fill faults", "%s", sse_survives_writes(pages) ? "as before" : "changed");
    fact("SSE registers after copy-on-write faults, changed", "%d", in_child(write_in_child, pages));
    registers_over_copies();
}

static void no_room(void) {
    char *bad = some_pages(ALTERNATE_BYTES / PAGE);
    mprotect(bad, ALTERNATE_BYTES, PROT_READ);
    fact("a stack overflow with a handler but no other stack, 128 +", "%d", in_child(overflow_without, NULL));
    fact("a handler whose stack is read-only, 128 +", "%d", in_child(bad_stack, bad));
}

static const struct group groups[] = {
    {"a write barrier", write_barrier},
    {"general registers", general_registers},
    {"entering a handler", entering},
    {"segments", segments},
    {"changing segments", changing_segments},
    {"changing the frame", changing_the_frame},
    {"changing the mask", changing_the_mask},
    {"bad frames", bad_frames},
    {"the code in the frame", return_code},
    {"no restorer", without_restorer},
    {"FPU and SSE registers", floating_registers},
    {"changing FPU registers", changing_the_fpu},
    {"SSE registers over faults", registers_over_faults},
    {"the alternate stack", alternate_stack},
    {"stack overflow", overflow},
    {"no room for a frame", no_room},
};
THEME(frame, "signal frames: faults, registers, FPU state, trampolines, stacks", groups);
