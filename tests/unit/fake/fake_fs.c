/* See fake_fs.h. */
#define _FILE_OFFSET_BITS 64
#include "fake_fs.h"

#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "fs/direct.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/vm.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

pfn_t frame_total = 1 << 16;
unsigned fake_pressure, fake_frames = 1000, fake_sectors_read, fake_sectors_written;
sector_t fake_bad_sector = FAKE_NO_SECTOR;
unsigned fake_write_failures;
vaddr_t fake_user_end;
char fake_log_last[256];
unsigned fake_log_lines;
struct vm_options vm_options = {.readahead = 16};

/* --- chance, log, time --- */

static uint32_t state = 1;

void fake_seed(uint32_t seed) {
    state = seed * 2654435761u + 1;
}

static uint32_t chance(uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)state * below) >> 32);
}

void klog(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(fake_log_last, sizeof fake_log_last, format, args);
    va_end(args);
    fake_log_lines++;
    if (getenv("FAKE_LOG"))
        fprintf(stderr, "%s\n", fake_log_last);
}

unsigned fake_seconds;
bool fake_clock_stands;

/* Time passes with each look at the clock. */
uint32_t time_epoch(void) {
    static unsigned looks;
    if (!fake_clock_stands && ++looks % 64 == 0)
        fake_seconds++;
    return 1700000000 + fake_seconds;
}

/* --- the heap --- */

void *kmalloc(size_t bytes) {
    return calloc(1, bytes);
}

void kfree(void *block) {
    free(block);
}

void *kpage_alloc(void) {
    return calloc(1, PAGE_SIZE);
}

void kpage_free(void *page) {
    free(page);
}

/* --- the disk --- */

static struct block_device disk;
static int image = -1;
static int plugs;

void block_plug(void) {
    plugs++;
}

void block_unplug(void) {
    ASSERT(plugs > 0);
    plugs--;
}

int block_flush(struct block_device *device) {
    ASSERT(device == &disk);
    return 0;
}

static int transfer(sector_t sector, unsigned sectors, void *memory, bool write) {
    size_t bytes = sectors * SECTOR_SIZE;
    off_t at = (off_t)sector * SECTOR_SIZE;
    if (sector >= disk.sectors || sectors > disk.sectors - sector)
        return -EIO;
    if (fake_bad_sector - sector < sectors && (!write || fake_write_failures > 0)) {
        fake_write_failures -= write;
        return -EIO;
    }
    *(write ? &fake_sectors_written : &fake_sectors_read) += sectors;
    ssize_t done = write ? pwrite(image, memory, bytes, at) : pread(image, memory, bytes, at);
    ASSERT(done == (ssize_t)bytes);
    return 0;
}

int block_transfer(struct block_device *device, sector_t sector, unsigned sectors, void *buffer, bool write) {
    ASSERT(device == &disk);
    return transfer(sector, sectors, buffer, write);
}

/* --- frames and objects --- */

struct page {
    struct frame frame; /* first */
    uint8_t *data;
    struct list all;
};

static struct list pages = LIST_INITIALIZER(pages); /* of all objects, oldest first */
static struct list objects_alive = LIST_INITIALIZER(objects_alive);
static unsigned page_count, pins, locks, busy;
static bool in_get;

unsigned fake_pages(void) {
    return page_count;
}

unsigned fake_pins(void) {
    return pins;
}

unsigned fake_locks(void) {
    return locks;
}

unsigned fake_objects(void) {
    unsigned count = 0;
    list_for_each (object, &objects_alive, struct object, link) {
        count++;
    }
    return count;
}

static struct page *page_of(const struct frame *frame) {
    return (struct page *)frame;
}

void *frame_data(const struct frame *frame) {
    return page_of(frame)->data;
}

struct frame *object_lookup(struct object *object, pgoff_t index) {
    list_for_each (frame, &object->pages, struct frame, siblings) {
        if (frame->index == index)
            return frame;
    }
    return NULL;
}

