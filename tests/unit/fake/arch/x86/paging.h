/*
 * The processor's side of page tables on a host: entries as on the machine, and instead of its instructions
 * the simulated processor of fake_mm_mmu.c. With it arch/x86/pmap.c itself runs in unit tests.
 */
#ifndef FAKE_ARCH_X86_PAGING_H
#define FAKE_ARCH_X86_PAGING_H

#include "arch/x86/memory.h"
#include "lib/types.h"

typedef uint32_t pte_t;

enum {
    PTE_PRESENT = 0x001,
    PTE_WRITABLE = 0x002,
    PTE_USER = 0x004,
    PTE_ACCESSED = 0x020,
    PTE_DIRTY = 0x040,
    PTE_LARGE = 0x080,
    PTE_GLOBAL = 0x100,
};

#define TABLE_ENTRIES  1024u
#define TABLE_BYTES    (TABLE_ENTRIES * PAGE_SIZE)
#define DIRECTORY_USER (USER_TOP / TABLE_BYTES)

static inline unsigned directory_index(vaddr_t address) {
    return (unsigned)(address / TABLE_BYTES);
}

static inline unsigned table_index(vaddr_t address) {
    return (unsigned)(address / PAGE_SIZE % TABLE_ENTRIES);
}

static inline paddr_t pte_address(pte_t entry) {
    return entry & ~(pte_t)PAGE_MASK;
}

void tlb_flush_page(vaddr_t address);
paddr_t directory_loaded(void);
void directory_load(paddr_t directory);

extern pte_t kernel_directory[TABLE_ENTRIES];

#endif
