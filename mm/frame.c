/*
 * The frame table: states, their lists, taking and releasing. The picture of the states is in mm/frame.h. Frames that
 * are held in place by a transfer, a pin or a lock are mm/frame_io.c's, those who sleep for a frame mm/frame_wait.c's.
 *
 * Every state but ACTIVE has its list here; the lists of ACTIVE frames are the replacement policies'. The
 * CLEAN list is in the order in which frames entered the pool, and frames are stolen from its head, so that a
 * page has the longest possible time to be reclaimed. FREE has two lists: the pageable frames and the
 * kernel's share (boot word frames= makes the pageable pool smaller than the machine, and the kernel's own
 * tables must not eat into what an experiment was promised). On both, frames that are cleared already (`zeroed`)
 * stand behind all others: who needs zeros takes from the tail, everybody else from the head.
 *
 * Reserve: the last frames are for those without whom no frame will ever be freed again. A program stops
 * taking at RESERVE_KERNEL + RESERVE_PAGEOUT, the kernel's own tables at RESERVE_PAGEOUT, and the paging
 * daemon may take the last.
 */
#include "mm/frame.h"

#include "arch/x86/machine.h"
#include "arch/x86/memory.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame_states.h"
#include "mm/object.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/redzone.h"
#include "mm/swap.h"
#include "mm/trace.h"
#include "mm/vm.h"

#define RESERVE_KERNEL 8u

struct frame *frame_table;
pfn_t frame_total;

static struct list state_lists[FRAME_STATES];
static struct list kernel_share;      /* FREE frames that are not pageable */
static pfn_t counts[FRAME_STATES][2]; /* [1]: the pageable ones */
static pfn_t pageable_total;
static pfn_t hint_below; /* when fewer are available the daemon is told of each that is taken */
static uint32_t gained;  /* frames that have become available */

pfn_t frame_count(enum frame_state state) {
    return counts[state][0] + counts[state][1];
}

pfn_t frames_available(void) {
    return counts[FRAME_FREE][1] + counts[FRAME_CLEAN][1];
}

pfn_t frames_pageable(void) {
    return pageable_total;
}

pfn_t frames_of_kernel(void) {
    return counts[FRAME_KERNEL][1];
}

pfn_t frames_reserved(void) {
    return RESERVE_KERNEL + RESERVE_PAGEOUT;
}

uint32_t frames_gained(void) {
    return gained;
}

struct list *frame_list(enum frame_state state) {
    return &state_lists[state];
}

struct list *frame_list_kernel_share(void) {
    return &kernel_share;
}

/* --- states --- */

static ALWAYS_INLINE void state_leave(struct frame *frame, enum frame_state state) {
    counts[state][frame->pageable]--;
    if (state == FRAME_ACTIVE)
        frame->set->policy->remove(frame->set, frame);
    else
        list_remove(&frame->link);
}

static struct list *free_list_of(const struct frame *frame) {
    return frame->pageable ? &state_lists[FRAME_FREE] : &kernel_share;
}

static ALWAYS_INLINE void state_enter(struct frame *frame, enum frame_state state) {
    counts[state][frame->pageable]++;
    if (state == FRAME_ACTIVE)
        frame->set->policy->add(frame->set, frame);
    else if (state == FRAME_FREE)
        list_add_head(free_list_of(frame), &frame->link);
    else
        list_add_tail(&state_lists[state], &frame->link);
}

/* State, owner, modified, prefetched. */
static ALWAYS_INLINE uint32_t trace_flags(const struct frame *frame) {
    uint32_t flags;

    __builtin_memcpy(&flags, &frame->state, sizeof(flags)); /* in line, which freestanding memcpy is not */
    return flags;
}

static ALWAYS_INLINE void trace_state(const struct frame *frame, unsigned from) {
    trace_put(TRACE_FRAME, from, trace_entry(frame), frame->index, (uint32_t)(uintptr_t)frame->anon,
              trace_flags(frame));
}

