/*
 * What a program finds when it starts: its stack holds what was passed to it and zeros; its .bss is zero to the
 * end of the page. (Registers: see `entry`, which looks before any C library has run.)
 */
#include "user/secrets/secrets.h"

#include <elf.h>
#include <sys/auxv.h>

extern char end[]; /* the linker's: the end of .bss */

/* The end of the strings: the program's name, of which the auxiliary vector tells. */
static const char *strings_end(void) {
    const char *name = (const char *)getauxval(AT_EXECFN);
    return name + strlen(name) + 1;
}

void look_at_start(char **argv) {
    const char *from = strings_end();
    const char *page_end = (const char *)(((uintptr_t)from + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    size_t behind = (size_t)(page_end - from);
    size_t found = find_secret(from, behind);
    report("the stack behind the strings", found < behind, found);
    const char *low = (const char *)((uintptr_t)argv & ~(uintptr_t)(PAGE - 1));
    size_t between = (size_t)(argv[0] - low);
    found = find_secret(low, between);
    report("the stack around argv and the auxiliary vector", found < between, found);
    size_t rest = -(uintptr_t)end & (PAGE - 1);
    expect_zeros("the last page of .bss, behind it", end, rest);
}
