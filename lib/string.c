/*
 * The string functions of ISO C that the kernel uses. memcpy, memmove and memset are in
 * arch/x86/string.asm; on a host all but str_copy are the C library's.
 */
#include "lib/string.h"

size_t str_copy(char *to, const char *from, size_t size) {
    size_t length = strlen(from);
    if (size > 0) {
        size_t copied = MIN(length, size - 1);
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}

#ifndef FAULTLINE_HOST

typedef uint32_t __attribute__((aligned(1))) any_word; /* x86 does not mind, and the compiler is told */

int memcmp(const void *a, const void *b, size_t bytes) {
    const uint8_t *x = a, *y = b;
    /* By words as long as they agree. */
    while (bytes >= 4 && *(const any_word *)x == *(const any_word *)y)
        x += 4, y += 4, bytes -= 4;
    for (; bytes > 0; x++, y++, bytes--)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int byte, size_t bytes) {
    const uint8_t *p = s;
    for (size_t i = 0; i < bytes; i++)
        if (p[i] == (uint8_t)byte)
            return (void *)&p[i];
    return NULL;
}

size_t strnlen(const char *s, size_t max) {
    size_t length = 0;
    while (length < max && s[length] != '\0')
        length++;
    return length;
}

size_t strlen(const char *s) {
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t max) {
    for (size_t i = 0; i < max; i++) {
        if (a[i] != b[i])
            return (uint8_t)a[i] - (uint8_t)b[i];
        if (a[i] == '\0')
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b) {
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c) {
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (*s == '\0')
            return NULL;
    }
}

char *strrchr(const char *s, int c) {
    const char *last = NULL;
    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (*s == '\0')
            return (char *)last;
    }
}

#endif
