/*
 * Page-table entries as the processor reads them, and the kernel's own page tables. For arch/x86 alone.
 *
 * Source: Intel SDM vol. 3A, 4.3 (32-bit paging), 4.6 (access rights), 4.10 (TLBs).
 */
#ifndef ARCH_X86_PAGING_H
#define ARCH_X86_PAGING_H

#include "arch/x86/memory.h"
#include "lib/types.h"

typedef uint32_t pte_t;

enum {
    PTE_PRESENT = 0x001,
    PTE_WRITABLE = 0x002,
    PTE_USER = 0x004,
    PTE_ACCESSED = 0x020,
    PTE_DIRTY = 0x040,
    PTE_LARGE = 0x080,  /* in a directory: a 4 MiB page */
    PTE_GLOBAL = 0x100, /* survives a reload of CR3 */
};

#define TABLE_ENTRIES  1024u
#define TABLE_BYTES    (TABLE_ENTRIES * PAGE_SIZE) /* mapped by one table: 4 MiB */
#define DIRECTORY_USER (USER_TOP / TABLE_BYTES)    /* directory entries of the user half */

#define KSTACK_BASE  0xF0000000u
#define KSTACK_BYTES 0x01000000u

static inline unsigned directory_index(vaddr_t address) {
    return (unsigned)(address / TABLE_BYTES);
}

static inline unsigned table_index(vaddr_t address) {
    return (unsigned)(address / PAGE_SIZE % TABLE_ENTRIES);
}

static inline paddr_t pte_address(pte_t entry) {
    return entry & ~(pte_t)PAGE_MASK;
}

static inline void tlb_flush_page(vaddr_t address) {
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline paddr_t directory_loaded(void) {
    paddr_t directory;
    asm volatile("mov %%cr3, %0" : "=r"(directory));
    return directory;
}

/* Also flushes all entries that are not global. */
static inline void directory_load(paddr_t directory) {
    asm volatile("mov %0, %%cr3" : : "r"(directory) : "memory");
}

/* The directory of threads before there is any address space; every other one copies its kernel half. */
extern pte_t kernel_directory[TABLE_ENTRIES];
/* The table of the first 4 MiB of the direct map, in which the kernel image lies. */
extern pte_t kernel_table[TABLE_ENTRIES];

/*
 * Completes the kernel half: permissions of the image, the direct map up to the end of RAM, the tables of
 * the kernel stacks. From then on the kernel's directory entries never change.
 */
void kernel_map_init(void);

/* True when @address lies in the unmapped page below a kernel stack. */
bool kstack_is_guard(vaddr_t address);

/* True when the kernel may read @address: it is present in the kernel half. */
bool kernel_mapped(vaddr_t address);

#endif
