/* Replacement: the textbook's faults by the processor, guest and simulator fault for fault, every policy under load. */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILBERSCHATZ "7,0,1,2,0,3,0,4,2,3,0,3,2,1,2,0,1,7,0,1"
#define BELADY       "1,2,3,4,1,2,5,1,2,3,4,5"

static const char *const policies[] = {"eeclock", "clock", "clockpro", "fifo", "second", "nru",
                                       "aging",   "lru",   "wsclock",  "mru",  "random"};

/* --- the textbook -------------------------------------------------------------------------------- */

static const struct {
    const char *policy, *string;
    int frames, faults, references;
} textbook[] = {
    {"fifo", SILBERSCHATZ, 3, 15, 20},  {"lru", SILBERSCHATZ, 3, 12, 20},    {"opt", SILBERSCHATZ, 3, 9, 20},
    {"clock", SILBERSCHATZ, 3, 14, 20}, {"second", SILBERSCHATZ, 3, 14, 20}, {"fifo", BELADY, 3, 9, 12},
    {"fifo", BELADY, 4, 10, 12},        {"lru", BELADY, 3, 10, 12},          {"lru", BELADY, 4, 8, 12},
    {"opt", BELADY, 3, 7, 12},          {"opt", BELADY, 4, 6, 12},           {"clock", BELADY, 3, 9, 12},
    {"clock", BELADY, 4, 10, 12},       {"second", BELADY, 3, 9, 12},        {"second", BELADY, 4, 10, 12},
};

