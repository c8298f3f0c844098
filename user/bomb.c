/*
 * bomb: programs that want more than there is, of everything that there is. Each goes on until it is refused or
 * killed, checks that what it has is right, and ends; then all of it must be there again. What may not happen is
 * wrong data, a machine that stands still, or somebody else who dies without need.
 *
 * How far each comes depends on the machine, so it is not printed; `bomb totals` prints what must be the same
 * before and after.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static const char usage[] =
    "bomb KIND [N]\n"
    "  fork     processes that fork without end; N tenths of a second (standard 10)\n"
    "  stack    a recursion without end\n"
    "  brk      a heap without end\n"
    "  map      N mappings side by side (standard 1000)\n"
    "  file     descriptors without end, in N processes (standard 8)\n"
    "  pipe     full pipes without end, in N processes (standard 8)\n"
    "  thread   threads without end\n"
    "  shm      shared memory in files, without end\n"
    "  names    empty files, links and directories, without end; N = 1: and keeps the directories\n"
    "  totals   prints pages and slots in use";

/* What a bomb may come to: refused and content, or killed for want of memory. */
static void expect_end(const char *what, int status, int also) {
    if (status != 0 && status != 128 + SIGKILL && status != also)
        fail("%s ended with status %d", what, status);
}

/* --- processes ------------------------------------------------------------------------------------ */

static void fork_without_end(void) {
    for (;;)
        fork();
}

/* The leader dies last, and the group with it, however many there are. */
static void bomb_fork(unsigned tenths) {
    int leader = fork_checked();
    if (leader == 0) {
        setpgid(0, 0);
        fork_without_end();
    }
    setpgid(leader, leader);
    struct timespec left = {.tv_sec = tenths / 10, .tv_nsec = (long)(tenths % 10) * 100000000};
    while (nanosleep(&left, &left) != 0)
        continue;
    /* One that was just being forked may have missed it. */
    while (kill(-leader, SIGKILL) == 0) {
        struct timespec moment = {.tv_nsec = 20000000};
        nanosleep(&moment, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

/* --- stack, heap, mappings ------------------------------------------------------------------------ */

static volatile bool enough; /* it never is; or the compiler would object */

static unsigned recurse(unsigned depth) {
    volatile uint8_t local[1024];
    local[0] = (uint8_t)depth;
    return enough ? 0 : recurse(depth + 1) + local[0];
}

static void bomb_stack(void) {
    struct rlimit most = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    for (unsigned round = 0; round < 2; round++) {
        int child = fork_checked();
        if (child == 0)
            exit((int)recurse(0) & 1);
        expect_end("the recursion", wait_for(child), 128 + SIGSEGV);
        setrlimit(RLIMIT_STACK, &most); /* … and once more with all the stack there is */
    }
}

static void run_brk(void) {
    enum { PIECE = 256 << 10, PIECES_MAX = 16384 };
    unsigned count = 0;
    static uint32_t *pieces[PIECES_MAX];
    while (count < PIECES_MAX && (pieces[count] = sbrk(PIECE)) != (void *)-1) {
        pattern_fill(pieces[count], 0, PIECE / sizeof(uint32_t), count);
        count++;
    }
    for (unsigned i = 0; i < count; i++)
        pattern_check(pieces[i], 0, PIECE / sizeof(uint32_t), i, "heap");
}

/* Neighbours differ in protection, so that no two become one. */
static void run_map(unsigned wanted) {
    uint8_t *place =
        mmap(NULL, (size_t)wanted * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned made = 0;
    if (place == MAP_FAILED)
        fail_errno("no room for %u pages", wanted);
    for (; made < wanted; made++) {
        int protection = made % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC;
        void *page = mmap(place + (size_t)made * PAGE, PAGE, protection,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (page == MAP_FAILED && errno != ENOMEM)
            fail_errno("mapping %u", made);
        if (page == MAP_FAILED)
            break;
        *(volatile uint32_t *)page = scramble(made);
    }
    for (unsigned i = 0; i < made; i++)
        if (*(uint32_t *)(place + (size_t)i * PAGE) != scramble(i))
            fail("mapping %u is wrong", i);
    munmap(place, (size_t)wanted * PAGE);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

static void run_file(void) {
    int last = -1, file;
    while ((file = open("/dev/zero", O_RDONLY)) >= 0)
        last = file;
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM)
        fail_errno("open");
    close(last);
    if (open("/dev/zero", O_RDONLY) < 0 && errno != ENOMEM)
        fail_errno("open after close");
}

/* One byte of two, so that no two locks become one; then holes in one long lock, which are locks, too. */
static void run_lock(void) {
    enum { FAR = 1000000 };
    int file = open("/dev/shm/bomb", O_RDWR | O_CREAT, 0600), error = 0, made = 0;
    if (file < 0)
        fail_errno("/dev/shm/bomb");
    unlink("/dev/shm/bomb");
    for (; made < FAR && error == 0; made++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * made, .l_len = 1};
        error = fcntl(file, F_SETLK, &lock) == 0 ? 0 : errno;
    }
    if (error != ENOLCK && error != ENOMEM)
        fail("lock %d: error %d", made, error);
    struct flock most = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = FAR};
    if (fcntl(file, F_SETLK, &most) != 0)
        fail_errno("unlocking");
    most.l_type = F_WRLCK;
    if (fcntl(file, F_SETLK, &most) != 0)
        fail_errno("locking again");
    for (error = 0, made = 1; made < FAR / 2 && error == 0; made++) {
        struct flock hole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 2 * made, .l_len = 1};
        error = fcntl(file, F_SETLK, &hole) == 0 ? 0 : errno;
    }
    if (error != ENOLCK && error != ENOMEM)
        fail("hole %d: error %d", made, error);
}

static void run_pipe(void) {
    static uint8_t bytes[64 << 10];
    int ends[2];
    while (pipe(ends) == 0) {
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
        while (write(ends[1], bytes, sizeof bytes) > 0)
            continue;
        if (errno != EAGAIN && errno != ENOMEM)
            fail_errno("writing to a pipe");
    }
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM)
        fail_errno("pipe");
}

static void *sleep_in_thread(void *unused) {
    pause();
    return unused;
}

static void run_thread(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned made = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32 << 10);
    while (made < 100000 && pthread_create(&thread, &attributes, sleep_in_thread, NULL) == 0)
        made++;
    if (made == 0)
        fail("not one thread");
}

