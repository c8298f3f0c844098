/*
 * Writes files, and says of each what must survive from then on: for the test that cuts the power at a random
 * moment (tests/faults/powercut), which reads the lines, and afterwards the disk.
 *
 * Every page of every file is one record of four words, repeated: MAGIC, the file, the page, its version. So
 * whoever looks can tell what a page is, whether it is whole, and how old. Lines, each written with one call:
 *
 *     R A V     file a<A> of version V is written and fsynced, and renamed over the old one
 *     A A V     its directory has been fsynced: V or a later version has to be there
 *     P I G V   page G of file p<I>, version V, overwritten in place, is on the disk
 *     L N       the first N records of file l are on the disk
 *     T I V N   the first N pages of file t<I>, which is new and grows, version V, are on the disk
 *     C I N     (about to) cut t<I> to N pages, not fsynced; said before it is done
 *     U A       (about to) unlink a<A>; said before it is done
 *     D I       (about to) unlink t<I>; said before it is done
 *     M N       directory d<N> with its file x is on the disk
 *
 * In between, files that are never fsynced come and go, so that blocks and inodes change owners, and memory is
 * short, so that the paging daemon writes what it likes when it likes.
 */
#include "user/lib/pattern.h"
#include "user/lib/program.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>

#define MAGIC 0x6475726cu

enum { ATOMIC = 6, PAGED = 3, PAGED_PAGES = 40, CUT = 4, NOISE = 12, BALLAST = 3u << 20 };

static struct generator chance;
static uint32_t version;
static int directory;
static uint32_t *ballast;

static void say(const char *format, ...) {
    char line[80];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    write_all(1, line, (size_t)length);
}

static bool asking;

/* What is announced must have arrived before it is done; whoever listens may want to answer, with a byte. */
static void await_answer(void) {
    char answer;
    tcdrain(1);
    if (asking && read(0, &answer, 1) != 1)
        fail_errno("no answer");
}

#define ANNOUNCE(...) (say(__VA_ARGS__), await_answer())

static const uint32_t *page_of(uint32_t file, uint32_t page, uint32_t of_version) {
    static uint32_t words[PAGE / sizeof(uint32_t)];
    for (unsigned i = 0; i < COUNT_OF(words); i += 4) {
        words[i] = MAGIC;
        words[i + 1] = file;
        words[i + 2] = page;
        words[i + 3] = of_version;
    }
    return words;
}

static int open_file(const char *name, int flags) {
    int file = open(name, flags, 0644);
    if (file < 0)
        fail_errno("%s", name);
    return file;
}

static void sync_file(int file, const char *name) {
    if (fsync(file) != 0)
        fail_errno("fsync of %s", name);
}

static const char *name_of(char letter, unsigned number) {
    static char names[4][16];
    static unsigned turn;
    char *name = names[turn++ % 4];
    snprintf(name, sizeof names[0], "%c%u", letter, number);
    return name;
}

static void write_pages_from(int file, uint32_t id, unsigned page, unsigned end, uint32_t of_version) {
    for (; page < end; page++)
        write_all(file, page_of(id, page, of_version), PAGE);
}

static void write_pages(int file, uint32_t id, unsigned pages, uint32_t of_version) {
    write_pages_from(file, id, 0, pages, of_version);
}

/* --- the ways of writing -------------------------------------------------------------------------- */

/* The way of editors and databases: a new file, fsync, rename over the old one, sometimes fsync of the directory. */
static void replace(void) {
    unsigned i = generator_below(&chance, ATOMIC);
    uint32_t v = ++version;
    int file = open_file("new", O_WRONLY | O_CREAT | O_TRUNC);
    write_pages(file, 'a' << 8 | i, 1 + v % 30, v);
    sync_file(file, "new");
    close(file);
    if (rename("new", name_of('a', i)) != 0)
        fail_errno("rename to a%u", i);
    say("R %u %u\n", i, v);
    if (generator_below(&chance, 3) == 0) {
        sync_file(directory, "the directory");
        say("A %u %u\n", i, v);
    }
}

static void unlink_one(void) {
    unsigned i = generator_below(&chance, ATOMIC);
    ANNOUNCE("U %u\n", i);
    unlink(name_of('a', i));
}

static void overwrite(void) {
    unsigned i = generator_below(&chance, PAGED), page = generator_below(&chance, PAGED_PAGES);
    uint32_t v = ++version;
    int file = open_file(name_of('p', i), O_RDWR);
    if (pwrite(file, page_of('p' << 8 | i, page, v), PAGE, (off_t)page * PAGE) != PAGE)
        fail_errno("p%u", i);
    sync_file(file, "p");
    close(file);
    say("P %u %u %u\n", i, page, v);
}

static void overwrite_mapped(void) {
    unsigned i = generator_below(&chance, PAGED), page = generator_below(&chance, PAGED_PAGES);
    uint32_t v = ++version;
    int file = open_file(name_of('p', i), O_RDWR);
    void *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)page * PAGE);
    if (map == MAP_FAILED)
        fail_errno("mmap of p%u", i);
    memcpy(map, page_of('p' << 8 | i, page, v), PAGE);
    if (msync(map, PAGE, MS_SYNC) != 0)
        fail_errno("msync of p%u", i);
    munmap(map, PAGE);
    close(file);
    say("P %u %u %u\n", i, page, v);
}

