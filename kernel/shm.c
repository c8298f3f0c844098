/*
 * System V shared memory: shmget, shmat, shmdt, shmctl.
 *
 * A segment is a memory object (mm/memobject.h) with an id and a key. Attaching it is a shared mapping of the
 * object and nothing more: fork, exit, exec, munmap and page-out know nothing of segments. The count of
 * attaches is not kept but counted, from the areas that show the object, so it cannot be wrong.
 *
 * Lifetime: the table holds one reference until IPC_RMID, each area one. So a removed segment lives on, and
 * can still be attached by its id, until the last area goes; then the object's release frees the entry.
 *
 * Source: shmget(2), shmop(2), shmctl(2); POSIX.1-2017, XSI "sys/shm.h".
 */
#include "kernel/shm.h"

#include "arch/x86/memory.h"
#include "arch/x86/usercopy.h"
#include "kernel/limits.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/memobject.h"
#include "mm/swap.h"
#include "mm/vm.h"

#include <linux/shm.h>

#define PERMISSIONS 0777u
#define SHM_DEST    01000u /* mode of a removed segment that is still attached */
#define SHM_LOCKED  02000u
#define BYTES_MAX   ((size_t)MEMOBJECT_PAGES_MAX << PAGE_SHIFT)

struct segment {
    struct object object;
    int id; /* sequence number * SHM_SEGMENTS_MAX + place in the table */
    int32_t key;
    size_t bytes;
    unsigned mode;
    bool removed;
    int creator, last;
    uint32_t uid, gid, attach_time, detach_time, change_time; /* times in seconds since 1970 */
};

static struct segment *segments[SHM_SEGMENTS_MAX];
static unsigned sequence; /* so that the id of a removed segment is not soon another's */

static uint32_t now(void) {
    return (uint32_t)(time_since_epoch() / NANOSECONDS_PER_SECOND);
}

static pgoff_t pages_of(size_t bytes) {
    return (pgoff_t)(PAGE_UP((uint64_t)bytes) >> PAGE_SHIFT);
}

/* --- the table --- */

static void segment_release(struct object *object) {
    struct segment *segment = container_of(object, struct segment, object);

    segments[(unsigned)segment->id % SHM_SEGMENTS_MAX] = NULL;
    if (object->amap)
        memobject_destroy(object);
    kfree(segment);
}

static const struct pager shm_pager = {.name = "shm", .recounted = true, .release = segment_release};

static struct segment *segment_of(const struct object *object) {
    return object && object->pager == &shm_pager ? container_of(object, struct segment, object) : NULL;
}

static struct segment *find_key(int32_t key) {
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (segments[i] && segments[i]->key == key && !segments[i]->removed)
            return segments[i];
    return NULL;
}

static struct segment *find_id(int id) {
    struct segment *segment = id < 0 ? NULL : segments[(unsigned)id % SHM_SEGMENTS_MAX];
    return segment && segment->id == id ? segment : NULL;
}

static unsigned count_attached(const struct segment *segment) {
    unsigned areas = 0;
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            areas += area->object == &segment->object;
        }
    }
    return areas;
}

/* Pages that all segments may have together. They are promises: a quarter of memory and swap. */
static pgoff_t pages_allowed(void) {
    return (frames_pageable() + swap_total()) / 4;
}

static pgoff_t pages_promised(void) {
    pgoff_t pages = 0;
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (segments[i])
            pages += pages_of(segments[i]->bytes);
    return pages;
}

/* --- shmget --- */

/* A free place of the table, or -ENOSPC. */
static int find_place(pgoff_t pages) {
    pgoff_t promised = pages_promised();
    if (promised + pages > pages_allowed())
        return -ENOSPC;
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (!segments[i])
            return (int)i;
    return -ENOSPC;
}

static struct segment *segment_make(int32_t key, size_t bytes, unsigned flags) {
    struct segment *segment = kmalloc(sizeof *segment);
    if (!segment)
        return NULL;
    object_init(&segment->object, &shm_pager, PAGE_UP((uint64_t)bytes));
    segment->id = -1;
    segment->key = key;
    segment->bytes = bytes;
    segment->mode = flags & PERMISSIONS;
    segment->creator = process_current()->pid;
    segment->change_time = now();
    return segment;
}

/* The memory may be slept for, so the place is looked for, and the key again, when it is there. */
static long create(int32_t key, size_t bytes, unsigned flags) {
    if (bytes == 0 || bytes > BYTES_MAX)
        return -EINVAL;
    struct segment *segment = segment_make(key, bytes, flags);
    if (!segment)
        return -ENOMEM;
    int error = memobject_init(&segment->object, pages_of(bytes));
    int place = error ? error : find_place(pages_of(bytes));
    if (place >= 0 && key != IPC_PRIVATE && find_key(key))
        place = -EEXIST; /* another process was quicker */
    if (place < 0) {
        if (segment->object.amap)
            memobject_destroy(&segment->object);
        list_remove(&segment->object.link);
        kfree(segment);
        return place;
    }
    segment->id = (int)(sequence++ % (0x7FFFFFFFu / SHM_SEGMENTS_MAX) * SHM_SEGMENTS_MAX + (unsigned)place);
    segments[place] = segment;
    return segment->id;
}

