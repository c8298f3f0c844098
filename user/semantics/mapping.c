/*
 * Anonymous mappings: where they go, what they hold, how areas are cut and joined, moved, grown, shrunk,
 * given away and locked.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <sys/resource.h>

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define BOTH      (PROT_READ | PROT_WRITE)

static long minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* --- placing ------------------------------------------------------------------------------------- */

static void placing(void) {
    char *hole = nowhere();
    fact_true("fresh pages are zero", all_bytes(some_pages(4), 4 * PAGE, 0));
    fact_true("a hint where nothing is, is followed", mmap(hole, PAGE, BOTH, ANONYMOUS, -1, 0) == hole);
    char *other = mmap(hole, PAGE, BOTH, ANONYMOUS, -1, 0);
    fact_true("a hint where something is, is not", other != MAP_FAILED && other != hole);
    fact_true("an odd hint is rounded",
              ((uintptr_t)mmap(hole + PAGE + 5, PAGE, BOTH, ANONYMOUS, -1, 0) % PAGE) == 0);
    fact_true("fixed, it goes where it is told",
              mmap(hole, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0) == hole);
    hole[5] = 'x';
    mmap(hole, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0);
    fact_true("fixed, it replaces what was there", hole[5] == 0);
}

static void replacing_the_middle(void) {
    char *pages = lonely_pages(3);
    memset(pages, 'x', 3 * PAGE);
    mmap(pages + PAGE, PAGE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0);
    fact_true("a page replaced in the middle is new", all_bytes(pages + PAGE, PAGE, 0));
    fact_true("its neighbours are the old ones",
              all_bytes(pages, PAGE, 'x') && all_bytes(pages + 2 * PAGE, PAGE, 'x'));
    munmap(pages + PAGE, PAGE);
    fact("reading the hole in the middle", "%s", reading(pages + PAGE));
    fact("reading beside it", "%s, %s", reading(pages + PAGE - 1), reading(pages + 2 * PAGE));
}

/* --- cutting and joining ------------------------------------------------------------------------- */

static void splitting(void) {
    enum { BYTES = 5 * PAGE };
    char *pages = lonely_pages(5);
    fact("areas of a new mapping", "%u", areas_within(pages, BYTES));
    madvise(pages + PAGE, PAGE, MADV_RANDOM);
    fact("areas after other advice in the middle", "%u", areas_within(pages, BYTES));
    madvise(pages, BYTES, MADV_NORMAL);
    fact("areas after the same advice for all", "%u", areas_within(pages, BYTES));
    mlock(pages + PAGE, PAGE);
    munlock(pages, BYTES);
    fact("areas when a part has been locked", "%u", areas_within(pages, BYTES));
    mprotect(pages + PAGE, PAGE, PROT_READ);
    fact("areas after another protection in the middle", "%u", areas_within(pages, BYTES));
    mprotect(pages + 2 * PAGE, PAGE, PROT_READ);
    fact("areas after the same for the next page", "%u", areas_within(pages, BYTES));
    mprotect(pages + PAGE, 2 * PAGE, BOTH);
    fact("areas when all is as before", "%u", areas_within(pages, BYTES));
    munmap(pages + 2 * PAGE, PAGE);
    fact("areas with a hole", "%u", areas_within(pages, BYTES));
    mmap(pages + 2 * PAGE, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0);
    fact("areas with the hole filled alike", "%u", areas_within(pages, BYTES));
    memset(pages, 'x', BYTES);
    munmap(pages + 2 * PAGE, PAGE);
    fact("areas with a hole among pages in use", "%u", areas_within(pages, BYTES));
    mmap(pages + 2 * PAGE, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0);
    fact("areas with that hole filled alike", "%u", areas_within(pages, BYTES));
    fact_true("what fills it is new, the rest is as it was", all_bytes(pages + 2 * PAGE, PAGE, 0) &&
                                                                 all_bytes(pages, 2 * PAGE, 'x') &&
                                                                 all_bytes(pages + 3 * PAGE, 2 * PAGE, 'x'));
    memset(pages, 'x', BYTES);
    mprotect(pages + 4 * PAGE, PAGE, PROT_NONE);
    mprotect(pages + 4 * PAGE, PAGE, BOTH);
    fact_true("contents outlive a time without access", all_bytes(pages, BYTES, 'x'));
}

