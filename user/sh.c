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
 * functions or loops, and no ^Z: a program that wants those wants a bigger shell.
 *
 * On a terminal that has foreground process groups every job is a group of its own and ^C reaches the
 * foreground one alone. On any other, the shell itself ignores ^C and so do background jobs.
 */
#include "user/lib/program.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage[] = "sh [-c STRING | FILE]\n"
                            "  runs STRING, or the commands in FILE, or those read from standard input";

enum { STATUS_SYNTAX = 2, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

/* --- what the parser makes ----------------------------------------------------------------------- */

struct redirection {
    struct redirection *next;
    int descriptor;
    int flags;        /* of open(2) */
    int duplicate_of; /* >&N; -1: open `word` */
    char *word;
};

struct command {
    struct command *next; /* in the pipeline */
    struct redirection *redirections;
    unsigned count;
    char **words; /* as written: quotes and $ still in them */
};

enum connector { ALWAYS, IF_SUCCEEDED, IF_FAILED };

struct pipeline {
    struct pipeline *next; /* in the and-or list */
    enum connector when;
    struct command *commands;
};

struct statement {
    struct statement *next;
    struct pipeline *pipelines;
    bool background;
    char *text; /* for the job list */
};

/* --- state --------------------------------------------------------------------------------------- */

static int last_status;     /* $? */
static int last_background; /* $!; 0: none yet */
static int shell_pid;       /* $$, in its children too */
static bool interactive;
static bool job_control; /* the terminal knows foreground groups */

struct job {
    struct job *next;
    int number;
    int pid; /* of its only child of ours: a command, or a shell that runs the rest */
    char *text;
};
static struct job *jobs; /* by number */

/* --- memory of one line: everything the parser and the expansion make is freed together ------------ */

struct block {
    struct block *next;
};
static struct block *blocks;

static void *line_alloc(size_t bytes) {
    struct block *block = calloc(1, sizeof(*block) + bytes);
    if (block == NULL)
        fail("out of memory");
    block->next = blocks;
    blocks = block;
    return block + 1;
}

static void line_free_all(void) {
    while (blocks != NULL) {
        struct block *block = blocks;
        blocks = block->next;
        free(block);
    }
}

static char *line_copy(const char *from, size_t length) {
    char *copy = line_alloc(length + 1);
    return memcpy(copy, from, length);
}

/* --- words into tokens --------------------------------------------------------------------------- */

enum token {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_PIPE,
    TOKEN_BACKGROUND,
    TOKEN_SEMICOLON,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_REDIRECT,
    TOKEN_INCOMPLETE, /* the text ends inside a word */
};

struct parser {
    const char *at; /* behind the current token */
    const char *start;
    enum token token;
    char *word;                     /* of TOKEN_WORD */
    struct redirection redirection; /* of TOKEN_REDIRECT: all but the word */
    bool incomplete;                /* more text would help */
    const char *error;              /* NULL: none */
};

static const struct {
    const char *text;
    int descriptor, flags, duplicate_of;
} redirections[] = {
    {"2>&1", 2, 0, 1},
    {"2>>", 2, O_WRONLY | O_CREAT | O_APPEND, -1},
    {"2>", 2, O_WRONLY | O_CREAT | O_TRUNC, -1},
    {">&2", 1, 0, 2},
    {">>", 1, O_WRONLY | O_CREAT | O_APPEND, -1},
    {">", 1, O_WRONLY | O_CREAT | O_TRUNC, -1},
    {"<", 0, O_RDONLY, -1},
};

static const struct {
    const char *text;
    enum token token;
} operators[] = {
    {"&&", TOKEN_AND},       {"||", TOKEN_OR},       {"|", TOKEN_PIPE},
    {"&", TOKEN_BACKGROUND}, {";", TOKEN_SEMICOLON}, {"\n", TOKEN_NEWLINE},
};

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool take_redirection(struct parser *p) {
    for (unsigned i = 0; i < COUNT_OF(redirections); i++) {
        if (!starts_with(p->at, redirections[i].text))
            continue;
        p->redirection = (struct redirection){.descriptor = redirections[i].descriptor,
                                              .flags = redirections[i].flags,
                                              .duplicate_of = redirections[i].duplicate_of};
        p->at += strlen(redirections[i].text);
        p->token = TOKEN_REDIRECT;
        return true;
    }
    return false;
}

static bool take_operator(struct parser *p) {
    for (unsigned i = 0; i < COUNT_OF(operators); i++) {
        if (!starts_with(p->at, operators[i].text))
            continue;
        p->at += strlen(operators[i].text);
        p->token = operators[i].token;
        return true;
    }
    return false;
}

/* The end of the word at @s: quotes hold it together. NULL: the text ends inside quotes. */
static const char *word_end(const char *s) {
    while (*s != '\0' && strchr(" \t\n|&;<>", *s) == NULL) {
        if (*s == '\\') {
            if (*++s == '\0')
                return NULL;
        } else if (*s == '\'' || *s == '"') {
            char quote = *s++;
            for (; *s != quote; s++) {
                if (*s == '\\' && quote == '"' && s[1] != '\0')
                    s++;
                if (*s == '\0')
                    return NULL;
            }
        }
        s++;
    }
    return s;
}

static void next_token(struct parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || starts_with(p->at, "\\\n"))
        p->at += *p->at == '\\' ? 2 : 1;
    if (*p->at == '#')
        p->at += strcspn(p->at, "\n");
    p->start = p->at;
    if (*p->at == '\0') {
        p->token = TOKEN_END;
        return;
    }
    if (take_redirection(p) || take_operator(p))
        return;
    const char *end = word_end(p->at);
    if (end == NULL) {
        p->token = TOKEN_INCOMPLETE;
        p->incomplete = true;
        return;
    }
    p->word = line_copy(p->at, (size_t)(end - p->at));
    p->at = end;
    p->token = TOKEN_WORD;
}