/* A log: records are appended, some at a time, and fsynced now and then. */
static void append(void) {
    static uint32_t records;
    int file = open_file("l", O_WRONLY | O_CREAT | O_APPEND);
    for (unsigned n = 1 + generator_below(&chance, 1200); n > 0; n--, records++) {
        uint32_t record[] = {MAGIC, 'l' << 8, records, ~records};
        write_all(file, record, sizeof record);
    }
    if (generator_below(&chance, 2) == 0) {
        sync_file(file, "l");
        say("L %u\n", records);
    }
    close(file);
}

/*
 * A file that is durable before it gets its indirect block, and after it, and is cut short later. Its number is never
 * used again.
 */
static unsigned cut_made, cut_pages[CUT];

static void make_to_cut(void) {
    uint32_t v = ++version;
    unsigned slot = cut_made % CUT, pages = 14 + generator_below(&chance, 40);
    if (cut_made >= CUT) {
        ANNOUNCE("D %u\n", cut_made - CUT);
        unlink(name_of('t', cut_made - CUT));
    }
    int file = open_file(name_of('t', cut_made), O_WRONLY | O_CREAT | O_EXCL);
    for (unsigned done = 0, end = 1 + generator_below(&chance, 12); done < pages; done = end, end = pages) {
        write_pages_from(file, 't' << 8 | cut_made, done, end, v);
        sync_file(file, "t");
        say("T %u %u %u\n", cut_made, v, end);
    }
    close(file);
    cut_pages[slot] = pages;
    cut_made++;
}

static void cut(void) {
    if (cut_made == 0)
        return;
    unsigned i = cut_made - 1 - generator_below(&chance, cut_made < CUT ? cut_made : CUT);
    unsigned pages = generator_below(&chance, cut_pages[i % CUT] + 1);
    ANNOUNCE("C %u %u\n", i, pages);
    if (truncate(name_of('t', i), (off_t)pages * PAGE) != 0)
        fail_errno("t%u", i);
    cut_pages[i % CUT] = pages;
}

/* Directories come, and files move from one to another. */
static void make_directory(void) {
    static unsigned made;
    char file_name[32];
    snprintf(file_name, sizeof file_name, "d%u/x", made);
    if (mkdir(name_of('d', made), 0755) != 0)
        fail_errno("mkdir d%u", made);
    int file = open_file(file_name, O_WRONLY | O_CREAT);
    write_pages(file, 'd' << 8 | made, 2, made);
    sync_file(file, file_name);
    close(file);
    say("M %u\n", made);
    if (made >= 4 && generator_below(&chance, 2) == 0) {
        char from[32], to[32];
        snprintf(from, sizeof from, "d%u/x", made - 4);
        snprintf(to, sizeof to, "d%u/y%u", made, made - 4);
        rename(from, to);
    }
    made++;
}

/* Files that nobody promises anything about. */
static void noise(void) {
    const char *name = name_of('n', generator_below(&chance, NOISE));
    if (generator_below(&chance, 3) == 0) {
        unlink(name);
        return;
    }
    int file = open_file(name, O_WRONLY | O_CREAT | (generator_below(&chance, 2) ? O_TRUNC : O_APPEND));
    write_pages(file, 'n' << 8, 1 + generator_below(&chance, 60), ++version);
    close(file);
}

/* Keeps memory short. */
static void sweep_ballast(void) {
    for (unsigned i = 0; i < 300; i++)
        ballast[generator_below(&chance, BALLAST / PAGE) * (PAGE / sizeof *ballast)]++;
}

static void prepare(const char *place) {
    mkdir(place, 0755);
    if (chdir(place) != 0)
        fail_errno("%s", place);
    directory = open_file(".", O_RDONLY | O_DIRECTORY);
    ballast = allocate_pages(BALLAST);
    for (unsigned i = 0; i < PAGED; i++) {
        int file = open_file(name_of('p', i), O_WRONLY | O_CREAT);
        write_pages(file, 'p' << 8 | i, PAGED_PAGES, 0);
        sync_file(file, "p");
        close(file);
        for (unsigned page = 0; page < PAGED_PAGES; page++)
            say("P %u %u 0\n", i, page);
    }
}

int main(int argc, char **argv) {
    static void (*const ways[])(void) = {
        replace, replace, overwrite,  overwrite_mapped, append,  make_to_cut, cut,          noise,
        noise,   noise,   unlink_one, make_directory,   replace, append,      sweep_ballast};
    program_start(argc, argv, "durable", "durable DIRECTORY SEED STEPS [ask]\n");
    unsigned seed = number_argument(argc, argv, 2, "SEED", 1, 0, UINT32_MAX);
    unsigned steps = number_argument(argc, argv, 3, "STEPS", 1000, 1, UINT32_MAX);
    if (argc < 2)
        usage_error("a directory is wanted");
    asking = argc > 4 && strcmp(argv[4], "ask") == 0;
    chance = generator_start(seed);
    prepare(argv[1]);
    say("ready\n");
    while (steps-- > 0)
        ways[generator_below(&chance, COUNT_OF(ways))]();
    say("done\n");
    return 0;
}
