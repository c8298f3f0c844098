/* Linux's errno values (its UAPI header); the kernel returns them negated. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#include <asm/errno.h>

#endif
