/*
 * Page tables. A page-table entry is only a cache of what anon, amap, object and area say (rule 1): a
 * pmap can lose any entry at any time, and the fault brings it back. No function here sleeps except
 * pmap_create().
 *
 * Source: Intel SDM vol. 3A, chapter 4 (paging), 4.10 (TLBs), 4.8 (accessed and dirty flags).
 */
#ifndef ARCH_X86_PMAP_H
#define ARCH_X86_PMAP_H

#include "lib/types.h"

/* The page tables of one address space. */
struct pmap {
    paddr_t directory;    /* physical address of the page directory, what CR3 is loaded with */
    unsigned tables;      /* page tables allocated for the user half */
    unsigned resident;    /* user entries present */
    unsigned batches;     /* pmap_batch_begin() without its end */
    uint32_t present[24]; /* bit set: this entry of the directory's user half names a table */
};

/* What an entry says, in machine-independent bits. */
enum pmap_bits {
    PMAP_PRESENT = 1,
    PMAP_WRITABLE = 2,
    PMAP_REFERENCED = 4, /* the processor's Accessed bit */
    PMAP_MODIFIED = 8,   /* the processor's Dirty bit */
};

/* Makes an empty user half. 0 or -ENOMEM. May sleep. */
int pmap_create(struct pmap *pmap);

/* Frees directory and tables; every user entry must have been removed. */
void pmap_destroy(struct pmap *pmap);

/* Frees the tables that show nothing; returns how many. */
unsigned pmap_trim(struct pmap *pmap);

/*
 * Sets the entry for @address, if it is not present, to frame @pfn; @bits may hold PMAP_WRITABLE,
 * PMAP_REFERENCED and PMAP_MODIFIED. No TLB flush: x86 never caches a not-present entry. 0; -EEXIST: it is
 * present, and stays; or -ENOMEM when a page table is needed and no frame could be had at once (the fault then
 * waits for frames and starts over).
 */
int pmap_enter(struct pmap *pmap, vaddr_t address, pfn_t pfn, unsigned bits);

/* Makes a present entry writable, or not, with the flush that this needs. */
void pmap_set_writable(struct pmap *pmap, vaddr_t address, bool writable);

/* Removes the entry if present, flushes, and returns what it said (0: it was not present). */
unsigned pmap_remove(struct pmap *pmap, vaddr_t address);

/* Returns the entry's bits; *@pfn, where not NULL, gets its frame. 0: not present. */
unsigned pmap_query(const struct pmap *pmap, vaddr_t address, pfn_t *pfn);

/* The first address >= @from and < @end with a present entry, or @end. Skips absent tables at once. */
vaddr_t pmap_next_present(const struct pmap *pmap, vaddr_t from, vaddr_t end);

/*
 * Removes the first present entry for an address >= *@address (of a page) and < @end: what it said, with
 * *@address its address and *@pfn its frame. 0: there is none.
 */
unsigned pmap_remove_next(struct pmap *pmap, vaddr_t *address, vaddr_t end, pfn_t *pfn);

/* Makes the present entries of [@start, @end) read-only. */
void pmap_write_protect(struct pmap *pmap, vaddr_t start, vaddr_t end);

/* Clears @bits (PMAP_REFERENCED and/or PMAP_MODIFIED), flushes where they were set; returns those set. */
unsigned pmap_clear(struct pmap *pmap, vaddr_t address, unsigned bits);

/*
 * Batches flushes: between begin and end, removals in @pmap collect, and end does either a few INVLPGs or
 * one reload of CR3, whichever is cheaper. Nothing may return to user mode between, and no frame removed
 * may be reused before the end. Nests.
 */
void pmap_batch_begin(struct pmap *pmap);
void pmap_batch_end(struct pmap *pmap);

/* Loads CR3 unless @pmap is loaded already. NULL: any will do (kernel threads), so nothing is reloaded. */
void pmap_activate(struct pmap *pmap);

/* Calls @visit for each present user entry, in address order; for the checker and for /proc. */
void pmap_walk(const struct pmap *pmap, void (*visit)(vaddr_t address, pfn_t pfn, unsigned bits, void *data),
               void *data);

#endif
