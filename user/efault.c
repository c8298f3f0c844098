/*
 * efault: wild pointers given to the kernel. Each must come back as EFAULT; the program lives on, and so
 * does the kernel. And where a buffer is good at first and bad from some page on, what could be moved has
 * been moved, and the count says how much.
 *
 * The calls are made directly: the C library would touch some of the pointers itself.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static const char usage[] =
    "efault\n  passes bad pointers to system calls in every place where one can stand";

static char *good_page; /* one page that is there, and behind it one that is not */
static int file;
static unsigned wrong;

static const struct pointer {
    const char *name;
    uintptr_t address; /* 0 with `is_edge`: see address_of */
    bool is_edge;      /* the last two bytes before the missing page */
    bool is_constant;  /* readable, but not writable */
} pointers[] = {
    {.name = "null", .address = 0},
    {.name = "unmapped", .address = 0x00010000},
    {.name = "kernel", .address = 0xc0100000},
    {.name = "top", .address = 0xfffff000},
    {.name = "last byte", .address = 0xffffffff},
    {.name = "page edge", .is_edge = true},
    {.name = "constant", .is_constant = true},
};

static uintptr_t address_of(const struct pointer *p) {
    static const char constant[PAGE] = "constant";
    if (p->is_edge)
        return (uintptr_t)good_page + PAGE - 2;
    return p->is_constant ? (uintptr_t)constant : p->address;
}

enum direction {
    KERNEL_WRITES = 1, /* through the pointer: constants are bad as well */
    KERNEL_READS = 2,
    MAY_BE_NULL = 4,
    SHORT_AT_EDGE = 8, /* two bytes are moved before the edge */
    MAYBE_SHORT = 16,  /* or none are: Linux's pipes take a page's worth or nothing */
};

/* A system call with the pointer in place @argument. */
struct call {
    const char *name;
    long number;
    long arguments[5];
    unsigned place;
    unsigned direction;
};

static void try_call(const struct call *call, const struct pointer *p) {
    if ((p->is_constant && !(call->direction & KERNEL_WRITES)) ||
        (p->address == 0 && !p->is_edge && !p->is_constant && (call->direction & MAY_BE_NULL)))
        return;
    long a[5];
    memcpy(a, call->arguments, sizeof(a));
    a[call->place] = (long)address_of(p);
    memset(good_page + PAGE - 2, 'x', 2); /* no string ends before the edge */
    lseek(file, 0, SEEK_SET);
    long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4]);
    bool short_count = p->is_edge && (call->direction & SHORT_AT_EDGE);
    bool right = short_count ? result == 2 : result == -1 && errno == EFAULT;
    if (p->is_edge && (call->direction & MAYBE_SHORT))
        right = right || result == 2;
    if (!right) {
        printf("efault: %s(%s): %ld, %s\n", call->name, p->name, result, result < 0 ? strerror(errno) : "");
        wrong++;
    }
}

static void try_all(const struct call *calls, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < COUNT_OF(pointers); j++)
            try_call(&calls[i], &pointers[j]);
}

/* wait4 has its child reaped before it fails: each pointer needs a child of its own. */
static void try_wait(void) {
    for (unsigned j = 0; j < COUNT_OF(pointers); j++) {
        if (j == 0) /* null: no status wanted */
            continue;
        int pid = fork_checked();
        if (pid == 0)
            _exit(1);
        struct call call = {"wait4", SYS_wait4, {pid, 0, 0, 0}, 1, KERNEL_WRITES};
        try_call(&call, &pointers[j]);
    }
}

/* Exactly the bytes before the missing page are moved, and they are the right ones. */
static void try_short_counts(void) {
    enum { GOOD = 100 };
    char *edge = good_page + PAGE - GOOD;
    memset(edge, 0, GOOD);
    lseek(file, PAGE - GOOD / 2, SEEK_SET); /* across a page edge of the file, too */
    ssize_t got = read(file, edge, 2 * GOOD);
    bool right = got == GOOD;
    for (int i = 0; i < GOOD; i++)
        right = right && edge[i] == (char)((PAGE - GOOD / 2 + i) % 251);
    printf("efault: read up to a missing page: %zd bytes, %s\n", got, right ? "right" : "wrong");
    wrong += !right;

    lseek(file, 2 * PAGE, SEEK_SET);
    ssize_t put = write(file, edge, 2 * GOOD);
    char back[GOOD];
    right = put == GOOD && pread(file, back, GOOD, 2 * PAGE) == GOOD && memcmp(back, edge, GOOD) == 0;
    printf("efault: write up to a missing page: %zd bytes, %s\n", put, right ? "right" : "wrong");
    wrong += !right;
}

/* Calls that no kernel knows: refused, again and again, and logged no more than once each. */
static void try_unknown_calls(void) {
    static const long numbers[] = {9999, 0x10000, 0x7fffffff, -1};
    for (unsigned i = 0; i < 2 * COUNT_OF(numbers); i++) {
        long number = numbers[i % COUNT_OF(numbers)];
        if (syscall(number, 0, 0, 0) != -1 || errno != ENOSYS) {
            printf("efault: system call %ld: %s\n", number, strerror(errno));
            wrong++;
        }
    }
    printf("efault: unknown calls tried\n");
}

