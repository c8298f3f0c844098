/* ls: lists directories, sorted by name. -l: with type, links and size. */
#include "user/lib/program.h"

#include <dirent.h>
#include <sys/stat.h>

static const char usage[] = "ls [-l] [FILE...]";

static bool detailed;

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char type_letter(mode_t mode) {
    return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISCHR(mode) ? 'c' : S_ISBLK(mode) ? 'b' : '-';
}

/* @path is what is looked at, @name what is printed. */
static bool list_one(const char *path, const char *name) {
    struct stat s;
    if (lstat(path, &s) != 0) {
        fprintf(stderr, "ls: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (detailed)
        printf("%c%03o %3u %10lld %s\n", type_letter(s.st_mode), (unsigned)s.st_mode & 0777,
               (unsigned)s.st_nlink, (long long)s.st_size, name);
    else
        printf("%s%s\n", name, S_ISDIR(s.st_mode) ? "/" : "");
    return true;
}

static bool list_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return errno == ENOTDIR ? list_one(path, path) : (perror(path), false);
    char **names = NULL;
    size_t count = 0, room = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (count == room) {
            room = room * 2 + 16;
            names = realloc(names, room * sizeof(*names));
        }
        if (names == NULL || (names[count++] = strdup(entry->d_name)) == NULL)
            fail("out of memory");
    }
    closedir(directory);
    if (count > 0)
        qsort(names, count, sizeof(*names), by_name);
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        char full[4096];
        snprintf(full, sizeof(full), "%s/%s", path, names[i]);
        good &= list_one(full, names[i]);
        free(names[i]);
    }
    free(names);
    return good;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "ls", usage);
    detailed = argc > 1 && strcmp(argv[1], "-l") == 0;
    int first = detailed ? 2 : 1;
    bool good = first < argc || list_directory(".");
    for (int i = first; i < argc; i++) {
        if (argc - first > 1)
            printf("%s:\n", argv[i]);
        good &= list_directory(argv[i]);
    }
    return good ? 0 : 1;
}
