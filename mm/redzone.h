/*
 * Debug builds (make DEBUG=1): what is written behind a block of the heap, or to memory that is free, is found.
 *
 *     | what the caller asked for | red zone: a pattern | its size, marked |     a block in use
 *     | link | poison ...                                                  |     a free block (mm/heap.c)
 *     | poison ...                                                         |     a FREE frame
 *
 * The red zone is looked at when the block is freed, poison when the memory is handed out again. In normal
 * builds all of this is empty; there the heap alone poisons, and looks with check=. Unit tests have all of it.
 *
 * Source of the idea: Bruce Perens' Electric Fence; the slab debugging of Bonwick, "The slab allocator" (1994).
 */
#ifndef MM_REDZONE_H
#define MM_REDZONE_H

#include "lib/log.h"
#include "lib/string.h"
#include "lib/types.h"
#include "mm/frame.h"

#define REDZONE_POISON 0xDDu

#if defined(FAULTLINE_DEBUG) || defined(FAULTLINE_HOST)

#define REDZONE_BYTES   8u /* at least so many behind a block: some of the pattern, and the size */
#define REDZONE_PATTERN 0xFBu
#define REDZONE_MARK    0x5EDC0000u /* with the size in the low half */
#define REDZONE_FRAME   0xDDDDDDDDu /* frame->index of a FREE frame that is poisoned */

static inline uint32_t *redzone_size(void *block, unsigned class_bytes) {
    return (uint32_t *)((char *)block + class_bytes) - 1;
}

/* Behind the @bytes of a block of @class_bytes. */
static inline void redzone_draw(void *block, size_t bytes, unsigned class_bytes) {
    memset((char *)block + bytes, REDZONE_PATTERN, class_bytes - bytes - sizeof(uint32_t));
    *redzone_size(block, class_bytes) = REDZONE_MARK | (uint32_t)bytes;
}

/* Before the block is freed. */
static inline void redzone_check(void *block, unsigned class_bytes) {
    uint32_t mark = *redzone_size(block, class_bytes);
    const uint8_t *bytes = block;

    if ((mark & 0xFFFF0000u) != REDZONE_MARK || (mark & 0xFFFFu) > class_bytes - REDZONE_BYTES)
        panic("heap: block %p of %u bytes is freed twice, is none, or was overrun", block, class_bytes);
    for (unsigned i = mark & 0xFFFFu; i < class_bytes - sizeof(uint32_t); i++)
        if (bytes[i] != REDZONE_PATTERN)
            panic("heap: block %p of %u bytes was written to at byte %u, behind its end", block,
                  mark & 0xFFFFu, i);
}

/* A frame becomes FREE. */
static inline void redzone_poison_frame(struct frame *frame) {
    memset(frame_data(frame), REDZONE_POISON, PAGE_SIZE);
    frame->index = REDZONE_FRAME;
}

/* A FREE frame is taken. */
static inline void redzone_check_frame(struct frame *frame) {
    const uint32_t *words = frame_data(frame);

    if (frame->index != REDZONE_FRAME)
        return; /* never used since boot */
    frame->index = 0;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++)
        if (words[i] != REDZONE_POISON * 0x01010101u)
            panic("frame %u was written to at byte %u while it was FREE", (unsigned)frame_number(frame),
                  i * (unsigned)sizeof(*words));
}

#else

#define REDZONE_BYTES 0u

static inline void redzone_draw(void *block UNUSED, size_t bytes UNUSED, unsigned class_bytes UNUSED) {
}
static inline void redzone_check(void *block UNUSED, unsigned class_bytes UNUSED) {
}
static inline void redzone_poison_frame(struct frame *frame UNUSED) {
}
static inline void redzone_check_frame(struct frame *frame UNUSED) {
}

#endif
#endif
