/*
 * directtest: O_DIRECT. The disk moves bytes straight between a file and this program's pages, which the
 * kernel must hold in place for so long, whatever else goes on: pressure, fork, munmap, the program's end.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/result.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage[] =
    "directtest facts FILE | pressure FILE [SIZE [ROUNDS]] | fork FILE | unmap FILE [ROUNDS] | compare FILE "
    "[SIZE]\n"
    "  facts: what O_DIRECT refuses, and that it agrees with reads, writes and mappings\n"
    "  pressure: SIZE bytes (standard 2M) to a file and back while all memory is in use\n"
    "  fork: a child does not see what the disk writes into its parent's pages\n"
    "  compare: the first SIZE bytes (standard 1M) of a file or a disk, past the cache and through it\n"
    "  unmap: pages go, and processes end, while the disk moves their bytes";

#define WORDS (PAGE / sizeof(uint32_t))

static int open_checked(const char *name, int flags) {
    int fd = open(name, flags, 0600);
    if (fd < 0)
        fail_errno("%s", name);
    return fd;
}

/* --- facts --- */

static void refusals(const char *name, char *memory) {
    int fd = open_checked(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    print_whether("F_GETFL tells it", fcntl(fd, F_GETFL) & O_DIRECT);
    print_result("write", pwrite(fd, memory, 4 * PAGE, 0));
    print_result("from an odd address", pwrite(fd, memory + 100, PAGE, 0));
    print_result("of an odd length", pwrite(fd, memory, 1000, 0));
    print_result("at an odd place", pread(fd, memory, PAGE, 10));
    print_result("sectors", pwrite(fd, memory + SECTOR, 3 * SECTOR, SECTOR));
    print_result("into no memory", pread(fd, (void *)(uintptr_t)PAGE, PAGE, 0));
    char *constant = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    print_result("into memory that is read only", pread(fd, constant, PAGE, 0));
    print_result("from there", pwrite(fd, constant, PAGE, 0));
    print_result("at the end", pread(fd, memory, PAGE, 4 * PAGE));
    print_result("over the end", pread(fd, memory, 4 * PAGE, 2 * PAGE));
    print_result("F_SETFL without it", fcntl(fd, F_SETFL, 0));
    print_result("of an odd length", pread(fd, memory, 1000, 0));
    print_result("F_SETFL with it", fcntl(fd, F_SETFL, O_DIRECT));
    close(fd);
    int pipe_ends[2];
    print_result("of a directory", open("/", O_RDONLY | O_DIRECT | O_DIRECTORY) < 0 ? -1 : 0);
    print_result("pipe", pipe(pipe_ends));
}

/* The same bytes by every way in and out. */
static void coherence(const char *name, uint32_t *memory) {
    int direct = open_checked(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT),
        plain = open_checked(name, O_RDWR);
    uint32_t *other = allocate_pages(8 * PAGE);
    pattern_fill(memory, 0, 8 * WORDS, 1);
    print_result("past the end", pwrite(direct, memory, 8 * PAGE, 0));
    print_result("read by the cache", pread(plain, other, 8 * PAGE, 0));
    pattern_check(other, 0, 8 * WORDS, 1, "by the cache");
    pattern_fill(memory, 0, 8 * WORDS, 2);
    print_result("over what the cache holds", pwrite(direct, memory, 8 * PAGE, 0));
    print_result("read by the cache", pread(plain, other, 8 * PAGE, 0));
    pattern_check(other, 0, 8 * WORDS, 2, "by the cache again");
    uint32_t *map = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0);
    pattern_check(map, 0, 8 * WORDS, 2, "by a mapping");
    pattern_fill(map, 0, 8 * WORDS, 3);
    memset(other, 0, 8 * PAGE);
    print_result("what a mapping has stored", pread(direct, other, 8 * PAGE, 0));
    pattern_check(other, 0, 8 * WORDS, 3, "stored by a mapping");
    pattern_fill(memory, 0, 8 * WORDS, 4);
    print_result("under a mapping", pwrite(direct, memory, 8 * PAGE, 0));
    pattern_check(map, 0, 8 * WORDS, 4, "seen by a mapping");
    pattern_fill(map + WORDS, 0, WORDS, 5);
    print_result("a sector beside a store", pwrite(direct, memory, SECTOR, PAGE + 4 * SECTOR));
    print_whether("both are there",
                  map[WORDS] == pattern_word(5, 0) && map[WORDS + 4 * SECTOR / 4] == memory[0]);
    print_result("into a mapping of the file itself", pread(direct, map, PAGE, 4 * PAGE));
    print_whether("it is the file's", map[0] == pattern_word(4, 4 * WORDS));
    print_result("cut", ftruncate(plain, PAGE + 700));
    print_result("over the end", pread(direct, other, 4 * PAGE, 0));
    print_whether("up to it", memcmp(other, map, PAGE + 700) == 0);
    print_result("grown", ftruncate(plain, 16 * PAGE));
    print_result("a hole", pread(direct, other, 8 * PAGE, 8 * PAGE));
    print_whether("reads as zeros", other[0] == 0 && other[8 * WORDS - 1] == 0);
    pattern_fill(memory, 0, 8 * WORDS, 6);
    print_result("into the hole and past the end", pwrite(direct, memory, 8 * PAGE, 12 * PAGE));
    print_result("read by the cache", pread(plain, other, 8 * PAGE, 12 * PAGE));
    pattern_check(other, 0, 8 * WORDS, 6, "in the hole");
    struct stat status;
    fstat(plain, &status);
    printf("size %d\n", (int)status.st_size);
    int append = open_checked(name, O_WRONLY | O_APPEND | O_DIRECT);
    print_result("append", write(append, memory, PAGE));
    print_result("where it ended", lseek(append, 0, SEEK_CUR));
    munmap(map, 8 * PAGE);
    munmap(other, 8 * PAGE);
    close(append);
    close(plain);
    close(direct);
}

