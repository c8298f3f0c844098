/*
 * The kernel's half of every address space: the direct map of RAM, the permissions of the kernel image,
 * and the kernel stacks with their guard pages.
 *
 * All page tables of this half are made here, at boot, and shared by every directory. So the kernel's
 * directory entries never change, a new address space just copies them, and a kernel address never faults
 * because some directory lags behind.
 *
 * Source: Intel SDM vol. 3A, 4.3, 4.6, 4.10.2.4 (global pages). The direct map: Linux's lowmem.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "lib/log.h"
#include "mm/heap.h"

/* Global where the processor knows it (CR4.PGE), ignored elsewhere. */
#define KERNEL_PTE (PTE_PRESENT | PTE_WRITABLE | PTE_GLOBAL)

#define KSTACK_STRIDE     ((KSTACK_PAGES + 1) * PAGE_SIZE) /* a stack and the guard page below */
#define KSTACKS_MAX       (KSTACK_BYTES / KSTACK_STRIDE)
#define RAM_PER_TABLE     0x01000000u /* a table of stacks for every 16 MiB of RAM */
#define KSTACK_TABLES_MAX (KSTACK_BYTES / TABLE_BYTES)

static pte_t *kstack_entries; /* the stack region's tables, which are contiguous */
static unsigned kstack_limit; /* stacks that these tables have room for */
static bool kstack_used[KSTACKS_MAX];

/* --- the direct map ---------------------------------------------------------------------------------- */

static bool in_read_only_image(paddr_t address) {
    return address >= (paddr_t)(uintptr_t)kernel_physical_start && address < pointer_to_phys(rodata_end);
}

/* The first 4 MiB, in 4 KiB pages: the image's text and read-only data are not writable. */
static void protect_image(void) {
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        paddr_t address = i * PAGE_SIZE;
        kernel_table[i] = address | KERNEL_PTE;
        if (in_read_only_image(address))
            kernel_table[i] &= ~(pte_t)PTE_WRITABLE;
    }
    kernel_table[pointer_to_phys(boot_stack_guard) / PAGE_SIZE] = 0;
}

static pte_t *new_table(paddr_t address) {
    pte_t *table = machine_boot_alloc(PAGE_SIZE);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        table[i] = (address + i * PAGE_SIZE) | KERNEL_PTE;
    return table;
}

/* Maps 4 MiB of RAM at physical @address. */
static void map_large(paddr_t address) {
    pte_t *entry = &kernel_directory[directory_index((vaddr_t)phys_to_pointer(address))];
    if (cpu.large_pages)
        *entry = address | KERNEL_PTE | PTE_LARGE;
    else
        *entry = pointer_to_phys(new_table(address)) | PTE_PRESENT | PTE_WRITABLE;
}

static void map_memory(void) {
    paddr_t end = machine_memory_end();
    for (paddr_t address = TABLE_BYTES; address < DIRECT_MAP_BYTES; address += TABLE_BYTES) {
        if (address < end)
            map_large(address);
        else
            kernel_directory[directory_index((vaddr_t)phys_to_pointer(address))] = 0;
    }
}

static void make_kstack_tables(void) {
    unsigned tables = machine_memory_end() / RAM_PER_TABLE;
    tables = MIN(MAX(tables, 1u), KSTACK_TABLES_MAX);
    kstack_limit = tables * TABLE_BYTES / KSTACK_STRIDE;
    kstack_entries = machine_boot_alloc(tables * PAGE_SIZE);
    for (unsigned i = 0; i < tables; i++) {
        paddr_t table = pointer_to_phys(kstack_entries) + i * PAGE_SIZE;
        kernel_directory[directory_index(KSTACK_BASE) + i] = table | PTE_PRESENT | PTE_WRITABLE;
    }
}

void kernel_map_init(void) {
    protect_image();
    map_memory();
    make_kstack_tables();
    kernel_directory[0] = 0; /* the identity map that boot.asm ran in: null pointers fault from now on */
    directory_load(pointer_to_phys(kernel_directory));
}

bool kernel_mapped(vaddr_t address) {
    pte_t entry = kernel_directory[directory_index(address)];
    if (address < USER_TOP || !(entry & PTE_PRESENT))
        return false;
    if (entry & PTE_LARGE)
        return true;
    const pte_t *table = phys_to_pointer(pte_address(entry));
    return table[table_index(address)] & PTE_PRESENT;
}

/* --- kernel stacks ----------------------------------------------------------------------------------- */

static vaddr_t kstack_bottom(unsigned slot) {
    return KSTACK_BASE + slot * KSTACK_STRIDE + PAGE_SIZE;
}

static pte_t *kstack_entry(vaddr_t address) {
    return &kstack_entries[(address - KSTACK_BASE) / PAGE_SIZE];
}

bool kstack_is_guard(vaddr_t address) {
    if (PAGE_DOWN(address) == (vaddr_t)boot_stack_guard)
        return true;
    return address >= KSTACK_BASE && address < KSTACK_BASE + kstack_limit * KSTACK_STRIDE &&
           (address - KSTACK_BASE) % KSTACK_STRIDE < PAGE_SIZE;
}

/* Takes the pages of the stack at @bottom away again, as far as they are there. */
static void kstack_unmap(vaddr_t bottom) {
    for (unsigned i = 0; i < KSTACK_PAGES; i++) {
        vaddr_t address = bottom + i * PAGE_SIZE;
        pte_t *entry = kstack_entry(address);
        if (!(*entry & PTE_PRESENT))
            continue;
        void *page = phys_to_pointer(pte_address(*entry));
        *entry = 0;
        tlb_flush_page(address);
        kpage_free(page);
    }
}

size_t kstack_depth(const void *top) {
    const uint32_t *end = top != NULL ? top : (const void *)boot_stack_top;
    const uint32_t *at = top != NULL ? end - KSTACK_PAGES * PAGE_SIZE / sizeof(*at)
                                     : (const uint32_t *)(boot_stack_guard + PAGE_SIZE);

    while (at < end && *at == 0)
        at++;
    return (size_t)(end - at) * sizeof(*at);
}

void *kstack_create(void) {
    unsigned slot = 0;
    while (slot < kstack_limit && kstack_used[slot])
        slot++;
    if (slot == kstack_limit)
        return NULL;
    kstack_used[slot] = true; /* before the allocations, which may sleep */

    vaddr_t bottom = kstack_bottom(slot);
    for (unsigned i = 0; i < KSTACK_PAGES; i++) {
        void *page = kpage_alloc();
        if (!page) {
            kstack_unmap(bottom);
            kstack_used[slot] = false;
            return NULL;
        }
        *kstack_entry(bottom + i * PAGE_SIZE) = pointer_to_phys(page) | KERNEL_PTE;
    }
    return (void *)(bottom + KSTACK_PAGES * PAGE_SIZE);
}

void kstack_destroy(void *top) {
    vaddr_t bottom = (vaddr_t)top - KSTACK_PAGES * PAGE_SIZE;
    unsigned slot = (bottom - KSTACK_BASE) / KSTACK_STRIDE;
    ASSERT(slot < kstack_limit && kstack_used[slot] && bottom == kstack_bottom(slot));
    vaddr_t here = (vaddr_t)__builtin_frame_address(0);
    ASSERT(here < bottom || here >= (vaddr_t)top); /* not the stack we stand on */
    kstack_unmap(bottom);
    kstack_used[slot] = false;
}
