/*
 * secrets: a victim fills memory, files, pipes and swap with its secret and ends; then this program looks at
 * everything that it is given, and finds nothing of it. See user/secrets/secrets.h. What is printed is the same
 * on every machine that keeps secrets; exit status 1 if one was told.
 */
#include "user/secrets/secrets.h"

#include <signal.h>
#include <sys/wait.h>

static const char usage[] = "secrets [PAGES [ROUNDS]]\n"
                            "  the victim has PAGES (standard 1000), and there are ROUNDS (1) of it\n"
                            "secrets --list: the calls that there are, and what each writes to memory";

unsigned char secret = 0xE7;
static unsigned told;
static bool quiet;

void change_secret(void) {
    secret = secret == 0xE7 ? 0x9B : 0xE7;
}

void report(const char *what, size_t bad, size_t first) {
    if (bad > 0) {
        printf("secrets: %s: %zu bytes of somebody else's, at offset %zu\n", what, bad, first);
        told++;
    } else if (!quiet) {
        printf("secrets: %s: nothing of another's\n", what);
    }
}

void report_silent(const char *what) {
    printf("secrets: %s: nothing has been written\n", what);
    told++;
}

void expect_zeros(const char *what, const void *data, size_t bytes) {
    const unsigned char *at = data;
    size_t bad = 0, first = 0;
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != 0 && bad++ == 0)
            first = i;
    report(what, bad, first);
}

size_t find_secret(const void *data, size_t bytes) {
    const unsigned char *at = data;
    for (size_t i = 0; i + 1 < bytes; i++)
        if (at[i] == at[i + 1] && (at[i] == secret || at[i] == KERNEL_SOIL))
            return i;
    return bytes;
}

/* In a process of its own: what it has soiled is not to be found by the next. */
static void look(void (*action)(unsigned), unsigned pages) {
    int pid = fork_checked();
    if (pid == 0) {
        action(pages);
        fflush(stdout);
        _exit(told > 0);
    }
    told += wait_for(pid) != 0;
}

static void structures(unsigned pages) {
    (void)pages;
    look_at_structures();
}

/* The same program once more, with an environment that is not the secret. */
static void start(unsigned pages) {
    (void)pages;
    char *argv[] = {"secrets", "--start", NULL}, *envp[] = {"SOME=thing", NULL};
    soil_kernel_stack();
    fflush(stdout);
    execve("/proc/self/exe", argv, envp);
    fail_errno("execve");
}

static void entry(unsigned pages) {
    (void)pages;
    char *argv[] = {"entry", NULL};
    fflush(stdout);
    execvp("entry", argv);
    fail_errno("entry");
}

int main(int argc, char **argv) {
    program_start(argc, argv, "secrets", usage);
    if (argc > 1 && strcmp(argv[1], "--start") == 0) {
        look_at_start(argv);
        return told > 0;
    }
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        list_calls();
        return 0;
    }
    unsigned pages = number_argument(argc, argv, 1, "PAGES", 1000, 64, 1u << 18);
    unsigned rounds = number_argument(argc, argv, 2, "ROUNDS", 1, 1, 1000);
    for (unsigned round = 0; round < rounds; round++) {
        quiet = round > 0;
        change_secret();
        victim(pages);
        look(look_at_memory, pages);
        victim(pages);
        look(look_at_files, pages);
        look(structures, pages);
        if (system("rm -r secrets.dir") != 0)
            fail("rm");
        victim(pages);
        look(start, pages);
        look(entry, pages);
    }
    printf("secrets: %u rounds with %u pages\n", rounds, pages);
    return told > 0;
}
