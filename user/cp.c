/* cp: copies a file to another name or into a directory. */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char usage[] = "cp FROM TO";

int main(int argc, char **argv) {
    static char buffer[16 * PAGE];
    static char target[4096];

    program_start(argc, argv, "cp", usage);
    if (argc != 3)
        usage_error("two names are needed");
    int from = open(argv[1], O_RDONLY);
    struct stat s;
    if (from < 0 || fstat(from, &s) != 0)
        fail_errno("%s", argv[1]);
    mode_t mode = s.st_mode & 0777;
    snprintf(target, sizeof(target), "%s", argv[2]);
    if (stat(target, &s) == 0 && S_ISDIR(s.st_mode)) {
        const char *slash = strrchr(argv[1], '/');
        snprintf(target, sizeof(target), "%s/%s", argv[2], slash != NULL ? slash + 1 : argv[1]);
    }
    int to = open(target, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (to < 0)
        fail_errno("%s", target);
    ssize_t length;
    while ((length = read(from, buffer, sizeof(buffer))) > 0)
        write_all(to, buffer, (size_t)length);
    if (length < 0)
        fail_errno("%s", argv[1]);
    if (close(to) != 0)
        fail_errno("%s", target);
    return 0;
}
