/* kill: sends a signal, SIGTERM if none is named, to processes by number. */
#include "user/lib/program.h"

#include <signal.h>

static const char usage[] = "kill [-SIGNAL] PID...\n"
                            "  SIGNAL: a number, or a name such as INT, KILL, SEGV, TERM";

int main(int argc, char **argv) {
    program_start(argc, argv, "kill", usage);
    int first = 1, number = SIGTERM, status = 0;
    if (argc > 1 && argv[1][0] == '-')
        number = signal_by_name(argv[first++] + 1);
    if (number < 0)
        usage_error("%s: no such signal", argv[1] + 1);
    if (first >= argc)
        usage_error("which process?");
    for (int i = first; i < argc; i++) {
        int pid = (int)number_argument(argc, argv, i, "PID", 0, 1, INT32_MAX);
        if (kill(pid, number) != 0) {
            fprintf(stderr, "kill: %d: %s\n", pid, strerror(errno));
            status = 1;
        }
    }
    return status;
}
