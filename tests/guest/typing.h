/*
 * A program on a terminal, typed at: what is typed, and what the screen shows when that has been done, as nobody
 * types faster than they see.
 */
#ifndef TESTS_GUEST_TYPING_H
#define TESTS_GUEST_TYPING_H

#include <stddef.h>

struct typing {
    const char *keys, *shown; /* NULL: the program ends */
};

/* Runs the command on a pseudo-terminal of 24 lines; its status, 128 + N for signal N. Fails the test if what
 * should be shown is not. */
int type_into(const char *const *command, const struct typing *steps, size_t count);

#endif