/* writev of a good vector whose base is bad. */
static void try_vector_bases(int pipe_end) {
    for (unsigned j = 0; j < COUNT_OF(pointers); j++) {
        struct iovec vector = {.iov_base = (void *)address_of(&pointers[j]), .iov_len = 100};
        if (pointers[j].is_constant || pointers[j].is_edge)
            continue;
        long result = syscall(SYS_writev, pipe_end, &vector, 1);
        if (result != -1 || errno != EFAULT) {
            printf("efault: writev of a vector to %s: %ld\n", pointers[j].name, result);
            wrong++;
        }
    }
}

static void make_file(void) {
    char bytes[4 * PAGE];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 251);
    file = open("efault.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0)
        fail_errno("efault.tmp");
    write_all(file, bytes, sizeof(bytes));
}

int main(int argc, char **argv) {
    program_start(argc, argv, "efault", usage);
    good_page = allocate_pages(2 * PAGE);
    if (munmap(good_page + PAGE, PAGE) != 0)
        fail_errno("munmap");
    if (mkdir("efault.d", 0755) != 0 || chdir("efault.d") != 0) /* a name too long for the page's edge */
        fail_errno("efault.d");
    make_file();
    int ends[2];
    if (pipe(ends) < 0)
        fail_errno("pipe");

    long path = (long)"efault.tmp", vector[3] = {0, 0, 0};
    const struct call calls[] = {
        {"read", SYS_read, {file, 0, 100}, 1, KERNEL_WRITES | SHORT_AT_EDGE},
        {"write to a pipe", SYS_write, {ends[1], 0, 100}, 1, KERNEL_READS | MAYBE_SHORT},
        {"pread64", SYS_pread64, {file, 0, 100, 0, 0}, 1, KERNEL_WRITES | SHORT_AT_EDGE},
        {"readv", SYS_readv, {file, 0, 1}, 1, KERNEL_READS},
        {"writev", SYS_writev, {ends[1], 0, 1}, 1, KERNEL_READS},
        {"open", SYS_open, {0, O_RDONLY}, 0, KERNEL_READS},
        {"openat", SYS_openat, {AT_FDCWD, 0, O_RDONLY}, 1, KERNEL_READS},
        {"unlink", SYS_unlink, {0}, 0, KERNEL_READS},
        {"mkdir", SYS_mkdir, {0, 0777}, 0, KERNEL_READS},
        {"rename from", SYS_rename, {0, path}, 0, KERNEL_READS},
        {"rename to", SYS_rename, {path, 0}, 1, KERNEL_READS},
        {"chdir", SYS_chdir, {0}, 0, KERNEL_READS},
        {"access", SYS_access, {0, R_OK}, 0, KERNEL_READS},
        {"stat64 path", SYS_stat64, {0, (long)good_page}, 0, KERNEL_READS},
        {"fstat64", SYS_fstat64, {file, 0}, 1, KERNEL_WRITES},
        {"statx", SYS_statx, {file, (long)"", AT_EMPTY_PATH, 0x7ff, 0}, 4, KERNEL_WRITES},
        {"readlink path", SYS_readlink, {0, (long)good_page, 10}, 0, KERNEL_READS},
        {"pipe", SYS_pipe, {0}, 0, KERNEL_WRITES},
        {"_llseek", SYS__llseek, {file, 0, 0, 0, SEEK_SET}, 3, KERNEL_WRITES},
        {"uname", SYS_uname, {0}, 0, KERNEL_WRITES},
        {"getcwd", SYS_getcwd, {0, 100}, 0, KERNEL_WRITES},
        {"nanosleep", SYS_nanosleep, {0, 0}, 0, KERNEL_READS},
        {"clock_gettime", SYS_clock_gettime, {0, 0}, 1, KERNEL_WRITES},
        {"rt_sigaction", SYS_rt_sigaction, {10, 0, 0, 8}, 1, KERNEL_READS | MAY_BE_NULL},
        {"ugetrlimit", SYS_ugetrlimit, {0, 0}, 1, KERNEL_WRITES},
        {"execve path", SYS_execve, {0, (long)vector, (long)vector}, 0, KERNEL_READS},
        {"execve arguments", SYS_execve, {(long)"/bin/sh", 0, (long)vector}, 1, KERNEL_READS | MAY_BE_NULL},
    };
    try_all(calls, COUNT_OF(calls));
    try_vector_bases(ends[1]);
    try_wait();
    try_short_counts();
    try_unknown_calls();
    if (unlink("efault.tmp") != 0 || chdir("..") != 0 || rmdir("efault.d") != 0)
        fail_errno("efault.d");
    if (wrong > 0)
        fail("%u calls did not do as they should", wrong);
    printf("efault: %zu calls, %zu bad pointers each\n", COUNT_OF(calls), COUNT_OF(pointers));
    return 0;
}
