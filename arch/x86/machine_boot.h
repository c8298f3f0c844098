/* What only arch_main() asks of machine.c. */
#ifndef ARCH_X86_MACHINE_BOOT_H
#define ARCH_X86_MACHINE_BOOT_H

#include "lib/types.h"

/* Reads all that the loader left (@info is physical), before anything can overwrite it. */
void machine_init(uint32_t magic, paddr_t info);

#endif
