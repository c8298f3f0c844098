/* count: counts, and does nothing else: the load that wants the processor alone. */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

static const char usage[] = "count [MILLIONS]\n"
                            "  MILLIONS (standard 100) million steps of a generator";

int main(int argc, char **argv) {
    program_start(argc, argv, "count", usage);
    unsigned millions = number_argument(argc, argv, 1, "MILLIONS", 100, 1, 1000000);
    struct generator g = generator_start(1);
    for (unsigned i = 0; i < millions; i++)
        for (unsigned j = 0; j < 1000000; j++)
            generator_next(&g);
    printf("count: %u million steps, last number %08x\n", millions, g.state);
    return 0;
}