/* --- mremap -------------------------------------------------------------------------------------- */

static void moving(void) {
    char *pages = lonely_pages(2), *target = lonely_pages(4);
    memset(pages, 'a', PAGE);
    memset(pages + PAGE, 'b', PAGE);
    memset(target, 'x', 4 * PAGE);
    char *moved = mremap(pages, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
    fact_true("mremap to a fixed place goes there", moved == target + PAGE);
    fact_true("with the contents", all_bytes(moved, PAGE, 'a') && all_bytes(moved + PAGE, PAGE, 'b'));
    fact_true("and replaces no more than its length", target[0] == 'x' && target[3 * PAGE] == 'x');
    fact("reading where it was", "%s", reading(pages));
}

static void growing(void) {
    char *pages = lonely_pages(2);
    memset(pages, 'a', 2 * PAGE);
    fact_true("mremap grows in place where there is room", mremap(pages, 2 * PAGE, 4 * PAGE, 0) == pages);
    fact_true("the new part is zero", all_bytes(pages + 2 * PAGE, 2 * PAGE, 0));
    mmap(pages + 4 * PAGE, PAGE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0);
    char *moved = mremap(pages, 4 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
    fact_true("it moves where there is none", moved != MAP_FAILED && moved != pages);
    fact_true("with the contents",
              all_bytes(moved, 2 * PAGE, 'a') && all_bytes(moved + 2 * PAGE, 298 * PAGE, 0));
    fact_true("mremap shrinks in place", mremap(moved, 300 * PAGE, PAGE, 0) == moved);
    fact("reading what was cut off", "%s", reading(moved + PAGE));
    fact("reading what is left", "%s", reading(moved));
}

static void keeping_protection(void) {
    char *pages = lonely_pages(1);
    mprotect(pages, PAGE, PROT_READ);
    char *moved = mremap(pages, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    fact("writing the new part of a read-only area that grew", "%s", writing(moved + PAGE));
}

/* A mapping of nothing of something shared: a second view of it. The old way to map memory twice. */
static void duplicating(void) {
    char *pages = mmap(NULL, 2 * PAGE, BOTH, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pages[PAGE] = 'a';
    char *again = mremap(pages, 0, 2 * PAGE, MREMAP_MAYMOVE);
    fact_true("mremap of 0 bytes of shared memory maps it once more", again != MAP_FAILED && again != pages);
    fact_true("with the same contents", again[PAGE] == 'a');
    again[0] = 'b';
    fact_true("a store through one is seen through the other", pages[0] == 'b');
}

/* The old mapping stays, without its pages: how a garbage collector takes a heap away from under a program. */
static void moving_the_pages_alone(void) {
    char *pages = lonely_pages(3), *target = lonely_pages(3);
    memset(pages, 'a', PAGE);
    memset(pages + 2 * PAGE, 'c', PAGE);
    page_out(pages + 2 * PAGE, 1);
    mprotect(pages, PAGE, PROT_READ);
    fact_mapped("mremap with MREMAP_DONTUNMAP that may not move",
                mremap(pages, PAGE, PAGE, MREMAP_DONTUNMAP));
    fact_mapped("that would shrink", mremap(pages, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
    fact_mapped("that would grow", mremap(pages, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
    char *moved = mremap(pages + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    fact_true("one that moves goes elsewhere", moved != MAP_FAILED && moved != pages + PAGE);
    fact_true("with the contents", all_bytes(moved, PAGE, 0) && all_bytes(moved + PAGE, PAGE, 'c'));
    fact_true("what was left is zero", all_bytes(pages + PAGE, 2 * PAGE, 0));
    fact("and can be written to", "%s", writing(pages + 2 * PAGE));
    fact_true("which does not show in the other", moved[PAGE] == 'c');
    moved = mremap(pages, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, target + PAGE);
    fact_true("to a fixed place, it goes there", moved == target + PAGE && moved[PAGE - 1] == 'a');
    fact("what is left keeps its protection", "%s, %s", reading(pages), writing(pages));
    fact("and so does what has moved", "%s", writing(moved));
    fact("areas of the old place, and around the new one", "%u, %u", areas_within(pages, 3 * PAGE),
         areas_within(target, 3 * PAGE));
}

/* --- /dev/zero, by which memory was mapped before there was MAP_ANONYMOUS --- */

static void zero_device(void) {
    int reader = open("/dev/zero", O_RDONLY), both = open("/dev/zero", O_RDWR),
        writer = open("/dev/zero", O_WRONLY);
    char *own = mmap(NULL, 2 * PAGE, BOTH, MAP_PRIVATE, reader, 0);
    fact_mapped("mmap of /dev/zero, private", own);
    fact_true("it is zero", all_bytes(own, 2 * PAGE, 0));
    own[PAGE] = 'x';
    page_out(own, 2);
    fact("what was stored, after the page was out", "%c", own[PAGE]);
    char *again = mmap(NULL, 2 * PAGE, BOTH, MAP_PRIVATE, reader, 0);
    fact_true("another is zero all the same", all_bytes(again, 2 * PAGE, 0));
    fact_mapped("shared and writable, opened for reading", mmap(NULL, PAGE, BOTH, MAP_SHARED, reader, 0));
    fact_mapped("opened for writing only", mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, writer, 0));
    char *shared = mmap(NULL, 2 * PAGE, BOTH, MAP_SHARED, both, 0);
    fact_mapped("shared, opened for both", shared);
    if (fork_checked() == 0) {
        shared[0] = 'c';
        own[PAGE] = 'c';
        _exit(0);
    }
    wait_for(-1);
    fact("a child's store to the shared one, to the private one", "%c, %c", shared[0], own[PAGE]);
    char *other = mmap(NULL, PAGE, BOTH, MAP_SHARED, both, 0);
    fact_true("another shared one is other memory", other[0] == 0);
    fact_mapped("mmap of /dev/null",
                mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/dev/null", O_RDONLY), 0));
}

/* --- madvise and populate ------------------------------------------------------------------------ */

static void discarding(void) {
    char *pages = some_pages(3);
    memset(pages, 'x', 3 * PAGE);
    madvise(pages + PAGE, PAGE, MADV_DONTNEED);
    fact_true("MADV_DONTNEED makes private pages zero", all_bytes(pages + PAGE, PAGE, 0));
    fact_true("and leaves their neighbours alone", pages[PAGE - 1] == 'x' && pages[2 * PAGE] == 'x');
    page_out(pages, 3);
    madvise(pages, PAGE, MADV_DONTNEED);
    fact_true("the same for a page that is not in memory", all_bytes(pages, PAGE, 0));
    char *shared = mmap(NULL, PAGE, BOTH, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = 'x';
    madvise(shared, PAGE, MADV_DONTNEED);
    fact_true("shared pages keep their contents", shared[0] == 'x');
}

static void freeing(void) {
    char *pages = some_pages(2);
    memset(pages, 'x', 2 * PAGE);
    fact_call("MADV_FREE of private memory", madvise(pages, 2 * PAGE, MADV_FREE));
    bool old = all_bytes(pages, PAGE, 'x');
    fact_true("after MADV_FREE a page is as it was or zero", old || all_bytes(pages, PAGE, 0));
    pages[PAGE] = 'y';
    page_out(pages, 2);
    fact_true("what is written after MADV_FREE stays", pages[PAGE] == 'y');
}

static void paging_out(void) {
    char *pages = some_pages(8);
    for (unsigned i = 0; i < 8; i++)
        memset(pages + i * PAGE, 'a' + (int)i, PAGE);
    fact_call("MADV_COLD of private memory", madvise(pages, 8 * PAGE, MADV_COLD));
    fact_call("MADV_PAGEOUT of private memory", madvise(pages, 8 * PAGE, MADV_PAGEOUT));
    bool same = true;
    for (unsigned i = 0; i < 8; i++)
        same &= all_bytes(pages + i * PAGE, PAGE, (char)('a' + i));
    fact_true("pages come back as they went", same);
}

static void populating(void) {
    enum { PAGES = 64 };
    unsigned char vector[PAGES] = {0};
    char *pages = mmap(NULL, PAGES * PAGE, BOTH, ANONYMOUS | MAP_POPULATE, -1, 0);
    unsigned present = 0;
    long before = minor_faults();
    for (unsigned i = 0; i < PAGES; i++)
        pages[i * PAGE] = 'x';
    fact_true("pages of a populated mapping are touched with hardly a fault", minor_faults() - before < 8);
    mincore(pages, PAGES * PAGE, vector);
    for (unsigned i = 0; i < PAGES; i++)
        present += vector[i] & 1;
    fact("of the 64, resident by mincore", "%u", present);
    char *fresh = some_pages(2);
    fresh[PAGE] = 'x';
    mincore(fresh, 2 * PAGE, vector);
    fact("mincore of a page not touched, and of one written", "%u, %u", vector[0] & 1u, vector[1] & 1u);
    before = minor_faults();
    char *many = some_pages(PAGES);
    for (unsigned i = 0; i < PAGES; i += 2)
        many[i * PAGE] = 'x';
    fact_true("each first touch is a minor fault", minor_faults() - before >= PAGES / 2);
}

static void reserving_nothing(void) {
    size_t bytes = (size_t)1 << 30;
    char *pages = mmap(NULL, bytes, BOTH, ANONYMOUS | MAP_NORESERVE, -1, 0);
    fact_mapped("mmap of a gibibyte, not reserved", pages);
    for (unsigned i = 0; i < 32; i++)
        pages[i * (bytes / 32)] = (char)i;
    bool right = true;
    for (unsigned i = 0; i < 32; i++)
        right &= pages[i * (bytes / 32)] == (char)i && pages[i * (bytes / 32) + PAGE] == 0;
    fact_true("32 pages of it, far apart, hold what was stored", right);
}

static void locking(void) {
    unsigned char vector[4];
    char *pages = some_pages(4);
    fact_call("mlock", mlock(pages, 4 * PAGE));
    mincore(pages, 4 * PAGE, vector);
    fact("locked pages are resident, though never touched", "%u%u%u%u", vector[0] & 1u, vector[1] & 1u,
         vector[2] & 1u, vector[3] & 1u);
    page_out(pages, 4);
    mincore(pages, 4 * PAGE, vector);
    fact("and stay so when asked to leave", "%u%u%u%u", vector[0] & 1u, vector[1] & 1u, vector[2] & 1u,
         vector[3] & 1u);
    fact_call("munlock of a part", munlock(pages + PAGE, PAGE));
    fact("areas of a mapping locked but for the second page", "%u", areas_within(pages, 4 * PAGE));
    fact_call("munmap of locked pages", munmap(pages, 4 * PAGE));
    fact_call("mlockall of what will come", mlockall(MCL_FUTURE));
    char *next = some_pages(2);
    mincore(next, 2 * PAGE, vector);
    fact("a mapping made after it is resident", "%u%u", vector[0] & 1u, vector[1] & 1u);
    fact_call("munlockall", munlockall());
    pages = some_pages(2);
    mlock(pages, PAGE);
    fact_call("msync of locked memory", msync(pages, 2 * PAGE, MS_SYNC));
    fact_call("the same, and to be read anew", msync(pages, 2 * PAGE, MS_SYNC | MS_INVALIDATE));
    fact_call("mlock of an odd byte in the middle", mlock(pages + PAGE + 100, 1));
    fact("it is the page's", "%u", areas_within(pages, 2 * PAGE));
}

static const struct group groups[] = {
    {"where mappings go", placing},
    {"replacing a part", replacing_the_middle},
    {"splitting and joining", splitting},
    {"moving", moving},
    {"growing and shrinking", growing},
    {"protection when growing", keeping_protection},
    {"mapping twice", duplicating},
    {"moving the pages alone", moving_the_pages_alone},
    {"/dev/zero", zero_device},
    {"MADV_DONTNEED", discarding},
    {"MADV_FREE", freeing},
    {"MADV_PAGEOUT", paging_out},
    {"MAP_POPULATE and mincore", populating},
    {"MAP_NORESERVE", reserving_nothing},
    {"locking", locking},
};
THEME(mapping, "anonymous mappings: placing, cutting, moving, advice, locking", groups);
