/* Running guests and their oracles: see guest.h. */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- directories and files ----------------------------------------------------------------------- */

static char directory[64]; /* of the running test, relative to the root */

static const char *path_in(const char *format, const char *name) {
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), format, directory, name);
    return path;
}

const char *test_path(const char *name) {
    return path_in("%s/%s", name);
}

const char *host_path(const char *name) {
    return path_in("%s/host/%s", name);
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *place) {
    (void)s;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_directory(void) {
    strcpy(directory, "build/tests/run-XXXXXX");
    ck_assert_msg(mkdtemp(directory) != NULL, "%s: %s", directory, strerror(errno));
}

static void remove_directory(void) {
    remove_tree(directory);
}

char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    char *bytes = NULL;
    size_t room = 0;
    FILE *copy = open_memstream(&bytes, &room);
    for (int c; (c = getc(file)) != EOF;)
        putc(c, copy);
    fclose(copy);
    fclose(file);
    if (length != NULL)
        *length = room;
    return bytes;
}

void write_file(const char *path, const char *bytes, size_t length) {
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

/* --- processes ----------------------------------------------------------------------------------- */

struct process {
    const char *const *command;
    const char *input;           /* file, or NULL: nothing */
    const char *output, *errors; /* files; the same: both streams into one */
    const char *cwd;             /* NULL: stays */
    const char *path;            /* put in front of PATH, or NULL */
};

static void start_program(const struct process *p) {
    int in = open(p->input != NULL ? p->input : "/dev/null", O_RDONLY);
    int out = open(p->output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    int err = p->errors == p->output ? out : open(p->errors, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(STATUS_TROUBLE);
    if (p->path != NULL) {
        char *absolute = realpath(p->path, NULL), *path = NULL;
        const char *old = getenv("PATH");
        if (absolute == NULL || asprintf(&path, "%s:%s", absolute, old != NULL ? old : "/bin") < 0 ||
            setenv("PATH", path, 1) != 0)
            _exit(STATUS_TROUBLE);
    }
    if (p->cwd != NULL && chdir(p->cwd) != 0)
        _exit(STATUS_TROUBLE);
    execvp(p->command[0], (char *const *)p->command);
    _exit(STATUS_TROUBLE);
}

/* Its exit status, or 128 + the signal that killed it, as the runner puts it. */
static int run_process(const struct process *p) {
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        start_program(p);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ck_assert_int_eq(errno, EINTR);
    return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

int host_tool(const char *const *command) {
    const char *output = test_path("tool.out");
    return run_process(&(struct process){.command = command, .output = output, .errors = output});
}

struct run host_run(const char *const *command) {
    char output[256];
    snprintf(output, sizeof(output), "%s", test_path("host.out"));
    remove_tree(test_path("host"));
    ck_assert_int_eq(mkdir(test_path("host"), 0755), 0);
    struct process p = {.command = command,
                        .output = output,
                        .errors = output,
                        .cwd = test_path("host"),
                        .path = "build/user"};
    struct run run = {.log = strdup("")};
    run.status = run_process(&p);
    run.output = read_file(output, &run.length);
    return run;
}

/* --- the guest's command line -------------------------------------------------------------------- */

enum { ARGUMENTS_MAX = 96 };

struct arguments {
    const char *list[ARGUMENTS_MAX];
    unsigned count;
};

static void add(struct arguments *a, const char *argument) {
    ck_assert_uint_lt(a->count, ARGUMENTS_MAX - 1);
    a->list[a->count++] = strdup(argument);
}

static void __attribute__((format(printf, 2, 3))) add_format(struct arguments *a, const char *format, ...) {
    char text[256];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    add(a, text);
}

/* Options that the runner cannot record with. */
static bool recordable(const struct guest *guest) {
    static const char *const others[] = {"--ram", "--when", "--record", "--interactive", "--disk-log"};
    for (unsigned i = 0; i < LENGTH(guest->options) && guest->options[i] != NULL; i++)
        for (unsigned j = 0; j < LENGTH(others); j++)
            if (strncmp(guest->options[i], others[j], strlen(others[j])) == 0)
                return false;
    return true;
}

/* Recorded runs: what the test does last is kept with the test's directory, if it fails. */
static bool recording(void) {
    return getenv("FAULTLINE_RECORD") != NULL;
}

static void add_options(struct arguments *a, const struct guest *guest) {
    add(a, "tools/guest");
    add(a, guest->grub ? "--grub" : "--direct");
    add(a, "--check-disk");
    add_format(a, "--stats=%s", test_path("stats"));
    add_format(a, "--log=%s", test_path("log"));
    add_format(a, "--append=check=%u", guest->check != 0 ? guest->check : 1);
    if (guest->mem != NULL)
        add_format(a, "--mem=%s", guest->mem);
    if (guest->frames != 0)
        add_format(a, "--frames=%u", guest->frames);
    if (guest->pio)
        add(a, "--append=ata=pio");
    if (guest->input != NULL)
        add(a, "--stdin");
    if (guest->append != NULL)
        add_format(a, "--append=%s", guest->append);
    for (unsigned i = 0; i < LENGTH(guest->options) && guest->options[i] != NULL; i++)
        add(a, guest->options[i]);
    if (recording() && recordable(guest)) {
        add_format(a, "--record=%s", test_path("recording"));
        add_format(a, "--timeout=%u", RECORDED_SECONDS);
    }
}

/* --- what must hold in every run ----------------------------------------------------------------- */

long long counter(const struct run *run, const char *name) {
    json_t *value = json_object_get(run->stats, name);
    ck_assert_msg(json_is_integer(value), "no counter %s", name);
    return json_integer_value(value);
}

/* The identities of mm/counters.c once more, as seen from outside. (In the kernel a wrong one is a panic.) */
static void check_identities(const struct run *run) {
    static const char *const kinds[] = {"fault_zero",     "fault_file", "fault_swap",
                                        "fault_reclaim",  "fault_copy", "fault_upgrade",
                                        "fault_resident", "fault_bad",  "fault_spurious"};
    long long sum = 0;
    for (unsigned i = 0; i < LENGTH(kinds); i++)
        sum += counter(run, kinds[i]);
    ck_assert_int_eq(counter(run, "pgfault"), sum);
    ck_assert_int_eq(counter(run, "pgmajfault"), counter(run, "fault_file") + counter(run, "fault_swap") +
                                                     counter(run, "fault_copy_read"));
    ck_assert_int_eq(counter(run, "pswpin"), counter(run, "blk_swap_pages_in"));
    ck_assert_int_eq(counter(run, "pswpout"), counter(run, "blk_swap_pages_out"));
    ck_assert_int_eq(counter(run, "pgpgin"), counter(run, "blk_read_sectors") / 2); /* KiB */
    ck_assert_int_eq(counter(run, "pgpgout"), counter(run, "blk_write_sectors") / 2);
}

/*
 * The program ended by itself (well or badly), the checker ran and found the world in order, the counters
 * agree with each other, no transfer failed, the file system is clean.
 */
static void check_sane(const struct guest *guest, const struct run *run) {
    ck_assert_msg(run->status < STATUS_PANIC, "status %d of the runner; see %s", run->status, directory);
    ck_assert_int_ge(counter(run, "vm_checks"), 1);
    check_identities(run);
    if (!guest->broken_disk)
        ck_assert_int_eq(counter(run, "blk_errors"), 0);
    ck_assert_int_eq(counter(run, "fsck"), 0);
}

/* --- runs ---------------------------------------------------------------------------------------- */

struct run guest_run(const struct guest *guest, const char *const *command) {
    struct arguments a = {.count = 0};
    char output[256], errors[256];
    snprintf(output, sizeof(output), "%s", test_path("out"));
    snprintf(errors, sizeof(errors), "%s", test_path("err"));
    add_options(&a, guest);
    add(&a, "--");
    for (; *command != NULL; command++)
        add(&a, *command);

    unlink(test_path("stats"));
    struct process runner = {.command = a.list, .output = output, .errors = errors};
    if (guest->input != NULL) {
        runner.input = test_path("input");
        write_file(runner.input, guest->input, strlen(guest->input));
    }
    struct run run = {.status = run_process(&runner)};
    if (run.status >= STATUS_PANIC) {
        fprintf(stderr, "%s", read_file(errors, NULL)); /* the kernel's last words */
        fflush(stderr);
    }
    json_error_t error;
    run.stats = json_load_file(test_path("stats"), 0, &error);
    ck_assert_msg(run.stats != NULL, "status %d, no counters: %s; see %s", run.status, error.text, directory);
    run.output = read_file(output, &run.length);
    run.log = read_file(test_path("log"), NULL);
    check_sane(guest, &run);
    for (unsigned i = 0; i < a.count; i++)
        free((char *)a.list[i]);
    return run;
}

/* The line of @text at byte @at, for a message. */
static const char *line_at(const char *text, size_t at, char *buffer, size_t room) {
    while (at > 0 && text[at - 1] != '\n')
        at--;
    snprintf(buffer, room, "%.*s", (int)strcspn(text + at, "\n"), text + at);
    return buffer;
}

void check_same(const struct run *run, const struct run *host) {
    char found[200], wanted[200];
    size_t same = 0;
    while (same < run->length && same < host->length && run->output[same] == host->output[same])
        same++;
    ck_assert_msg(same == run->length && same == host->length,
                  "output differs at byte %zu:\n  guest: %s\n  host:  %s", same,
                  line_at(run->output, same, found, sizeof(found)),
                  line_at(host->output, same, wanted, sizeof(wanted)));
    ck_assert_int_eq(run->status, host->status);
}

struct run guest_like_host(const struct guest *guest, const char *const *command) {
    struct run host = host_run(command);
    struct run run = guest_run(guest, command);
    check_same(&run, &host);
    free(host.output);
    free(host.log);
    return run;
}

/* --- test cases and their weights ---------------------------------------------------------------- */

enum { CASES_MAX = 64 };

static struct {
    const char *name;
    unsigned weight;
} cases[CASES_MAX];
static unsigned case_count;

TCase *guest_case(Suite *suite, const char *name, unsigned weight) {
    if (case_count == CASES_MAX)
        abort(); /* ck_assert is for running tests */
    cases[case_count].name = name;
    cases[case_count++].weight = weight;
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, recording() ? RECORDED_SECONDS : TEST_SECONDS);
    tcase_add_checked_fixture(tcase, make_directory, remove_directory);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int guest_main(Suite *suite, int argc, char **argv) {
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    SRunner *runner = srunner_create(suite); /* and to free the suite */
    if (!list)
        srunner_run_all(runner, CK_ENV);
    for (unsigned i = 0; list && i < case_count; i++)
        printf("%s %u\n", cases[i].name, cases[i].weight);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
