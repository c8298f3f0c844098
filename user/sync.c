/* sync: all modified pages of files to the disk, or those of the named files, which tell what failed. */
#include "user/lib/program.h"

#include <fcntl.h>

static bool sync_file(const char *name) {
    int file = open(name, O_RDONLY);
    if (file < 0 || fsync(file) != 0) {
        fprintf(stderr, "sync: %s: %s\n", name, strerror(errno));
        return false;
    }
    close(file);
    return true;
}

int main(int argc, char **argv) {
    bool good = true;
    program_start(argc, argv, "sync", "sync [FILE...]\n");
    if (argc == 1)
        sync();
    for (int i = 1; i < argc; i++)
        good = sync_file(argv[i]) && good;
    return good ? 0 : 1;
}
