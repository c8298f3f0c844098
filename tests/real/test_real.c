/*
 * Shells, an interpreter, compressors, databases: output and exit status byte for byte as on this machine,
 * with plenty of memory and with a quarter of what the program has resident here. With a quarter, the
 * counters must prove that it paged. Database files are looked at on this machine afterwards.
 */
#include "tests/real/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_KIB = 4,
    PAGE_INS = 300,
};

struct real {
    const char *name; /* a file of REAL_PROGRAMS, and the command */
    const char *arguments[6];
    const char *file; /* left behind by it, a database; or NULL */
};

/* --- running ------------------------------------------------------------------------------------- */

/* "@x" stands for tests/real/scripts/x, which has the same path in the guest. */
static const char *expand(const char *argument) {
    static char paths[4][300];
    static unsigned turn;
    if (argument == NULL || argument[0] != '@')
        return argument;
    char *path = paths[turn++ % 4], *directory = realpath("tests/real/scripts", NULL);
    ck_assert_ptr_nonnull(directory);
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, argument + 1);
    free(directory);
    return path;
}

/*
 * Frames that hold a quarter of what the program, or the largest process of it, has resident here: all that programs
 * and files get in the guest. The kernel's own memory comes on top. It is a small program that measures, because a
 * process that is forked off this one begins with all that this one has.
 */
static unsigned quarter_of_resident(const char *const *command) {
    const char *measured[10] = {"footprint"};
    for (unsigned i = 0; command[i] != NULL; i++)
        measured[i + 1] = command[i];
    struct run run = host_run(measured);
    const char *last = NULL, *next = run.output;
    while ((next = strstr(next, "footprint: ")) != NULL)
        last = next++;
    unsigned kib = 0;
    ck_assert_msg(last != NULL && sscanf(last, "footprint: %u KiB resident", &kib) == 1, "%s", run.output);
    free(run.output);
    return kib / PAGE_KIB / 4;
}

static struct guest machine_for(const struct real *real, unsigned frames) {
    static char program[200], scripts[700], disk[300];
    char *directory = realpath("tests/real/scripts", NULL);
    snprintf(program, sizeof(program), "--add=%s/%s:/bin/%s", REAL_PROGRAMS, real->name, real->name);
    snprintf(scripts, sizeof(scripts), "--add=%s:%s", directory, directory);
    snprintf(disk, sizeof(disk), "--disk=%s", test_path(frames == 0 ? "roomy.img" : "tight.img"));
    free(directory);
    return (struct guest){.mem = "128M",
                          .frames = frames,
                          .check = frames == 0 ? 0 : 100,
                          .options = {program, scripts, disk, "--timeout=380"}};
}

void fetch_from_disk(const char *disk, const char *guest_path, const char *to) {
    char request[600], device[300];
    snprintf(device, sizeof(device), "%s%s", disk, ROOT_PARTITION);
    snprintf(request, sizeof(request), "dump %s %s", guest_path, to);
    ck_assert_int_eq(host_tool(COMMAND("debugfs", "-R", request, device)), 0);
}

/* What a checking command says on this machine about the file left in @place. */
static char *checked(const struct real *real, const char *place) {
    const char *queries = expand("@check.sql");
    int status = strcmp(real->name, "sqlite") == 0
                     ? host_tool(COMMAND("sqlite", place, queries))
                     : host_tool(COMMAND("lmdb", "check", place, real->arguments[2]));
    char *said = read_file(test_path("tool.out"), NULL);
    ck_assert_msg(status == 0, "%s", said);
    return said;
}

