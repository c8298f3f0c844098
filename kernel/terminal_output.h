/* The console's way out, which can be stopped. See terminal_output.c. Thread context. */
#ifndef KERNEL_TERMINAL_OUTPUT_H
#define KERNEL_TERMINAL_OUTPUT_H

#include "lib/types.h"

#define OUTPUT_CHUNK 256u /* bytes written at a time; each may become two on the way */

/* Processed bytes, for which output_wait() has found room. */
void output_write(const char *bytes, size_t count);

/* What shows what has been typed. It cannot wait: what does not fit is lost. Never sleeps. */
void output_echo(const char *bytes, size_t count);

/* Who has stopped it lets it go on; it goes when nobody holds it. Never sleep. */
enum output_stopper { STOPPED_BY_KEY = 1, STOPPED_BY_PROGRAM = 2 };
void output_stop(enum output_stopper who);
void output_start(enum output_stopper who);

/* Could a chunk be written now? Never sleeps. */
bool output_possible(void);

/* Sleeps until one can: 0, -EINTR, or, instead of sleeping, -EAGAIN. */
int output_wait(bool nonblock);

#endif
