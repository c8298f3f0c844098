/* rm: removes files and empty directories; -r: directories with all that is in them. */
#include "user/lib/program.h"

#include <dirent.h>
#include <sys/stat.h>

static const char usage[] = "rm [-r] FILE...";

static bool complain(const char *path) {
    fprintf(stderr, "rm: %s: %s\n", path, strerror(errno));
    return false;
}

static bool remove_tree(const char *path);

static bool empty_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return complain(path);
    bool good = true;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char full[4096];
        snprintf(full, sizeof(full), "%s/%s", path, entry->d_name);
        good &= remove_tree(full);
    }
    closedir(directory);
    return good;
}

static bool remove_tree(const char *path) {
    struct stat s;
    if (lstat(path, &s) != 0)
        return complain(path);
    if (S_ISDIR(s.st_mode) && !empty_directory(path))
        return false;
    return remove(path) == 0 || complain(path);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "rm", usage);
    bool recursive = argc > 1 && strcmp(argv[1], "-r") == 0, good = true;
    int first = recursive ? 2 : 1;
    if (first >= argc)
        usage_error("which file?");
    for (int i = first; i < argc; i++)
        good &= recursive ? remove_tree(argv[i]) : (remove(argv[i]) == 0 || complain(argv[i]));
    return good ? 0 : 1;
}
