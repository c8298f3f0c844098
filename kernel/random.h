/* Random numbers for programs; not for secrets, see kernel/random.c. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "lib/types.h"

void random_bytes(void *to, size_t bytes);

#endif
