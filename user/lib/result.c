/* Printing facts: see result.h. */
#include "user/lib/program.h"

#include "user/lib/result.h"

void print_result(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
}

void print_whether(const char *what, bool truth) {
    printf("%s: %s\n", what, truth ? "yes" : "no");
}