static struct frame *page_add(struct object *object, pgoff_t index) {
    struct page *page = calloc(1, sizeof *page);
    page->data = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    memset(page->data, 0xa5, PAGE_SIZE);
    page->frame.state = FRAME_BUSY;
    page->frame.owner = OWNER_OBJECT;
    page->frame.object = object;
    page->frame.index = index;
    list_add_head(&object->pages, &page->frame.siblings);
    list_add_tail(&pages, &page->all);
    object->resident++;
    page_count++;
    return &page->frame;
}

static void release_if_unused(struct object *object) {
    if (object->refs == 0 && object->resident == 0 && object->pager->release) {
        list_remove(&object->link);
        object->pager->release(object);
    }
}

/* The page leaves its object, which is not released for it. */
static void page_remove(struct frame *frame) {
    struct page *page = page_of(frame);
    ASSERT(frame->state == FRAME_ACTIVE && frame->pins == 0);
    frame->object->resident--;
    page_count--;
    list_remove(&frame->siblings);
    list_remove(&page->all);
    free(page->data);
    free(page);
}

void frame_io_begin(struct frame *frame) {
    ASSERT(frame->state == FRAME_BUSY && frame->io_parts == 0);
    frame->io_parts = 1;
    frame->io_error = 0;
}

void frame_io_part(struct frame *frame, struct block_device *device, sector_t sector, unsigned offset,
                   unsigned sectors, int cause UNUSED) {
    ASSERT(device == &disk && frame->io_parts == 1 && sectors > 0);
    ASSERT(offset + sectors * SECTOR_SIZE <= PAGE_SIZE);
    int error = transfer(sector, sectors, page_of(frame)->data + offset, frame->io_write);
    if (error)
        frame->io_error = (int8_t)error;
}

static void clear_tail(struct frame *frame) {
    uint64_t start = (uint64_t)frame->index << PAGE_SHIFT, size = frame->object->size;
    if (start + PAGE_SIZE > size) {
        unsigned from = size > start ? (unsigned)(size - start) : 0;
        memset(page_of(frame)->data + from, 0, PAGE_SIZE - from);
    }
}

void frame_io_end(struct frame *frame, int error) {
    struct object *object = frame->object;
    ASSERT(frame->io_parts == 1);
    frame->io_parts = 0;
    error = error ? error : frame->io_error;
    frame->state = FRAME_ACTIVE;
    busy--;
    if (frame->io_write) {
        frame->io_write = false;
        frame->modified = error != 0;
        frame->sectors = error ? frame->sectors : 0;
        if (error)
            object_write_failed(object, error);
    } else if (error) {
        page_remove(frame);
        object->read_errors++;
    } else {
        clear_tail(frame);
    }
}

static bool taking; /* pages are being written or taken: the daemon's own sleeps take nothing from itself */

static void write_page(struct frame *frame) {
    bool before = taking;
    ASSERT(frame->state == FRAME_ACTIVE && frame->pins == 0);
    taking = true;
    frame->state = FRAME_BUSY;
    frame->io_write = true;
    busy++;
    frame->object->pager->put(frame->object, &frame, 1);
    ASSERT(frame->state == FRAME_ACTIVE);
    taking = before;
}

/* Takes the page from its owner, who may be released for it. False: it is in use, or cannot be written. */
static bool steal(struct frame *frame, bool drop) {
    struct object *object = frame->object;
    if (frame->state != FRAME_ACTIVE || frame->pins)
        return false;
    object->refs++;
    if (frame->modified)
        write_page(frame);
    bool gone = drop && !frame->modified && frame->pins == 0;
    if (gone)
        page_remove(frame);
    object->refs--;
    release_if_unused(object);
    return gone;
}

static struct frame *random_page(void) {
    unsigned skip = chance(page_count);
    list_for_each (page, &pages, struct page, all) {
        if (skip-- == 0)
            return &page->frame;
    }
    return NULL;
}

