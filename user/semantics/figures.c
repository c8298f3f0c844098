/*
 * What /proc and getrusage say of a process: how much it maps, how much is in memory, whose it is, how much it
 * has been at most. Where memory is short a page may leave between the touch and the look, so looks are
 * repeated, a number of times.
 */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { PAGES = 8, LOOKS = 50, KIB_PER_PAGE = PAGE / 1024 };

/* The number behind @name in the text of @path, from where a line begins with @line on; -1: there is none. */
static long figure(const char *path, const char *line, const char *name) {
    static char text[65536];
    int file = open(path, O_RDONLY);
    size_t used = 0;
    ssize_t bytes = 1;
    while (file >= 0 && bytes > 0 && used < sizeof(text) - 1) {
        bytes = read(file, text + used, sizeof(text) - 1 - used);
        used += bytes > 0 ? (size_t)bytes : 0;
    }
    close(file);
    text[used] = '\0';
    const char *at = line != NULL ? strstr(text, line) : text;
    at = at != NULL ? strstr(at, name) : NULL;
    return at == NULL ? -1 : strtol(at + strlen(name), NULL, 10);
}

/* Of the area that begins at @pages. */
static long smaps(const char *pages, const char *name) {
    char line[32];
    snprintf(line, sizeof(line), "%08lx-", (unsigned long)(uintptr_t)pages);
    return figure("/proc/self/smaps", line, name);
}

static void touch(char *pages, bool write) {
    for (unsigned i = 0; i < PAGES; i++) {
        if (write)
            pages[i * PAGE] = 'x';
        else
            (void)*(volatile char *)(pages + i * PAGE);
    }
}

/* smaps' figure, of pages that are touched before each look, until it is @wanted. */
static long look_for(char *pages, bool write, const char *name, long wanted) {
    long found = -1;
    for (unsigned i = 0; i < LOOKS && found != wanted; i++) {
        sched_yield(); /* to others who touch them */
        touch(pages, write);
        found = smaps(pages, name);
    }
    return found;
}

static void own_pages(void) {
    char *pages = lonely_pages(PAGES);
    fact("Size of eight pages, kB", "%ld", smaps(pages, "\nSize:"));
    fact("Rss before any is touched", "%ld", smaps(pages, "\nRss:"));
    fact("Rss when all are written", "%ld", look_for(pages, true, "\nRss:", PAGES * KIB_PER_PAGE));
    fact("Pss", "%ld", look_for(pages, true, "\nPss:", PAGES * KIB_PER_PAGE));
    fact("Private_Dirty", "%ld", look_for(pages, true, "\nPrivate_Dirty:", PAGES * KIB_PER_PAGE));
    fact("Anonymous", "%ld", look_for(pages, true, "\nAnonymous:", PAGES * KIB_PER_PAGE));
    fact("Shared_Dirty", "%ld", smaps(pages, "\nShared_Dirty:"));
    fact("Swap", "%ld", look_for(pages, true, "\nSwap:", 0));
    madvise(pages, PAGES * PAGE, MADV_DONTNEED);
    fact("Rss after MADV_DONTNEED", "%ld", smaps(pages, "\nRss:"));
    mlock(pages, PAGES * PAGE);
    fact("Locked after mlock", "%ld", smaps(pages, "\nLocked:"));
    fact("VmLck", "%ld", figure("/proc/self/status", NULL, "VmLck:"));
    munlock(pages, PAGES * PAGE);
}

/* A child that looks at the pages over and over until it is killed. */
static int child_reading(char *pages) {
    int pid = fork_checked();
    while (pid == 0)
        touch(pages, false);
    return pid;
}

static void pages_of_two(void) {
    char *pages = lonely_pages(PAGES);
    touch(pages, true);
    int pid = child_reading(pages);
    fact("Pss of pages that a child reads too", "%ld",
         look_for(pages, false, "\nPss:", PAGES * KIB_PER_PAGE / 2));
    fact("Rss", "%ld", look_for(pages, false, "\nRss:", PAGES * KIB_PER_PAGE));
    kill(pid, SIGKILL);
    wait_for(pid);
    fact("Pss when the child is gone", "%ld", look_for(pages, false, "\nPss:", PAGES * KIB_PER_PAGE));
}

/* The two highest bits of pagemap's entry: present, swapped. */
static unsigned map_bits(const char *page) {
    uint64_t entry = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);
    pread(file, &entry, sizeof(entry), (off_t)((uintptr_t)page / PAGE * sizeof(entry)));
    close(file);
    return (unsigned)(entry >> 62);
}

