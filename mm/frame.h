/*
 * The frame table (coremap): one struct for each physical page frame, the state each is in, and the lists
 * of those states.
 *
 *            take                 frame_activate             daemon: unmap
 *    FREE ----------> BUSY or    ----------------> ACTIVE --------------------> DIRTY --+ launder
 *     ^       |       KERNEL                         |  ^                       ^  |     v
 *     |       |                                      |  |  reclaim (no I/O)     |  |    BUSY
 *     |       |                        unmodified    |  +-----------------------+  |     | written
 *     |       +------------------+    +--------------+  |                          +-----+
 *     |                          |    v                 |                                v
 *     +------------------------- CLEAN <-------------- reclaim ------------------------ CLEAN
 *            owner gone
 *
 * DIRTY and CLEAN are the available pool: unmapped, contents and owner kept. A page that is wanted again
 * before its frame is reused is reclaimed from the pool without I/O.
 *
 * Nothing here sleeps except frame_wait() and frames_wait(). Thread context only.
 *
 * Source: the available list of Plan 9 and of VMS (Levy and Lipman, "Virtual memory management in the
 * VAX/VMS operating system", 1982); the pv lists of 4.4BSD.
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "arch/x86/memory.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/wait.h"

enum frame_state {
    FRAME_FREE,   /* no owner */
    FRAME_ACTIVE, /* owned; the policies' domain */
    FRAME_DIRTY,  /* pool: must be written before reuse */
    FRAME_CLEAN,  /* pool: same as its backing store, reusable at once */
    FRAME_BUSY,   /* being filled or written; contents may not be looked at or changed */
    FRAME_PINNED, /* owned, held in place: DMA, or the kernel works on it */
    FRAME_KERNEL, /* page tables, heap, kernel stacks */
    FRAME_STATES,
};

enum frame_owner { OWNER_NONE, OWNER_ANON, OWNER_OBJECT };

struct space;
struct anon;
struct object;
struct set;

/* The reverse map: one for each present page-table entry of a frame. */
struct mapping {
    struct space *space;
    vaddr_t address;
    struct mapping *next;
    bool locked; /* in an area that is locked in memory: holds the frame in place */
};

struct frame {
    struct list link; /* the list of its state; of ACTIVE frames: the policy's */
    uint8_t state;    /* enum frame_state; this and the next three: the trace's flags */
    uint8_t owner;    /* enum frame_owner */
    bool modified;    /* differs from its backing store (see also the PTEs while it is mapped) */
    bool prefetched;  /* brought in by read-ahead and not used yet */
    bool io_write;    /* while BUSY: being written, so the contents are valid */
    bool referenced;  /* folded in from page tables, or set by the kernel's own accesses */
    bool pageable;    /* part of the pageable pool (boot word frames=), not the kernel's share */
    bool prepaged;    /* brought back in with its whole process (mm/swapper.c) and not used yet */
    bool passed_over; /* CLEAN and prefetched: it has been the oldest once */
    bool zeroed;      /* FREE, and all its bytes are 0: cleared while the machine was idle */
    bool resume;      /* while BUSY with a write: back to ACTIVE afterwards, not into the pool */
    bool with_unit;   /* brought in because its unit was (mm/unit.c), and not referenced yet */
    uint8_t sectors;  /* modified sectors, a bit each, of a block device's page (mm/devpager.c) */
    uint8_t io_parts; /* while BUSY: transfers outstanding */
    int8_t io_error;  /* while BUSY: first error of them */
    uint8_t recount;  /* the checker's */
    uint16_t pins;    /* holders for a while: DMA, system calls */
    uint16_t locks;   /* mappings of locked areas (mlock) */
    union {
        struct anon *anon;
        struct object *object;
        void *heap_free; /* KERNEL: first free block (mm/heap.c) */
    };
    pgoff_t index;        /* in the object; anon: virtual page it was last evicted from; KERNEL: size class */
    struct frame *hash;   /* next in its chain of the page hash */
    struct list siblings; /* the object's list of resident pages; KERNEL: pages with free blocks */
    struct mapping map;   /* first mapping; map.space == NULL: none */
    struct set *set;      /* replacement set, while ACTIVE */
    uint32_t policy;      /* the policy's own word */
    struct waitq waiters; /* threads asleep until it is no longer BUSY */
};

