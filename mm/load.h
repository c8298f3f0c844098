/* Where a program's pages come from: see mm/load.c. */
#ifndef MM_LOAD_H
#define MM_LOAD_H

struct space;

/*
 * exec has mapped the program's segments: with load=swap, copies the whole image to swap now; with prepage=,
 * starts reading the beginning of each segment. 0, -EIO, or -EINTR (killed). May sleep.
 */
int load_image(struct space *space);

#endif
