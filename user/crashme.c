/*
 * crashme: what a program can do to the processor alone, without a system call's help: wild descriptors in every
 * segment register, flags of all kinds, far jumps, returns and interrupts that nobody may make, ports, privileged
 * and random instructions. A child makes one attempt: it may die of any signal, or not; the machine must not mind.
 *
 * Each attempt has a number of its own, from which all else follows: crashme SEED 1 repeats the attempt SEED.
 * Prints how many attempts of each kind there were; what became of them is up to the processor. Not for a machine
 * that is needed: some of the random instructions may be system calls there.
 *
 * The idea of running random instructions is that of Carrette's program of this name (1990).
 */
#include "user/lib/pattern.h"
#include "user/lib/program.h"

#include <asm/ldt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static const char usage[] = "crashme [SEED [ATTEMPTS [TELL]]]\n"
                            "  TELL 1: each attempt is told before it is made, and what became of it";

/* --- chance ---------------------------------------------------------------------------------------- */

static struct generator random_state;

static uint32_t any(uint32_t below) {
    return generator_next(&random_state) % below;
}

static uint32_t wild_word(void) {
    static const uint32_t edges[] = {0,          1,          0x7FFFFFFF, 0x80000000, 0xBFFFFFFF,
                                     0xC0000000, 0xFFFFFFFF, 0xFFFF,     0x10000,    0xFFC00000};
    return any(2) ? edges[any(COUNT_OF(edges))] : generator_next(&random_state);
}

/* Most often one that is there: the program's own, the kernel's, the tasks', the TLS entries. */
static uint16_t wild_selector(void) {
    return (uint16_t)(any(4) ? any(16) << 3 | (any(4) ? 3 : any(8)) : generator_next(&random_state));
}

/* What popf lets a program set: arithmetic, TF, DF, NT, AC, ID; the rest it tries in vain. */
static uint32_t wild_flags(void) {
    static const uint32_t bits[] = {0x100, 0x400, 0x4000, 0x40000, 0x200000, 0x3000, 0x10000, 0x20000, 0x200};
    uint32_t flags = 0x202;
    for (unsigned i = 0; i < COUNT_OF(bits); i++)
        if (any(3) == 0)
            flags ^= bits[i];
    return flags;
}

/* --- descriptors ------------------------------------------------------------------------------------ */

static uint16_t tls[3];

static int set_descriptor(struct user_desc *descriptor) {
    return (int)syscall(SYS_set_thread_area, descriptor);
}

/* Three TLS entries, one of them flat, others with wild bases and limits, growing either way. */
static void make_descriptors(void) {
    for (unsigned i = 0; i < COUNT_OF(tls); i++) {
        struct user_desc d = {.entry_number = (unsigned)-1,
                              .seg_32bit = 1,
                              .limit_in_pages = 1,
                              .limit = 0xFFFFF,
                              .useable = 1};
        if (i > 0) {
            d.base_addr = wild_word();
            d.limit = wild_word() & 0xFFFFF;
            d.contents = any(2);
            d.limit_in_pages = any(2);
            d.read_exec_only = any(4) == 0;
        }
        tls[i] = set_descriptor(&d) == 0 ? (uint16_t)(d.entry_number << 3 | 3) : 0;
    }
}

static void remove_descriptors(void) {
    for (unsigned i = 0; i < COUNT_OF(tls); i++) {
        struct user_desc d = {.entry_number = tls[i] >> 3, .read_exec_only = 1, .seg_not_present = 1};
        set_descriptor(&d);
    }
}

/* --- attempts --------------------------------------------------------------------------------------- */

/* A page of instructions, which ends in one that traps. */
static unsigned char *code;
static unsigned length;

static void emit(const void *bytes, unsigned count) {
    memcpy(code + length, bytes, count);
    length += count;
}

static void emit_byte(unsigned byte) {
    code[length++] = (unsigned char)byte;
}

static void emit_word(uint32_t word) {
    emit(&word, sizeof(word));
}

/* pushl $word */
static void emit_push(uint32_t word) {
    emit_byte(0x68);
    emit_word(word);
}

/* movl $word, register */
static void emit_load(unsigned reg, uint32_t word) {
    emit_byte(0xB8 + reg);
    emit_word(word);
}

/* movw $selector, %ax; movl %eax, segment register (es 0, ss 2, ds 3, fs 4, gs 5) */
static void emit_segment(unsigned segment, uint16_t selector) {
    emit_load(0, selector);
    emit_byte(0x8E);
    emit_byte(0xC0 | segment << 3);
}

/* One of the program's own descriptors, or whatever. */
static void load_segments(void) {
    static const unsigned char registers[] = {0, 3, 4, 5};
    for (unsigned i = 0; i < COUNT_OF(registers); i++)
        if (any(3) == 0)
            emit_segment(registers[i], any(3) ? tls[any(3)] : any(2) ? 0 : wild_selector());
}

