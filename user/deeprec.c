/*
 * deeprec: recursion that uses megabytes of stack. Each activation fills its array on the way down and
 * checks it on the way up, when its pages have long been on disk. The stack has to grow by itself all the
 * way to its limit of 8 MiB.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "deeprec [STACK [ROUNDS]]\n"
                            "  uses STACK bytes (standard 4M, at most 7900K) of stack, ROUNDS (2) times";

enum { ARRAY_WORDS = 250 }; /* with the rest of the activation about 1 KiB */

/*
 * Returns the checksum of this activation and all below it. @floor: the address the stack shall reach.
 * Its result is used after the call, so that no compiler makes a loop of it.
 */
__attribute__((noinline)) static uint32_t descend(uint32_t depth, uint32_t seed, const char *floor,
                                                  uint32_t *deepest) {
    uint32_t array[ARRAY_WORDS];
    pattern_fill(array, depth * ARRAY_WORDS, ARRAY_WORDS, seed);
    *deepest = depth;
    uint32_t below = (char *)array > floor ? descend(depth + 1, seed, floor, deepest) : CHECKSUM_START;
    uint32_t checksum = pattern_check(array, depth * ARRAY_WORDS, ARRAY_WORDS, seed, "stack");
    return checksum_add(below, checksum);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "deeprec", usage);
    size_t stack = size_argument(argc, argv, 1, "STACK", 4u << 20, 64u << 10, 7900u << 10);
    unsigned rounds = number_argument(argc, argv, 2, "ROUNDS", 2, 1, 1000);
    for (unsigned round = 1; round <= rounds; round++) {
        uint32_t deepest = 0;
        const char *top = (const char *)&deepest;
        (void)descend(0, round, top - stack, &deepest);
        if (deepest < stack / PAGE) /* an activation is smaller than a page */
            fail("only %u activations in %zu bytes of stack", deepest, stack);
        printf("deeprec: round %u: %zu KiB of stack filled and checked\n", round, stack / 1024);
    }
    return 0;
}
