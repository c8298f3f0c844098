/*
 * Memory that several processes use: private memory after fork, which is copied when it is written and not
 * before, and memory that is shared on purpose: anonymous, System V's segments, /dev/shm.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

enum { PAGES = 32 };

static void fill(char *pages, char first) {
    for (unsigned i = 0; i < PAGES; i++)
        memset(pages + i * PAGE, first + (int)(i % 8), PAGE);
}

static bool filled(const char *pages, char first) {
    for (unsigned i = 0; i < PAGES; i++)
        if (!all_bytes(pages + i * PAGE, PAGE, (char)(first + (int)(i % 8))))
            return false;
    return true;
}

/* --- fork ---------------------------------------------------------------------------------------- */

static int see_and_change(void *argument) {
    char *pages = argument;
    bool seen = filled(pages, 'a');
    fill(pages, 'A');
    return seen && filled(pages, 'A') ? 0 : 1;
}

static void copies(void) {
    char *pages = some_pages(PAGES);
    fill(pages, 'a');
    fact("fork: the child sees what was, and changes its copy (0: yes)", "%d",
         in_child(see_and_change, pages));
    fact_true("the parent's is as before", filled(pages, 'a'));
    page_out(pages, PAGES);
    fact("the same with the pages out of memory", "%d", in_child(see_and_change, pages));
    fact_true("the parent's is as before, again", filled(pages, 'a'));
}

static int page_out_and_see(void *argument) {
    page_out(argument, PAGES);
    return see_and_change(argument);
}

static int fork_again(void *argument) {
    return in_child(page_out_and_see, argument) + 2 * in_child(see_and_change, argument);
}

static void generations(void) {
    char *pages = some_pages(PAGES);
    fill(pages, 'a');
    fact("a child pages out what it shares", "%d", in_child(page_out_and_see, pages));
    fact("grandchildren see and change theirs", "%d", in_child(fork_again, pages));
    fact_true("the parent's is as before", filled(pages, 'a'));
}

/* The parent changes; the child, which waits meanwhile, must not see it. */
static void parent_changes(void) {
    char *pages = some_pages(PAGES), byte;
    int ends[2];
    fill(pages, 'a');
    if (pipe(ends) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        read(ends[0], &byte, 1);
        _exit(filled(pages, 'a') ? 0 : 1);
    }
    fill(pages, 'B');
    write(ends[1], "x", 1);
    fact("the parent changes its own while the child waits (0: unseen)", "%d", wait_for(pid));
}

static int protection_of_child(void *argument) {
    char *pages = argument;
    return (strcmp(writing(pages), "fine") != 0) + 2 * (strcmp(writing(pages + PAGE), "fine") == 0);
}

static int unmap_in_child(void *argument) {
    return munmap(argument, 2 * PAGE);
}

static void own_space(void) {
    char *pages = some_pages(2);
    mprotect(pages, PAGE, PROT_READ);
    fact("a child has the parent's protections (3: yes)", "%d", 3 - (protection_of_child(pages) ^ 3));
    fact("and may unmap", "%d", in_child(unmap_in_child, pages));
    fact("the parent's remains", "%s", reading(pages));
}

/* vfork: the child runs in the parent's memory, and the parent waits. */
static void borrowed(void) {
    static volatile int value;
    value = 1;
    int pid = vfork();
    if (pid == 0) {
        value = 2;
        _exit(0);
    }
    wait_for(pid);
    fact("a store of vfork's child", "%d", value);
}

/* --- shared anonymous memory --------------------------------------------------------------------- */

static int change_shared(void *argument) {
    char *pages = argument;
    bool seen = filled(pages, 'a');
    fill(pages, 'A');
    page_out(pages, PAGES);
    return seen ? 0 : 1;
}

static void anonymous(void) {
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fact_true("shared anonymous memory begins as zero", all_bytes(pages, PAGES * PAGE, 0));
    fill(pages, 'a');
    fact("a child sees what was stored before (0: yes)", "%d", in_child(change_shared, pages));
    fact_true("the parent sees what the child stored", filled(pages, 'A'));
    page_out(pages, PAGES);
    fact_true("and again after the pages were out", filled(pages, 'A'));
    mprotect(pages, PAGE, PROT_READ);
    fact("a store to a page of it made read-only", "%s", writing(pages));
}

