/* pagesim: replays a reference string through the kernel's replacement policies. See --help. */
#include "tools/pagesim/sim.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES_MAX 16u
#define FRAMES_MAX   (1u << 24)

static const char usage[] =
    "usage: pagesim [options] [STRING]\n"
    "\n"
    "Replays a reference string, as 7,0,1,2,0,3w,0,4 (w: the reference writes), through the replacement\n"
    "policies of the kernel, and prints how often each faults and writes out.\n"
    "\n"
    "  --file FILE        the string from a file ('-': standard input): recorded in the guest, or numbers\n"
    "  --pattern PATTERN  a generated string:\n"
    "%s\n"
    "  --frames N         number of frames; A-B or A-B/STEP: the curve over that range (default 3)\n"
    "  --policy NAMES     of the policies, separated by commas (default: all)\n"
    "  --table            the step-by-step table, as on a blackboard\n"
    "  --steps            every reference, with F for a fault, as user/refstring prints it\n"
    "  --svg FILE         the table (with --table, one policy, one number of frames) or the curve as SVG\n"
    "  --title TEXT       of the curve\n"
    "  --dump             prints the string instead\n"
    "  --seed N           of the random policy and of random patterns (default 1)\n"
    "  --tick N           references between two ticks (default 4)\n"
    "  --zero-fill        pages are new, and in no file: the first time that one leaves it is written out\n"
    "  --tau N            references that a working set reaches back (wsclock; default 50)\n"
    "\n"
    "policies: %s, opt\n";

/* What was asked for. */
struct request {
    const struct policy *policies[POLICIES_MAX];
    unsigned policy_count;
    uint32_t low, high, step; /* frames */
    bool table, steps, dump;
    const char *svg, *title;
    struct sim_options options;
};

static uint32_t number(const char *text, const char *what) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value == 0 || value > INT32_MAX)
        fail("%s: \"%s\" is not a number above 0", what, text);
    return (uint32_t)value;
}

/* The number of frames that *@text begins with, and that ends at one of @ends; *@text is behind it. */
static uint32_t frames_at(const char **text, const char *ends) {
    char *end;
    unsigned long value = isdigit((unsigned char)**text) ? strtoul(*text, &end, 10) : 0;

    if (value == 0 || value > FRAMES_MAX || (*end != '\0' && strchr(ends, *end) == NULL))
        fail("--frames: \"%s\": N, A-B or A-B/STEP is wanted, of 1 to %u", *text, FRAMES_MAX);
    *text = end;
    return (uint32_t)value;
}

static void parse_frames(struct request *request, const char *text) {
    request->step = 1;
    request->low = request->high = frames_at(&text, "-");
    if (*text == '\0')
        return;
    text++;
    request->high = frames_at(&text, "/");
    if (request->high < request->low)
        fail("--frames: %u-%u is not a range", request->low, request->high);
    if (*text == '\0')
        return;
    text++;
    request->step = frames_at(&text, "");
}

static void parse_policies(struct request *request, char *names) {
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        const struct policy *policy = policy_find(name);

        if (policy == NULL)
            fail("no policy \"%s\": there are %s, opt", name, POLICY_NAMES);
        if (request->policy_count == POLICIES_MAX)
            fail("too many policies");
        request->policies[request->policy_count++] = policy;
    }
}

static void read_file(struct string *string, const char *name) {
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");

    if (file == NULL)
        fail("cannot open %s", name);
    string_read(string, file);
    if (file != stdin)
        fclose(file);
}