/* The stack segment is a flat one of the program's: what is on the stack stays there. */
static void load_stack_segment(void) {
    emit_segment(2, any(8) ? tls[0] : any(2) ? tls[any(3)] : wild_selector());
}

static void load_flags(void) {
    emit_push(wild_flags());
    emit_byte(0x9D); /* popf */
}

/* int 0x80 with a call that does nothing, waits for a moment, makes a process, or takes the descriptor away. */
static void system_call(void) {
    static struct user_desc gone[3];
    static const uint32_t calls[] = {SYS_getpid, SYS_sched_yield, SYS_fork, SYS_set_thread_area,
                                     SYS_set_thread_area};
    unsigned entry = any(3);
    gone[entry] =
        (struct user_desc){.entry_number = tls[entry] >> 3, .read_exec_only = 1, .seg_not_present = 1};
    emit_load(3, (uint32_t)(uintptr_t)&gone[entry]);
    emit_load(0, calls[any(COUNT_OF(calls))]);
    emit("\xCD\x80", 2);
}

/* Instructions that nobody lets a program do, or that come into the kernel by another door. */
static void forbidden(void) {
    static const struct {
        const char *bytes;
        unsigned count;
    } instructions[] = {
        {"\xF4", 1},                         /* hlt */
        {"\xFA", 1},                         /* cli */
        {"\xFB", 1},                         /* sti */
        {"\xE6\x64", 2},                     /* out %al, $0x64: the keyboard controller resets machines */
        {"\xEE", 1},                         /* out %al, (%dx) */
        {"\xE4\x60", 2},                     /* in */
        {"\x0F\x01\x18", 3},                 /* lidt (%eax) */
        {"\x0F\x01\x10", 3},                 /* lgdt (%eax) */
        {"\x0F\x00\xD0", 3},                 /* lldt %ax */
        {"\x0F\x00\xD8", 3},                 /* ltr %ax */
        {"\x0F\x22\xC0", 3},                 /* mov %eax, %cr0 */
        {"\x0F\x22\xD8", 3},                 /* mov %eax, %cr3 */
        {"\x0F\x22\xE0", 3},                 /* mov %eax, %cr4 */
        {"\x0F\x23\xF8", 3},                 /* mov %eax, %db7 */
        {"\x0F\x30", 2},                     /* wrmsr */
        {"\x0F\x32", 2},                     /* rdmsr */
        {"\x0F\x01\x38", 3},                 /* invlpg (%eax) */
        {"\x0F\x09", 2},                     /* wbinvd */
        {"\x0F\x06", 2},                     /* clts */
        {"\x0F\x34", 2},                     /* sysenter */
        {"\x0F\x35", 2},                     /* sysexit */
        {"\x0F\x05", 2},                     /* syscall */
        {"\x0F\x07", 2},                     /* sysret */
        {"\x0F\x0B", 2},                     /* ud2 */
        {"\xCC", 1},                         /* int3 */
        {"\xCE", 1},                         /* into */
        {"\xF1", 1},                         /* icebp */
        {"\xD4\x00", 2},                     /* aam $0: divide error */
        {"\x62\x04\x24", 3},                 /* bound */
        {"\xF0\x0F\xC7\xC8", 4},             /* lock cmpxchg8b %eax, the bug of the first Pentiums */
        {"\x0F\x01\xF8", 3},                 /* swapgs, where it is one */
        {"\x0F\x33", 2},                     /* rdpmc */
        {"\x0F\xC7\xF8", 3},                 /* rdseed */
        {"\x0F\x01\xCB", 3},                 /* stac */
        {"\x9B\xDD\x34\x24", 4},             /* fsave (%esp) */
        {"\x0F\xAE\x0C\x24", 4},             /* fxrstor (%esp) */
        {"\x0F\xAE\x14\x24", 4},             /* ldmxcsr (%esp) */
        {"\xD9\x2C\x24\xD9\xE8\xD8\xF0", 7}, /* fldcw (%esp); fld1; fdiv */
    };
    unsigned i = any(COUNT_OF(instructions));
    if (any(2))
        emit_load(0, any(2) ? 0xFE : wild_word());
    emit_load(2, any(2) ? 0xCF9 : any(65536));
    emit(instructions[i].bytes, instructions[i].count);
}

static void interrupt(void) {
    emit_byte(0xCD);
    emit_byte(any(3) ? any(48) : any(256) | 1); /* int 0x80 has its own attempt */
}

