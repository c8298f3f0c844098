/* Memory that is new: whatever way it is had, it is zero before its owner has written to it. */
#include "user/secrets/secrets.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define BOTH (PROT_READ | PROT_WRITE)

static unsigned soil; /* pages to soil before each look */

static void look_at_read(const char *what, const void *memory, size_t bytes) {
    soil_frames(soil);
    expect_zeros(what, memory, bytes);
}

/* Each page is written to at one place and looked at everywhere else, so that it is there and not just zero. */
static void look_at_written(const char *what, char *memory, unsigned pages) {
    soil_frames(soil);
    for (unsigned i = 0; i < pages; i++) {
        char *byte = memory + i * PAGE + (i * 67) % PAGE;
        *byte = 1;
        *byte = 0;
    }
    expect_zeros(what, memory, pages * PAGE);
}

static void *map(unsigned pages, int flags, int file) {
    void *memory = mmap(NULL, pages * PAGE, BOTH, flags, file, 0);
    if (memory == MAP_FAILED)
        fail_errno("mmap");
    return memory;
}

static void look_at_brk(unsigned pages) {
    char *top = sbrk(0);
    size_t odd = (uintptr_t)top % PAGE;
    if (sbrk((intptr_t)(pages * PAGE)) == (void *)-1)
        fail_errno("sbrk");
    look_at_read("brk, read first", top, (pages / 2) * PAGE - odd);
    look_at_written("brk", top + (pages / 2) * PAGE - odd, pages / 2);
    sbrk(-(intptr_t)(pages * PAGE));
    sbrk((intptr_t)(pages * PAGE));
    look_at_read("brk, taken back and again", top, pages * PAGE);
    sbrk(-(intptr_t)(pages * PAGE));
}

/* Below all that this function's callers have used. */
static __attribute__((noinline)) void look_at_stack(void) {
    volatile char here;
    char *low = (char *)((uintptr_t)&here & ~(uintptr_t)(PAGE - 1));
    look_at_read("the stack, where it has never been", low - 120 * PAGE, 100 * PAGE);
}

static void look_at_growing(unsigned pages) {
    char *memory = map(pages, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(memory, 1, PAGE);
    munmap(memory + PAGE, (pages - 1) * PAGE);
    memory = mremap(memory, PAGE, pages * PAGE, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED)
        fail_errno("mremap");
    look_at_read("mremap, what it has added", memory + PAGE, (pages - 1) * PAGE);
    memset(memory, secret, pages * PAGE);
    madvise(memory, pages * PAGE, MADV_DONTNEED);
    look_at_read("what has been given back by MADV_DONTNEED", memory, pages * PAGE);
    munmap(memory, pages * PAGE);
}

static void look_at_shared(unsigned pages) {
    int segment = shmget(IPC_PRIVATE, pages * PAGE, 0600);
    char *memory = shmat(segment, NULL, 0);
    if (segment < 0 || memory == (void *)-1)
        fail_errno("shmat");
    look_at_written("a shared memory segment", memory, pages);
    shmctl(segment, IPC_RMID, NULL);
    shmdt(memory);
    int file = memfd_create("secrets", 0);
    if (file < 0 || ftruncate(file, (off_t)pages * (off_t)PAGE) != 0)
        fail_errno("memfd_create");
    look_at_written("a memfd, mapped", map(pages, MAP_SHARED, file), pages);
    close(file);
}

void look_at_memory(unsigned pages) {
    soil = pages / 2;
    char *memory = map(pages, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    look_at_read("private pages, read first", memory, (pages / 2) * PAGE);
    look_at_written("private pages, written first", memory + (pages / 2) * PAGE, pages / 2);
    munmap(memory, pages * PAGE);
    memory = map(pages / 2, MAP_SHARED | MAP_ANONYMOUS, -1);
    look_at_written("shared pages", memory, pages / 2);
    munmap(memory, (pages / 2) * PAGE);
    look_at_brk(64);
    look_at_stack();
    look_at_growing(64);
    look_at_shared(64);
}