static void run_shm(void) {
    static uint32_t words[PAGE];
    int file = open("/dev/shm/bomb", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0)
        fail_errno("/dev/shm/bomb");
    unlink("/dev/shm/bomb");
    unsigned count = 0;
    bool full = false;
    for (;; count++) {
        pattern_fill(words, 0, COUNT_OF(words), count);
        ssize_t written = write(file, words, sizeof words);
        if (written != (ssize_t)sizeof words) {
            full = written >= 0; /* as much as there was room for */
            break;
        }
    }
    if (!full && errno != ENOSPC && errno != ENOMEM)
        fail_errno("writing to shared memory");
    lseek(file, 0, SEEK_SET);
    for (unsigned i = 0; i < count; i++) {
        read_all(file, words, sizeof words);
        pattern_check(words, 0, COUNT_OF(words), i, "shared memory");
    }
}

/* --- names ---------------------------------------------------------------------------------------- */

/* A file whose only page is its last, so that it takes more to find the page than to keep it. False: no room. */
static bool make_hole(const char *name) {
    enum { BYTES = 512 << 20 };
    int file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (file < 0)
        return false;
    bool made = ftruncate(file, BYTES) == 0 && pwrite(file, name, 1, BYTES - 1) == 1;
    close(file);
    return made;
}

/* Files that are all hole, until there is no room; then none again. */
static void try_holes(void) {
    char name[32];
    unsigned made = 0;
    do
        snprintf(name, sizeof name, "hole%u", made++);
    while (made < 100000 && make_hole(name));
    if (errno != ENOSPC)
        fail_errno("hole %u", made);
    while (made-- > 0) {
        snprintf(name, sizeof name, "hole%u", made);
        unlink(name);
    }
}

/* Until there is no room for more names. How many there are. */
static unsigned make_names(void) {
    static char target[2000];
    char name[32];
    memset(target, 't', sizeof target - 1);
    for (unsigned made = 0;; made++) {
        snprintf(name, sizeof name, "%u", made);
        int file = made % 2 ? symlink(target, name) : open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (file < 0)
            return made;
        if (made % 2 == 0)
            close(file);
    }
}

