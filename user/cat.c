/* cat: copies files, or standard input, to standard output. */
#include "user/lib/program.h"

#include <fcntl.h>

static const char usage[] = "cat [FILE...]";

/* False after a message if it cannot be read. */
static bool copy(int descriptor, const char *name) {
    static char buffer[16 * PAGE];
    ssize_t length;
    while ((length = read(descriptor, buffer, sizeof(buffer))) > 0)
        write_all(STDOUT_FILENO, buffer, (size_t)length);
    if (length < 0)
        fprintf(stderr, "cat: %s: %s\n", name, strerror(errno));
    return length == 0;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "cat", usage);
    bool good = argc > 1 || copy(STDIN_FILENO, "standard input");
    for (int i = 1; i < argc; i++) {
        int descriptor = open(argv[i], O_RDONLY);
        if (descriptor < 0) {
            fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
            good = false;
            continue;
        }
        good &= copy(descriptor, argv[i]);
        close(descriptor);
    }
    return good ? 0 : 1;
}
