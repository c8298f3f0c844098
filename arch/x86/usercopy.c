/*
 * Copies between kernel and user memory. The range is checked here; the copying, which may fault, is in
 * copy.asm: by string instructions, or by wide moves where these are quicker (page_fill.c). An address at or
 * above USER_TOP counts as bytes that could not be copied, like any other bad page.
 *
 * Source of the idea (try the access and recover, rather than ask first whether it would work): the
 * exception table of Linux 2.1, Documentation/x86/exception-tables.rst.
 */
#include "arch/x86/usercopy.h"

#include "arch/x86/memory.h"
#include "arch/x86/page_fill.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/wait.h"

/* copy.asm: bytes not copied; blocks not copied. */
size_t user_move(void *to, const void *from, size_t bytes);
size_t user_fill_zero(void *to, size_t bytes);
size_t user_move_wide(void *to, const void *from, size_t blocks);

#define WIDE_BLOCK 128u /* bytes */
#define WIDE_LEAST 512u /* bytes from which on wide moves are worth their preparation */

/* Strings are fetched in pieces of at most this size, and never from a page before they reach it. */
#define STRING_PIECE 64u

/* How many of @bytes at @address are user addresses. */
static size_t user_part(vaddr_t address, size_t bytes) {
    return address < USER_TOP ? MIN(bytes, USER_TOP - address) : 0;
}

/* A fault where sleep is forbidden ends the copy (arch/x86/trap.c): bytes not copied; of these, too, some may be. */
static size_t move_awake(void *to, const void *from, size_t bytes) {
    size_t wide = page_copy_is_wide && bytes >= WIDE_LEAST ? bytes / WIDE_BLOCK : 0;
    size_t left = 0, done = wide * WIDE_BLOCK;
    no_sleep_begin();
    if (wide > 0)
        left = user_move_wide(to, from, wide);
    if (left == 0)
        left = user_move((char *)to + done, (const char *)from + done, bytes - done);
    else
        left = left * WIDE_BLOCK + bytes - done;
    no_sleep_end();
    return left;
}

/*
 * Copies what lies in one page of the user's: bytes not copied. The first word brings the page in if it is absent;
 * from then on nothing sleeps, so that it stays.
 */
static size_t move_in_page(void *to, const void *from, size_t bytes) {
    size_t first = MIN(bytes, sizeof(uint32_t)), left = user_move(to, from, first);
    if (left > 0)
        return bytes - first + left;
    left = move_awake(to, from, bytes);
    return user_move((char *)to + bytes - left, (const char *)from + bytes - left, left);
}

/* Copies to or from user memory at @user: bytes not copied. May sleep. */
static size_t move(void *to, const void *from, vaddr_t user, size_t bytes) {
    if (!page_copy_is_wide || bytes < WIDE_LEAST)
        return user_move(to, from, bytes);
    size_t done = 0, left = 0;
    while (done < bytes && left == 0) {
        size_t piece = MIN(bytes - done, PAGE_SIZE - (user + done) % PAGE_SIZE);
        left = move_in_page((char *)to + done, (const char *)from + done, piece);
        done += piece - left;
    }
    return bytes - done;
}

size_t user_copy_in(void *to, vaddr_t from, size_t bytes) {
    may_sleep();
    size_t part = user_part(from, bytes);
    return bytes - part + move(to, (const void *)from, from, part);
}

size_t user_copy_out(vaddr_t to, const void *from, size_t bytes) {
    may_sleep();
    size_t part = user_part(to, bytes);
    return bytes - part + move((void *)to, from, to, part);
}

static bool move_resident(void *to, const void *from, vaddr_t user, size_t bytes) {
    return user_part(user, bytes) == bytes && move_awake(to, from, bytes) == 0;
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
