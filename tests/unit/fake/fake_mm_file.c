/*
 * A file system of one run of sectors a file: just enough of a pager for mm's tests, with the habits that
 * make pagers hard: prepare() may sleep, a page moves in two pieces, and the end of the last page is not the
 * file's.
 */
#include "fake_mm.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/frame.h"
#include "mm/memobject.h"

static struct fake_file *file_of(struct object *object) {
    return container_of(object, struct fake_file, object);
}

static int file_prepare(struct object *object, pgoff_t index UNUSED, enum page_access access) {
    struct fake_file *file = file_of(object);

    may_sleep();
    if (access == PAGE_WRITE && file->prepare_error != 0)
        return file->prepare_error;
    if (file->map_reads == 0 && !fake_chance(file->sleeps))
        return 0;
    file->map_reads -= file->map_reads > 0;
    fake_yield();
    return 1;
}

static bool file_ready(struct object *object, pgoff_t index UNUSED) {
    return file_of(object)->map_reads == 0 && !fake_chance(file_of(object)->sleeps);
}

static void transfer(struct fake_file *file, struct frame *frame) {
    sector_t sector = file->sector + frame->index * SECTORS_PER_PAGE;
    unsigned half = SECTORS_PER_PAGE / 2;

    frame_io_part(frame, &file->disk->device, sector, 0, half, BLOCK_FILE);
    frame_io_part(frame, &file->disk->device, sector + half, PAGE_SIZE / 2, half, BLOCK_FILE);
}

static void file_get(struct object *object, pgoff_t index UNUSED, enum page_access access UNUSED,
                     struct frame *frame) {
    file_of(object)->gets++;
    frame_io_begin(frame);
    transfer(file_of(object), frame);
    frame_io_end(frame, 0);
}

/* What lies past the end is somebody else's on the disk. */
static void clear_tail(struct object *object, struct frame *frame) {
    uint64_t start = (uint64_t)frame->index << PAGE_SHIFT;
    unsigned valid = start >= object->size ? 0 : (unsigned)MIN(object->size - start, (uint64_t)PAGE_SIZE);

    memset((uint8_t *)frame_data(frame) + valid, 0, PAGE_SIZE - valid);
}

static void file_put(struct object *object, struct frame **frames, unsigned count) {
    struct fake_file *file = file_of(object);

    file->puts++;
    for (unsigned i = 0; i < count; i++) {
        ASSERT(i == 0 || frames[i]->index == frames[i - 1]->index + 1);
        if (fake_chance(file->sleeps))
            fake_yield();
        file->put_pages++;
        frame_io_begin(frames[i]);
        clear_tail(object, frames[i]);
        transfer(file, frames[i]);
        frame_io_end(frames[i], 0);
    }
}

static void file_unused(struct object *object) {
    file_of(object)->unused++;
}

static void file_release(struct object *object) {
    ASSERT(object->refs == 0 && object->resident == 0);
    file_of(object)->released++;
}

static const struct pager file_pager = {
    .name = "file",
    .prepare = file_prepare,
    .get = file_get,
    .put = file_put,
    .ready = file_ready,
    .unused = file_unused,
    .release = file_release,
};

void fake_file_init(struct fake_file *file, struct fake_disk *disk, sector_t sector, uint64_t size) {
    *file = (struct fake_file){.disk = disk, .sector = sector};
    object_init(&file->object, &file_pager, size);
}

/* A file in memory is as long as memory has room for its pages (fs/tmpfs.c). */
static int memory_prepare(struct object *object, pgoff_t index, enum page_access access) {
    (void)object, (void)index, (void)access;
    return commit_possible(1) ? 0 : -ENOSPC;
}

/* A memory object's pages are mm's business: there is nothing to transfer. */
static const struct pager memory_pager = {
    .name = "memory",
    .prepare = memory_prepare,
    .release = file_release,
};

void fake_memory_init(struct fake_file *file, uint64_t size) {
    *file = (struct fake_file){.disk = NULL};
    object_init(&file->object, &memory_pager, size);
    ASSERT(memobject_init(&file->object, AMAP_PROMISED_EACH) == 0);
}
