/*
 * The stack that a program starts with: what the kernel and the C library agree to find there.
 *
 *      from the top:  strings: argv, envp, path | 16 random bytes | auxv | envp[] | argv[] | argc
 *
 * It is written by ordinary user copies into the new space, whose pages come on demand.
 *
 * Source: System V ABI, Intel386 supplement, chapter 3 (process initialization); getauxval(3).
 */
#include "kernel/exec_stack.h"
#include "arch/x86/usercopy.h"
#include "kernel/random.h"
#include "lib/log.h"

#include <linux/auxvec.h>

#define RANDOM_BYTES 16u
#define CLOCK_TICKS  100u /* of times(2), not the timer's */

static int push_word(vaddr_t *at, uint32_t word) {
    int error = user_write(*at, &word, sizeof word);
    *at += sizeof word;
    return error;
}

/* Copies the strings to @to and notes where arguments and environment lie. */
static int push_strings(struct space *space, const struct strings *strings, vaddr_t to) {
    for (size_t done = 0; done < strings->bytes; done += PAGE_SIZE) {
        size_t bytes = MIN((size_t)PAGE_SIZE, strings->bytes - done);
        int error = user_write(to + done, strings->pages[done / PAGE_SIZE], bytes);
        if (error)
            return error;
    }
    space->arg_start = to;
    return 0;
}

/* A vector of pointers to @count strings from byte *@at on, and the NULL after it. */
static int push_vector(const struct strings *strings, vaddr_t base, size_t *at, unsigned count,
                       vaddr_t *place) {
    for (unsigned i = 0; i < count; i++) {
        int error = push_word(place, (uint32_t)(base + *at));
        if (error)
            return error;
        *at += strings_length(strings, *at);
    }
    return push_word(place, 0);
}

#define AUXV_ENTRIES_MAX 20u

/* What the kernel tells the C library; returns the number of entries. */
static unsigned make_auxv(const struct exec_stack *request, vaddr_t random, vaddr_t path,
                          uint32_t auxv[AUXV_ENTRIES_MAX][2]) {
    const struct elf_image *elf = request->elf;
    unsigned count = 0;
#define ENTRY(type, value) auxv[count][0] = (type), auxv[count++][1] = (uint32_t)(value)
    if (elf->headers) { /* all three or none */
        ENTRY(AT_PHDR, request->bias + elf->headers);
        ENTRY(AT_PHENT, elf->header_bytes);
        ENTRY(AT_PHNUM, elf->header_count);
    }
    ENTRY(AT_PAGESZ, PAGE_SIZE);
    ENTRY(AT_BASE, 0);
    ENTRY(AT_FLAGS, 0);
    ENTRY(AT_ENTRY, request->bias + elf->entry);
    ENTRY(AT_UID, 0);
    ENTRY(AT_EUID, 0);
    ENTRY(AT_GID, 0);
    ENTRY(AT_EGID, 0);
    ENTRY(AT_HWCAP, 0);
    ENTRY(AT_CLKTCK, CLOCK_TICKS);
    ENTRY(AT_SECURE, 0);
    ENTRY(AT_RANDOM, random);
    ENTRY(AT_EXECFN, path);
    ENTRY(AT_NULL, 0);
#undef ENTRY
    ASSERT(count <= AUXV_ENTRIES_MAX);
    return count;
}

int exec_build_stack(const struct exec_stack *request, vaddr_t *stack) {
    struct space *space = request->space;
    const struct strings *strings = request->strings;
    uint32_t auxv[AUXV_ENTRIES_MAX][2];
    uint8_t random[RANDOM_BYTES];
    random_bytes(random, sizeof random);

    vaddr_t base = (request->top - sizeof(uint32_t) - strings->bytes) & ~(vaddr_t)15;
    vaddr_t random_at = base - RANDOM_BYTES;
    size_t path = 0; /* the last string */
    for (unsigned i = 0; i < strings->argc + strings->envc; i++)
        path += strings_length(strings, path);
    unsigned entries = make_auxv(request, random_at, base + path, auxv);
    size_t words = 1 + strings->argc + 1 + strings->envc + 1 + 2 * entries;
    *stack = (random_at - words * sizeof(uint32_t)) & ~(vaddr_t)15;

    int error = push_strings(space, strings, base);
    if (!error)
        error = user_write(random_at, random, sizeof random);
    vaddr_t place = *stack;
    size_t string = 0;
    if (!error)
        error = push_word(&place, strings->argc);
    if (!error)
        error = push_vector(strings, base, &string, strings->argc, &place);
    space->arg_end = space->env_start = base + string;
    if (!error)
        error = push_vector(strings, base, &string, strings->envc, &place);
    space->env_end = base + string;
    space->stack_start = *stack;
    return error ? error : user_write(place, auxv, entries * sizeof auxv[0]);
}