/*
 * In line where a page comes into memory and leaves it, which is two or three of these: the caller knows more of
 * @from, so that most of what could be done falls away.
 */
static ALWAYS_INLINE void state_change_from(struct frame *frame, enum frame_state from,
                                            enum frame_state state) {
    frame->state = (uint8_t)state; /* at once, so that a policy sees what becomes of the frame */
    state_leave(frame, from);
    state_enter(frame, state);
    if (trace_on(TRACE_FRAME))
        trace_state(frame, from);
}

void frame_change_state(struct frame *frame, enum frame_state state) {
    state_change_from(frame, frame->state, state);
}

/* Somebody may now find a frame: those who sleep for one look again. */
static void frames_became_available(void) {
    gained++;
    if (frame_waiters.first != NULL)
        wake_all(&frame_waiters);
    pageout_progress();
}

/* --- taking --- */

/* A page that read-ahead brought in goes without having been used. */
static void readahead_was_useless(struct frame *frame) {
    if (frame->prefetched)
        count(COUNT_READAHEAD_MISS);
    frame->prefetched = false;
}

/* The oldest page of the pool loses its frame; its backing store has the same contents. */
static STOP_POINT void frame_steal(struct frame *frame) {
    ASSERT(frame->state == FRAME_CLEAN && !frame->modified && !frame_mapped(frame));
    count(COUNT_PGSTEAL);
    readahead_was_useless(frame);
    if (frame->owner == OWNER_ANON) {
        ASSERT(frame->anon->slot == 0 || !vm_options.check ||
               swap_checksum_matches(frame->anon->slot, frame)); /* else a store would be lost */
        anon_lose_frame(frame->anon);
    } else {
        object_lose_page(frame);
    }
}

static struct frame *pick_free(struct list *list, bool zeroed) {
    struct frame *last = list_last(list, struct frame, link);

    return zeroed && last->zeroed ? last : list_first(list, struct frame, link);
}

/*
 * What a guess has brought gets a second round in the pool, and no third: it is more likely to be used than what the
 * policy has just let go.
 */
static void pass_over_guesses(void) {
    struct frame *oldest = list_first(&state_lists[FRAME_CLEAN], struct frame, link);

    while (oldest->prefetched && !oldest->passed_over) {
        oldest->passed_over = true;
        list_remove(&oldest->link);
        list_add_tail(&state_lists[FRAME_CLEAN], &oldest->link);
        oldest = list_first(&state_lists[FRAME_CLEAN], struct frame, link);
    }
}

static ALWAYS_INLINE struct frame *frame_pick(enum frame_use use, bool zeroed) {
    static const pfn_t reserve[] = {[USE_AHEAD] = RESERVE_KERNEL + RESERVE_PAGEOUT,
                                    [USE_USER] = RESERVE_KERNEL + RESERVE_PAGEOUT,
                                    [USE_KERNEL] = RESERVE_PAGEOUT,
                                    [USE_PAGEOUT] = 0};

    if (use == USE_KERNEL && !list_empty(&kernel_share))
        return pick_free(&kernel_share, zeroed);
    if (frames_available() <= reserve[use])
        return NULL;
    if (!list_empty(&state_lists[FRAME_FREE]))
        return pick_free(&state_lists[FRAME_FREE], zeroed);
    pass_over_guesses();
    return list_first(&state_lists[FRAME_CLEAN], struct frame, link);
}

bool frames_enough(enum frame_use use) {
    return frame_pick(use, false) != NULL;
}