/* lcall, ljmp, lret, iret to a selector of any kind: a task's, a gate's, the kernel's code. */
static void far_transfer(void) {
    unsigned how = any(4);
    uint32_t to = any(2) ? wild_word() : (uint32_t)(uintptr_t)(code + 2048);
    uint16_t selector = wild_selector();
    if (how < 2) {
        emit_byte(how ? 0xEA : 0x9A);
        emit_word(to);
        emit(&selector, 2);
        return;
    }
    emit_push(any(2) ? wild_selector() : tls[0]); /* what a return to another ring would pop: ss, esp */
    emit_push(wild_word());
    if (how == 3)
        emit_push(wild_flags());
    emit_push(selector);
    emit_push(to);
    emit_byte(how == 2 ? 0xCB : 0xCF);
}

/* The stack pointer goes astray, then something pushes. */
static void stack_astray(void) {
    emit_load(4, wild_word());
    emit_byte(any(2) ? 0x60 : 0x50); /* pusha, push %eax */
    emit("\xCD\x80", 2);
}

static void memory_access(void) {
    static const unsigned char prefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x90};
    emit_load(1, wild_word());
    emit_byte(prefixes[any(COUNT_OF(prefixes))]);
    emit_byte(any(2) ? 0x8B : 0x89); /* movl (%ecx), %eax, or the other way */
    emit_byte(0x01);
}

static void random_code(void) {
    for (unsigned i = 0; i < 200; i++)
        emit_byte(any(5) == 0 ? 0x0F : generator_next(&random_state) & 0xFF);
    for (unsigned i = 0; i + 1 < length; i++)
        if (code[i] == 0xCD && code[i + 1] == 0x80)
            code[i] = 0xCC; /* no system calls at random: those are fuzz's */
}

static const struct attempt {
    const char *name;
    void (*make)(void);
} attempts[] = {
    {"system calls", system_call},   {"forbidden instructions", forbidden}, {"interrupts", interrupt},
    {"far transfers", far_transfer}, {"stacks astray", stack_astray},       {"memory", memory_access},
    {"random code", random_code},
};

/* What a handler does with the frame that it finds: another way to any register. */
static void spoil_frame(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    uint32_t *registers = (uint32_t *)((char *)context + 20); /* sigcontext: gs fs es ds … */
    static unsigned times;
    if (++times > 3)
        _exit(1);
    for (unsigned i = 0; i < 4; i++)
        if (any(2))
            registers[i] = wild_selector();
    if (any(2))
        registers[14] = (uint32_t)(uintptr_t)(code + 3000); /* eip */
    if (any(2))
        registers[16] = generator_next(&random_state); /* eflags */
    if (any(2))
        registers[18] = wild_selector(); /* ss */
    if (any(4) == 0)
        registers[15] = wild_selector(); /* cs */
    if (any(4) == 0)
        remove_descriptors();
}

static void catch_signals(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    static char other_stack[16384];
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_sigaction = spoil_frame, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (unsigned i = 0; i < COUNT_OF(signals); i++)
        sigaction(signals[i], &action, NULL);
}

static void attempt(const struct attempt *what, bool catching) {
    struct itimerval soon = {.it_value = {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL); /* ends what does not end */
    make_descriptors();
    if (catching)
        catch_signals();
    unsigned order = any(4);
    if (order & 1)
        load_segments();
    if (order & 2)
        load_flags();
    if (any(3) == 0)
        load_stack_segment();
    for (unsigned repeat = 0; repeat < 3; repeat++)
        what->make();
    emit("\x0F\x0B", 2);
    ((void (*)(void))(uintptr_t)code)();
}

/* The attempt of this number in a child: what kind it was. */
static unsigned make_attempt(uint32_t number, bool tell) {
    random_state = generator_start(number);
    unsigned what = any(COUNT_OF(attempts));
    bool catching = any(2);
    if (tell)
        fprintf(stderr, "crashme: %u: %s\n", number, attempts[what].name);
    int pid = fork_checked();
    if (pid == 0)
        attempt(&attempts[what], catching);
    int status = wait_for(pid);
    if (tell)
        fprintf(stderr, "crashme: %u: status %d\n", number, status);
    return what;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "crashme", usage);
    unsigned seed = number_argument(argc, argv, 1, "SEED", 1, 0, 0xFFFFFFFF);
    unsigned count = number_argument(argc, argv, 2, "ATTEMPTS", 1000, 1, 100000000);
    bool tell = number_argument(argc, argv, 3, "TELL", 0, 0, 1);
    unsigned made[COUNT_OF(attempts)] = {0};
    code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        fail_errno("mmap");
    for (unsigned i = 0; i < count; i++)
        made[make_attempt(seed + i, tell)]++;
    for (unsigned i = 0; i < COUNT_OF(attempts); i++)
        printf("crashme: %s: %u\n", attempts[i].name, made[i]);
    printf("crashme: %u attempts, all ended\n", count);
    return 0;
}
