/*
 * Argument strings of execve: copied into kernel pages, because they lie in the space that the new program
 * will replace. Pages are taken as they fill, so that the usual few hundred bytes cost one.
 */
#include "kernel/exec_strings.h"
#include "arch/x86/usercopy.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

/* Room at the end of the strings: *@room bytes at the address returned; NULL: *@error says why. */
static char *strings_room(struct strings *strings, size_t *room, int *error) {
    size_t page = strings->bytes / PAGE_SIZE;
    *error = -E2BIG;
    if (page == ARGUMENT_PAGES)
        return NULL;
    *error = -ENOMEM;
    if (!strings->pages[page] && !(strings->pages[page] = kpage_alloc()))
        return NULL;
    *room = PAGE_SIZE - strings->bytes % PAGE_SIZE;
    return strings->pages[page] + strings->bytes % PAGE_SIZE;
}

int strings_add(struct strings *strings, const char *text) {
    size_t left = strlen(text) + 1;
    while (left > 0) {
        size_t room;
        int error;
        char *to = strings_room(strings, &room, &error);
        if (!to)
            return error;
        size_t bytes = MIN(left, room);
        memcpy(to, text, bytes);
        text += bytes;
        left -= bytes;
        strings->bytes += bytes;
    }
    return 0;
}

/* Adds the string at @from in user memory: never reads past the page that its NUL is in. */
static int strings_add_user(struct strings *strings, vaddr_t from) {
    for (;;) {
        size_t room;
        int error;
        char *to = strings_room(strings, &room, &error);
        if (!to)
            return error;
        size_t bytes = MIN(room, PAGE_SIZE - (from & PAGE_MASK));
        error = user_read(to, from, bytes);
        if (error)
            return error;
        char *nul = memchr(to, '\0', bytes);
        strings->bytes += nul ? (size_t)(nul - to) + 1 : bytes;
        if (nul)
            return 0;
        from += bytes;
    }
}

/* Adds the strings that a NULL-terminated vector in user memory points to, without the first @skip. */
int strings_add_user_vector(struct strings *strings, vaddr_t vector, unsigned skip, unsigned *count) {
    if (vector == 0) /* as Linux: no vector is an empty one */
        return 0;
    for (vaddr_t at = vector;; at += sizeof(uint32_t)) {
        uint32_t string;
        int error = user_read(&string, at, sizeof string);
        if (error || string == 0)
            return error;
        if (skip > 0) {
            skip--;
            continue;
        }
        error = strings_add_user(strings, string);
        if (error)
            return error;
        (*count)++;
    }
}

int strings_add_vector(struct strings *strings, const char *const *vector, unsigned skip, unsigned *count) {
    for (unsigned i = 0; vector[i]; i++) {
        if (i < skip)
            continue;
        int error = strings_add(strings, vector[i]);
        if (error)
            return error;
        (*count)++;
    }
    return 0;
}

void strings_free(struct strings *strings) {
    for (unsigned i = 0; i < ARGUMENT_PAGES; i++)
        kpage_free(strings->pages[i]);
}

/* Bytes of the string that starts at byte @at, with its NUL. */
size_t strings_length(const struct strings *strings, size_t at) {
    size_t end = at;
    while (strings->pages[end / PAGE_SIZE][end % PAGE_SIZE] != '\0')
        end++;
    return end + 1 - at;
}
