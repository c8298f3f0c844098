/*
 * Arguments of all kinds. Of each kind most are good enough to get past the first checks of the call, many
 * are wrong in one way, and some are any word at all.
 *
 * What the kernel reads or writes through a pointer is put where memory ends: its last byte, or the byte in its
 * middle, is the last of a page whose neighbour may be absent, read-only, or past the end of a file.
 */
#include "user/fuzz/fuzz.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/ipc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#define ANY_OF(f, list) ((uint32_t)(list)[pick(f, COUNT_OF(list))])

/* Words at the ends of ranges. */
uint32_t wild_word(struct fuzzer *f) {
    static const uint32_t words[] = {0,          1,          2,          3,          7,          8,
                                     0x7F,       0x80,       0xFF,       0x100,      0xFFF,      0x1000,
                                     0x1001,     0xFFFF,     0x10000,    0x7FFFFFFF, 0x80000000, 0xBFFFFFFF,
                                     0xC0000000, 0xC0100000, 0xFFFFF000, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFF000};
    if (chance(f, 40))
        return generator_next(&f->random);
    return ANY_OF(f, words) + (chance(f, 20) ? pick(f, 5) - 2 : 0);
}

static char *arena_page(struct fuzzer *f) {
    return arena + pick(f, ARENA_PAGES) * PAGE;
}

/* Nothing good is there, or nothing certain. */
static uint32_t bad_pointer(struct fuzzer *f) {
    static const uint32_t bad[] = {0,          1,          0x1000,     0x08048000, 0xBFFFEFFF,
                                   0xBFFFFFFF, 0xC0000000, 0xC0000001, 0xC0100000, 0xD0000000,
                                   0xFFC00000, 0xFFFFF000, 0xFFFFFFFC, 0xFFFFFFFF};
    switch (pick(f, 4)) {
    case 0:
        return wild_word(f);
    case 1: /* an odd place of the arena */
        return (uint32_t)(uintptr_t)arena_page(f) + pick(f, PAGE);
    default:
        return ANY_OF(f, bad);
    }
}

/*
 * The address of a copy of @bytes at @data, right before the end of a page; now and then so close that not all
 * of it is before the end, or a bad pointer instead.
 */
static uint32_t place(struct fuzzer *f, const void *data, size_t bytes) {
    if (chance(f, 20))
        return bad_pointer(f);
    size_t before_end = chance(f, 25) ? pick(f, (uint32_t)bytes + 1) : bytes;
    char *to = arena_page(f) + PAGE - before_end;
    if (data != NULL)
        memcpy(to, data, before_end);
    return (uint32_t)(uintptr_t)to;
}

static uint32_t buffer(struct fuzzer *f) {
    static const uint16_t sizes[] = {0, 1, 4, 8, 16, 20, 64, 96, 128, 144, 256, 390, 512, 1024, 4095, 4096};
    return place(f, NULL, ANY_OF(f, sizes));
}

/* A structure of words that the call may understand or not. */
static uint32_t some_words(struct fuzzer *f, unsigned count, bool small) {
    uint32_t words[64];
    for (unsigned i = 0; i < count; i++)
        words[i] = small && chance(f, 80) ? pick(f, 20) : wild_word(f);
    return place(f, words, count * sizeof(words[0]));
}

static uint32_t path(struct fuzzer *f) {
    static const char *const paths[] = {
        "f0",
        "f1",
        "f2",
        "f3",
        "d0",
        "d0/f0",
        "d0/d1",
        "d0/d1/f1",
        "link",
        "loop",
        "fifo",
        "d0/../f0",
        "new",
        "d0/new",
        ".",
        "..",
        "",
        "/",
        "//",
        "f0/",
        "f0/x",
        "missing/x",
        "/dev/null",
        "/dev/zero",
        "/proc",
        "/proc/self",
        "/proc/uptime",
        "/proc/self/maps",
        "/proc/self/fd/3",
        "/proc/self/pagemap",
        "/proc/self/exe",
        "/proc/meminfo",
        "/dev/shm/fz",
        "/dev/shm",
        "/bin/echo",
        "./././f1",
    };
    if (chance(f, 85)) {
        const char *text = paths[pick(f, COUNT_OF(paths))];
        return place(f, text, strlen(text) + 1);
    }
    static char long_path[PAGE];
    static const uint16_t lengths[] = {254, 255, 256, 300, 4094, 4095, 4096};
    size_t length = ANY_OF(f, lengths);
    memset(long_path, chance(f, 50) ? 'n' : '/', length);
    for (unsigned i = pick(f, 9); i > 0; i--)
        long_path[pick(f, (uint32_t)length)] = (char)pick(f, 256);
    if (length < PAGE)
        long_path[length] = '\0';
    return place(f, long_path, length < PAGE ? length + 1 : PAGE);
}

