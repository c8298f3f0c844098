/*
 * seqsweep: the sequential sweep, the load that defeats every replacement policy that keeps what was used
 * last. Writes all of its memory, then reads all of it back, again and again; when the memory is larger
 * than the machine's, each page is gone by the time the sweep returns to it.
 *
 * With -r only the first pass writes: later passes bring pages back unmodified, which must not cost a
 * single write.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "seqsweep [-r] [SIZE [PASSES]]\n"
                            "  writes SIZE bytes (standard 16M), then checks all of them, PASSES (3) times\n"
                            "  -r: only the first pass writes";

int main(int argc, char **argv) {
    program_start(argc, argv, "seqsweep", usage);
    bool read_only = argc > 1 && strcmp(argv[1], "-r") == 0;
    int skip = read_only ? 1 : 0;
    size_t size = size_argument(argc, argv, 1 + skip, "SIZE", 16u << 20, PAGE, 3u << 30);
    unsigned passes = number_argument(argc, argv, 2 + skip, "PASSES", 3, 1, 1000000);

    size_t count = size / sizeof(uint32_t);
    uint32_t *words = allocate_pages(size);
    for (unsigned pass = 0; pass < passes; pass++) {
        uint32_t seed = read_only ? 1 : pass + 1;
        if (pass == 0 || !read_only)
            pattern_fill(words, 0, count, seed);
        uint32_t checksum = pattern_check(words, 0, count, seed, "sweep");
        printf("seqsweep: pass %u of %u: %zu words, checksum %08x\n", pass + 1, passes, count, checksum);
    }
    return 0;
}
