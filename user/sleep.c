/* sleep: waits. */
#include "user/lib/program.h"

#include <time.h>

static const char usage[] = "sleep SECONDS[.FRACTION]";

int main(int argc, char **argv) {
    program_start(argc, argv, "sleep", usage);
    char *end;
    double seconds = argc == 2 ? strtod(argv[1], &end) : -1;
    if (!(seconds >= 0 && seconds < 1e9) || *end != '\0')
        usage_error("a number of seconds is needed");
    struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0)
        if (errno != EINTR)
            fail_errno("nanosleep");
    return 0;
}