/* Somebody sleeps: others run. */
static void sleeping_point(void) {
    ASSERT(!in_get);
    if (taking)
        return;
    taking = true;
    if (page_count && chance(100) < fake_pressure)
        steal(random_page(), chance(2));
    for (unsigned tries = 0; page_count > fake_frames && tries < 100; tries++)
        steal(random_page(), true);
    taking = false;
}

void may_sleep(void) {
    sleeping_point();
}

void object_init(struct object *object, const struct pager *pager, uint64_t size) {
    *object = (struct object){.pager = pager, .refs = 1, .size = size};
    list_init(&object->pages);
    list_add_tail(&objects_alive, &object->link);
}

void object_ref(struct object *object) {
    object->refs++;
}

void object_unref(struct object *object) {
    ASSERT(object->refs > 0);
    if (object->refs == 1 && object->pager->unused)
        object->pager->unused(object);
    object->refs--;
    release_if_unused(object);
}

/* One attempt; 1: start over. */
static int page_attempt(struct object *object, pgoff_t index, enum page_access access, bool fresh,
                        struct frame **found) {
    struct frame *frame = object_lookup(object, index);
    ASSERT(!frame || frame->state != FRAME_BUSY); /* one thread: it would sleep for ever */
    if (!frame)
        ASSERT(locks == 0 || object->device); /* a fault may want the mutex to fill it */
    if (!frame && fresh) {
        sleeping_point();
        frame = page_add(object, index);
        memset(page_of(frame)->data, 0, PAGE_SIZE);
        frame->state = FRAME_ACTIVE;
    }
    if (object->pager->prepare && (!frame || access == PAGE_WRITE)) {
        int result = object->pager->prepare(object, index, access);
        if (result)
            return result;
    }
    if (frame) {
        *found = frame;
        return 0;
    }
    unsigned errors = object->read_errors;
    in_get = true;
    busy++;
    object->pager->get(object, index, access, page_add(object, index));
    in_get = false;
    if (object->read_errors != errors)
        return -EIO;
    sleeping_point();
    return 1;
}

static int get(struct object *object, pgoff_t index, enum page_access access, bool fresh,
               struct frame **found) {
    int result, tries = 0;
    do {
        result = page_attempt(object, index, access, fresh, found);
        ASSERT(tries++ < 10000);
    } while (result == 1);
    if (result == 0)
        frame_pin(*found);
    return result;
}

int page_get(struct object *object, pgoff_t index, enum page_access access, struct frame **found) {
    return get(object, index, access, false, found);
}

int page_get_new(struct object *object, pgoff_t index, struct frame **found) {
    return get(object, index, PAGE_READ, true, found);
}

struct frame *page_find(struct object *object, pgoff_t index) {
    struct frame *frame = object_lookup(object, index);
    return frame && frame->state == FRAME_ACTIVE ? frame : NULL;
}

void frame_pin(struct frame *frame) {
    ASSERT(frame->state == FRAME_ACTIVE);
    frame->pins++;
    pins++;
}

void page_put(struct frame *frame) {
    ASSERT(frame->state == FRAME_ACTIVE && frame->pins > 0);
    frame->pins--;
    pins--;
}

void page_modified(struct frame *frame, unsigned from, unsigned to) {
    ASSERT(frame->state == FRAME_ACTIVE && from <= to && to <= PAGE_SIZE);
    if (from < to) {
        frame->modified = true;
        for (unsigned s = from / SECTOR_SIZE; s * SECTOR_SIZE < to; s++)
            frame->sectors |= (uint8_t)(1u << s);
    }
}

void page_put_modified(struct frame *frame, unsigned from, unsigned to) {
    page_modified(frame, from, to);
    page_put(frame);
}

void frame_write_protect(struct frame *frame UNUSED) {
}

void object_truncate(struct object *object, uint64_t size) {
    sleeping_point();
    object->size = size;
    list_for_each_safe (frame, &object->pages, struct frame, siblings) {
        if ((uint64_t)frame->index << PAGE_SHIFT >= size)
            page_remove(frame);
    }
    struct frame *last = object_lookup(object, (pgoff_t)(size >> PAGE_SHIFT));
    if (last)
        clear_tail(last);
    sleeping_point();
}

