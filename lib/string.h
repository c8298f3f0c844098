/* The C library's memory and string functions that the kernel uses; each as in ISO C (strlcpy: BSD). */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

#ifdef FAULTLINE_HOST
#include <string.h>
#else
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *s, int byte, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
#endif
/* Copies at most @size - 1 characters and always terminates; returns strlen(@from). */
size_t str_copy(char *to, const char *from, size_t size);

#endif
