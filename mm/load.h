/* Where a program's pages come from: see mm/load.c. */
#ifndef MM_LOAD_H
#define MM_LOAD_H

struct space;

/*
 * exec has mapped the program's segments: with load=swap, copies the whole image to swap now. 0, -ENOMEM,
 * -EIO, or -EINTR (killed). May sleep. Does nothing for the other values of load=.
 */
int load_image(struct space *space);

#endif
