/*
 * System calls of memory: Linux's flags and corner cases on one side, mm/space.h on the other.
 */
#include "arch/x86/memory.h"
#include "arch/x86/usercopy.h"
#include "kernel/descriptor.h"
#include "kernel/limits.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/vm.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

_Static_assert(PROT_READ == AREA_READ && PROT_WRITE == AREA_WRITE && PROT_EXEC == AREA_EXEC,
               "protections pass unchanged");

static struct space *current_space(void) {
    return process_current()->space;
}

/* A failed brk returns the break as it is: C libraries compare. */
long sys_brk(vaddr_t wanted) {
    struct space *space = current_space();
    if (wanted > space->brk && limit_address_space_reached(wanted - space->brk))
        wanted = 0;
    return (long)space_brk(space, wanted);
}

/* --- mmap --- */

static unsigned area_flags(unsigned protection, unsigned flags) {
    unsigned area = protection & AREA_PROTECTION;
    if (flags & MAP_LOCKED)
        area |= AREA_LOCKED;
    if ((flags & MAP_TYPE) != MAP_PRIVATE)
        area |= AREA_SHARED;
    if (flags & MAP_GROWSDOWN)
        area |= AREA_GROWSDOWN;
    if ((flags & MAP_NORESERVE) && !vm_options.commit_strict)
        area |= AREA_NORESERVE;
    return area;
}

/*
 * Adds the file's part of the request: its object, and what its open mode allows. /dev/zero has no pages: what is
 * mapped is anonymous memory, private or shared.
 */
static int request_file(struct map_request *request, int fd, pgoff_t page) {
    struct file *file = descriptor_file(fd);
    if (!file)
        return -EBADF;
    if (!file->vnode->has_pages && !file->vnode->of_zeros)
        return -ENODEV;
    unsigned mode = file->flags & O_ACCMODE;
    if (mode == O_WRONLY)
        return -EACCES;
    if (!(request->flags & AREA_SHARED) || mode == O_RDWR)
        request->flags |= AREA_MAYWRITE;
    else if (request->flags & AREA_WRITE)
        return -EACCES;
    if (file->vnode->of_zeros)
        return 0;
    request->object = &file->vnode->object;
    request->object_offset = page;
    if (request->flags & AREA_SHARED)
        request->errors = file->errors;
    return 0;
}

/* The flags that every Linux knows: others are refused with MAP_SHARED_VALIDATE, and ignored without. */
#define OLD_FLAGS                                                                                            \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED |    \
     MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB)

/* What mmap's flags ask for that there is not, or not together: errno, or 0. */
static int check_flags(unsigned flags) {
    unsigned type = flags & MAP_TYPE;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && (flags & MAP_ANONYMOUS))
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && (flags & ~(unsigned)(OLD_FLAGS | MAP_FIXED_NOREPLACE)))
        return -EOPNOTSUPP;
    if ((flags & MAP_LOCKED) && limit_locking_forbidden())
        return -EPERM;
    return flags & MAP_HUGETLB ? -ENOMEM : 0; /* no large pages are set aside */
}

/* MAP_FIXED_NOREPLACE: true if an area lies in the way. */
static bool occupied(vaddr_t address, size_t length) {
    struct area *area = space_find_from(current_space(), address);
    return area && area->start < address + length;
}

static int check_place(vaddr_t address, size_t length, unsigned flags) {
    if (length == 0)
        return -EINVAL;
    if (length > USER_TOP - PAGE_SIZE || limit_address_space_reached(length))
        return -ENOMEM;
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
        return 0;
    if (address & PAGE_MASK)
        return -EINVAL;
    if (address > USER_TOP - PAGE_UP(length))
        return -ENOMEM;
    return (flags & MAP_FIXED_NOREPLACE) && occupied(address, PAGE_UP(length)) ? -EEXIST : 0;
}

static long map(vaddr_t address, size_t length, unsigned protection, unsigned flags, int fd, pgoff_t page) {
    int error = check_flags(flags);
    if (!error)
        error = check_place(address, length, flags);
    if (error)
        return error;
    struct map_request request = {
        .address = address,
        .length = length,
        .flags = area_flags(protection, flags),
        .fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE),
        .populate = flags & MAP_POPULATE,
    };
    if (flags & MAP_ANONYMOUS) {
        request.flags |= AREA_MAYWRITE;
    } else {
        error = request_file(&request, fd, page);
    }
    if (!error)
        error = space_map(current_space(), &request, &address);
    return error ? error : (long)address;
}

long sys_mmap2(vaddr_t address, size_t length, unsigned protection, unsigned flags, int fd, pgoff_t page) {
    return map(address, length, protection, flags, fd, page);
}

/* The older call: its six arguments lie in memory, and the offset is in bytes. */
long sys_mmap(vaddr_t arguments) {
    uint32_t a[6];
    if (user_read(a, arguments, sizeof a))
        return -EFAULT;
    if (a[5] & PAGE_MASK)
        return -EINVAL;
    return map(a[0], a[1], a[2], a[3], (int)a[4], a[5] / PAGE_SIZE);
}

/* --- the others --- */

static bool bad_range(vaddr_t address, size_t length) {
    return (address & PAGE_MASK) || length > USER_TOP || address > USER_TOP - PAGE_UP(length);
}

long sys_munmap(vaddr_t address, size_t length) {
    if (length == 0 || bad_range(address, length))
        return -EINVAL;
    return space_unmap(current_space(), address, length);
}

