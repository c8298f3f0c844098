/*
 * Anonymous pages. One struct anon is one page that no file knows: zero-filled heap and stack, or a private
 * copy of a file's page. It is
 *
 *     in memory only       frame, no slot      (never written out, or changed since)
 *     in memory and swap   frame and slot      (unmodified since it was read or written)
 *     on swap only         slot, no frame
 *
 * and refs counts the amap entries that name it. Copy-on-write is this one line: an anon may be mapped
 * writable exactly when refs == 1 and the area allows it.
 *
 * A slot belongs to exactly one anon, so the swap map is a plain bitmap.
 *
 * Source: UVM (Cranor, "Design and implementation of the UVM virtual memory system", 1998).
 */
#ifndef MM_ANON_H
#define MM_ANON_H

#include "lib/types.h"

struct frame;

struct anon {
    uint32_t refs;
    struct frame *frame; /* or NULL */
    slot_t slot;         /* or 0 */
    slot_t home;         /* with swap=static: its place for life, in its amap's run; else 0 */
    uint16_t recount;    /* the checker's */
    bool lazily_free;    /* madvise(MADV_FREE): with neither frame nor slot it reads as zeros */
    bool held;           /* of a locked segment: its frame stays where it is (SHM_LOCK) */
    bool read_error;     /* its slot could not be read; the next fault reports it, once */
};

/* A new page in @frame (BUSY, no owner), which becomes its frame: refs 1. NULL: no memory. Never sleeps. */
struct anon *anon_create(struct frame *frame);

/* refs has become 0: anon_unref()'s other half. */
void anon_unused(struct anon *anon);

/* One amap entry less; the last one frees frame and slot, or leaves that to the end of a transfer. */
static inline void anon_unref(struct anon *anon) {
    if (--anon->refs == 0)
        anon_unused(anon);
}

/* refs is 0 and no transfer is under way: frame, slot and anon go. */
void anon_destroy(struct anon *anon);

/* Puts @frame (BUSY, no owner) under the anon, which has none: to be read from its slot. */
void anon_set_frame(struct anon *anon, struct frame *frame);

/* The amap that its home is in lets it go, but others still name it: it keeps the slot if that is in use. */
void anon_leave_home(struct anon *anon);

/* Its contents have changed, or will: what is in the slot is no longer the page. Frees the slot. */
void anon_drop_slot(struct anon *anon);

/* Holds the anon's frame, if it has one, in place until anon_let_go(). The page may not be BUSY. */
void anon_hold(struct anon *anon);
void anon_let_go(struct anon *anon);

/* Called by the frame table. */
void anon_lose_frame(struct anon *anon);   /* the frame was clean and has been stolen */
void anon_read_failed(struct anon *anon);  /* the frame is about to be released */
void anon_write_failed(struct anon *anon); /* the slot is bad; the page stays in memory only */

/* How many are in memory and on swap as well: /proc/meminfo's SwapCached. */
pgoff_t anons_twice(void);

extern uint32_t anon_count; /* live anons, for the checker */

#endif
