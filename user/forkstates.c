/*
 * forkstates: fork copies no page until it is written, wherever the page is. The same pages are forked
 *
 *     in memory      mapped by the parent
 *     in the pool    unmapped, written to swap, still in their frames: reclaimable without a read
 *     on their way   unmapped, and the disk at work on writing them (run it with a slow disk)
 *     on swap        in no frame at all
 *
 * and each time the kernel's counters tell, exactly, what fork took, what it takes parent and child to read all
 * pages, and what it takes each of them to write some:
 *
 *                       pages copied    pages made    read from swap      reclaimed
 *     fork                   0              0               0                 0
 *     the child reads        0              0         all, if on swap   all, if in the pool
 *     the parent reads       0              0               0                 0
 *     the child writes    as many        as many            0                 0
 *     the parent writes      0              0               0                 0     the same pages: alone by now
 *     the parent writes   as many        as many            0                 0     others
 *
 * What fork and its return write of the stack and the C library's data is measured first, without any pages, and
 * subtracted. Then all of it once more with pages written before anybody has read them.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

#include <fcntl.h>
#include <sys/mman.h>

static const char usage[] =
    "forkstates [PAGES [EATEN]]\n"
    "  PAGES (standard 256); EATEN bytes (standard 8M), more than the machine's frames";

#define WORDS   (PAGE / sizeof(uint32_t))
#define PRESENT (1ull << 63)

enum { WRITTEN_EVERY = 4 };
enum { SEED_OLD = 1, SEED_CHILD, SEED_PARENT };
enum state { NOWHERE, MEMORY, POOL, MOVING, SWAP, STATES };

static const char *const state_names[STATES] = {[NOWHERE] = "none at all",
                                                [MEMORY] = "in memory",
                                                [POOL] = "in the pool",
                                                [MOVING] = "on their way",
                                                [SWAP] = "on swap"};

static uint32_t *memory;
static uint32_t pages;
static size_t eaten;
static bool slow_disk;

/* --- what is done to the pages, by either process --- */

/* Pages @first, @first + @step, …: written with pattern @seed, or compared with it. */
struct work {
    bool write;
    uint32_t first, step, seed;
};

static void do_work(const struct work *work) {
    for (uint32_t page = work->first; page < pages; page += work->step)
        if (work->write)
            pattern_fill(memory + page * WORDS, page * WORDS, WORDS, work->seed);
        else
            pattern_check(memory + page * WORDS, page * WORDS, WORDS, work->seed, "page");
}

/* --- the child: does what it is told, one work after the other --- */

static struct { int pid, orders, answers; } child;

static void tell(const struct work *work) {
    char done;
    write_all(child.orders, work, sizeof(*work));
    read_all(child.answers, &done, 1);
}

NO_RETURN static void obey(int orders, int answers) {
    struct work work;
    for (;;) {
        write_all(answers, "", 1);
        if (read(orders, &work, sizeof(work)) != sizeof(work))
            _exit(0);
        do_work(&work);
    }
}

