/* echo: prints its arguments. */
#include "user/lib/program.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    putchar('\n');
    return ferror(stdout) || fflush(stdout) != 0;
}