/* A frame that is zeroed keeps the mark: the caller's to forget. */
static ALWAYS_INLINE struct frame *take(enum frame_use use, bool zeroed) {
    struct frame *frame = frame_pick(use, zeroed);

    if (frame == NULL) {
        if (use != USE_AHEAD)
            pageout_wake();
        return NULL;
    }
    enum frame_state from = frame->state, to = use == USE_KERNEL ? FRAME_KERNEL : FRAME_BUSY;

    ASSERT(from == FRAME_FREE || from == FRAME_CLEAN);
    if (from == FRAME_CLEAN)
        frame_steal(frame);
    else if (!frame->zeroed)
        redzone_check_frame(frame);
    state_change_from(frame, from, to);
    frame->referenced = false;
    frame->modified = false;
    frame->passed_over = false;
    frame->set = &set_global;
    if (frames_available() < hint_below)
        pageout_hint();
    return frame;
}

struct frame *frame_take(enum frame_use use) {
    struct frame *frame = take(use, false);

    if (frame != NULL)
        frame->zeroed = false;
    return frame;
}

struct frame *frame_take_zeroed(enum frame_use use) {
    struct frame *frame = take(use, true);

    if (frame == NULL)
        return NULL;
    if (frame->zeroed)
        count(COUNT_PGZERO_READY);
    else
        page_clear(frame_data(frame));
    frame->zeroed = false;
    return frame;
}

static unsigned zero_of(struct list *list, unsigned most) {
    unsigned cleared = 0;

    while (cleared < most && !list_empty(list)) {
        struct frame *frame = list_first(list, struct frame, link);

        if (frame->zeroed)
            break;
        page_clear(frame_data(frame));
        frame->zeroed = true;
        list_remove(&frame->link);
        list_add_tail(list, &frame->link);
        cleared++;
    }
    count_add(COUNT_PGZERO_IDLE, cleared);
    return cleared;
}

unsigned frames_zero(unsigned most) {
    unsigned cleared = zero_of(&kernel_share, most);

    return cleared + zero_of(&state_lists[FRAME_FREE], most - cleared);
}

void frame_take_this(struct frame *frame) {
    ASSERT(frame->state == FRAME_FREE);
    if (!frame->zeroed)
        redzone_check_frame(frame);
    frame->zeroed = false;
    frame_change_state(frame, FRAME_KERNEL);
}

void frames_hint_below(pfn_t available) {
    hint_below = available;
}

/* Its page leaves memory: if nobody has used it since it came in with its unit, nobody will. */
static void left_with_unit(struct frame *frame) {
    if (frame->with_unit)
        count(COUNT_UNIT_UNUSED);
    frame->with_unit = false;
}

static void prepaging_was_useless(struct frame *frame) {
    if (frame->prepaged)
        count(COUNT_PREPAGE_MISS);
    frame->prepaged = false;
}

/* The same of all guesses, which are few. */
static void left_unused(struct frame *frame) {
    readahead_was_useless(frame);
    left_with_unit(frame);
    prepaging_was_useless(frame);
}

STOP_POINT void frame_release(struct frame *frame) {
    ASSERT(frame->state == FRAME_BUSY || frame->state == FRAME_KERNEL || frame->state == FRAME_ACTIVE ||
           frame->state == FRAME_DIRTY || frame->state == FRAME_CLEAN);
    ASSERT(frame->owner == OWNER_NONE && frame->pins == 0 && !frame_mapped(frame));
    state_change_from(frame, frame->state, FRAME_FREE);
    redzone_poison_frame(frame);
    frame->modified = false;
    frame->referenced = false;
    if (frame->prefetched || frame->prepaged || frame->with_unit)
        left_unused(frame);
    frame->sectors = 0;
    if (frame->waiters.first != NULL)
        wake_all(&frame->waiters);
    frames_became_available();
}

/* --- between the states --- */

void frame_was_useful(struct frame *frame) {
    if (frame->prefetched)
        count(COUNT_READAHEAD_HIT);
    frame->prefetched = false;
}

void frame_guess_used(struct frame *frame) {
    if (frame->prepaged)
        count(COUNT_PREPAGE_HIT);
    frame->prepaged = false;
    if (frame->with_unit)
        count(COUNT_UNIT_USED);
    frame->with_unit = false;
}