/* For whom a frame is taken: the lower ones may dig deeper into the reserve. */
enum frame_use {
    USE_AHEAD,   /* a guess: a page that another guess has brought is the last that it may cost */
    USE_USER,    /* a page of a program or a file */
    USE_KERNEL,  /* heap, page tables, stacks */
    USE_PAGEOUT, /* the daemon: page-out must not wait for page-out */
};

extern struct frame *frame_table;
extern pfn_t frame_total; /* entries of the table */

static inline pfn_t frame_number(const struct frame *frame) {
    return (pfn_t)(frame - frame_table);
}

static inline paddr_t frame_address(const struct frame *frame) {
    return (paddr_t)frame_number(frame) << PAGE_SHIFT;
}

/* The kernel's view of the frame's bytes. On the host a test of a file system has frames of its own making. */
#ifdef FAULTLINE_HOST
void *frame_data(const struct frame *frame);
#else
static inline void *frame_data(const struct frame *frame) {
    return phys_to_pointer(frame_address(frame));
}
#endif

static inline struct frame *frame_of_data(const void *data) {
    return &frame_table[pointer_to_phys(data) >> PAGE_SHIFT];
}

/*
 * Pages that one instruction may need at once: itself, two operands and the stack, each across a page's edge.
 */
#define FRAMES_PER_INSTRUCTION 8u
/* The smallest pageable pool: the reserves, the pages of one instruction, and some to choose among. */
#define FRAMES_PAGEABLE_MIN 32u

/*
 * A number for the page of an owner, for policies that remember pages that are gone. It is not followed back
 * to the owner, which may be gone too.
 */
static inline uint64_t page_identity(const void *owner, pgoff_t index) {
    return (uint64_t)(uintptr_t)owner / 8 << 20 ^ index;
}

static inline uint64_t frame_identity(const struct frame *frame) {
    if (frame->owner == OWNER_OBJECT)
        return page_identity(frame->object, frame->index);
    return page_identity(frame->anon, 0);
}

/*
 * Builds the table over the machine's memory. @pageable: frames the pageable pool may use, 0 for all, at
 * least FRAMES_PAGEABLE_MIN; the rest is the kernel's. At boot, before anything else of mm.
 */
void frame_init(pfn_t pageable);

/*
 * Takes a frame from FREE, else the oldest CLEAN one, whose owner loses it. It comes back BUSY and without
 * owner (KERNEL for USE_KERNEL), its contents undefined. NULL: none to be had now (the daemon has been
 * woken); the caller lets go of everything and calls frames_wait().
 */
struct frame *frame_take(enum frame_use use);

/* The same with all bytes 0: one that was cleared when there was time, if there is one. */
struct frame *frame_take_zeroed(enum frame_use use);

/* Clears FREE frames that are not yet, @most of them: the number cleared. The idle thread's. Never sleeps. */
unsigned frames_zero(unsigned most);

/* Takes one particular FREE frame for the kernel (the heap's runs). */
void frame_take_this(struct frame *frame);

/*
 * Sleeps until frames may be had for @use: 0. -EINTR: the process has been told to die (not for USE_PAGEOUT).
 * -ENOMEM: nothing can be evicted and there is nothing to wait for (USE_KERNEL only; for a program somebody
 * is killed).
 */
int frames_wait(enum frame_use use);

/*
 * For an attempt that needs many frames at one go, has failed and has given back what it had: sleeps until at
 * least @count may be had for USE_KERNEL: 0, -EINTR, -ENOMEM. The caller doubles @count with each attempt;
 * frames_wait() would return at once, with the frames just given back, and nobody else would ever run.
 */
int frames_wait_many(pfn_t count);
/* From then on frame_take() calls pageout_hint() when fewer are available than so many. */
void frames_hint_below(pfn_t available);
pfn_t frames_demand(void); /* frames that the daemon must make available for it, else 0 */

/* BUSY or KERNEL, or ACTIVE without mappings, and without owner: to FREE. */
void frame_release(struct frame *frame);

/* Sleeps while @frame is BUSY (one wake-up, no more: the caller looks again at everything). */
void frame_wait(struct frame *frame);

/*
 * State changes. Each asserts the state it comes from. A page that is activated counts as referenced, unless it was ACTIVE
 * before and has only been written.
 */
void frame_activate(struct frame *frame, struct set *set); /* BUSY, DIRTY, CLEAN -> ACTIVE */
/* CLEAN -> ACTIVE, to be mapped before it is used: not referenced, and still read-ahead's guess. */
void frame_activate_ahead(struct frame *frame, struct set *set);
void frame_to_pool(struct frame *frame); /* ACTIVE or BUSY, unmapped -> DIRTY or CLEAN by `modified` */
void frame_start_io(struct frame *frame, bool write); /* ACTIVE (unmapped), DIRTY, CLEAN -> BUSY */
void frame_pin(struct frame *frame); /* not BUSY or KERNEL; out of the pool if it was there */
void frame_unpin(struct frame *frame);

