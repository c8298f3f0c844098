/*
 * threads: several threads of one process in the same memory, more of it than there is. Each adds its share
 * to every page, in an order of its own; maps, fills, checks and unmaps memory of its own in between; and
 * hands a token round with a mutex and a condition. In the end every page must hold the sum of all shares.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <pthread.h>
#include <sys/mman.h>

static const char usage[] = "threads [THREADS [SIZE [ROUNDS]]]\n"
                            "  THREADS (standard 4) work on SIZE bytes (2M) together, ROUNDS (3) times over";

enum { THREADS_MAX = 32, OWN_PAGES = 16, OWN_EVERY = 64 };

static uint32_t *shared; /* a word at the start of each page, and one in its middle */
static unsigned threads, rounds;
static size_t pages;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned turn;
static __thread uint32_t own_sum; /* storage of its own: what this thread has added */

static void add_to_page(size_t page, unsigned self) {
    uint32_t *words = shared + page * PAGE / sizeof(uint32_t);

    __atomic_add_fetch(&words[0], self + 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&words[PAGE / 8], 2 * (self + 1), __ATOMIC_RELAXED);
    own_sum += self + 1;
}

/* Memory that comes and goes while the others fault in the same space. */
static void use_own_memory(unsigned seed) {
    size_t bytes = OWN_PAGES * PAGE, words = bytes / sizeof(uint32_t);
    uint32_t *own = allocate_pages(bytes);

    pattern_fill(own, 0, words, seed);
    if (mprotect(own, bytes / 2, PROT_READ) != 0)
        fail_errno("mprotect");
    pattern_check(own, 0, words, seed, "a thread's own memory");
    munmap(own, bytes);
}

/* One thread after the other, in order. */
static void take_turn(unsigned self) {
    pthread_mutex_lock(&lock);
    while (turn % threads != self)
        pthread_cond_wait(&moved, &lock);
    turn++;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void *work(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    struct generator generator = generator_start(self);

    for (unsigned round = 0; round < rounds; round++) {
        size_t page = generator_below(&generator, (uint32_t)pages), step = self % 2 == 0 ? 1 : pages - 1;

        for (size_t i = 0; i < pages; i++, page = (page + step) % pages) {
            add_to_page(page, self);
            if (i % OWN_EVERY == self)
                use_own_memory(self * 1000 + round);
        }
        take_turn(self);
    }
    return (void *)(uintptr_t)own_sum;
}

static void check(uint32_t share) {
    for (size_t page = 0; page < pages; page++) {
        const uint32_t *words = shared + page * PAGE / sizeof(uint32_t);

        if (words[0] != share || words[PAGE / 8] != 2 * share)
            fail("page %zu holds %u and %u, not %u and %u", page, words[0], words[PAGE / 8], share,
                 2 * share);
    }
}

int main(int argc, char **argv) {
    pthread_t id[THREADS_MAX];
    uint32_t share = 0;

    program_start(argc, argv, "threads", usage);
    threads = number_argument(argc, argv, 1, "THREADS", 4, 1, THREADS_MAX);
    size_t size = size_argument(argc, argv, 2, "SIZE", 2u << 20, PAGE, 1u << 30);
    rounds = number_argument(argc, argv, 3, "ROUNDS", 3, 1, 1000);
    pages = size / PAGE;
    shared = allocate_pages(pages * PAGE);
    for (unsigned i = 0; i < threads; i++) {
        int error = pthread_create(&id[i], NULL, work, (void *)(uintptr_t)i);
        if (error != 0)
            fail("pthread_create: %s", strerror(error));
        share += (i + 1) * rounds;
    }
    for (unsigned i = 0; i < threads; i++) {
        void *sum;

        pthread_join(id[i], &sum);
        if ((uint32_t)(uintptr_t)sum != (uint32_t)((i + 1) * rounds * pages))
            fail("thread %u added %u", i, (uint32_t)(uintptr_t)sum);
    }
    check(share);
    printf("threads: %u in %zu KiB, %u rounds: every page holds the sum of all\n", threads, size / 1024,
           rounds);
    return 0;
}
