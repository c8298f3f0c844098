/* Anonymous pages: see mm/anon.h. Nothing here sleeps. */
#include "mm/anon.h"

#include "lib/log.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/policy.h"
#include "mm/swap.h"

uint32_t anon_count;

struct anon *anon_create(struct frame *frame) {
    struct anon *anon = kmalloc_try(sizeof(*anon));

    if (anon == NULL)
        return NULL;
    anon->refs = 1;
    anon_count++;
    anon_set_frame(anon, frame);
    frame->modified = true; /* no backing store holds it */
    return anon;
}

void anon_set_frame(struct anon *anon, struct frame *frame) {
    ASSERT(anon->frame == NULL && frame->owner == OWNER_NONE);
    anon->frame = frame;
    frame->owner = OWNER_ANON;
    frame->anon = anon;
}

static void detach_frame(struct anon *anon) {
    struct frame *frame = anon->frame;

    anon->frame = NULL;
    frame->owner = OWNER_NONE;
    frame->anon = NULL;
}

void anon_unused(struct anon *anon) {
    ASSERT(anon->refs == 0);
    if (anon->frame != NULL && (anon->frame->state == FRAME_BUSY || anon->frame->pins > 0))
        return; /* frame_done() or frame_unpin() destroys it: the disk still uses frame and slot */
    anon_destroy(anon);
}

void anon_destroy(struct anon *anon) {
    struct frame *frame = anon->frame;

    ASSERT(anon->refs == 0);
    anon_let_go(anon);
    if (frame != NULL) {
        if (frame_mapped(frame))
            frame_unmap_all(frame);
        detach_frame(anon);
        frame_release(frame);
    } else {
        sets_forget(page_identity(anon, 0));
    }
    anon_drop_slot(anon);
    anon_count--;
    kfree(anon);
}

void anon_drop_slot(struct anon *anon) {
    if (anon->slot != 0 && anon->slot != anon->home) /* the home is the amap's */
        swap_free(anon->slot);
    anon->slot = 0;
}

void anon_leave_home(struct anon *anon) {
    if (anon->slot != 0 && anon->slot == anon->home)
        swap_keep(anon->slot);
    anon->home = 0;
}

/* One page, one place: while it is held others may have its slot. */
void anon_hold(struct anon *anon) {
    if (anon->held || anon->frame == NULL)
        return;
    frame_lock(anon->frame);
    anon->held = true;
    if (anon->slot != 0)
        anon->frame->modified = true;
    anon_drop_slot(anon);
}

void anon_let_go(struct anon *anon) {
    if (anon->held)
        frame_unlock(anon->frame);
    anon->held = false;
}

void anon_lose_frame(struct anon *anon) {
    ASSERT(anon->slot != 0 || anon->lazily_free); /* else the page would be lost */
    detach_frame(anon);
}

void anon_read_failed(struct anon *anon) {
    anon->read_error = true;
    detach_frame(anon);
}

void anon_write_failed(struct anon *anon) {
    swap_mark_bad(anon->slot, anon->slot == anon->home);
    if (anon->slot == anon->home)
        anon->home = 0;
    anon->slot = 0;
    anon->frame->modified = true;
}

pgoff_t anons_twice(void) {
    pgoff_t found = 0;

    for (pfn_t n = 0; n < frame_total; n++) {
        const struct frame *frame = &frame_table[n];

        if (frame->state != FRAME_KERNEL && frame->owner == OWNER_ANON)
            found += frame->anon->slot != 0;
    }
    return found;
}
