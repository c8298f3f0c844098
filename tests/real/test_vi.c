/*
 * busybox's vi, typed at: in the guest on its console, here on a pseudo-terminal. What it shows may differ;
 * the files that it leaves may not.
 */
#define _GNU_SOURCE
#include "tests/real/real.h"

#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What is typed, and what the screen shows when that has been done: nobody types faster than they see. After an
 * escape it matters: with more behind it at once it would be the start of some key's code.
 */
static const struct step {
    const char *keys, *shown;
} steps[] = {
    {"", "~"},
    {"ifirst line\rsecond line\rthird line", "third line"},
    {"\033", "- "},
    {"yyp", "Put 1 lines"},
    {":4s/third/fourth/\r", "fourth line"},
    {"1Gdd", "Delete 1 lines"},
    {"Gofifth, at the end", "fifth, at the end"},
    {"\033", "- "},
    {":wq\r", NULL},
};

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

/* Reads until the screen has been told to show @text, or (NULL) until there is no more. */
static void wait_for(int descriptor, const char *text) {
    char shown[8192];
    size_t length = 0;
    while (length < sizeof(shown) - 1) {
        ssize_t count = read(descriptor, shown + length, sizeof(shown) - 1 - length);
        if (text == NULL && count <= 0)
            return;
        ck_assert_msg(count > 0, "waiting for '%s': %.*s", text, (int)length, shown);
        length += (size_t)count;
        shown[length] = 0;
        if (text != NULL && strstr(shown, text) != NULL)
            return;
    }
    ck_abort_msg("no '%s' in what is shown: %s", text != NULL ? text : "end", shown);
}

static int type_into(const char *const *command) {
    int descriptor, status;
    pid_t pid = start(command, &descriptor);
    for (unsigned i = 0; i < LENGTH(steps); i++) {
        ssize_t length = (ssize_t)strlen(steps[i].keys);
        ck_assert_int_eq(write(descriptor, steps[i].keys, (size_t)length), length);
        wait_for(descriptor, steps[i].shown);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(descriptor);
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

START_TEST(vi_in_a_terminal) {
    char disk[300], here[300], there[300];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(here, sizeof(here), "%s", test_path("here"));
    snprintf(there, sizeof(there), "%s", test_path("there"));
    ck_assert_int_eq(type_into(COMMAND("busybox", "vi", here)), 0);
    ck_assert_int_eq(
        type_into(COMMAND("tools/guest", "--interactive", "--check-disk", "--append=check=100",
                          _i == 0 ? "--frames=0" : "--frames=300", "--disk", disk,
                          "--add=" REAL_PROGRAMS "/busybox:/bin/busybox", "--", "busybox", "vi", "/text")),
        0);
    fetch_from_disk(disk, "/text", there);
    ck_assert_str_eq(read_file(there, NULL), read_file(here, NULL));
    ck_assert_str_eq(read_file(here, NULL), "second line\nthird line\nfourth line\nfifth, at the end\n");
}
END_TEST

void add_vi_case(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "real-vi", 10), vi_in_a_terminal, 0, 2);
}