STOP_POINT void frame_activate(struct frame *frame, struct set *set) {
    enum frame_state from = frame->state;

    ASSERT(from == FRAME_BUSY || from == FRAME_DIRTY || from == FRAME_CLEAN);
    ASSERT(frame->owner != OWNER_NONE);
    frame->set = set;
    if (!frame->resume) { /* else it was only written, which is no use of it */
        frame->referenced = true;
        frame->policy = 0; /* to the policy it is new */
    }
    frame_was_useful(frame);
    state_change_from(frame, from, FRAME_ACTIVE);
}

void frame_activate_ahead(struct frame *frame, struct set *set) {
    ASSERT(frame->state == FRAME_CLEAN && !frame->referenced);
    frame->set = set;
    frame->policy = 0;
    frame_change_state(frame, FRAME_ACTIVE);
}

STOP_POINT void frame_to_pool(struct frame *frame) {
    ASSERT(frame->state == FRAME_ACTIVE || frame->state == FRAME_BUSY);
    ASSERT(!frame_mapped(frame) && frame->owner != OWNER_NONE);
    prepaging_was_useless(frame);
    left_with_unit(frame);
    frame_change_state(frame, frame->modified ? FRAME_DIRTY : FRAME_CLEAN);
    if (!frame->modified)
        frames_became_available();
}

void frame_change_set(struct frame *frame, struct set *set) {
    bool away = frame->state == FRAME_BUSY && frame->io_write && frame->resume;

    if (frame->state == FRAME_ACTIVE)
        frame->set->policy->remove(frame->set, frame);
    frame->set->away -= away;
    set->away += away;
    frame->set = set;
    frame->policy = 0;
    if (frame->state == FRAME_ACTIVE)
        set->policy->add(set, frame);
}

void frames_change_set(struct set *from, struct set *to) {
    for (pfn_t n = 0; n < frame_total; n++)
        if (frame_table[n].set == from && frame_table[n].state != FRAME_KERNEL)
            frame_change_set(&frame_table[n], to);
}

/* --- start --- */

static void frame_init_one(struct frame *frame, bool usable) {
    frame->link = (struct list){&frame->link, &frame->link};
    list_init(&frame->siblings);
    frame->set = &set_global;
    frame->state = usable ? FRAME_FREE : FRAME_KERNEL;
    state_enter(frame, frame->state);
}

static bool frame_is_usable(pfn_t number) {
    unsigned ranges;
    const struct memory_range *range = machine_memory(&ranges);
    paddr_t address = number << PAGE_SHIFT;

    for (unsigned i = 0; i < ranges; i++)
        if (address >= range[i].start && address + (PAGE_SIZE - 1) < range[i].end)
            return true;
    return false;
}

void frame_init(pfn_t pageable) {
    for (unsigned s = 0; s < FRAME_STATES; s++)
        list_init(&state_lists[s]);
    list_init(&kernel_share);
    frame_total = machine_memory_end() >> PAGE_SHIFT;
    frame_table = machine_boot_alloc(frame_total * sizeof(struct frame));
    object_hash_init(frame_total);

    /* The kernel's share is at the low end of memory, where the frame table ends. */
    pfn_t usable = 0;
    if (pageable != 0)
        pageable = MAX(pageable, FRAMES_PAGEABLE_MIN);
    for (pfn_t n = 0; n < frame_total; n++)
        usable += frame_is_usable(n);
    pfn_t kernel = pageable != 0 && pageable < usable ? usable - pageable : 0;
    for (pfn_t n = 0; n < frame_total; n++) {
        struct frame *frame = &frame_table[n];
        bool is_usable = frame_is_usable(n);

        frame->pageable = is_usable && kernel == 0;
        if (is_usable && kernel > 0)
            kernel--;
        pageable_total += frame->pageable;
        frame_init_one(frame, is_usable);
    }
    klog("mm: %u frames of %u bytes: %u pageable, %u for the kernel", usable, PAGE_SIZE, pageable_total,
         usable - pageable_total);
}
