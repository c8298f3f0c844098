/* wc: counts lines, words and bytes. */
#include "user/lib/program.h"

#include <ctype.h>
#include <fcntl.h>

static const char usage[] = "wc [-l | -w | -c] [FILE...]";

struct counts {
    unsigned long long lines, words, bytes;
};

static bool count_file(int descriptor, const char *name, struct counts *c) {
    static char buffer[16 * PAGE];
    bool in_word = false;
    ssize_t length;
    while ((length = read(descriptor, buffer, sizeof(buffer))) > 0) {
        c->bytes += (unsigned long long)length;
        for (ssize_t i = 0; i < length; i++) {
            bool blank = isspace((unsigned char)buffer[i]);
            c->lines += buffer[i] == '\n';
            c->words += !blank && !in_word;
            in_word = !blank;
        }
    }
    if (length < 0)
        fprintf(stderr, "wc: %s: %s\n", name, strerror(errno));
    return length == 0;
}

static void print(const struct counts *c, char what, const char *name) {
    if (what == 'l')
        printf("%llu", c->lines);
    else if (what == 'w')
        printf("%llu", c->words);
    else if (what == 'c')
        printf("%llu", c->bytes);
    else
        printf("%llu %llu %llu", c->lines, c->words, c->bytes);
    printf("%s%s\n", name[0] != '\0' ? " " : "", name);
}

int main(int argc, char **argv) {
    program_start(argc, argv, "wc", usage);
    char what = argc > 1 && argv[1][0] == '-' ? argv[1][1] : 'a';
    if (strchr("lwca", what) == NULL)
        usage_error("%s: no such option", argv[1]);
    int i = what == 'a' ? 1 : 2;
    struct counts c = {0, 0, 0};
    bool good = true;
    if (i >= argc) {
        good = count_file(STDIN_FILENO, "standard input", &c);
        print(&c, what, "");
    }
    for (; i < argc; i++) {
        int descriptor = open(argv[i], O_RDONLY);
        if (descriptor < 0) {
            fprintf(stderr, "wc: %s: %s\n", argv[i], strerror(errno));
            good = false;
            continue;
        }
        c = (struct counts){0, 0, 0};
        good &= count_file(descriptor, argv[i], &c);
        close(descriptor);
        print(&c, what, argv[i]);
    }
    return good ? 0 : 1;
}