/* Shared anonymous memory is as long as it was made: mremap may show more, but there is no more. */
static void grown(void) {
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pages[PAGE] = 'b';
    pages = mremap(pages, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    fact_mapped("mremap of shared anonymous memory to more than it is", pages);
    fact("what was there", "%c", pages[PAGE]);
    fact("reading what was not", "%s", reading(pages + 2 * PAGE));
    fact("writing it", "%s", writing(pages + 3 * PAGE));
    char *again = mremap(pages + PAGE, 0, PAGE, MREMAP_MAYMOVE);
    fact("its second page, mapped once more", "%c", again == MAP_FAILED ? '?' : again[0]);
}

static int store_late(void *argument) {
    char *pages = argument;
    pages[3 * PAGE] = 'C';
    return 0;
}

/* A page that nobody had touched when the process forked must be one page afterwards, not two. */
static void untouched(void) {
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    in_child(store_late, pages);
    fact("a page first touched by the child", "%c", pages[3 * PAGE]);
}

/* --- System V ------------------------------------------------------------------------------------ */

static int store_and_detach(void *argument) {
    char *pages = argument;
    bool seen = pages[0] == 'a';
    pages[PAGE] = 'C';
    return seen ? shmdt(pages) : 5;
}

static struct shmid_ds status_of(int id) {
    struct shmid_ds status = {.shm_nattch = 99};
    if (shmctl(id, IPC_STAT, &status) != 0)
        fail_errno("IPC_STAT");
    return status;
}

static void segment(void) {
    int id = shmget(IPC_PRIVATE, 2 * PAGE + 100, IPC_CREAT | 0600);
    fact_true("shmget", id >= 0);
    char *pages = shmat(id, NULL, 0), *again = shmat(id, NULL, 0);
    fact_true("shmat, twice, in two places", pages != (char *)-1 && again != (char *)-1 && pages != again);
    fact_true("a new segment is zero", all_bytes(pages, 3 * PAGE, 0));
    pages[0] = 'a';
    fact("a store to one is seen in the other", "%c", again[0]);
    fact("its size and number of attachments", "%u, %u", (unsigned)status_of(id).shm_segsz,
         (unsigned)status_of(id).shm_nattch);
    fact("a child uses it (0: yes)", "%d", in_child(store_and_detach, pages));
    fact("its store", "%c", again[PAGE]);
    fact("attachments after the child is gone", "%u", (unsigned)status_of(id).shm_nattch);
    page_out(pages, 3);
    fact("both stores after the pages were out", "%c%c", pages[0], again[PAGE]);
    fact_call("shmdt", shmdt(again));
    fact_call("shmdt once more", shmdt(again));
    fact_call("IPC_RMID", shmctl(id, IPC_RMID, NULL));
    fact("a segment removed lives while it is attached", "%c", pages[0]);
    fact_call("shmdt of the last", shmdt(pages));
    struct shmid_ds status;
    fact_call("IPC_STAT when it is gone", shmctl(id, IPC_STAT, &status));
}

static void locked_segment(void) {
    unsigned char vector[4] = {0};
    int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
    char *pages = shmat(id, NULL, 0);
    memset(pages, 'x', 3 * PAGE);
    fact_call("SHM_LOCK", shmctl(id, SHM_LOCK, NULL));
    fact("the segment's mode says so", "%o", status_of(id).shm_perm.mode & 07000);
    for (unsigned i = 0; i < 3; i++)
        (void)*(volatile char *)(pages + i * PAGE);
    pages[3 * PAGE] = 'x'; /* one that is made when it is locked */
    page_out(pages, 4);
    mincore(pages, 4 * PAGE, vector);
    fact("its pages, asked to leave, are in memory", "%u%u%u%u", vector[0] & 1u, vector[1] & 1u,
         vector[2] & 1u, vector[3] & 1u);
    fact_call("SHM_UNLOCK", shmctl(id, SHM_UNLOCK, NULL));
    fact("its mode then", "%o", status_of(id).shm_perm.mode & 07000);
    page_out(pages, 4);
    fact_true("its contents when it has been out", all_bytes(pages, 3 * PAGE, 'x') && pages[3 * PAGE] == 'x');
    fact_call("SHM_LOCK again", shmctl(id, SHM_LOCK, NULL));
    shmctl(id, IPC_RMID, NULL);
    fact_call("shmdt of a locked segment, removed", shmdt(pages));
}

static void segment_outlives(void) {
    int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
    char *page = shmat(id, NULL, 0);
    page[7] = 'x';
    shmdt(page);
    fact("attachments of a segment detached by all", "%u", (unsigned)status_of(id).shm_nattch);
    page = shmat(id, NULL, SHM_RDONLY);
    fact("what was stored is there when it is attached again", "%c", page[7]);
    fact("a store to it, attached for reading", "%s", writing(page));
    char *place = nowhere();
    fact_true("shmat goes where it is told", shmat(id, place, 0) == place);
    fact_true("and rounds down if that is wanted",
              shmat(id, place + 2 * PAGE + 5, SHM_RND) == place + 2 * PAGE);
    shmctl(id, IPC_RMID, NULL);
}

/* --- /dev/shm ------------------------------------------------------------------------------------ */

static int open_and_store(void *argument) {
    int file = open(argument, O_RDWR);
    char *pages = shared_pages(file, 2);
    bool seen = pages[0] == 'a';
    pages[PAGE] = 'C';
    return seen ? 0 : 1;
}

static void memory_files(void) {
    char name[64];
    struct stat status;
    snprintf(name, sizeof(name), "/dev/shm/semantics.%d", (int)getpid());
    int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    fact_true("a file in /dev/shm", file >= 0);
    fact_call("ftruncate of it", ftruncate(file, 2 * PAGE));
    char *pages = shared_pages(file, 2);
    fact_true("it begins as zero", all_bytes(pages, 2 * PAGE, 0));
    pages[0] = 'a';
    fact("another process opens and maps it (0: sees the store)", "%d", in_child(open_and_store, name));
    fact("its store", "%c", pages[PAGE]);
    page_out(pages, 2);
    fact("both stores after the pages were out", "%c%c", pages[0], pages[PAGE]);
    fact_call("write to it", pwrite(file, "W", 1, 5));
    fact("seen in the mapping", "%c", pages[5]);
    fstat(file, &status);
    fact("its size", "%ld", (long)status.st_size);
    fact_call("unlink", unlink(name));
    fact("a store seen after that", "%c", pages[0]);
    fact_call("open after that", open(name, O_RDWR));
    ftruncate(file, PAGE);
    fact("a page cut off", "%s", reading(pages + PAGE));
}

static const struct group groups[] = {
    {"copy-on-write", copies},
    {"copy-on-write over generations", generations},
    {"copy-on-write by the parent", parent_changes},
    {"areas after fork", own_space},
    {"vfork", borrowed},
    {"shared anonymous memory", anonymous},
    {"shared and untouched", untouched},
    {"shared and grown", grown},
    {"locked segments", locked_segment},
    {"segments", segment},
    {"segments that outlive their users", segment_outlives},
    {"/dev/shm", memory_files},
};
THEME(sharing, "fork, shared memory of three kinds", groups);
