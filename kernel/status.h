/* The status line: the last row of the screen. See status.c. */
#ifndef KERNEL_STATUS_H
#define KERNEL_STATUS_H

/* Sets the row apart, and from then on fills it in. Boot word status=. Once, at boot. */
void status_init(void);

/* Every timer tick, in the interrupt. */
void status_tick(void);

#endif