int object_flush(struct object *object, pgoff_t first, pgoff_t count) {
    ASSERT(locks == 0 || object->device); /* a file's pages may want the lock that is held */
    uint32_t errors = object->write_errors;
    list_for_each (frame, &object->pages, struct frame, siblings) {
        if (frame->index - first < count && frame->modified)
            write_page(frame);
    }
    return object->write_errors != errors ? object->write_error : 0;
}

int object_flush_all(void) {
    int error = 0;
    list_for_each (object, &objects_alive, struct object, link) {
        int one = object_flush(object, 0, UINT32_MAX);
        error = error ? error : one;
    }
    return error;
}

void object_forget(struct object *object, pgoff_t index, unsigned from, unsigned to) {
    struct frame *frame = object_lookup(object, index);
    ASSERT(from % SECTOR_SIZE == 0 && to % SECTOR_SIZE == 0);
    sleeping_point();
    frame = object_lookup(object, index);
    if (!frame)
        return;
    for (unsigned s = from / SECTOR_SIZE; s * SECTOR_SIZE < to; s++)
        frame->sectors &= (uint8_t) ~(1u << s);
    frame->modified = frame->sectors != 0;
}

void object_drop_pages(struct object *object, unsigned keep) {
    list_for_each_safe (frame, &object->pages, struct frame, siblings) {
        if (object->resident > keep && !frame->modified && !frame->pins)
            page_remove(frame);
    }
    release_if_unused(object);
}

pgoff_t object_readahead(struct object *object, pgoff_t first, unsigned count) {
    pgoff_t end = (pgoff_t)(PAGE_UP(object->size) >> PAGE_SHIFT);
    ASSERT(locks == 0);
    pgoff_t i;
    for (i = first; i < end && i - first < count; i++) {
        if (object_lookup(object, i))
            continue;
        in_get = true;
        bool ready = object->pager->ready(object, i);
        if (ready) {
            busy++;
            object->pager->get(object, i, PAGE_READ, page_add(object, i));
        }
        in_get = false;
        if (!ready)
            break;
    }
    return i;
}

/* --- the device's own pages --- */

static struct object device_object;

static void device_get(struct object *object UNUSED, pgoff_t index, enum page_access access UNUSED,
                       struct frame *frame) {
    sector_t sector = index * SECTORS_PER_PAGE;
    frame_io_begin(frame);
    if (sector < disk.sectors)
        frame_io_part(frame, &disk, sector, 0, MIN(SECTORS_PER_PAGE, disk.sectors - sector), BLOCK_META);
    frame_io_end(frame, sector < disk.sectors ? 0 : -EIO);
}

static void device_put(struct object *object UNUSED, struct frame **frames, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        frame_io_begin(frames[i]);
        for (unsigned s = 0; s < SECTORS_PER_PAGE; s++) {
            if (frames[i]->sectors & 1u << s)
                frame_io_part(frames[i], &disk, frames[i]->index * SECTORS_PER_PAGE + s, s * SECTOR_SIZE, 1,
                              BLOCK_META);
        }
        frame_io_end(frames[i], 0);
    }
}

static const struct pager device_pager = {.name = "device", .get = device_get, .put = device_put};

struct object *object_of_device(struct block_device *device) {
    ASSERT(device == &disk);
    return &device_object;
}

struct block_device *fake_disk_open(const char *path) {
    struct stat stat;
    ASSERT(image < 0);
    image = open(path, O_RDWR);
    ASSERT(image >= 0 && fstat(image, &stat) == 0);
    disk = (struct block_device){
        .name = "hda1", .disk = &disk, .sectors = (sector_t)(stat.st_size / SECTOR_SIZE)};
    object_init(&device_object, &device_pager, (uint64_t)disk.sectors * SECTOR_SIZE);
    device_object.device = true;
    fake_sectors_read = fake_sectors_written = 0;
    return &disk;
}