static uint32_t descriptor(struct fuzzer *f) {
    static const int odd[] = {-1, AT_FDCWD, 63, 64, 65, 1 << 20, INT32_MAX, INT32_MIN};
    return chance(f, 90) ? pick(f, ARENA_DESCRIPTORS + 2) : ANY_OF(f, odd);
}

static uint32_t length(struct fuzzer *f) {
    static const uint32_t lengths[] = {0,          1,          2,          511,        512,       513,
                                       4095,       4096,       4097,       8192,       65536,     1 << 20,
                                       0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xC0000000, 0xFFFFF000};
    return chance(f, 40) ? pick(f, 10000) : ANY_OF(f, lengths);
}

static uint32_t page_length(struct fuzzer *f) {
    static const uint32_t lengths[] = {0, 1, 0x7FFFFFFF, 0x80000000, 0xBFFFF000, 0xFFFFF000, 0xFFFFFFFF};
    return chance(f, 85) ? pick(f, 9) * PAGE + (chance(f, 10) ? pick(f, PAGE) : 0) : ANY_OF(f, lengths);
}

/* Of pages to map or change: the arena mostly, nothing of the program's own unless by accident. */
static uint32_t address(struct fuzzer *f) {
    static const uint32_t ends[] = {0,          0x1000,     0x10000,    0xBFFFF000,
                                    0xC0000000, 0xFFFFF000, 0x60000000, 0x60001000};
    if (chance(f, 75))
        return (uint32_t)(uintptr_t)arena_page(f) + (chance(f, 10) ? pick(f, PAGE) : 0);
    return chance(f, 80) ? ANY_OF(f, ends) : wild_word(f);
}

static uint32_t offset_low(struct fuzzer *f) {
    static const uint32_t offsets[] = {0,          1,          511,        512,        4095,
                                       4096,       4097,       8192,       12288,      0x10000,
                                       0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF, 0x40000000};
    return chance(f, 60) ? pick(f, 20000) : ANY_OF(f, offsets);
}

