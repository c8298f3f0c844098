/* What the files of /proc are printed with: see kernel/procfs.c; and those of kernel/proc_memory.c. */
#ifndef KERNEL_PROCFS_H
#define KERNEL_PROCFS_H

#include "lib/types.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024u)

struct process;

/*
 * A window on a text that is printed from its beginning: the first bytes are skipped. Who prints records of
 * one size may skip whole ones itself.
 */
struct text {
    uint64_t skip;
    char *buffer;
    size_t room, used;
};

void text_add(struct text *text, const char *bytes, size_t count);
void text_print(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/* proc_memory.c: /proc/PID/maps, smaps, smaps_rollup, pagemap; /proc/kpagecount, /proc/sysvipc/shm. */
void print_maps(struct text *text, struct process *process);
void print_smaps(struct text *text, struct process *process);
void print_smaps_rollup(struct text *text, struct process *process);
void print_pagemap(struct text *text, struct process *process);
void print_kpagecount(struct text *text, struct process *process);
void print_sysvipc_shm(struct text *text, struct process *process);
void print_kstacks(struct text *text, struct process *process); /* proc_kstacks.c */

#endif
