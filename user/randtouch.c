/*
 * randtouch: touches at random, reads and writes mixed, the load without any locality. Each touch is of
 * one sector's worth of words (512 bytes); a model remembers which version of each was written last, so a
 * page that comes back old is noticed as surely as one that comes back wrong.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "randtouch [SIZE [TOUCHES [WRITES [SEED]]]]\n"
                            "  TOUCHES (standard 20000) random touches in SIZE (8M) bytes,\n"
                            "  WRITES (50) of a hundred of them writes; in the end all is checked";

#define WORDS (SECTOR / sizeof(uint32_t))

struct table {
    uint32_t *words;
    uint32_t sectors;
    uint16_t *version; /* the model: 0 is the zero-filled page nobody wrote to */
};

static void write_sector(struct table *t, uint32_t sector) {
    t->version[sector]++;
    pattern_fill(t->words + sector * WORDS, sector * WORDS, WORDS, t->version[sector]);
}

static void check_sector(const struct table *t, uint32_t sector) {
    const uint32_t *words = t->words + sector * WORDS;
    if (t->version[sector] != 0) {
        pattern_check(words, sector * WORDS, WORDS, t->version[sector], "random touch");
        return;
    }
    for (unsigned i = 0; i < WORDS; i++)
        if (words[i] != 0)
            fail("word %u of untouched sector %u is %08x, should be 0", i, sector, words[i]);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "randtouch", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 8u << 20, PAGE, 2u << 30);
    unsigned touches = number_argument(argc, argv, 2, "TOUCHES", 20000, 1, UINT32_MAX);
    unsigned percent = number_argument(argc, argv, 3, "WRITES", 50, 0, 100);
    struct generator g = generator_start(number_argument(argc, argv, 4, "SEED", 1, 0, UINT32_MAX));

    struct table t = {.words = allocate_pages(size), .sectors = size / SECTOR};
    t.version = allocate_pages(t.sectors * sizeof(*t.version));
    unsigned writes = 0;
    for (unsigned i = 0; i < touches; i++) {
        uint32_t sector = generator_below(&g, t.sectors);
        check_sector(&t, sector);
        if (generator_below(&g, 100) < percent && t.version[sector] < UINT16_MAX) {
            write_sector(&t, sector);
            writes++;
        }
    }
    uint32_t checksum = CHECKSUM_START;
    for (uint32_t sector = 0; sector < t.sectors; sector++) {
        check_sector(&t, sector);
        checksum = checksum_add(checksum, t.version[sector]);
    }
    printf("randtouch: %u touches, %u writes, versions' checksum %08x\n", touches, writes, checksum);
    return 0;
}
