/*
 * cowtest: copy-on-write after fork. Parent and children share all pages; then each writes to some of
 * them, and each must see its own writes and nobody else's. The last generation is forked by a child, so
 * that pages are shared three ways.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "cowtest [SIZE [CHILDREN]]\n"
                            "  shares SIZE bytes (standard 4M) with CHILDREN (3) children, a grandchild each";

#define WORDS (PAGE / sizeof(uint32_t))

enum { OWNER_PARENT = 1 }; /* seeds of the patterns: who wrote the page last */

static uint32_t *memory;
static uint32_t pages;

static void write_page(uint32_t page, uint32_t owner) {
    pattern_fill(memory + page * WORDS, page * WORDS, WORDS, owner);
}

static void check_page(uint32_t page, uint32_t owner) {
    pattern_check(memory + page * WORDS, page * WORDS, WORDS, owner, "shared page");
}

/* Whoever runs with number @owner writes every page whose number leaves remainder 0 by @step. */
static void write_some(uint32_t step, uint32_t owner) {
    for (uint32_t page = 0; page < pages; page += step)
        write_page(page, owner);
}

static void run_grandchild(uint32_t child, uint32_t grandchild) {
    write_some(5, grandchild);
    for (uint32_t page = 0; page < pages; page++)
        check_page(page, page % 5 == 0 ? grandchild : page % 3 == 0 ? child : OWNER_PARENT);
    exit(0);
}

static void run_child(uint32_t child) {
    write_some(3, child);
    int grandchild = fork_checked();
    if (grandchild == 0)
        run_grandchild(child, child + 1000);
    for (uint32_t page = 0; page < pages; page++)
        check_page(page, page % 3 == 0 ? child : OWNER_PARENT);
    exit(wait_for(grandchild));
}

int main(int argc, char **argv) {
    program_start(argc, argv, "cowtest", usage);
    size_t size = size_argument(argc, argv, 1, "SIZE", 4u << 20, PAGE, 1u << 30);
    unsigned children = number_argument(argc, argv, 2, "CHILDREN", 3, 1, 64);
    pages = size / PAGE;
    memory = allocate_pages((size_t)pages * PAGE);
    write_some(1, OWNER_PARENT);

    int pids[64];
    for (unsigned i = 0; i < children; i++) {
        pids[i] = fork_checked();
        if (pids[i] == 0)
            run_child(OWNER_PARENT + 1 + i);
    }
    write_some(7, 5000); /* while the children still hold the old pages */
    for (unsigned i = 0; i < children; i++) {
        int status = wait_for(pids[i]);
        if (status != 0)
            fail("child %u ended with status %d", i + 1, status);
    }
    for (uint32_t page = 0; page < pages; page++)
        check_page(page, page % 7 == 0 ? 5000 : OWNER_PARENT);
    printf("cowtest: %u pages, %u children, %u grandchildren: each saw its own writes alone\n", pages,
           children, children);
    return 0;
}
