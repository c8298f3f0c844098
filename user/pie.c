/*
 * pie: a program that may be loaded anywhere (the Makefile links it with -static-pie) and has to relocate
 * itself before it can do anything else. Prints what a wrong load address, or a page missing between the file's
 * end and the zeroed rest, would spoil. Without user/lib, which is not compiled to be loaded anywhere.
 */
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

static int first(void) {
    return 1;
}

static int second(void) {
    return 2;
}

/* Each of these words needs a relocation. */
static int (*const table[])(void) = {first, second, first};
static const char *const names[] = {"one", "two", "three"};
enum { PAGE = 4096 };
static char zeroed[2 * PAGE + 77];
static int data = 5, *pointer = &data;

extern const Elf32_Ehdr __ehdr_start; /* the linker's: where the file's header is loaded */

static int wrong(const char *what) {
    printf("pie: %s\n", what);
    return 1;
}

int main(void) {
    unsigned sum = 0;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        sum += (unsigned)table[i]() * (unsigned)strlen(names[i]);
    for (unsigned i = 0; i < sizeof(zeroed); i++)
        sum += (unsigned char)zeroed[i];
    if (__ehdr_start.e_type != ET_DYN)
        return wrong("not position independent");
    if (getauxval(AT_ENTRY) != (uintptr_t)&__ehdr_start + __ehdr_start.e_entry)
        return wrong("AT_ENTRY does not know where the program is");
    if (getauxval(AT_PHDR) != (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff)
        return wrong("AT_PHDR does not know where the program is");
    printf("pie: sum %u, data %d, ELF type %d, page-aligned %d\n", sum, *pointer, __ehdr_start.e_type,
           (uintptr_t)&__ehdr_start % PAGE == 0);
    return 0;
}
