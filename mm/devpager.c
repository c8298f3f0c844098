/*
 * The device pager: a block device as an object, whose page i is sectors 8i to 8i+7. File systems keep their
 * metadata in these pages; there is no second cache.
 *
 * A page of the device may hold a metadata block beside blocks of a file's data, and those live in the file's
 * own pages. So a page is never written whole: frame->sectors tells which sectors were modified, and only
 * these are.
 */
#include "drivers/block.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"

#define DEVICES_MAX 8

struct device_object {
    struct object object;
    struct block_device *device;
};

static struct device_object *device_objects[DEVICES_MAX];

static struct block_device *device_of(struct object *object) {
    return container_of(object, struct device_object, object)->device;
}

/* Sectors of the page that exist: the last page of a device may be short. */
static unsigned sectors_of_page(const struct block_device *device, pgoff_t index) {
    sector_t first = index * SECTORS_PER_PAGE;

    return first >= device->sectors ? 0 : MIN(SECTORS_PER_PAGE, device->sectors - first);
}

static void device_get(struct object *object, pgoff_t index, enum page_access access, struct frame *frame) {
    struct block_device *device = device_of(object);
    unsigned sectors = sectors_of_page(device, index);

    (void)access;
    frame_io_begin(frame);
    if (sectors > 0)
        frame_io_part(frame, device, index * SECTORS_PER_PAGE, 0, sectors, BLOCK_META);
    frame_io_end(frame, sectors > 0 ? 0 : -EIO);
}

/* Starts the write of each run of modified sectors of one page. */
static void put_frame(struct block_device *device, struct frame *frame) {
    unsigned end = sectors_of_page(device, frame->index);
    unsigned run;

    frame_io_begin(frame);
    for (unsigned s = 0; s < end; s += run) {
        for (run = 1; s + run < end && (frame->sectors >> (s + run) & 1) == (frame->sectors >> s & 1); run++)
            ;
        if (frame->sectors >> s & 1)
            frame_io_part(frame, device, frame->index * SECTORS_PER_PAGE + s, s * SECTOR_SIZE, run,
                          BLOCK_META);
    }
    frame_io_end(frame, 0);
}

static void device_put(struct object *object, struct frame **frames, unsigned total) {
    for (unsigned i = 0; i < total; i++)
        put_frame(device_of(object), frames[i]);
}

static const struct pager device_pager = {
    .name = "device",
    .get = device_get,
    .put = device_put,
};

struct object *object_of_device(struct block_device *device) {
    struct device_object *made;
    unsigned i;

    for (i = 0; i < DEVICES_MAX && device_objects[i] != NULL; i++)
        if (device_objects[i]->device == device)
            return &device_objects[i]->object;
    if (i == DEVICES_MAX)
        panic("more than %d block devices in use", DEVICES_MAX);
    made = kmalloc(sizeof(*made));
    if (made == NULL)
        return NULL;
    object_init(&made->object, &device_pager, (uint64_t)device->sectors * SECTOR_SIZE);
    made->object.device = true;
    made->device = device;
    device_objects[i] = made;
    return &made->object;
}
