/*
 * The table a lecturer draws: frames as rows, references as columns. A column is drawn in full where there
 * was a fault, as on the board; hits leave it empty but for a mark.
 */
#include "tools/pagesim/sim.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY UINT32_MAX

/* What the frames hold after each reference, and what each reference did. */
struct history {
    uint32_t frames, count;
    uint32_t *cells; /* page in frame f after reference i, at [i * frames + f]; or EMPTY */
    struct step *steps;
    uint32_t faults, page_outs;
    int width; /* digits of the longest page number */
};

static struct history history_make(const struct string *string, const struct policy *policy, uint32_t frames,
                                   const struct sim_options *options) {
    struct history history = {.frames = frames, .count = string->count, .width = 1};
    struct simulation sim;

    history.cells = allocate((size_t)frames * string->count, sizeof(uint32_t));
    history.steps = allocate(string->count, sizeof(struct step));
    sim_start(&sim, string, policy, frames, options);
    for (uint32_t i = 0; i < string->count; i++) {
        uint32_t *column = &history.cells[(size_t)i * frames];

        if (i == 0)
            memset(column, 0xFF, frames * sizeof(uint32_t));
        else
            memcpy(column, column - frames, frames * sizeof(uint32_t));
        history.steps[i] = sim_step(&sim, i);
        column[history.steps[i].frame] = reference_page(string->references[i]);
    }
    history.faults = sim.faults;
    history.page_outs = sim.page_outs;
    sim_end(&sim);
    for (uint32_t page = 0; page < string->pages; page++)
        history.width = MAX(history.width, snprintf(NULL, 0, "%u", string->names[page]));
    return history;
}

static void history_free(struct history *history) {
    free(history->cells);
    free(history->steps);
}

/* --- text --- */

static void text_row(FILE *out, const struct string *string, const struct history *history, unsigned frame) {
    fprintf(out, "frame %-6u", frame + 1);
    for (uint32_t i = 0; i < history->count; i++) {
        uint32_t page = history->cells[(size_t)i * history->frames + frame];
        const struct step *step = &history->steps[i];

        if (!step->fault || page == EMPTY)
            fprintf(out, " %*s ", history->width, "");
        else
            fprintf(out, " %*u%c", history->width, string->names[page], step->frame == frame ? '*' : ' ');
    }
    fputc('\n', out);
}

void table_text(FILE *out, const struct string *string, const struct policy *policy, uint32_t frames,
                const struct sim_options *options) {
    struct history history = history_make(string, policy, frames, options);

    fprintf(out, "%s, %u frames\n%-12s", policy->name, frames, "reference");
    for (uint32_t i = 0; i < string->count; i++)
        fprintf(out, " %*u%c", history.width, string->names[reference_page(string->references[i])],
                reference_writes(string->references[i]) ? 'w' : ' ');
    fputc('\n', out);
    for (unsigned frame = 0; frame < frames; frame++)
        text_row(out, string, &history, frame);
    fprintf(out, "%-12s", "fault");
    for (uint32_t i = 0; i < string->count; i++)
        fprintf(out, " %*s ", history.width, history.steps[i].fault ? "F" : ".");
    fprintf(out, "\n%-12s", "victim");
    for (uint32_t i = 0; i < string->count; i++) {
        const struct step *step = &history.steps[i];

        if (step->evicted)
            fprintf(out, " %*u%c", history.width, string->names[step->victim], step->written ? 'w' : ' ');
        else
            fprintf(out, " %*s ", history.width, "");
    }
    fprintf(out, "\n%u faults, %u page-outs\n", history.faults, history.page_outs);
    history_free(&history);
}

/* --- SVG --- */

#define CELL 26
#define LEFT 80
#define TOP  64

static void svg_text(FILE *out, int x, int y, const char *class, const char *text) {
    fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, text);
}

static void svg_cell(FILE *out, const struct string *string, const struct history *history, uint32_t i,
                     unsigned frame) {
    uint32_t page = history->cells[(size_t)i * history->frames + frame];
    const struct step *step = &history->steps[i];
    int x = LEFT + (int)i * CELL, y = TOP + (int)frame * CELL;
    bool here = page != EMPTY && step->frame == frame;
    char number[16] = "";

    fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"%s\"/>\n", x, y, CELL, CELL,
            here ? (step->fault ? "fault" : "hit") : "cell");
    if (page == EMPTY)
        return;
    snprintf(number, sizeof(number), "%u", string->names[page]);
    svg_text(out, x + CELL / 2, y + CELL / 2 + 5, here ? "now" : "old", number);
}

static void svg_column(FILE *out, const struct string *string, const struct history *history, uint32_t i) {
    reference_t reference = string->references[i];
    const struct step *step = &history->steps[i];
    int x = LEFT + (int)i * CELL + CELL / 2, bottom = TOP + (int)history->frames * CELL;
    char text[16];

    snprintf(text, sizeof(text), "%u%s", string->names[reference_page(reference)],
             reference_writes(reference) ? "w" : "");
    svg_text(out, x, TOP - 8, "now", text);
    for (unsigned frame = 0; frame < history->frames; frame++)
        svg_cell(out, string, history, i, frame);
    svg_text(out, x, bottom + 18, step->fault ? "bad" : "good", step->fault ? "F" : "·");
    if (step->evicted) {
        snprintf(text, sizeof(text), "%u%s", string->names[step->victim], step->written ? "w" : "");
        svg_text(out, x, bottom + 38, "victim", text);
    }
}

void table_svg(FILE *out, const struct string *string, const struct policy *policy, uint32_t frames,
               const struct sim_options *options) {
    struct history history = history_make(string, policy, frames, options);
    int width = LEFT + (int)string->count * CELL + 16, height = TOP + (int)frames * CELL + 56;

    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
        "<style>text{font:14px sans-serif;text-anchor:middle}.row,.title{text-anchor:start}"
        ".title{font-weight:bold}.old{fill:#888}.now{font-weight:bold}.bad{fill:#b00020}.good{fill:#2e7d32}"
        ".victim{fill:#b00020;text-decoration:line-through}rect{stroke:#999}.cell{fill:#fff}"
        ".fault{fill:#fbd5d5}.hit{fill:#d6f0d8}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\" stroke=\"none\"/>\n",
        width, height, width, height);
    fprintf(out, "<text x=\"8\" y=\"24\" class=\"title\">%s, %u frames: %u faults, %u page-outs</text>\n",
            policy->name, frames, history.faults, history.page_outs);
    svg_text(out, 8, TOP - 8, "row", "reference");
    for (unsigned frame = 0; frame < frames; frame++) {
        char name[24];

        snprintf(name, sizeof(name), "frame %u", frame + 1);
        svg_text(out, 8, TOP + (int)frame * CELL + CELL / 2 + 5, "row", name);
    }
    svg_text(out, 8, TOP + (int)frames * CELL + 18, "row", "fault");
    svg_text(out, 8, TOP + (int)frames * CELL + 38, "row", "victim");
    for (uint32_t i = 0; i < string->count; i++)
        svg_column(out, string, &history, i);
    fputs("</svg>\n", out);
    history_free(&history);
}
