/*
 * The kernel heap. Blocks of a few sizes are cut from whole frames; what is larger gets a run of neighbouring
 * frames, found by a search of the frame table, which is for boot and for the rare big table.
 *
 * A frame that serves blocks is in state KERNEL, and its struct frame is the only bookkeeping: `index` is its
 * size class, `pins` the number of blocks in use, `heap_free` the first free block; each free block points to
 * the next in its first word and holds a poison pattern in the rest, which is verified when the block is
 * handed out again: whoever writes after kfree() is found there. A frame without a used block goes back to
 * the pool.
 *
 * Source of the idea: Bonwick, "The slab allocator" (1994), without its object caches.
 */
#include "mm/heap.h"

#include "arch/x86/memory.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/frame.h"
#include "mm/redzone.h"
#include "mm/vm.h"

#define POISON REDZONE_POISON

static const uint16_t class_bytes[] = {16,  24,  32,  48,  64,   96,   128, 192,
                                       256, 384, 512, 768, 1024, 1360, 2048};
#define CLASSES ARRAY_SIZE(class_bytes)
enum { CLASS_PAGE = 100, CLASS_RUN, CLASS_RUN_TAIL }; /* values of frame->index beyond the size classes */

struct free_block {
    struct free_block *next;
    uint8_t poison[];
};

size_t heap_bytes;

static struct list partial[CLASSES]; /* frames with a free block, by `siblings` */

void heap_init(void) {
    for (unsigned c = 0; c < CLASSES; c++)
        list_init(&partial[c]);
}

/* The class of a block of @bytes: from a table of steps of 8 bytes up to the sizes that are asked for most. */
static unsigned class_for(size_t bytes) {
    static const uint8_t small[] = {0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6};
    unsigned c = 0;

    if (bytes <= 8 * ARRAY_SIZE(small))
        return small[(bytes - 1) / 8];
    while (class_bytes[c] < bytes)
        c++;
    return c;
}

/* --- whole pages --- */

void *kpage_alloc_try(void) {
    struct frame *frame = frame_take_zeroed(USE_KERNEL);

    if (frame == NULL)
        return NULL;
    frame->index = CLASS_PAGE;
    return frame_data(frame);
}

void *kpage_alloc(void) {
    void *page;

    may_sleep();
    if (!commit_spares_frame())
        return NULL;
    while ((page = kpage_alloc_try()) == NULL)
        if (frames_wait(USE_KERNEL) != 0)
            return NULL;
    return page;
}

void kpage_free(void *page) {
    struct frame *frame;

    if (page == NULL)
        return;
    frame = frame_of_data(page);
    ASSERT(frame->state == FRAME_KERNEL && frame->index == CLASS_PAGE);
    frame_release(frame);
}

/* --- blocks --- */

static __attribute__((noinline)) struct frame *class_grow(unsigned class) {
    struct frame *frame = frame_take(USE_KERNEL);
    unsigned bytes = class_bytes[class];

    if (frame == NULL)
        return NULL;
    char *page = frame_data(frame);
    memset(page, POISON, PAGE_SIZE);
    frame->index = class;
    frame->pins = 0;
    frame->heap_free = NULL;
    for (unsigned at = 0; at + bytes <= PAGE_SIZE; at += bytes) {
        struct free_block *block = (struct free_block *)(page + at);

        block->next = frame->heap_free;
        frame->heap_free = block;
    }
    list_add_head(&partial[class], &frame->siblings);
    return frame;
}

static void check_poison(const struct free_block *block, unsigned bytes) {
    for (unsigned i = 0; i < bytes - sizeof(*block); i++)
        if (block->poison[i] != POISON)
            panic("heap: block %p of %u bytes was written after it was freed", (const void *)block, bytes);
}

static ALWAYS_INLINE void *block_alloc(unsigned class, size_t bytes) {
    struct frame *frame;
    struct free_block *block;

    if (!list_empty(&partial[class]))
        frame = list_first(&partial[class], struct frame, siblings);
    else if ((frame = class_grow(class)) == NULL)
        return NULL;
    block = frame->heap_free;
    frame->heap_free = block->next;
    frame->pins++;
    if (frame->heap_free == NULL)
        list_remove(&frame->siblings);
    if (vm_options.check)
        check_poison(block, class_bytes[class]);
    words_fill(block, 0, class_bytes[class]);
    redzone_draw(block, bytes, class_bytes[class]);
    heap_bytes += class_bytes[class];
    return block;
}

static void block_free(struct frame *frame, void *freed) {
    struct free_block *block = freed;
    unsigned bytes = class_bytes[frame->index];

    ASSERT(frame->index < CLASSES && frame->pins > 0);
    ASSERT(((uintptr_t)freed & PAGE_MASK) % bytes == 0);
    redzone_check(block, bytes);
    heap_bytes -= bytes;
    if (frame->heap_free == NULL)
        list_add_head(&partial[frame->index], &frame->siblings);
    words_fill(block, POISON * 0x01010101u, bytes);
    block->next = frame->heap_free;
    frame->heap_free = block;
    if (--frame->pins > 0)
        return;
    list_remove(&frame->siblings);
    frame->heap_free = NULL;
    frame_release(frame);
}

/* --- runs of frames --- */

static struct frame *run_find(pfn_t frames) {
    pfn_t length = 0;

    for (pfn_t n = 0; n < frame_total; n++) {
        length = frame_table[n].state == FRAME_FREE ? length + 1 : 0;
        if (length == frames)
            return &frame_table[n + 1 - frames];
    }
    return NULL;
}

static __attribute__((noinline)) void *run_alloc(size_t bytes) {
    pfn_t frames = (pfn_t)(PAGE_UP(bytes) >> PAGE_SHIFT);
    struct frame *first = run_find(frames);

    if (first == NULL)
        return NULL;
    for (pfn_t i = 0; i < frames; i++) {
        frame_take_this(&first[i]);
        first[i].index = i == 0 ? CLASS_RUN : CLASS_RUN_TAIL;
    }
    first->policy = frames;
    memset(frame_data(first), 0, frames * PAGE_SIZE);
    return frame_data(first);
}

static void run_free(struct frame *first) {
    pfn_t frames = first->policy;

    for (pfn_t i = 0; i < frames; i++)
        frame_release(&first[i]);
}

/* --- what callers see --- */

void *kmalloc_try(size_t bytes) {
    ASSERT(bytes > 0);
    if (bytes + REDZONE_BYTES <= class_bytes[CLASSES - 1])
        return block_alloc(class_for(bytes + REDZONE_BYTES), bytes);
    if (bytes <= PAGE_SIZE)
        return kpage_alloc_try();
    return run_alloc(bytes);
}

/* No block of that size is at hand. */
static bool must_grow(size_t bytes) {
    ASSERT(bytes > 0);
    bytes += REDZONE_BYTES;
    return bytes > class_bytes[CLASSES - 1] || list_empty(&partial[class_for(bytes)]);
}

void *kmalloc(size_t bytes) {
    void *block;

    may_sleep();
    if (must_grow(bytes) && !commit_spares_frame())
        return NULL;
    while ((block = kmalloc_try(bytes)) == NULL)
        if (bytes > PAGE_SIZE || frames_wait(USE_KERNEL) != 0)
            return NULL;
    return block;
}

void kfree(void *block) {
    if (block == NULL)
        return;
    struct frame *frame = frame_of_data(block);

    ASSERT(frame->state == FRAME_KERNEL);
    if (frame->index == CLASS_RUN)
        run_free(frame);
    else if (frame->index == CLASS_PAGE)
        frame_release(frame);
    else
        block_free(frame, block);
}
