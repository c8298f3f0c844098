/*
 * Reference tracing: every reference of a program to a range of its pages is seen and logged, and the
 * textbook's demand paging, with its handful of frames, is done for real. See mm/reftrace.c.
 */
#ifndef MM_REFTRACE_H
#define MM_REFTRACE_H

#include "lib/types.h"

struct area;
struct policy;
struct set;
struct space;

#define REFTRACE_WINDOW_MAX 16u
#define REFTRACE_WINDOW_ALL 8u /* for whole programs: pages that one instruction may need, and some */
#define REFTRACE_LOG        65536u

struct reftrace_request {
    vaddr_t start;               /* page aligned */
    pgoff_t pages;               /* of the range; they are numbered from 0 */
    pfn_t frames;                /* that the range may have; 0: no limit, references are only logged */
    const struct policy *policy; /* that replaces within them */
    unsigned window;             /* pages of the range that are mapped at a time */
    uint32_t log;                /* references that the log has room for */
    uint32_t period, tau, seed;  /* of the set; 0: as usual */
};

/*
 * Begins to trace the space and empties the log. A policy that needs the future (OPT) takes the log of the
 * trace before as the string that will be repeated. 0; -EINVAL: what cannot be, or no such log; -EBUSY: the
 * space is traced already; -ENOMEM. Never sleeps.
 */
int reftrace_start(struct space *space, const struct reftrace_request *request);

/* Ends it, if there is one. The log stays. Never sleeps. */
void reftrace_stop(struct space *space);

/*
 * What is written to /proc/self/reflimit, changed on the way: "off"; "unmap", which empties the window, so that
 * even a reference to the page referenced last will be seen; or words name=number,
 *
 *     start= (an address) and pages= for the range, or "exec" for all of the program that process @pid
 * executes next; frames= and policy=NAME for a limit; window=, log=, tick=, tau=, seed= as in the request
 *
 * 0, -EINVAL for what is not understood, or as reftrace_start().
 */
int reftrace_command(struct space *space, int pid, char *text);

/* Called by exec when the program of process @pid is complete in @space. */
void reftrace_exec(struct space *space, int pid);

/* --- for the fault --- */

enum reftrace_result {
    REFTRACE_OUTSIDE, /* not in a traced range */
    REFTRACE_LOGGED,  /* in one without a limit */
    REFTRACE_HIT,     /* its page is in the set; the policy has been told */
    REFTRACE_MISS,    /* it is not, and there is room for it now; the policy is told when it is mapped */
};

/*
 * Once for each fault, as soon as it is known to be a valid access to @area. A page that is entered after
 * this must not be writable for a read. Never sleeps.
 */
enum reftrace_result reftrace_reference(struct space *space, struct area *area, vaddr_t address, bool write);

/*
 * The next fault of the space, which is traced, was made by an instruction in this state of the registers, a hash. Two
 * faults in a row in the same state are those of one instruction that needs both pages. Never sleeps.
 */
void reftrace_instruction(struct space *space, uint32_t state);

/* The set that frames for @address belong to. */
struct set *reftrace_set(struct space *space, vaddr_t address);

/* --- for /proc --- */

struct reftrace_figures {
    vaddr_t start;
    pgoff_t pages;
    pfn_t frames;
    const char *policy;
    unsigned window;
    uint32_t references, faults, page_outs;
};
/* False: the space is not traced. */
bool reftrace_figures(const struct space *space, struct reftrace_figures *figures);

/* References in the log, and those that it had no room for; the one at @position. */
uint32_t reftrace_logged(uint32_t *lost);
uint32_t reftrace_log_at(uint32_t position);

#endif
