/*
 * Jobs. Every pipeline is one; those in the background and those that were stopped are in the list. What
 * stops or ends its processes is learnt from waitpid(), when the shell waits and before each prompt.
 *
 * Source: POSIX.1-2017, "Shell & Utilities", 2.9.3.1 and job control in 2.2; the C library's manual,
 * "Implementing a job control shell", for the order of setpgid() and tcsetpgrp().
 */
#include "user/sh/sh.h"

#include <signal.h>
#include <sys/wait.h>
#include <termios.h>

static struct job *jobs;     /* by number */
static struct termios modes; /* of the terminal, before the foreground job got it */

struct job *jobs_first(void) {
    return jobs;
}

void jobs_forget(void) {
    jobs = NULL;
}

/* --- the list --- */

struct job *job_new(const char *text, unsigned count) {
    struct job *job = calloc(1, sizeof(*job) + count * sizeof(job->pids[0]));
    if (job == NULL || (job->text = strdup(text)) == NULL)
        fail("out of memory");
    job->count = count;
    if (job_control)
        tcgetattr(STDIN_FILENO, &modes);
    return job;
}

void job_free(struct job *job) {
    free(job->text);
    free(job);
}

void job_list(struct job *job) {
    struct job **place = &jobs;
    if (job->number != 0)
        return;
    job->number = 1;
    for (; *place != NULL && (*place)->number == job->number; place = &(*place)->next)
        job->number++;
    job->next = *place;
    *place = job;
}

static void unlist(struct job *job) {
    struct job **place = &jobs;
    while (*place != NULL && *place != job)
        place = &(*place)->next;
    if (*place == job)
        *place = job->next;
    job->number = 0;
}

struct job *job_find(const char *builtin, const char *name) {
    struct job *job = jobs;
    if (name == NULL) {
        while (job != NULL && job->next != NULL)
            job = job->next;
    } else {
        int number = atoi(*name == '%' ? name + 1 : name);
        while (job != NULL && job->number != number)
            job = job->next;
    }
    if (job == NULL)
        fprintf(stderr, "sh: %s: %s: no such job\n", builtin, name != NULL ? name : "");
    return job;
}

void jobs_print(void) {
    for (const struct job *job = jobs; job != NULL; job = job->next)
        printf("[%d] %s%s\n", job->number, job->stopped ? "stopped: " : "", job->text);
}

/* --- how they fare --- */

static int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Says so when a signal ended a command, as nothing else would; ^C and broken pipes are no news. */
static void report_death(const char *text, int wait_status) {
    int signal_number = WTERMSIG(wait_status);
    if (signal_number != SIGINT && signal_number != SIGPIPE)
        fprintf(stderr, "sh: %s: %s\n", text, strsignal(signal_number));
    else if (signal_number == SIGINT && interactive)
        fputc('\n', stderr);
}

static void report_stop(struct job *job) {
    job_list(job);
    fprintf(stderr, "\n[%d] stopped: %s\n", job->number, job->text);
}

/* What waitpid() said of process @i. */
static void note(struct job *job, unsigned i, int wait_status) {
    if (WIFSTOPPED(wait_status)) {
        job->stopped = true;
    } else if (WIFCONTINUED(wait_status)) {
        job->stopped = false;
    } else {
        job->pids[i] = 0;
        if (i == job->count - 1)
            job->wait_status = wait_status;
    }
}

static bool has_ended(const struct job *job) {
    for (unsigned i = 0; i < job->count; i++)
        if (job->pids[i] != 0)
            return false;
    return true;
}

bool job_wait(struct job *job) {
    for (unsigned i = 0; i < job->count && !job->stopped; i++) {
        while (job->pids[i] != 0 && !job->stopped) {
            int wait_status;
            if (waitpid(job->pids[i], &wait_status, job_control ? WUNTRACED : 0) > 0)
                note(job, i, wait_status);
            else if (errno != EINTR)
                note(job, i, STATUS_NOT_FOUND << 8);
        }
    }
    return !job->stopped;
}

int job_end(struct job *job) {
    int number = job->number, wait_status = job->wait_status;
    unlist(job);
    if (WIFSIGNALED(wait_status))
        report_death(job->text, wait_status);
    else if (interactive && number != 0)
        fprintf(stderr, "[%d] ended with status %d: %s\n", number, status_of(wait_status), job->text);
    job_free(job);
    return status_of(wait_status);
}

void jobs_collect(void) {
    int options = WNOHANG | (job_control ? WUNTRACED | WCONTINUED : 0);
    struct job *next;
    for (struct job *job = jobs; job != NULL; job = next) {
        bool was_stopped = job->stopped;
        next = job->next;
        for (unsigned i = 0; i < job->count; i++) {
            int wait_status;
            if (job->pids[i] != 0 && waitpid(job->pids[i], &wait_status, options) == job->pids[i])
                note(job, i, wait_status);
        }
        if (has_ended(job))
            job_end(job);
        else if (job->stopped && !was_stopped)
            report_stop(job);
    }
}

/* --- foreground and background --- */

/* An editor that was stopped or killed has left the terminal as editors want it. */
static void take_terminal_back(bool restore) {
    if (!job_control)
        return;
    tcsetpgrp(STDIN_FILENO, getpgrp());
    if (restore)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

int job_run_in_foreground(struct job *job) {
    if (job_control)
        tcsetpgrp(STDIN_FILENO, job->group);
    bool ended = job_wait(job);
    take_terminal_back(!ended || WIFSIGNALED(job->wait_status));
    if (!ended) {
        report_stop(job);
        return 128 + SIGTSTP;
    }
    if (job->number != 0)
        unlist(job); /* it was waited for: its end is no news */
    return job_end(job);
}

int job_continue(struct job *job, bool foreground) {
    job->stopped = false;
    if (foreground) {
        tcgetattr(STDIN_FILENO, &modes);
        tcsetpgrp(STDIN_FILENO, job->group);
    }
    kill(-job->group, SIGCONT);
    fprintf(stderr, "[%d] %s\n", job->number, job->text); /* who reads this may type to the job */
    return foreground ? job_run_in_foreground(job) : 0;
}
