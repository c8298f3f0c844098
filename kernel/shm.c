/*
 * System V shared memory: segments of memory with a name that is a number, which outlive their users.
 *
 * A segment is a memory object (mm/memobject.h); to attach it is to map that object shared. So it is paged
 * like any other memory, and how often it is attached is not kept but counted, from the areas that map it.
 * The table holds one reference; IPC_RMID gives it up, and the segment goes with its last attachment.
 *
 * Source: shmget(2), shmop(2), shmctl(2); ipc(2), the one system call of i386 that stands for them all.
 */
#include "arch/x86/memory.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "kernel/limits.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/systime.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/memobject.h"

#include <linux/ipc.h>
#include <linux/shm.h>

#define SHM_DEST 01000u /* in the mode: removed, and still attached */

struct segment {
    struct object object;
    struct list link;
    int id, key;
    size_t size; /* bytes, as asked for */
    uint32_t mode;
    bool removed;
    int creator, last_user;               /* pids */
    uint32_t attached, detached, changed; /* seconds since 1970 */
};

static struct list segments = LIST_INITIALIZER(segments);

static void release_segment(struct object *object) {
    struct segment *segment = container_of(object, struct segment, object);
    memobject_destroy(object);
    list_remove(&segment->link);
    kfree(segment);
}

static const struct pager segment_pager = {.name = "shm", .release = release_segment};

static uint32_t now_seconds(void) {
    return (uint32_t)(time_since_epoch() / NANOSECONDS_PER_SECOND);
}

static struct segment *find_id(int id) {
    list_for_each (segment, &segments, struct segment, link) {
        if (segment->id == id)
            return segment;
    }
    return NULL;
}

static struct segment *find_key(int key) {
    list_for_each (segment, &segments, struct segment, link) {
        if (segment->key == key && !segment->removed)
            return segment;
    }
    return NULL;
}

/* --- shmget --- */

static long create_segment(int key, size_t size, uint32_t mode) {
    static int last_id;
    if (size == 0 || size >= USER_TOP)
        return -EINVAL;
    struct segment *segment = kmalloc(sizeof *segment);
    if (!segment)
        return -ENOMEM;
    object_init(&segment->object, &segment_pager, PAGE_UP(size));
    list_add_tail(&segments, &segment->link);
    segment->id = last_id = last_id == INT32_MAX ? 1 : last_id + 1;
    segment->key = key;
    segment->size = size;
    segment->mode = mode & 0777;
    segment->creator = process_current()->pid;
    segment->changed = now_seconds();
    int id = segment->id;
    int error = memobject_init(&segment->object);
    if (error)
        object_unref(&segment->object);
    return error ? error : id;
}

