/*
 * The line discipline. In canonical mode a line can be edited until it is ended; only then can it be read:
 * erase a character (DEL), a word (^W), the line (^U); show it again (^R); take the next key as it is (^V); end
 * it by newline, or by ^D, which is not part of it, so that on an empty line it reads as the end of the file.
 * ^C, ^\ and ^Z are signals to the foreground process group. ^S stops the output, ^Q (or, if IXANY says so, any
 * key) lets it go on. In raw mode every byte can be read at once.
 *
 * Source: POSIX.1-2017, chapter 11 (general terminal interface); termios(3) for Linux's additions.
 */
#include "kernel/line.h"

#include "lib/string.h"

#include <asm/signal.h>

/* Marks of an input entry, beside its byte. */
enum { ENDS_LINE = 0x100, NO_BYTE = 0x200 /* the end of a line by ^D: ends it and is not part of it */ };

enum { TAB_STOP = 8, DELETE = 0x7F };

#define CONTROL(letter) ((letter)&0x1F)

/* Linux's. */
static const struct termios canonical_settings = {
    .c_iflag = ICRNL | IXON,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B115200 | CS8 | CREAD | HUPCL,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc =
        {
            [VINTR] = CONTROL('C'),
            [VQUIT] = CONTROL('\\'),
            [VERASE] = DELETE,
            [VKILL] = CONTROL('U'),
            [VEOF] = CONTROL('D'),
            [VMIN] = 1,
            [VSTART] = CONTROL('Q'),
            [VSTOP] = CONTROL('S'),
            [VSUSP] = CONTROL('Z'),
            [VREPRINT] = CONTROL('R'),
            [VWERASE] = CONTROL('W'),
            [VLNEXT] = CONTROL('V'),
        },
};

static const struct termios raw_settings = {
    .c_cflag = B115200 | CS8 | CREAD | HUPCL,
    .c_cc = {[VMIN] = 1},
};

void line_init(struct line *line, bool raw) {
    line->settings = raw ? raw_settings : canonical_settings;
    line->in = line->committed = line->out = 0;
    line->column = 0;
    line->literal = false;
    line->stopped = false;
}

static bool input(const struct line *line, tcflag_t flag) {
    return (line->settings.c_iflag & flag) != 0;
}

static bool local(const struct line *line, tcflag_t flag) {
    return (line->settings.c_lflag & flag) != 0;
}

/* Is @byte the special character @which? 0 turns a special character off. */
static bool is_special(const struct line *line, uint8_t byte, unsigned which) {
    return byte != 0 && line->settings.c_cc[which] == byte;
}

/* --- output, and the cursor --- */

/* Columns that an echoed byte takes at @column. */
static unsigned width(const struct line *line, uint8_t byte, unsigned column) {
    if (byte == '\t')
        return TAB_STOP - column % TAB_STOP;
    if (byte < ' ' || byte == DELETE)
        return local(line, ECHOCTL) ? 2 : 0;
    return 1;
}

static void follow_cursor(struct line *line, uint8_t byte) {
    if (byte == '\n' || byte == '\r')
        line->column = 0;
    else if (byte == '\b')
        line->column -= line->column > 0;
    else if (byte == '\t' || (byte >= ' ' && byte != DELETE))
        line->column += width(line, byte, line->column);
}

size_t line_process_output(struct line *line, const char *from, size_t count, char *to) {
    bool add_return = (line->settings.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR);
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        if (from[i] == '\n' && add_return)
            to[made++] = '\r';
        to[made++] = from[i];
        follow_cursor(line, (uint8_t)from[i]);
    }
    return made;
}

static void echo_bytes(struct line *line, const char *bytes, size_t count) {
    char processed[16];

    line->echo(processed, line_process_output(line, bytes, count, processed));
}

/* As it is shown: control characters as ^X. */
static void echo_typed(struct line *line, uint8_t byte) {
    const char as_control[2] = {'^', (char)(byte ^ 0x40)};
    const char as_is = (char)byte;
    bool control = (byte < ' ' || byte == DELETE) && byte != '\n' && byte != '\t';

    if (!local(line, ECHO) && !(byte == '\n' && local(line, ECHONL)))
        return;
    if (control && local(line, ECHOCTL))
        echo_bytes(line, as_control, 2);
    else
        echo_bytes(line, &as_is, 1);
}

/* --- the ring --- */

static uint16_t *entry(struct line *line, uint32_t position) {
    return &line->input[position % LINE_INPUT_MAX];
}

size_t line_room(const struct line *line) {
    size_t room = LINE_INPUT_MAX - (line->in - line->out);

    if (!line_canonical(line))
        return room;
    if (line_available(line) == 0)
        return MAX(room, (size_t)1);
    return room > 0 ? room - 1 : 0;
}

/* One entry is kept for the end of the line. */
static bool put_entry(struct line *line, uint16_t value) {
    uint32_t room = LINE_INPUT_MAX - (line->in - line->out);

    if (room == 0 || (room == 1 && line_canonical(line) && (value & ENDS_LINE) == 0))
        return false;
    *entry(line, line->in++) = value;
    return true;
}

static void end_line(struct line *line, uint16_t value) {
    put_entry(line, value | ENDS_LINE);
    line->committed = line->in;
}

size_t line_available(const struct line *line) {
    return line->committed - line->out;
}

size_t line_take(struct line *line, uint8_t *to, size_t size, bool *ended) {
    bool canonical = line_canonical(line);
    size_t taken = 0;

    *ended = false;
    while (!*ended && line->out != line->committed) {
        uint16_t value = *entry(line, line->out);

        /* An end by ^D takes no room, so it goes with the bytes before it even when they fill @to. */
        if (taken == size && (value & NO_BYTE) == 0)
            break;
        line->out++;
        if ((value & NO_BYTE) == 0)
            to[taken++] = (uint8_t)value;
        *ended = canonical && (value & ENDS_LINE) != 0;
    }
    return taken;
}