/* All in one guest; the reference mode's sets are checked like any other. */
START_TEST(textbook_faults_from_real_faults) {
    char script[4096] = "", expected[200];
    for (size_t i = 0; i < LENGTH(textbook); i++)
        snprintf(script + strlen(script), sizeof(script) - strlen(script), "refstring -p %s -n %d %s; ",
                 textbook[i].policy, textbook[i].frames, textbook[i].string);
    struct run run = guest_run(&(struct guest){.check = 2}, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    const char *line = run.output;
    for (size_t i = 0; i < LENGTH(textbook); i++) {
        snprintf(expected, sizeof(expected), "%s %d frames: %d faults of %d references,", textbook[i].policy,
                 textbook[i].frames, textbook[i].faults, textbook[i].references);
        ck_assert_msg(strncmp(line, expected, strlen(expected)) == 0, "expected \"%s\" at \"%.60s\"",
                      expected, line);
        line = strchr(line, '\n') + 1;
    }
}
END_TEST

/* --- guest and simulator ------------------------------------------------------------------------- */

/* What a command of this machine prints. */
static char *output_of(const char *command) {
    static char output[65536];
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t length = fread(output, 1, sizeof(output) - 1, pipe);
    output[length] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
    return output;
}

/* Page for page, fault for fault, and as many page-outs: every policy, one after the other in one guest. */
static void same_faults(const char *words, int frames) {
    char script[2048] = "", command[400], guest_file[300];
    snprintf(guest_file, sizeof(guest_file), "--add=%s:/tmp/string", test_path("string"));
    for (size_t i = 0; i < LENGTH(policies); i++)
        snprintf(script + strlen(script), sizeof(script) - strlen(script),
                 "refstring -s -p %s -n %d -f /tmp/string; ", policies[i], frames);
    snprintf(script + strlen(script), sizeof(script) - strlen(script),
             "refstring -s -p opt -n %d -f /tmp/string", frames);
    struct guest machine = {.check = 50, .append = words, .options = {guest_file}};
    struct run run = guest_run(&machine, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    const char *guest = run.output;
    for (size_t i = 0; i <= LENGTH(policies); i++) {
        const char *policy = i < LENGTH(policies) ? policies[i] : "opt";
        snprintf(command, sizeof(command),
                 "build/pagesim --zero-fill --file %s --steps --policy %s --frames %d", test_path("string"),
                 policy, frames);
        const char *simulator = output_of(command);
        ck_assert_msg(strncmp(guest, simulator, strlen(simulator)) == 0,
                      "%s: the guest said\n%.900s\nthe simulator\n%s", policy, guest, simulator);
        guest += strlen(simulator);
    }
}

static void same_faults_on(const char *pattern, const char *words, int frames) {
    char command[400];
    snprintf(command, sizeof(command), "build/pagesim --pattern %s --dump", pattern);
    char *string = output_of(command);
    write_file(test_path("string"), string, strlen(string));
    same_faults(words, frames);
}

START_TEST(guest_and_simulator_agree) {
    same_faults_on("zipf:40,400", "policy=fifo", 12);
    same_faults_on("loop:24,12", "scope=local quota=100", 16);
}
END_TEST

/* The string of a program, recorded in the guest: its first references, in as many frames as half of its pages. */
START_TEST(they_agree_on_a_recorded_string) {
    struct run run = guest_run(&(struct guest){.mem = "64M"},
                               SHELL("reftrace -l 900 /tmp/log echo hello && cat /tmp/log"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(strncmp(run.output, "hello\n", 6), 0);
    write_file(test_path("string"), run.output + 6, run.length - 6);
    same_faults("scope=local quota=pff", 20);
}
END_TEST

/* --- a whole program, recorded ------------------------------------------------------------------- */

START_TEST(a_program_is_recorded) {
    struct guest machine = {.mem = "64M", .check = 50};
    struct run run = guest_run(&machine, SHELL("reftrace /tmp/log listwalk 256K && cat /tmp/log"));
    struct run plain = host_run(COMMAND("listwalk", "256K"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strncmp(run.output, plain.output, plain.length) == 0, "it printed \"%.80s\"", run.output);
    write_file(test_path("recorded"), run.output + plain.length, run.length - plain.length);
    char command[300];
    snprintf(command, sizeof(command), "build/pagesim --file %s --frames 40 --policy lru,opt,fifo",
             test_path("recorded"));
    ck_assert_ptr_nonnull(strstr(output_of(command), "opt"));
}
END_TEST

/*
 * One page mapped at a time: less than most instructions need, let alone those that lie across two pages and move
 * something across two others, system calls that copy, signal frames, and threads. Each gets to its end.
 */
START_TEST(one_page_is_enough_for_any_instruction) {
    static const char traced[] = "reftrace -w 1 /tmp/log restart && reftrace -w 1 /tmp/log sigtest && "
                                 "reftrace -w 1 /tmp/log threads 3 64K 1 && reftrace -w 1 /tmp/log efault";
    struct run run = guest_run(&(struct guest){.mem = "64M", .check = 20}, SHELL(traced));
    struct run plain = host_run(SHELL("restart && sigtest && threads 3 64K 1 && efault"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.output, plain.output);
    ck_assert_int_ge(counter(&run, "pgfault"), 20000);
}
END_TEST

/* --- paging units: the program's string, folded, has the guest's faults --------------------------- */

/* The reference string @log with pages taken together by @unit, in a file. */
static void fold(const char *log, unsigned unit, const char *to) {
    size_t room = strlen(log) + 1, used = 0;
    char *folded = malloc(room), *end;
    ck_assert_ptr_nonnull(folded);
    for (const char *at = log; *at != '\0'; at = *end == 'w' ? end + 1 : end) {
        at += strcspn(at, "#0123456789");
        if (*at == '#') {
            end = strchr(at, '\n');
            continue;
        }
        unsigned long page = strtoul(at, &end, 10);
        if (end == at)
            break;
        used += (size_t)snprintf(folded + used, room - used, "%lu%s ", page / unit, *end == 'w' ? "w" : "");
    }
    write_file(to, folded, used);
    free(folded);
}

/* The number behind @word in @text. */
static long after(const char *text, const char *word) {
    const char *at = strstr(text, word);
    ck_assert_msg(at != NULL, "no \"%s\" in \"%s\"", word, text);
    return strtol(at + strlen(word), NULL, 10);
}

START_TEST(units_fault_as_simulated) {
    static const int units[] = {1, 4, 8};
    struct guest recorder = {.mem = "64M", .append = "clean=off"};
    struct run recorded =
        guest_run(&recorder, SHELL("reftrace -l 200000 /tmp/log seqsweep 1M 3 >/tmp/out && cat /tmp/log"));
    ck_assert_int_eq(recorded.status, 0);
    for (size_t i = 0; i < LENGTH(units); i++) {
        char words[80], command[300];
        snprintf(words, sizeof(words), "policy=clock readahead=0 around=1 clean=off unit=%d", units[i]);
        struct guest machine = {.mem = "64M", .frames = 256, .check = 20, .append = words};
        struct run run = guest_run(&machine, COMMAND("footprint", "seqsweep", "1M", "3"));
        ck_assert_int_eq(run.status, 0);
        long faults = after(run.output, " zero ") + after(run.output, " swap ") +
                      after(run.output, " file ") + after(run.output, " copy ");
        ck_assert_int_ge(counter(&run, "pswpin"), 200);
        fold(recorded.output, (unsigned)units[i], test_path("folded"));
        long frames = after(strstr(run.output, " bad "), "footprint: ") / 4 / units[i]; /* all it ever had */
        snprintf(command, sizeof(command), "build/pagesim --file %s --policy clock --frames %ld",
                 test_path("folded"), frames);
        long simulated = after(output_of(command), "\nclock");
        ck_assert_msg(labs(faults - simulated) * 10 <= simulated, "unit=%d: %ld faults, simulated %ld",
                      units[i], faults, simulated);
    }
}
END_TEST

/* --- every policy under load --------------------------------------------------------------------- */

START_TEST(every_policy_pages) {
    char words[40];
    snprintf(words, sizeof(words), "policy=%s", policies[_i]);
    struct guest machine = {.mem = "24M", .frames = 400, .check = 20, .append = words};
    struct run run = guest_like_host(&machine, COMMAND("quicksort", "3M"));
    ck_assert_int_ge(counter(&run, "pswpin"), 400);
    run = guest_like_host(&machine, COMMAND("forkload", "4", "1M", "2"));
    ck_assert_int_eq(run.status, 0);
}
END_TEST

/* Each policy takes over from each of two others, while programs page. */
START_TEST(policies_change_while_programs_page) {
    char script[2048] = "seqsweep 2M 6 >1 & quicksort 2M >2 & randtouch 2M 4000 >3 & ";
    for (size_t i = 0; i < 2 * LENGTH(policies); i++)
        snprintf(script + strlen(script), sizeof(script) - strlen(script),
                 "echo %s >/proc/sys/vm/policy; seqsweep 256K 1 >4; ", policies[i * 7 % LENGTH(policies)]);
    strcat(script, "wait; cat 1 2 3");
    struct guest machine = {.mem = "24M", .frames = 500, .check = 10};
    struct run run = guest_run(&machine, SHELL(script));
    struct run host =
        host_run(SHELL("seqsweep 2M 6 >1 & quicksort 2M >2 & randtouch 2M 4000 >3 & wait; cat 1 2 3"));
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.output, host.output);
    ck_assert_int_ge(counter(&run, "pswpin"), 300);
}
END_TEST

START_TEST(what_is_no_policy_is_refused) {
    struct run run = guest_run(&(struct guest){0},
                               SHELL("echo opt >/proc/sys/vm/policy || echo refused; "
                                     "echo nonsense >/proc/sys/vm/policy || echo refused; "
                                     "cat /proc/sys/vm/policy; refstring -n 9999 1 2>/dev/null || echo no; "
                                     "refstring -p nonsense 1"));
    ck_assert_int_eq(run.status, 1);
    ck_assert_str_eq(run.output,
                     "echo: write error: Invalid argument\nrefused\n"
                     "echo: write error: Invalid argument\nrefused\n"
                     "[eeclock] clock clockpro fifo second nru aging lru wsclock mru random \nno\n"
                     "refstring: no policy is called \"nonsense\": there are eeclock, clock, clockpro, fifo, "
                     "second, nru, aging, lru, wsclock, mru, random, opt\n");
}
END_TEST

/* --- local replacement --------------------------------------------------------------------------- */

static const char *const scopes[] = {"scope=local", "scope=local quota=proportional policy=clockpro",
                                     "scope=local quota=pff policy=lru", "scope=local quota=100 policy=mru"};

START_TEST(processes_replace_within_their_own) {
    static const char script[] =
        "seqsweep 2M 3 >1 & randtouch 2M 4000 >2 & matmul 128 >3 & quicksort 2M >4 & "
        "forkload 3 1M 2 >5 & wait; cat 1 2 3 4 5";
    struct guest machine = {.mem = "24M", .frames = 500, .check = 10, .append = scopes[_i]};
    struct run run = guest_like_host(&machine, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ge(counter(&run, "pswpin"), 2000);
}
END_TEST

/* A quota of 100 pages means what it says: a program that goes through 80 again and again does not fault. */
START_TEST(a_quota_holds) {
    struct guest machine = {.check = 10, .append = "scope=local quota=150 readahead=0 policy=clock"};
    struct run fits = guest_run(&machine, COMMAND("seqsweep", "256K", "20"));
    struct run exceeds = guest_run(&machine, COMMAND("seqsweep", "1M", "20"));
    ck_assert_int_le(counter(&fits, "fault_reclaim") + counter(&fits, "pswpin"), 400);
    ck_assert_int_ge(counter(&exceeds, "fault_reclaim") + counter(&exceeds, "pswpin"), 19 * 200);
}
END_TEST

/* "… local N of M frames" at or after *@text, which moves behind it: N, and M in *@quota. */
static long resident_of(const char **text, long *quota) {
    const char *at = strstr(*text, " local ");
    char *end;
    ck_assert_msg(at != NULL, "no set in \"%s\"", *text);
    long resident = strtol(at + strlen(" local "), &end, 10);
    ck_assert_int_eq(strncmp(end, " of ", 4), 0);
    *quota = strtol(end + 4, &end, 10);
    *text = end;
    return resident;
}

/* Looked at while it runs, with read-ahead, pages mapped around, and copies of what it forks: never one too many. */
START_TEST(nobody_has_more_than_his_quota) {
    char script[1024] =
        "forkload 2 1M 8 >/dev/null & a=$!; seqsweep 1M 60 >/dev/null & b=$!; vmstat -w pswpin 300; ";
    for (int look = 0; look < 8; look++)
        strcat(script, "sleep 0.1; cat /proc/$a/policy /proc/$b/policy; ");
    strcat(script, "wait");
    struct guest machine = {.mem = "24M", .frames = 600, .check = 10, .append = "scope=local quota=100"};
    struct run run = guest_run(&machine, SHELL(script));
    const char *text = run.output;
    long most = 0;
    for (int look = 0; look < 2; look++) {
        long quota, resident = resident_of(&text, &quota);
        ck_assert_int_eq(quota, 100);
        most = resident > most ? resident : most;
    }
    while (strstr(text, " local ") != NULL) {
        long quota, resident = resident_of(&text, &quota);
        most = resident > most ? resident : most;
    }
    ck_assert_msg(most > 80 && most <= 100, "one had %ld frames", most);
    ck_assert_int_ge(counter(&run, "pswpin"), 2000);
}
END_TEST

/* Two programs, by page-fault frequency, for so many seconds: what the busy one had first, and both at the end. */
static void divide_by_faults(int seconds, long *first, long *busy, long *quiet) {
    char script[400];
    snprintf(script, sizeof(script),
             "echo pff >/proc/sys/vm/quota; seqsweep 1536K 100000 >/dev/null & a=$!; "
             "seqsweep 16K 1000000 >/dev/null & b=$!; cat /proc/$a/policy; sleep %d; "
             "cat /proc/$a/policy /proc/$b/policy; kill $a $b; wait",
             seconds);
    struct guest machine = {.mem = "24M", .frames = 700, .check = 10, .append = "scope=local policy=lru"};
    struct run run = guest_run(&machine, SHELL(script));
    const char *text = run.output;
    resident_of(&text, first);
    resident_of(&text, busy);
    resident_of(&text, quiet);
}

/* Who goes through much gets more than who goes through little: in the end, however slow the machine. */
START_TEST(faults_get_frames) {
    long first = 0, busy = 0, quiet = 0;
    for (int seconds = 3; seconds <= 27 && (busy <= first || busy <= 2 * quiet); seconds *= 3)
        divide_by_faults(seconds, &first, &busy, &quiet);
    ck_assert_msg(busy > first && busy > 2 * quiet, "from %ld to %ld frames, the other has %ld", first, busy,
                  quiet);
}
END_TEST

START_TEST(the_scope_changes_while_programs_page) {
    static const char run_all[] =
        "seqsweep 1M 20 >1 & quicksort 2M >2 & randtouch 1M 8000 >3 & forkload 2 1M 3 >4 & ";
    static const char change[] =
        "cat /proc/sys/vm/scope; echo local >/proc/sys/vm/scope; sleep 0.1; "
        "echo pff >/proc/sys/vm/quota; cat /proc/sys/vm/scope /proc/sys/vm/quota; sleep 0.1; "
        "echo global >/proc/sys/vm/scope; sleep 0.1; echo 64 >/proc/sys/vm/quota; "
        "echo local >/proc/sys/vm/scope; cat /proc/sys/vm/quota; "
        "echo 15 >/proc/sys/vm/quota || echo refused; echo each >/proc/sys/vm/scope || echo "
        "refused; ";
    char script[1024];
    struct run host = host_run(SHELL("seqsweep 1M 20; quicksort 2M; randtouch 1M 8000; forkload 2 1M 3"));
    snprintf(script, sizeof(script), "%s%swait; cat 1 2 3 4", run_all, change);
    struct guest machine = {.mem = "24M", .frames = 500, .check = 5};
    struct run run = guest_run(&machine, SHELL(script));
    static const char told[] = "[global] local\nglobal [local]\npff\n64\n"
                               "echo: write error: Invalid argument\nrefused\n"
                               "echo: write error: Invalid argument\nrefused\n";
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strncmp(run.output, told, strlen(told)) == 0, "it said \"%.200s\"", run.output);
    ck_assert_str_eq(run.output + strlen(told), host.output);
    ck_assert_int_ge(counter(&run, "pswpin"), 1000);
}
END_TEST

START_TEST(processes_with_policies_of_their_own) {
    static const char script[] = "sh -c 'echo mru >/proc/$$/policy; cat /proc/$$/policy; echo lru "
                                 ">/proc/$$/policy; cat /proc/$$/policy' | "
                                 "cat >1; cat /proc/self/policy; cat 1";
    struct run run = guest_run(&(struct guest){.check = 5}, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, "eeclock global"));
    ck_assert_ptr_nonnull(strstr(run.output, "mru local"));
    ck_assert_ptr_nonnull(strstr(run.output, "lru local"));
}
END_TEST

/* Each of them at once, by a policy of its own, which goes with it through exec and fork; a fourth by everybody's. */
START_TEST(different_policies_at_once) {
    static const char script[] = "sh -c 'echo mru >/proc/$$/policy; seqsweep 1M 10' >1 & "
                                 "sh -c 'echo lru >/proc/$$/policy; quicksort 2M' >2 & "
                                 "sh -c 'echo random >/proc/$$/policy; forkload 2 1M 2' >3 & "
                                 "randtouch 1M 4000 >4 & "
                                 "sh -c 'echo mru >/proc/$$/policy; cat /proc/self/policy'; "
                                 "wait; cat 1 2 3 4";
    struct guest machine = {.mem = "24M", .frames = 600, .check = 10};
    struct run host = host_run(SHELL("seqsweep 1M 10; quicksort 2M; forkload 2 1M 2; randtouch 1M 4000"));
    struct run run = guest_run(&machine, SHELL(script));
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.output, "mru local "));
    const char *results = strstr(run.output, "seqsweep:");
    ck_assert_ptr_nonnull(results);
    ck_assert_str_eq(results, host.output);
    ck_assert_int_ge(counter(&run, "pswpin"), 1000);
}
END_TEST

void add_replacement_cases(Suite *suite) {
    TCase *strings = guest_case(suite, "reference-strings", 15);
    tcase_add_test(strings, textbook_faults_from_real_faults);
    tcase_add_test(strings, guest_and_simulator_agree);
    tcase_add_test(strings, they_agree_on_a_recorded_string);
    tcase_add_test(strings, a_program_is_recorded);
    tcase_add_test(strings, one_page_is_enough_for_any_instruction);
    tcase_add_test(strings, units_fault_as_simulated);
    TCase *local = guest_case(suite, "local-replacement", 25);
    tcase_add_loop_test(local, processes_replace_within_their_own, 0, LENGTH(scopes));
    tcase_add_test(local, a_quota_holds);
    tcase_add_test(local, nobody_has_more_than_his_quota);
    tcase_add_test(local, faults_get_frames);
    tcase_add_test(local, the_scope_changes_while_programs_page);
    tcase_add_test(local, processes_with_policies_of_their_own);
    tcase_add_test(local, different_policies_at_once);
    TCase *loads = guest_case(suite, "policies", 40);
    tcase_add_loop_test(loads, every_policy_pages, 0, LENGTH(policies));
    tcase_add_test(loads, policies_change_while_programs_page);
    tcase_add_test(loads, what_is_no_policy_is_refused);
}
