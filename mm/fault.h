/* The page fault: see mm/fault.c for the idea and for the twelve steps. */
#ifndef MM_FAULT_H
#define MM_FAULT_H

#include "lib/types.h"

struct space;

enum fault_access { FAULT_READ, FAULT_WRITE };

/* How a fault ended, and, if badly, why: the caller turns this into a signal or -EFAULT. */
enum fault_result {
    FAULT_OK,     /* run the instruction again */
    FAULT_MAPERR, /* no area there: SIGSEGV, SEGV_MAPERR */
    FAULT_ACCERR, /* the area forbids it: SIGSEGV, SEGV_ACCERR */
    FAULT_BUSERR, /* past the end of the object, or the disk failed: SIGBUS, BUS_ADRERR */
    FAULT_KILLED, /* the process has been told to die meanwhile */
};

/*
 * Resolves one fault of @space at @address. @stack_pointer: the user's, for stack growth (0: unknown).
 * May sleep. Counted by kind in mm/counters.h.
 */
enum fault_result vm_fault(struct space *space, vaddr_t address, enum fault_access access);

#endif