static void start_child(void) {
    int orders[2], answers[2];
    char ready;
    if (pipe(orders) != 0 || pipe(answers) != 0)
        fail_errno("pipe");
    child.pid = fork_checked();
    if (child.pid == 0) {
        close(orders[1]);
        obey(orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    child.orders = orders[1];
    child.answers = answers[0];
    read_all(child.answers, &ready, 1);
}

static void end_child(void) {
    close(child.orders);
    close(child.answers);
    if (wait_for(child.pid) != 0)
        fail("the child failed");
}

/* --- counting --- */

struct cost {
    long long copied, made, read, reclaimed;
};

static struct vmstat before, after;

static void begin(void) {
    if (!vmstat_read(&before) || !vmstat_has(&before, "fault_copy"))
        fail("/proc/vmstat does not count copies: not this kernel");
}

static struct cost end(void) {
    vmstat_read(&after);
    return (struct cost){.copied = vmstat_difference(&before, &after, "fault_copy"),
                         .made = vmstat_difference(&before, &after, "nr_anons"),
                         .read = vmstat_difference(&before, &after, "pswpin"),
                         .reclaimed = vmstat_difference(&before, &after, "fault_reclaim")};
}

static void compare(const char *what, struct cost is, struct cost should) {
    printf("  %s: %lld copied, %lld made, %lld read, %lld reclaimed\n", what, is.copied, is.made, is.read,
           is.reclaimed);
    if (memcmp(&is, &should, sizeof(is)) != 0)
        fail("%s: not %lld copied, %lld made, %lld read, %lld reclaimed", what, should.copied, should.made,
             should.read, should.reclaimed);
}

static void measure(const char *what, bool by_child, struct work work, struct cost should) {
    begin();
    if (by_child)
        tell(&work);
    else
        do_work(&work);
    compare(what, end(), should);
}

/* --- putting the pages where they should be --- */

static void eat(void) {
    uint32_t *other = allocate_pages(eaten);
    pattern_fill(other, 0, eaten / 4, 9);
    munmap(other, eaten);
    wait_until_written();
}

static uint32_t present_pages(void) {
    static uint64_t entries[4096];
    uint32_t present = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);
    size_t bytes = pages * sizeof(entries[0]);
    if (pread(file, entries, bytes, (off_t)((uintptr_t)memory / PAGE * sizeof(entries[0]))) != (ssize_t)bytes)
        fail_errno("pagemap");
    close(file);
    for (uint32_t i = 0; i < pages; i++)
        present += (entries[i] & PRESENT) != 0;
    return present;
}

static void make_pages(enum state state) {
    memory = allocate_pages(pages * PAGE);
    wait_until_written(); /* always, so that what it needs of the stack is there in all experiments */
    if (state == NOWHERE)
        return;
    do_work(&(struct work){.write = true, .step = 1, .seed = SEED_OLD});
    if (state != MEMORY && madvise(memory, pages * PAGE, MADV_PAGEOUT) != 0)
        fail_errno("MADV_PAGEOUT");
    if (state == POOL || state == SWAP)
        wait_until_written();
    if (state == SWAP)
        eat();
    uint32_t present = present_pages(), expected = state == MEMORY ? pages : 0;
    if (present != expected)
        fail("%s: %u pages have entries, not %u", state_names[state], present, expected);
}

/* --- the experiments --- */

static struct cost of_fork[STATES];

/* Forks, and compares with what a fork without pages takes. Then neither copies anything that is not in memory[]. */
static void fork_and_measure(enum state state) {
    begin();
    if (slow_disk && state == MOVING &&
        vmstat_value(&before, "nr_pool_dirty") + vmstat_value(&before, "nr_busy") < pages / 2)
        fail("pages were to be on their way, and have been written");
    start_child();
    struct cost cost = end();
    of_fork[state] = cost;
    if (state != NOWHERE) {
        cost.copied -= of_fork[NOWHERE].copied;
        cost.made -= of_fork[NOWHERE].made;
        compare("fork", cost, (struct cost){0});
    }
    for (unsigned i = 0; i < 2; i++) {
        begin();
        tell(&(struct work){.first = pages, .step = 1});
        do_work(&(struct work){.first = pages, .step = 1});
        end();
    }
}

static void read_then_write(enum state state) {
    long long all = pages, some = pages / WRITTEN_EVERY;
    struct work look = {.step = 1, .seed = SEED_OLD};
    struct work mark = {.write = true, .step = WRITTEN_EVERY};
    struct cost none = {0}, copies = {.copied = some, .made = some};
    struct cost first = {.read = state == SWAP ? all : 0,
                         .reclaimed = state == POOL || state == MOVING ? all : 0};

    begin();
    tell(&look);
    struct cost cost = end();
    if (state == SWAP)
        cost.reclaimed = 0; /* of those that were read ahead, which wait in the pool */
    compare("the child reads", cost, first);
    measure("the parent reads", false, look, none);
    mark.seed = SEED_CHILD;
    measure("the child writes", true, mark, copies);
    mark.seed = SEED_PARENT;
    measure("the parent writes the same", false, mark, none);
    mark.first = 1;
    measure("the parent writes others", false, mark, copies);
}

/* Who sees which pattern, after read_then_write or write_first. */
static void check_all(void) {
    for (uint32_t first = 0; first < WRITTEN_EVERY; first++) {
        struct work look = {.first = first, .step = WRITTEN_EVERY};
        look.seed = first == 0 ? SEED_CHILD : SEED_OLD;
        tell(&look);
        look.seed = first <= 1 ? SEED_PARENT : SEED_OLD;
        do_work(&look);
    }
}

/*
 * A fault that copies is counted as that, wherever the original was. Neighbours may be read ahead, so of what was read
 * only a limit is known: no page twice.
 */
static void write_first(enum state state) {
    long long some = pages / WRITTEN_EVERY;
    struct work mark = {.write = true, .step = WRITTEN_EVERY, .seed = SEED_CHILD};
    struct cost should = {.copied = some, .made = some};

    begin();
    tell(&mark);
    struct cost cost = end();
    if (state == SWAP && (cost.read < some || cost.read > pages))
        fail("%lld pages read from swap", cost.read);
    cost.read = 0;
    if (state == SWAP)
        cost.reclaimed = 0;
    compare("the child writes at once", cost, should);
    mark.seed = SEED_PARENT;
    measure("the parent writes the same", false, mark, (struct cost){0});
    mark.first = 1;
    do_work(&mark);
}

static void experiment(enum state state, void (*what)(enum state state)) {
    make_pages(state);
    printf("%u pages, %s\n", (unsigned)pages, state_names[state]);
    fork_and_measure(state);
    if (state != NOWHERE) {
        what(state);
        check_all();
    }
    end_child();
    munmap(memory, pages * PAGE);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "forkstates", usage);
    setvbuf(stdout, NULL, _IONBF, 0); /* no memory of its own meanwhile */
    pages = number_argument(argc, argv, 1, "PAGES", 256, 4, 4096) / WRITTEN_EVERY * WRITTEN_EVERY;
    eaten = size_argument(argc, argv, 2, "EATEN", 8u << 20, PAGE, 1u << 30);
    experiment(NOWHERE, NULL);      /* brings in the program … */
    if (mlockall(MCL_CURRENT) != 0) /* … which stays */
        fail_errno("mlockall");
    experiment(NOWHERE, NULL);
    for (enum state state = MEMORY; state < STATES; state++)
        experiment(state, read_then_write);
    for (enum state state = MEMORY; state < STATES; state++)
        experiment(state, write_first);
    return 0;
}
