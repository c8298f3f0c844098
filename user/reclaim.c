/*
 * reclaim: shows that a page which has been taken from its program, but whose frame has not found a new
 * owner yet, comes back without any disk request. Sweeps once over memory a little larger than the
 * machine's, then touches the page that was evicted last, again and again: pages near the end of the
 * clock hand's way are in the pool.
 *
 * It reads /proc/vmstat before and after each touch. A touch that was a reclaim must have left the disk
 * counters alone; and some of the touches must have been reclaims.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"
#include "user/lib/vmstat.h"

static const char usage[] = "reclaim [SIZE [ROUNDS]]\n"
                            "  SIZE bytes (standard 4M), more than the machine's frames; ROUNDS (20)";

#define WORDS (PAGE / sizeof(uint32_t))

static struct vmstat before, after;

static void read_counters(struct vmstat *vmstat) {
    if (!vmstat_read(vmstat) || !vmstat_has(vmstat, "fault_reclaim"))
        fail("/proc/vmstat does not count reclaims: not this kernel");
}

static long long moved(const char *name) {
    return vmstat_difference(&before, &after, name);
}

/* Touches one page between two looks at the counters. Returns 1 for a reclaim, 0 for anything else. */
static int touch(uint32_t *words, uint32_t page) {
    read_counters(&before);
    pattern_check(words + page * WORDS, page * WORDS, WORDS, 1, "page");
    read_counters(&after);
    if (moved("fault_reclaim") == 0 || moved("fault_swap") != 0 || moved("fault_file") != 0)
        return 0;
    if (moved("pswpin") != 0 || moved("pgfilein") != 0)
        fail("page %u was reclaimed, but read too", page);
    return 1;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "reclaim", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 4u << 20, 64 * PAGE, 1u << 30);
    unsigned rounds = number_argument(argc, argv, 2, "ROUNDS", 20, 1, 100000);
    uint32_t pages = size / PAGE;
    uint32_t *words = allocate_pages(size);
    pattern_fill(words, 0, pages * WORDS, 1);

    unsigned reclaims = 0;
    struct generator g = generator_start(1);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 32; i++)
            reclaims += (unsigned)touch(words, generator_below(&g, pages));
        pattern_check(words, 0, pages * WORDS, 1, "sweep"); /* evicts others again */
    }
    if (reclaims == 0)
        fail("not one of %u touches was a reclaim", rounds * 32);
    printf("reclaim: pages came back from the pool without a disk request\n");
    return 0;
}
