/*
 * Facts: what `semantics` is made of. A fact is one line of output,
 *
 *     theme: what is done: what comes of it
 *
 * and comes of doing it, now, here. Facts that share a preparation form a group; each group runs in a process
 * of its own, so that one that dies or hangs takes no other with it. Nothing that is printed may depend on
 * where memory happens to lie, on how fast the machine is, or on whether it has an NX bit: then a Linux host
 * and the guest must print the same lines, and `diff` is the whole test.
 */
#ifndef USER_SEMANTICS_FACTS_H
#define USER_SEMANTICS_FACTS_H

#include "user/lib/program.h"

#include <sys/mman.h>

struct group {
    const char *what;
    void (*run)(void);
};

struct theme {
    const char *name;
    const char *what;
    const struct group *groups;
    unsigned count;
};

#define THEME(theme_name, about, theme_groups)                                                               \
    const struct theme theme_##theme_name = {#theme_name, about, theme_groups, COUNT_OF(theme_groups)}

/* Runs one theme, each of its groups in a child; says so, as a line, if one ends badly. */
void theme_run(const struct theme *theme);

/* --- saying what came of it ---------------------------------------------------------------------- */

/* The line, in printf's way. */
void fact(const char *what, const char *format, ...) FORMAT(2, 3);

/* Of a system call: the name of errno if @result is -1, otherwise "ok" (0) or the number. */
void fact_call(const char *what, long result);

/* Of a call that returns an address: the name of errno, or "ok". */
void fact_mapped(const char *what, const void *result);

/* "yes" or "no". */
void fact_true(const char *what, bool truth);

const char *errno_name(int error);
const char *signal_name(int signal);

/* --- accesses that may go wrong ------------------------------------------------------------------ */

/* What a signal handler was told, and found in its frame. signal == 0: nothing happened. */
struct trap {
    int signal, code;
    uintptr_t address;     /* si_addr */
    uintptr_t instruction; /* eip */
    uintptr_t cr2;
    unsigned error, number; /* the processor's error code, without the NX bit; the trap's number */
};

/* Runs action(argument); if it traps, gives it up and says of what. */
struct trap provoke(void (*action)(void *), void *argument);

/* "SIGSEGV SEGV_MAPERR" and the like; "fine" if nothing happened. Static storage, overwritten in turn. */
const char *trap_name(const struct trap *trap);

/* The trap's name, after reading or writing (a byte, the value it has) at @address. */
const char *reading(const void *address);
const char *writing(void *address);

/* --- memory, files and children to try things on ------------------------------------------------- */

/* @pages fresh private pages, and the same with neighbours where certainly nothing is mapped. */
char *some_pages(unsigned pages);
char *lonely_pages(unsigned pages);

/* A page number that is not mapped, up to the second next one: bad memory to point at. */
char *nowhere(void);

/*
 * A new file of @bytes without a name, open for reading and writing; page 0 is full of 'a', page 1 of 'b',
 * and so on.
 */
int some_file(unsigned bytes);

/* The same with a name, for those who open it again; in static storage. */
const char *some_named_file(unsigned bytes);

/* Shared mapping of the first @pages of a file; fails the group if there is none. */
char *shared_pages(int descriptor, unsigned pages);
char *private_pages(int descriptor, unsigned pages);

/* Forces the pages out of memory, as far as the machine can. They must look the same afterwards. */
void page_out(void *address, unsigned pages);

/* True if the @bytes at @address are all @value. */
bool all_bytes(const char *address, size_t bytes, char value);

/* How many areas /proc/self/maps shows within the @bytes at @address. */
unsigned areas_within(const void *address, size_t bytes);

/*
 * Runs action(argument) in a child: its exit status, or 128 + the signal that killed it. The child exits
 * with what the action returns.
 */
int in_child(int (*action)(void *), void *argument);

#endif
