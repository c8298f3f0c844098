/*
 * The swap area and its pager.
 *
 * The map is one bit a slot: a slot belongs to exactly one anon, so there is nothing to count. The search for
 * a run of free slots goes on where the last one ended (next fit), so that pages evicted together lie
 * together and the disk's arm moves one way. When no run of the wanted length is left, the longest one found
 * is taken.
 *
 * The area's header is mkswap's (version 1): magic "SWAPSPACE2" at the end of page 0, the last page, and a
 * list of bad pages, which are marked as used for ever.
 *
 * With check= on, a checksum of every page written is kept and compared when the page comes back: a page that
 * was changed while it was being written, or read from a wrong place, is found at once.
 *
 * Source: McKusick et al., "The Design and Implementation of the 4.4BSD Operating System", 5.12 (swap
 * clusters); Linux's mkswap(8) for the format.
 */
#include "mm/swap.h"

#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/trace.h"
#include "mm/vm.h"

#define SWAP_MAGIC         "SWAPSPACE2"
#define SWAP_MAGIC_OFFSET  (PAGE_SIZE - 10)
#define SWAP_BAD_PAGES_MAX ((SWAP_MAGIC_OFFSET - 1536) / sizeof(uint32_t))

/* Page 0 of the area, after 1024 bytes for a boot block. */
struct swap_header {
    uint8_t boot_block[1024];
    uint32_t version;
    uint32_t last_page;
    uint32_t bad_page_count;
    uint8_t uuid_label_padding[500];
    uint32_t bad_pages[SWAP_BAD_PAGES_MAX];
};

static struct {
    struct block_device *device;     /* NULL: no swap */
    slot_t slots;                    /* slot 0 is the header and never used */
    slot_t usable, free, least_free; /* least_free: since boot */
    slot_t next;                     /* next fit */
    uint32_t *map;                   /* bit set: in use, bad, or the header */
    uint32_t *checksums;             /* a slot each, or NULL */
    uint32_t *kept_map; /* swap=static: bit set: the slot of a reserved run is a page's own, or bad */
    slot_t kept;
    uint32_t *recount; /* the checker's, a bit each; NULL without check= */
} swap;

slot_t swap_total(void) {
    return swap.usable;
}

slot_t swap_free_slots(void) {
    return swap.free;
}

slot_t swap_peak(void) {
    return swap.usable - MIN(swap.usable, swap.least_free);
}

slot_t swap_slots_used(void) {
    return swap.usable - swap.free;
}

bool swap_slot_used(slot_t slot) {
    return slot < swap.slots && (swap.map[slot / 32] >> (slot % 32) & 1);
}

static void set_used(slot_t slot) {
    swap.map[slot / 32] |= 1u << (slot % 32);
}

/* --- slots --- */

/* Length of the run of free slots at @slot, at most @want. */
static unsigned run_length(slot_t slot, unsigned want) {
    unsigned length = 0;

    while (length < want && slot + length < swap.slots && !swap_slot_used(slot + length))
        length++;
    return length;
}

/* Finds @want free slots in a row, or as many as there are: the first one in *@first, the number returned. */
static unsigned slots_find(unsigned want, slot_t *first) {
    unsigned best = 0;
    slot_t slot = swap.next;

    if (swap.free == 0)
        return 0;
    for (slot_t looked = 0; looked < swap.slots && best < want; looked++, slot++) {
        if (slot >= swap.slots)
            slot = 1;
        unsigned length = swap_slot_used(slot) ? 0 : run_length(slot, want);
        if (length > best) {
            best = length;
            *first = slot;
        }
        slot += length > 0 ? length - 1 : 0;
        looked += length > 0 ? length - 1 : 0;
    }
    return best;
}

static void took(slot_t slots) {
    swap.free -= slots;
    swap.least_free = MIN(swap.least_free, swap.free);
}

static unsigned slots_alloc(unsigned want, slot_t *first) {
    unsigned got = slots_find(want, first);

    for (unsigned i = 0; i < got; i++)
        set_used(*first + i);
    took(got);
    if (got > 0) {
        swap.next = *first + got;
        trace(TRACE_SLOT_ALLOC, 0, 0, *first, got, swap.free);
    }
    return got;
}

bool swap_is_kept(slot_t slot) {
    return swap.kept_map != NULL && (swap.kept_map[slot / 32] >> (slot % 32) & 1);
}

slot_t swap_kept(void) {
    return swap.kept;
}

void swap_keep(slot_t slot) {
    ASSERT(swap_slot_used(slot) && !swap_is_kept(slot));
    swap.kept_map[slot / 32] |= 1u << (slot % 32);
    swap.kept++;
}