/* Directories, each in the one before. How many. */
static unsigned make_deep(void) {
    for (unsigned depth = 0; depth < 3000; depth++)
        if (mkdir("d", 0700) != 0 || chdir("d") != 0)
            return depth;
    return 3000;
}

/*
 * In memory, names outlive the program, and cannot be paged out: so there is an end to them before memory ends. With
 * @keep the directories stay, deeper than any stack that might go down into them.
 */
static void bomb_names(bool keep) {
    char name[32];
    if (mkdir("/dev/shm/names", 0700) != 0 || chdir("/dev/shm/names") != 0)
        fail_errno("/dev/shm/names");
    try_holes();
    unsigned made = make_names();
    if (errno != ENOSPC)
        fail_errno("name %u", made);
    while (made-- > 0) {
        snprintf(name, sizeof name, "%u", made);
        if (unlink(name) != 0)
            fail_errno("unlink of name %u", made);
    }
    unsigned depth = make_deep();
    if (depth < 300)
        fail_errno("directory %u", depth);
    for (; !keep && depth-- > 0;)
        if (chdir("..") != 0 || rmdir("d") != 0)
            fail_errno("directory %u, removed", depth);
    if (!keep && rmdir("/dev/shm/names") != 0)
        fail_errno("rmdir");
}

/* --- all of them ---------------------------------------------------------------------------------- */

/* In @count children at a time, which all have what they could get before the first lets go. */
static void run_children(const char *what, void (*run)(void), unsigned count) {
    int pids[64], gate[2];
    char byte;
    if (pipe(gate) != 0)
        fail_errno("pipe");
    for (unsigned i = 0; i < count; i++) {
        pids[i] = fork_checked();
        if (pids[i] != 0)
            continue;
        close(gate[1]);
        run();
        read(gate[0], &byte, 1); /* until the parent closes it */
        _exit(0);
    }
    struct timespec time = {.tv_sec = 1};
    nanosleep(&time, NULL);
    close(gate[0]);
    close(gate[1]);
    for (unsigned i = 0; i < count; i++)
        expect_end(what, wait_for(pids[i]), 0);
}

static void print_totals(void) {
    static const char *const names[] = {"nr_pageable",   "nr_anons",      "nr_kernel",
                                        "nr_heap_bytes", "nr_swap_total", "nr_swap_free"};
    struct vmstat now;
    if (!vmstat_read(&now))
        fail("no /proc/vmstat");
    printf("totals:");
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        printf(" %s %llu", names[i], vmstat_value(&now, names[i]));
    printf("\n");
}

int main(int argc, char **argv) {
    static unsigned mappings;
    program_start(argc, argv, "bomb", usage);
    const char *kind = argc > 1 ? argv[1] : "";
    if (strcmp(kind, "totals") == 0) {
        print_totals();
        return 0;
    }
    if (strcmp(kind, "fork") == 0)
        bomb_fork(number_argument(argc, argv, 2, "N", 10, 1, 600));
    else if (strcmp(kind, "stack") == 0)
        bomb_stack();
    else if (strcmp(kind, "brk") == 0)
        run_children(kind, run_brk, 1);
    else if (strcmp(kind, "map") == 0) {
        mappings = number_argument(argc, argv, 2, "N", 1000, 1, 200000);
        int child = fork_checked();
        if (child == 0) {
            run_map(mappings);
            _exit(0);
        }
        expect_end(kind, wait_for(child), 0);
    } else if (strcmp(kind, "file") == 0)
        run_children(kind, run_file, number_argument(argc, argv, 2, "N", 8, 1, 64));
    else if (strcmp(kind, "lock") == 0)
        run_children(kind, run_lock, 1);
    else if (strcmp(kind, "pipe") == 0)
        run_children(kind, run_pipe, number_argument(argc, argv, 2, "N", 8, 1, 64));
    else if (strcmp(kind, "thread") == 0)
        run_children(kind, run_thread, 1);
    else if (strcmp(kind, "names") == 0)
        bomb_names(number_argument(argc, argv, 2, "N", 0, 0, 1) != 0);
    else if (strcmp(kind, "shm") == 0)
        run_children(kind, run_shm, 1);
    else
        usage_error("no such kind: \"%s\"", kind);
    printf("bomb: %s: over\n", kind);
    return 0;
}