/* Puts an ACTIVE or PINNED frame into another set; all that belong to one, whatever their state. */
void frame_change_set(struct frame *frame, struct set *set);
void frames_change_set(struct set *from, struct set *to);

/* One mapping more, or less, that holds the frame in place for as long as it lasts. mm/rmap.c's. */
void frame_lock(struct frame *frame);
void frame_unlock(struct frame *frame);

/*
 * All transfers of a BUSY frame are over: called by pagers, deferred context. Wakes the waiters. After a
 * read the frame becomes ACTIVE (CLEAN if it was read ahead), or FREE with its owner told on error; after a
 * write it becomes CLEAN, or ACTIVE if it came from there or the write failed.
 */
void frame_done(struct frame *frame, int error);

/* The reverse map. */
int frame_map(struct frame *frame, struct space *space, vaddr_t address, unsigned bits);
/* The mapping just made holds the frame in place until it is removed (mlock). */
void frame_lock_mapping(struct frame *frame, struct space *space, vaddr_t address);
void frame_unmap_one(struct frame *frame, struct space *space, vaddr_t address);
/* The same where the entry, which said @bits, has been removed from the page tables already. */
void frame_unmapped(struct frame *frame, struct space *space, vaddr_t address, unsigned bits);
void frame_unmap_all(struct frame *frame); /* folds Accessed and Dirty into the frame */
/* In the pool, or on its way there: the page has left memory, as far as a policy is concerned. */
static inline bool frame_in_pool(const struct frame *frame) {
    return frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN;
}
static inline bool frame_mapped(const struct frame *frame) {
    return frame->map.space != NULL;
}
void frame_was_useful(struct frame *frame); /* a page that was read ahead has been touched */
void frame_guess_used(struct frame *frame); /* frame_used() of a page that came with others, as a guess */
/* A program or a system call has come to its page. */
static inline void frame_used(struct frame *frame) {
    if (frame->prepaged || frame->with_unit)
        frame_guess_used(frame);
}
bool frame_test_referenced(struct frame *frame); /* and clears: the policies' question */
/* Folds Accessed bits and clears them: true if there were any. frame->referenced stays for the policies. */
bool frame_gather_references(struct frame *frame);
/*
 * In use, and shown by nobody: mostly it has been written, and stays (mm/launder.c). Not where a fault must count the page
 * as used.
 */
static inline bool frame_is_apart(const struct frame *frame) {
    return frame->state == FRAME_ACTIVE && !frame_mapped(frame) && !frame->prepaged && !frame->with_unit;
}
bool frame_test_modified(struct frame *frame); /* folds; does not clear */
/* Folds Dirty bits and clears them: true if there were any, so if it has been modified since. frame->modified stays. */
bool frame_take_modified(struct frame *frame);
/* frame_test_referenced() and frame_take_modified() with one flush, of a page whose uses shall count from now on. */
bool frame_test_anew(struct frame *frame);
void frame_write_protect(struct frame *frame); /* in every mapping */

/* For the daemon and the checker: the list of a state other than ACTIVE; the sleepers of frames_wait(). */
struct list *frame_list(enum frame_state state);
struct list *frame_list_kernel_share(void); /* FREE frames outside the pageable pool */
void frames_wake_waiters(void);
/*
 * Somebody sleeps for USE_USER frames, and there are too few for one instruction: to go on when a single
 * frame is left would let a program bring in one page by throwing out the other, for ever.
 */
bool frames_wanted_by_program(void);
uint32_t frames_gained(void);         /* times that a frame has become available, since boot */
pfn_t frames_being_laundered(void);   /* BUSY, and CLEAN when their write ends */
bool frames_waited_for_in_vain(void); /* for the checker: somebody sleeps for frames that are there */

/* Frames in state @state; pageable ones only where @pageable. */
pfn_t frame_count(enum frame_state state);
pfn_t frames_available(void); /* FREE and CLEAN pageable frames */
pfn_t frames_pageable(void);  /* size of the pageable pool */
pfn_t frames_of_kernel(void); /* pageable frames that the kernel has taken */
pfn_t frames_reserved(void);  /* of the available ones, those that programs may not take */

#endif