static const struct option options[] = {
    {"file", 1, NULL, 'f'},      {"pattern", 1, NULL, 'g'}, {"frames", 1, NULL, 'n'},
    {"policy", 1, NULL, 'p'},    {"table", 0, NULL, 't'},   {"steps", 0, NULL, 'S'},
    {"svg", 1, NULL, 's'},       {"title", 1, NULL, 'T'},   {"dump", 0, NULL, 'd'},
    {"seed", 1, NULL, 'r'},      {"tick", 1, NULL, 'k'},    {"tau", 1, NULL, 'w'},
    {"zero-fill", 0, NULL, 'z'}, {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};

/* One option, with its argument in optarg. A pattern is generated behind all others, as it needs the seed. */
static void parse_option(struct request *request, struct string *string, int option, const char **pattern) {
    switch (option) {
    case 'f':
        read_file(string, optarg);
        break;
    case 'g':
        *pattern = optarg;
        break;
    case 'n':
        parse_frames(request, optarg);
        break;
    case 'p':
        parse_policies(request, optarg);
        break;
    case 't':
        request->table = true;
        break;
    case 'S':
        request->steps = true;
        break;
    case 's':
        request->svg = optarg;
        break;
    case 'T':
        request->title = optarg;
        break;
    case 'd':
        request->dump = true;
        break;
    case 'r':
        request->options.seed = number(optarg, "--seed");
        break;
    case 'k':
        request->options.period = number(optarg, "--tick");
        break;
    case 'w':
        request->options.tau = number(optarg, "--tau");
        break;
    case 'z':
        request->options.zero_fill = true;
        break;
    case 'h':
        printf(usage, string_patterns, POLICY_NAMES);
        exit(0);
    default:
        exit(2);
    }
}

static void parse(struct request *request, struct string *string, int argc, char **argv) {
    const char *pattern = NULL;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        parse_option(request, string, option, &pattern);
    if (pattern != NULL)
        string_generate(string, pattern, request->options.seed);
    while (optind < argc)
        string_parse(string, argv[optind++]);
    if (string->count == 0)
        fail("no reference string; --help says what there is");
    if (request->policy_count == 0)
        for (unsigned i = 0; policy_number(i) != NULL; i++)
            request->policies[request->policy_count++] = policy_number(i);
}

static void check(const struct request *request) {
    bool range = request->low != request->high;

    if ((request->table || request->steps) && range)
        fail("--table and --steps want one number of frames");
    if (request->svg != NULL && !request->table && !range)
        fail("--svg draws a --table, or the curve over a range of --frames");
    if (request->svg != NULL && request->table && request->policy_count > 1)
        fail("--svg draws the table of one policy: --policy NAME");
}

static FILE *open_svg(const struct request *request) {
    FILE *file = fopen(request->svg, "w");

    if (file == NULL)
        fail("cannot write %s", request->svg);
    return file;
}

/* --- what it prints --- */

static void dump(const struct string *string) {
    for (uint32_t i = 0; i < string->count; i++)
        printf("%u%s%c", string->names[reference_page(string->references[i])],
               reference_writes(string->references[i]) ? "w" : "", i % 16 == 15 ? '\n' : ' ');
    putchar('\n');
}

static void tables(const struct request *request, const struct string *string) {
    for (unsigned i = 0; i < request->policy_count; i++) {
        table_text(stdout, string, request->policies[i], request->low, &request->options);
        putchar('\n');
    }
    if (request->svg != NULL) {
        FILE *file = open_svg(request);

        table_svg(file, string, request->policies[0], request->low, &request->options);
        fclose(file);
    }
}

static void steps(const struct request *request, const struct string *string) {
    for (unsigned i = 0; i < request->policy_count; i++) {
        struct simulation sim;

        sim_start(&sim, string, request->policies[i], request->low, &request->options);
        for (uint32_t at = 0; at < string->count; at++) {
            reference_t reference = string->references[at];

            printf("%u%s%s ", string->names[reference_page(reference)],
                   reference_writes(reference) ? "w" : "", sim_step(&sim, at).fault ? "F" : "");
        }
        printf("\n%s %u frames: %u faults of %u references, %u page-outs\n", request->policies[i]->name,
               request->low, sim.faults, string->count, sim.page_outs);
        sim_end(&sim);
    }
}

static void totals(const struct request *request, const struct string *string) {
    printf("%u references to %u pages, %u frames\n%-10s %10s %10s\n", string->count, string->pages,
           request->low, "policy", "faults", "page-outs");
    for (unsigned i = 0; i < request->policy_count; i++) {
        struct sim_result result = sim_run(string, request->policies[i], request->low, &request->options);

        printf("%-10s %10u %10u\n", request->policies[i]->name, result.faults, result.page_outs);
    }
}

/* Faults of one policy at every point; LRU and OPT need one pass for all. */
static uint32_t *curve_of(const struct request *request, const struct string *string,
                          const struct policy *policy, unsigned points) {
    uint32_t *faults = allocate(points, sizeof(*faults));
    bool lru = strcmp(policy->name, "lru") == 0;

    if (lru || strcmp(policy->name, "opt") == 0) {
        uint32_t *all = allocate(request->high + 1, sizeof(*all));

        (lru ? stack_lru : stack_opt)(string, request->high, all);
        for (unsigned i = 0; i < points; i++)
            faults[i] = all[request->low + i * request->step];
        free(all);
        return faults;
    }
    for (unsigned i = 0; i < points; i++)
        faults[i] = sim_run(string, policy, request->low + i * request->step, &request->options).faults;
    return faults;
}

static void curve(const struct request *request, const struct string *string) {
    unsigned points = (request->high - request->low) / request->step + 1;
    uint32_t *x = allocate(points, sizeof(*x)), *y[POLICIES_MAX];
    const char *names[POLICIES_MAX];

    printf("# %u references to %u pages\n%-8s", string->count, string->pages, "frames");
    for (unsigned s = 0; s < request->policy_count; s++) {
        names[s] = request->policies[s]->name;
        y[s] = curve_of(request, string, request->policies[s], points);
        printf(" %8s", names[s]);
    }
    putchar('\n');
    for (unsigned i = 0; i < points; i++) {
        x[i] = request->low + i * request->step;
        printf("%-8u", x[i]);
        for (unsigned s = 0; s < request->policy_count; s++)
            printf(" %8u", y[s][i]);
        putchar('\n');
    }
    if (request->svg != NULL) {
        FILE *file = open_svg(request);
        struct plot plot = {request->title != NULL ? request->title : "Faults over frames",
                            "frames",
                            "faults",
                            points,
                            request->policy_count,
                            x,
                            names,
                            (const uint32_t *const *)y};

        plot_svg(file, &plot);
        fclose(file);
    }
    for (unsigned s = 0; s < request->policy_count; s++)
        free(y[s]);
    free(x);
}

int main(int argc, char **argv) {
    struct request request = {.low = 3, .high = 3, .step = 1};
    struct string string = {0};

    parse(&request, &string, argc, argv);
    string_finish(&string);
    check(&request);
    if (request.dump)
        dump(&string);
    else if (request.steps)
        steps(&request, &string);
    else if (request.table)
        tables(&request, &string);
    else if (request.low == request.high)
        totals(&request, &string);
    else
        curve(&request, &string);
    string_free(&string);
    return 0;
}
