/* build/trace: what `tools/guest --trace` has written, as text, in sum, for Perfetto, checked, as a picture. */
#include "tools/trace/trace.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_USAGE = 64 };

static const char usage[] =
    "usage: build/trace COMMAND [options] FILE\n"
    "\n"
    "  text        a line for each event: milliseconds since boot, the thread that ran, the event\n"
    "  summary     latencies of each kind of fault, pages with most faults, top victims, re-fault distances\n"
    "  perfetto    trace-event JSON on stdout, for ui.perfetto.dev\n"
    "  check       whether the events agree with each other; --stats FILE: and with the guest's counters\n"
    "  html        one page that plays the run, on stdout; --title TEXT\n"
    "\n"
    "options of text and summary: only events …\n"
    "  --process PID|NAME    of this process\n"
    "  --kind NAME,…         of these kinds or groups (fault, page, swap, disk, thread, daemon)\n"
    "  --frame N[-M]         of these frames\n"
    "  --address A[-B]       at these addresses\n"
    "  --from MS, --to MS    in this time since boot, milliseconds\n"
    "\n"
    "exit status: 0; 1: check found that they do not agree, or the file cannot be read; 2: check cannot "
    "tell, as\n"
    "events were lost; 64: wrong usage\n";

static int complain(const char *what, const char *word) {
    fprintf(stderr, "trace: %s%s%s\n%s", what, word ? ": " : "", word ? word : "", usage);
    return STATUS_USAGE;
}

/* "A" or "A-B", decimal or 0x… */
static bool parse_range(const char *text, uint32_t *first, uint32_t *last) {
    char *end;

    *first = *last = (uint32_t)strtoul(text, &end, 0);
    if (end != text && *end == '-') {
        text = end + 1;
        *last = (uint32_t)strtoul(text, &end, 0);
    }
    return end != text && *end == '\0' && *first <= *last;
}

static bool parse_time(const char *text, uint64_t *time) {
    char *end;
    double milliseconds = strtod(text, &end);

    *time = milliseconds < 0 ? 0 : (uint64_t)(milliseconds * 1e6);
    return end != text && *end == '\0';
}

static bool is_kind(const struct file *file, const char *name, size_t length) {
    static const char *const groups[] = {
#define X(id, text) text,
        TRACE_GROUPS(X)
#undef X
    };

    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++)
        if (strlen(groups[i]) == length && strncmp(groups[i], name, length) == 0)
            return true;
    for (unsigned i = 0; i < file->kind_count; i++)
        if (strlen(file->kinds[i].name) == length && strncmp(file->kinds[i].name, name, length) == 0)
            return true;
    return false;
}

static bool are_kinds(const struct file *file, const char *names) {
    for (const char *at = names; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!is_kind(file, at, strcspn(at, ",")))
            return false;
    return true;
}

struct options {
    struct filter filter;
    const char *stats, *title;
};

static const struct option option_table[] = {
    {"process", required_argument, NULL, 'p'}, {"kind", required_argument, NULL, 'k'},
    {"frame", required_argument, NULL, 'f'},   {"address", required_argument, NULL, 'a'},
    {"from", required_argument, NULL, 'b'},    {"to", required_argument, NULL, 'e'},
    {"stats", required_argument, NULL, 's'},   {"title", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};

/* 0, STATUS_USAGE, or -1: help has been given. */
static int parse_options(int argc, char **argv, struct options *options) {
    struct filter *filter = &options->filter;
    bool good = true;

    for (int c; good && (c = getopt_long(argc, argv, "", option_table, NULL)) != -1;) {
        if (c == 'h')
            return fputs(usage, stdout) < 0 ? 1 : -1;
        if (c == '?')
            return STATUS_USAGE;
        if (c == 'p')
            filter->process = optarg;
        if (c == 'k')
            filter->kinds = optarg;
        if (c == 's')
            options->stats = optarg;
        if (c == 't')
            options->title = optarg;
        if (c == 'f')
            good = parse_range(optarg, &filter->frame_first, &filter->frame_last);
        if (c == 'a')
            good = parse_range(optarg, &filter->address_first, &filter->address_last);
        if (c == 'b' || c == 'e')
            good = parse_time(optarg, c == 'b' ? &filter->from : &filter->to);
    }
    return good ? 0 : complain("not a number or a range", optarg);
}

static int run(const char *command, const struct file *file, const struct options *options) {
    if (options->filter.kinds != NULL && !are_kinds(file, options->filter.kinds))
        return complain("no such kind of events", options->filter.kinds);
    if (strcmp(command, "text") == 0)
        return command_text(file, &options->filter);
    if (strcmp(command, "summary") == 0)
        return command_summary(file, &options->filter);
    if (strcmp(command, "perfetto") == 0)
        return command_perfetto(file);
    if (strcmp(command, "check") == 0)
        return command_check(file, options->stats);
    if (strcmp(command, "html") == 0)
        return command_html(file, options->title);
    return complain("no such command", command);
}

int main(int argc, char **argv) {
    static struct file file;
    struct options options = {
        .filter = {.frame_last = UINT32_MAX, .address_last = UINT32_MAX, .to = UINT64_MAX},
        .title = "Faultline: a run"};
    int status = parse_options(argc, argv, &options);

    if (status != 0)
        return status < 0 ? 0 : status;
    if (argc - optind != 2)
        return complain("a command and a file are wanted", NULL);
    if (!file_read(&file, argv[optind + 1]))
        return 1;
    status = run(argv[optind], &file, &options);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "trace: the output cannot be written\n");
        return 1;
    }
    return status;
}