static void page_map(void) {
    char *pages = lonely_pages(2);
    unsigned bits = 0;
    for (unsigned i = 0; i < LOOKS && bits != 2; i++) {
        pages[PAGE] = 'x';
        bits = map_bits(pages + PAGE);
    }
    fact("pagemap of a page never touched, of one written (2: present)", "%u, %u", map_bits(pages), bits);
}

/* --- the most there has been --------------------------------------------------------------------- */

static long most_resident(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return usage.ru_maxrss;
}

static int use_much(void *argument) {
    char *pages = some_pages(100);
    (void)argument;
    memset(pages, 'x', 100 * PAGE);
    return 0;
}

static void peaks(void) {
    enum { MUCH = 100 };
    char *pages = some_pages(MUCH);
    memset(pages, 'x', MUCH * PAGE);
    long peak = most_resident(RUSAGE_SELF), size = figure("/proc/self/status", NULL, "VmPeak:");
    munmap(pages, MUCH * PAGE);
    fact_true("ru_maxrss is no less when the memory is given back",
              peak > 0 && most_resident(RUSAGE_SELF) >= peak);
    fact_true("VmPeak, the same", size > 0 && figure("/proc/self/status", NULL, "VmPeak:") >= size);
    fact_true("VmPeak is more than VmSize by it",
              figure("/proc/self/status", NULL, "VmSize:") <= size - MUCH * KIB_PER_PAGE);
    fact_true("VmHWM is no less than VmRSS",
              figure("/proc/self/status", NULL, "VmHWM:") >= figure("/proc/self/status", NULL, "VmRSS:"));
    in_child(use_much, NULL);
    fact_true("a child's peak is told when it has been waited for", most_resident(RUSAGE_CHILDREN) > 0);
}

static long minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static void faults(void) {
    enum { TOUCHED = 32 };
    char *pages = lonely_pages(TOUCHED);
    (void)minor_faults();
    long before = minor_faults();
    for (unsigned i = 0; i < TOUCHED; i++)
        pages[i * PAGE] = 'x';
    long some = minor_faults() - before;
    fact_true("32 pages touched for the first time are 32 minor faults, or few more",
              some >= TOUCHED && some < TOUCHED + 8);
}

/* --- another process ----------------------------------------------------------------------------- */

static size_t arguments_of(const char *process, char *text, size_t room) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/cmdline", process);
    int file = open(path, O_RDONLY);
    ssize_t bytes = read(file, text, room);
    close(file);
    return bytes < 0 ? 0 : (size_t)bytes;
}

/* The child's arguments are where the parent's are. It sends them out of memory, and does nothing more. */
static void arguments(void) {
    char own[512], its[512], name[16];
    int ready[2];
    if (pipe(ready) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        long start = 0;
        char text[1024], *at = text;
        int file = open("/proc/self/stat", O_RDONLY);
        ssize_t bytes = read(file, text, sizeof(text) - 1);
        text[bytes > 0 ? bytes : 0] = '\0';
        for (unsigned field = 1; field < 48 && at != NULL; field++)
            at = strchr(at, ' ') != NULL ? strchr(at, ' ') + 1 : NULL;
        start = at != NULL ? (long)strtoul(at, NULL, 10) : 0;
        fact_true("the stat file says where the arguments are", start != 0);
        fflush(stdout);
        *(volatile char *)(uintptr_t)start = *(char *)(uintptr_t)start; /* a page of its own */
        page_out((void *)((uintptr_t)start / PAGE * PAGE), 1);
        write_all(ready[1], "r", 1);
        pause();
        _exit(0);
    }
    read_all(ready[0], its, 1);
    snprintf(name, sizeof(name), "%d", pid);
    size_t bytes = arguments_of("self", own, sizeof(own));
    fact_true("a process has arguments", bytes > 0 && own[bytes - 1] == '\0');
    fact_true("another's are read, though its page is out",
              arguments_of(name, its, sizeof(its)) == bytes && memcmp(own, its, bytes) == 0);
    kill(pid, SIGKILL);
    wait_for(pid);
}

/* --- pages of a file, locked ---------------------------------------------------------------------- */

static void look_at_locked(const char *when, char *pages) {
    unsigned char resident[PAGES];
    unsigned in_memory = 0;
    char what[80];
    static char other[PAGES * PAGE];
    struct rusage before, after;
    snprintf(what, sizeof(what), "Locked, of a file's pages %s", when);
    fact(what, "%ld", smaps(pages, "\nLocked:"));
    if (mincore(pages, PAGES * PAGE, resident) == 0)
        for (unsigned i = 0; i < PAGES; i++)
            in_memory += resident[i] & 1;
    fact("of them in memory", "%u", in_memory);
    touch(other, false); /* what the program itself needs for that is in memory then */
    getrusage(RUSAGE_SELF, &after);
    getrusage(RUSAGE_SELF, &before);
    touch(pages, false);
    getrusage(RUSAGE_SELF, &after);
    fact("major faults to read them", "%ld", after.ru_majflt - before.ru_majflt);
}