/* --- under pressure --- */

/*
 * Each round writes one buffer and reads another, at addresses and places that are no multiples of pages,
 * while a child keeps all memory in use and the pages between the buffers are touched.
 */
static void churn(size_t size) {
    uint32_t *memory = allocate_pages(size);
    for (uint32_t seed = 1;; seed++) {
        pattern_fill(memory, 0, size / 4, seed);
        pattern_check(memory, 0, size / 4, seed, "the other process");
    }
}

/* All of it, or what the kernel says of the part that fails: a transfer that fails half-way is short at first. */
static void transfer_all(ssize_t (*transfer)(int, void *, size_t, off_t), int fd, char *memory, size_t size,
                         off_t place, const char *what, unsigned round) {
    for (size_t done = 0; done < size;) {
        ssize_t bytes = transfer(fd, memory + done, size - done, place + (off_t)done);
        if (bytes <= 0)
            fail_errno("round %u: %s", round, what);
        done += (size_t)bytes;
    }
}

static ssize_t write_part(int fd, void *memory, size_t size, off_t place) {
    return pwrite(fd, memory, size, place);
}

static ssize_t read_part(int fd, void *memory, size_t size, off_t place) {
    return pread(fd, memory, size, place);
}

static void pressure(const char *name, size_t size, unsigned rounds) {
    int fd = open_checked(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    uint32_t words = size / 4;
    char *out = allocate_pages(size + 2 * PAGE), *in = allocate_pages(size + 2 * PAGE);
    int child = fork_checked();
    if (child == 0)
        churn(size);
    for (unsigned round = 0; round < rounds; round++) {
        uint32_t *from = (uint32_t *)(out + round % 8 * SECTOR), *to = (uint32_t *)(in + round % 5 * SECTOR);
        off_t place = round % 3 * SECTOR;
        pattern_fill(from, 0, words, round + 1);
        transfer_all(write_part, fd, (char *)from, size, place, "write", round);
        memset(in, 0xff, size + 2 * PAGE);
        transfer_all(read_part, fd, (char *)to, size, place, "read", round);
        pattern_check(to, 0, words, round + 1, "read back");
        pattern_check(from, 0, words, round + 1, "what was written");
        for (char *beside = in + size + PAGE; beside < in + size + 2 * PAGE; beside++)
            if (*beside != (char)0xff)
                fail("round %u: bytes beside the buffer have changed", round);
    }
    kill(child, SIGKILL);
    wait_for(child);
    printf("pressure: %u rounds of %u KiB, all as written\n", rounds, (unsigned)(size / 1024));
}

/* --- another thread of the same memory --- */

static struct {
    int fd;
    char *buffer;
    size_t bytes;
    volatile long result;
} job;

static int read_job(void *unused) {
    (void)unused;
    job.result = pread(job.fd, job.buffer, job.bytes, 0);
    return 0;
}

/* Starts reading job.bytes in a process that shares this one's memory: its pid. */
static int start_reading(void) {
    static char stacks[2][64 * 1024] __attribute__((aligned(16)));
    static unsigned next;
    char *stack = stacks[next++ % 2];
    int pid = clone(read_job, stack + sizeof(stacks[0]), CLONE_VM | SIGCHLD, NULL);
    if (pid < 0)
        fail_errno("clone");
    return pid;
}

/* --- fork --- */

/* Every page the child sees is the old one or, whole or in part, the disk's; and it never changes again. */
static void forks(const char *name) {
    enum { PAGES = 64, ROUNDS = 30 };
    job.fd = open_checked(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    job.bytes = PAGES * PAGE;
    job.buffer = allocate_pages(job.bytes);
    uint32_t *words = (uint32_t *)job.buffer;
    pattern_fill(words, 0, PAGES * WORDS, 1);
    if (pwrite(job.fd, job.buffer, job.bytes, 0) != (ssize_t)job.bytes)
        fail_errno("write");
    for (unsigned round = 0; round < ROUNDS; round++) {
        pattern_fill(words, 0, PAGES * WORDS, 2);
        int reader = start_reading();
        for (unsigned i = 0; i < round % 5; i++)
            sched_yield();
        int child = fork();
        if (child == 0) {
            uint32_t sum = 0;
            for (int again = 0; again < 3; again++) {
                uint32_t now = CHECKSUM_START;
                for (uint32_t i = 0; i < PAGES * WORDS; i++)
                    now = checksum_add(now, words[i]);
                if (again > 0 && now != sum)
                    _exit(3);
                sum = now;
                usleep(2000);
            }
            for (uint32_t i = 0; i < PAGES * WORDS; i++)
                if (words[i] != pattern_word(1, i) && words[i] != pattern_word(2, i))
                    _exit(4);
            _exit(0);
        }
        if (wait_for(reader) != 0 || job.result != (long)job.bytes)
            fail("round %u: read %ld", round, job.result);
        pattern_check(words, 0, PAGES * WORDS, 1, "read while forking");
        int status = wait_for(child);
        if (status != 0)
            fail("round %u: the child saw its memory change (%d)", round, status);
    }
    printf("fork: %u times in mid-transfer, parent and child each have their own\n", (unsigned)ROUNDS);
}

/* --- munmap and exit --- */

static void unmaps(const char *name, unsigned rounds) {
    enum { PAGES = 128 };
    job.fd = open_checked(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    job.bytes = PAGES * PAGE;
    uint32_t *data = allocate_pages(job.bytes);
    pattern_fill(data, 0, PAGES * WORDS, 1);
    if (pwrite(job.fd, data, job.bytes, 0) != (ssize_t)job.bytes)
        fail_errno("write");
    for (unsigned round = 0; round < rounds; round++) {
        job.buffer = allocate_pages(job.bytes);
        uint32_t *fresh = allocate_pages(job.bytes); /* elsewhere: the reader goes on reading to job.buffer */
        int reader = start_reading();
        for (unsigned i = 0; i < round % 4; i++)
            sched_yield();
        if (round % 2 == 0) {
            munmap(job.buffer, job.bytes);
            /* what comes into these frames now must not be overwritten by the disk */
            pattern_fill(fresh, 0, PAGES * WORDS, round);
            wait_for(reader);
            pattern_check(fresh, 0, PAGES * WORDS, round, "pages that came after");
        } else {
            kill(reader, SIGKILL);
            int status = wait_for(reader);
            if (status != 0 && status != 128 + SIGKILL)
                fail("round %u: status %d", round, status);
            munmap(job.buffer, job.bytes);
        }
        munmap(fresh, job.bytes);
    }
    pattern_check(data, 0, PAGES * WORDS, 1, "bystanders");
    printf("unmap: %u transfers lost their memory or their process on the way\n", rounds);
}

/* --- disks --- */

static void compare(const char *name, size_t size) {
    int direct = open_checked(name, O_RDONLY | O_DIRECT), plain = open_checked(name, O_RDONLY);
    char *straight = allocate_pages(size), *cached = allocate_pages(size);
    ssize_t bytes = pread(direct, straight, size, 0);
    if (bytes < 0)
        fail_errno("%s: read past the cache", name);
    read_all(plain, cached, (size_t)bytes);
    print_whether("all that was asked for", (size_t)bytes == size);
    print_whether("the same through the cache", memcmp(straight, cached, (size_t)bytes) == 0);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "directtest", usage);
    if (argc < 3)
        usage_error("which test, and which file?");
    const char *what = argv[1], *name = argv[2];
    if (strcmp(what, "facts") == 0) {
        void *memory = allocate_pages(8 * PAGE);
        refusals(name, memory);
        coherence(name, memory);
    } else if (strcmp(what, "pressure") == 0) {
        size_t size = size_argument(argc, argv, 3, "SIZE", 2u << 20, PAGE, 1u << 28);
        pressure(name, size / PAGE * PAGE, number_argument(argc, argv, 4, "ROUNDS", 10, 1, 10000));
    } else if (strcmp(what, "fork") == 0) {
        forks(name);
    } else if (strcmp(what, "unmap") == 0) {
        unmaps(name, number_argument(argc, argv, 3, "ROUNDS", 40, 1, 10000));
    } else if (strcmp(what, "compare") == 0) {
        compare(name, size_argument(argc, argv, 3, "SIZE", 1u << 20, SECTOR, 1u << 28) / SECTOR * SECTOR);
        return 0; /* the file is not ours to remove */
    } else {
        usage_error("no test %s", what);
    }
    unlink(name);
    return 0;
}
