/* Facts and how they are found out: see facts.h. */
#include "user/semantics/facts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { GROUP_SECONDS = 600, ERROR_CODE_FETCH = 0x10 };

static const char *current_theme;

/* --- saying what came of it ---------------------------------------------------------------------- */

/* One write a line: the lines of several processes do not mix, and none is lost when one dies. */
void fact(const char *what, const char *format, ...) {
    char result[200], line[400];
    va_list values;
    va_start(values, format);
    vsnprintf(result, sizeof(result), format, values);
    va_end(values);
    int length = snprintf(line, sizeof(line), "%s: %s: %s\n", current_theme, what, result);
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(1);
}

void fact_call(const char *what, long result) {
    if (result == -1)
        fact(what, "%s", errno_name(errno));
    else if (result == 0)
        fact(what, "ok");
    else
        fact(what, "%ld", result);
}

void fact_mapped(const char *what, const void *result) {
    fact(what, "%s", result == MAP_FAILED ? errno_name(errno) : "ok");
}

void fact_true(const char *what, bool truth) {
    fact(what, "%s", truth ? "yes" : "no");
}

const char *errno_name(int error) {
    const char *name = strerrorname_np(error);
    return name != NULL ? name : "an unknown error";
}

const char *signal_name(int signal) {
    static char name[16];
    const char *abbreviation = sigabbrev_np(signal);
    snprintf(name, sizeof(name), "SIG%s", abbreviation != NULL ? abbreviation : "?");
    return name;
}

/* --- groups and themes --------------------------------------------------------------------------- */

static volatile pid_t running;

/* A group that hangs is ended with all its children. */
static void end_group(int signal) {
    (void)signal;
    kill(-running, SIGKILL);
}

