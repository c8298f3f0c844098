/*
 * What the files of the page fault share with each other, and with nobody else: mm/fault.c has the loop, steps 4, 7
 * and 11, mm/fault_anon.c the pages that have an anon or get one, mm/fault_object.c the pages of objects.
 *
 * Each function makes one attempt, or a part of one: it does not sleep, except where it says so, and then returns
 * STEP_AGAIN or waits for nothing else.
 */
#ifndef MM_FAULT_STEPS_H
#define MM_FAULT_STEPS_H

#include "lib/log.h"
#include "lib/types.h"
#include "mm/fault.h"
#include "mm/reftrace.h"

struct anon;
struct area;
struct frame;
struct object;
struct set;
struct space;

/* What an attempt found out. */
enum step {
    STEP_DONE,        /* the entry is set */
    STEP_REFUSED,     /* fault->result says why */
    STEP_AGAIN,       /* it has slept already */
    STEP_WAIT_FRAMES, /* memory is short */
    STEP_WAIT_UNIT,   /* it is for the rest of the page's unit: fault->lacking frames */
    STEP_WAIT_PAGE,   /* fault->page is under way */
};

/* What a fault was, in rising order of effort: a fault counts as the dearest thing it did. */
enum kind { SPURIOUS, RESIDENT, UPGRADE, RECLAIM, ZERO, FROM_SWAP, FROM_FILE, COPY };

struct fault {
    struct space *space;
    vaddr_t address; /* of the page */
    enum fault_access access;
    enum kind kind;
    uint64_t begin;           /* nanoseconds since boot, where somebody asked for times */
    bool major;               /* a read was waited for */
    enum fault_result result; /* if refused */
    struct frame *page;       /* to wait for */
    pfn_t lacking;            /* frames to wait for */
    bool alone;               /* they are not to be had: the page comes without its unit */
    bool referenced;          /* reftrace_reference() has been told, and said: */
    enum reftrace_result traced;
    /* valid within one attempt */
    struct area *area;
    struct set *set; /* that the page's frame belongs to */
    pgoff_t index;   /* in the area */
    unsigned mapped; /* bits of the entry that is there, 0: none */
    /* a page of an object that was waited for: did the read fail? */
    struct object *awaited;
    pgoff_t awaited_index;
    unsigned awaited_errors;
};

static inline void fault_note(struct fault *fault, enum kind kind) {
    fault->kind = MAX(fault->kind, kind);
}

static inline enum step fault_refuse(struct fault *fault, enum fault_result result) {
    fault->result = result;
    return STEP_REFUSED;
}

/* --- mm/fault.c --- */

/* @page is BUSY: after the attempt it is waited for. */
enum step fault_page_under_way(struct fault *fault, struct frame *page);
/* The page is in memory; if it was in the pool it is reclaimed, before anything can steal its frame. */
void fault_keep(struct fault *fault, struct frame *frame);
/* Step 11: the entry is set. */
enum step fault_map(struct fault *fault, struct frame *frame, bool writable);
/*
 * The page was in memory because it had been read ahead: what came with it is mapped with it, and the read of what
 * follows may be due. The area is not looked at after that.
 */
void fault_went_on(struct fault *fault);

/* --- mm/fault_anon.c --- */

/* The page has @anon. */
enum step fault_anon(struct fault *fault, struct anon *anon);
/*
 * Gives the page an anon of its own, with the contents of @source or zeros, in place of what the amap had
 * there. @source may not be in the pool: taking a frame could steal it.
 */
enum step fault_new_anon(struct fault *fault, struct frame *source);
/* Step 8 for swap: @anon is not in memory. */
enum step fault_read_swap(struct fault *fault, struct anon *anon);

/* --- mm/fault_object.c --- */

/* The page has no anon: it is that of the area's object. May sleep for what leads to it (a block map): STEP_AGAIN. */
enum step fault_object(struct fault *fault);

#endif
