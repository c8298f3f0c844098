/*
 * printf's formatting, into a buffer of known size. A conversion is read into a struct spec, its digits or
 * characters are found, and one function pads and emits them.
 *
 * Source: ISO/IEC 9899:2011, 7.21.6.1 (the fprintf function), without floating point and wide characters.
 */
#include "lib/print.h"

#include "lib/string.h"

/* Where the text goes; `length` counts what does not fit, too. */
struct output {
    char *buffer;
    size_t size;
    size_t length;
};

/* One conversion: "%-08.3llx". */
struct spec {
    bool left, zero, plus, space, alternate;
    int width, precision; /* precision -1: none given */
    int size;             /* of the integer argument, bytes */
};

#define DIGITS_MAX 22 /* 64 bits in octal */

static void emit(struct output *out, char c) {
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void emit_repeated(struct output *out, char c, int times) {
    while (times-- > 0)
        emit(out, c);
}

/* @prefix (sign or 0x), then as many zeros as the precision or the 0 flag wants, then @text, padded. */
static void emit_field(struct output *out, const struct spec *spec, const char *prefix, const char *text,
                       int length, int zeros) {
    int prefix_length = (int)strlen(prefix);
    int padding = spec->width - prefix_length - zeros - length;
    if (!spec->left)
        emit_repeated(out, ' ', padding);
    while (*prefix)
        emit(out, *prefix++);
    emit_repeated(out, '0', zeros);
    for (int i = 0; i < length; i++)
        emit(out, text[i]);
    if (spec->left)
        emit_repeated(out, ' ', padding);
}

/* Writes the digits of @value so that they end at @end; returns the first. */
static char *to_digits(char *end, uint64_t value, unsigned base, bool upper) {
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value > UINT32_MAX; value /= base)
        *--end = digits[value % base];
    /* What is left needs no 64-bit division, which is a slow function call on i386. */
    for (uint32_t low = (uint32_t)value; low > 0; low /= base)
        *--end = digits[low % base];
    return end;
}

static void emit_number(struct output *out, const struct spec *spec, uint64_t value, unsigned base,
                        bool upper, const char *prefix) {
    char digits[DIGITS_MAX];
    char *end = digits + sizeof(digits);
    char *first = to_digits(end, value, base, upper);
    int length = (int)(end - first);

    int least = spec->precision >= 0 ? spec->precision : 1;
    if (spec->precision < 0 && spec->zero && !spec->left)
        least = MAX(least, spec->width - (int)strlen(prefix));
    int zeros = MAX(0, least - length);
    if (base == 8 && spec->alternate && zeros == 0)
        zeros = 1;
    emit_field(out, spec, prefix, first, length, zeros);
}

static uint64_t take_unsigned(const struct spec *spec, va_list *args) {
    if (spec->size == 8)
        return va_arg(*args, unsigned long long);
    if (spec->size == sizeof(long))
        return va_arg(*args, unsigned long);
    unsigned value = va_arg(*args, unsigned);
    return spec->size == 1 ? (uint8_t)value : spec->size == 2 ? (uint16_t)value : value;
}

static int64_t take_signed(const struct spec *spec, va_list *args) {
    uint64_t value = take_unsigned(spec, args);
    unsigned unused_bits = 64u - 8u * (unsigned)spec->size;
    return (int64_t)(value << unused_bits) >> unused_bits;
}

static void emit_signed(struct output *out, const struct spec *spec, va_list *args) {
    int64_t value = take_signed(spec, args);
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    emit_number(out, spec, magnitude, 10, false, sign);
}

static void emit_hex(struct output *out, const struct spec *spec, uint64_t value, bool upper) {
    const char *prefix = spec->alternate && value != 0 ? (upper ? "0X" : "0x") : "";
    emit_number(out, spec, value, 16, upper, prefix);
}

static void emit_string(struct output *out, const struct spec *spec, const char *text) {
    if (!text)
        text = "(null)";
    size_t most = spec->precision >= 0 ? (size_t)spec->precision : SIZE_MAX;
    emit_field(out, spec, "", text, (int)strnlen(text, most), 0);
}

static const char *parse_flags(const char *format, struct spec *spec) {
    for (;; format++) {
        switch (*format) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return format;
        }
    }
}

/* Digits or `*`, at @format, into *@number. */
static const char *parse_number(const char *format, int *number, va_list *args) {
    if (*format == '*') {
        *number = va_arg(*args, int);
        return format + 1;
    }
    for (*number = 0; *format >= '0' && *format <= '9'; format++)
        *number = *number * 10 + (*format - '0');
    return format;
}

static const char *parse_size(const char *format, struct spec *spec) {
    spec->size = sizeof(int);
    if (*format == 'z') {
        spec->size = sizeof(size_t);
        format++;
    } else if (*format == 'l') {
        spec->size = format[1] == 'l' ? 8 : sizeof(long);
        format += format[1] == 'l' ? 2 : 1;
    } else if (*format == 'h') {
        spec->size = format[1] == 'h' ? 1 : 2;
        format += format[1] == 'h' ? 2 : 1;
    }
    return format;
}

/* Everything between '%' and the conversion character. */
static const char *parse_spec(const char *format, struct spec *spec, va_list *args) {
    *spec = (struct spec){.precision = -1};
    format = parse_flags(format, spec);
    format = parse_number(format, &spec->width, args);
    if (spec->width < 0) { /* from `*`: a '-' flag and a width */
        spec->left = true;
        spec->width = -spec->width;
    }
    if (*format == '.')
        format = parse_number(format + 1, &spec->precision, args);
    return parse_size(format, spec);
}

static void convert(struct output *out, char conversion, const struct spec *spec, va_list *args) {
    switch (conversion) {
    case 'd':
    case 'i':
        emit_signed(out, spec, args);
        break;
    case 'u':
        emit_number(out, spec, take_unsigned(spec, args), 10, false, "");
        break;
    case 'o':
        emit_number(out, spec, take_unsigned(spec, args), 8, false, "");
        break;
    case 'x':
    case 'X':
        emit_hex(out, spec, take_unsigned(spec, args), conversion == 'X');
        break;
    case 'p':
        emit_number(out, spec, va_arg(*args, uintptr_t), 16, false, "0x");
        break;
    case 'c':
        emit_field(out, spec, "", &(char){(char)va_arg(*args, int)}, 1, 0);
        break;
    case 's':
        emit_string(out, spec, va_arg(*args, const char *));
        break;
    default: /* '%', and what we do not know, which shows up as itself */
        emit(out, conversion);
    }
}

int print_to_v(char *buffer, size_t size, const char *format, va_list args) {
    struct output out = {.buffer = buffer, .size = size};
    va_list rest;
    va_copy(rest, args);
    while (*format) {
        if (*format != '%') {
            emit(&out, *format++);
            continue;
        }
        struct spec spec;
        format = parse_spec(format + 1, &spec, &rest);
        if (*format)
            convert(&out, *format++, &spec, &rest);
    }
    va_end(rest);
    if (size > 0)
        buffer[MIN(out.length, size - 1)] = '\0';
    return (int)out.length;
}

int print_to(char *buffer, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = print_to_v(buffer, size, format, args);
    va_end(args);
    return length;
}
