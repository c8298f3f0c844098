/*
 * usetree: uses a file system in every way, whatever state it is in: lists it, reads all, and writes, truncates,
 * removes, renames and makes things in it. An error is an answer; it is counted and the work goes on. What came of it
 * is printed, a count a line:
 *
 *     usetree result ok 512          usetree result EIO 3          usetree total entries 80
 *
 * A directory may lead to itself, a file may be larger than any disk: no more is looked at than fixed limits allow.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char usage[] = "usetree [DIRECTORY [SEED]]\n  uses all in DIRECTORY (standard /) by SEED (1)";

enum { ENTRIES_MAX = 600, DEPTH_MAX = 6, READ_MAX = 400000, ERRORS = 134, PATH_BYTES = 1200 };

static unsigned results[ERRORS], entries;
static struct generator chance;
static char buffer[16384];

/* The result of a call, counted; true if it was good. */
static bool note(long result) {
    results[result >= 0 ? 0 : errno < ERRORS ? errno : 1]++;
    return result >= 0;
}

static void read_file(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (!note(file))
        return;
    for (unsigned done = 0; done < READ_MAX; done += sizeof(buffer)) {
        ssize_t got = read(file, buffer, sizeof(buffer));
        note(got);
        if (got <= 0)
            break;
    }
    note(lseek(file, -100, SEEK_END));
    note(read(file, buffer, sizeof(buffer)));
    close(file);
}

static void write_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    if (!note(file))
        return;
    memset(buffer, 'w', sizeof(buffer));
    note(pwrite(file, buffer, 3000, generator_below(&chance, 300000)));
    note(pwrite(file, buffer, sizeof(buffer), 0));
    note(fsync(file));
    close(file);
}

static void change(const char *path) {
    char other[PATH_BYTES + 4];
    snprintf(other, sizeof(other), "%s.x", path);
    switch (generator_below(&chance, 8)) {
    case 0:
        note(unlink(path));
        break;
    case 1:
        note(rmdir(path));
        break;
    case 2:
        note(truncate(path, generator_below(&chance, 100000)));
        break;
    case 3:
        note(rename(path, other));
        break;
    case 4:
        note(link(path, other));
        break;
    case 5:
        note(mkdir(other, 0755));
        break;
    case 6:
        note(symlink("somewhere", other));
        break;
    default:
        write_file(path);
    }
}

static bool of_the_system(const char *path) {
    static const char *const kept[] = {"//dev", "//proc", "//bin", "//sbin"};
    for (unsigned i = 0; i < COUNT_OF(kept); i++)
        if (strcmp(path, kept[i]) == 0)
            return true;
    return false;
}

static void use(const char *path, unsigned depth) {
    DIR *directory = opendir(path);
    if (!note(directory == NULL ? -1 : 0))
        return;
    struct dirent *entry;
    errno = 0;
    while (entries < ENTRIES_MAX && (entry = readdir(directory)) != NULL) {
        char name[PATH_BYTES];
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name) - 2)
            continue;
        entries++;
        if (!note(lstat(name, &status)) || of_the_system(name))
            continue;
        if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
            use(name, depth + 1);
        else if (S_ISLNK(status.st_mode))
            note(readlink(name, buffer, sizeof(buffer)));
        else
            read_file(name);
        change(name);
        errno = 0;
    }
    if (errno != 0)
        note(-1);
    closedir(directory);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "usetree", usage);
    const char *root = argc > 1 ? argv[1] : "/";
    chance = generator_start(number_argument(argc, argv, 2, "SEED", 1, 0, UINT32_MAX));
    use(root, 0);
    if (chdir(root) == 0) {
        note(mkdir("made", 0755));
        write_file("made/file");
        use("made", 0);
    }
    sync();
    printf("usetree total entries %u\n", entries);
    for (unsigned i = 0; i < ERRORS; i++)
        if (results[i] > 0)
            printf("usetree result %s %u\n", i == 0 ? "ok" : strerrorname_np((int)i), results[i]);
    return 0;
}
