/*
 * eatmem: takes memory, piece by piece, and keeps it all in use. Either the size that was asked for is
 * reached and all data is checked, or the machine says no; then what there is is checked, and it is an
 * orderly end as well. What may not happen is a wrong word or a machine that stands still.
 *
 * How far it comes depends on the machine, so only with -v is that printed.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <sys/mman.h>

static const char usage[] =
    "eatmem [-v] [SIZE [PIECE]]\n"
    "  maps and fills PIECE bytes (standard 1M) at a time until SIZE (2G) or no more\n"
    "  -v: tells how much it was";

enum { PIECES_MAX = 65536 };

int main(int argc, char **argv) {
    static uint32_t *pieces[PIECES_MAX];

    program_start(argc, argv, "eatmem", usage);
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int skip = verbose ? 1 : 0;
    size_t size = size_argument(argc, argv, 1 + skip, "SIZE", 2u << 30, PAGE, 3u << 30);
    size_t piece = size_argument(argc, argv, 2 + skip, "PIECE", 1u << 20, PAGE, 1u << 30);
    if (size / piece > PIECES_MAX)
        usage_error("more than %d pieces", PIECES_MAX);

    size_t words = piece / sizeof(uint32_t), taken = 0;
    unsigned count = 0;
    for (; taken < size; count++, taken += piece) {
        pieces[count] = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pieces[count] == MAP_FAILED) {
            if (errno != ENOMEM)
                fail_errno("mmap");
            break;
        }
        pattern_fill(pieces[count], 0, words, count);
    }
    for (unsigned i = 0; i < count; i++)
        pattern_check(pieces[i], 0, words, i, "eaten memory");
    printf("eatmem: %s, all of it checked\n", taken >= size ? "got all" : "no more memory");
    if (verbose)
        printf("eatmem: %zu KiB\n", taken / 1024);
    return 0;
}