/* The database that the guest has left, against the one left here by the same program. */
static void check_file(const struct real *real, const char *disk) {
    char copied[400], here[300], path[300], *expected, *found;
    snprintf(path, sizeof(path), "/%s", real->file);
    if (strcmp(real->name, "lmdb") == 0) { /* a directory with the data in it */
        char directory[300];
        snprintf(directory, sizeof(directory), "%s", test_path("fetched"));
        ck_assert_int_eq(host_tool(COMMAND("mkdir", "-p", directory)), 0);
        snprintf(copied, sizeof(copied), "%s/data.mdb", directory);
        fetch_from_disk(test_path(disk), path, copied);
        snprintf(copied, sizeof(copied), "%s", directory);
        snprintf(here, sizeof(here), "%s", host_path(real->arguments[1]));
    } else {
        snprintf(copied, sizeof(copied), "%s", test_path("fetched"));
        fetch_from_disk(test_path(disk), path, copied);
        snprintf(here, sizeof(here), "%s", host_path(real->file));
    }
    expected = checked(real, here);
    found = checked(real, copied);
    ck_assert_str_eq(found, expected);
    free(expected);
    free(found);
}

/* Runs it here, then with plenty, then with a quarter. */
static void run_real(const struct real *real) {
    const char *command[8] = {real->name};
    for (unsigned i = 0; i < LENGTH(real->arguments); i++)
        command[i + 1] = expand(real->arguments[i]);
    unsigned frames = quarter_of_resident(command);
    struct run host = host_run(command);

    for (unsigned tight = 0; tight < 2; tight++) {
        struct guest machine = machine_for(real, tight ? frames : 0);
        struct run run = guest_run(&machine, command);
        ck_assert_str_eq(run.output, host.output);
        ck_assert_int_eq(run.status, host.status);
        long long page_ins = counter(&run, "pswpin") + counter(&run, "pgfilein");
        printf("%s %s: %u frames, %lld page-ins, %lld faults\n", real->name, real->arguments[0],
               tight ? frames : (unsigned)counter(&run, "nr_pageable"), page_ins, counter(&run, "pgfault"));
        fflush(stdout);
        if (tight)
            ck_assert_int_ge(page_ins, PAGE_INS);
        else
            ck_assert_int_eq(counter(&run, "pswpin"), 0);
        if (real->file != NULL)
            check_file(real, tight ? "tight.img" : "roomy.img");
        remove(test_path(tight ? "tight.img" : "roomy.img"));
    }
}

/* --- the programs -------------------------------------------------------------------------------- */

static const struct real shells[] = {
    {"busybox", {"sh", "@busybox.sh"}, NULL},
    {"bash", {"@bash.sh"}, NULL},
};

static const struct real interpreters[] = {
    {"lua", {"@tables.lua", "40000"}, NULL},
};

static const struct real compressors[] = {
    {"codec", {"zlib", "6000000"}, NULL}, {"codec", {"lz4", "6000000"}, NULL},
    {"codec", {"zstd", "6000000"}, NULL}, {"codec", {"bzip2", "3000000"}, NULL},
    {"codec", {"xz", "3000000"}, NULL},
};

static const struct real databases[] = {
    {"sqlite", {":memory:", "@queries.sql"}, NULL},
    {"sqlite", {"items.db", "@queries.sql"}, "items.db"},
    {"lmdb", {"fill", "plain", "8000"}, "plain/data.mdb"},
    {"lmdb", {"fill-mapped", "mapped", "8000"}, "mapped/data.mdb"},
};

START_TEST(shell) {
    run_real(&shells[_i]);
}
END_TEST

START_TEST(interpreter) {
    run_real(&interpreters[_i]);
}
END_TEST

START_TEST(compressor) {
    run_real(&compressors[_i]);
}
END_TEST

START_TEST(database) {
    run_real(&databases[_i]);
}
END_TEST

static TCase *real_case(Suite *suite, const char *name, unsigned weight) {
    TCase *tcase = guest_case(suite, name, weight);
    tcase_set_timeout(tcase, REAL_SECONDS);
    return tcase;
}

void add_real_cases(Suite *suite) {
    tcase_add_loop_test(real_case(suite, "real-shells", 60), shell, 0, LENGTH(shells));
    tcase_add_loop_test(real_case(suite, "real-interpreters", 30), interpreter, 0, LENGTH(interpreters));
    tcase_add_loop_test(real_case(suite, "real-compressors", 80), compressor, 0, LENGTH(compressors));
    tcase_add_loop_test(real_case(suite, "real-databases", 60), database, 0, LENGTH(databases));
}
