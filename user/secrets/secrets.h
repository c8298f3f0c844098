/*
 * secrets: nobody is given another's bytes. What its files share.
 *
 * A victim fills everything that it can with one value, `secret`, and ends; then others look at everything they
 * are given. Where zeros are promised they look for zeros; where a structure is filled by the kernel, for two
 * bytes of the secret next to each other.
 */
#ifndef USER_SECRETS_SECRETS_H
#define USER_SECRETS_SECRETS_H

#include "user/lib/program.h"

/* The byte that is the secret at present. It changes, so that a chance resemblance does not last. */
extern unsigned char secret;
void change_secret(void);

/* With check= the kernel fills its stack with this before each call (kernel/syscall.c): as good as a secret. */
#define KERNEL_SOIL 0xB5

/* Bytes that a buffer holds before the kernel fills it. */
#define UNTOUCHED 0x5A

/* "secrets: WHAT: nothing of another's", or how many bytes and where the first is. */
void report(const char *what, size_t bad, size_t first);

/* Looks for anything but zeros; for the secret, two of its bytes together. */
void expect_zeros(const char *what, const void *data, size_t bytes);
size_t find_secret(const void *data, size_t bytes); /* its offset, or @bytes */

/* "secrets: WHAT: nothing has been written", which counts as a secret told: nothing has been tested. */
void report_silent(const char *what);

/* --- victim.c: fills memory, files, pipes, registers and the kernel's stack with the secret --- */

/* In a process of its own, which has ended when this returns. @pages: more than there are frames. */
void victim(unsigned pages);
/* Only memory, so that the next frames that anybody gets have held the secret. */
void soil_frames(unsigned pages);
/* The running process's: what a system call leaves on the kernel's stack, and the FPU's registers. */
void soil_kernel_stack(void);
void clear_fpu(void);

/* --- what is looked at --- */
void look_at_memory(unsigned pages); /* memory.c */
void look_at_files(unsigned pages);  /* files.c */
void look_at_structures(void);       /* structures.c; and events.c */
void look_at_events(void);
void look_at_start(char **argv); /* start.c: after exec; argv of main */

/* --- structures.c: where calls write to, and the search of it --- */

enum { ROOM = 4096 };
extern unsigned char out[ROOM], out2[ROOM];

/* Looks for the secret in both after fill(data), which makes call @number and must write to one of them. */
void look_after(const char *what, long number, void (*fill)(const void *), const void *data);

/* --- calls.c: is every call looked at? --- */

void looked_at(long number);
/* A line for each call that fills something and has not been looked at, which counts as a secret told. */
void report_calls(void);
/* A line for each call of the kernel's: its name, and what it writes. */
void list_calls(void);

#endif
