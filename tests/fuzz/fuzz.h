/*
 * Fuzz targets: what reads bytes that anybody may have written, with damaged ones, on this machine. A target is one
 * file that has the two functions below; "links:" comments say what it is linked with, as for unit tests. What a
 * target must never do is to crash, to hang, to read or write where it may not (sanitizers), or to break the
 * promises of the header under test, which the target asserts.
 *
 * Two mains drive them: libFuzzer, guided by coverage, where clang has it (`make fuzz`), and standalone.c, with
 * seeded mutations of the examples, everywhere (`make test`). The arguments -runs=N, -seed=N and files to try
 * mean the same to both. They begin with what fuzz_example makes, and with tests/fuzz/corpus: a few small inputs
 * per target that libFuzzer found to lead to places where no other does.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Tries one input. Always 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Writes good input number @number to @data, which has @room bytes: its size, or 0 if there are no more. */
size_t fuzz_example(unsigned number, uint8_t *data, size_t room);

/* Mutations in `make test`: about a second's. */
extern const unsigned long fuzz_runs;

/* As assert(), in every build. */
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
