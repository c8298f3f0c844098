/* Resource limits of a process. See limits.c. */
#ifndef KERNEL_LIMITS_H
#define KERNEL_LIMITS_H

#include "lib/types.h"

#define LIMITS          16 /* RLIM_NLIMITS */
#define LIMIT_UNLIMITED UINT64_MAX

struct resource_limit {
    uint64_t soft, hard;
};

/* The limits of the first process. */
void limits_init(struct resource_limit limits[LIMITS]);

/* Bytes that a stack may grow to in the next program of the current process. */
size_t limit_stack(void);

/* True if @more bytes of address space would be more than the current process may have. */
bool limit_address_space_reached(size_t more);

/* True if the current process may lock no memory at all. How much it may: vm_lock_limit(). */
bool limit_locking_forbidden(void);

/* First descriptor that the current process may not have. */
int limit_files(void);

#endif
