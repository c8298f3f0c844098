/*
 * Two-level page tables: a directory of 1024 tables of 1024 entries of 4 KiB. Directory and tables are
 * KERNEL frames; the kernel half of the directory is a copy of kernel_directory's, which never changes.
 *
 * A pmap is a cache (rule 1), so tables are made when first needed. Empty ones stay, as they are soon needed
 * again, until memory is so short that somebody asks for them (pmap_trim).
 *
 * The TLB. The processor keeps an entry only if it has set Accessed in it, and never a not-present one; so
 * a flush is needed exactly when an entry that was Accessed loses rights, a bit, or its presence, and only
 * if this pmap is the one loaded: loading another flushes everything of ours. Forgetting a flush does not
 * crash: it loses a Dirty bit, and with it a page of somebody's data, much later.
 *
 * Source: Intel SDM vol. 3A, 4.3, 4.8, 4.10.2 to 4.10.4.
 */
#include "arch/x86/pmap.h"

#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/wait.h"
#include "mm/heap.h"

/* More pages than this are flushed cheaper by a reload of CR3 (measured in QEMU; real ones differ little). */
#define BATCH_MAX 10u

/* Addresses of the loaded pmap to flush at the end of its batch; a count above BATCH_MAX means all. */
static struct {
    vaddr_t addresses[BATCH_MAX];
    unsigned count;
} pending;

static bool is_loaded(const struct pmap *pmap) {
    return directory_loaded() == pmap->directory;
}

static void load(paddr_t directory) {
    pending.count = 0;
    directory_load(directory);
}

/* --- entries ----------------------------------------------------------------------------------------- */

/* The entry for a user @address, or NULL where there is no table. */
static ALWAYS_INLINE pte_t *find_entry(const struct pmap *pmap, vaddr_t address) {
    ASSERT(address < USER_TOP);
    const pte_t *directory = phys_to_pointer(pmap->directory);
    pte_t table = directory[directory_index(address)];
    if (!(table & PTE_PRESENT))
        return NULL;
    pte_t *entry = (pte_t *)phys_to_pointer(pte_address(table)) + table_index(address);
    if (entry == NULL)
        __builtin_unreachable(); /* so that callers do not ask once more */
    return entry;
}

static unsigned entry_bits(pte_t entry) {
    if (!(entry & PTE_PRESENT))
        return 0;
    return PMAP_PRESENT | (entry & PTE_WRITABLE ? PMAP_WRITABLE : 0) |
           (entry & PTE_ACCESSED ? PMAP_REFERENCED : 0) | (entry & PTE_DIRTY ? PMAP_MODIFIED : 0);
}

static pte_t make_entry(pfn_t pfn, unsigned bits) {
    return (pfn << PAGE_SHIFT) | PTE_PRESENT | PTE_USER | (bits & PMAP_WRITABLE ? PTE_WRITABLE : 0) |
           (bits & PMAP_REFERENCED ? PTE_ACCESSED : 0) | (bits & PMAP_MODIFIED ? PTE_DIRTY : 0);
}

/* Replaces a present entry, and makes sure that the processor does not go on using the @old one. */
static void change_entry(struct pmap *pmap, vaddr_t address, pte_t *entry, pte_t new_value) {
    pte_t old = *entry;
    *entry = new_value;
    if (!(old & PTE_ACCESSED) || !is_loaded(pmap))
        return;
    if (pmap->batches == 0)
        tlb_flush_page(address);
    else if (pending.count++ < BATCH_MAX)
        pending.addresses[pending.count - 1] = PAGE_DOWN(address);
}

/* --- life -------------------------------------------------------------------------------------------- */

int pmap_create(struct pmap *pmap) {
    may_sleep();
    pte_t *directory = kpage_alloc();
    if (!directory)
        return -ENOMEM;
    memcpy(directory + DIRECTORY_USER, kernel_directory + DIRECTORY_USER,
           (TABLE_ENTRIES - DIRECTORY_USER) * sizeof(pte_t));
    *pmap = (struct pmap){.directory = pointer_to_phys(directory)};
    return 0;
}

