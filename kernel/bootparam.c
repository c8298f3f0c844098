/*
 * Boot words: the kernel's command line, parsed once, by one table.
 *
 * The line is cut into words (blanks separate, double quotes group, a backslash escapes). A word is
 * "name=value"; the table below says who takes it. A word that no row takes, or whose value the row
 * refuses, is complained about by name and has no other effect: a typing error must not keep the machine
 * from booting, and must not go unseen either. After the word "--" everything is arguments for init; there
 * %XX stands for a byte, because loaders treat quotes and backslashes each in a way of their own.
 *
 * Promise to callers: pure apart from boot_options and vm_options, and so tested on the host
 * (tests/unit/test_bootparam.c). Never fails for a bad line; whatever was good in it has been obeyed.
 *
 * Source of the "--" convention: Linux, Documentation/admin-guide/kernel-parameters.
 */
#include "kernel/bootparam.h"
#include "kernel/debug.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/loadcontrol.h"
#include "mm/policy.h"
#include "mm/readahead.h"
#include "mm/trace.h"
#include "mm/unit.h"
#include "mm/vm.h"

#define LINE_MAX_BYTES 4096u
#define NUMBER_MAX     0x7FFFFFFFu

struct boot_options boot_options = {
    .init = "/sbin/init",
    .ata = "dma",
    .status = true,
};

/* A row of the table. @set returns false when it refuses @value, which lives as long as the kernel. */
struct boot_word {
    const char *name, *values, *meaning;
    bool (*set)(const char *value);
};

/* --- values --- */

/* A decimal number from @low to @high that ends at *@end. Unlike strtoul, it refuses what does not fit. */
static bool parse_number(const char *text, const char **end, unsigned low, unsigned high, unsigned *number) {
    unsigned value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (NUMBER_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == text || value < low || value > high)
        return false;
    *end = at;
    *number = value;
    return true;
}

static bool set_to_number(const char *value, unsigned low, unsigned high, unsigned *number) {
    const char *end;
    unsigned parsed;
    if (!parse_number(value, &end, low, high, &parsed) || *end != '\0')
        return false;
    *number = parsed;
    return true;
}

static bool word_frames(const char *value) {
    return set_to_number(value, 0, NUMBER_MAX, &vm_options.frames);
}

static bool word_policy(const char *value) {
    if (!policy_find(value))
        return false;
    vm_options.policy = value;
    return true;
}

static bool word_scope(const char *value) {
    bool local = strcmp(value, "local") == 0;
    if (!local && strcmp(value, "global") != 0)
        return false;
    vm_options.scope = local ? SCOPE_LOCAL : SCOPE_GLOBAL;
    return true;
}

bool bootparam_quota(const char *value) {
    static const struct {
        const char *name;
        enum quota_rule rule;
    } rules[] = {{"equal", QUOTA_EQUAL}, {"proportional", QUOTA_PROPORTIONAL}, {"pff", QUOTA_PFF}};
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (strcmp(value, rules[i].name) == 0) {
            vm_options.quota = rules[i].rule;
            return true;
        }
    }
    if (!set_to_number(value, QUOTA_LEAST, NUMBER_MAX, &vm_options.quota_fixed))
        return false;
    vm_options.quota = QUOTA_FIXED;
    return true;
}

static bool word_pool(const char *value) {
    const char *comma, *end;
    unsigned low, high;
    if (!parse_number(value, &comma, 1, NUMBER_MAX, &low) || *comma != ',' ||
        !parse_number(comma + 1, &end, low, NUMBER_MAX, &high) || *end != '\0')
        return false;
    vm_options.pool_low = low;
    vm_options.pool_high = high;
    return true;
}

static bool word_cluster(const char *value) {
    return set_to_number(value, 1, 32, &vm_options.cluster);
}

static bool word_unit(const char *value) {
    unsigned pages;

    if (!set_to_number(value, 1, UNIT_PAGES_MAX, &pages) || (pages & (pages - 1)) != 0)
        return false;
    vm_options.unit = pages;
    return true;
}

static bool word_around(const char *value) {
    return set_to_number(value, 1, 64, &vm_options.around);
}

static bool word_readahead(const char *value) {
    return set_to_number(value, 0, READAHEAD_MAX, &vm_options.readahead);
}

static bool word_check(const char *value) {
    return set_to_number(value, 0, NUMBER_MAX, &vm_options.check);
}

static bool word_clean(const char *value) {
    bool idle = strcmp(value, "idle") == 0;
    if (!idle && strcmp(value, "off") != 0)
        return false;
    vm_options.early_clean = idle;
    return true;
}