static void skip_newlines(struct parser *p) {
    while (p->token == TOKEN_NEWLINE)
        next_token(p);
}

/* --- tokens into statements ---------------------------------------------------------------------- */

static void syntax_error(struct parser *p, const char *text) {
    if (p->token == TOKEN_END || p->token == TOKEN_INCOMPLETE)
        p->incomplete = true; /* and an error only if there is no more */
    if (p->error == NULL)
        p->error = text;
}

static void parse_redirection(struct parser *p, struct command *command) {
    struct redirection *redirection = line_alloc(sizeof(*redirection));
    *redirection = p->redirection;
    struct redirection **tail = &command->redirections; /* in the order written */
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = redirection;
    next_token(p);
    if (redirection->duplicate_of >= 0)
        return;
    if (p->token != TOKEN_WORD) {
        syntax_error(p, "a file name must follow < or >");
        return;
    }
    redirection->word = p->word;
    next_token(p);
}

static void append_word(struct command *command, char *word) {
    char **words = line_alloc((command->count + 2) * sizeof(*words));
    if (command->count > 0)
        memcpy(words, command->words, command->count * sizeof(*words));
    words[command->count++] = word;
    command->words = words;
}

static struct command *parse_command(struct parser *p) {
    struct command *command = line_alloc(sizeof(*command));
    while (p->error == NULL) {
        if (p->token == TOKEN_WORD) {
            append_word(command, p->word);
            next_token(p);
        } else if (p->token == TOKEN_REDIRECT) {
            parse_redirection(p, command);
        } else {
            break;
        }
    }
    if (command->count == 0 && command->redirections == NULL)
        syntax_error(p, "a command is missing");
    return command;
}

static struct pipeline *parse_pipeline(struct parser *p) {
    struct pipeline *pipeline = line_alloc(sizeof(*pipeline));
    struct command **tail = &pipeline->commands;
    *tail = parse_command(p);
    while (p->error == NULL && p->token == TOKEN_PIPE) {
        next_token(p);
        skip_newlines(p);
        tail = &(*tail)->next;
        *tail = parse_command(p);
    }
    return pipeline;
}

