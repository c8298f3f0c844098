/*
 * Address spaces and their areas: what system calls and exec ask of virtual memory.
 *
 * An area is a range of pages with one protection and one origin. A private page that has been touched
 * lives in the area's amap; below it lies the object, if there is one. All functions run in thread context
 * on the current process's space unless they say otherwise, and may sleep.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "arch/x86/pmap.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/loadcontrol.h"
#include "mm/readahead.h"

struct amap;
struct fault_times;
struct object;
struct policy;
struct reftrace;
struct residents;
struct set;

enum area_flags {
    AREA_READ = 1,
    AREA_WRITE = 2,
    AREA_EXEC = 4,
    AREA_SHARED = 8,
    AREA_GROWSDOWN = 16, /* a stack */
    AREA_MAYWRITE = 32,  /* mprotect may add AREA_WRITE (not a shared map of a read-only file) */
    AREA_HEAP = 64,      /* brk's */
    AREA_LOCKED = 128,
    AREA_NORESERVE = 256,
    AREA_IMAGE = 512,     /* a segment of the program itself: load= applies */
    AREA_PROMISED = 1024, /* its pages are counted as promised (mm/commit.c) */
};
#define AREA_PROTECTION (AREA_READ | AREA_WRITE | AREA_EXEC)

struct area {
    struct list link;          /* of its space, by address */
    struct area *left, *right; /* the same as a tree (mm/areatree.c): areas below, areas above */
    uint32_t priority;         /* in the tree: none has a higher one below it */
    vaddr_t start;             /* page aligned */
    pgoff_t pages;
    unsigned flags;
    struct object *object;       /* or NULL: zero-fill */
    struct error_cursor *errors; /* of the open file it was made from; NULL where msync has nothing to tell */
    pgoff_t object_offset;       /* page of the object at `start` */
    struct amap *amap;           /* or NULL: no page touched yet */
    pgoff_t amap_offset;
    enum { ADVICE_NORMAL, ADVICE_SEQUENTIAL, ADVICE_RANDOM } advice; /* of madvise, for read-ahead */
    struct readahead_stream streams[READAHEAD_STREAMS];
};

struct space {
    struct pmap pmap;
    struct list areas;      /* sorted by address */
    struct area *tree;      /* the same, to search in */
    struct area *last;      /* the area found last: most faults come in runs */
    unsigned refs;          /* threads and lookers-on */
    vaddr_t brk_start, brk; /* bytes, unaligned as the program said */
    vaddr_t map_top;        /* space_map() looks for room from here downwards */
    vaddr_t stack_limit;    /* lowest address the stack may grow to */
    bool lock_future;       /* mlockall(MCL_FUTURE) */
    struct set *set;        /* replacement set: the global one, or its own */
    /* its policy where it was given one of its own; NULL: as everybody's */
    const struct policy *own_policy;
    struct reftrace *trace; /* references are being traced (mm/reftrace.c), or NULL */
    /* mm/fault_times.c, or NULL */
    struct fault_times *times, *times_of_children;
    struct list link;                    /* all spaces */
    struct load load;                    /* of load control */
    struct residents *residents;         /* that it had when it was swapped out (mm/swapper.c), or NULL */
    int owner_pid;                       /* for log lines and the checker */
    pgoff_t peak_resident, peak_virtual; /* the most pages there have ever been: mapped in, and in areas */
    struct {
        uint32_t minor, major; /* faults without and with I/O, as getrusage counts */
    } faults;
    /* what exec noted, for /proc */
    vaddr_t code_start, code_end, data_start, data_end, stack_start, arg_start, arg_end, env_start, env_end;
};

struct space *space_create(void);               /* refs 1; NULL: no memory */
struct space *space_fork(struct space *parent); /* copy-on-write copy; NULL: no memory */
void space_ref(struct space *space);
void space_unref(struct space *space); /* the last one gives everything back */

/* The area that holds @address, or NULL. Never sleeps. Mostly it is the one that was found last. */
struct area *space_find_anew(struct space *space, vaddr_t address);
static inline struct area *space_find(struct space *space, vaddr_t address) {
    struct area *last = space->last;

    if (last != NULL && (address - last->start) >> PAGE_SHIFT < last->pages)
        return last;
    return space_find_anew(space, address);
}
/* First area that ends above @address, or NULL. Never sleeps. */
struct area *space_find_from(struct space *space, vaddr_t address);
struct area *space_next(struct space *space, struct area *area); /* or NULL */

struct map_request {
    vaddr_t address; /* hint, or the place where `fixed` */
    size_t length;   /* bytes, > 0; rounded up to pages */
    unsigned flags;  /* AREA_*; AREA_LOCKED: the pages are brought in */
    bool fixed;      /* replaces what is there */
    bool populate;
    struct object *object;       /* a reference is taken; NULL: anonymous */
    struct error_cursor *errors; /* the open file's, for a shared map: a reference is taken; or NULL */
    pgoff_t object_offset;       /* pages */
};