/* PROT_GROWSDOWN: from the beginning of the area that grows. No area of an i386 grows upwards. */
static int whole_stack(vaddr_t *address, size_t *length, unsigned way) {
    const struct area *area = space_find_from(current_space(), *address);
    if (!area || (way == PROT_GROWSDOWN && area->start >= *address + PAGE_UP(*length)))
        return -ENOMEM;
    if (way == PROT_GROWSUP || !(area->flags & AREA_GROWSDOWN))
        return -EINVAL;
    *length += *address - area->start;
    *address = area->start;
    return 0;
}

long sys_mprotect(vaddr_t address, size_t length, unsigned protection) {
    const unsigned known = AREA_PROTECTION | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;
    const unsigned both = PROT_GROWSDOWN | PROT_GROWSUP;
    if ((address & PAGE_MASK) || (protection & ~known) || (protection & both) == both)
        return -EINVAL;
    if (bad_range(address, length))
        return -ENOMEM;
    if (length == 0)
        return 0;
    if (protection & both) {
        int error = whole_stack(&address, &length, protection & both);
        if (error)
            return error;
    }
    return space_protect(current_space(), address, length, protection & AREA_PROTECTION);
}

long sys_mremap(vaddr_t old, size_t old_length, size_t new_length, unsigned flags, vaddr_t new_place) {
    vaddr_t result;
    if (bad_range(old, old_length) || new_length == 0 || new_length > USER_TOP ||
        (flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)))
        return -EINVAL;
    if ((flags & MREMAP_FIXED) && (!(flags & MREMAP_MAYMOVE) || bad_range(new_place, new_length)))
        return -EINVAL;
    size_t more = flags & MREMAP_DONTUNMAP ? new_length : new_length - MIN(old_length, new_length);
    if (more > 0 && limit_address_space_reached(more))
        return -ENOMEM;
    int error = space_remap(current_space(), old, old_length, new_length, flags, new_place, &result);
    return error ? error : (long)result;
}

static bool locked_in(vaddr_t address, size_t length) {
    struct area *area = space_find_from(current_space(), address);
    for (; area && area->start < address + PAGE_UP(length); area = space_next(current_space(), area))
        if (area->flags & AREA_LOCKED)
            return true;
    return false;
}

long sys_msync(vaddr_t address, size_t length, unsigned flags) {
    if ((flags & ~(unsigned)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (address & PAGE_MASK) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return -EINVAL;
    if (bad_range(address, length))
        return -ENOMEM;
    if ((flags & MS_INVALIDATE) && locked_in(address, length))
        return -EBUSY;
    return length ? space_sync(current_space(), address, length, flags & MS_SYNC) : 0;
}

/* What has no meaning here (huge pages, merging, core dumps) is taken by doing nothing. */
long sys_madvise(vaddr_t address, size_t length, int advice) {
    if (bad_range(address, length))
        return -EINVAL;
    switch (advice) {
    case MADV_DONTNEED:
        return length ? space_discard(current_space(), address, length) : 0;
    case MADV_NORMAL:
        return space_advise(current_space(), address, length, ADVISE_NORMAL);
    case MADV_RANDOM:
        return space_advise(current_space(), address, length, ADVISE_RANDOM);
    case MADV_SEQUENTIAL:
        return space_advise(current_space(), address, length, ADVISE_SEQUENTIAL);
    case MADV_WILLNEED:
        return space_advise(current_space(), address, length, ADVISE_WILLNEED);
    case MADV_FREE:
        return space_advise(current_space(), address, length, ADVISE_FREE);
    case MADV_COLD:
        return space_advise(current_space(), address, length, ADVISE_COLD);
    case MADV_PAGEOUT:
        return space_advise(current_space(), address, length, ADVISE_PAGEOUT);
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
        return space_advise(current_space(), address, length, ADVISE_NOTHING);
    default:
        return -EINVAL;
    }
}

/* --- mlock --- */

static long lock(vaddr_t address, size_t length, bool on_fault) {
    return limit_locking_forbidden() ? -EPERM : space_lock(current_space(), address, length, on_fault);
}

long sys_mlock(vaddr_t address, size_t length) {
    return lock(address, length, false);
}

long sys_mlock2(vaddr_t address, size_t length, unsigned flags) {
    if (flags & ~(unsigned)MLOCK_ONFAULT)
        return -EINVAL;
    return lock(address, length, flags & MLOCK_ONFAULT);
}

long sys_munlock(vaddr_t address, size_t length) {
    return space_unlock(current_space(), address, length);
}

long sys_mlockall(unsigned flags) {
    if (flags == 0 || flags == MCL_ONFAULT || (flags & ~(unsigned)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
        return -EINVAL;
    if (limit_locking_forbidden())
        return -EPERM;
    return space_lock_all(current_space(), flags & MCL_CURRENT, flags & MCL_FUTURE, flags & MCL_ONFAULT);
}

long sys_munlockall(void) {
    return space_unlock_all(current_space());
}

/* --- mincore --- */

/* A byte a page, a page of bytes at a time. */
static long residency(vaddr_t address, size_t length, vaddr_t result, uint8_t *bytes) {
    size_t pages = PAGE_UP(length) / PAGE_SIZE;
    for (size_t done = 0; done < pages;) {
        size_t now = MIN(pages - done, (size_t)PAGE_SIZE);
        int error = space_residency(current_space(), address + done * PAGE_SIZE, now * PAGE_SIZE, bytes);
        if (!error)
            error = user_write(result + done, bytes, now);
        if (error)
            return error;
        done += now;
    }
    return 0;
}

long sys_mincore(vaddr_t address, size_t length, vaddr_t result) {
    if (address & PAGE_MASK)
        return -EINVAL;
    if (bad_range(address, length))
        return -ENOMEM;
    uint8_t *bytes = kpage_alloc();
    if (!bytes)
        return -ENOMEM;
    long error = residency(address, length, result, bytes);
    kpage_free(bytes);
    return error;
}
