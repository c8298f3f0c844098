/* Facts, a line each, that are the same on a Linux host and in the guest. */
#ifndef USER_LIB_RESULT_H
#define USER_LIB_RESULT_H

#include <stdbool.h>

/* What a call returned: the number, or the name of errno where it is negative. */
void print_result(const char *what, long result);
void print_whether(const char *what, bool truth);

#endif
