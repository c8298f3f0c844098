/*
 * flow: flow control of a terminal, at which somebody must type, so it is for a guest whose keys can be pressed
 * from outside. When it wants ^S to be typed, and later ^Q, it asks the kernel for a system call that there is not,
 * which stands in the kernel's log: sendfile64 for ^S, fadvise64_64 for ^Q.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

static const char usage[] = "flow\n"
                            "  waits until its output is stopped by ^S, and then until it goes on by ^Q";

enum { PATIENCE_MS = 300000, STEP_MS = 10 };

static bool writable(int milliseconds) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, milliseconds) == 1 && (out.revents & POLLOUT) != 0;
}

static const char *written(void) {
    return write(STDOUT_FILENO, "!", 1) == 1 ? "written" : errno == EAGAIN ? "EAGAIN" : "another error";
}

/* A write that may not wait. */
static const char *impatient_write(void) {
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
    const char *result = written();
    fcntl(STDOUT_FILENO, F_SETFL, flags);
    return result;
}

static void wait_until_stopped(void) {
    for (unsigned waited = 0; writable(0); waited += STEP_MS) {
        if (waited > PATIENCE_MS)
            fail("nobody types ^S");
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
    }
}

int main(int argc, char **argv) {
    program_start(argc, argv, "flow", usage);
    if (!isatty(STDOUT_FILENO))
        fail("standard output is not a terminal");
    printf("before: %s\n", writable(0) ? "writable" : "not writable");
    fflush(stdout);
    syscall(SYS_sendfile64, -1, -1, NULL, 0);
    wait_until_stopped();
    const char *result = impatient_write();
    syscall(SYS_fadvise64_64, -1, 0, 0, 0, 0, 0);
    if (!writable(PATIENCE_MS))
        fail("nobody types ^Q");
    printf("stopped by ^S: %s; after ^Q: writable\n", result);
    fflush(stdout);
    tcflow(STDOUT_FILENO, TCOOFF);
    result = impatient_write();
    tcflow(STDOUT_FILENO, TCOON);
    printf("stopped by tcflow: %s; let go: %s\n", result, writable(0) ? "writable" : "not writable");
    return 0;
}
