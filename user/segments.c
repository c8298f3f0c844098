/*
 * segments: many small segments, each in memory of its own, none of them a whole number of pages long: the half page
 * that the lecture loses at the end of each. Segments begin at multiples of 64 KiB and have room up to the next one,
 * so that the last page of each, however large a page is, is all its own.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <sys/mman.h>

static const char usage[] =
    "segments [SEGMENTS [SIZE [PASSES [SEED]]]]\n"
    "  SEGMENTS (200) of SIZE bytes on average (20K, at most 32K), written, then gone over "
    "PASSES (3) times";

#define ROOM (64u << 10)

static uint32_t words_of(uint32_t seed, uint32_t segment, size_t mean) {
    return 1 + (uint32_t)(((uint64_t)pattern_word(seed, segment) * (2 * mean / sizeof(uint32_t) - 1)) >> 32);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "segments", usage);
    unsigned segments = number_argument(argc, argv, 1, "SEGMENTS", 200, 1, 8192);
    size_t mean = size_argument(argc, argv, 2, "SIZE", 20u << 10, 64, ROOM / 2);
    unsigned passes = number_argument(argc, argv, 3, "PASSES", 3, 1, 1000);
    unsigned seed = number_argument(argc, argv, 4, "SEED", 1, 0, UINT32_MAX);
    char *room = mmap(NULL, (size_t)(segments + 1) * ROOM, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        fail_errno("no room for %u segments", segments);
    room += -(uintptr_t)room % ROOM;

    size_t bytes = 0;
    uint32_t checksum = CHECKSUM_START;
    for (uint32_t i = 0; i < segments; i++) {
        uint32_t words = words_of(seed, i, mean);
        pattern_fill((uint32_t *)(room + (size_t)i * ROOM), 0, words, i);
        bytes += words * sizeof(uint32_t);
    }
    for (unsigned pass = 0; pass < passes; pass++)
        for (uint32_t i = 0; i < segments; i++) {
            uint32_t words = words_of(seed, i, mean);
            checksum = checksum_add(
                checksum, pattern_check((uint32_t *)(room + (size_t)i * ROOM), 0, words, i, "segment"));
        }
    printf("segments: %u of %zu bytes in all, %u passes, checksum %08x\n", segments, bytes, passes, checksum);
    return 0;
}
