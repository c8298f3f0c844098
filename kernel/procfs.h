/*
 * The files of /proc: what they are printed with (kernel/procfs.c), and for each what prints it, and what takes
 * a value that is written to it, without its newline: 0 or an errno. May sleep. The process is NULL for files
 * that are about none.
 */
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

/* proc_machine.c */
void print_vmstat(struct text *text, struct process *process);
void print_meminfo(struct text *text, struct process *process);
void print_mounts(struct text *text, struct process *process);
void print_uptime(struct text *text, struct process *process);
void print_stat(struct text *text, struct process *process);
void print_cpuinfo(struct text *text, struct process *process);
void print_loadavg(struct text *text, struct process *process);
void print_version(struct text *text, struct process *process);
void print_bootparams(struct text *text, struct process *process);
void print_filesystems(struct text *text, struct process *process);
void print_swaps(struct text *text, struct process *process);

/* proc_process.c */
void print_status(struct text *text, struct process *process);
void print_statm(struct text *text, struct process *process);
void print_process_stat(struct text *text, struct process *process);
void print_comm(struct text *text, struct process *process);
void print_cmdline(struct text *text, struct process *process);

/* proc_paging.c */
void print_policy(struct text *text, struct process *process);
int write_policy(struct process *process, char *value);
void print_scope(struct text *text, struct process *process);
int write_scope(struct process *process, char *value);
void print_quota(struct text *text, struct process *process);
int write_quota(struct process *process, char *value);
void print_loadcontrol(struct text *text, struct process *process);
int write_loadcontrol(struct process *process, char *value);
void print_own_policy(struct text *text, struct process *process);
int write_own_policy(struct process *process, char *value);
void print_reftrace(struct text *text, struct process *process);
int write_reftrace(struct process *process, char *value);
void print_fault_times(struct text *text, struct process *process);
int write_fault_times(struct process *process, char *value);
void print_reflog(struct text *text, struct process *process);

/* proc_memory.c: /proc/PID/maps, smaps, smaps_rollup, pagemap; /proc/kpagecount, kpageflags, sysvipc/shm. */
void print_maps(struct text *text, struct process *process);
void print_smaps(struct text *text, struct process *process);
void print_smaps_rollup(struct text *text, struct process *process);
void print_pagemap(struct text *text, struct process *process);
void print_kpagecount(struct text *text, struct process *process);
void print_kpageflags(struct text *text, struct process *process);
void print_sysvipc_shm(struct text *text, struct process *process);
void print_kstacks(struct text *text, struct process *process); /* proc_kstacks.c */

#endif
