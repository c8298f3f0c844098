/*
 * The kernel's half of every address space.
 *
 *   0x00000000 - 0xBFFFFFFF   user (USER_TOP = 0xC0000000)
 *   0xC0000000 - 0xEFFFFFFF   direct map of the first 768 MiB of RAM; the kernel image lies in it at
 *                             0xC0100000, text and read-only data not writable
 *   0xF0000000 - 0xF0FFFFFF   kernel stacks, each below an unmapped guard page
 */
#ifndef ARCH_X86_MEMORY_H
#define ARCH_X86_MEMORY_H

#include "lib/types.h"

#define USER_TOP         ((vaddr_t)0xC0000000u)
#define DIRECT_MAP_BASE  0xC0000000u
#define DIRECT_MAP_BYTES 0x30000000u
#define KSTACK_PAGES     2u

/* The kernel's pointer to a physical address of the direct map. Any context. */
static inline void *phys_to_pointer(paddr_t address) {
    return (void *)(uintptr_t)(address + DIRECT_MAP_BASE);
}

static inline paddr_t pointer_to_phys(const void *pointer) {
    return (paddr_t)((uintptr_t)pointer - DIRECT_MAP_BASE);
}

/* Stores @word over @bytes, a multiple of 4: in line, for the few words of a small block. Any context. */
static ALWAYS_INLINE void words_fill(void *to, uint32_t word, size_t bytes) {
    size_t words = bytes / sizeof word;

    asm volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(word) : "memory");
}

/*
 * Whole pages, in kernel addresses, both page aligned. As fast as the machine allows and without
 * disturbing the running thread's FPU state. Any context.
 */
void page_clear(void *page);
void page_copy(void *to, const void *from);

/*
 * A kernel stack of KSTACK_PAGES pages with a guard page below; returns its top (exclusive), or NULL when
 * there is no memory. May sleep.
 */
void *kstack_create(void);
void kstack_destroy(void *top);

/*
 * High-water mark: bytes of the stack with this top (NULL: the boot stack) that have ever been in use. A stack
 * is made of cleared pages, so it reaches down to the lowest word that is not zero (or a few more, which were
 * only ever zero). Any context.
 */
size_t kstack_depth(const void *top);

#endif
