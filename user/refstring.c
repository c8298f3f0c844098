/*
 * refstring: touches pages in a given order under a given limit of frames, and says how often that faulted.
 * The faults are the processor's: the kernel keeps one page of the range mapped, replaces within the limit by
 * the policy asked for, and counts (mm/reftrace.c of the kernel; /proc/self/reflimit).
 *
 *     refstring [-p POLICY] [-n FRAMES] [-s] [-t TICK] [-T TAU] STRING | -f FILE
 *
 * STRING is as 7,0,1,2w: `w` writes. Numbers may be large, as in what reftrace records: they are names, and a page is
 * there for each that occurs. Prints "POLICY FRAMES frames: N faults of M references, N page-outs";
 * with -s also every reference with F for a fault. OPT is told the future by a first run. Where there is no
 * such kernel (Linux) it says so and exits with 2.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE      4096u
#define PAGES_MAX 4096u /* different ones */

static const char usage[] =
    "usage: refstring [-p POLICY] [-n FRAMES] [-s] [-t TICK] [-T TAU] STRING | -f FILE\n"
    "  touches pages in the order of STRING, as 7,0,1,2w (w: writes), in so many page frames (standard 3) "
    "under\n"
    "  a policy (standard fifo), and tells how often the processor faulted; -s: at which of them;\n"
    "  -t, -T: references between two ticks, and that a working set reaches back (wsclock)\n";

static unsigned *string; /* page << 1 | write; pages are numbered as they first appear */
static unsigned count, room, pages;
static unsigned names[PAGES_MAX]; /* what the pages are called in the string */

static unsigned page_called(unsigned name) {
    for (unsigned page = 0; page < pages; page++)
        if (names[page] == name)
            return page;
    if (pages == PAGES_MAX)
        errx(1, "more than %u different pages", PAGES_MAX);
    names[pages] = name;
    return pages++;
}

static void add(unsigned name, int writes) {
    if (count == room) {
        room = room == 0 ? 256 : 2 * room;
        string = realloc(string, room * sizeof(*string));
        if (string == NULL)
            err(1, "memory");
    }
    string[count++] = page_called(name) << 1 | (writes != 0);
}

static void parse(const char *text) {
    while (*text != '\0') {
        if (isdigit((unsigned char)*text)) {
            char *end;

            errno = 0;
            unsigned long name = strtoul(text, &end, 10);
            if (errno != 0 || name > INT32_MAX)
                errx(1, "page number %.*s is too large", (int)(end - text), text);
            add((unsigned)name, *end == 'w');
            text = end + (*end == 'w');
        } else if (*text == '#') {
            text += strcspn(text, "\n");
        } else if (isspace((unsigned char)*text) || *text == ',') {
            text++;
        } else {
            errx(1, "not a reference string at \"%.20s\"", text);
        }
    }
}

static void parse_file(const char *name) {
    char *line = NULL;
    size_t line_room = 0;
    FILE *file = fopen(name, "r");

    if (file == NULL)
        err(1, "%s", name);
    while (getline(&line, &line_room, file) >= 0)
        parse(line);
    if (ferror(file))
        err(1, "%s", name);
    free(line);
    fclose(file);
}

static unsigned number(const char *text, const char *what) {
    char *end;
    unsigned long value = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;

    if (value == 0 || *end != '\0' || value > INT32_MAX)
        errx(1, "%s: \"%s\" is not a number above 0", what, text);
    return (unsigned)value;
}

/* --- the kernel's side --- */

static void command(const char *text) {
    int fd = open("/proc/self/reflimit", O_WRONLY);

    if (fd < 0)
        err(2, "/proc/self/reflimit");
    if (write(fd, text, strlen(text)) < 0)
        err(2, "\"%s\"", text);
    close(fd);
}