void fake_disk_close(void) {
    ASSERT(pins == 0 && locks == 0 && busy == 0 && plugs == 0);
    while (!list_empty(&pages)) {
        struct frame *frame = &list_first(&pages, struct page, all)->frame;
        struct object *object = frame->object;
        page_remove(frame);
        release_if_unused(object);
    }
    list_remove(&device_object.link);
    close(image);
    image = -1;
}

/* --- sleeping and locking --- */

void wait_on(struct waitq *queue UNUSED) {
    panic("the only thread sleeps");
}

int wait_killable(struct waitq *queue) {
    wait_on(queue);
    return 0;
}

int (*fake_sleep)(void);

int wait_interruptible(struct waitq *queue) {
    if (fake_sleep)
        return fake_sleep();
    wait_on(queue);
    return 0;
}

void waitq_wake_one(struct waitq *queue UNUSED) {
}

void waitq_wake_all(struct waitq *queue UNUSED) {
}

bool wait_killed(void) {
    return false;
}

void mutex_lock(struct mutex *mutex) {
    ASSERT(!mutex->holder);
    sleeping_point();
    mutex->holder = (struct thread *)mutex;
    locks++;
}

void mutex_unlock(struct mutex *mutex) {
    ASSERT(mutex->holder);
    mutex->holder = NULL;
    locks--;
}

/* --- user memory is the test's --- */

static size_t good_bytes(vaddr_t at, size_t bytes) {
    ASSERT(locks == 0);
    sleeping_point();
    if (fake_user_end == 0 || at + bytes <= fake_user_end)
        return bytes;
    return at >= fake_user_end ? 0 : fake_user_end - at;
}

size_t user_copy_in(void *to, vaddr_t from, size_t bytes) {
    size_t good = good_bytes(from, bytes);
    memcpy(to, (const void *)from, good);
    return bytes - good;
}

int user_write(vaddr_t to, const void *from, size_t bytes) {
    return user_copy_out(to, from, bytes) ? -EFAULT : 0;
}

size_t user_copy_out(vaddr_t to, const void *from, size_t bytes) {
    size_t good = good_bytes(to, bytes);
    memcpy((void *)to, from, good);
    return bytes - good;
}

bool fake_user_resident;

/* How many bytes are there: of each second copy the second half would have to be brought in first. */
static size_t resident(vaddr_t user, size_t bytes) {
    static bool turn;
    turn = !turn;
    size_t there = turn || fake_user_resident ? bytes : bytes / 2;
    if (fake_user_end == 0 || user + there <= fake_user_end)
        return there;
    return user >= fake_user_end ? 0 : fake_user_end - user;
}

bool user_copy_in_resident(void *to, vaddr_t from, size_t bytes) {
    size_t there = resident(from, bytes);
    memcpy(to, (const void *)from, there);
    return there == bytes;
}

bool user_copy_out_resident(vaddr_t to, const void *from, size_t bytes) {
    size_t there = resident(to, bytes);
    memcpy((void *)to, from, there);
    return there == bytes;
}

size_t user_clear(vaddr_t to, size_t bytes) {
    size_t good = good_bytes(to, bytes);
    memset((void *)to, 0, good);
    return bytes - good;
}

/* --- memory objects: there are none --- */

bool memobject_is_hole(const struct object *object, pgoff_t index) {
    (void)object;
    (void)index;
    return false;
}

/* --- O_DIRECT: there is none --- */

bool direct_possible(const struct vnode *vnode) {
    (void)vnode;
    return false;
}

long direct_read(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    (void)vnode, (void)buffer, (void)bytes, (void)position;
    return -EINVAL;
}

long direct_write(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position) {
    return direct_read(vnode, buffer, bytes, position);
}

long direct_append(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t *position) {
    return direct_read(vnode, buffer, bytes, *position);
}
