/*
 * semantics: what Linux promises about memory, signals and threads, as a list of facts, each found out by
 * doing it. On a Linux host and in the guest it must print the same: the test is the comparison, and the
 * list is for reading.
 *
 * The facts are in user/semantics/, a theme a file; how they are isolated from each other, and the words they
 * are told in, in facts.h there.
 */
#include "user/semantics/facts.h"

static const char usage[] = "semantics [--list] [THEME ...]\n"
                            "  prints facts about memory, signals and threads; without a theme, all of them";

extern const struct theme theme_access, theme_misuse, theme_mapping, theme_file, theme_sharing, theme_figures,
    theme_usercopy, theme_signal, theme_frame, theme_thread, theme_abi, theme_limits, theme_waiting,
    theme_children;

static const struct theme *const themes[] = {
    &theme_access,  &theme_misuse,   &theme_mapping, &theme_file,     &theme_sharing,
    &theme_figures, &theme_usercopy, &theme_signal,  &theme_frame,    &theme_thread,
    &theme_abi,     &theme_limits,   &theme_waiting, &theme_children,
};

static const struct theme *find(const char *name) {
    for (unsigned i = 0; i < COUNT_OF(themes); i++)
        if (strcmp(themes[i]->name, name) == 0)
            return themes[i];
    usage_error("no theme %s", name);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "semantics", usage);
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (unsigned i = 0; i < COUNT_OF(themes); i++)
            printf("%-9s %s\n", themes[i]->name, themes[i]->what);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        theme_run(find(argv[i]));
    for (unsigned i = 0; argc == 1 && i < COUNT_OF(themes); i++)
        theme_run(themes[i]);
    return 0;
}