/* Ends the program unless the kernel has a policy of that name. */
static void check_policy(const char *policy) {
    char text[256];
    int fd = open("/proc/sys/vm/policy", O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    char there_are[sizeof(text)] = "", *end = there_are;

    if (got < 0)
        err(2, "/proc/sys/vm/policy");
    close(fd);
    text[got] = '\0';
    for (char *name = strtok(text, "[] \n"); name != NULL; name = strtok(NULL, "[] \n")) {
        if (strcmp(name, policy) == 0)
            return;
        end += snprintf(end, (size_t)(there_are + sizeof(there_are) - end), "%s, ", name);
    }
    if (strcmp(policy, "opt") != 0)
        errx(1, "no policy is called \"%s\": there are %sopt", policy, there_are);
}

/* The figure of that name. */
static unsigned figure(const char *name) {
    char text[256];
    int fd = open("/proc/self/reflimit", O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    char *found;

    if (got < 0)
        err(2, "/proc/self/reflimit");
    close(fd);
    text[got] = '\0';
    found = strstr(text, name);
    if (found == NULL)
        errx(1, "no %s in \"%s\"", name, text);
    return (unsigned)strtoul(found + strlen(name), NULL, 10);
}

/* --- the run --- */

struct run {
    const char *policy, *extra;
    unsigned frames;
    int steps;
};

/* Touches the pages in order; the faults as the kernel counted them. */
static unsigned run(const struct run *how, volatile char *base, unsigned *page_outs) {
    char text[200];
    unsigned faults = 0;

    snprintf(text, sizeof(text), "start=%lu pages=%u frames=%u policy=%s log=%u%s",
             (unsigned long)(uintptr_t)base, pages, how->frames, how->policy, count, how->extra);
    command(text);
    for (unsigned i = 0; i < count; i++) {
        volatile char *page = base + (string[i] >> 1) * PAGE;

        if (i > 0 && string[i] >> 1 == string[i - 1] >> 1)
            command("unmap"); /* it is mapped already */
        if (string[i] & 1)
            *page = (char)i;
        else
            (void)*page;
        if (how->steps) {
            unsigned now = figure(" faults=");

            printf("%u%s%s ", names[string[i] >> 1], string[i] & 1 ? "w" : "", now > faults ? "F" : "");
            faults = now;
        }
    }
    if (how->steps)
        putchar('\n');
    if (figure(" references=") != count)
        errx(1, "%u references were made, %u were seen", count, figure(" references="));
    faults = figure(" faults=");
    *page_outs = figure(" page_outs=");
    command("off");
    return faults;
}

static const struct option long_options[] = {{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};

/* The options, then the strings. @extra: what else the kernel is to be told, of @extra_room bytes. */
static void parse_arguments(int argc, char **argv, struct run *how, char *extra, size_t extra_room) {
    for (int option; (option = getopt_long(argc, argv, "hp:n:sf:t:T:", long_options, NULL)) != -1;) {
        size_t used = strlen(extra);

        switch (option) {
        case 'p':
            how->policy = optarg;
            break;
        case 'n':
            how->frames = number(optarg, "-n");
            break;
        case 's':
            how->steps = 1;
            break;
        case 'f':
            parse_file(optarg);
            break;
        case 't':
            snprintf(extra + used, extra_room - used, " tick=%u", number(optarg, "-t"));
            break;
        case 'T':
            snprintf(extra + used, extra_room - used, " tau=%u", number(optarg, "-T"));
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(1);
        }
    }
    while (optind < argc)
        parse(argv[optind++]);
    if (count == 0) {
        fputs(usage, stderr);
        exit(1);
    }
}

int main(int argc, char **argv) {
    char extra[64] = "";
    struct run how = {.policy = "fifo", .frames = 3, .extra = extra};
    unsigned page_outs, faults;
    volatile char *base;

    parse_arguments(argc, argv, &how, extra, sizeof(extra));
    check_policy(how.policy);
    base = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        err(1, "mmap");
    if (strcmp(how.policy, "opt") == 0) { /* the string has to be recorded before it can be known */
        struct run first = {.policy = "fifo", .extra = "", .frames = how.frames};

        run(&first, base, &page_outs);
        if (madvise((void *)base, (size_t)pages * PAGE, MADV_DONTNEED) != 0)
            err(1, "madvise");
    }
    faults = run(&how, base, &page_outs);
    printf("%s %u frames: %u faults of %u references, %u page-outs\n", how.policy, how.frames, faults, count,
           page_outs);
    return 0;
}