/*
 * 0 with *@address set, or -EINVAL, -ENOMEM (no room, or no memory could ever back it), -EAGAIN (it would be
 * locked, and is more than may be), -EOVERFLOW (past the last page that an object can have). Without `fixed` the
 * kernel picks a place below the stack, the hint if it is free.
 */
int space_map(struct space *space, const struct map_request *request, vaddr_t *address);

int space_unmap(struct space *space, vaddr_t address, size_t length);
/* -ENOMEM where a page of the range is not mapped, -EACCES where AREA_MAYWRITE is missing. */
int space_protect(struct space *space, vaddr_t address, size_t length, unsigned protection);
/* mremap: old and new length in bytes, Linux's MREMAP_MAYMOVE (1), MREMAP_FIXED (2) and MREMAP_DONTUNMAP (4). */
int space_remap(struct space *space, vaddr_t old, size_t old_length, size_t new_length, unsigned flags,
                vaddr_t new_place, vaddr_t *result);
/*
 * msync: writes modified shared file pages of the range, and what leads to them, and waits; without @wait only
 * looks whether all of it is mapped, as the daemon writes them in time anyway. -ENOMEM where it is not, -EIO
 * for a write that has failed since the open file was last told.
 */
int space_sync(struct space *space, vaddr_t address, size_t length, bool wait);
/*
 * The object has been cut before its page @first: private copies of pages from there on go too, in all
 * spaces. Never sleeps.
 */
void spaces_truncate_private(struct object *object, pgoff_t first);
/* madvise(MADV_DONTNEED): private pages go, file pages are unmapped. -EINVAL in a locked area. */
int space_discard(struct space *space, vaddr_t address, size_t length);

/* The rest of madvise: mm/advice.c. -ENOMEM where part of the range is not mapped (the rest is done). */
enum advice {
    ADVISE_NOTHING,    /* what is of no use here; the range is looked at all the same */
    ADVISE_NORMAL,     /* the read-ahead that a program gets without asking */
    ADVISE_SEQUENTIAL, /* read far ahead from the first fault on */
    ADVISE_RANDOM,     /* read nothing ahead */
    ADVISE_WILLNEED,   /* start reading now what is not in memory, as far as frames are at hand */
    ADVISE_FREE, /* the contents may go under pressure, unless written to meanwhile; -EINVAL: not anonymous */
    ADVISE_COLD, /* not referenced: the policy's next victims */
    ADVISE_PAGEOUT, /* into the pool at once; modified pages are laundered */
};
int space_advise(struct space *space, vaddr_t address, size_t length, enum advice advice);

/*
 * mlock and munlock: mm/lock.c. Locked pages are brought in and stay in their frames until unlocked or
 * unmapped. -ENOMEM: not all mapped, or more than memory can spare; -EINTR. @on_fault: do not bring in now.
 */
int space_lock(struct space *space, vaddr_t address, size_t length, bool on_fault);
int space_unlock(struct space *space, vaddr_t address, size_t length);
/* mlockall: what is mapped now, and/or what will be. munlockall: all, and @future is forgotten. */
int space_lock_all(struct space *space, bool current, bool future, bool on_fault);
int space_unlock_all(struct space *space);
pgoff_t space_locked(struct space *space); /* pages of locked areas */
/*
 * True if there is a page at @address that may be read: a page table that is not thrown away, but only ever
 * changed, would show it. Never sleeps.
 */
bool space_shows(struct space *space, vaddr_t address);
/* mincore: one byte a page, bit 0: in memory. */
int space_residency(struct space *space, vaddr_t address, size_t length, uint8_t *result);

/* Sets the heap's start (exec) and the stack's area. */
void space_set_brk(struct space *space, vaddr_t start);
int space_make_stack(struct space *space, vaddr_t top, size_t limit);

/* Linux's brk: returns the new break, or the current one when @wanted is out of the question. */
vaddr_t space_brk(struct space *space, vaddr_t wanted);

/* Makes this the space the processor uses; NULL for a kernel thread (nothing is reloaded). */
void space_activate(struct space *space);

/*
 * A fault at @address, where nothing is mapped: if the next area above is a stack that may reach down to
 * there, makes it do so. True when it did. Never sleeps.
 */
bool space_grow_stack(struct space *space, vaddr_t address);

static inline vaddr_t area_end(const struct area *area) {
    return area->start + ((vaddr_t)area->pages << PAGE_SHIFT);
}

/* Page of the area that holds @address. */
static inline pgoff_t area_page(const struct area *area, vaddr_t address) {
    return (pgoff_t)((address - area->start) >> PAGE_SHIFT);
}

/* Totals for /proc/PID and for choosing whom to kill: pages. Never sleeps. */
struct space_usage {
    pgoff_t virtual, swapped;
    pgoff_t resident, of_files, shared; /* of_files, shared: of those resident, of a file, of shared memory */
};
void space_usage(struct space *space, struct space_usage *usage);
/* An area has come or grown: peak_virtual may be higher. Never sleeps. */
void space_note_size(struct space *space);

extern struct list spaces; /* all of them */

#endif
