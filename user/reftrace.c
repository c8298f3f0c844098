/*
 * reftrace: runs a program and records every page it refers to, in order, code and stack included.
 *
 *     reftrace [-w WINDOW] [-l LOG] FILE PROGRAM [ARGUMENT…]
 *
 * At most WINDOW pages of the program are mapped at a time (8 if not said; more where one instruction needs
 * them), so a reference to one of the others is a fault and is logged; see mm/reftrace.c of
 * the kernel. LOG is how many references there is room for (65536). FILE gets them in the form that pagesim
 * reads, page numbers being addresses / 4096. Exits as the program did.
 *
 * For what a window hides: of the references to the pages that were used last only the first is recorded.
 * For more frames than the window has pages that does not change which pages LRU or OPT keep by much.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] = "usage: reftrace [-w WINDOW] [-l LOG] FILE PROGRAM [ARGUMENT...]\n"
                            "  runs a program, and records in FILE the pages that it refers to, in order\n";

static void ask_for_trace(const char *window, const char *log) {
    char text[100];
    int fd = open("/proc/self/reflimit", O_WRONLY);

    snprintf(text, sizeof(text), "exec window=%s log=%s", window, log);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        err(2, "/proc/self/reflimit");
    close(fd);
}

static void copy_log(const char *name) {
    static char buffer[4096];
    int from = open("/proc/reflog", O_RDONLY), to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ssize_t got;

    if (from < 0 || to < 0)
        err(2, "%s", from < 0 ? "/proc/reflog" : name);
    while ((got = read(from, buffer, sizeof(buffer))) > 0)
        if (write(to, buffer, (size_t)got) != got)
            err(2, "%s", name);
    if (got < 0 || close(to) != 0)
        err(2, "%s", name);
    close(from);
}

int main(int argc, char **argv) {
    const char *window = "8", *log = "65536";
    static const struct option long_options[] = {{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int status, option, help = 0;

    while ((option = getopt_long(argc, argv, "+hw:l:", long_options, NULL)) != -1) {
        if (option == 'w')
            window = optarg;
        else if (option == 'l')
            log = optarg;
        else
            help = 1 + (option != 'h');
    }
    if (help != 0 || argc - optind < 2) {
        fputs(usage, help == 1 ? stdout : stderr);
        return help != 1;
    }
    pid_t child = fork();
    if (child < 0)
        err(2, "fork");
    if (child == 0) {
        ask_for_trace(window, log);
        execvp(argv[optind + 1], argv + optind + 1);
        err(127, "%s", argv[optind + 1]);
    }
    if (waitpid(child, &status, 0) != child)
        err(2, "wait");
    copy_log(argv[optind]);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    return WEXITSTATUS(status);
}