static struct statement *parse_statement(struct parser *p) {
    struct statement *statement = line_alloc(sizeof(*statement));
    const char *start = p->start;
    struct pipeline **tail = &statement->pipelines;
    *tail = parse_pipeline(p);
    while (p->error == NULL && (p->token == TOKEN_AND || p->token == TOKEN_OR)) {
        enum connector when = p->token == TOKEN_AND ? IF_SUCCEEDED : IF_FAILED;
        next_token(p);
        skip_newlines(p);
        tail = &(*tail)->next;
        *tail = parse_pipeline(p);
        (*tail)->when = when;
    }
    const char *end = p->start;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    statement->text = line_copy(start, (size_t)(end - start));
    if (p->token == TOKEN_BACKGROUND)
        statement->background = true;
    if (p->token == TOKEN_BACKGROUND || p->token == TOKEN_SEMICOLON || p->token == TOKEN_NEWLINE)
        next_token(p);
    else if (p->token != TOKEN_END)
        syntax_error(p, "misplaced word or operator");
    return statement;
}

/* The statements of @p's text; NULL for an empty text, or with p->error or p->incomplete set. */
static struct statement *parse(struct parser *p, const char *text) {
    *p = (struct parser){.at = text, .start = text};
    struct statement *first = NULL, **tail = &first;
    next_token(p);
    for (skip_newlines(p); p->error == NULL && p->token != TOKEN_END; skip_newlines(p)) {
        *tail = parse_statement(p);
        tail = &(*tail)->next;
    }
    return p->error == NULL && !p->incomplete ? first : NULL;
}

/* --- expansion ----------------------------------------------------------------------------------- */

struct text {
    char *data;
    size_t length, room;
};

static void text_add(struct text *t, const char *from, size_t length) {
    if (t->length + length + 1 > t->room) {
        size_t room = 2 * (t->length + length + 32);
        char *data = line_alloc(room);
        if (t->length > 0)
            memcpy(data, t->data, t->length);
        t->data = data;
        t->room = room;
    }
    memcpy(t->data + t->length, from, length);
    t->length += length;
    t->data[t->length] = '\0';
}

/* Adds the value of the variable at @s, which is behind the '$'; returns what follows the name. */
static const char *expand_variable(struct text *t, const char *s) {
    if (*s == '?' || *s == '!' || *s == '$') {
        char number[16];
        int value = *s == '?' ? last_status : *s == '!' ? last_background : shell_pid;
        text_add(t, number, (size_t)snprintf(number, sizeof(number), "%d", value));
        return s + 1;
    }
    bool braces = *s == '{';
    const char *name = braces ? s + 1 : s;
    const char *end = name;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    if (end == name || (braces && *end != '}')) { /* a dollar sign like any other character */
        text_add(t, "$", 1);
        return s;
    }
    const char *value = getenv(line_copy(name, (size_t)(end - name)));
    if (value != NULL)
        text_add(t, value, strlen(value));
    return braces ? end + 1 : end;
}

/* Adds the double-quoted part at @s, behind the opening quote; returns what follows the closing one. */
static const char *expand_quoted(struct text *t, const char *s) {
    while (*s != '"') {
        if (*s == '\\' && strchr("\\\"$", s[1]) != NULL) {
            text_add(t, s + 1, 1);
            s += 2;
        } else if (*s == '$') {
            s = expand_variable(t, s + 1);
        } else {
            text_add(t, s++, 1);
        }
    }
    return s + 1;
}

/* The word with quotes removed and variables put in; NULL if nothing at all is left of it. */
static char *expand(const char *s) {
    struct text t = {0};
    bool quoted = false;
    while (*s != '\0') {
        if (*s == '\'') {
            const char *end = strchr(s + 1, '\'');
            text_add(&t, s + 1, (size_t)(end - s - 1));
            s = end + 1;
            quoted = true;
        } else if (*s == '"') {
            s = expand_quoted(&t, s + 1);
            quoted = true;
        } else if (*s == '\\') {
            text_add(&t, s + 1, 1);
            s += 2;
        } else if (*s == '$') {
            s = expand_variable(&t, s + 1);
        } else {
            text_add(&t, s++, 1);
        }
    }
    if (t.length == 0 && !quoted)
        return NULL;
    return t.data != NULL ? t.data : line_copy("", 0);
}

