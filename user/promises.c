/*
 * promises: what the kernel has promised to programs, by /proc/meminfo's Committed_AS, before and after each
 * call that promises memory or gives a promise back. Right to the page, or the program fails.
 *
 * On a Linux host other programs promise things meanwhile, and reading private memory promises nothing there;
 * so this one is for the guest.
 */
#include "user/lib/program.h"

#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

static const char usage[] = "promises\n"
                            "  compares Committed_AS with what each call should have changed";

enum { PAGES = 10, HALF = PAGES / 2, BYTES = PAGES * PAGE };

/* A line of /proc/meminfo, what is put before what is said of it, and what it was, in pages. */
struct figure {
    const char *line, *prefix;
    long before;
};

static struct figure promised = {.line = "Committed_AS:", .prefix = ""},
                     shmem = {.line = "Shmem:", .prefix = "Shmem, "};

static void begin(struct figure *figure) {
    figure->before = meminfo_pages(figure->line);
}

/* Since begin() or the last look at it, the figure has grown by @pages. */
static void expect_of(struct figure *figure, const char *what, long pages) {
    long before = figure->before;

    begin(figure);
    printf("%s%s: %+ld\n", figure->prefix, what, figure->before - before);
    if (figure->before - before != pages)
        fail("%s%s: %+ld pages, not %+ld", figure->prefix, what, figure->before - before, pages);
}

static void expect(const char *what, long pages) {
    expect_of(&promised, what, pages);
}

static char *map(int protection, int flags) {
    char *place = mmap(NULL, BYTES, protection, flags | MAP_ANONYMOUS, -1, 0);

    if (place == MAP_FAILED)
        fail_errno("mmap");
    return place;
}

static void private_memory(void) {
    char *place;

    begin(&promised);
    place = map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    expect("mmap, private", PAGES);
    mprotect(place, HALF * PAGE, PROT_NONE);
    expect("half of it, untouched, forbidden", -HALF);
    mprotect(place, HALF * PAGE, PROT_READ | PROT_WRITE);
    expect("permitted again", HALF);
    place[0] = place[PAGE] = 1;
    mprotect(place, HALF * PAGE, PROT_NONE);
    expect("the same half, touched, forbidden", 0);
    mprotect(place, HALF * PAGE, PROT_READ | PROT_WRITE);
    expect("and permitted again", 0);
    place = mremap(place, BYTES, 2 * BYTES, MREMAP_MAYMOVE);
    expect("mremap to twice as much", PAGES);
    place = mremap(place, 2 * BYTES, BYTES, 0);
    expect("and back", -PAGES);
    mmap(place, HALF * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    expect("mmap over half of it", 0);
    munmap(place + PAGE, PAGE);
    expect("munmap of a page in the middle", -1);
    munmap(place, BYTES);
    expect("munmap of the rest", 1 - PAGES);
    place = map(PROT_NONE, MAP_PRIVATE);
    expect("mmap of what may not be touched", 0);
    munmap(place, BYTES);
    place = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    expect("mmap, not to be reserved", PAGES);
    munmap(place, BYTES);
    expect("munmap of it", -PAGES);
}

static void heap_and_stack(void) {
    char *heap = sbrk(0), line[256];
    unsigned long start = 0, end = 0;
    FILE *maps;

    begin(&promised);
    brk(heap + BYTES);
    expect("brk up", PAGES);
    brk(heap);
    expect("brk down", -PAGES);
    maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        if (strstr(line, "[stack]") != NULL)
            sscanf(line, "%lx-%lx", &start, &end);
    fclose(maps);
    begin(&promised);
    *(volatile char *)(start - PAGES * PAGE) = 1;
    expect("a stack that grows", PAGES);
}

static void shared_memory(void) {
    char *place;
    int pid, id, file;

    begin(&promised);
    place = map(PROT_READ | PROT_WRITE, MAP_SHARED);
    expect("mmap, shared", PAGES);
    munmap(place, HALF * PAGE);
    expect("munmap of half of it", 0);
    munmap(place, BYTES);
    expect("munmap of the rest", -PAGES);
    id = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0600);
    expect("shmget", PAGES);
    place = shmat(id, NULL, 0);
    expect("shmat", 0);
    shmctl(id, IPC_RMID, NULL);
    expect("IPC_RMID", 0);
    shmdt(place);
    expect("shmdt", -PAGES);
    file = open("/dev/shm/promises", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(file, BYTES);
    expect("a file in memory, long", 0);
    pwrite(file, "x", 1, PAGE);
    expect("a write to it", 1);
    place = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    place[3 * PAGE] = 1;
    expect("a store to it", 1);
    munmap(place, BYTES);
    place = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    expect("the file, mapped privately", PAGES);
    munmap(place, BYTES);
    expect("munmap of it", -PAGES);
    ftruncate(file, 2 * PAGE);
    expect("the file cut", -1);
    unlink("/dev/shm/promises");
    close(file);
    expect("and gone", -1);
    file = open("/proc/self/exe", O_RDONLY);
    place = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    expect("a file on disk, to be read", 0);
    mprotect(place, PAGE, PROT_READ | PROT_WRITE);
    expect("a page of it to be written, privately", 1);
    munmap(place, 2 * PAGE);
    expect("munmap of it", -1);
    close(file);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    long with_child = meminfo_pages(promised.line) - promised.before;
    kill(pid, 9);
    waitpid(pid, NULL, 0);
    expect("a child that has come and gone", 0);
    printf("it had been promised as much as its parent: %s\n",
           with_child > 0 && with_child < promised.before ? "yes" : "no");
}

/* --- what is shared, of what is in memory --- */

static void expect_shmem(const char *what, long pages) {
    expect_of(&shmem, what, pages);
}

static void shared_in_memory(void) {
    char *place = map(PROT_READ | PROT_WRITE, MAP_SHARED), *again;
    int pid, id, file;

    begin(&shmem);
    memset(place, 1, HALF * PAGE);
    expect_shmem("half of a mapping stored to", HALF);
    pid = fork();
    if (pid == 0) {
        memset(place, 2, BYTES);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    expect_shmem("all of it, by a child", HALF);
    mprotect(place, PAGE, PROT_READ);
    expect_shmem("a page read only", 0);
    munmap(place, BYTES);
    expect_shmem("unmapped", -PAGES);
    id = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0600);
    place = shmat(id, NULL, 0);
    again = shmat(id, NULL, 0);
    place[0] = again[PAGE] = again[0] = 1;
    expect_shmem("two pages of a segment", 2);
    shmctl(id, IPC_RMID, NULL);
    shmdt(place);
    shmdt(again);
    expect_shmem("the segment gone", -2);
    file = open("/dev/shm/promises", O_RDWR | O_CREAT | O_TRUNC, 0600);
    pwrite(file, "x", 1, 3 * PAGE);
    expect_shmem("a page of a file in memory", 1);
    unlink("/dev/shm/promises");
    close(file);
    expect_shmem("the file gone", -1);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "promises", usage);
    setvbuf(stdout, NULL, _IONBF, 0); /* no memory of its own meanwhile */
    private_memory();
    heap_and_stack();
    shared_memory();
    shared_in_memory();
    printf("no more is promised than could be kept: %s\n",
           meminfo_pages("Committed_AS:") <= meminfo_pages("CommitLimit:") ? "yes" : "no");
    return 0;
}