static uint32_t offset_high(struct fuzzer *f) {
    static const uint32_t highs[] = {1, 2, 0x3FF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    return chance(f, 85) ? 0 : ANY_OF(f, highs);
}

static uint32_t map_flags(struct fuzzer *f) {
    static const uint32_t more[] = {MAP_FIXED,     MAP_ANONYMOUS, MAP_NORESERVE, MAP_POPULATE,
                                    MAP_GROWSDOWN, MAP_LOCKED,    MAP_STACK,     MAP_FIXED_NOREPLACE};
    uint32_t flags = pick(f, 4);
    if (chance(f, 60))
        flags |= MAP_ANONYMOUS;
    for (unsigned i = pick(f, 3); i > 0; i--)
        flags |= ANY_OF(f, more);
    return chance(f, 5) ? wild_word(f) : flags;
}

static uint32_t some_flags(struct fuzzer *f) {
    if (chance(f, 30))
        return 0;
    uint32_t flags = 0;
    for (unsigned i = pick(f, 3) + 1; i > 0; i--)
        flags |= 1u << pick(f, 24);
    return chance(f, 10) ? wild_word(f) : flags;
}

static uint32_t process_id(struct fuzzer *f) {
    switch (pick(f, 8)) {
    case 0:
        return (uint32_t)getpid();
    case 1:
        return (uint32_t)-getpid();
    case 2:
    case 3:
        return (uint32_t)f->last_child;
    case 4:
        return (uint32_t)-1;
    case 5:
        return 20000 + pick(f, 1000);
    default:
        return 0;
    }
}

/* Of those who may be killed: never "all", init or the fuzzer's parent. */
static uint32_t victim(struct fuzzer *f) {
    uint32_t id = process_id(f);
    return id == (uint32_t)-1 || id == 1 ? 30000 : id;
}

static uint32_t signal_number(struct fuzzer *f) {
    static const uint32_t odd[] = {0, 65, 64, 127, 128, 0xFFFFFFFF, 0x80000000};
    if (chance(f, 20))
        return ANY_OF(f, odd);
    uint32_t number = pick(f, 33);
    return number == SIGKILL && chance(f, 90) ? SIGUSR1 : number;
}

/* Two or four words: seconds and fractions, small, so that sleeps end. */
static uint32_t time_pointer(struct fuzzer *f) {
    if (chance(f, 15))
        return 0;
    uint32_t words[4] = {0, chance(f, 80) ? pick(f, 3000000) : wild_word(f), 0, 0};
    if (chance(f, 30))
        words[0] = wild_word(f);
    words[2] = words[1];
    if (chance(f, 20))
        words[3] = wild_word(f);
    return place(f, words, sizeof(words));
}

static uint32_t vector(struct fuzzer *f) {
    struct iovec entries[8];
    for (unsigned i = 0; i < COUNT_OF(entries); i++)
        entries[i] = (struct iovec){(void *)(uintptr_t)buffer(f), length(f)};
    return place(f, entries, sizeof(entries));
}

/* SIGALRM, which gets us out of calls that would sleep for ever, is seldom in the set. */
static uint32_t signal_set(struct fuzzer *f) {
    uint32_t words[2] = {wild_word(f), wild_word(f)};
    if (chance(f, 95))
        words[0] &= ~(1u << (SIGALRM - 1));
    return place(f, words, sizeof(words));
}

static uint32_t polled(struct fuzzer *f) {
    struct pollfd entries[20];
    for (unsigned i = 0; i < COUNT_OF(entries); i++)
        entries[i] = (struct pollfd){.fd = (int)descriptor(f), .events = (short)wild_word(f)};
    return place(f, entries, sizeof(entries));
}

static uint32_t strings(struct fuzzer *f) {
    uint32_t words[6];
    if (chance(f, 15))
        return 0;
    for (unsigned i = 0; i < COUNT_OF(words); i++)
        words[i] = path(f);
    words[pick(f, COUNT_OF(words))] = 0;
    return place(f, words, chance(f, 90) ? sizeof(words) : 4);
}

static uint32_t clone_flags(struct fuzzer *f) {
    static const uint32_t flags[] = {
        CLONE_VM,     CLONE_VFORK,         CLONE_FS,           CLONE_FILES,         CLONE_SIGHAND,
        CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID};
    const uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    uint32_t all = chance(f, 25) ? thread : chance(f, 60) ? (uint32_t)SIGCHLD : 0;
    for (unsigned i = pick(f, 4); i > 0; i--)
        all |= ANY_OF(f, flags);
    return chance(f, 5) ? wild_word(f) : all;
}

/* Entry number, base, limit, flags of struct user_desc. The C library's own entry, 6, stays as it is. */
static uint32_t user_descriptor(struct fuzzer *f) {
    static const uint32_t entries[] = {7, 8, 7, 8, 9, 5, 0xFFFFFFFF, 0x80000000};
    uint32_t words[4] = {ANY_OF(f, entries), wild_word(f), wild_word(f), chance(f, 50) ? 0x51 : wild_word(f)};
    return place(f, words, sizeof(words));
}

static uint32_t ioctl_request(struct fuzzer *f) {
    static const uint32_t requests[] = {TCGETS,     TCSETS,   TCSETSW,   TCSETSF,    TIOCGPGRP,
                                        TIOCSPGRP,  TIOCGSID, TIOCSCTTY, TIOCNOTTY,  TIOCGWINSZ,
                                        TIOCSWINSZ, FIONREAD, TCFLSH,    TCSBRK,     FIONBIO,
                                        FIOCLEX,    FIONCLEX, 0x1260,    0x80041272, 0x1268};
    return chance(f, 90) ? ANY_OF(f, requests) : wild_word(f);
}

/* Of fcntl: a lock's structure, or a small number. */
static uint32_t fcntl_argument(struct fuzzer *f) {
    return chance(f, 50) ? pick(f, 64) : some_words(f, 6, true);
}

static uint32_t old_mmap(struct fuzzer *f) {
    uint32_t words[6] = {address(f),   page_length(f), pick(f, 8),
                         map_flags(f), descriptor(f),  offset_low(f) & ~(PAGE - 1)};
    return place(f, words, sizeof(words));
}

static uint32_t action(struct fuzzer *f) {
    uint32_t words[5] = {chance(f, 70) ? pick(f, 2) : bad_pointer(f), wild_word(f), bad_pointer(f),
                         wild_word(f) & ~(1u << (SIGALRM - 1)), wild_word(f)};
    return place(f, words, sizeof(words));
}

uint32_t forged_frame(struct fuzzer *f, uint32_t stack) {
    uint32_t words[160];
    for (unsigned i = 0; i < COUNT_OF(words); i++) {
        static const uint32_t likely[] = {0, 0, 0, 0x23, 0x2B, 0x33, 0x3B, 0x202};
        words[i] = chance(f, 60) ? ANY_OF(f, likely) : wild_word(f);
        if (chance(f, 8))
            words[i] = (uint32_t)(uintptr_t)enter_way_back;
        if (chance(f, 4))
            words[i] = stack;
        if (chance(f, 4))
            words[i] = buffer(f);
    }
    /* eip in struct sigcontext: of a plain frame, of one with siginfo (where esp is when sigreturn is called) */
    if (chance(f, 80))
        words[14] = words[3 + 32 + 5 + 14] = (uint32_t)(uintptr_t)enter_way_back;
    return place(f, words, sizeof(words));
}

static uint32_t number(struct fuzzer *f, char kind) {
    static const uint32_t fcntls[] = {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, 5,
                                      6,       7,       12,      13,      14,      F_DUPFD_CLOEXEC};
    static const uint32_t advice[] = {0, 1, 2, 3, 4, 8, 14, 20, 21, 100};
    static const uint32_t devices[] = {0x103, 0x105, 0x107, 0x108, 0x80000001, 0xFFFFFFFF};
    static const uint32_t shm_commands[] = {0, 1, 2, 3, 11, 12, 13, 14, 15, 0x100, 0x101, 0x102, 0x10D};
    switch (kind) {
    case 's':
        return chance(f, 90) ? pick(f, 20) : wild_word(f);
    case 'c':
        return chance(f, 90) ? pick(f, 10) : wild_word(f);
    case 'r':
        return chance(f, 95) ? pick(f, 8) : wild_word(f);
    case 'o':
        return chance(f, 90) ? pick(f, 01000) | (chance(f, 20) ? pick(f, 16) << 12 : 0) : wild_word(f);
    case 'w':
        return chance(f, 95) ? pick(f, 6) : wild_word(f);
    case 'W': /* a poll's milliseconds */
        return chance(f, 90) ? pick(f, 5) : wild_word(f);
    case 'N':
        return chance(f, 95) ? ANY_OF(f, fcntls) : wild_word(f);
    case 'M':
        return chance(f, 95) ? ANY_OF(f, advice) : wild_word(f);
    case 'D':
        return ANY_OF(f, devices);
    case 'G':
        return ANY_OF(f, shm_commands);
    case 'R': /* not the limits without which nothing goes on: file size, CPU time */
        return chance(f, 90) ? 3 + pick(f, 14) : wild_word(f);
    case 'z':
        return chance(f, 90) ? 8 : wild_word(f);
    case 'Z':
        return chance(f, 80) ? 84 : wild_word(f);
    case 'e':
        return chance(f, 30) ? IPC_PRIVATE : 0x46000000 + pick(f, 4);
    case 'h':
        return chance(f, 60) ? (uint32_t)f->last_shm : pick(f, 4);
    case 'O':
        return chance(f, 90) ? pick(f, 12) | (chance(f, 50) ? FUTEX_PRIVATE_FLAG : 0) : wild_word(f);
    case 'Q':
        return wild_word(f) & ~(1u << (SIGALRM - 1));
    default:
        return wild_word(f);
    }
}

uint32_t argument(struct fuzzer *f, char kind) {
    static const struct {
        char kind;
        uint32_t (*make)(struct fuzzer *f);
    } makers[] = {
        {'f', descriptor},    {'p', path},           {'b', buffer},
        {'l', length},        {'a', address},        {'n', page_length},
        {'m', map_flags},     {'x', some_flags},     {'i', process_id},
        {'k', victim},        {'g', signal_number},  {'t', time_pointer},
        {'v', vector},        {'q', signal_set},     {'P', polled},
        {'V', strings},       {'C', clone_flags},    {'u', user_descriptor},
        {'I', ioctl_request}, {'K', fcntl_argument}, {'L', offset_low},
        {'H', offset_high},   {'y', old_mmap},       {'A', action},
    };
    if (chance(f, 3) && kind != 'k')
        return wild_word(f);
    for (unsigned i = 0; i < COUNT_OF(makers); i++)
        if (makers[i].kind == kind)
            return makers[i].make(f);
    switch (kind) {
    case 'd': /* a directory */
        return chance(f, 60) ? (uint32_t)AT_FDCWD : descriptor(f);
    case 'S': /* an fd_set */
        return chance(f, 40) ? 0 : some_words(f, 32, false);
    case 'F': /* a futex */
        return ((uint32_t)(uintptr_t)arena_page(f) + (chance(f, 10) ? pick(f, 5) : 0));
    case 'B': /* some structure of small numbers */
        return some_words(f, 6, true);
    default:
        return number(f, kind);
    }
}