static void unkeep(slot_t slot) {
    swap.kept_map[slot / 32] &= ~(1u << (slot % 32));
    swap.kept--;
}

slot_t swap_reserve_run(slot_t slots, slot_t wish) {
    slot_t first = wish;

    if ((wish == 0 || run_length(wish, slots) < slots) && slots_find(slots, &first) < slots)
        return 0;
    for (slot_t i = 0; i < slots; i++)
        set_used(first + i);
    took(slots);
    swap.next = first + slots;
    trace(TRACE_SLOT_ALLOC, 0, 0, first, slots, swap.free);
    return first;
}

void swap_release_run(slot_t first, slot_t slots) {
    for (slot_t slot = first; slot < first + slots; slot++) {
        if (swap_is_kept(slot))
            unkeep(slot);
        else
            swap_free(slot);
    }
}

slot_t swap_run_available(slot_t want) {
    slot_t first;

    return slots_find(want, &first);
}

void swap_free(slot_t slot) {
    ASSERT(swap_slot_used(slot));
    if (swap_is_kept(slot)) {
        unkeep(slot); /* it is the run's again */
        return;
    }
    swap.map[slot / 32] &= ~(1u << (slot % 32));
    swap.free++;
    trace(TRACE_SLOT_FREE, 0, 0, slot, 1, swap.free);
}

void swap_mark_bad(slot_t slot, bool in_run) {
    ASSERT(swap_slot_used(slot));
    if (in_run)
        swap_keep(slot); /* by nobody, so that releasing the run leaves it marked */
    swap.usable--;
    count(COUNT_SWAP_WRITE_ERRORS);
    klog("swap: slot %u cannot be written and is not used any more; its page stays in memory", slot);
}

void swap_recount_begin(void) {
    if (swap.recount != NULL)
        memset(swap.recount, 0, (swap.slots + 31) / 32 * sizeof(*swap.recount));
}

bool swap_recount(slot_t slot) {
    if (swap.recount == NULL)
        return true;
    ASSERT(slot < swap.slots);
    bool first = !(swap.recount[slot / 32] >> (slot % 32) & 1);

    swap.recount[slot / 32] |= 1u << (slot % 32);
    return first;
}

/* --- checksums --- */

/* Fletcher's, over words: order matters, so exchanged words are seen too. */
static uint32_t checksum(const struct frame *frame) {
    const uint32_t *word = frame_data(frame);
    uint32_t a = 1, b = 0;

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
        a += word[i];
        b += a;
    }
    return a ^ (b << 1);
}

bool swap_checksum_matches(slot_t slot, const struct frame *frame) {
    return swap.checksums == NULL || swap.checksums[slot] == checksum(frame);
}

/* --- transfers --- */

static void swap_write_done(struct bio *bio, int error) {
    struct frame *frame = bio->data;

    bio_free(bio);
    if (error == 0)
        count(COUNT_PSWPOUT);
    frame_done(frame, error);
}

static void swap_read_done(struct bio *bio, int error) {
    struct frame *frame = bio->data;
    slot_t slot = bio->sector / SECTORS_PER_PAGE;

    bio_free(bio);
    if (error == 0)
        count(COUNT_PSWPIN);
    if (error == 0 && !swap_checksum_matches(slot, frame))
        panic("swap: the page read from slot %u is not the one that was written", slot);
    frame_done(frame, error);
}

static void submit(struct frame *frame, slot_t slot, bool write) {
    struct bio *bio = bio_alloc();

    bio->device = swap.device;
    bio->sector = slot * SECTORS_PER_PAGE;
    bio->sectors = SECTORS_PER_PAGE;
    bio->write = write;
    bio->cause = BLOCK_SWAP;
    bio->address = frame_address(frame);
    bio->done = write ? swap_write_done : swap_read_done;
    bio->data = frame;
    bio_submit(bio);
}

/* The page will be written to @slot: BUSY from now on, so nobody maps or frees it. */
static void commit(struct frame *frame, slot_t slot) {
    frame->anon->slot = slot;
    frame->anon->lazily_free = false;
    frame_start_io(frame, true);
    if (swap.checksums != NULL)
        swap.checksums[slot] = checksum(frame);
}

/* swap=static: every page to its own place, wherever that is; neighbours still merge into one request. */
static unsigned write_home(struct frame **frames, unsigned total) {
    for (unsigned i = 0; i < total; i++) {
        if (frames[i]->anon->slot != frames[i]->anon->home)
            anon_drop_slot(frames[i]->anon); /* where it was before it had this home */
        commit(frames[i], frames[i]->anon->home);
    }
    block_plug();
    for (unsigned i = 0; i < total; i++)
        submit(frames[i], frames[i]->anon->slot, true);
    block_unplug();
    return total;
}