void pmap_destroy(struct pmap *pmap) {
    ASSERT(pmap->resident == 0 && pmap->batches == 0);
    /* A kernel thread may still stand on the last program's directory. */
    if (is_loaded(pmap))
        load(pointer_to_phys(kernel_directory));
    pte_t *directory = phys_to_pointer(pmap->directory);
    for (unsigned i = 0; i < DIRECTORY_USER; i += 32)
        for (uint32_t bits = pmap->present[i / 32]; bits != 0; bits &= bits - 1)
            kpage_free(phys_to_pointer(pte_address(directory[i + (unsigned)__builtin_ctz(bits)])));
    kpage_free(directory);
    *pmap = (struct pmap){0};
}

static bool is_empty(const pte_t *table) {
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        if (table[i] & PTE_PRESENT)
            return false;
    return true;
}

/* The processor may remember where a table was, so a loaded directory is loaded again. */
unsigned pmap_trim(struct pmap *pmap) {
    pte_t *directory = phys_to_pointer(pmap->directory);
    unsigned freed = 0;
    for (unsigned i = 0; i < DIRECTORY_USER; i++) {
        void *table = phys_to_pointer(pte_address(directory[i]));
        if (!(directory[i] & PTE_PRESENT) || !is_empty(table))
            continue;
        directory[i] = 0;
        pmap->present[i / 32] &= ~(1u << i % 32);
        if (is_loaded(pmap))
            load(pmap->directory);
        kpage_free(table);
        pmap->tables--;
        freed++;
    }
    return freed;
}

void pmap_activate(struct pmap *pmap) {
    if (pmap && !is_loaded(pmap))
        load(pmap->directory);
}

/* --- one page ---------------------------------------------------------------------------------------- */

/* A table for @address, where there is none: the place of the entry, or NULL. */
static __attribute__((noinline)) pte_t *make_table(struct pmap *pmap, vaddr_t address) {
    void *table = kpage_alloc_try();
    if (!table)
        return NULL;
    pte_t *directory = phys_to_pointer(pmap->directory);
    unsigned index = directory_index(address);
    directory[index] =
        pointer_to_phys(table) | PTE_PRESENT | PTE_WRITABLE | PTE_USER; /* entries decide rights */
    pmap->present[index / 32] |= 1u << index % 32;
    pmap->tables++;
    return find_entry(pmap, address);
}

int pmap_enter(struct pmap *pmap, vaddr_t address, pfn_t pfn, unsigned bits) {
    pte_t value = make_entry(pfn, bits);
    pte_t *entry = find_entry(pmap, address);
    if (!entry)
        entry = make_table(pmap, address);
    if (!entry)
        return -ENOMEM;
    if (*entry & PTE_PRESENT)
        return -EEXIST;
    *entry = value;
    pmap->resident++;
    return 0;
}

void pmap_set_writable(struct pmap *pmap, vaddr_t address, bool writable) {
    pte_t *entry = find_entry(pmap, address);
    ASSERT(entry && (*entry & PTE_PRESENT));
    pte_t value = writable ? *entry | PTE_WRITABLE : *entry & ~(pte_t)PTE_WRITABLE;
    if (value != *entry)
        change_entry(pmap, address, entry, value);
}

unsigned pmap_remove(struct pmap *pmap, vaddr_t address) {
    pte_t *entry = find_entry(pmap, address);
    if (!entry || !(*entry & PTE_PRESENT))
        return 0;
    unsigned bits = entry_bits(*entry);
    change_entry(pmap, address, entry, 0);
    pmap->resident--;
    return bits;
}

unsigned pmap_query(const struct pmap *pmap, vaddr_t address, pfn_t *pfn) {
    const pte_t *entry = find_entry(pmap, address);
    if (!entry)
        return 0;
    if (pfn)
        *pfn = *entry >> PAGE_SHIFT;
    return entry_bits(*entry);
}

unsigned pmap_clear(struct pmap *pmap, vaddr_t address, unsigned bits) {
    pte_t *entry = find_entry(pmap, address);
    pte_t mask = (bits & PMAP_REFERENCED ? PTE_ACCESSED : 0) | (bits & PMAP_MODIFIED ? PTE_DIRTY : 0);
    if (!entry || !(*entry & PTE_PRESENT) || !(*entry & mask))
        return 0;
    pte_t set = *entry & mask;
    change_entry(pmap, address, entry, *entry & ~mask);
    return (set & PTE_ACCESSED ? PMAP_REFERENCED : 0) | (set & PTE_DIRTY ? PMAP_MODIFIED : 0);
}

