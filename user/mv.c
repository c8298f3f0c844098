/* mv: renames a file, or moves it into a directory of the same file system. */
#include "user/lib/program.h"

#include <sys/stat.h>

static const char usage[] = "mv FROM TO";

int main(int argc, char **argv) {
    static char target[4096];
    struct stat s;

    program_start(argc, argv, "mv", usage);
    if (argc != 3)
        usage_error("two names are needed");
    snprintf(target, sizeof(target), "%s", argv[2]);
    if (stat(target, &s) == 0 && S_ISDIR(s.st_mode)) {
        const char *slash = strrchr(argv[1], '/');
        snprintf(target, sizeof(target), "%s/%s", argv[2], slash != NULL ? slash + 1 : argv[1]);
    }
    if (rename(argv[1], target) != 0)
        fail_errno("%s to %s", argv[1], target);
    return 0;
}
