/*
 * Load control: fewer processes at a time, when what all of them need does not fit into memory. The idea and
 * the rules are told in mm/loadcontrol.c.
 *
 * Boot word loadcontrol=N and /proc/sys/vm/loadcontrol: the length of a turn in seconds; 0, the default: off.
 */
#ifndef MM_LOADCONTROL_H
#define MM_LOADCONTROL_H

#include "lib/types.h"
#include "lib/wait.h"

struct space;

#define LOADCONTROL_SECONDS_MAX 60u

/* A space's part in it. */
struct load {
    bool suspended;       /* its threads stop on their way to user mode, until woken */
    bool swapping;        /* one of them sees to swapping it out and in */
    bool out;             /* it is swapped out */
    uint64_t since;       /* tick when it was suspended, went on, or began to run after a rest */
    uint64_t entered;     /* tick when it was last swapped in; 0: never out */
    uint64_t last_active; /* tick when it was last seen to run, or to wait for a page */
    uint32_t demand;   /* ticks that it ran or waited for pages of late, older ones counting less and less */
    uint32_t refaults; /* reads of pages that were evicted while it was active, since thrashing began */
    pfn_t needed;      /* its working set when it was last estimated, pages */
    struct waitq waiters;
};

/* Turns of @seconds from now on; 0: off, and whoever is suspended goes on. 0, or -ENOMEM. May sleep. */
int loadcontrol_set(unsigned seconds);
unsigned loadcontrol_seconds(void);

/* A fault of the space reads the page of this identity (mm/frame.h). Never sleeps. */
void loadcontrol_read(struct space *space, uint64_t page);
/* The processor turns to a program of the space. Never sleeps. */
void loadcontrol_ran(struct space *space);
/* A thread of @space waits in a fault from here to there; the tick @began goes from one to the other. Never sleeps. */
uint64_t loadcontrol_wait_begin(void);
void loadcontrol_wait_end(struct space *space, uint64_t began);

/* Every timer tick, in the interrupt. @running: the space of the program that the tick found running, or NULL. */
void loadcontrol_tick(struct space *running);

/*
 * For kernel/, on the way to user mode, where a thread holds nothing: loadcontrol_park() swaps the running
 * process out, sleeps until it is its turn again, and swaps it in. May sleep, for seconds; a fatal signal cuts
 * it short.
 */
bool loadcontrol_suspended(const struct space *space);
void loadcontrol_park(struct space *space);

unsigned loadcontrol_suspended_total(void); /* processes suspended now */

#endif
