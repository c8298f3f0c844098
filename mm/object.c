/*
 * Objects and their resident pages. One hash over all objects finds the frame of (object, page); each object
 * also has a list of its frames for truncation and write-back.
 *
 * An object without references keeps its pages: they are the file cache. It is released when the last of
 * them has left memory.
 *
 * Functions that may sleep say so in mm/object.h; each of them starts over after a sleep, because anything
 * may have happened to the page meanwhile.
 */
#include "mm/object.h"

#include "arch/x86/machine.h"
#include "arch/x86/memory.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/memobject.h"
#include "mm/pageout.h"
#include "mm/policy.h"
#include "mm/space.h"

struct list objects = LIST_INITIALIZER(objects);
uint32_t object_pages_resident;

static struct frame **hash_table;
static uint32_t hash_mask;

/* --- the page hash --- */

void object_hash_init(pfn_t frames) {
    uint32_t buckets = 64;

    while (buckets < frames / 2)
        buckets *= 2;
    hash_table = machine_boot_alloc(buckets * sizeof(*hash_table));
    hash_mask = buckets - 1;
}

/*
 * Multiplicative hashing (Knuth, TAOCP 6.4); neighbouring pages of an object fall into neighbouring
 * buckets.
 */
static struct frame **bucket(const struct object *object, pgoff_t index) {
    uint32_t hash = (uint32_t)((uintptr_t)object >> 4) * 2654435761u;

    return &hash_table[((hash >> 8) + index) & hash_mask];
}

struct frame *object_lookup(struct object *object, pgoff_t index) {
    for (struct frame *frame = *bucket(object, index); frame != NULL; frame = frame->hash)
        if (frame->object == object && frame->index == index)
            return frame;
    return NULL;
}

void object_add_page(struct object *object, pgoff_t index, struct frame *frame) {
    struct frame **head = bucket(object, index);

    ASSERT(frame->owner == OWNER_NONE && frame->state == FRAME_BUSY);
    frame->owner = OWNER_OBJECT;
    frame->object = object;
    frame->index = index;
    frame->hash = *head;
    *head = frame;
    list_add_tail(&object->pages, &frame->siblings);
    object->resident++;
    object_pages_resident++;
}

static void remove_page(struct frame *frame) {
    struct object *object = frame->object;
    struct frame **link = bucket(object, frame->index);

    while (*link != frame)
        link = &(*link)->hash;
    *link = frame->hash;
    frame->hash = NULL;
    list_remove(&frame->siblings);
    object->resident--;
    object_pages_resident--;
    frame->owner = OWNER_NONE;
    frame->object = NULL;
}

/* Nobody knows the object any more, by name or by page. */
static void release_if_unused(struct object *object) {
    if (object->refs > 0 || object->resident > 0 || object->pager->release == NULL)
        return;
    list_remove(&object->link);
    object->pager->release(object);
}

void object_lose_page(struct frame *frame) {
    struct object *object = frame->object;

    remove_page(frame);
    release_if_unused(object);
}

void object_read_failed(struct frame *frame) {
    struct object *object = frame->object;

    object->read_errors++;
    object->read_error_page = frame->index;
    object_lose_page(frame);
}

/* A page has been read: what lies past the end of the object in it is nobody's, and reads as zeros. */
void object_page_arrived(struct frame *frame) {
    uint64_t start = (uint64_t)frame->index << PAGE_SHIFT, size = frame->object->size;

    if (size < start + PAGE_SIZE) {
        unsigned from = size > start ? (unsigned)(size - start) : 0;

        memset((char *)frame_data(frame) + from, 0, PAGE_SIZE - from);
    }
}

/* --- life --- */

void object_init(struct object *object, const struct pager *pager, uint64_t size) {
    *object = (struct object){.pager = pager, .refs = 1, .size = size};
    list_init(&object->pages);
    list_add_tail(&objects, &object->link);
}

void object_ref(struct object *object) {
    object->refs++;
}

