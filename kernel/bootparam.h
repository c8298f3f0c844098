/* Boot words: one table, parsed once. See kernel/bootparam.c for the table itself. */
#ifndef KERNEL_BOOTPARAM_H
#define KERNEL_BOOTPARAM_H

#include "lib/types.h"

#define INIT_ARGUMENTS_MAX 32

struct boot_options {
    const char *init;   /* init=, a path */
    const char *ata;    /* "dma" or "pio" */
    const char *root;   /* root=hda1, or NULL: first partition of type 0x83 */
    bool console_raw;   /* console=raw: program output byte for byte (the runner) */
    bool status;        /* status=on|off: the status line */
    int argument_count; /* of init, after "--" */
    const char *arguments[INIT_ARGUMENTS_MAX];
};
extern struct boot_options boot_options;

/*
 * Parses @line (copied) into boot_options and vm_options (mm/vm.h). Words are separated by blanks; double
 * quotes group, a backslash escapes. After the word "--", everything is arguments for init, in which %XX
 * (two hex digits) stands for a byte, so that any argument survives every loader. Returns 0, or -EINVAL
 * after calling @complain once for each bad word with a text that names it and says what was expected.
 */
int bootparam_parse(const char *line, void (*complain)(const char *text));

/* The value of quota=, for the boot word and for /proc/sys/vm/quota: false if it is none. */
bool bootparam_quota(const char *value);

/* Calls @emit for each word of the table: name, values, default, meaning. For `help` and the README. */
void bootparam_describe(void (*emit)(const char *name, const char *values, const char *meaning));

#endif