long sys_shmget(int key, size_t size, unsigned flags) {
    const struct segment *segment = key == IPC_PRIVATE ? NULL : find_key(key);
    if (!segment && key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    if (!segment)
        return create_segment(key, size, flags);
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    return size > segment->size ? -EINVAL : segment->id;
}

/* --- attaching --- */

/* Where to attach: 0 with *@address page aligned (0: anywhere), or -EINVAL. */
static int attach_place(const struct segment *segment, vaddr_t *address, unsigned flags) {
    vaddr_t inside = *address & PAGE_MASK;
    if (*address == 0)
        return flags & SHM_REMAP ? -EINVAL : 0;
    if (inside && !(flags & SHM_RND))
        return -EINVAL;
    *address -= inside;
    if (*address > USER_TOP - segment->object.size)
        return -EINVAL;
    const struct area *area = space_find_from(process_current()->space, *address);
    bool occupied = area && area->start < *address + segment->object.size;
    return occupied && !(flags & SHM_REMAP) ? -EINVAL : 0;
}

static int attach(struct segment *segment, vaddr_t *address, unsigned flags) {
    int error = attach_place(segment, address, flags);
    if (error)
        return error;
    if (limit_address_space_reached(segment->size))
        return -ENOMEM;
    struct map_request request = {
        .address = *address,
        .length = segment->size,
        .flags = AREA_SHARED | AREA_READ | (flags & SHM_EXEC ? AREA_EXEC : 0u) |
                 (flags & SHM_RDONLY ? 0u : AREA_WRITE | AREA_MAYWRITE),
        .fixed = *address != 0,
        .object = &segment->object,
    };
    error = space_map(process_current()->space, &request, address);
    if (!error) {
        segment->attached = now_seconds();
        segment->last_user = process_current()->pid;
    }
    return error;
}

/* The address, which may look like a negative number but never like an errno. */
long sys_shmat(int id, vaddr_t address, unsigned flags) {
    struct segment *segment = find_id(id);
    if (!segment)
        return -EINVAL;
    object_ref(&segment->object); /* mapping may sleep, and the segment be removed meanwhile */
    int error = attach(segment, &address, flags);
    object_unref(&segment->object);
    return error ? error : (long)address;
}

/* True if @area is a piece of an attachment of @object that began at @base. */
static bool attached_at(const struct area *area, const struct object *object, vaddr_t base) {
    return area->object == object && area->start - base == (vaddr_t)area->object_offset << PAGE_SHIFT;
}

/* Protections may have cut the attachment into several areas, and unmapping have made holes in it. */
long sys_shmdt(vaddr_t address) {
    struct space *space = process_current()->space;
    const struct area *area = space_find(space, address);
    if (!area || !area->object || area->object->pager != &segment_pager ||
        !attached_at(area, area->object, address))
        return -EINVAL;
    struct object *object = area->object;
    struct segment *segment = container_of(object, struct segment, object);
    vaddr_t end = address + (vaddr_t)object->size;
    int error = 0;
    segment->detached = now_seconds();
    segment->last_user = process_current()->pid;
    object_ref(object);
    for (vaddr_t at = address; !error && (area = space_find_from(space, at)) && area->start < end;) {
        vaddr_t start = area->start;
        at = area_end(area);
        if (attached_at(area, object, address))
            error = space_unmap(space, start, at - start);
    }
    object_unref(object);
    return error;
}

/* --- shmctl --- */

static unsigned count_attachments(const struct segment *segment) {
    unsigned count = 0;
    list_for_each (space, &spaces, struct space, link) {
        list_for_each (area, &space->areas, struct area, link) {
            count += area->object == &segment->object && area->object_offset == 0;
        }
    }
    return count;
}

static long write_status(const struct segment *segment, vaddr_t result) {
    struct shmid64_ds status;
    memset(&status, 0, sizeof status);
    status.shm_perm.key = segment->key;
    status.shm_perm.mode = (uint16_t)(segment->mode | (segment->removed ? SHM_DEST : 0));
    status.shm_segsz = segment->size;
    status.shm_atime = segment->attached;
    status.shm_dtime = segment->detached;
    status.shm_ctime = segment->changed;
    status.shm_cpid = segment->creator;
    status.shm_lpid = segment->last_user;
    status.shm_nattch = count_attachments(segment);
    return user_write(result, &status, sizeof status);
}

static long set_status(struct segment *segment, vaddr_t wanted) {
    struct shmid64_ds status;
    int id = segment->id;
    if (user_read(&status, wanted, sizeof status))
        return -EFAULT;
    segment = find_id(id); /* the copy may have slept */
    if (!segment)
        return -EIDRM;
    segment->mode = status.shm_perm.mode & 0777;
    segment->changed = now_seconds();
    return 0;
}

static long remove_segment(struct segment *segment) {
    if (segment->removed)
        return -EIDRM;
    segment->removed = true;
    segment->key = IPC_PRIVATE;
    object_unref(&segment->object);
    return 0;
}

long sys_shmctl(int id, unsigned command, vaddr_t buffer) {
    struct segment *segment = find_id(id);
    if (!segment)
        return -EINVAL;
    switch (command & ~(unsigned)IPC_64) {
    case IPC_STAT:
        return write_status(segment, buffer);
    case IPC_SET:
        return set_status(segment, buffer);
    case IPC_RMID:
        return remove_segment(segment);
    default:
        return -EINVAL;
    }
}

/* --- all in one --- */

static long attach_and_tell(int id, vaddr_t address, unsigned flags, vaddr_t result) {
    uint32_t place = (uint32_t)sys_shmat(id, address, flags);
    bool failed = place % PAGE_SIZE != 0;
    return failed ? (long)place : user_write(result, &place, sizeof place);
}

long sys_ipc(unsigned call, int first, uint32_t second, vaddr_t third, vaddr_t pointer) {
    switch (call & 0xFFFF) {
    case SHMGET:
        return sys_shmget(first, second, (unsigned)third);
    case SHMAT:
        return attach_and_tell(first, pointer, second, third);
    case SHMDT:
        return sys_shmdt(pointer);
    case SHMCTL:
        return sys_shmctl(first, second, pointer);
    default: /* semaphores and message queues */
        return -ENOSYS;
    }
}
