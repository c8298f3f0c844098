/* Chooses how whole pages are cleared and copied, and user memory: see arch/x86/page_fill.c. For arch/x86 alone. */
#ifndef ARCH_X86_PAGE_FILL_H
#define ARCH_X86_PAGE_FILL_H

#include "lib/types.h"

/* At boot, when the processor and the clock are set up; page_clear() and page_copy() work before, too. */
void page_fill_init(void);

/* Wide moves have been found to be the quicker ones: usercopy.c makes them, too. */
extern bool page_copy_is_wide;

#endif