static bool is_assignment(const char *word) {
    const char *s = word;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return s > word && *s == '=' && !isdigit((unsigned char)*word);
}

/* Carries out the assignments at the head of @command; the words behind them, expanded, end in NULL. */
static char **expand_command(const struct command *command) {
    char **arguments = line_alloc((command->count + 1) * sizeof(*arguments));
    unsigned i = 0, count = 0;
    for (; i < command->count && is_assignment(command->words[i]); i++) {
        char *word = expand(command->words[i]);
        char *equals = strchr(word, '=');
        *equals = '\0';
        setenv(word, equals + 1, 1);
    }
    for (; i < command->count; i++) {
        char *word = expand(command->words[i]);
        if (word != NULL)
            arguments[count++] = word;
    }
    return arguments;
}

/* --- jobs ---------------------------------------------------------------------------------------- */

static int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Says so when a signal ended a command, as nothing else would; ^C and broken pipes are no news. */
static void report_death(const char *text, int wait_status) {
    if (!WIFSIGNALED(wait_status))
        return;
    int signal_number = WTERMSIG(wait_status);
    if (signal_number != SIGINT && signal_number != SIGPIPE)
        fprintf(stderr, "sh: %s: %s\n", text, strsignal(signal_number));
    else if (signal_number == SIGINT && interactive)
        fputc('\n', stderr);
}

static void job_add(int pid, const char *text) {
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL || (job->text = strdup(text)) == NULL)
        fail("out of memory");
    job->pid = pid;
    job->number = 1;
    struct job **place = &jobs; /* the lowest free number */
    for (; *place != NULL && (*place)->number == job->number; place = &(*place)->next)
        job->number++;
    job->next = *place;
    *place = job;
    last_background = pid;
    if (interactive)
        fprintf(stderr, "[%d] %s\n", job->number, text);
}

/* Unlinks and frees the job at @place, which ended with @wait_status. */
static void job_end(struct job **place, int wait_status) {
    struct job *job = *place;
    *place = job->next;
    report_death(job->text, wait_status);
    if (interactive && !WIFSIGNALED(wait_status))
        fprintf(stderr, "[%d] ended with status %d: %s\n", job->number, status_of(wait_status), job->text);
    free(job->text);
    free(job);
}

/* Reaps the jobs that have ended meanwhile. */
static void jobs_collect(void) {
    struct job **place = &jobs;
    while (*place != NULL) {
        int status;
        if (waitpid((*place)->pid, &status, WNOHANG) == (*place)->pid)
            job_end(place, status);
        else
            place = &(*place)->next;
    }
}

/* In a child of the shell there are no jobs: they are its brothers. */
static void jobs_forget(void) {
    jobs = NULL;
}

static int wait_status_of(int pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return STATUS_NOT_FOUND << 8;
    }
    return status;
}

/* --- running ------------------------------------------------------------------------------------- */

static int run_and_or(const struct pipeline *pipeline);

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

/* wait: for all jobs, status 0; wait N...: for these jobs, the status of the last. */
static int builtin_wait(char **arguments) {
    while (arguments[1] == NULL && jobs != NULL)
        job_end(&jobs, wait_status_of(jobs->pid));
    int status = 0;
    for (char **argument = arguments + 1; *argument != NULL; argument++) {
        int number = atoi(**argument == '%' ? *argument + 1 : *argument);
        struct job **place = &jobs;
        while (*place != NULL && (*place)->number != number)
            place = &(*place)->next;
        if (*place == NULL) {
            fprintf(stderr, "sh: wait: %s: no such job\n", *argument);
            status = STATUS_NOT_FOUND;
            continue;
        }
        int wait_status = wait_status_of((*place)->pid);
        status = status_of(wait_status);
        job_end(place, wait_status);
    }
    return status;
}