long sys_shmget(int key, size_t bytes, unsigned flags) {
    struct segment *segment = key == IPC_PRIVATE ? NULL : find_key(key);
    if (!segment)
        return key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(key, bytes, flags) : -ENOENT;
    if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
        return -EEXIST;
    return bytes > segment->bytes ? -EINVAL : segment->id;
}

/* --- shmat and shmdt --- */

/* Where to attach: *@address, rounded down if that is asked for; 0: anywhere. 0 or -EINVAL. */
static int check_place(vaddr_t *address, unsigned flags, const struct segment *segment) {
    if (*address & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        *address = PAGE_DOWN(*address);
    }
    if (*address == 0)
        return flags & SHM_REMAP ? -EINVAL : 0;
    vaddr_t bytes = (vaddr_t)segment->object.size;
    if (*address > USER_TOP - bytes)
        return -EINVAL;
    struct area *area = space_find_from(process_current()->space, *address);
    bool occupied = area && area->start < *address + bytes;
    return occupied && !(flags & SHM_REMAP) ? -EINVAL : 0;
}

static long attach(int id, vaddr_t address, unsigned flags, vaddr_t *result) {
    struct segment *segment = find_id(id);
    if (!segment)
        return -EINVAL;
    int error = check_place(&address, flags, segment);
    if (error)
        return error;
    if (limit_address_space_reached((size_t)segment->object.size))
        return -ENOMEM;
    struct map_request request = {
        .address = address,
        .length = (size_t)segment->object.size,
        .flags = AREA_READ | AREA_SHARED | (flags & SHM_RDONLY ? 0 : AREA_WRITE | AREA_MAYWRITE) |
                 (flags & SHM_EXEC ? AREA_EXEC : 0),
        .fixed = address != 0,
        .object = &segment->object,
    };
    object_ref(&segment->object); /* mapping may sleep, and the segment be removed meanwhile */
    error = space_map(process_current()->space, &request, result);
    if (!error) {
        segment->attach_time = now();
        segment->last = process_current()->pid;
    }
    object_unref(&segment->object);
    return error;
}

long sys_shmat(int id, vaddr_t address, unsigned flags) {
    vaddr_t result;
    long error = attach(id, address, flags, &result);
    return error ? error : (long)result;
}

/* The first piece of an attach that began at @address, although its beginning may have been unmapped. */
static struct area *find_attach(struct space *space, vaddr_t address) {
    struct area *area = space_find_from(space, address);
    for (; area; area = space_next(space, area))
        if (segment_of(area->object) && area->start - ((vaddr_t)area->object_offset << PAGE_SHIFT) == address)
            return area;
    return NULL;
}

/* Every piece that is left of the attach goes. */
long sys_shmdt(vaddr_t address) {
    struct space *space = process_current()->space;
    struct area *area = address & PAGE_MASK ? NULL : find_attach(space, address);
    if (!area)
        return -EINVAL;
    struct segment *segment = segment_of(area->object);
    int error = 0;
    object_ref(&segment->object);
    segment->detach_time = now();
    segment->last = process_current()->pid;
    while (!error && (area = find_attach(space, address)) != NULL && area->object == &segment->object)
        error = space_unmap(space, area->start, (size_t)area->pages << PAGE_SHIFT);
    object_unref(&segment->object);
    return error;
}

/* --- shmctl --- */

static void describe(const struct segment *segment, struct shm_line *line) {
    *line = (struct shm_line){
        .key = segment->removed ? IPC_PRIVATE : segment->key,
        .id = segment->id,
        .mode = segment->mode | (segment->removed ? SHM_DEST : 0),
        .bytes = segment->bytes,
        .creator = segment->creator,
        .last = segment->last,
        .attached = count_attached(segment),
        .uid = segment->uid,
        .gid = segment->gid,
        .attach_time = segment->attach_time,
        .detach_time = segment->detach_time,
        .change_time = segment->change_time,
        .resident = memobject_resident(&segment->object),
    };
    line->swapped = memobject_pages(&segment->object) - line->resident;
}

static long status(const struct segment *segment, vaddr_t buffer) {
    struct shm_line line;
    describe(segment, &line);
    struct shmid64_ds to = {
        .shm_perm = {.key = line.key,
                     .uid = line.uid,
                     .gid = line.gid,
                     .mode = (__typeof__(to.shm_perm.mode))line.mode,
                     .seq = (__typeof__(to.shm_perm.seq))((unsigned)line.id / SHM_SEGMENTS_MAX)},
        .shm_segsz = line.bytes,
        .shm_atime = line.attach_time,
        .shm_dtime = line.detach_time,
        .shm_ctime = line.change_time,
        .shm_cpid = line.creator,
        .shm_lpid = line.last,
        .shm_nattch = line.attached,
    };
    return user_write(buffer, &to, sizeof to);
}

