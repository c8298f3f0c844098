/*
 * Copies between kernel and user memory. The range is checked here; the copying, which may fault, is in
 * copy.asm. An address at or above USER_TOP counts as bytes that could not be copied, like any other bad
 * page.
 *
 * Source of the idea (try the access and recover, rather than ask first whether it would work): the
 * exception table of Linux 2.1, Documentation/x86/exception-tables.rst.
 */
#include "arch/x86/usercopy.h"

#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/wait.h"

/* copy.asm: bytes not copied. */
size_t user_move(void *to, const void *from, size_t bytes);
size_t user_fill_zero(void *to, size_t bytes);

/* Strings are fetched in pieces of at most this size, and never from a page before they reach it. */
#define STRING_PIECE 64u

/* How many of @bytes at @address are user addresses. */
static size_t user_part(vaddr_t address, size_t bytes) {
    return address < USER_TOP ? MIN(bytes, USER_TOP - address) : 0;
}

size_t user_copy_in(void *to, vaddr_t from, size_t bytes) {
    may_sleep();
    size_t part = user_part(from, bytes);
    return bytes - part + user_move(to, (const void *)from, part);
}

size_t user_copy_out(vaddr_t to, const void *from, size_t bytes) {
    may_sleep();
    size_t part = user_part(to, bytes);
    return bytes - part + user_move((void *)to, from, part);
}

/* A fault where sleep is forbidden ends the copy (arch/x86/trap.c). */
static bool move_resident(void *to, const void *from, vaddr_t user, size_t bytes) {
    if (user_part(user, bytes) < bytes)
        return false;
    no_sleep_begin();
    size_t left = user_move(to, from, bytes);
    no_sleep_end();
    return left == 0;
}

bool user_copy_in_resident(void *to, vaddr_t from, size_t bytes) {
    return move_resident(to, (const void *)from, from, bytes);
}

bool user_copy_out_resident(vaddr_t to, const void *from, size_t bytes) {
    return move_resident((void *)to, from, to, bytes);
}

size_t user_clear(vaddr_t to, size_t bytes) {
    may_sleep();
    size_t part = user_part(to, bytes);
    return bytes - part + user_fill_zero((void *)to, part);
}

int user_read(void *to, vaddr_t from, size_t bytes) {
    return user_copy_in(to, from, bytes) == 0 ? 0 : -EFAULT;
}

int user_write(vaddr_t to, const void *from, size_t bytes) {
    return user_copy_out(to, from, bytes) == 0 ? 0 : -EFAULT;
}

int user_string(char *to, vaddr_t from, size_t size) {
    size_t done = 0;
    while (done < size) {
        size_t to_page_end = PAGE_SIZE - (from + done) % PAGE_SIZE;
        size_t piece = MIN(MIN(size - done, STRING_PIECE), to_page_end);
        size_t copied = piece - user_copy_in(to + done, from + done, piece);
        const char *end = memchr(to + done, '\0', copied);
        if (end)
            return (int)(end - to);
        if (copied < piece)
            return -EFAULT;
        done += piece;
    }
    return -ENAMETOOLONG;
}
