/*
 * busybox's vi, typed at: in the guest on its console, here on a pseudo-terminal. What it shows may differ;
 * the files that it leaves may not.
 */
#define _GNU_SOURCE
#include "tests/real/real.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Insert three lines, copy one, change a word, delete another line, write, quit. */
static const char keys[] = "ifirst line\rsecond line\rthird line\033"
                           "yyp:%s/third/fourth/\r"
                           "1Gdd"
                           "Gofifth, at the end\033"
                           ":wq\r";

/* Something that reads keys from one descriptor and shows a screen on another. */
struct screen {
    int to, from;
    pid_t pid;
};

/* vi has drawn its screen when the tildes of the empty lines are there. Then it is in raw mode and reads. */
static void wait_for_screen(const struct screen *screen) {
    char shown[4096];
    size_t length = 0;
    while (length < sizeof(shown) - 1) {
        ssize_t count = read(screen->from, shown + length, sizeof(shown) - 1 - length);
        ck_assert_msg(count > 0, "no screen of vi: %.*s", (int)length, shown);
        length += (size_t)count;
        shown[length] = 0;
        const char *tildes = strchr(shown, '~');
        if (tildes != NULL && strchr(tildes + 1, '~') != NULL)
            return;
    }
}

/* Types all keys, then reads until there is no more: the exit status. */
static int type_keys(const struct screen *screen) {
    char shown[512];
    int status;
    wait_for_screen(screen);
    ck_assert_int_eq(write(screen->to, keys, sizeof(keys) - 1), sizeof(keys) - 1);
    while (read(screen->from, shown, sizeof(shown)) > 0)
        ;
    ck_assert_int_eq(waitpid(screen->pid, &status, 0), screen->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

static struct screen start_here(const char *path) {
    struct screen screen;
    struct winsize size = {24, 80, 0, 0};
    screen.pid = forkpty(&screen.to, NULL, NULL, &size);
    ck_assert_int_ge(screen.pid, 0);
    if (screen.pid == 0) {
        execlp("busybox", "busybox", "vi", path, NULL);
        _exit(STATUS_TROUBLE);
    }
    screen.from = screen.to;
    return screen;
}

static struct screen start_guest(const char *disk, const char *frames) {
    int keyboard[2], display[2];
    ck_assert_int_eq(pipe2(keyboard, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(display, O_CLOEXEC), 0);
    struct screen screen = {keyboard[1], display[0], fork()};
    ck_assert_int_ge(screen.pid, 0);
    if (screen.pid == 0) {
        dup2(keyboard[0], 0);
        dup2(display[1], 1);
        execlp("tools/guest", "tools/guest", "--stdin", "--check-disk", "--append=check=100", "--frames",
               frames, "--disk", disk, "--add=" REAL_PROGRAMS "/busybox:/bin/busybox", "--", "busybox", "vi",
               "/text", NULL);
        _exit(STATUS_TROUBLE);
    }
    close(keyboard[0]);
    close(display[1]);
    return screen;
}

START_TEST(vi_in_a_terminal) {
    char disk[300], here[300], there[300];
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    snprintf(here, sizeof(here), "%s", test_path("here"));
    snprintf(there, sizeof(there), "%s", test_path("there"));
    struct screen screen = start_here(here);
    ck_assert_int_eq(type_keys(&screen), 0);
    screen = start_guest(disk, _i == 0 ? "0" : "300");
    ck_assert_int_eq(type_keys(&screen), 0);
    fetch_from_disk(disk, "/text", there);
    ck_assert_str_eq(read_file(there, NULL), read_file(here, NULL));
    ck_assert_str_eq(read_file(here, NULL), "second line\nthird line\nfourth line\nfifth, at the end\n");
}
END_TEST

void add_vi_case(Suite *suite) {
    tcase_add_loop_test(guest_case(suite, "real-vi", 10), vi_in_a_terminal, 0, 2);
}
