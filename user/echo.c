/* echo: prints its arguments. */
#include "user/lib/program.h"

int main(int argc, char **argv) {
    program_start(1, argv, "echo", "echo WORD...\n");
    for (int i = 1; i < argc; i++)
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    putchar('\n');
    if (fflush(stdout) != 0) /* files of /proc say no when they are written */
        fail_errno("write error");
    return ferror(stdout) != 0;
}
