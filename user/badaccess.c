/*
 * badaccess: does one thing that a program may not do, and ought to die of it, and of the right signal.
 * With -c it catches the signal instead and prints what the kernel said: which signal, why, and whether
 * the address it gave is the one that was touched.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define UNMAPPED   ((volatile char *)0x00010000) /* below every program */
#define KERNEL     ((volatile char *)0xc0100000) /* the kernel's text, where there is one */
#define KERNEL_TOP ((volatile char *)0xfffff000)

static const char *kind_name;
static volatile uintptr_t expected_address;
static volatile bool expects_address; /* false: the signal carries none worth comparing */

static void read_byte(volatile char *address) {
    expected_address = (uintptr_t)address;
    expects_address = true;
    (void)*address;
}

static void write_byte(volatile char *address) {
    expected_address = (uintptr_t)address;
    expects_address = true;
    *address = 1;
}

static void jump_to(volatile char *address) {
    expected_address = (uintptr_t)address;
    expects_address = true;
    ((void (*)(void))(uintptr_t)address)();
}

static void null_read(void) {
    read_byte(NULL);
}
static void null_write(void) {
    write_byte(NULL);
}
static void null_jump(void) {
    jump_to(NULL);
}
static void kernel_read(void) {
    read_byte(KERNEL);
}
static void kernel_write(void) {
    write_byte(KERNEL);
}
static void kernel_jump(void) {
    jump_to(KERNEL);
}
static void kernel_top_read(void) {
    read_byte(KERNEL_TOP);
}
static void garbage_jump(void) {
    jump_to(UNMAPPED + 0x123);
}

static void text_write(void) {
    write_byte((volatile char *)(uintptr_t)text_write);
}

static void rodata_write(void) {
    write_byte((volatile char *)(uintptr_t) "constant");
}

static void heap_past(void) {
    char *end = sbrk(0);
    write_byte(end + 64 * PAGE);
}

/* Farther below the stack pointer than any stack may grow. */
static void stack_far_below(void) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    write_byte((volatile char *)(here - (12u << 20)));
}

static unsigned recurse(unsigned depth) {
    volatile char array[2048];
    array[0] = (char)depth;
    if (depth == UINT32_MAX)
        return 0;
    return recurse(depth + 1) + (unsigned)array[0]; /* used afterwards: not a loop */
}

static void stack_overflow(void) {
    recurse(0); /* the address is somewhere below the limit */
}

static void unmapped_read(void) {
    char *pages = allocate_pages(4 * PAGE);
    pages[PAGE] = 1;
    if (munmap(pages + PAGE, 2 * PAGE) != 0)
        fail_errno("munmap");
    pages[0] = pages[3 * PAGE] = 2; /* the neighbours are still there */
    read_byte(pages + 2 * PAGE - 1);
}

static void readonly_write(void) {
    char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || page[5] != 0)
        fail_errno("mmap");
    write_byte(page + 5);
}

static void protected_write(void) {
    char *page = allocate_pages(PAGE);
    page[7] = 1;
    if (mprotect(page, PAGE, PROT_READ) != 0)
        fail_errno("mprotect");
    write_byte(page + 7);
}

static void forbidden_read(void) {
    char *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        fail_errno("mmap");
    read_byte(page + 9);
}

