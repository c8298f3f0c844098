/*
 * A main for fuzz targets without libFuzzer: TARGET [-runs=N] [-seed=N] [-seconds=N] [-examples=DIRECTORY] [FILE…]
 *
 * Tries the files, all examples, and then N mutations of examples, each made from (seed, number) alone, so that one
 * can be repeated. Examples are the target's own, and the files of tests/fuzz/corpus/TARGET. An input that a target does not survive is written to TARGET.crash, and its number is told.
 * Prints Check's summary line, so that tests/run counts it as one test. With -examples the examples are written as
 * files, for libFuzzer to begin with.
 */
#include "tests/fuzz/fuzz.h"

#include <glob.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 70000, EXAMPLES_MAX = 128, HANG_SECONDS = 20 };

static struct {
    uint8_t data[ROOM];
    size_t bytes;
} examples[EXAMPLES_MAX];
static unsigned example_count, own_examples; /* the corpus comes behind the target's own */

static uint8_t input[ROOM];
static size_t input_bytes;
static unsigned long run_number, seed = 1;
static const char *program;

/* --- when a target fails ------------------------------------------------------------------------- */

static void save_input(void) {
    char name[300];
    snprintf(name, sizeof(name), "%s.crash", program);
    FILE *file = fopen(name, "w");
    if (file != NULL) {
        fwrite(input, 1, input_bytes, file);
        fclose(file);
    }
    fprintf(stderr, "%s: input %lu of seed %lu, now in %s\n", program, run_number, seed, name);
    printf("0%%: Checks: 1, Failures: 1, Errors: 0\n");
    fflush(stdout);
}

static void on_signal(int number) {
    save_input();
    fprintf(stderr, "%s: %s\n", program, number == SIGALRM ? "hangs" : strsignal(number));
    _exit(1);
}

/* A copy of just the right size, so that a byte too far is noticed. */
static void try_input(void) {
    uint8_t *copy = malloc(input_bytes > 0 ? input_bytes : 1);
    memcpy(copy, input, input_bytes);
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(copy, input_bytes);
    free(copy);
}

/* --- mutations ----------------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t below(uint32_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u; /* D. Knuth, MMIX */
    return (uint32_t)((state >> 33) * (uint64_t)limit >> 31);
}

static void put(size_t at, uint32_t value, size_t bytes) {
    if (at + bytes <= input_bytes)
        memcpy(input + at, &value, bytes);
}

static void insert_or_remove(void) {
    size_t at = below((uint32_t)input_bytes + 1), bytes = 1 + below(16);
    if (below(2) == 0 && input_bytes + bytes <= ROOM) {
        memmove(input + at + bytes, input + at, input_bytes - at);
        for (size_t i = 0; i < bytes; i++)
            input[at + i] = (uint8_t)below(256);
        input_bytes += bytes;
    } else if (at + bytes <= input_bytes) {
        memmove(input + at, input + at + bytes, input_bytes - at - bytes);
        input_bytes -= bytes;
    }
}

static void mutate_once(void) {
    static const uint32_t words[] = {0,          1,          2,          4,         0x7F,
                                     0x80,       0xFF,       0x1000,     0xFFFF,    0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0xC0000000};
    uint32_t length = (uint32_t)input_bytes;
    size_t at = length > 0 ? below(length) : 0;
    switch (below(7)) {
    case 0:
        if (length > 0)
            input[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        put(at, below(256), 1);
        break;
    case 2:
        put(at & ~(size_t)3, words[below(sizeof(words) / sizeof(words[0]))], 4);
        break;
    case 3:
        put(at & ~(size_t)1, words[below(sizeof(words) / sizeof(words[0]))], 2);
        break;
    case 4:
        put(at & ~(size_t)3, below(UINT32_MAX), 4);
        break;
    case 5:
        insert_or_remove();
        break;
    default: /* cut, or doubled */
        if (below(4) == 0)
            input_bytes = at;
        else if (length > 1 && 2 * length <= ROOM && below(4) == 0)
            memcpy(input + length, input, length), input_bytes *= 2;
    }
}

/* Input @number: an example, changed in a few places. */
static void make_input(unsigned long number) {
    state = seed * 0x9E3779B97F4A7C15u + number;
    for (unsigned i = 0; i < 4; i++)
        below(2);
    unsigned from = below(example_count);
    memcpy(input, examples[from].data, examples[from].bytes);
    input_bytes = examples[from].bytes;
    for (unsigned times = 1 + below(6); times > 0; times--)
        mutate_once();
}

/* --- examples and files -------------------------------------------------------------------------- */

static void make_examples(void) {
    size_t bytes;
    while (example_count < EXAMPLES_MAX &&
           (bytes = fuzz_example(example_count, examples[example_count].data, ROOM)) > 0)
        examples[example_count++].bytes = bytes;
    MUST(example_count > 0);
    own_examples = example_count;
}

/* In the order of their names, so that a seed means the same everywhere. */
static void read_corpus(void) {
    char pattern[400];
    const char *name = strrchr(program, '/');
    glob_t found;
    snprintf(pattern, sizeof(pattern), "tests/fuzz/corpus/%s/*", name == NULL ? program : name + 1);
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc && example_count < EXAMPLES_MAX; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r");
        if (file == NULL)
            continue;
        examples[example_count].bytes = fread(examples[example_count].data, 1, ROOM, file);
        example_count++;
        fclose(file);
    }
    globfree(&found);
}

static int write_examples(const char *directory) {
    for (unsigned i = 0; i < own_examples; i++) {
        char name[400];
        snprintf(name, sizeof(name), "%s/example-%02u", directory, i);
        FILE *file = fopen(name, "w");
        if (file == NULL || fwrite(examples[i].data, 1, examples[i].bytes, file) != examples[i].bytes ||
            fclose(file) != 0) {
            perror(name);
            return 1;
        }
    }
    return 0;
}

static bool try_file(const char *name) {
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        return false;
    }
    input_bytes = fread(input, 1, ROOM, file);
    fclose(file);
    try_input();
    return true;
}

int main(int argc, char **argv) {
    unsigned long runs = fuzz_runs, seconds = 0;
    program = argv[0];
    __sanitizer_set_death_callback(save_input);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    make_examples();
    read_corpus();
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = strtoul(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            seed = strtoul(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "-seconds=", 9) == 0)
            seconds = strtoul(argv[i] + 9, NULL, 10), runs = UINT32_MAX;
        else if (strncmp(argv[i], "-examples=", 10) == 0)
            return write_examples(argv[i] + 10);
        else if (!try_file(argv[i]))
            return 1;
    }
    for (unsigned i = 0; i < example_count; i++) {
        memcpy(input, examples[i].data, input_bytes = examples[i].bytes);
        try_input();
    }
    time_t end = time(NULL) + (time_t)seconds;
    for (run_number = 1; run_number <= runs && (seconds == 0 || time(NULL) < end); run_number++) {
        make_input(run_number);
        try_input();
    }
    printf("%s: %u examples, %lu mutations of seed %lu\n100%%: Checks: 1, Failures: 0, Errors: 0\n", program,
           example_count, run_number - 1, seed);
    return 0;
}