void object_unref(struct object *object) {
    ASSERT(object->refs > 0);
    if (object->refs == 1 && object->pager->unused != NULL)
        object->pager->unused(object); /* may sleep, and somebody may take a new reference meanwhile */
    object->refs--;
    release_if_unused(object);
}

pgoff_t object_page_count(const struct object *object) {
    return (pgoff_t)((object->size + PAGE_MASK) >> PAGE_SHIFT);
}

/* --- pages for the kernel's own use --- */

static enum frame_use use_of_this_thread(void) {
    return pageout_is_daemon() ? USE_PAGEOUT : USE_USER;
}

/*
 * A frame for a page of the object, BUSY; or NULL with *@result: 1, it has slept for one, look again; errno.
 * A device's pages are metadata, a change of which must not stop half-way for want of a frame: a caller that
 * cannot wait (it is dying) may use the reserve.
 */
static struct frame *take_for(struct object *object, int *result) {
    struct frame *frame = frame_take(use_of_this_thread());

    if (frame != NULL)
        return frame;
    *result = frames_wait(use_of_this_thread());
    if (*result != 0 && object->device) {
        frame = frame_take(USE_PAGEOUT);
        *result = frame == NULL ? frames_wait(USE_PAGEOUT) : 0;
    }
    if (*result == 0)
        *result = 1;
    return frame;
}

static bool read_failed_since(const struct object *object, pgoff_t index, unsigned errors) {
    return object->read_errors != errors && object->read_error_page == index;
}

/* One attempt to make the page resident. 1: slept or started, look again; else 0 (it is there) or errno. */
static int page_attempt(struct object *object, pgoff_t index, enum page_access access, struct frame **found) {
    if (object->amap != NULL)
        return memobject_attempt(object, index, found);
    struct frame *frame = object_lookup(object, index);
    unsigned errors = object->read_errors;
    int result = 0;

    if (frame != NULL && frame->state == FRAME_BUSY) {
        frame_wait(frame);
        return read_failed_since(object, index, errors) ? -EIO : 1;
    }
    if (object->pager->prepare != NULL && (frame == NULL || access == PAGE_WRITE))
        result = object->pager->prepare(object, index, access);
    if (result != 0)
        return result;
    if (frame != NULL) {
        *found = frame;
        return 0;
    }
    frame = take_for(object, &result);
    if (frame == NULL)
        return result;
    if (object_lookup(object, index) != NULL) { /* it came in while the frame was waited for */
        frame_release(frame);
        return 1;
    }
    object_add_page(object, index, frame);
    count(COUNT_PGREAD_KERNEL);
    object->pager->get(object, index, access, frame);
    return read_failed_since(object, index, errors) ? -EIO : 1; /* it may be over already */
}

int page_get(struct object *object, pgoff_t index, enum page_access access, struct frame **found) {
    int result;

    may_sleep();
    do
        result = page_attempt(object, index, access, found);
    while (result == 1);
    if (result == 0)
        frame_pin(*found);
    return result;
}

/* Makes an absent page resident without reading it. 1: look again; or errno. */
static int page_attempt_new(struct object *object, pgoff_t index) {
    int result = 1;
    struct frame *frame = take_for(object, &result);

    if (frame == NULL)
        return result;
    if (object_lookup(object, index) != NULL) {
        frame_release(frame);
        return 1;
    }
    page_clear(frame_data(frame));
    object_add_page(object, index, frame);
    frame_activate(frame, &set_global);
    return 1;
}

int page_get_new(struct object *object, pgoff_t index, struct frame **found) {
    int result;

    may_sleep();
    do
        result = object->amap != NULL || object_lookup(object, index) != NULL
                     ? page_attempt(object, index, PAGE_READ, found)
                     : page_attempt_new(object, index);
    while (result == 1);
    if (result == 0)
        frame_pin(*found);
    return result;
}

struct frame *page_find(struct object *object, pgoff_t index) {
    struct frame *frame =
        object->amap != NULL ? memobject_lookup(object, index) : object_lookup(object, index);