/* What has been written is locked as before. */
static void locked_file(void) {
    static const char name[] = "locked-file";
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(file, PAGES * PAGE);
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fact_call("mlock of a file's pages", mlock(pages, PAGES * PAGE));
    touch(pages, true);
    look_at_locked("stored to", pages);
    fact_call("msync", msync(pages, PAGES * PAGE, MS_SYNC));
    look_at_locked("after msync", pages);
    touch(pages, true);
    fact_call("fsync", fsync(file));
    look_at_locked("after fsync", pages);
    touch(pages, true);
    fact_call("MADV_PAGEOUT", madvise(pages, PAGES * PAGE, MADV_PAGEOUT));
    fact_call("MADV_DONTNEED", madvise(pages, PAGES * PAGE, MADV_DONTNEED));
    look_at_locked("after that", pages);
    munlock(pages, PAGES * PAGE);
    fact("Locked after munlock", "%ld", smaps(pages, "\nLocked:"));
    munmap(pages, PAGES * PAGE);
    close(file);
    unlink(name);
}

/* --- names and fields ------------------------------------------------------------------------------ */

/* Which of the names, as lines begin, are in the file. */
static void names_in(const char *path, const char *const *names) {
    for (; *names != NULL; names++) {
        char what[80], line[40];
        snprintf(line, sizeof(line), "\n%s:", *names);
        snprintf(what, sizeof(what), "%s tells %s", path, *names);
        fact_true(what, figure(path, NULL, line) >= 0);
    }
}

static void fields_of(const char *path) {
    char text[1024], what[60];
    unsigned fields = 0;
    int file = open(path, O_RDONLY);
    ssize_t bytes = read(file, text, sizeof(text) - 1);
    close(file);
    text[bytes < 0 ? 0 : bytes] = '\0';
    for (char *rest = text, *word; (word = strsep(&rest, " \n")) != NULL;)
        fields += *word != '\0';
    snprintf(what, sizeof(what), "fields of %s", path);
    fact(what, "%u", fields);
}

static void names(void) {
    static const char *const of_machine[] = {
        "MemFree",     "MemAvailable", "Buffers",   "Cached",     "SwapCached",  "Active",       "Inactive",
        "Unevictable", "Mlocked",      "SwapTotal", "SwapFree",   "Dirty",       "Writeback",    "AnonPages",
        "Mapped",      "Shmem",        "Slab",      "PageTables", "CommitLimit", "Committed_AS", NULL};
    static const char *const of_process[] = {
        "Umask",  "State",  "Tgid",   "Pid",    "PPid",    "TracerPid", "Uid",        "Gid",      "FDSize",
        "VmPeak", "VmSize", "VmLck",  "VmHWM",  "VmRSS",   "RssAnon",   "RssFile",    "RssShmem", "VmData",
        "VmStk",  "VmExe",  "VmPTE",  "VmSwap", "Threads", "SigPnd",    "ShdPnd",     "SigBlk",   "SigIgn",
        "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd",  "CapAmb",    "NoNewPrivs", NULL};
    static const char *const of_area[] = {"Size",          "KernelPageSize", "MMUPageSize",  "Rss",
                                          "Pss",           "Shared_Clean",   "Shared_Dirty", "Private_Clean",
                                          "Private_Dirty", "Referenced",     "Anonymous",    "Swap",
                                          "SwapPss",       "Locked",         "VmFlags",      NULL};
    names_in("/proc/meminfo", of_machine);
    names_in("/proc/self/status", of_process);
    names_in("/proc/self/smaps", of_area);
    fields_of("/proc/self/stat");
    fields_of("/proc/self/statm");
    char text[2048] = "", *state;
    int file = open("/proc/self/status", O_RDONLY);
    read(file, text, sizeof(text) - 1);
    close(file);
    state = strstr(text, "State:");
    fact("the state of one who looks", "%.17s", state != NULL ? state : "none");
}

static const struct group groups[] = {
    {"pages of one's own", own_pages},
    {"pages of two", pages_of_two},
    {"pagemap", page_map},
    {"peaks", peaks},
    {"faults", faults},
    {"arguments of another", arguments},
    {"locked pages of a file", locked_file},
    {"names and fields", names},
};
THEME(figures, "what /proc and getrusage say of a process's memory", groups);
