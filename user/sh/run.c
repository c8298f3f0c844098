/* Statements into processes: redirections, builtins, pipelines, background jobs. */
#include "user/sh/sh.h"

#include <fcntl.h>
#include <signal.h>

/* Carries out the redirections; false after a message if one fails. */
static bool redirect(const struct redirection *r) {
    for (; r != NULL; r = r->next) {
        int from = r->duplicate_of;
        if (from < 0) {
            const char *path = expand(r->word);
            from = open(path != NULL ? path : "", r->flags, 0666);
            if (from < 0) {
                fprintf(stderr, "sh: %s: %s\n", path != NULL ? path : "", strerror(errno));
                return false;
            }
        }
        if (from != r->descriptor) {
            dup2(from, r->descriptor);
            if (r->duplicate_of < 0)
                close(from);
        }
    }
    return true;
}

static int builtin_cd(char **arguments) {
    const char *path = arguments[1] != NULL ? arguments[1] : getenv("HOME");
    if (chdir(path != NULL ? path : "/") == 0)
        return 0;
    fprintf(stderr, "sh: cd: %s: %s\n", path, strerror(errno));
    return 1;
}

static int builtin_exit(char **arguments) {
    fflush(NULL);
    _exit(arguments[1] != NULL ? atoi(arguments[1]) & 0xff : last_status);
}

/* wait: for all jobs that are not stopped, status 0; wait N...: for these jobs, the status of the last. */
static int builtin_wait(char **arguments) {
    struct job *next;
    int status = 0;
    for (struct job *job = jobs_first(); arguments[1] == NULL && job != NULL; job = next) {
        next = job->next;
        if (!job->stopped && job_wait(job))
            job_end(job);
    }
    for (char **argument = arguments + 1; *argument != NULL; argument++) {
        struct job *job = job_find("wait", *argument);
        status = job == NULL ? STATUS_NOT_FOUND : job_wait(job) ? job_end(job) : 128 + SIGTSTP;
    }
    return status;
}

static int builtin_jobs(char **arguments) {
    (void)arguments;
    jobs_collect();
    jobs_print();
    fflush(stdout);
    return 0;
}

/* fg, bg: the job named, or the one listed last, goes on. */
static int continue_job(char **arguments, bool foreground) {
    if (!job_control) {
        fprintf(stderr, "sh: %s: no job control here\n", arguments[0]);
        return 1;
    }
    jobs_collect();
    struct job *job = job_find(arguments[0], arguments[1]);
    return job == NULL ? 1 : job_continue(job, foreground);
}

static int builtin_fg(char **arguments) {
    return continue_job(arguments, true);
}

static int builtin_bg(char **arguments) {
    return continue_job(arguments, false);
}

/* To the job "%N", all of its processes; one that is stopped hears of it too. False after a message. */
static bool kill_job(const char *name, int number) {
    struct job *job = job_find("kill", name);
    if (job == NULL)
        return false;
    for (unsigned i = 0; i < job->count; i++)
        if (job->pids[i] != 0)
            kill(job->pids[i], number);
    if (job->stopped && job_control && number != 0 && number != SIGSTOP && number != SIGTSTP) {
        kill(-job->group, SIGCONT);
        job->stopped = false;
    }
    return true;
}

static bool kill_process(const char *text, int number) {
    char *end;
    long pid = strtol(text, &end, 10);
    if (end == text || *end != '\0')
        errno = EINVAL;
    else if (kill((pid_t)pid, number) == 0)
        return true;
    fprintf(stderr, "sh: kill: %s: %s\n", text, strerror(errno));
    return false;
}

/* kill [-SIGNAL] PID|%N...: beside the program of this name, since only the shell knows its jobs. */
static int builtin_kill(char **arguments) {
    char **argument = arguments + 1;
    int number = SIGTERM, status = 0;
    if (*argument != NULL && **argument == '-') {
        number = signal_by_name(*argument + 1);
        if (number < 0) {
            fprintf(stderr, "sh: kill: %s: no such signal\n", *argument + 1);
            return 1;
        }
        argument++;
    }
    if (*argument == NULL) {
        fprintf(stderr, "sh: kill: which process?\n");
        return 2;
    }
    for (; *argument != NULL; argument++)
        if (!(**argument == '%' ? kill_job(*argument, number) : kill_process(*argument, number)))
            status = 1;
    return status;
}

static int builtin_true(char **arguments) {
    (void)arguments;
    return 0;
}

static int builtin_false(char **arguments) {
    (void)arguments;
    return 1;
}

static const struct builtin {
    const char *name;
    int (*run)(char **arguments);
} builtins[] = {
    {"cd", builtin_cd},  {"exit", builtin_exit},   {"wait", builtin_wait}, {"jobs", builtin_jobs},
    {"fg", builtin_fg},  {"bg", builtin_bg},       {"kill", builtin_kill}, {"true", builtin_true},
    {":", builtin_true}, {"false", builtin_false},
};

