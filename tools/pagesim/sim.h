/*
 * Demand paging on paper: a reference string, a number of frames, and the kernel's own policy files
 * (mm/policy/), which see a traced set: they are told of every reference.
 *
 * The rule is that of the guest's reference mode (mm/reftrace.c), step for step, so that both have the same
 * faults on the same string: virtual time goes on by one; a page that is there is marked referenced; for one
 * that is not, a victim leaves if all frames are taken, and it is loaded.
 */
#ifndef PAGESIM_SIM_H
#define PAGESIM_SIM_H

#include "mm/frame.h"
#include "mm/policy.h"
#include "mm/refstring.h"

#include <stdio.h>

/* A string with its pages renumbered 0, 1, … in order of appearance. */
struct string {
    uint32_t count, pages;
    reference_t *references;
    uint32_t *next;  /* mm/refstring.h */
    uint32_t *names; /* the number that page had in the input */
    uint32_t room;
};

/* --- making strings: string.c; what is wrong with the input ends the program with a message --- */

void string_add(struct string *string, uint32_t page, bool write);
/* Numbers separated by anything else, "w" behind one that writes; # begins a comment. */
void string_parse(struct string *string, const char *text);
void string_read(struct string *string, FILE *file);
/* "loop:PAGES,PASSES", … : string_patterns says which there are. */
void string_generate(struct string *string, const char *pattern, uint32_t seed);
extern const char string_patterns[];
/* Call when complete, before the string is used. */
void string_finish(struct string *string);
void string_free(struct string *string);

/* --- simulation: sim.c --- */

struct sim_options {
    uint32_t period, tau, seed; /* of struct set; 0: as in the kernel */
    bool zero_fill;             /* pages are new: nothing holds them until they have been written out once */
};

struct simulation {
    const struct string *string;
    struct reference_string future;
    struct set set;
    struct frame *frames;
    struct frame **resident; /* by page; NULL: not in memory */
    bool *stored;            /* by page: its backing store holds it */
    uint32_t used;           /* frames that have ever been taken */
    uint32_t faults, page_outs;
};

/* What one reference did. */
struct step {
    bool fault;
    unsigned frame;        /* that holds the page now */
    bool evicted, written; /* a victim left; it was modified */
    uint32_t victim;       /* its page */
};

void sim_start(struct simulation *sim, const struct string *string, const struct policy *policy,
               uint32_t frames, const struct sim_options *options);
struct step sim_step(struct simulation *sim, uint32_t at);
void sim_end(struct simulation *sim);

struct sim_result {
    uint32_t faults, page_outs;
};
struct sim_result sim_run(const struct string *string, const struct policy *policy, uint32_t frames,
                          const struct sim_options *options);

/* --- stack distances: stack.c --- */

/*
 * faults[m] for every number of frames m from 1 to @most, in one pass over the string: for LRU and OPT, whose
 * resident sets are nested.
 */
void stack_lru(const struct string *string, uint32_t most, uint32_t *faults);
void stack_opt(const struct string *string, uint32_t most, uint32_t *faults);

/* --- drawing: table.c and plot.c --- */

void table_text(FILE *out, const struct string *string, const struct policy *policy, uint32_t frames,
                const struct sim_options *options);
void table_svg(FILE *out, const struct string *string, const struct policy *policy, uint32_t frames,
               const struct sim_options *options);

/* Lines y(x), one a series. */
struct plot {
    const char *title, *x_label, *y_label;
    unsigned points, series;
    const uint32_t *x;
    const char *const *names;
    const uint32_t *const *y;
};
void plot_svg(FILE *out, const struct plot *plot);

NORETURN void fail(const char *format, ...) PRINTF_LIKE(1, 2);
void *allocate(size_t count, size_t size); /* zeroed */

#endif
