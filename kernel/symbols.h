/* Names of the kernel's functions, for panic(): a table that the second link puts in (tools/symbols). */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include "lib/types.h"

/* The function that holds @address, with the distance from its beginning in *@offset; NULL: none. Any context. */
const char *symbol_find(uintptr_t address, unsigned *offset);

#endif
