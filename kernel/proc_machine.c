/* What /proc tells about the machine as a whole, in Linux's formats. Source: proc(5). */
#include "kernel/procfs.h"

#include "arch/x86/machine.h"
#include "arch/x86/time.h"
#include "fs/vnode.h"
#include "kernel/bootparam.h"
#include "kernel/process.h"
#include "mm/anon.h"
#include "mm/commit.h"
#include "mm/counters.h"
#include "mm/frame.h"
#include "mm/memobject.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/swap.h"

static void print_counter(const char *name, uint32_t value, void *data) {
    text_print(data, "%s %u\n", name, value);
}

void print_vmstat(struct text *text, struct process *process UNUSED) {
    counters_for_each(print_counter, text);
}

static void print_kib(struct text *text, const char *name, uint32_t pages) {
    text_print(text, "%-15s %8u kB\n", name, pages * KIB_PER_PAGE);
}

/* Frames by what they are to programs. */
struct frame_survey {
    uint32_t anonymous, of_files; /* that have a page-table entry */
    uint32_t locked;
};

static struct frame_survey survey_frames(void) {
    struct frame_survey survey = {0};
    for (pfn_t n = 0; n < frame_total; n++) {
        const struct frame *frame = &frame_table[n];
        if (frame->state != FRAME_ACTIVE && frame->state != FRAME_PINNED)
            continue;
        survey.anonymous += frame->owner == OWNER_ANON && frame_mapped(frame);
        survey.of_files += frame->owner == OWNER_OBJECT && frame_mapped(frame);
        survey.locked += frame->locks > 0;
    }
    return survey;
}

static uint32_t page_tables(void) {
    uint32_t pages = 0;
    list_for_each (space, &spaces, struct space, link) {
        pages += space->pmap.tables;
    }
    return pages;
}

/* As sysinfo(2): the memory is what may be paged. */
void print_meminfo(struct text *text, struct process *process UNUSED) {
    struct frame_survey survey = survey_frames();
    uint32_t shared = memobjects_resident() + shared_anonymous_resident();
    print_kib(text, "MemTotal:", frames_pageable());
    print_kib(text, "MemFree:", frames_available() - MIN(frames_available(), frame_count(FRAME_CLEAN)));
    print_kib(text, "MemAvailable:", frames_available());
    print_kib(text, "Buffers:", 0);
    print_kib(text, "Cached:", object_pages_resident + shared);
    print_kib(text, "SwapCached:", anons_twice());
    print_kib(text, "Active:", frame_count(FRAME_ACTIVE));
    print_kib(text, "Inactive:", frame_count(FRAME_CLEAN) + frame_count(FRAME_DIRTY));
    print_kib(text, "Unevictable:", frame_count(FRAME_PINNED));
    print_kib(text, "Mlocked:", survey.locked);
    print_kib(text, "SwapTotal:", swap_total());
    print_kib(text, "SwapFree:", swap_free_slots());
    print_kib(text, "Dirty:", frame_count(FRAME_DIRTY));
    print_kib(text, "Writeback:", frame_count(FRAME_BUSY));
    print_kib(text, "AnonPages:", survey.anonymous);
    print_kib(text, "Mapped:", survey.of_files);
    print_kib(text, "Shmem:", shared);
    print_kib(text, "Slab:", frame_count(FRAME_KERNEL));
    print_kib(text, "PageTables:", page_tables());
    print_kib(text, "CommitLimit:", commit_limit());
    print_kib(text, "Committed_AS:", commit_promised());
}

static void print_mount(struct mount *mount, void *data) {
    char path[64] = "?";
    path_of(mount->root, path, sizeof path);
    text_print(data, "%s %s %s %s 0 0\n", *mount->source ? mount->source : mount->type, path, mount->type,
               mount->read_only ? "ro" : "rw");
}

void print_mounts(struct text *text, struct process *process UNUSED) {
    mount_for_each(print_mount, text);
}

/* Ticks that all processes there are have used. */
static uint64_t ticks_used(bool user) {
    uint64_t ticks = 0;
    list_for_each (process, &processes, struct process, all) {
        ticks += user ? process->user_ticks : process->kernel_ticks;
    }
    return ticks;
}

void print_uptime(struct text *text, struct process *process UNUSED) {
    uint64_t up = time_ticks(), idle = up - MIN(up, ticks_used(true) + ticks_used(false));
    text_print(text, "%llu.%02u %llu.%02u\n", up / TICKS_PER_SECOND, (unsigned)(up % TICKS_PER_SECOND),
               idle / TICKS_PER_SECOND, (unsigned)(idle % TICKS_PER_SECOND));
}

static unsigned count_processes(bool running) {
    unsigned total = 0;
    list_for_each (process, &processes, struct process, all) {
        total += !running;
        list_for_each (thread, &process->threads, struct thread, siblings) {
            total += running && (thread->state == THREAD_READY || thread->state == THREAD_RUNNING);
        }
    }
    return total;
}

void print_stat(struct text *text, struct process *process UNUSED) {
    uint64_t user = ticks_used(true), kernel = ticks_used(false);
    uint64_t idle = time_ticks() - MIN(time_ticks(), user + kernel);
    for (int line = 0; line < 2; line++) /* the sum, and the one processor */
        text_print(text, "cpu%s %llu 0 %llu %llu 0 0 0 0 0 0\n", line == 0 ? " " : "0", user, kernel, idle);
    text_print(text, "intr %u\nctxt %u\nbtime %u\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
               counters[COUNT_BLK_INTERRUPTS], counters[COUNT_CTXT], time_boot_epoch(),
               counters[COUNT_FORKS] + 1, count_processes(true));
}

/* Of Linux's lines those that are true of any processor: top and vmstat count processors here. */
void print_cpuinfo(struct text *text, struct process *process UNUSED) {
    struct machine_processor processor;

    machine_processor(&processor);
    text_print(text, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n",
               processor.vendor, processor.family, processor.model, processor.name);
    text_print(text, "stepping\t: %u\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n\n",
               processor.stepping);
}

void print_loadavg(struct text *text, struct process *process UNUSED) {
    int last = 0;
    list_for_each (other, &processes, struct process, all) {
        last = MAX(last, other->pid);
    }
    text_print(text, "0.00 0.00 0.00 %u/%u %d\n", count_processes(true), count_processes(false), last);
}

void print_version(struct text *text, struct process *process UNUSED) {
    text_print(text, "Linux version 6.1.0-faultline (Faultline, a teaching kernel) #1 Faultline\n");
}

static struct text *bootparams_text; /* bootparam_describe() passes nothing on */

static void print_bootparam(const char *name, const char *values, const char *meaning) {
    text_print(bootparams_text, "%s%s %s\n    %s\n", name, name[0] == '-' ? "" : "=", values, meaning);
}

void print_bootparams(struct text *text, struct process *process UNUSED) {
    bootparams_text = text;
    bootparam_describe(print_bootparam);
}

void print_filesystems(struct text *text, struct process *process UNUSED) {
    text_print(text, "\text2\nnodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tpipe\n");
}

void print_swaps(struct text *text, struct process *process UNUSED) {
    text_print(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    uint32_t total = swap_total(), used = total - swap_free_slots();
    if (total)
        text_print(text, "%-40s%-16s%u\t\t%u\t\t%d\n", "swap", "partition", total * KIB_PER_PAGE,
                   used * KIB_PER_PAGE, -2);
}