/* A page of a mapping that lies wholly behind the file's end: SIGBUS, not SIGSEGV. */
static void file_past_end(void) {
    int file = open("badaccess.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || unlink("badaccess.tmp") != 0 || ftruncate(file, 100) != 0)
        fail_errno("badaccess.tmp");
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (pages == MAP_FAILED)
        fail_errno("mmap");
    if (pages[PAGE - 1] != 0)
        fail("the tail of the last page is not zero");
    read_byte(pages + PAGE + 11);
}

static void divide_by_zero(void) {
    __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" : : : "eax", "ecx", "edx");
}
static void float_divide(void) {
    static const unsigned short unmask_all = 0x0340;
    __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdivp; fwait" : : "m"(unmask_all));
}
/* QEMU's emulation (7.2) does not raise this one; processors do. */
static void sse_divide(void) {
    static const unsigned unmask_all = 0x0000;
    static const float one = 1, zero = 0;
    __asm__ volatile("ldmxcsr %0; movss %1, %%xmm0; divss %2, %%xmm0"
                     :
                     : "m"(unmask_all), "m"(one), "m"(zero));
}
static void illegal_instruction(void) {
    __asm__ volatile("ud2");
}
static void breakpoint(void) {
    __asm__ volatile("int3");
}
static void single_step(void) {
    __asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop; nop" : : : "memory", "cc");
}
static void privileged_halt(void) {
    __asm__ volatile("hlt");
}
static void privileged_interrupts(void) {
    __asm__ volatile("cli");
}
static void privileged_port(void) {
    __asm__ volatile("in $0x60, %%al" : : : "eax");
}
static void privileged_control(void) {
    __asm__ volatile("mov %%cr3, %%eax" : : : "eax");
}
static void kernel_interrupt(void) {
    __asm__ volatile("int $0x0e");
}
static void wild_segment(void) {
    __asm__ volatile("mov $0x1238, %%eax; mov %%eax, %%fs" : : : "eax");
}

static const struct kind {
    const char *name;
    void (*act)(void);
} kinds[] = {
    {"null-read", null_read},
    {"null-write", null_write},
    {"null-jump", null_jump},
    {"kernel-read", kernel_read},
    {"kernel-write", kernel_write},
    {"kernel-jump", kernel_jump},
    {"kernel-top-read", kernel_top_read},
    {"garbage-jump", garbage_jump},
    {"text-write", text_write},
    {"rodata-write", rodata_write},
    {"heap-past", heap_past},
    {"stack-far-below", stack_far_below},
    {"stack-overflow", stack_overflow},
    {"unmapped-read", unmapped_read},
    {"readonly-write", readonly_write},
    {"protected-write", protected_write},
    {"forbidden-read", forbidden_read},
    {"file-past-end", file_past_end},
    {"divide-by-zero", divide_by_zero},
    {"float-divide", float_divide},
    {"sse-divide", sse_divide},
    {"illegal-instruction", illegal_instruction},
    {"breakpoint", breakpoint},
    {"single-step", single_step},
    {"privileged-halt", privileged_halt},
    {"privileged-interrupts", privileged_interrupts},
    {"privileged-port", privileged_port},
    {"privileged-control", privileged_control},
    {"kernel-interrupt", kernel_interrupt},
    {"wild-segment", wild_segment},
};

/* Only async-signal-safe calls would do in a program that meant to go on; this one ends here. */
static void caught(int number, siginfo_t *info, void *context) {
    (void)context;
    const char *address = !expects_address                               ? "not compared"
                          : (uintptr_t)info->si_addr == expected_address ? "right"
                                                                         : "wrong";
    printf("badaccess: %s: %s, code %d, address %s\n", kind_name, strsignal(number), info->si_code, address);
    exit(0);
}

/* On a stack of their own, or a stack overflow could not be caught. */
static void catch_signals(void) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    static char stack[64 << 10];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    if (sigaltstack(&alternative, NULL) != 0)
        fail_errno("sigaltstack");
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (unsigned i = 0; i < COUNT_OF(numbers); i++)
        if (sigaction(numbers[i], &action, NULL) != 0)
            fail_errno("sigaction");
}

/* Notes the usage text, with all kinds. */
static void start(int argc, char **argv) {
    static char text[1024] = "badaccess [-c] KIND\n  -c: catch the signal and tell what it says\n  KIND:";
    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        strcat(text, i % 5 == 0 ? "\n    " : " ");
        strcat(text, kinds[i].name);
    }
    program_start(argc, argv, "badaccess", text);
}

int main(int argc, char **argv) {
    start(argc, argv);
    bool catch = argc > 1 && strcmp(argv[1], "-c") == 0;
    kind_name = argc > 1 + catch ? argv[1 + catch] : NULL;
    if (kind_name == NULL)
        usage_error("which kind?");
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].name, kind_name) != 0)
            continue;
        if (catch)
            catch_signals();
        kinds[i].act();
        fail("%s: survived", kind_name);
    }
    usage_error("%s: no such kind", kind_name);
}
