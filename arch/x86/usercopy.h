/*
 * Copies between kernel and user memory, with recovery from faults. The user address is checked against
 * USER_TOP; a page that is absent is faulted in (so all of these may sleep); a page that may not be
 * accessed stops the copy, which is not an error of the kernel's. Copies into user memory obey
 * copy-on-write (CR0.WP).
 */
#ifndef ARCH_X86_USERCOPY_H
#define ARCH_X86_USERCOPY_H

#include "lib/types.h"

/* Number of bytes NOT copied: 0 is success. What could be copied has been copied. */
size_t user_copy_in(void *to, vaddr_t from, size_t bytes);
size_t user_copy_out(vaddr_t to, const void *from, size_t bytes);
size_t user_clear(vaddr_t to, size_t bytes);

/*
 * The same where nothing may sleep: an absent page is not faulted in. False if some byte could not be copied;
 * others may have been.
 */
bool user_copy_in_resident(void *to, vaddr_t from, size_t bytes);
bool user_copy_out_resident(vaddr_t to, const void *from, size_t bytes);

/* All or -EFAULT. */
int user_read(void *to, vaddr_t from, size_t bytes);
int user_write(vaddr_t to, const void *from, size_t bytes);

/*
 * Copies a NUL-terminated string of at most @size bytes with its NUL: its length without the NUL,
 * -EFAULT, or -ENAMETOOLONG.
 */
int user_string(char *to, vaddr_t from, size_t size);

#endif
