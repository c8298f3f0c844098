/*
 * A processor that reaches memory through page tables and a TLB. The TLB is a small cache that nobody keeps
 * coherent but the flushes of pmap.c, as on the machine: a forgotten flush leads to a frame that the page has
 * left, or loses a Dirty bit.
 *
 * Source: Intel SDM vol. 3A, 4.3, 4.8, 4.10.
 */
#include "fake_mm.h"

#include "arch/x86/paging.h"
#include "arch/x86/pmap.h"
#include "mm/frame.h"

#include <check.h>

#define TLB_ENTRIES 32u

static struct tlb_entry {
    vaddr_t page;
    pte_t entry; /* as it was when cached; 0: empty */
} tlb[TLB_ENTRIES];

static paddr_t directory;

pte_t kernel_directory[TABLE_ENTRIES];

void tlb_flush_page(vaddr_t address) {
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        if (tlb[i].page == PAGE_DOWN(address))
            tlb[i].entry = 0;
}

paddr_t directory_loaded(void) {
    return directory;
}

void directory_load(paddr_t loaded) {
    directory = loaded;
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        tlb[i].entry = 0;
}

static pte_t *walk(vaddr_t address) {
    const pte_t *tables = phys_to_pointer(directory);
    pte_t table = tables[directory_index(address)];

    if (!(table & PTE_PRESENT))
        return NULL;
    return (pte_t *)phys_to_pointer(pte_address(table)) + table_index(address);
}

static struct tlb_entry *tlb_find(vaddr_t page) {
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        if (tlb[i].entry != 0 && tlb[i].page == page)
            return &tlb[i];
    return NULL;
}

/* Walks the tables for what is not cached, and again to set Dirty for the first write. */
static struct tlb_entry *tlb_fill(vaddr_t page, bool write) {
    struct tlb_entry *cached = tlb_find(page);
    pte_t *entry = walk(page);

    if (entry == NULL || !(*entry & PTE_PRESENT) || (write && !(*entry & PTE_WRITABLE)))
        return NULL;
    *entry |= PTE_ACCESSED | (write ? PTE_DIRTY : 0);
    if (cached == NULL)
        cached = &tlb[fake_random() % TLB_ENTRIES];
    *cached = (struct tlb_entry){page, *entry};
    return cached;
}

void *fake_mmu(struct pmap *pmap, vaddr_t address, bool write) {
    pte_t needed = PTE_PRESENT | (write ? PTE_WRITABLE | PTE_DIRTY : 0);
    struct tlb_entry *cached;

    pmap_activate(pmap);
    cached = tlb_find(PAGE_DOWN(address));
    if (cached == NULL || (cached->entry & needed) != needed)
        cached = tlb_fill(PAGE_DOWN(address), write);
    if (cached == NULL) {
        tlb_flush_page(address); /* a fault forgets what led to it */
        return NULL;
    }
    struct frame *frame = &frame_table[cached->entry >> PAGE_SHIFT];
    if (frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED)
        panic("the processor reaches frame %u in state %u at %p", (unsigned)frame_number(frame), frame->state,
              (void *)address);
    return (uint8_t *)frame_data(frame) + (address & PAGE_MASK);
}

struct frame *fake_frame_at(struct pmap *pmap, vaddr_t address) {
    pfn_t pfn;

    ck_assert_uint_ne(pmap_query(pmap, address, &pfn), 0);
    return &frame_table[pfn];
}
