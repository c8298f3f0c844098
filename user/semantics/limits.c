/*
 * Limits and who is bound by them: capabilities, without which root is like everybody else, and the limit of
 * locked memory. Each group first gives up what would make it exempt, so it does not matter who runs it.
 */
#include "user/semantics/facts.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define BOTH      (PROT_READ | PROT_WRITE)

enum { SOFT = 8, HARD = 16 }; /* pages that may be locked: no more than the smallest limit a host has */

/* --- capabilities -------------------------------------------------------------------------------- */

struct sets {
    struct __user_cap_data_struct word[2];
};

static long get(struct sets *sets) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &header, sets);
}

static long set(const struct sets *sets) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capset, &header, sets);
}

/* Gives the capability up, in all sets. */
static void drop(unsigned capability) {
    struct sets sets;
    uint32_t others = ~CAP_TO_MASK(capability);
    if (get(&sets) != 0)
        fail_errno("capget");
    sets.word[CAP_TO_INDEX(capability)].effective &= others;
    sets.word[CAP_TO_INDEX(capability)].permitted &= others;
    sets.word[CAP_TO_INDEX(capability)].inheritable &= others;
    if (set(&sets) != 0)
        fail_errno("capset");
}

static bool has(unsigned capability) {
    struct sets sets;
    return get(&sets) == 0 && (sets.word[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

static void capability_arguments(void) {
    struct __user_cap_header_struct header = {0, 0};
    struct sets sets;
    fact_call("capget of an unknown version", syscall(SYS_capget, &header, &sets));
    fact("which says what is known", "%#x", header.version);
    header.version = 0;
    fact_call("the same, into nothing", syscall(SYS_capget, &header, NULL));
    fact_call("capset of an unknown version", (header.version = 0, syscall(SYS_capset, &header, &sets)));
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, -1};
    fact_call("capget of process -1", syscall(SYS_capget, &header, &sets));
    header.pid = 0x7ffffff;
    fact_call("capget of a process that is not there", syscall(SYS_capget, &header, &sets));
    header.pid = getpid();
    fact_call("capget of oneself by name", syscall(SYS_capget, &header, &sets));
    fact_call("capset of oneself by name, to what it is", syscall(SYS_capset, &header, &sets));
    header.pid = getppid();
    fact_call("capget of the parent", syscall(SYS_capget, &header, &sets));
    fact_call("capset of the parent", syscall(SYS_capset, &header, &sets));
    fact_call("capget into bad memory", get((struct sets *)nowhere()));
    fact_call("capset from bad memory", set((struct sets *)nowhere()));
    fact_call("capget with a bad header", syscall(SYS_capget, nowhere(), &sets));
}

static int say_what_is_left(void *argument) {
    (void)argument;
    return has(CAP_IPC_LOCK);
}

static void dropping(void) {
    struct sets sets;
    drop(CAP_IPC_LOCK);
    fact_true("a capability given up is still there", has(CAP_IPC_LOCK));
    fact("a child has it", "%d", in_child(say_what_is_left, NULL));
    get(&sets);
    sets.word[0].effective |= CAP_TO_MASK(CAP_IPC_LOCK);
    fact_call("made effective again without being permitted", set(&sets));
    sets.word[0].permitted |= CAP_TO_MASK(CAP_IPC_LOCK);
    fact_call("permitted again", set(&sets));
    fact_true("after that", has(CAP_IPC_LOCK));
}

/* The set of that name in a /proc/PID/status. */
static unsigned long long set_in(FILE *status, const char *name) {
    char line[200];
    unsigned long long value = 0;
    rewind(status);
    while (fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name) + 1, NULL, 16);
    return value;
}

/* What `cat /proc/self/status` prints, a program that begins with what this process has. */
static FILE *status_after_exec(void) {
    int ends[2];
    if (pipe(ends) != 0)
        fail_errno("pipe");
    int pid = fork_checked();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execlp("cat", "cat", "/proc/self/status", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    FILE *copy = tmpfile(), *from = fdopen(ends[0], "r");
    for (int c; (c = getc(from)) != EOF;)
        putc(c, copy);
    wait_for(pid);
    return copy;
}

/* Root gets everything back that the bounding set has, unless it may gain nothing; others have nothing. */
static void over_exec(void) {
    drop(CAP_IPC_LOCK);
    FILE *own = fopen("/proc/self/status", "r"), *after = status_after_exec();
    unsigned long long bounding = set_in(own, "CapBnd:"), expected = geteuid() == 0 ? bounding : 0;
    struct sets sets;
    get(&sets);
    fact_true("/proc/self/status shows the same sets",
              set_in(own, "CapEff:") ==
                      ((unsigned long long)sets.word[1].effective << 32 | sets.word[0].effective) &&
                  set_in(own, "CapPrm:") ==
                      ((unsigned long long)sets.word[1].permitted << 32 | sets.word[0].permitted));
    if (set_in(own, "NoNewPrivs:") != 0)
        expected &= set_in(own, "CapPrm:");
    fact_true("exec gives root all that the bounding set has", set_in(after, "CapEff:") == expected);
    fact_true("as permitted, too", set_in(after, "CapPrm:") == expected);
}

/* --- limits -------------------------------------------------------------------------------------- */

static int limit(int which, rlim_t soft, rlim_t hard) {
    return setrlimit(which, &(struct rlimit){soft, hard});
}

static int limit_locked(unsigned soft) {
    return limit(RLIMIT_MEMLOCK, soft * PAGE, HARD * PAGE);
}

static void raising(void) {
    struct rlimit now;
    drop(CAP_SYS_RESOURCE);
    fact_call("a limit lowered", limit(RLIMIT_MEMLOCK, 2 * PAGE, 3 * PAGE));
    fact_call("raised to the hard limit", limit(RLIMIT_MEMLOCK, 3 * PAGE, 3 * PAGE));
    fact_call("raised over it", limit(RLIMIT_MEMLOCK, 4 * PAGE, 3 * PAGE));
    fact_call("the hard limit raised", limit(RLIMIT_MEMLOCK, 3 * PAGE, 4 * PAGE));
    fact_call("the same by prlimit",
              prlimit(getpid(), RLIMIT_MEMLOCK, &(struct rlimit){PAGE, 4 * PAGE}, NULL));
    getrlimit(RLIMIT_MEMLOCK, &now);
    fact("the limit is then, in pages", "%u of %u", (unsigned)(now.rlim_cur / PAGE),
         (unsigned)(now.rlim_max / PAGE));
    fact_call("the hard limit lowered", limit(RLIMIT_MEMLOCK, PAGE, PAGE));
    fact_call("and raised again", limit(RLIMIT_MEMLOCK, PAGE, 3 * PAGE));
}

/* --- locked memory ------------------------------------------------------------------------------- */

static void be_bound(void) {
    drop(CAP_IPC_LOCK);
    drop(CAP_SYS_RESOURCE);
    if (limit_locked(SOFT) != 0)
        fail_errno("setrlimit");
}

/* VmLck of /proc/self/status, in pages. */
static unsigned locked_pages(void) {
    char line[200];
    unsigned kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmLck: %u", &kib) == 1)
            break;
    fclose(status);
    return kib / 4;
}

static int lock_in_child(void *pages) {
    unsigned before = locked_pages();
    return mlock(pages, SOFT * PAGE) != 0 ? 100 + errno : (int)(10 * before + locked_pages());
}

static void locking(void) {
    be_bound();
    char *pages = some_pages(HARD);
    fact_call("mlock of as much as the limit", mlock(pages, SOFT * PAGE));
    fact("locked pages", "%u", locked_pages());
    fact_call("of one page more", mlock(pages + SOFT * PAGE, 1));
    fact_call("of the same once more", mlock(pages, SOFT * PAGE));
    fact_call("of the same and one page more", mlock(pages, SOFT * PAGE + 1));
    fact("a child has none locked, and may lock as much", "%d", in_child(lock_in_child, pages));
    fact_call("munlock of two of them", munlock(pages + PAGE, 2 * PAGE));
    fact_call("then of two others", mlock(pages + SOFT * PAGE, 2 * PAGE));
    fact_call("and of a third", mlock(pages + PAGE, 1));
    fact_call("with a higher limit", limit_locked(HARD) == 0 ? mlock(pages, HARD * PAGE) : -1);
    fact_call("a lower one takes nothing away", limit_locked(SOFT));
    fact("locked pages", "%u", locked_pages());
    fact_call("munmap of half of them", munmap(pages, SOFT * PAGE));
    fact_call("mlock of another", mlock(some_pages(1), PAGE));
}

static void locking_at_once(void) {
    be_bound();
    fact_mapped("mmap, locked, of as much as the limit",
                mmap(NULL, SOFT * PAGE, BOTH, ANONYMOUS | MAP_LOCKED, -1, 0));
    fact_mapped("of one page more", mmap(NULL, PAGE, BOTH, ANONYMOUS | MAP_LOCKED, -1, 0));
    fact_mapped("not locked", mmap(NULL, PAGE, BOTH, ANONYMOUS, -1, 0));
}

static void locking_all(void) {
    be_bound();
    char *one = mmap(NULL, PAGE, BOTH, ANONYMOUS, -1, 0);
    fact_call("mlockall of what is there", mlockall(MCL_CURRENT));
    fact("which has locked", "%u", locked_pages());
    fact_call("mlockall of what will come", mlockall(MCL_FUTURE));
    fact_mapped("then mmap of as much as the limit and a page",
                mmap(NULL, (SOFT + 1) * PAGE, BOTH, ANONYMOUS, -1, 0));
    char *pages = mmap(NULL, (SOFT - 2) * PAGE, BOTH, ANONYMOUS, -1, 0);
    fact_mapped("of two pages less", pages);
    fact("locked pages", "%u", locked_pages());
    long now = syscall(SYS_brk, 0), top = (now + PAGE - 1) / PAGE * PAGE;
    fact_true("brk of three pages more is refused", syscall(SYS_brk, top + 3 * PAGE) == now);
    fact_mapped("mremap to three pages more",
                mremap(pages, (SOFT - 2) * PAGE, (SOFT + 1) * PAGE, MREMAP_MAYMOVE));
    fact_mapped("mremap of what is not locked", mremap(one, PAGE, 2 * SOFT * PAGE, MREMAP_MAYMOVE));
    fact_mapped("mremap to two pages more", mremap(pages, (SOFT - 2) * PAGE, SOFT * PAGE, MREMAP_MAYMOVE));
    fact_call("munlockall", munlockall());
    fact("locked pages", "%u", locked_pages());
    fact_mapped("then mmap of more than the limit", mmap(NULL, 2 * SOFT * PAGE, BOTH, ANONYMOUS, -1, 0));
}

static void locking_nothing(void) {
    char *pages = some_pages(2);
    be_bound();
    int segment = shmget(IPC_PRIVATE, (SOFT + 1) * PAGE, IPC_CREAT | 0600);
    fact_call("SHM_LOCK of more than the limit", shmctl(segment, SHM_LOCK, NULL));
    limit_locked(0);
    fact_call("mlock where nothing may be locked", mlock(pages, PAGE));
    fact_call("mlock of 0 bytes there", mlock(pages, 0));
    fact_call("mlock where nothing is, there", mlock(nowhere(), PAGE));
    fact_call("mlockall there", mlockall(MCL_CURRENT));
    fact_call("mlockall with unknown flags there", mlockall(64));
    fact_mapped("mmap, locked, there", mmap(NULL, PAGE, BOTH, ANONYMOUS | MAP_LOCKED, -1, 0));
    fact_call("SHM_LOCK there", shmctl(segment, SHM_LOCK, NULL));
    fact_call("munlock there", munlock(pages, PAGE));
    fact_call("munlockall there", munlockall());
    shmctl(segment, IPC_RMID, NULL);
}

/* An area that grows downwards, with one locked page, in the middle of nothing. */
static void a_locked_stack(void) {
    enum { ROOM = 1024 };
    be_bound();
    char *room = mmap(NULL, ROOM * PAGE, PROT_NONE, ANONYMOUS, -1, 0), *top = room + (ROOM - 1) * PAGE;
    munmap(room, ROOM * PAGE);
    mmap(top, PAGE, BOTH, ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    *top = 'x';
    fact_call("mlock of a stack of one page", mlock(top, PAGE));
    fact("it grows by three", "%s", writing(top - 3 * PAGE));
    fact("which are locked", "%u", locked_pages());
    fact("it grows over the limit", "%s", writing(top - SOFT * PAGE));
    fact("it grows up to the limit", "%s", writing(top - (SOFT - 1) * PAGE));
    fact("locked pages", "%u", locked_pages());
}

static const struct group groups[] = {
    {"capget and capset", capability_arguments},
    {"giving up capabilities", dropping},
    {"capabilities over exec", over_exec},
    {"raising limits", raising},
    {"the limit of locked memory", locking},
    {"MAP_LOCKED", locking_at_once},
    {"mlockall", locking_all},
    {"a limit of nothing", locking_nothing},
    {"a stack that is locked", a_locked_stack},
};
THEME(limits, "capabilities, and the limit of locked memory", groups);
