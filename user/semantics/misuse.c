/*
 * What each call of memory refuses, and by which error. Also, now and then, what it does not refuse though
 * one might think so.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define BOTH      (PROT_READ | PROT_WRITE)

/* Of the system call ipc, which on i386 stands for all of them: shmctl, with the newer structure. */
enum { IPC_SHMCTL = 24, IPC_64 = 0x100 };

static void *map(size_t length, int protection, int flags, int descriptor) {
    return mmap(NULL, length, protection, flags, descriptor, 0);
}

static void mmap_arguments(void) {
    char *page = some_pages(1);
    fact_mapped("mmap of 0 bytes", map(0, BOTH, ANONYMOUS, -1));
    fact_mapped("mmap neither shared nor private", map(PAGE, BOTH, MAP_ANONYMOUS, -1));
    fact_mapped("mmap of nearly 4 GiB", map(UINT32_MAX - PAGE, BOTH, ANONYMOUS | MAP_NORESERVE, -1));
    fact_mapped("mmap of memory to be validated",
                mmap(NULL, PAGE, BOTH, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
    fact_mapped("mmap with a flag to be validated that there is not",
                mmap(NULL, PAGE, BOTH, MAP_SHARED_VALIDATE | 0x800000, some_file(PAGE), 0));
    fact_mapped("mmap fixed at an odd address", mmap(page + 1, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0));
    fact_mapped("mmap with an odd address as a hint", mmap(page + 1, PAGE, BOTH, ANONYMOUS, -1, 0));
    fact_mapped("mmap fixed over the end of the address space",
                mmap((char *)-PAGE, 2 * PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0));
    fact_mapped("mmap fixed but not in place of another, where one is",
                mmap(page, PAGE, BOTH, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    fact_mapped("mmap of one byte", map(1, BOTH, ANONYMOUS, -1));
    fact_mapped("mmap without any protection", map(PAGE, PROT_NONE, ANONYMOUS, -1));
    long old_call[6] = {0, PAGE, PROT_READ, MAP_PRIVATE, some_file(PAGE), 100};
    fact_call("the old mmap with an odd offset", syscall(SYS_mmap, old_call));
}

static void mmap_files(void) {
    const char *name = some_named_file(PAGE);
    int reader = open(name, O_RDONLY), writer = open(name, O_WRONLY), ends[2];
    unlink(name);
    if (pipe(ends) != 0)
        fail_errno("pipe");
    fact_mapped("mmap of no file", map(PAGE, PROT_READ, MAP_PRIVATE, -1));
    fact_mapped("mmap of a closed descriptor", map(PAGE, PROT_READ, MAP_PRIVATE, 777));
    fact_mapped("mmap of a pipe", map(PAGE, PROT_READ, MAP_PRIVATE, ends[0]));
    fact_mapped("mmap of a directory", map(PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY)));
    fact_mapped("mmap of a file opened for writing only", map(PAGE, PROT_WRITE, MAP_SHARED, writer));
    fact_mapped("mmap, shared and writable, of a file opened for reading",
                map(PAGE, BOTH, MAP_SHARED, reader));
    fact_mapped("mmap, shared and read-only, of it", map(PAGE, PROT_READ, MAP_SHARED, reader));
    fact_mapped("mmap, private and writable, of it", map(PAGE, BOTH, MAP_PRIVATE, reader));
    char *shared = map(PAGE, PROT_READ, MAP_SHARED, reader);
    fact_call("mprotect to writing of the shared mapping of it", mprotect(shared, PAGE, BOTH));
    fact_mapped("mmap far past a file's end", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 1 << 30));
}

static void munmap_arguments(void) {
    char *pages = lonely_pages(3);
    fact_call("munmap at an odd address", munmap(pages + 1, PAGE));
    fact_call("munmap of 0 bytes", munmap(pages, 0));
    fact_call("munmap over the end of the address space", munmap((char *)-PAGE, 2 * PAGE));
    fact_call("munmap of part of a page", munmap(pages, 1));
    fact("the page is gone", "%s", reading(pages));
    fact_call("munmap where nothing is", munmap(pages, PAGE));
    fact_call("munmap of a range with a hole", munmap(pages, 3 * PAGE));
}

static void mprotect_arguments(void) {
    char *pages = lonely_pages(3);
    munmap(pages + PAGE, PAGE);
    fact_call("mprotect at an odd address", mprotect(pages + 1, PAGE, PROT_READ));
    fact_call("mprotect of 0 bytes", mprotect(pages, 0, PROT_READ));
    fact_call("mprotect to something unknown", mprotect(pages, PAGE, 0x100));
    fact_call("mprotect up and down at once",
              mprotect(pages, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    fact_call("mprotect down from memory that does not grow",
              mprotect(pages, PAGE, PROT_READ | PROT_GROWSDOWN));
    fact_call("mprotect upwards", mprotect(pages, PAGE, PROT_READ | PROT_GROWSUP));
    char *stack = mmap(NULL, 3 * PAGE, BOTH, ANONYMOUS | MAP_GROWSDOWN, -1, 0);
    fact_call("mprotect down from the end of a stack",
              mprotect(stack + 2 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
    fact("write at its other end afterwards", "%s", writing(stack));
    fact_call("mprotect of a range with a hole", mprotect(pages, 3 * PAGE, PROT_READ));
    fact("write before the hole afterwards", "%s", writing(pages));
    fact("write behind the hole afterwards", "%s", writing(pages + 2 * PAGE));
    fact_call("mprotect where nothing is", mprotect(pages + PAGE, PAGE, PROT_READ));
}

static long remap(void *old, size_t old_length, size_t length, int flags, void *place) {
    return (long)mremap(old, old_length, length, flags, place) == -1 ? -1 : 0;
}

static void mremap_arguments(void) {
    char *pages = lonely_pages(4);
    fact_call("mremap at an odd address", remap(pages + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL));
    fact_call("mremap to 0 bytes", remap(pages, PAGE, 0, MREMAP_MAYMOVE, NULL));
    fact_call("mremap with unknown flags", remap(pages, PAGE, PAGE, 64, NULL));
    fact_call("mremap to a fixed place without leave to move",
              remap(pages, PAGE, PAGE, MREMAP_FIXED, pages + 2 * PAGE));
    fact_call("mremap to an odd place",
              remap(pages, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, pages + 2 * PAGE + 1));
    fact_call("mremap to a place that overlaps the old one",
              remap(pages, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, pages + PAGE));
    fact_call("mremap of nothing", remap(nowhere(), PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL));
    fact_call("mremap, growing, with no room and no leave to move", remap(pages, PAGE, 2 * PAGE, 0, NULL));
    fact_call("mremap, growing, of more than is mapped",
              remap(pages, 8 * PAGE, 9 * PAGE, MREMAP_MAYMOVE, NULL));
    fact_call("mremap of 0 bytes of private memory", remap(pages, 0, PAGE, MREMAP_MAYMOVE, NULL));
    mprotect(pages + PAGE, PAGE, PROT_READ);
    fact_call("mremap, growing, of two areas at once",
              remap(pages, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, NULL));
}

static void msync_arguments(void) {
    char *pages = lonely_pages(3);
    munmap(pages + PAGE, PAGE);
    fact_call("msync at an odd address", msync(pages + 1, PAGE, MS_SYNC));
    fact_call("msync at once and later", msync(pages, PAGE, MS_SYNC | MS_ASYNC));
    fact_call("msync with unknown flags", msync(pages, PAGE, 64));
    fact_call("msync of anonymous memory", msync(pages, PAGE, MS_SYNC));
    fact_call("msync of a range with a hole", msync(pages, 3 * PAGE, MS_SYNC));
    fact_call("msync of a range with a hole, later", msync(pages, 3 * PAGE, MS_ASYNC));
    fact_call("msync of 0 bytes", msync(pages, 0, MS_SYNC));
}

static void madvise_arguments(void) {
    char *pages = lonely_pages(3), *file = shared_pages(some_file(PAGE), 1);
    munmap(pages + PAGE, PAGE);
    fact_call("madvise with unknown advice", madvise(pages, PAGE, 77));
    fact_call("madvise at an odd address", madvise(pages + 1, PAGE, MADV_NORMAL));
    fact_call("madvise of 0 bytes", madvise(pages, 0, MADV_DONTNEED));
    fact_call("madvise of a range with a hole", madvise(pages, 3 * PAGE, MADV_NORMAL));
    fact_call("MADV_DODUMP of a range with a hole", madvise(pages, 3 * PAGE, MADV_DODUMP));
    pages[2 * PAGE] = 'x';
    fact_call("MADV_DONTNEED of a range with a hole", madvise(pages, 3 * PAGE, MADV_DONTNEED));
    fact_true("it was done behind the hole too", pages[2 * PAGE] == 0);
    fact_call("MADV_FREE of a mapped file", madvise(file, PAGE, MADV_FREE));
    fact_call("MADV_WILLNEED of a mapped file", madvise(file, PAGE, MADV_WILLNEED));
    fact_call("MADV_SEQUENTIAL", madvise(file, PAGE, MADV_SEQUENTIAL));
    fact_call("MADV_RANDOM", madvise(file, PAGE, MADV_RANDOM));
    fact_call("MADV_COLD", madvise(file, PAGE, MADV_COLD));
    fact_call("MADV_PAGEOUT", madvise(file, PAGE, MADV_PAGEOUT));
    if (mlock(pages, PAGE) != 0)
        fail_errno("mlock");
    fact_call("MADV_DONTNEED of locked memory", madvise(pages, PAGE, MADV_DONTNEED));
}

static void mincore_arguments(void) {
    unsigned char vector[8];
    char *pages = lonely_pages(2);
    fact_call("mincore at an odd address", mincore(pages + 1, PAGE, vector));
    fact_call("mincore where nothing is", mincore(nowhere(), PAGE, vector));
    fact_call("mincore over a mapping's end", mincore(pages, 3 * PAGE, vector));
    fact_call("mincore into a bad vector", mincore(pages, PAGE, (unsigned char *)nowhere()));
    fact_call("mincore of 0 bytes", mincore(pages, 0, vector));
}

static void mlock_arguments(void) {
    char *pages = lonely_pages(3);
    munmap(pages + PAGE, PAGE);
    fact_call("mlock where nothing is", mlock(nowhere(), PAGE));
    fact_call("mlock of a range with a hole", mlock(pages, 3 * PAGE));
    fact_call("munlock of a range with a hole", munlock(pages, 3 * PAGE));
    fact_call("mlock at an odd address", mlock(pages + 100, 10));
    fact_call("munlock at an odd address", munlock(pages + 100, 10));
    fact_call("mlock of 0 bytes", mlock(pages, 0));
    fact_call("munlock of what is not locked", munlock(pages, PAGE));
    char *closed = mmap(NULL, PAGE, PROT_NONE, ANONYMOUS, -1, 0), *behind = shared_pages(some_file(PAGE), 2);
    fact_call("mlock of what nobody may touch", mlock(closed, PAGE));
    fact_call("mlock behind a file's end", mlock(behind, 2 * PAGE));
    fact_call("munlock of them", munlock(closed, PAGE) + munlock(behind, 2 * PAGE));
    fact_call("mlockall of nothing", mlockall(0));
    fact_call("mlockall with unknown flags", mlockall(64));
    fact_call("munlockall", munlockall());
}

static void brk_arguments(void) {
    long now = syscall(SYS_brk, 0);
    fact_true("brk below the heap changes nothing", syscall(SYS_brk, 4096) == now);
    fact_true("brk into the kernel changes nothing", syscall(SYS_brk, 0xfffff000u) == now);
    fact_true("brk keeps an odd value", syscall(SYS_brk, now + 1001) == now + 1001);
    fact_true("the break is where it was put", syscall(SYS_brk, 0) == now + 1001);
    fact_true("and goes back", syscall(SYS_brk, now) == now);
}

static long attach(int id, void *place, int flags) {
    return (long)shmat(id, place, flags) == -1 ? -1 : 0;
}

static void mknod_arguments(void) {
    static const unsigned types[] = {S_IFDIR, S_IFLNK, S_IFMT, 0030000, 0050000, 0110000, 0130000, 0150000};
    for (unsigned i = 0; i < COUNT_OF(types); i++)
        fact_call("mknod of a type that it does not make", mknod("semantics.node", types[i] | 0600, 0));
    fact_call("of which nothing is left", access("semantics.node", F_OK));
}

static void shm_arguments(void) {
    char *page = some_pages(1);
    struct shmid_ds status;
    int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600), key = 0x5e3a0000 + getpid();
    fact_call("shmget of 0 bytes", shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    fact_call("shmget of a key that nobody has", shmget(key, PAGE, 0));
    int named = shmget(key, PAGE, IPC_CREAT | 0600);
    fact_true("shmget of it again gives the same segment", shmget(key, PAGE, IPC_CREAT | 0600) == named);
    fact_call("shmget of it, to be made new", shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    fact_call("shmget of it, larger than it is", shmget(key, 2 * PAGE, 0));
    fact_call("shmat of no segment", attach(0x7ffffff0, NULL, 0));
    fact_call("shmat at an odd address", attach(id, page + 1, 0));
    fact_call("shmat where something is", attach(id, page, 0));
    fact_call("shmat where something is, in its place", attach(id, page, SHM_REMAP));
    fact_call("shmdt where nothing is attached", shmdt(some_pages(1)));
    fact_call("shmctl of no segment", shmctl(0x7ffffff0, IPC_STAT, &status));
    fact_call("shmctl with an unknown command", shmctl(id, 77, &status));
    fact_call("shmctl into bad memory", syscall(SYS_ipc, IPC_SHMCTL, id, IPC_STAT | IPC_64, 0, nowhere()));
    shmctl(id, IPC_RMID, NULL);
    shmctl(named, IPC_RMID, NULL);
}

static const struct group groups[] = {
    {"mmap", mmap_arguments},       {"mmap of files", mmap_files},
    {"munmap", munmap_arguments},   {"mprotect", mprotect_arguments},
    {"mremap", mremap_arguments},   {"msync", msync_arguments},
    {"madvise", madvise_arguments}, {"mincore", mincore_arguments},
    {"mlock", mlock_arguments},     {"brk", brk_arguments},
    {"mknod", mknod_arguments},     {"shared memory segments", shm_arguments},
};
THEME(misuse, "calls that are refused, and by which error", groups);
