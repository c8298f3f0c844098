/*
 * sigtest: signals that are caught. Above all SIGSEGV as programs use it that do their own paging: the
 * handler makes the page accessible, returns, and the instruction runs again. And what a handler must find
 * and leave: mask, alternative stack, FPU and SSE registers.
 */
#include "user/lib/program.h"

#include "user/lib/pattern.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

static const char usage[] = "sigtest [PAGES]\n"
                            "  catches signals in all ways; PAGES (standard 200) pages paged by a handler";

static volatile sig_atomic_t caught_count;
static volatile uintptr_t caught_address;

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    if (sigaction(number, &action, NULL) != 0)
        fail_errno("sigaction %d", number);
}

static void note(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    caught_count++;
}

static void expect_count(int count, const char *what) {
    if (caught_count != count)
        fail("%s: %d signals caught, should be %d", what, (int)caught_count, count);
    printf("sigtest: %s\n", what);
    caught_count = 0;
}

/* --- paging by a handler ------------------------------------------------------------------------- */

static uint32_t *window;

/* First touch: contents by pattern, read only. First write: writable. The two faults of a demand pager. */
static void page_in(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);
    uint32_t first = (uint32_t)((page - (uintptr_t)window) / sizeof(uint32_t));
    caught_count++;
    if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) != 0)
        _exit(3);
    if (*(uint32_t *)page == 0) {
        pattern_fill((uint32_t *)page, first, PAGE / sizeof(uint32_t), 1);
        mprotect((void *)page, PAGE, PROT_READ);
    }
}

static void test_user_paging(unsigned pages) {
    window = mmap(NULL, (size_t)pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (window == MAP_FAILED)
        fail_errno("mmap");
    install(SIGSEGV, page_in, 0);
    size_t words = (size_t)pages * PAGE / sizeof(uint32_t);
    pattern_check(window, 0, words, 1, "page made by a handler");
    for (size_t i = 5; i < words; i += PAGE / sizeof(uint32_t))
        window[i]++;
    for (size_t i = 5; i < words; i += PAGE / sizeof(uint32_t))
        window[i]--;
    pattern_check(window, 0, words, 1, "page written to");
    signal(SIGSEGV, SIG_DFL);
    expect_count(2 * (int)pages, "pages brought in by a handler");
}

/* --- leaving a handler by a jump, on a stack of its own ------------------------------------------ */

static sigjmp_buf back;

static void jump_back(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    caught_count++;
    caught_address = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static unsigned overflow(unsigned depth) {
    volatile char array[4096];
    array[0] = (char)depth;
    if (depth == UINT32_MAX)
        return 0;
    return overflow(depth + 1) + (unsigned)array[0];
}

static void test_jumps(void) {
    static char stack[64 << 10];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    if (sigaltstack(&alternative, NULL) != 0)
        fail_errno("sigaltstack");
    install(SIGSEGV, jump_back, SA_ONSTACK);
    for (volatile uintptr_t i = 1; i <= 10; i++) {
        if (sigsetjmp(back, 1) == 0)
            *(volatile char *)(0x1000 + i) = 1; /* NOLINT: meant to fault */
        else if (caught_address != 0x1000 + i)
            fail("fault at %#zx reported at %#zx", (size_t)(0x1000 + i), (size_t)caught_address);
    }
    if (sigsetjmp(back, 1) == 0)
        overflow(0);
    signal(SIGSEGV, SIG_DFL);
    expect_count(11, "handlers left by a jump, after a stack overflow too");
}

/* --- mask ---------------------------------------------------------------------------------------- */

static void test_mask(void) {
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    install(SIGUSR1, note, 0);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < 3; i++)
        kill(getpid(), SIGUSR1);
    sigpending(&pending);
    if (caught_count != 0 || !sigismember(&pending, SIGUSR1))
        fail("a blocked signal did not wait");
    sigprocmask(SIG_SETMASK, &old, NULL);
    expect_count(1, "blocked signal, sent three times, delivered once");
}

/* --- registers ----------------------------------------------------------------------------------- */

__attribute__((target("sse2"))) static void spoil_registers(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    caught_count++;
    __asm__ volatile("fninit; fldz; fldz; pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1" ::: "xmm0", "xmm1");
}

/* The signal arrives while one value is in an FPU and in an SSE register; both must be as they were. */
__attribute__((target("sse2"))) static void test_registers(void) {
    install(SIGUSR2, spoil_registers, 0);
    double x = 1, y = 0;
    int pid = getpid();
    for (int i = 1; i <= 100; i++) {
        x = x * 1.25 + i;
        __asm__ volatile(
            "fldl %0; movsd %0, %%xmm0; mov $37, %%eax; mov %2, %%ebx; mov $12, %%ecx; int $0x80;"
            "fstpl %1; movsd %%xmm0, %0"
            : "+m"(x), "=m"(y)
            : "m"(pid)
            : "eax", "ebx", "ecx", "xmm0", "xmm1", "memory", "st", "st(1)");
        if (x != y)
            fail("registers changed by a handler: %a, %a", x, y);
        while (x > 1e6)
            x /= 1024;
    }
    printf("sigtest: %.10g after a hundred signals\n", x);
    expect_count(100, "FPU and SSE registers kept");
}

/* --- sleeping, children, pipes ------------------------------------------------------------------- */

static void test_interrupted_sleep(void) {
    install(SIGALRM, note, 0);
    struct itimerval often = {{0, 50000},
                              {0, 50000}}; /* one comes while we sleep, however slow the machine */
    setitimer(ITIMER_REAL, &often, NULL);
    int result = pause(), error = errno;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (result != -1 || error != EINTR || caught_count < 1)
        fail("pause: %d", result);
    caught_count = 1;
    expect_count(1, "a sleep cut short by an alarm");
}

static void test_child(void) {
    install(SIGCHLD, note, SA_RESTART);
    int pid = fork_checked();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(7);
    }
    int status;
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        fail("a stopped child: status %x", status);
    kill(pid, SIGCONT);
    if (wait_for(pid) != 7)
        fail("a continued child did not end well");
    signal(SIGCHLD, SIG_DFL);
    caught_count = 0;
    printf("sigtest: child stopped, continued, ended\n");
}

static void test_broken_pipe(void) {
    int ends[2];
    install(SIGPIPE, note, 0);
    if (pipe(ends) != 0)
        fail_errno("pipe");
    close(ends[0]);
    if (write(ends[1], "x", 1) != -1 || errno != EPIPE)
        fail("write to a broken pipe");
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
    expect_count(1, "broken pipe");
}

int main(int argc, char **argv) {
    program_start(argc, argv, "sigtest", usage);
    unsigned pages = number_argument(argc, argv, 1, "PAGES", 200, 1, 100000);
    test_user_paging(pages);
    test_jumps();
    test_mask();
    test_registers();
    test_interrupted_sleep();
    test_child();
    test_broken_pipe();
    return 0;
}
