/* Argument strings of execve on their way from the old space to the new. See exec_strings.c. */
#ifndef KERNEL_EXEC_STRINGS_H
#define KERNEL_EXEC_STRINGS_H

#include "lib/types.h"

#define ARGUMENT_PAGES 32u /* 128 KiB of strings */

/* One after the other, each with its NUL, in kernel pages: arguments, environment, the program's path. */
struct strings {
    char *pages[ARGUMENT_PAGES];
    size_t bytes;
    unsigned argc, envc;
};

/* All of these: 0, -E2BIG or -ENOMEM, and with user memory -EFAULT; may sleep. */
int strings_add(struct strings *strings, const char *text);
/* The strings that a NULL-terminated vector points to, without the first @skip; counted in *@count. */
int strings_add_vector(struct strings *strings, const char *const *vector, unsigned skip, unsigned *count);
int strings_add_user_vector(struct strings *strings, vaddr_t vector, unsigned skip, unsigned *count);

void strings_free(struct strings *strings);

/* Bytes of the string that starts at byte @at, with its NUL. */
size_t strings_length(const struct strings *strings, size_t at);

#endif
