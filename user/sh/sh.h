/*
 * The shell's pieces: the parser makes statements of text (parse.c), words become arguments (expand.c),
 * statements become processes (run.c), and processes of one pipeline are a job (jobs.c).
 */
#ifndef USER_SH_SH_H
#define USER_SH_SH_H

#include "user/lib/program.h"

enum { STATUS_SYNTAX = 2, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

/* --- what the parser makes; it lives until line_free_all() --- */

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
    char *text; /* as written, for the job list */
};

struct statement {
    struct statement *next;
    struct pipeline *pipelines;
    bool background;
    char *text; /* for the job list */
};

struct parse_result {
    struct statement *statements; /* NULL for an empty text too */
    const char *error;            /* NULL: none */
    bool incomplete;              /* more text would help */
};

struct parse_result parse(const char *text);

/* Memory of one line, zeroed; never NULL. */
void *line_alloc(size_t bytes);
char *line_copy(const char *from, size_t length);
void line_free_all(void);

/* --- words --- */

/* The word with quotes removed and variables put in; NULL if nothing at all is left of it. */
char *expand(const char *word);
bool is_assignment(const char *word);
/* Carries out the assignments at the head of @command; the words behind them, expanded, end in NULL. */
char **expand_command(const struct command *command);

/* --- jobs --- */

/* The processes of one pipeline. On a terminal that knows foreground groups they are a group. */
struct job {
    struct job *next;
    int number;      /* in the list; 0: not in it */
    int group;       /* process group: the first one's pid */
    int wait_status; /* of the last one, when it has ended */
    bool stopped;
    unsigned count;
    char *text;
    int pids[]; /* 0: has ended */
};

/* Room for @count processes; not in the list. */
struct job *job_new(const char *text, unsigned count);
void job_free(struct job *job);
/* Into the list, with the lowest free number; says so to a person. */
void job_list(struct job *job);
/* The job that "%N" or "N" names; NULL names the one listed last. NULL after a message if there is none. */
struct job *job_find(const char *builtin, const char *name);
/* Waits until all processes have ended (true) or one has been stopped. */
bool job_wait(struct job *job);
/* It has ended: out of the list, says how, frees it; its status as $? has it. */
int job_end(struct job *job);
/* Goes on in the foreground and is waited for; or in the background. Its status. */
int job_continue(struct job *job, bool foreground);
/* Gives the terminal to the job, waits, takes the terminal back. A job that was stopped is listed. Its status. */
int job_run_in_foreground(struct job *job);
/* Looks what has become of the listed jobs meanwhile. */
void jobs_collect(void);
void jobs_print(void);
struct job *jobs_first(void);
/* In a child of the shell there are no jobs: they are its brothers. */
void jobs_forget(void);

/* --- running --- */

void run_statements(const struct statement *statement);

/* --- state --- */

extern int last_status;     /* $? */
extern int last_background; /* $!; 0: none yet */
extern int shell_pid;       /* $$, in its children too */
extern bool interactive;
extern bool job_control; /* the terminal knows foreground groups */

#endif
