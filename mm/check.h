/* What the parts of vm_check() share. Nothing here sleeps. */
#ifndef MM_CHECK_H
#define MM_CHECK_H

#include "lib/types.h"
#include "mm/frame.h"

#define CHECK(condition, what, ...)                                                                          \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            panic("vm_check: " what, __VA_ARGS__);                                                           \
    } while (0)

static inline unsigned check_number(const struct frame *frame) {
    return (unsigned)frame_number(frame);
}

void check_anons(void);    /* mm/check_anons.c: anonymous pages, their directories and slots */
void check_io(void);       /* mm/check_io.c: what is under way, and who waits for it */
void check_contents(void); /* mm/check_contents.c: unmodified pages equal their backing store */

#endif