static long set(int id, vaddr_t buffer) {
    struct shmid64_ds from;
    if (user_read(&from, buffer, sizeof from))
        return -EFAULT;
    struct segment *segment = find_id(id); /* looked for again: the copy may have slept */
    if (!segment)
        return -EIDRM;
    segment->uid = from.shm_perm.uid;
    segment->gid = from.shm_perm.gid;
    segment->mode = (segment->mode & ~PERMISSIONS) | (from.shm_perm.mode & PERMISSIONS);
    segment->change_time = now();
    return 0;
}

/* The id goes from the table's view at once, the memory with the last area. */
static long remove(struct segment *segment) {
    if (segment->removed)
        return 0;
    segment->removed = true;
    object_unref(&segment->object);
    return 0;
}

/* Highest place in use, which ipcs counts up to. */
static int highest_place(void) {
    int highest = 0;
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (segments[i])
            highest = (int)i;
    return highest;
}

static long limits(vaddr_t buffer) {
    struct shminfo64 to = {.shmmax = BYTES_MAX,
                           .shmmin = SHMMIN,
                           .shmmni = SHM_SEGMENTS_MAX,
                           .shmseg = SHM_SEGMENTS_MAX,
                           .shmall = pages_allowed()};
    return user_write(buffer, &to, sizeof to) ? -EFAULT : highest_place();
}

static long totals(vaddr_t buffer) {
    struct shm_info to = {.shm_tot = pages_promised()};
    struct shm_line line;
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++) {
        if (!shm_describe(i, &line))
            continue;
        to.used_ids++;
        to.shm_rss += line.resident;
        to.shm_swp += line.swapped;
    }
    return user_write(buffer, &to, sizeof to) ? -EFAULT : highest_place();
}

/* Of all locked segments: they count as one user's, and each user is bound by the limit of who locks. */
static uint64_t pages_locked(void) {
    uint64_t pages = 0;
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (segments[i] && (segments[i]->mode & SHM_LOCKED))
            pages += object_page_count(&segments[i]->object);
    return pages;
}

static long lock(struct segment *segment) {
    int error = 0;
    if (limit_locking_forbidden())
        return -EPERM;
    if (segment->mode & SHM_LOCKED)
        return 0;
    if (pages_locked() + object_page_count(&segment->object) > vm_lock_limit())
        return -ENOMEM;
    object_ref(&segment->object); /* it may be removed while its pages are read */
    segment->mode |= SHM_LOCKED;
    error = memobject_hold(&segment->object);
    if (error)
        segment->mode &= ~SHM_LOCKED;
    object_unref(&segment->object);
    return error;
}

static long unlock(struct segment *segment) {
    segment->mode &= ~SHM_LOCKED;
    memobject_let_go(&segment->object);
    return 0;
}

/* By the place in the table instead of the id: ipcs. */
static long status_of_place(int place, vaddr_t buffer) {
    struct segment *segment = place < 0 || place >= (int)SHM_SEGMENTS_MAX ? NULL : segments[place];
    if (!segment)
        return -EINVAL;
    int id = segment->id;
    return status(segment, buffer) ? -EFAULT : id;
}

long sys_shmctl(int id, unsigned command, vaddr_t buffer) {
    command &= ~(unsigned)IPC_64; /* the only layout there is */
    if (command == IPC_INFO)
        return limits(buffer);
    if (command == SHM_INFO)
        return totals(buffer);
    if (command == SHM_STAT || command == SHM_STAT_ANY)
        return status_of_place(id, buffer);
    struct segment *segment = find_id(id);
    if (!segment)
        return -EINVAL;
    switch (command) {
    case IPC_STAT:
        return status(segment, buffer);
    case IPC_SET:
        return set(id, buffer);
    case IPC_RMID:
        return remove(segment);
    case SHM_LOCK:
        return lock(segment);
    case SHM_UNLOCK:
        return unlock(segment);
    default:
        return -EINVAL;
    }
}

/* --- ipc: the older door to all of them --- */

long sys_ipc(unsigned call, int first, uint32_t second, vaddr_t third, vaddr_t pointer) {
    vaddr_t result;
    long error;
    switch (call & 0xFFFF) {
    case SHMGET:
        return sys_shmget(first, second, (unsigned)third);
    case SHMAT:
        error = call >> 16 == 1 ? -EINVAL : attach(first, pointer, second, &result);
        return error ? error : user_write(third, &result, sizeof result);
    case SHMDT:
        return sys_shmdt(pointer);
    case SHMCTL:
        return sys_shmctl(first, second, pointer);
    default: /* semaphores and message queues */
        return -ENOSYS;
    }
}

/* --- for /proc --- */

bool shm_key_of(const struct object *object, int32_t *key) {
    struct segment *segment = segment_of(object);
    if (segment)
        *key = segment->key;
    return segment;
}

bool shm_describe(unsigned index, struct shm_line *line) {
    if (index >= SHM_SEGMENTS_MAX || !segments[index])
        return false;
    describe(segments[index], line);
    return true;
}

void shm_count_references(void (*count)(struct object *object)) {
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (segments[i] && !segments[i]->removed)
            count(&segments[i]->object);
}