/* --- batches ----------------------------------------------------------------------------------------- */

void pmap_batch_begin(struct pmap *pmap) {
    pmap->batches++;
}

/* `pending` is of the loaded pmap. If that is another one by now, loading it has flushed ours. */
void pmap_batch_end(struct pmap *pmap) {
    ASSERT(pmap->batches > 0);
    if (--pmap->batches > 0 || !is_loaded(pmap))
        return;
    if (pending.count > BATCH_MAX) {
        load(pmap->directory);
        return;
    }
    for (unsigned i = 0; i < pending.count; i++)
        tlb_flush_page(pending.addresses[i]);
    pending.count = 0;
}

/* --- all pages --------------------------------------------------------------------------------------- */

/*
 * How many pages from @address to @end one table covers; *@entries: the entries of these, or NULL where there is
 * no table. What goes over many pages looks a table up once.
 */
static unsigned pages_of_table(const struct pmap *pmap, vaddr_t address, vaddr_t end, pte_t **entries) {
    vaddr_t table_end = (directory_index(address) + 1) * TABLE_BYTES;
    *entries = find_entry(pmap, address);
    return (MIN(end, table_end) - address) / PAGE_SIZE;
}

/* The first present entry for an address >= *@address (of a page) and < @end, with *@address its own; or NULL. */
static pte_t *search_present(const struct pmap *pmap, vaddr_t *address, vaddr_t end) {
    vaddr_t at = *address;
    ASSERT(end <= USER_TOP && end % PAGE_SIZE == 0);
    while (at < end) {
        pte_t *entries;
        unsigned pages = pages_of_table(pmap, at, end, &entries);
        for (unsigned i = 0; entries && i < pages; i++) {
            if (entries[i] & PTE_PRESENT) {
                *address = at + i * PAGE_SIZE;
                return &entries[i];
            }
        }
        at += pages * PAGE_SIZE;
    }
    return NULL;
}

/* Mostly it is the next page's. */
static ALWAYS_INLINE pte_t *next_present(const struct pmap *pmap, vaddr_t *address, vaddr_t end) {
    pte_t *entry = *address < end ? find_entry(pmap, *address) : NULL;
    return entry && (*entry & PTE_PRESENT) ? entry : search_present(pmap, address, end);
}

vaddr_t pmap_next_present(const struct pmap *pmap, vaddr_t from, vaddr_t end) {
    vaddr_t address = PAGE_DOWN(from);
    return next_present(pmap, &address, end) ? MAX(address, from) : end;
}

unsigned pmap_remove_next(struct pmap *pmap, vaddr_t *address, vaddr_t end, pfn_t *pfn) {
    pte_t *entry = next_present(pmap, address, end);
    if (!entry)
        return 0;
    unsigned bits = entry_bits(*entry);
    *pfn = *entry >> PAGE_SHIFT;
    change_entry(pmap, *address, entry, 0);
    pmap->resident--;
    return bits;
}

void pmap_write_protect(struct pmap *pmap, vaddr_t start, vaddr_t end) {
    pte_t *entries;
    unsigned pages;
    ASSERT(end <= USER_TOP && end % PAGE_SIZE == 0);
    for (vaddr_t at = start; at < end; at += pages * PAGE_SIZE) {
        pages = pages_of_table(pmap, at, end, &entries);
        for (unsigned i = 0; entries && i < pages; i++)
            if ((entries[i] & (PTE_PRESENT | PTE_WRITABLE)) == (PTE_PRESENT | PTE_WRITABLE))
                change_entry(pmap, at + i * PAGE_SIZE, &entries[i], entries[i] & ~(pte_t)PTE_WRITABLE);
    }
}

void pmap_walk(const struct pmap *pmap, void (*visit)(vaddr_t address, pfn_t pfn, unsigned bits, void *data),
               void *data) {
    vaddr_t address = pmap_next_present(pmap, 0, USER_TOP);
    while (address < USER_TOP) {
        pte_t entry = *find_entry(pmap, address);
        visit(address, entry >> PAGE_SHIFT, entry_bits(entry), data);
        address = pmap_next_present(pmap, address + PAGE_SIZE, USER_TOP);
    }
}
