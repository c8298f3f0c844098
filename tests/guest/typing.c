/* Typing: see tests/guest/typing.h. */
#define _GNU_SOURCE
#include "tests/guest/typing.h"

#include "tests/guest/guest.h"

#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 600000 /* ms without a sign: a hang */

/* Starts the command on a terminal of its own, whose other end is @descriptor. */
static pid_t start(const char *const *command, int *descriptor) {
    struct winsize size = {24, 80, 0, 0};
    pid_t pid = forkpty(descriptor, NULL, NULL, &size);
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execvp(command[0], (char *const *)command);
        _exit(STATUS_TROUBLE);
    }
    return pid;
}

/* What has been shown and not been waited for yet. */
struct screen {
    int descriptor;
    size_t length;
    char shown[8192];
};

/* Up to and with @text, which is looked at no more; NULL: up to the end of everything. */
static void wait_for(struct screen *screen, const char *text) {
    for (;;) {
        const char *found = text != NULL ? strstr(screen->shown, text) : NULL;
        if (found != NULL) {
            screen->length -= (size_t)(found + strlen(text) - screen->shown);
            memmove(screen->shown, found + strlen(text), screen->length + 1);
            return;
        }
        struct pollfd ready = {.fd = screen->descriptor, .events = POLLIN};
        ck_assert_msg(poll(&ready, 1, PATIENCE) > 0, "'%s' does not come: %s", text, screen->shown);
        ck_assert_uint_lt(screen->length, sizeof(screen->shown) - 1);
        ssize_t count = read(screen->descriptor, screen->shown + screen->length,
                             sizeof(screen->shown) - 1 - screen->length);
        if (text == NULL && count <= 0)
            return;
        ck_assert_msg(count > 0, "the end, and no '%s': %s", text, screen->shown);
        screen->length += (size_t)count;
        screen->shown[screen->length] = '\0';
    }
}

int type_into(const char *const *command, const struct typing *steps, size_t count) {
    struct screen screen = {0};
    int status;
    pid_t pid = start(command, &screen.descriptor);
    for (size_t i = 0; i < count; i++) {
        ssize_t length = (ssize_t)strlen(steps[i].keys);
        ck_assert_int_eq(write(screen.descriptor, steps[i].keys, (size_t)length), length);
        wait_for(&screen, steps[i].shown);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(screen.descriptor);
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}