static bool word_ata(const char *value) {
    if (strcmp(value, "dma") != 0 && strcmp(value, "pio") != 0)
        return false;
    boot_options.ata = value;
    return true;
}

static bool word_load(const char *value) {
    static const char *const values[] = {
        [LOAD_FILE] = "file", [LOAD_SWAP] = "swap", [LOAD_FILE_SWAP] = "file,swap"};
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        if (strcmp(value, values[i]) == 0) {
            vm_options.load = i;
            return true;
        }
    }
    return false;
}

static bool word_swap(const char *value) {
    bool fixed = strcmp(value, "static") == 0;
    if (!fixed && strcmp(value, "dynamic") != 0)
        return false;
    vm_options.swap_static = fixed;
    return true;
}

static bool word_commit(const char *value) {
    bool strict = strcmp(value, "strict") == 0;
    if (!strict && strcmp(value, "lazy") != 0)
        return false;
    vm_options.commit_strict = strict;
    return true;
}

static bool word_prepage(const char *value) {
    return set_to_number(value, 0, 1024, &vm_options.prepage);
}

/* The group whose name is the first @length bytes of @name: its bit; "all": all; 0: there is none. */
static unsigned trace_group(const char *name, size_t length) {
    static const char *const names[] = {
#define X(id, text) text,
        TRACE_GROUPS(X)
#undef X
    };
    if (length == 3 && strncmp(name, "all", 3) == 0)
        return TRACE_GROUPS_ALL;
    for (unsigned i = 0; i < TRACE_GROUP_ALWAYS; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return 1u << i;
    }
    return 0;
}

/* Names of groups and at most one number, the events of the ring, which is made a power of two. */
static bool word_trace(const char *value) {
    unsigned groups = 0, events = 0, size = TRACE_EVENTS_LEAST;
    for (const char *at = value, *end; *at != '\0'; at = *end == ',' ? end + 1 : end) {
        unsigned group;
        for (end = at; *end != '\0' && *end != ','; end++)
            ;
        group = trace_group(at, (size_t)(end - at));
        groups |= group;
        if (group != 0)
            continue;
        if (events != 0 || !parse_number(at, &at, TRACE_EVENTS_LEAST, TRACE_EVENTS_MOST, &events) ||
            at != end)
            return strcmp(value, "off") == 0;
    }
    while (size < events)
        size *= 2;
    vm_options.trace = groups;
    vm_options.trace_events = events == 0 ? 0 : size;
    return groups != 0;
}

static bool word_loadcontrol(const char *value) {
    return set_to_number(value, 0, LOADCONTROL_SECONDS_MAX, &vm_options.loadcontrol);
}

static bool word_init(const char *value) {
    if (value[0] != '/')
        return false;
    boot_options.init = value;
    return true;
}

static bool word_root(const char *value) {
    if (value[0] == '\0')
        return false;
    boot_options.root = value;
    return true;
}

#ifdef FAULTLINE_DEBUG
static bool word_break(const char *value) {
    return breakage_choose(value);
}
#endif

static bool word_console(const char *value) {
    bool raw = strcmp(value, "raw") == 0;
    if (!raw && strcmp(value, "terminal") != 0)
        return false;
    boot_options.console_raw = raw;
    return true;
}

static bool word_status(const char *value) {
    bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0)
        return false;
    boot_options.status = on;
    return true;
}