/* Swap is full: pages that still have the slot of an older version are written over it, one by one. */
static unsigned rewrite_in_place(struct frame **frames, unsigned total) {
    unsigned started = 0;

    for (unsigned i = 0; i < total; i++)
        if (frames[i]->anon->slot != 0)
            frames[started++] = frames[i];
    for (unsigned i = 0; i < started; i++)
        commit(frames[i], frames[i]->anon->slot);
    for (unsigned i = 0; i < started; i++)
        submit(frames[i], frames[i]->anon->slot, true);
    return started;
}

/* Moves the frames whose anons have a home to the front; returns how many. */
static unsigned homes_first(struct frame **frames, unsigned total) {
    unsigned homes = 0;

    for (unsigned i = 0; i < total; i++) {
        struct frame *frame = frames[i];

        if (frame->anon->home != 0) {
            frames[i] = frames[homes];
            frames[homes++] = frame;
        }
    }
    return homes;
}

unsigned swap_write(struct frame **frames, unsigned wanted) {
    slot_t first = 0;
    unsigned got, homes = homes_first(frames, wanted);

    if (homes > 0)
        return write_home(frames, homes);
    got = slots_alloc(MIN(wanted, SWAP_CLUSTER_MAX), &first);

    if (got == 0)
        return rewrite_in_place(frames, wanted);
    count(COUNT_SWAP_CLUSTERS);
    /* All become BUSY before the first bio_alloc() may sleep. */
    for (unsigned i = 0; i < got; i++) {
        anon_drop_slot(frames[i]->anon); /* it holds an older version */
        commit(frames[i], first + i);
    }
    block_plug();
    for (unsigned i = 0; i < got; i++)
        submit(frames[i], first + i, true);
    block_unplug();
    return got;
}

void swap_read(struct anon *anon) {
    ASSERT(anon->slot != 0 && anon->frame->state == FRAME_BUSY);
    submit(anon->frame, anon->slot, false);
}

/* --- start --- */

/* The slots the header promises, as far as the partition reaches; 0: not a swap area. */
static slot_t header_slots(const struct swap_header *header, struct block_device *partition) {
    const char *magic = (const char *)header + SWAP_MAGIC_OFFSET;
    slot_t room = partition->sectors / SECTORS_PER_PAGE;

    if (memcmp(magic, SWAP_MAGIC, strlen(SWAP_MAGIC)) != 0 || header->version != 1)
        return 0;
    if (header->last_page >= room || header->bad_page_count > SWAP_BAD_PAGES_MAX)
        return 0;
    return header->last_page + 1;
}

static void reserve_bad_pages(const struct swap_header *header) {
    for (unsigned i = 0; i < header->bad_page_count; i++) {
        slot_t bad = header->bad_pages[i];

        if (bad == 0 || bad >= swap.slots || swap_slot_used(bad))
            continue;
        set_used(bad);
        swap.usable--;
    }
}

static int swap_open(const struct swap_header *header, struct block_device *partition) {
    slot_t slots = header_slots(header, partition);

    if (slots < 2) {
        klog("swap: %s has no swap header that fits it; run mkswap on it", partition->name);
        return -EINVAL;
    }
    swap.map = kmalloc((slots + 31) / 32 * sizeof(*swap.map));
    if (swap.map == NULL)
        return -ENOMEM;
    if (vm_options.check)
        swap.checksums = kmalloc(slots * sizeof(*swap.checksums));
    if (vm_options.check)
        swap.recount = kmalloc((slots + 31) / 32 * sizeof(*swap.recount));
    if (vm_options.swap_static)
        swap.kept_map = kmalloc((slots + 31) / 32 * sizeof(*swap.kept_map));
    if (vm_options.swap_static && swap.kept_map == NULL)
        return -ENOMEM;
    swap.slots = slots;
    swap.usable = slots - 1;
    set_used(0);
    reserve_bad_pages(header);
    swap.free = swap.least_free = swap.usable;
    swap.next = 1;
    swap.device = partition;
    trace_tell_swap(slots, partition->start, &swap.free);
    klog("swap: %u slots on %s%s", swap.usable, partition->name, swap.checksums ? ", with checksums" : "");
    return 0;
}

int swap_start(struct block_device *partition) {
    struct swap_header *header;
    int error = -ENOMEM;

    if (swap.device != NULL)
        return -EBUSY;
    header = kpage_alloc();
    if (header == NULL)
        return -ENOMEM;
    error = block_transfer(partition, 0, SECTORS_PER_PAGE, header, false);
    if (error == 0)
        error = swap_open(header, partition);
    kpage_free(header);
    return error;
}