static int builtin_jobs(char **arguments) {
    (void)arguments;
    jobs_collect();
    for (const struct job *job = jobs; job != NULL; job = job->next)
        printf("[%d] %s\n", job->number, job->text);
    fflush(stdout);
    return 0;
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
    {"cd", builtin_cd},     {"exit", builtin_exit}, {"wait", builtin_wait},   {"jobs", builtin_jobs},
    {"true", builtin_true}, {":", builtin_true},    {"false", builtin_false},
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
static int run_processes(const struct command *command) {
    int in = STDIN_FILENO, group = 0;
    unsigned count = 0;
    for (const struct command *c = command; c != NULL; c = c->next)
        count++;
    int *pids = line_alloc(count * sizeof(*pids));
    for (unsigned i = 0; i < count; i++, command = command->next) {
        int ends[2] = {-1, STDOUT_FILENO};
        if (command->next != NULL && pipe(ends) < 0)
            fail_errno("pipe");
        pids[i] = start_command(command, in, ends[1], ends[0], group);
        if (group == 0)
            group = pids[i];
        if (in != STDIN_FILENO)
            close(in);
        if (ends[1] != STDOUT_FILENO)
            close(ends[1]);
        in = ends[0];
    }
    int status = 0;
    for (unsigned i = 0; i < count; i++)
        status = wait_status_of(pids[i]);
    if (job_control)
        tcsetpgrp(STDIN_FILENO, getpgrp());
    return status;
}

static int run_pipeline(const struct pipeline *pipeline) {
    const struct command *command = pipeline->commands;
    if (command->next == NULL) {
        bool plain = command->count == 0 || is_assignment(command->words[0]);
        char *name = command->count > 0 ? expand(command->words[0]) : NULL;
        if (plain || find_builtin(name) != NULL) {
            char **arguments = expand_command(command); /* assignments reach the shell itself */
            const struct builtin *builtin = find_builtin(arguments[0]);
            if (builtin != NULL || arguments[0] == NULL)
                return run_in_shell(command, builtin, arguments);
        }
    }
    int status = run_processes(command);
    const struct command *last = command;
    while (last->next != NULL)
        last = last->next;
    const char *name = last->count > 0 ? expand(last->words[0]) : NULL;
    report_death(name != NULL ? name : "command", status);
    return status_of(status);
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
        join_group(pid, pid, false);
        job_add(pid, statement->text);
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

static void run_statements(const struct statement *statement) {
    for (; statement != NULL; statement = statement->next) {
        if (statement->background) {
            run_background(statement);
            last_status = 0;
        } else {
            run_and_or(statement->pipelines);
        }
    }
}

/* --- input --------------------------------------------------------------------------------------- */

/* Runs @text; false if it is incomplete and @more text may follow. */
static bool run_text(const char *text, bool more) {
    struct parser parser;
    const struct statement *statements = parse(&parser, text);
    bool incomplete = parser.incomplete;
    if (incomplete && more) {
        line_free_all();
        return false;
    }
    if (incomplete || parser.error != NULL) {
        fprintf(stderr, "sh: %s\n", parser.error != NULL ? parser.error : "unexpected end of input");
        last_status = STATUS_SYNTAX;
    }
    run_statements(statements);
    line_free_all();
    return true;
}

static void prompt(const char *text) {
    if (!interactive)
        return;
    jobs_collect();
    fputs(text, stderr);
}

static void run_input(FILE *input) {
    char *line = NULL, *text = NULL;
    size_t line_room = 0, text_length = 0;
    ssize_t length;
    prompt("$ ");
    while ((length = getline(&line, &line_room, input)) >= 0) {
        text = realloc(text, text_length + (size_t)length + 1);
        if (text == NULL)
            fail("out of memory");
        memcpy(text + text_length, line, (size_t)length + 1);
        text_length += (size_t)length;
        bool complete = run_text(text, true);
        if (complete)
            text_length = 0;
        prompt(complete ? "$ " : "> ");
    }
    if (text_length > 0)
        run_text(text, false);
    free(line);
    free(text);
}

/* The shell survives ^C; where the terminal has foreground groups, it becomes the leader of one. */
static void take_terminal(void) {
    interactive = true;
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
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
        if (argc < 3)
            usage_error("-c: a string must follow");
        run_text(argv[2], false);
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
