/*
 * init: process 1. With arguments it runs them as one command and ends as the command ended; without, it
 * runs a shell on the console. Meanwhile it reaps the orphans that every other process's end may leave to
 * it.
 *
 * "Ends as the command ended" is what lets the machine's runner tell a program's exit status from its
 * death by a signal: init exits with the same status, or dies of the same signal.
 */
#include "user/lib/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 }; /* as shells report them */

/* Descriptors 0, 1 and 2 on the console, unless the kernel has opened them already. */
static void open_console(void) {
    while (fcntl(STDERR_FILENO, F_GETFD) < 0) {
        int descriptor = open("/dev/console", O_RDWR);
        if (descriptor < 0)
            _exit(STATUS_NOT_FOUND); /* nowhere to complain to */
        if (descriptor > STDERR_FILENO) {
            close(descriptor);
            return;
        }
    }
}

/*
 * An unknown command is reported here and not by the shell's text, so that `make exec CMD=tpyo` says what
 * was not found.
 */
NO_RETURN static void run_command(char **arguments) {
    execvp(arguments[0], arguments);
    int error = errno;
    fprintf(stderr, "init: %s: %s\n", arguments[0], strerror(error));
    _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

/* Reaps everything until @command ends; its wait status. */
static int reap_until(int command) {
    for (;;) {
        int status;
        int pid = waitpid(-1, &status, 0);
        if (pid == command)
            return status;
        if (pid < 0 && errno != EINTR)
            fail_errno("waitpid");
    }
}

NO_RETURN static void end_like(int status) {
    if (WIFSIGNALED(status)) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core); /* the command's death was the interesting one */
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
        _exit(128 + WTERMSIG(status)); /* only if the kernel spares process 1 */
    }
    _exit(WEXITSTATUS(status));
}

int main(int argc, char **argv) {
    static char *shell[] = {"/bin/sh", NULL};

    program_start(1, argv, "init", "init [COMMAND [ARGUMENT...]]"); /* -h belongs to the command */
    open_console();
    setsid();
    ioctl(STDIN_FILENO, TIOCSCTTY, 0); /* so that ^C has somebody to reach; harmless where unknown */
    setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
    setenv("HOME", "/", 1);
    setenv("TERM", "vt100", 0);

    char **command = argc > 1 ? argv + 1 : shell;
    if (argc == 1)
        puts("Faultline. `help` tells the programs and the boot words, `pagedemo` shows paging happen.");
    int pid = fork_checked();
    if (pid == 0)
        run_command(command);
    end_like(reap_until(pid));
}