void line_flush(struct line *line) {
    line->out = line->committed = line->in;
}

static void set_stopped(struct line *line, bool stopped) {
    if (line->stopped == stopped)
        return;
    line->stopped = stopped;
    line->flow(stopped);
}

void line_set(struct line *line, const struct termios *settings) {
    bool was_canonical = line_canonical(line);

    line->settings = *settings;
    if (!input(line, IXON))
        set_stopped(line, false); /* there would be no key to do it */
    if (was_canonical != line_canonical(line))
        line->committed = line->in;
}

/* --- editing --- */

/* Column of the cursor after the first bytes of the line being edited, up to position @end. */
static unsigned column_at(struct line *line, uint32_t end) {
    unsigned column = line->edit_column;

    for (uint32_t position = line->committed; position != end; position++)
        column += width(line, (uint8_t)*entry(line, position), column);
    return column;
}

/* Takes the last character back, from the line and from the screen. */
static void erase_character(struct line *line) {
    unsigned columns = column_at(line, line->in) - column_at(line, line->in - 1);

    line->in--;
    for (unsigned i = 0; i < columns && local(line, ECHO) && local(line, ECHOE); i++)
        echo_bytes(line, "\b \b", 3);
}

static bool edited_empty(const struct line *line) {
    return line->in == line->committed;
}

static bool last_is_blank(struct line *line) {
    uint8_t byte = (uint8_t)*entry(line, line->in - 1);

    return byte == ' ' || byte == '\t';
}

static void erase_word(struct line *line) {
    while (!edited_empty(line) && last_is_blank(line))
        erase_character(line);
    while (!edited_empty(line) && !last_is_blank(line))
        erase_character(line);
}

static void erase_line(struct line *line) {
    while (!edited_empty(line))
        erase_character(line);
}

static void type_character(struct line *line, uint8_t byte) {
    if (edited_empty(line))
        line->edit_column = line->column;
    if (put_entry(line, byte))
        echo_typed(line, byte);
}

/* The line so far once more, on a new line of the screen. */
static void show_again(struct line *line) {
    echo_typed(line, line->settings.c_cc[VREPRINT]);
    echo_typed(line, '\n');
    line->edit_column = 0;
    for (uint32_t position = line->committed; position != line->in; position++)
        echo_typed(line, (uint8_t)*entry(line, position));
}

static void type_edited(struct line *line, uint8_t byte) {
    if (is_special(line, byte, VERASE)) {
        if (!edited_empty(line))
            erase_character(line);
    } else if (local(line, IEXTEN) && is_special(line, byte, VWERASE)) {
        erase_word(line);
    } else if (is_special(line, byte, VKILL)) {
        erase_line(line);
    } else if (local(line, IEXTEN) && is_special(line, byte, VREPRINT)) {
        show_again(line);
    } else if (is_special(line, byte, VEOF)) {
        end_line(line, NO_BYTE);
    } else if (byte == '\n' || is_special(line, byte, VEOL) || is_special(line, byte, VEOL2)) {
        echo_typed(line, byte);
        end_line(line, byte);
    } else {
        type_character(line, byte);
    }
}

/* ^V: the key after it means itself. On the screen it is where that key's echo will be. */
static bool take_literally(struct line *line, uint8_t byte) {
    if (!line_canonical(line) || !local(line, IEXTEN))
        return false;
    if (line->literal) {
        line->literal = false;
        type_character(line, byte);
        return true;
    }
    line->literal = is_special(line, byte, VLNEXT);
    if (line->literal && local(line, ECHO) && local(line, ECHOCTL))
        echo_bytes(line, "^\b", 2);
    return line->literal;
}

/* The signal that @byte stands for, or 0. */
static int signal_of(const struct line *line, uint8_t byte) {
    if (!local(line, ISIG))
        return 0;
    if (is_special(line, byte, VINTR))
        return SIGINT;
    if (is_special(line, byte, VQUIT))
        return SIGQUIT;
    return is_special(line, byte, VSUSP) ? SIGTSTP : 0;
}

static uint8_t translate(const struct line *line, uint8_t byte) {
    if (byte == '\r' && input(line, ICRNL))
        return '\n';
    if (byte == '\n' && input(line, INLCR))
        return '\r';
    return byte;
}

/* ^S and ^Q, which nobody reads; other keys start the output if they signal, or if any key does. */
static bool control_flow(struct line *line, uint8_t byte) {
    bool start = is_special(line, byte, VSTART), stop = is_special(line, byte, VSTOP);

    if (!input(line, IXON))
        return false;
    if (start || stop)
        set_stopped(line, stop && !start);
    else if (input(line, IXANY) || signal_of(line, byte) != 0)
        set_stopped(line, false);
    return start || stop;
}

void line_type(struct line *line, uint8_t byte) {
    if (take_literally(line, byte) || control_flow(line, byte))
        return;
    if (byte == '\r' && input(line, IGNCR))
        return;
    byte = translate(line, byte);
    int signal = signal_of(line, byte);

    if (signal != 0) {
        if (!local(line, NOFLSH))
            line_flush(line);
        echo_typed(line, byte);
        line->signal(signal);
        return;
    }
    if (line_canonical(line)) {
        type_edited(line, byte);
        return;
    }
    if (put_entry(line, byte))
        echo_typed(line, byte);
    line->committed = line->in;
}
