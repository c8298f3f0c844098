/* Pinning a program's pages for DMA: see mm/pin.c. */
#ifndef MM_PIN_H
#define MM_PIN_H

#include "lib/types.h"

struct amap;
struct frame;
struct space;

/*
 * The page at @address, in memory and PINNED; with @write it may be written to (it is nobody else's, or
 * shared). Each pin ends with one pin_release(), and whoever pins several starts the transfer of each before
 * asking for the next: no pin may depend on another one. 0, -EFAULT, -EINTR (killed). May sleep.
 */
int pin_user_page(struct space *space, vaddr_t address, bool write, struct frame **frame);

/* @written: the disk has written into the page. Deferred or thread context; never sleeps. */
void pin_release(struct frame *frame, bool written);

/*
 * @copy is a child's new amap: the pages in it that are pinned are replaced by copies, because a disk may be
 * writing into what the parent sees. 0 or -ENOMEM. Never sleeps.
 */
int pin_copy_for_fork(struct amap *copy);

#endif
