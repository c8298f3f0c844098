/* The guest tests: tests/guest/guest.h. */
#include "tests/guest/guest.h"

#include <stdio.h>
#include <stdlib.h>

/* Debian keeps e2fsprogs where an ordinary user's PATH does not lead. */
static void add_system_directories(void) {
    char path[4096];
    const char *old = getenv("PATH");
    snprintf(path, sizeof(path), "%s:/usr/sbin:/sbin", old != NULL ? old : "/usr/bin:/bin");
    setenv("PATH", path, 1);
}

int main(int argc, char **argv) {
    add_system_directories();
    Suite *suite = suite_create("guest");
    add_load_cases(suite);
    add_trap_cases(suite);
    add_paging_cases(suite);
    add_limit_cases(suite);
    add_system_cases(suite);
    add_file_cases(suite);
    add_semantics_cases(suite);
    add_abi_cases(suite);
    add_replacement_cases(suite);
    add_loadcontrol_cases(suite);
    add_eat_cases(suite);
    add_fault_cases(suite);
    add_shared_cases(suite);
    add_swap_cases(suite);
    add_parallel_cases(suite);
    add_terminal_cases(suite);
    add_fuzz_cases(suite);
    add_trace_cases(suite);
    add_panic_cases(suite);
    add_proc_cases(suite);
    add_picture_cases(suite);
    return guest_main(suite, argc, argv);
}
