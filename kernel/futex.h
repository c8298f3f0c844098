/* Futexes: sleeping on a word of user memory. See futex.c. */
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

#include "lib/types.h"

/* Wakes at most @count of those who sleep on the word at @address; how many. Current space. */
int futex_wake(vaddr_t address, unsigned count);

#endif
