/*
 * The kernel heap: power-of-two blocks cut from whole frames, and runs of frames for what is larger.
 * Freed blocks are poisoned. Thread context.
 */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include "lib/types.h"

/*
 * @bytes of zeroed memory, or NULL. kmalloc() may sleep for frames and fails only when none can be freed
 * or the process is dying; kmalloc_try() never sleeps. Above PAGE_SIZE the memory is physically contiguous
 * and can be had reliably at boot only.
 */
void *kmalloc(size_t bytes);
void *kmalloc_try(size_t bytes);
void kfree(void *block); /* NULL is allowed */

/* A zeroed page of its own in the direct map (a KERNEL frame), or NULL; may sleep. */
void *kpage_alloc(void);
void *kpage_alloc_try(void);
void kpage_free(void *page); /* NULL is allowed */

/* Bytes in blocks that are in use; whole pages are KERNEL frames and counted as such. */
extern size_t heap_bytes;

void heap_init(void);

#endif
