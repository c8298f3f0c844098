/*
 * onein: one memory reference in so many is a page fault. The lecture's example of the effective access time, done:
 * each page of a file that is not in memory is referred to for the first time, which is a fault, and then again, as
 * often as was asked for in all, which is none. What that took, and what a reference takes where there are no faults,
 * is printed as a line of JSON; the faults are the kernel's own count (/proc/PID/faults).
 *
 * The loop has 25 instructions, 7 of which load a word: 32 references, instructions fetched and data read. In a
 * machine that takes 128 ns for an instruction (QEMU's -icount shift=7) a reference takes 100 ns.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] =
    "onein REFERENCES FILE\n"
    "  refers to each page of FILE once, as a fault, and as often to what is in memory that\n"
    "  one in REFERENCES is a fault; word 0 of page N is N";

#define LOOP         32u      /* references of one round */
#define FIRST        992ull   /* to each page when it has come, at most */
#define TO_CALIBRATE 3200000u /* references that show how long one takes */

/* What the child has found out. */
struct result {
    unsigned long long references, nanoseconds, calibration;
};

static void refer(const volatile uint32_t *word, unsigned long long references) {
    for (unsigned long left = (unsigned long)(references / LOOP), value; left > 0;)
        __asm__ volatile("1: movl (%2), %1\n movl (%2), %1\n movl (%2), %1\n movl (%2), %1\n"
                         "movl (%2), %1\n movl (%2), %1\n movl (%2), %1\n"
                         "nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
                         "nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
                         "decl %0\n jnz 1b"
                         : "+r"(left), "=&r"(value)
                         : "r"(word)
                         : "cc", "memory");
}

static unsigned long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000000000u + (unsigned long long)now.tv_nsec;
}

static struct result work(const volatile uint32_t *words, unsigned pages, unsigned one_in) {
    unsigned long long wanted = (unsigned long long)pages * one_in, begin = now_ns(), end;
    unsigned long long first = wanted / pages < FIRST ? wanted / pages : FIRST;
    struct result result = {.references = (first / LOOP * pages + (wanted - first * pages) / LOOP) * LOOP};

    for (unsigned page = 0; page < pages; page++) {
        if (words[page * (PAGE / sizeof(*words))] != page)
            fail("page %u is not what it should be", page);
        refer(words + page * (PAGE / sizeof(*words)), first);
    }
    refer(words, wanted - first * pages);
    end = now_ns();
    result.nanoseconds = end - begin;
    refer(words, TO_CALIBRATE);
    result.calibration = now_ns() - end;
    return result;
}

/* From now on faults of children are counted by kind. */
static void count_faults(void) {
    int fd = open("/proc/self/faults", O_WRONLY);

    if (fd < 0 || write(fd, "start\n", 6) != 6)
        fail_errno("/proc/self/faults");
    close(fd);
}

/* Faults of children that waited for the disk, and how long all of these took. */
static unsigned major_faults(unsigned long long *nanoseconds) {
    char line[256], kind[32];
    unsigned count, major, total = 0;
    unsigned long long sum;
    FILE *faults = fopen("/proc/self/faults", "r");

    if (faults == NULL)
        fail_errno("/proc/self/faults");
    *nanoseconds = 0;
    while (fgets(line, sizeof(line), faults) != NULL)
        if (sscanf(line, "%31s %u %u %llu", kind, &count, &major, &sum) == 4 && strcmp(kind, "file") == 0) {
            total += major;
            *nanoseconds += sum;
        }
    fclose(faults);
    return total;
}

int main(int argc, char **argv) {
    unsigned long long fault_ns;
    struct stat status;

    program_start(argc, argv, "onein", usage);
    if (argc != 3)
        usage_error("how many references, and which file?");
    unsigned one_in = number_argument(argc, argv, 1, "REFERENCES", 1000, LOOP, 1000000000);
    int fd = open(argv[2], O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0)
        fail_errno("%s", argv[2]);
    unsigned pages = (unsigned)(status.st_size / PAGE);
    if (pages == 0)
        fail("%s has not one page", argv[2]);
    const void *file = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    struct result *result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (file == MAP_FAILED || result == MAP_FAILED)
        fail_errno("mmap");
    count_faults();
    int pid = fork_checked();
    if (pid == 0) {
        *result = work(file, pages, one_in);
        exit(0);
    }
    if (wait_for(pid) != 0)
        fail("it could not be done");
    unsigned faults = major_faults(&fault_ns);
    printf("{\"references\": %llu, \"faults\": %u, \"ns\": %llu, \"fault_ns\": %.1f, \"ma_ns\": %.3f}\n",
           result->references, faults, result->nanoseconds, faults == 0 ? 0 : (double)fault_ns / faults,
           (double)result->calibration / TO_CALIBRATE);
    return 0;
}
