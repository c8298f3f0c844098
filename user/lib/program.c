/* Start and end of the programs of user/: see program.h. */
#include "user/lib/program.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char *program_name = "?";
static const char *program_usage = "";

enum { STATUS_WRONG = 1, STATUS_USAGE = 2 };

void program_start(int argc, char **argv, const char *name, const char *usage) {
    program_name = name;
    program_usage = usage;
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("usage: %s\n", usage);
        exit(0);
    }
}

static void complain(const char *format, va_list arguments) {
    fflush(stdout); /* what was right comes before what was wrong */
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, arguments);
}

void usage_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nusage: %s\n", program_usage);
    exit(STATUS_USAGE);
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(STATUS_WRONG);
}

void fail_errno(const char *format, ...) {
    int error = errno; /* complain() may change it */
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", strerror(error));
    exit(STATUS_WRONG);
}

/* The factor that a size's last letter stands for, 0 if it is not one. */
static unsigned long long size_factor(const char *suffix) {
    if (suffix[0] == '\0')
        return 1;
    if (suffix[1] != '\0')
        return 0;
    switch (suffix[0]) {
    case 'k':
    case 'K':
        return 1u << 10;
    case 'm':
    case 'M':
        return 1u << 20;
    case 'g':
    case 'G':
        return 1u << 30;
    default:
        return 0;
    }
}

size_t size_argument(int argc, char **argv, int index, const char *what, size_t standard, size_t least,
                     size_t most) {
    if (index >= argc)
        return standard;
    const char *text = argv[index];
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    unsigned long long factor = size_factor(end);
    if (end == text || *text == '-' || factor == 0 || errno != 0 || value > most / factor)
        usage_error("%s: \"%s\" is not a size up to %zu", what, text, most);
    if (value * factor < least)
        usage_error("%s: \"%s\" is less than %zu", what, text, least);
    return (size_t)(value * factor);
}

unsigned number_argument(int argc, char **argv, int index, const char *what, unsigned standard,
                         unsigned least, unsigned most) {
    if (index >= argc)
        return standard;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(argv[index], &end, 0);
    if (end == argv[index] || *end != '\0' || *argv[index] == '-' || errno != 0 || value < least ||
        value > most)
        usage_error("%s: \"%s\" is not a number from %u to %u", what, argv[index], least, most);
    return (unsigned)value;
}

int signal_by_name(const char *text) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end != text && *end == '\0' && number >= 0 && number < NSIG)
        return (int)number;
    for (int i = 1; i < NSIG; i++) {
        const char *name = sigabbrev_np(i);
        if (name != NULL && strcmp(name, text) == 0)
            return i;
    }
    return -1;
}

void *allocate_pages(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        fail_errno("no %zu bytes of memory", bytes);
    return pages;
}

void write_all(int descriptor, const void *data, size_t bytes) {
    const char *from = data;
    while (bytes > 0) {
        ssize_t done = write(descriptor, from, bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            fail_errno("write");
        from += done;
        bytes -= (size_t)done;
    }
}

void read_all(int descriptor, void *data, size_t bytes) {
    char *to = data;
    while (bytes > 0) {
        ssize_t done = read(descriptor, to, bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            fail_errno("read");
        if (done == 0)
            fail("read: end of data, %zu bytes too early", bytes);
        to += done;
        bytes -= (size_t)done;
    }
}

int fork_checked(void) {
    fflush(NULL);
    int pid = fork();
    if (pid < 0)
        fail_errno("fork");
    return pid;
}

int wait_for(int pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            fail_errno("waitpid");
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
