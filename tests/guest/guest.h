/*
 * Guest tests: a Check program that boots guests through tools/guest and looks at how they ended.
 *
 * What a test looks at: the exit status as the runner tells it, the program's output byte for byte against
 * that of the same binary on this machine, and the kernel's counters. Never log lines' wording, never wall
 * time. Every run is checked for what must hold in all of them (guest_check_sane), whatever else the test
 * wants to know.
 *
 * Run from the root of the checkout. Each test has a directory of its own under build/tests; a test that
 * fails leaves it behind with output, log and counters of its last run.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What tools/guest exits with when the program did not end by itself. */
enum { STATUS_SIGNAL = 128, STATUS_PANIC = 250, STATUS_HANG = 251, STATUS_TROUBLE = 252 };

#define COMMAND(...)     ((const char *const[]){__VA_ARGS__, NULL})
#define NO_COMMAND       ((const char *const[]){NULL})
#define SHELL(script)    COMMAND("sh", "-c", script)
#define TEST_SECONDS     1600 /* of one test; each of its guests has the runner's own limit */
#define RECORDED_SECONDS 3000 /* of one whose guests are recorded: the disk is as slow as the timer */
#define LENGTH(array)    (sizeof(array) / sizeof((array)[0]))

/* A machine. All zero: 32 MiB, all frames pageable, booted directly, DMA, checked at shutdown. */
struct guest {
    const char *mem; /* as in --mem */
    unsigned frames; /* pageable; 0: all */
    bool grub, pio;
    bool broken_disk;        /* transfers may fail */
    unsigned check;          /* boot word check=: ticks between two checks */
    const char *append;      /* more boot words */
    const char *input;       /* typed on the console; the command may then be NO_COMMAND: a shell */
    const char *options[12]; /* more options of the runner */
};

/* How one run of a command, in a guest or on this machine, ended. */
struct run {
    int status;
    char *output;
    size_t length;
    char *log;     /* the kernel's; "" of a host's run */
    json_t *stats; /* NULL of a host's run */
};

/* Runs @command in a guest; whatever its outcome, checks what must hold in every run. */
struct run guest_run(const struct guest *guest, const char *const *command);

/* Runs @command on this machine, with the guest's programs first in PATH, in an empty directory. */
struct run host_run(const char *const *command);

/* Both, and checks that they ended alike: status and output. Returns the guest's. */
struct run guest_like_host(const struct guest *guest, const char *const *command);

/* Both ended alike; a failure tells the first line that differs. */
void check_same(const struct run *run, const struct run *host);

/* The counter or gauge of that name; fails the test if there is none. */
long long counter(const struct run *run, const char *name);

/* @name of the test's directory, or of the directory of host_run; static storage, overwritten in turn. */
const char *test_path(const char *name);
const char *host_path(const char *name);

/* The bytes of a file, terminated; fails the test if it cannot be read. */
char *read_file(const char *path, size_t *length);
void write_file(const char *path, const char *bytes, size_t length);

/* The path of a static i386 busybox: given by BUSYBOX, or fetched; NULL where neither can be. */
const char *find_busybox(void);

/* Runs a program of this machine's: its status. What it says goes to the test's log. */
int host_tool(const char *const *command);

/*
 * A new test case, whose tests get a directory each, removed when they pass. @weight: about the seconds it
 * takes, for whoever runs several at a time.
 */
TCase *guest_case(Suite *suite, const char *name, unsigned weight);

/*
 * What main() does with its suite, and its status: `--list` prints "NAME WEIGHT" for each test case; without
 * it they run, the one of CK_RUN_CASE or all.
 */
int guest_main(Suite *suite, int argc, char **argv);

/* The themes, one a file. */
void add_load_cases(Suite *suite);
void add_trap_cases(Suite *suite);
void add_paging_cases(Suite *suite);
void add_limit_cases(Suite *suite);
void add_system_cases(Suite *suite);
void add_file_cases(Suite *suite);
void add_semantics_cases(Suite *suite);
void add_abi_cases(Suite *suite);
void add_replacement_cases(Suite *suite);
void add_loadcontrol_cases(Suite *suite);
void add_eat_cases(Suite *suite);
void add_fault_cases(Suite *suite);
void add_shared_cases(Suite *suite);
void add_swap_cases(Suite *suite);
void add_parallel_cases(Suite *suite);
void add_terminal_cases(Suite *suite);
void add_fuzz_cases(Suite *suite);
void add_trace_cases(Suite *suite);
void add_panic_cases(Suite *suite);
void add_proc_cases(Suite *suite);
void add_picture_cases(Suite *suite);

#endif
