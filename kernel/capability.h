/* Capabilities: the rights of root, one by one. See capability.c. */
#ifndef KERNEL_CAPABILITY_H
#define KERNEL_CAPABILITY_H

#include "lib/types.h"

/* A set is a bit a capability, by Linux's numbers. effective is part of permitted, permitted of ALL. */
struct capabilities {
    uint64_t effective, permitted, inheritable;
};

#define CAPABILITIES_ALL (((uint64_t)1 << (CAP_LAST_CAP + 1)) - 1) /* with <linux/capability.h> */

/* What a program of root's starts with: everything, whatever the one before it had given up. */
void capabilities_for_exec(struct capabilities *capabilities);

/* Does the running thread have @capability (CAP_*) in effect? */
bool capable(unsigned capability);

#endif
