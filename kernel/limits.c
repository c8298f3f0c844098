/*
 * Resource limits: kept for every process, inherited, and obeyed where the kernel can: the stack's size, the
 * size of the address space, locked memory, the number of descriptors. The others are remembered only.
 *
 * Source: getrlimit(2).
 */
#include "kernel/limits.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/vm.h"

#include <linux/capability.h>
#include <linux/resource.h>

#define STACK_STANDARD  (8u << 20)
#define STACK_MOST      (64u << 20) /* what a stack may have when it is not limited at all */
#define LOCKED_STANDARD (8u << 20)

_Static_assert(LIMITS == RLIM_NLIMITS, "Linux's number of limits");

void limits_init(struct resource_limit limits[LIMITS]) {
    for (unsigned i = 0; i < LIMITS; i++)
        limits[i] = (struct resource_limit){LIMIT_UNLIMITED, LIMIT_UNLIMITED};
    limits[RLIMIT_STACK].soft = STACK_STANDARD;
    limits[RLIMIT_NOFILE] = (struct resource_limit){FILES_MAX, FILES_MAX};
    limits[RLIMIT_MEMLOCK] = (struct resource_limit){LOCKED_STANDARD, LOCKED_STANDARD};
    limits[RLIMIT_CORE].soft = 0;
}

static uint64_t soft_limit(unsigned resource) {
    return process_current()->limits[resource].soft;
}

size_t limit_stack(void) {
    return (size_t)MAX(MIN(soft_limit(RLIMIT_STACK), (uint64_t)STACK_MOST), (uint64_t)PAGE_SIZE);
}

bool limit_address_space_reached(size_t more) {
    uint64_t most = soft_limit(RLIMIT_AS);
    struct space_usage usage;
    if (most == LIMIT_UNLIMITED)
        return false;
    space_usage(process_current()->space, &usage);
    return ((uint64_t)usage.virtual << PAGE_SHIFT) + PAGE_UP((uint64_t)more) > most;
}

pgoff_t vm_lock_limit(void) {
    uint64_t pages = capable(CAP_IPC_LOCK) ? VM_LOCK_UNLIMITED : soft_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
    return (pgoff_t)MIN(pages, (uint64_t)VM_LOCK_UNLIMITED);
}

bool limit_locking_forbidden(void) {
    return !capable(CAP_IPC_LOCK) && soft_limit(RLIMIT_MEMLOCK) == 0;
}

int limit_files(void) {
    return (int)MIN(soft_limit(RLIMIT_NOFILE), (uint64_t)FILES_MAX);
}

/* A lower limit holds for the stack in use as well; a higher one for the next program. */
static void limit_current_stack(void) {
    struct space *space = process_current()->space;
    const struct area *stack = space_find(space, space->stack_start);
    if (stack)
        space->stack_limit = area_end(stack) - PAGE_DOWN(limit_stack());
}

static int set_limit(struct process *process, unsigned resource, const struct resource_limit *wanted) {
    if (wanted->soft > wanted->hard)
        return -EINVAL;
    if (wanted->hard > process->limits[resource].hard && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (resource == RLIMIT_NOFILE && wanted->hard > FILES_MAX)
        return -EPERM;
    process->limits[resource] = *wanted;
    if (resource == RLIMIT_STACK && process == process_current())
        limit_current_stack();
    return 0;
}

/* --- the older calls' limits are 32-bit words, all ones meaning none --- */

static uint32_t to_word(uint64_t limit, uint32_t unlimited) {
    return limit > unlimited ? unlimited : (uint32_t)limit;
}

static uint64_t from_word(uint32_t word) {
    return word == UINT32_MAX ? LIMIT_UNLIMITED : word;
}

static long get_words(unsigned resource, vaddr_t result, uint32_t unlimited) {
    if (resource >= LIMITS)
        return -EINVAL;
    const struct resource_limit *limit = &process_current()->limits[resource];
    uint32_t pair[2] = {to_word(limit->soft, unlimited), to_word(limit->hard, unlimited)};
    return user_write(result, pair, sizeof pair);
}

long sys_ugetrlimit(unsigned resource, vaddr_t result) {
    return get_words(resource, result, UINT32_MAX);
}

/* The oldest: its words were signed. */
long sys_getrlimit(unsigned resource, vaddr_t result) {
    return get_words(resource, result, INT32_MAX);
}

long sys_setrlimit(unsigned resource, vaddr_t wanted) {
    uint32_t pair[2];
    if (resource >= LIMITS)
        return -EINVAL;
    if (user_read(pair, wanted, sizeof pair))
        return -EFAULT;
    struct resource_limit limit = {from_word(pair[0]), from_word(pair[1])};
    return set_limit(process_current(), resource, &limit);
}

long sys_prlimit64(int pid, unsigned resource, vaddr_t wanted, vaddr_t result) {
    struct process *process = pid == 0 ? process_current() : process_find(pid);
    struct resource_limit limit;
    if (resource >= LIMITS)
        return -EINVAL;
    if (!process || process->exited)
        return -ESRCH;
    struct resource_limit old = process->limits[resource];
    if (wanted && user_read(&limit, wanted, sizeof limit))
        return -EFAULT;
    int error = wanted ? set_limit(process, resource, &limit) : 0;
    if (!error && result)
        error = user_write(result, &old, sizeof old);
    return error;
}
