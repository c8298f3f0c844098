/*
 * sh: a small shell. Pipes, redirection, background jobs, && and ||, quoting, variables: enough to drive
 * the guest by hand and by script, and nothing that a reader would have to learn.
 *
 *     input     one line at a time from the terminal, a script, or -c; a line that ends inside quotes or
 *               after | && || goes on in the next
 *     statement AND-OR [&]        separated by ; & or newline
 *     AND-OR    PIPELINE { && PIPELINE | || PIPELINE }
 *     PIPELINE  COMMAND { | COMMAND }
 *     COMMAND   words, NAME=VALUE before them, and  < > >> 2> 2>> 2>&1 >&2  anywhere among them
 *     word      'literal' "with $NAME" \c $NAME ${NAME} $? $! $$; # begins a comment
 *
 * A value is put in where its $NAME stands and is never split into several words. There are no wildcards,
 * functions or loops: a program that wants those wants a bigger shell.
 *
 * On a terminal that has foreground process groups every job is a group of its own; ^C and ^Z reach the
 * foreground one alone, and fg and bg let a stopped one go on. On any other, the shell itself ignores ^C and
 * so do background jobs. At the prompt ^C ends the line, and those before it that it goes on with.
 *
 * This file reads the input; the rest is in user/sh/.
 */
#include "user/sh/sh.h"

#include <poll.h>
#include <signal.h>

static const char usage[] = "sh [-c STRING | FILE]\n"
                            "  runs STRING, or the commands in FILE, or those read from standard input";

int last_status;
int last_background;
int shell_pid;
bool interactive;
bool job_control;

/* Runs @text; false if it is incomplete and @more text may follow. */
static bool run_text(const char *text, bool more) {
    struct parse_result parsed = parse(text);
    if (parsed.incomplete && more) {
        line_free_all();
        return false;
    }
    if (parsed.incomplete || parsed.error != NULL) {
        fprintf(stderr, "sh: %s\n", parsed.error != NULL ? parsed.error : "unexpected end of input");
        last_status = STATUS_SYNTAX;
    }
    run_statements(parsed.statements);
    line_free_all();
    return true;
}

/* --- lines from the terminal --- */

static void interrupted(int signal) {
    (void)signal;
}

/* Prompts, and waits until there is a line: false if ^C came instead, no matter how early after the prompt. */
static bool line_comes(const char *prompt) {
    struct sigaction hear = {.sa_handler = interrupted}, old;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    sigaction(SIGINT, &hear, &old);
    fputs(prompt, stderr);
    bool comes = ppoll(&input, 1, NULL, &before) >= 0 || errno != EINTR;
    sigaction(SIGINT, &old, NULL); /* a command's ^C is not ours */
    sigprocmask(SIG_SETMASK, &before, NULL);
    return comes;
}

/* As getline(), of what is to follow @text. ^C while it is typed: the text is forgotten, another line is asked for. */
static ssize_t read_line(char **line, size_t *room, FILE *input, size_t *text_length) {
    if (interactive)
        jobs_collect();
    while (interactive && !line_comes(*text_length == 0 ? "$ " : "> ")) {
        *text_length = 0;
        last_status = 128 + SIGINT;
        fputc('\n', stderr);
    }
    return getline(line, room, input);
}

static void run_input(FILE *input) {
    char *line = NULL, *text = NULL;
    size_t line_room = 0, text_length = 0;
    ssize_t length;
    while ((length = read_line(&line, &line_room, input, &text_length)) >= 0) {
        text = realloc(text, text_length + (size_t)length + 1);
        if (text == NULL)
            fail("out of memory");
        memcpy(text + text_length, line, (size_t)length + 1);
        text_length += (size_t)length;
        if (run_text(text, true))
            text_length = 0;
    }
    if (text_length > 0)
        run_text(text, false);
    free(line);
    free(text);
}

/* The shell survives ^C and ^Z; where the terminal has foreground groups, it becomes the leader of one. */
static void take_terminal(void) {
    interactive = true;
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* or tcsetpgrp() from the background would stop the shell */
    signal(SIGTTIN, SIG_IGN);
    setpgid(0, 0);
    job_control = tcsetpgrp(STDIN_FILENO, getpgrp()) == 0;
}

int main(int argc, char **argv) {
    program_start(argc, argv, "sh", usage);
    shell_pid = getpid();
    FILE *input = stdin;
    if (argc > 1 && strcmp(argv[1], "-c") == 0) {
        int text = argc > 2 && strcmp(argv[2], "--") == 0
                       ? 3
                       : 2; /* system() says "--", as a string may begin with - */

        if (argc <= text)
            usage_error("-c: a string must follow");
        run_text(argv[text], false);
    } else {
        if (argc > 1 && (input = fopen(argv[1], "re")) == NULL)
            fail_errno("%s", argv[1]);
        if (argc == 1) {
            setvbuf(stdin, NULL, _IONBF, 0); /* what follows a command is for that command to read */
            if (isatty(STDIN_FILENO))
                take_terminal();
        }
        run_input(input);
    }
    fflush(NULL);
    return last_status;
}