    if (frame == NULL || (frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED))
        return NULL;
    if (frame->prefetched || frame->prepaged || frame->with_unit)
        return NULL; /* its first use is to be counted */
    frame->referenced = true;
    return frame;
}

void page_put(struct frame *frame) {
    frame_unpin(frame);
}

/* The sectors of bytes [from, to) of a page, a bit each. */
static uint8_t sector_bits(unsigned from, unsigned to) {
    unsigned first = from / SECTOR_SIZE;
    unsigned end = (to + SECTOR_SIZE - 1) / SECTOR_SIZE;

    return (uint8_t)((1u << end) - (1u << first));
}

void page_modified(struct frame *frame, unsigned from, unsigned to) {
    ASSERT(from <= to && to <= PAGE_SIZE);
    if (from < to) {
        frame->modified = true;
        frame->sectors |= sector_bits(from, to);
    }
}

void page_put_modified(struct frame *frame, unsigned from, unsigned to) {
    page_modified(frame, from, to);
    frame_unpin(frame);
}

/* --- taking pages away --- */

/* The first resident page at or after @first (in no particular order), or NULL. */
static struct frame *any_page_from(struct object *object, pgoff_t first) {
    list_for_each (frame, &object->pages, struct frame, siblings)
        if (frame->index >= first)
            return frame;
    return NULL;
}

static void clear_tail(struct object *object, uint64_t size) {
    unsigned from = (unsigned)(size & PAGE_MASK);
    struct frame *frame = object_lookup(object, (pgoff_t)(size >> PAGE_SHIFT));

    if (from == 0 || frame == NULL)
        return;
    memset((char *)frame_data(frame) + from, 0, PAGE_SIZE - from);
}

static bool in_transit(const struct frame *frame) {
    return frame->state == FRAME_BUSY || frame->pins > 0;
}

void object_truncate(struct object *object, uint64_t size) {
    pgoff_t first = (pgoff_t)((size + PAGE_MASK) >> PAGE_SHIFT);
    struct frame *frame;

    may_sleep();
    spaces_truncate_private(object, first);
    if (object->amap != NULL) {
        memobject_truncate(object, size);
        return;
    }
    object->size = size;
    while ((frame = any_page_from(object, first)) != NULL) {
        if (in_transit(frame)) {
            frame_wait(frame);
            continue;
        }
        frame_unmap_all(frame);
        remove_page(frame);
        frame_release(frame);
    }
    /*
     * A page under way gets its end cleared when it has arrived: nobody may see old bytes if the file
     * grows.
     */
    while ((frame = object_lookup(object, (pgoff_t)(size >> PAGE_SHIFT))) != NULL &&
           frame->state == FRAME_BUSY)
        frame_wait(frame);
    clear_tail(object, size);
}

void object_forget(struct object *object, pgoff_t index, unsigned from, unsigned to) {
    struct frame *frame;

    may_sleep();
    while ((frame = object_lookup(object, index)) != NULL && frame->state == FRAME_BUSY)
        frame_wait(frame);
    if (frame == NULL)
        return;
    frame->sectors &= (uint8_t)~sector_bits(from, to);
    if (object->device && frame->sectors == 0 && frame->state != FRAME_DIRTY)
        frame->modified = false;
}

int object_drop_page(struct object *object, pgoff_t index) {
    struct frame *frame;

    may_sleep();
    while ((frame = object_lookup(object, index)) != NULL && in_transit(frame))
        frame_wait(frame);
    if (frame == NULL)
        return 0;
    if (frame_test_modified(frame))
        return -EBUSY;
    frame_unmap_all(frame);
    remove_page(frame);
    frame_release(frame);
    return 0;
}

void object_drop_pages(struct object *object, unsigned keep) {
    list_for_each_safe (frame, &object->pages, struct frame, siblings) {
        if (object->resident <= keep)
            break;
        if (in_transit(frame) || frame_mapped(frame) || frame_test_modified(frame))
            continue;
        remove_page(frame);
        frame_release(frame);
    }
    release_if_unused(object);
}
