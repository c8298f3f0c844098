/*
 * Into the kernel with chosen registers, flags and data selectors, and out again, whatever they were.
 *
 * On the way out only the stack is trusted: the selectors, the direction flag and all other registers are put
 * back from it. A forged signal frame may have changed the stack as well; then the way back begins at
 * enter_way_back, which finds the old stack through enter_current.
 */
#include "user/fuzz/fuzz.h"

struct entry *enter_current;

/* Offsets in struct entry: number 0, a 4, flags 28, ds 32, es 36, stack 40, saved_stack 44. */
_Static_assert(offsetof(struct entry, flags) == 28 && offsetof(struct entry, saved_stack) == 44,
               "as the code below has them");

/* What is pushed: ebp ebx esi edi ds es (of the C code), and then what is popped into the registers. */
#define SAVE                                                                                                 \
    "pushl %ebp; pushl %ebx; pushl %esi; pushl %edi; pushl %ds; pushl %es;"                                  \
    "movl 28(%esp), %eax; movl %esp, 44(%eax);"
#define LOAD                                                                                                 \
    "pushl 36(%eax); pushl 32(%eax); pushl 28(%eax); pushl 0(%eax);"                                         \
    "movl 4(%eax), %ebx; movl 8(%eax), %ecx; movl 12(%eax), %edx; movl 16(%eax), %esi;"                      \
    "movl 20(%eax), %edi; movl 24(%eax), %ebp; popl %eax; popfl; popl %ds; popl %es;"
#define RESTORE "popl %es; popl %ds; pushl $0x202; popfl; popl %edi; popl %esi; popl %ebx; popl %ebp; ret;"

__asm__(".text\n"
        ".globl enter, enter_sharing, enter_with_stack, enter_way_back\n"
        "enter:" SAVE LOAD "int $0x80;" RESTORE "\n"
        "enter_sharing:" SAVE LOAD "int $0x80; testl %eax, %eax; jnz 1f;"
        "xorl %ebx, %ebx; movl $1, %eax; int $0x80; 1:" RESTORE "\n"
        "enter_with_stack:" SAVE "movl %eax, enter_current;" LOAD
        "movl %ss:enter_current, %esp; movl %ss:40(%esp), %esp; int $0x80;"
        "enter_way_back: movl %ss:enter_current, %esp; movl %ss:44(%esp), %esp;" RESTORE "\n");

long raw_call(unsigned number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f) {
    uint32_t selector;
    __asm__ volatile("movl %%ds, %0" : "=r"(selector));
    struct entry entry = {
        .number = number, .a = {a, b, c, d, e, f}, .flags = 0x202, .ds = selector, .es = selector};
    return (long)enter(&entry);
}
