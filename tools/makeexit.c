/*
 * $(exit-with N): a function for GNU make that ends make with exit status N.
 *
 * make exits with 2 whatever the status of a failing recipe was, and `make exec` promises to exit as the
 * program in the guest did. Make loads this file, compiled, for that goal alone (Makefile); where it cannot,
 * `make exec` still fails when the program did, but with make's own status and message.
 *
 * Source: the manual of GNU make, "Loading Dynamic Objects".
 */
#include <gnumake.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;

/* Never returns. The recipes before have ended, so nothing of make's is left to be cleaned up. */
static char *exit_with(const char *name, unsigned int argc, char **argv) {
    (void)name;
    (void)argc;
    exit(atoi(argv[0]));
}

int makeexit_gmk_setup(void) {
    gmk_add_function("exit-with", exit_with, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
