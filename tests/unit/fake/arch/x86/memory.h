/*
 * The direct map on a host: physical address 0 is at FAKE_WINDOW + DIRECT_MAP_BASE, so the low 32 bits of a
 * pointer into it are what they are on the machine, and pointer_to_phys() is the same arithmetic. Nothing is
 * there until fake_ram_create() (fake_mm_machine.c), or a test of its own, maps memory at FAKE_RAM.
 */
#ifndef FAKE_ARCH_X86_MEMORY_H
#define FAKE_ARCH_X86_MEMORY_H

#include "lib/types.h"

#define USER_TOP         ((vaddr_t)0xC0000000u)
#define DIRECT_MAP_BASE  0xC0000000u
#define DIRECT_MAP_BYTES 0x30000000u
#define KSTACK_PAGES     2u

#define FAKE_WINDOW ((uintptr_t)0x200000000000u)
#define FAKE_RAM    (FAKE_WINDOW + DIRECT_MAP_BASE)

static inline void *phys_to_pointer(paddr_t address) {
    return (void *)(FAKE_WINDOW + (paddr_t)(address + DIRECT_MAP_BASE));
}

static inline paddr_t pointer_to_phys(const void *pointer) {
    return (paddr_t)((uintptr_t)pointer - DIRECT_MAP_BASE);
}

static inline void words_fill(void *to, uint32_t word, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof word; i++)
        ((uint32_t *)to)[i] = word;
}

void page_clear(void *page);
void page_copy(void *to, const void *from);

void *kstack_create(void);
void kstack_destroy(void *top);

#endif