static const struct builtin *find_builtin(const char *name) {
    for (unsigned i = 0; name != NULL && i < COUNT_OF(builtins); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return &builtins[i];
    return NULL;
}

/* The end of a child: becomes the program, or runs the builtin. */
NO_RETURN static void become_command(const struct command *command) {
    char **arguments = expand_command(command);
    if (!redirect(command->redirections))
        _exit(1);
    const struct builtin *builtin = find_builtin(arguments[0]);
    if (builtin != NULL || arguments[0] == NULL) {
        int status = builtin != NULL ? builtin->run(arguments) : 0;
        fflush(NULL);
        _exit(status);
    }
    execvp(arguments[0], arguments);
    int error = errno;
    fprintf(stderr, "sh: %s: %s\n", arguments[0], error == ENOENT ? "command not found" : strerror(error));
    _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

/* Runs @builtin (NULL: none, assignments alone) in the shell itself, its redirections undone afterwards. */
static int run_in_shell(const struct command *command, const struct builtin *builtin, char **arguments) {
    enum { STANDARD_FILES = 3 };
    int saved[STANDARD_FILES] = {-1, -1, -1};
    for (int i = 0; command->redirections != NULL && i < STANDARD_FILES; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    int status = 1;
    if (redirect(command->redirections))
        status = builtin != NULL ? builtin->run(arguments) : 0;
    for (int i = 0; i < STANDARD_FILES; i++) {
        if (saved[i] >= 0) {
            dup2(saved[i], i);
            close(saved[i]);
        }
    }
    return status;
}

/*
 * Puts a new child into its job's group. The parent and the child both do it, since neither knows which
 * of them runs first.
 */
static void join_group(int pid, int group, bool foreground) {
    if (!job_control)
        return;
    setpgid(pid, group);
    if (foreground)
        tcsetpgrp(STDIN_FILENO, group != 0 ? group : getpid());
}

static void child_signals(bool foreground) {
    if (!interactive && foreground)
        return;
    bool hears_terminal = foreground || job_control; /* a background group is spared by the terminal */
    signal(SIGINT, hears_terminal ? SIG_DFL : SIG_IGN);
    signal(SIGQUIT, hears_terminal ? SIG_DFL : SIG_IGN);
    signal(SIGTSTP, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    signal(SIGTTIN, SIG_DFL);
}

/* Starts one command of a pipeline, its standard input and output given; its pid. */
static int start_command(const struct command *command, int in, int out, int unused, int group) {
    int pid = fork_checked();
    if (pid != 0) {
        join_group(pid, group != 0 ? group : pid, true);
        return pid;
    }
    join_group(0, group, true);
    child_signals(true);
    jobs_forget();
    if (in != STDIN_FILENO) {
        dup2(in, STDIN_FILENO);
        close(in);
    }
    if (out != STDOUT_FILENO) {
        dup2(out, STDOUT_FILENO);
        close(out);
    }
    if (unused >= 0)
        close(unused); /* the next one's end of the pipe: or it would never see its end */
    become_command(command);
}

/* Starts all commands, waits for all; the status of the last counts. */
static int run_processes(const struct pipeline *pipeline) {
    const struct command *command = pipeline->commands;
    int in = STDIN_FILENO;
    unsigned count = 0;
    for (const struct command *c = command; c != NULL; c = c->next)
        count++;
    struct job *job = job_new(pipeline->text, count);
    for (unsigned i = 0; i < count; i++, command = command->next) {
        int ends[2] = {-1, STDOUT_FILENO};
        if (command->next != NULL && pipe(ends) < 0)
            fail_errno("pipe");
        job->pids[i] = start_command(command, in, ends[1], ends[0], job->group);
        if (job->group == 0)
            job->group = job->pids[i];
        if (in != STDIN_FILENO)
            close(in);
        if (ends[1] != STDOUT_FILENO)
            close(ends[1]);
        in = ends[0];
    }
    return job_run_in_foreground(job);
}

/* The builtin that a pipeline of one command is, or assignments alone: in the shell itself. False: neither. */
static bool run_without_process(const struct pipeline *pipeline, int *status) {
    const struct command *command = pipeline->commands;
    if (command->next != NULL)
        return false;
    bool plain = command->count == 0 || is_assignment(command->words[0]);
    if (!plain && find_builtin(expand(command->words[0])) == NULL)
        return false;
    char **arguments = expand_command(command);
    const struct builtin *builtin = find_builtin(arguments[0]);
    if (builtin == NULL && arguments[0] != NULL)
        return false;
    *status = run_in_shell(command, builtin, arguments);
    return true;
}

static int run_pipeline(const struct pipeline *pipeline) {
    int status;
    return run_without_process(pipeline, &status) ? status : run_processes(pipeline);
}

static int run_and_or(const struct pipeline *pipeline) {
    for (; pipeline != NULL; pipeline = pipeline->next) {
        bool succeeded = last_status == 0;
        if (pipeline->when == ALWAYS || (pipeline->when == IF_SUCCEEDED) == succeeded)
            last_status = run_pipeline(pipeline);
    }
    return last_status;
}

/* A child runs the whole and-or list; a single command needs no shell around it. */
static void run_background(const struct statement *statement) {
    int pid = fork_checked();
    if (pid != 0) {
        struct job *job = job_new(statement->text, 1);
        join_group(pid, pid, false);
        job->pids[0] = job->group = last_background = pid;
        job_list(job);
        if (interactive)
            fprintf(stderr, "[%d] %s\n", job->number, job->text);
        return;
    }
    join_group(0, 0, false);
    child_signals(false);
    if (!job_control && open("/dev/null", O_RDONLY) == STDIN_FILENO + 3)
        dup2(STDIN_FILENO + 3, STDIN_FILENO); /* the terminal's input is for the foreground */
    interactive = job_control = false;
    jobs_forget();
    if (statement->pipelines->next == NULL && statement->pipelines->commands->next == NULL)
        become_command(statement->pipelines->commands);
    _exit(run_and_or(statement->pipelines));
}

void run_statements(const struct statement *statement) {
    for (; statement != NULL; statement = statement->next) {
        if (statement->background) {
            run_background(statement);
            last_status = 0;
        } else {
            run_and_or(statement->pipelines);
        }
    }
}
