/*
 * The line discipline of a terminal: what the bytes typed become before a program reads them, and the bytes
 * written before the terminal gets them. A data structure with two call-backs; kernel/terminal.c gives it
 * its bytes and does the waiting. Thread context, never sleeps.
 */
#ifndef KERNEL_LINE_H
#define KERNEL_LINE_H

#include "lib/types.h"

#include <asm/termbits.h>

#define LINE_INPUT_MAX 4096u /* a power of two; the longest line, as POSIX's MAX_CANON on Linux */

struct line {
    struct termios settings;
    void (*echo)(const char *bytes, size_t count); /* to the screen, unchanged; may lose what does not fit */
    void (*signal)(int signal);                    /* to the foreground process group */
    void (*flow)(bool stopped);                    /* output stops, or goes on, by a key */

    /*
     * The ring of input, by free-running counters: [out, committed) may be read; [committed, in) is the line
     * that is still being edited. An entry is a byte and marks.
     */
    uint16_t input[LINE_INPUT_MAX];
    uint32_t in, committed, out;
    unsigned column;      /* of the cursor, to know how far back a tab goes */
    unsigned edit_column; /* where the line being edited begins */
    bool literal;         /* the next byte typed means itself */
    bool stopped;         /* output waits for ^Q */
};

/* @raw: bytes pass unchanged both ways, nothing is echoed and no key is special. */
void line_init(struct line *line, bool raw);

/*
 * Typed bytes that will not be lost. In canonical mode at least one, unless there is a line to read: a line
 * that is too long loses characters, but it can be ended.
 */
size_t line_room(const struct line *line);

/* A byte has been typed. */
void line_type(struct line *line, uint8_t byte);

/* Bytes that may be read now; a line that is empty and ended (end of file) counts as one. */
size_t line_available(const struct line *line);

/*
 * Takes what may be read, @size bytes at most, in canonical mode not beyond the end of a line; the number
 * of bytes taken. *@ended: a line has ended, so that no more is to be taken for the same read.
 */
size_t line_take(struct line *line, uint8_t *to, size_t size, bool *ended);

/*
 * Processes @count bytes on their way out into @to, which has room for twice as many; the number of bytes
 * that they became.
 */
size_t line_process_output(struct line *line, const char *from, size_t count, char *to);

/* New settings; what has been typed stays. */
void line_set(struct line *line, const struct termios *settings);

/* Forgets all input. */
void line_flush(struct line *line);

static inline bool line_canonical(const struct line *line) {
    return (line->settings.c_lflag & ICANON) != 0;
}

#endif