static void run_group(const struct group *group) {
    running = fork_checked();
    if (running == 0) {
        setpgid(0, 0);
        signal(SIGALRM, SIG_DFL);
        group->run();
        exit(0);
    }
    setpgid(running, running);
    alarm(GROUP_SECONDS);
    int status;
    while (waitpid(running, &status, 0) < 0)
        if (errno != EINTR)
            fail_errno("waitpid");
    alarm(0);
    if (WIFSIGNALED(status))
        fact(group->what, "ENDED BY %s", signal_name(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        fact(group->what, "ENDED WITH STATUS %d", WEXITSTATUS(status));
}

void theme_run(const struct theme *theme) {
    current_theme = theme->name;
    signal(SIGALRM, end_group);
    for (unsigned i = 0; i < theme->count; i++)
        run_group(&theme->groups[i]);
}

/* --- accesses that may go wrong ------------------------------------------------------------------ */

static sigjmp_buf back;
static struct trap caught;

/* Jumping out of the handler also restores the mask. */
static void catch_trap(int signal, siginfo_t *info, void *context) {
    const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
    caught = (struct trap){
        .signal = signal,
        .code = info->si_code,
        .address = (uintptr_t)info->si_addr,
        .instruction = (uintptr_t)machine->gregs[REG_EIP],
        .cr2 = machine->cr2,
        .error = (unsigned)machine->gregs[REG_ERR] & ~(unsigned)ERROR_CODE_FETCH,
        .number = (unsigned)machine->gregs[REG_TRAPNO],
    };
    siglongjmp(back, 1);
}

struct trap provoke(void (*action)(void *), void *argument) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction old[COUNT_OF(signals)], action_of_signal = {.sa_sigaction = catch_trap};
    action_of_signal.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (unsigned i = 0; i < COUNT_OF(signals); i++)
        sigaction(signals[i], &action_of_signal, &old[i]);
    caught = (struct trap){0};
    if (sigsetjmp(back, 1) == 0)
        action(argument);
    for (unsigned i = 0; i < COUNT_OF(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    return caught;
}

static const char *code_name(const struct trap *trap) {
    static const struct {
        int signal, code;
        const char *name;
    } codes[] = {
        {SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"}, {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"},
        {SIGBUS, BUS_ADRALN, "BUS_ADRALN"},    {SIGBUS, BUS_ADRERR, "BUS_ADRERR"},
        {SIGFPE, FPE_INTDIV, "FPE_INTDIV"},    {SIGFPE, FPE_INTOVF, "FPE_INTOVF"},
        {SIGFPE, FPE_FLTDIV, "FPE_FLTDIV"},    {SIGFPE, FPE_FLTOVF, "FPE_FLTOVF"},
        {SIGFPE, FPE_FLTUND, "FPE_FLTUND"},    {SIGFPE, FPE_FLTRES, "FPE_FLTRES"},
        {SIGFPE, FPE_FLTINV, "FPE_FLTINV"},    {SIGILL, ILL_ILLOPN, "ILL_ILLOPN"},
        {SIGILL, ILL_ILLOPC, "ILL_ILLOPC"},    {SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT"},
        {SIGTRAP, TRAP_TRACE, "TRAP_TRACE"},
    };
    for (unsigned i = 0; i < COUNT_OF(codes); i++)
        if (codes[i].signal == trap->signal && codes[i].code == trap->code)
            return codes[i].name;
    return trap->code == SI_KERNEL ? "SI_KERNEL" : "of an unknown kind";
}

const char *trap_name(const struct trap *trap) {
    static char names[4][48];
    static unsigned turn;
    char *name = names[turn++ % COUNT_OF(names)];
    if (trap->signal == 0)
        return "fine";
    snprintf(name, sizeof(names[0]), "%s %s", signal_name(trap->signal), code_name(trap));
    return name;
}

static void read_byte(void *address) {
    (void)*(volatile char *)address;
}

/* The compiler may not join the two accesses: a read fault first, then the write's. */
static void write_byte(void *address) {
    __asm__ volatile("orb $0, (%0)" : : "r"(address) : "memory", "cc");
}

const char *reading(const void *address) {
    struct trap trap = provoke(read_byte, (void *)(uintptr_t)address);
    return trap_name(&trap);
}

const char *writing(void *address) {
    struct trap trap = provoke(write_byte, address);
    return trap_name(&trap);
}

/* --- memory, files and children ------------------------------------------------------------------ */

char *some_pages(unsigned pages) {
    return allocate_pages((size_t)pages * PAGE);
}

/* A gap of 16 pages on either side: later mappings go to larger holes first or fill it from one end. */
char *lonely_pages(unsigned pages) {
    enum { GAP = 16 };
    char *all = mmap(NULL, (pages + 2 * GAP) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        fail_errno("mmap");
    char *middle = all + GAP * PAGE;
    munmap(all, (pages + 2 * GAP) * PAGE);
    if (mmap(middle, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
        middle)
        fail_errno("mmap at a fixed place");
    return middle;
}

char *nowhere(void) {
    char *middle = lonely_pages(3);
    munmap(middle, 3 * PAGE);
    return middle;
}

static int make_file(char *name, unsigned bytes) {
    int descriptor = mkstemp(name);
    if (descriptor < 0)
        fail_errno("%s", name);
    for (unsigned offset = 0; offset < bytes; offset += PAGE) {
        char page[PAGE];
        memset(page, 'a' + (int)(offset / PAGE), sizeof(page));
        write_all(descriptor, page, bytes - offset < PAGE ? bytes - offset : PAGE);
    }
    lseek(descriptor, 0, SEEK_SET);
    return descriptor;
}

int some_file(unsigned bytes) {
    char name[] = "semantics.XXXXXX";
    int descriptor = make_file(name, bytes);
    unlink(name);
    return descriptor;
}

const char *some_named_file(unsigned bytes) {
    static char name[32];
    strcpy(name, "semantics.XXXXXX");
    close(make_file(name, bytes));
    return name;
}

static char *map_file(int descriptor, unsigned pages, int flags) {
    char *address = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (address == MAP_FAILED)
        fail_errno("mmap of a file");
    return address;
}

char *shared_pages(int descriptor, unsigned pages) {
    return map_file(descriptor, pages, MAP_SHARED);
}

char *private_pages(int descriptor, unsigned pages) {
    return map_file(descriptor, pages, MAP_PRIVATE);
}

/* Advice only: where it is not understood or there is no swap the pages stay, and nothing else changes. */
void page_out(void *address, unsigned pages) {
    int old = errno;
    madvise(address, (size_t)pages * PAGE, MADV_PAGEOUT);
    errno = old;
}

bool all_bytes(const char *address, size_t bytes, char value) {
    for (size_t i = 0; i < bytes; i++)
        if (address[i] != value)
            return false;
    return true;
}

unsigned areas_within(const void *address, size_t bytes) {
    uintptr_t from = (uintptr_t)address, to = from + bytes;
    char line[300];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        fail_errno("/proc/self/maps");
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start < to && end > from)
            count++;
    }
    fclose(maps);
    return count;
}

int in_child(int (*action)(void *), void *argument) {
    int pid = fork_checked();
    if (pid == 0)
        _exit(action(argument));
    return wait_for(pid);
}
