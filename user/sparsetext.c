/*
 * sparsetext: a program of twelve megabytes that touches few of them. Half a thousand functions, each on a
 * page of its own, and eight megabytes of tables, all in the program's file: what is not touched must not
 * be read. With "all" it touches everything, and still must not write a page: text and tables are clean
 * and can be read again.
 *
 * The assembler makes function number i (it returns a multiple of i) and the tables (a word in each 512
 * bytes tells where it stands), so the file's size costs nobody reading.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "sparsetext [PAGES [ROUNDS] | all [ROUNDS]]\n"
                            "  calls PAGES (standard 20) of 1024 functions and reads as many of 2048 pages\n"
                            "  of tables, ROUNDS (1) times; all: every one of them";

#define FUNCTIONS   1024
#define TABLE_PAGES 2048
#define MULTIPLIER  2654435761u
#define STRING(x)   #x
#define TEXT(x)     STRING(x)

__asm__(".section .text\n"
        ".balign 4096\n"
        "sparsetext_functions:\n"
        ".set i, 0\n"
        ".rept " TEXT(FUNCTIONS) "\n"
                                 "mov $i, %eax\n"
                                 "imul $0x9e3779b1, %eax, %eax\n" /* MULTIPLIER */
                                 "ret\n"
                                 ".balign 4096, 0x90\n"
                                 ".set i, i + 1\n"
                                 ".endr\n"
                                 ".section .rodata\n"
                                 ".balign 4096\n"
                                 "sparsetext_table:\n"
                                 ".set i, 0\n"
                                 ".rept " TEXT(TABLE_PAGES) " * 8\n"
                                                            ".long i\n"
                                                            ".fill 127, 4, 0x5a5a5a5a\n"
                                                            ".set i, i + 1\n"
                                                            ".endr\n"
                                                            ".text\n");

extern const char sparsetext_functions[];
extern const uint32_t sparsetext_table[];

static void call_function(uint32_t i) {
    uint32_t (*function)(void) = (uint32_t(*)(void))(uintptr_t)(sparsetext_functions + (size_t)i * PAGE);
    uint32_t result = function();
    if (result != i * MULTIPLIER)
        fail("function %u returned %08x", i, result);
}

static void check_table_page(uint32_t page) {
    const uint32_t *words = sparsetext_table + (size_t)page * (PAGE / sizeof(uint32_t));
    for (uint32_t sector = 0; sector < PAGE / SECTOR; sector++) {
        const uint32_t *first = words + sector * (SECTOR / sizeof(uint32_t));
        if (first[0] != page * (PAGE / SECTOR) + sector)
            fail("page %u of the table, sector %u, holds %08x", page, sector, first[0]);
        for (uint32_t i = 1; i < SECTOR / sizeof(uint32_t); i++)
            if (first[i] != 0x5a5a5a5a)
                fail("page %u of the table, sector %u, word %u: %08x", page, sector, i, first[i]);
    }
}

int main(int argc, char **argv) {
    program_start(argc, argv, "sparsetext", usage);
    bool all = argc > 1 && strcmp(argv[1], "all") == 0;
    unsigned pages = all ? TABLE_PAGES : number_argument(argc, argv, 1, "PAGES", 20, 1, FUNCTIONS);
    unsigned rounds = number_argument(argc, argv, 2, "ROUNDS", 1, 1, 1000000);
    struct generator g = generator_start(1);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < pages; i++) {
            check_table_page(all ? i : generator_below(&g, TABLE_PAGES));
            if (!all || i < FUNCTIONS)
                call_function(all ? i : generator_below(&g, FUNCTIONS));
        }
    }
    printf("sparsetext: %u functions called and %u pages of tables read, %u times\n",
           pages < FUNCTIONS ? pages : FUNCTIONS, pages, rounds);
    return 0;
}
