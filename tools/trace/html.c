/*
 * The trace as one page that plays it: markup, styles and programs from tools/trace/view, the events in base64.
 * The page needs no network and nothing besides itself.
 */
#include "tools/trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of tools/trace/view, as the assembler takes it in. */
#define TEXT(name, file)                                                                                     \
    extern const char name[], name##_end[];                                                                  \
    asm(".pushsection .rodata\n" #name ": .incbin \"tools/trace/view/" file "\"\n" #name "_end:\n."          \
        "popsection")

TEXT(page_html, "page.html");
TEXT(model_js, "model.js");
TEXT(steps_js, "steps.js");
TEXT(draw_js, "draw.js");
TEXT(main_js, "main.js");

static void put_text(const char *from, const char *to) {
    fwrite(from, 1, (size_t)(to - from), stdout);
}

/* A string of JavaScript in a page: nothing in it ends the string or the script. */
static void put_string(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c == '"' || c == '\\' || c == '<' || c == '&')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* --- what the page is told --- */

static uint32_t time_unit(const struct file *file) {
    uint64_t last = file->count == 0 ? 0 : file->events[file->count - 1].time;

    return (uint32_t)(last / UINT32_MAX + 1) * 10; /* nanoseconds; the times are 32 bits */
}

static void put_kinds(void) {
    static const char *const names[] = {
#define X(id, group, name, ...) name,
        TRACE_KINDS(X)
#undef X
    };

    printf("kinds:{");
    for (unsigned k = 0; k < TRACE_KIND_TOTAL; k++)
        printf("\"%s\":%u,", names[k], k);
    printf("},kindNames:[");
    for (unsigned k = 0; k < TRACE_KIND_TOTAL; k++)
        printf("\"%s\",", names[k]);
    printf("]");
}

static void put_info(const struct file *file, const char *title) {
    const struct trace_header *header = &file->header;

    printf("{title:");
    put_string(title);
    printf(",frames:%u,pageable:%u,low:%u,high:%u,slots:%u,swapSector:%u,unit:%u,lost:%llu,", header->frames,
           header->frames_pageable, header->pool_low, header->pool_high, MAX(header->swap_slots, 1u),
           header->swap_first_sector, time_unit(file), (unsigned long long)file->lost);
    put_kinds();
    printf("}");
}

/* --- the events --- */

static void put_base64(const uint8_t *bytes, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < count; i += 3) {
        unsigned left = (unsigned)MIN(count - i, (size_t)3);
        uint32_t bits =
            (uint32_t)bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);

        putchar(digits[bits >> 18]);
        putchar(digits[bits >> 12 & 63]);
        putchar(left > 1 ? digits[bits >> 6 & 63] : '=');
        putchar(left > 2 ? digits[bits & 63] : '=');
    }
}

static bool put_events(const struct file *file) {
    uint32_t unit = time_unit(file), *words = calloc(file->count + 1, 6 * sizeof(*words));

    if (words == NULL)
        return false;
    for (size_t i = 0; i < file->count; i++) {
        const struct event *event = &file->events[i];
        uint32_t *word = &words[6 * i];

        word[0] = (uint32_t)(event->time / unit);
        word[1] = event->kind | (uint32_t)event->detail << 8 | (uint32_t)event->who << 16;
        word[2] = event->frame;
        word[3] = event->address;
        word[4] = event->a;
        word[5] = event->b;
    }
    put_base64((const uint8_t *)words, file->count * 6 * sizeof(*words));
    free(words);
    return true;
}

int command_html(const struct file *file, const char *title) {
    bool good;

    if (file->count == 0) {
        fprintf(stderr, "trace: there are no events to show\n");
        return 1;
    }
    printf("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    put_text(page_html, page_html_end);
    printf("<script>\n");
    put_text(model_js, model_js_end);
    put_text(steps_js, steps_js_end);
    put_text(draw_js, draw_js_end);
    put_text(main_js, main_js_end);
    printf("</script>\n<script>\nstart(");
    put_info(file, title);
    printf(", \"");
    good = put_events(file);
    printf("\");\n</script>\n</body>\n</html>\n");
    return good ? 0 : 1;
}
