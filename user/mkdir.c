/* mkdir: makes directories. */
#include "user/lib/program.h"

#include <sys/stat.h>

static const char usage[] = "mkdir DIRECTORY...";

int main(int argc, char **argv) {
    program_start(argc, argv, "mkdir", usage);
    if (argc < 2)
        usage_error("which directory?");
    int status = 0;
    for (int i = 1; i < argc; i++) {
        if (mkdir(argv[i], 0777) != 0) {
            fprintf(stderr, "mkdir: %s: %s\n", argv[i], strerror(errno));
            status = 1;
        }
    }
    return status;
}