static const struct boot_word boot_words[] = {
    {"frames", "N, default 0: all", "page frames that programs and files may use; fewer show paging",
     word_frames},
    {"policy", "NAME, default " POLICY_DEFAULT, "page replacement policy: " POLICY_NAMES, word_policy},
    {"scope", "global|local, default global",
     "who replaces whose pages: all everybody's, or each process its own", word_scope},
    {"quota", "equal|proportional|pff|N from 16, default equal",
     "frames of a process where it has its own: alike, by size, by page-fault frequency, or N",
     bootparam_quota},
    {"pool", "LOW,HIGH frames, default by size",
     "marks of the available pool: the paging daemon starts below LOW and stops at HIGH", word_pool},
    {"cluster", "1-32", "most pages in one write to swap", word_cluster},
    {"unit", "1|2|4|8", "pages of the paging unit: they come and go together", word_unit},
    {"around", "1-64", "pages that a fault maps with its own if they are in memory", word_around},
    {"readahead", "0-127", "most pages read ahead of a fault, 0: none", word_readahead},
    {"clean", "idle|off", "idle: write modified pages early, when there is time", word_clean},
    {"check", "0|1|N", "recount all of memory: never, at shutdown, also every N ticks", word_check},
    {"load", "file|swap|file,swap, default file",
     "a program's pages: from its file; copied to swap at start; from the file once, then swap", word_load},
    {"prepage", "0-1024, default 0", "pages of each segment that exec starts reading before they are touched",
     word_prepage},
    {"loadcontrol", "0-60 seconds, default 0: off",
     "processes whose working sets do not fit together take turns in memory, of so many seconds",
     word_loadcontrol},
    {"swap", "dynamic|static, default dynamic",
     "a page's place on swap: found when it is written; or fixed, start of its area's run + page number",
     word_swap},
    {"commit", "lazy|strict, default lazy",
     "lazy: refuse only what could never fit; strict: all promises together must fit memory and swap",
     word_commit},
    {"trace", "off|all|" TRACE_GROUP_NAMES "[,N], default off",
     "events written to a ring of N in memory, for tools/guest --trace", word_trace},
    {"ata", "dma|pio, default dma", "how disks transfer", word_ata},
    {"root", "NAME, as hda1; default: first partition of type 0x83", "root file system", word_root},
    {"init", "PATH, default /sbin/init", "first program", word_init},
    {"console", "terminal|raw, default terminal", "raw: bytes pass the console unchanged", word_console},
    {"status", "on|off, default on", "the status line, the last row of the screen", word_status},
#ifdef FAULTLINE_DEBUG
    {"break", "NAME", "do one thing wrong, to see it found (kernel/breakage.c)", word_break},
#endif
};

void bootparam_describe(void (*emit)(const char *name, const char *values, const char *meaning)) {
    for (size_t i = 0; i < ARRAY_SIZE(boot_words); i++)
        emit(boot_words[i].name, boot_words[i].values, boot_words[i].meaning);
    emit("--", "ARGUMENT…", "arguments of the first program; %XX stands for the byte with this hex code");
}

/* --- words --- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * Cuts the next word out of *@line, in place, without its quotes and escapes: NULL at the end of the line.
 * An unfinished quote ends with the line.
 */
static char *next_word(char **line) {
    char *from = *line;
    while (is_blank(*from))
        from++;
    if (*from == '\0')
        return NULL;
    char *word = from, *to = from;
    bool quoted = false;
    while (*from != '\0' && (quoted || !is_blank(*from))) {
        if (*from == '"') {
            quoted = !quoted;
            from++;
            continue;
        }
        if (*from == '\\' && from[1] != '\0')
            from++;
        *to++ = *from++;
    }
    *line = *from == '\0' ? from : from + 1;
    *to = '\0'; /* after *line is set: it may overwrite the blank that ended the word */
    return word;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Replaces %XX by the byte, in place. False: not two hex digits, or the byte 0, which ends a C string. */
static bool decode_percent(char *word) {
    char *to = word;
    for (char *from = word; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high | low) == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static bool take_argument(char *word, void (*complain)(const char *text)) {
    char text[160];
    if (boot_options.argument_count == INIT_ARGUMENTS_MAX) {
        print_to(text, sizeof text, "boot word: \"%.60s\": more than %d arguments for init", word,
                 INIT_ARGUMENTS_MAX);
    } else if (!decode_percent(word)) {
        print_to(text, sizeof text, "boot word: \"%.60s\": %% wants two hex digits, not 00", word);
    } else {
        boot_options.arguments[boot_options.argument_count++] = word;
        return true;
    }
    complain(text);
    return false;
}

static bool take_word(char *word, void (*complain)(const char *text)) {
    char text[200];
    char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : strlen(word);
    for (size_t i = 0; i < ARRAY_SIZE(boot_words); i++) {
        const struct boot_word *row = &boot_words[i];
        if (strlen(row->name) != length || strncmp(row->name, word, length) != 0)
            continue;
        if (value && row->set(value + 1))
            return true;
        print_to(text, sizeof text, "boot word: \"%.60s\": expected %s=%s", word, row->name, row->values);
        complain(text);
        return false;
    }
    print_to(text, sizeof text, "boot word: \"%.60s\": no such word", word);
    complain(text);
    return false;
}

int bootparam_parse(const char *line, void (*complain)(const char *text)) {
    static char copy[LINE_MAX_BYTES]; /* the options point into it */
    int result = 0;
    if (str_copy(copy, line, sizeof copy) >= sizeof copy) {
        complain("boot word: the command line is too long and was cut");
        result = -EINVAL;
    }
    bool arguments = false;
    char *rest = copy;
    for (char *word; (word = next_word(&rest)) != NULL;) {
        if (!arguments && strcmp(word, "--") == 0)
            arguments = true;
        else if (!(arguments ? take_argument(word, complain) : take_word(word, complain)))
            result = -EINVAL;
    }
    return result;
}
