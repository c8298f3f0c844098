/*
 * The system-call fuzzer: what its files share.
 *
 *   user/fuzz.c      the parent: starts rounds, watches them, clears up after them, reports
 *   round.c          one round: a process that makes a bounded number of calls
 *   calls.c          the calls and what their arguments are
 *   arguments.c      makes arguments of a kind: good, nearly good, and bad ones
 *   arena.c          memory with all sorts of neighbours, files, and the thread that changes them meanwhile
 *   enter.c          into the kernel with chosen registers, and out of it again whatever they were
 *
 * Everything is chosen by generators that are started from (seed, round), so a round can be repeated; what
 * two threads do to each other, and when a timer strikes, differs from run to run.
 */
#ifndef USER_FUZZ_FUZZ_H
#define USER_FUZZ_FUZZ_H

#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <setjmp.h>

enum {
    ARGUMENTS = 6,
    CALLS_PER_ROUND = 128,
    CALLS_OF_A_FORK = 6, /* that a process made by a fuzzed fork makes before it ends */
    NUMBERS = 512,       /* call numbers that are counted one by one; all above together */
    ERRORS = 134,        /* errno values, and 0: success */
    SLOTS = 3,           /* rounds at the same time */
};

/* One call: the kinds of its arguments are letters, see arguments.c. */
struct call {
    const char *name;
    unsigned number;
    const char *kinds;
};
extern const struct call calls[];
extern const unsigned call_count;

/* What is counted, in memory that all processes share. */
struct tally {
    uint32_t calls[NUMBERS];
    uint32_t errors[ERRORS];
    uint32_t strange;         /* results that are neither good nor an errno value */
    uint32_t progress[SLOTS]; /* calls of the round in this slot, its threads and children included */
};
extern struct tally *tally;

struct options {
    uint32_t seed;
    uint32_t count;    /* calls */
    const char *only;  /* one call's name, or NULL */
    bool tell;         /* each call is written to the console before it is made */
    uint32_t only_one; /* a round's number, or 0 */
};
extern struct options options;

/* --- round.c --- */

/* Never returns: makes its calls and ends, in one of several ways. */
NO_RETURN void round_run(uint32_t round, unsigned slot);

/* --- arguments.c --- */

/* A process's choice of arguments. */
struct fuzzer {
    struct generator random;
    unsigned slot;
    int last_child; /* made by a fuzzed fork; 0: none */
    int last_shm;
};

/* Below @n. */
static inline uint32_t pick(struct fuzzer *f, uint32_t n) {
    return generator_below(&f->random, n);
}

static inline bool chance(struct fuzzer *f, uint32_t percent) {
    return pick(f, 100) < percent;
}

/* An argument of kind @kind. May fault, as the memory it prepares may have gone. */
uint32_t argument(struct fuzzer *f, char kind);
uint32_t wild_word(struct fuzzer *f);

/* Where to try a signal frame for sigreturn. */
uint32_t forged_frame(struct fuzzer *f, uint32_t stack);

/* --- arena.c --- */

enum { ARENA_PAGES = 64 };
extern char *arena; /* whether page n is there, and what it is, changes all the time */

/* Files and descriptors to try things on, in the current directory; descriptors from 0 on without a gap. */
void arena_files(void);
enum { ARENA_DESCRIPTORS = 20 };

void arena_map(void);

/* Zeroed pages, far from what else is mapped: calls that run out of the arena do not run into them. */
void *lonely_pages(unsigned pages, int flags);

/* Makes page @page something else; raw calls only, as it runs in a thread without a C library's state. */
void arena_change(struct fuzzer *f);

/* --- enter.c --- */

/* Registers with which the kernel is entered. */
struct entry {
    uint32_t number, a[ARGUMENTS];
    uint32_t flags;  /* of EFLAGS: what of them a program may set */
    uint32_t ds, es; /* selectors */
    uint32_t stack;  /* of enter_with_stack: esp */
    uint32_t saved_stack;
};

/* The result in eax. */
uint32_t enter(struct entry *entry);
/* For calls after which a child shares our memory and stack: the child ends at once. */
uint32_t enter_sharing(struct entry *entry);
/* For sigreturn, which comes back elsewhere or not at all. Main thread only. */
uint32_t enter_with_stack(struct entry *entry);
/* An address that a forged frame may name: from there the main thread gets back behind enter_with_stack. */
extern char enter_way_back[];

/* A call without the C library's errno, for threads that have none: result or negative errno. */
long raw_call(unsigned number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

#endif
