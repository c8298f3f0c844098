/*
 * /proc: what the kernel tells about itself and its processes, as text in Linux's formats, so that known
 * tools read it. It is a file system that may look at processes; so it is the kernel's, not fs/'s.
 *
 * Nothing is stored. A lookup makes a vnode that names what it is about (an entry of a table, a pid, a
 * descriptor); a read prints the whole text and keeps the part that was asked for. A process that is gone
 * meanwhile: -ESRCH.
 *
 * Source: proc(5).
 */
#include "kernel/procfs.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "fs/vnode.h"
#include "kernel/bootparam.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/anon.h"
#include "mm/commit.h"
#include "mm/counters.h"
#include "mm/fault.h"
#include "mm/fault_times.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/loadcontrol.h"
#include "mm/memobject.h"
#include "mm/policy.h"
#include "mm/refstring.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/swap.h"

#include <linux/stat.h>

#define ROOT_INODE 1u

/* --- text --- */

void text_add(struct text *text, const char *bytes, size_t count) {
    size_t skipped = (size_t)MIN(text->skip, (uint64_t)count);
    text->skip -= skipped;
    size_t kept = MIN(count - skipped, text->room - text->used);
    memcpy(text->buffer + text->used, bytes + skipped, kept);
    text->used += kept;
}

void text_print(struct text *text, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    int length = print_to_v(line, sizeof line, format, args);
    va_end(args);
    text_add(text, line, MIN((size_t)length, sizeof line - 1));
}

/* --- about the machine --- */

static void print_counter(const char *name, uint32_t value, void *data) {
    text_print(data, "%s %u\n", name, value);
}

static void print_vmstat(struct text *text, struct process *process UNUSED) {
    counters_for_each(print_counter, text);
}

static void print_kib(struct text *text, const char *name, uint32_t pages) {
    text_print(text, "%-15s %8u kB\n", name, pages * KIB_PER_PAGE);
}

/* As sysinfo(2): the memory is what may be paged. */
static void print_meminfo(struct text *text, struct process *process UNUSED) {
    print_kib(text, "MemTotal:", frames_pageable());
    print_kib(text, "MemFree:", frames_available() - MIN(frames_available(), frame_count(FRAME_CLEAN)));
    print_kib(text, "MemAvailable:", frames_available());
    print_kib(text, "Buffers:", 0);
    print_kib(text, "Cached:", object_pages_resident);
    print_kib(text, "SwapCached:", 0);
    print_kib(text, "Active:", frame_count(FRAME_ACTIVE));
    print_kib(text, "Inactive:", frame_count(FRAME_CLEAN) + frame_count(FRAME_DIRTY));
    print_kib(text, "SwapTotal:", swap_total());
    print_kib(text, "SwapFree:", swap_free_slots());
    print_kib(text, "CommitLimit:", commit_limit());
    print_kib(text, "Committed_AS:", commit_promised());
    print_kib(text, "Dirty:", frame_count(FRAME_DIRTY));
    print_kib(text, "Writeback:", frame_count(FRAME_BUSY));
    print_kib(text, "Shmem:", memobjects_resident());
    print_kib(text, "Slab:", frame_count(FRAME_KERNEL));
}

static void print_mount(struct mount *mount, void *data) {
    char path[64] = "?";
    path_of(mount->root, path, sizeof path);
    text_print(data, "%s %s %s %s 0 0\n", *mount->source ? mount->source : mount->type, path, mount->type,
               mount->read_only ? "ro" : "rw");
}

static void print_mounts(struct text *text, struct process *process UNUSED) {
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

static void print_uptime(struct text *text, struct process *process UNUSED) {
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

static void print_stat(struct text *text, struct process *process UNUSED) {
    uint64_t user = ticks_used(true), kernel = ticks_used(false);
    uint64_t idle = time_ticks() - MIN(time_ticks(), user + kernel);
    for (int line = 0; line < 2; line++) /* the sum, and the one processor */
        text_print(text, "cpu%s %llu 0 %llu %llu 0 0 0 0 0 0\n", line == 0 ? " " : "0", user, kernel, idle);
    text_print(text, "intr %u\nctxt %u\nbtime %u\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
               counters[COUNT_BLK_INTERRUPTS], counters[COUNT_CTXT], time_boot_epoch(),
               counters[COUNT_FORKS] + 1, count_processes(true));
}

static void print_loadavg(struct text *text, struct process *process UNUSED) {
    int last = 0;
    list_for_each (other, &processes, struct process, all) {
        last = MAX(last, other->pid);
    }
    text_print(text, "0.00 0.00 0.00 %u/%u %d\n", count_processes(true), count_processes(false), last);
}

static void print_version(struct text *text, struct process *process UNUSED) {
    text_print(text, "Linux version 6.1.0-faultline (Faultline, a teaching kernel) #1 Faultline\n");
}

static struct text *bootparams_text; /* bootparam_describe() passes nothing on */

static void print_bootparam(const char *name, const char *values, const char *meaning) {
    text_print(bootparams_text, "%s%s %s\n    %s\n", name, name[0] == '-' ? "" : "=", values, meaning);
}

static void print_bootparams(struct text *text, struct process *process UNUSED) {
    bootparams_text = text;
    bootparam_describe(print_bootparam);
}

static void print_filesystems(struct text *text, struct process *process UNUSED) {
    text_print(text, "\text2\nnodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tpipe\n");
}

static void print_swaps(struct text *text, struct process *process UNUSED) {
    text_print(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    uint32_t total = swap_total(), used = total - swap_free_slots();
    if (total)
        text_print(text, "%-40s%-16s%u\t\t%u\t\t%d\n", "swap", "partition", total * KIB_PER_PAGE,
                   used * KIB_PER_PAGE, -2);
}

/* --- about a process --- */

/* Linux's letter: Z for a zombie, T stopped, R ready or running, else S. */
static char state_of(struct process *process) {
    if (process->exited)
        return 'Z';
    if (process->stopped)
        return 'T';
    list_for_each (thread, &process->threads, struct thread, siblings) {
        if (thread->state == THREAD_READY || thread->state == THREAD_RUNNING)
            return 'R';
    }
    return 'S';
}

static unsigned thread_count(struct process *process) {
    unsigned total = 0;
    list_for_each (thread, &process->threads, struct thread, siblings) {
        total++;
    }
    return total;
}

static struct space_usage usage_of(struct process *process) {
    struct space_usage usage = {0};
    if (process->space)
        space_usage(process->space, &usage);
    return usage;
}

static int parent_of(const struct process *process) {
    return process->parent ? process->parent->pid : 0;
}

/* The set of signals, a bit each, whose action is "handler" or "ignore". */
static uint64_t signal_set(const struct process *process, bool ignored) {
    uint64_t set = 0;
    for (unsigned i = 1; i <= SIGNALS; i++) {
        vaddr_t handler = process->actions[i].handler; /* 0: default, 1: ignore */
        if (ignored ? handler == 1 : handler > 1)
            set |= (uint64_t)1 << (i - 1);
    }
    return set;
}

static void print_status(struct text *text, struct process *process) {
    struct space_usage usage = usage_of(process);
    text_print(text, "Name:\t%s\nState:\t%c\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", process->name,
               state_of(process), process->pid, process->pid, parent_of(process));
    text_print(text, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t%u\n", FILES_MAX);
    if (process->space) {
        text_print(text, "VmPeak:\t%8u kB\n", (unsigned)process->space->peak_virtual * KIB_PER_PAGE);
        text_print(text, "VmSize:\t%8u kB\n", (unsigned)usage.virtual * KIB_PER_PAGE);
        text_print(text, "VmLck:\t%8u kB\n", (unsigned)space_locked(process->space) * KIB_PER_PAGE);
        text_print(text, "VmHWM:\t%8u kB\n", (unsigned)process->space->peak_resident * KIB_PER_PAGE);
        text_print(text, "VmRSS:\t%8u kB\n", (unsigned)usage.resident * KIB_PER_PAGE);
        text_print(text, "RssAnon:\t%8u kB\n",
                   (unsigned)(usage.resident - usage.of_files - usage.shared) * KIB_PER_PAGE);
        text_print(text, "RssFile:\t%8u kB\n", (unsigned)usage.of_files * KIB_PER_PAGE);
        text_print(text, "RssShmem:\t%8u kB\n", (unsigned)usage.shared * KIB_PER_PAGE);
        text_print(text, "VmSwap:\t%8u kB\n", (unsigned)usage.swapped * KIB_PER_PAGE);
        text_print(text, "VmPTE:\t%8u kB\n", process->space->pmap.tables * KIB_PER_PAGE);
    }
    text_print(text, "Threads:\t%u\nSigPnd:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
               thread_count(process), process->signals_pending, signal_set(process, true),
               signal_set(process, false));
}

static void print_statm(struct text *text, struct process *process) {
    struct space_usage usage = usage_of(process);
    struct space *space = process->space;
    unsigned code =
        space ? (unsigned)(PAGE_UP(space->code_end) - PAGE_DOWN(space->code_start)) / PAGE_SIZE : 0;
    text_print(text, "%u %u %u %u 0 %u 0\n", (unsigned)usage.virtual, (unsigned)usage.resident,
               (unsigned)(usage.of_files + usage.shared), code, (unsigned)usage.virtual - code);
}

/* 52 fields; see proc(5) for their numbers. */
static void print_process_stat(struct text *text, struct process *process) {
    static const struct space none;
    const struct space *space = process->space ? process->space : &none;
    struct space_usage usage = usage_of(process);
    text_print(text, "%d (%s) %c %d %d %d 0 -1 0", process->pid, process->name, state_of(process),
               parent_of(process), process->group, process->session);
    text_print(text, " %u %u %u %u", process->minor + space->faults.minor, (unsigned)process->child_minor,
               process->major + space->faults.major, (unsigned)process->child_major);
    text_print(text, " %llu %llu %llu %llu 20 0 %u 0 %llu", process->user_ticks, process->kernel_ticks,
               process->child_user_ticks, process->child_kernel_ticks, thread_count(process),
               process->start_tick);
    text_print(text, " %llu %u 4294967295 %u %u %u 0 0", (uint64_t)usage.virtual * PAGE_SIZE,
               (unsigned)usage.resident, (unsigned)space->code_start, (unsigned)space->code_end,
               (unsigned)space->stack_start);
    text_print(text, " %llu 0 %llu %llu 0 0 0 17 0 0 0 0 0 0", process->signals_pending & 0x7fffffff,
               signal_set(process, true) & 0x7fffffff, signal_set(process, false) & 0x7fffffff);
    text_print(text, " %u %u %u %u %u %u %u %d\n", (unsigned)space->data_start, (unsigned)space->data_end,
               (unsigned)space->brk_start, (unsigned)space->arg_start, (unsigned)space->arg_end,
               (unsigned)space->env_start, (unsigned)space->env_end, process->exit_status);
}

static void print_comm(struct text *text, struct process *process) {
    text_print(text, "%s\n", process->name);
}

/* Copies from any process's memory, as if it had been read there: bytes copied. May sleep. */
static size_t peek_memory(struct space *space, vaddr_t from, char *to, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        pfn_t pfn;
        vaddr_t page = PAGE_DOWN(from + done);
        unsigned at = (unsigned)(from + done) & PAGE_MASK;
        size_t n = MIN(bytes - done, (size_t)(PAGE_SIZE - at));
        if (!pmap_query(&space->pmap, page, &pfn)) {
            if (vm_fault(space, page, FAULT_READ) != FAULT_OK)
                break;
            continue; /* it may have slept: is the page there now? */
        }
        memcpy(to + done, (char *)frame_data(&frame_table[pfn]) + at, n);
        done += n;
    }
    return done;
}

/* The arguments, each with its NUL. The process may be gone when they have been paged in, the space not. */
static void print_cmdline(struct text *text, struct process *process) {
    char piece[128];
    struct space *space = process->space;
    if (!space || process->exited)
        return;
    space_ref(space);
    vaddr_t at = space->arg_start, end = space->arg_end;
    while (at < end) {
        size_t n = MIN((size_t)(end - at), sizeof piece);
        size_t copied = peek_memory(space, at, piece, n);
        text_add(text, piece, copied);
        at += copied;
        if (copied < n)
            break;
    }
    space_unref(space);
}

/* --- replacement --- */

/* The policies there are, the one of the global set in brackets. */
static void print_policy(struct text *text, struct process *process UNUSED) {
    for (unsigned i = 0; policy_number(i) != NULL; i++) {
        const struct policy *policy = policy_number(i);
        if (!policy->needs_future)
            text_print(text, policy == set_global.policy ? "[%s] " : "%s ", policy->name);
    }
    text_print(text, "\n");
}

static int write_policy(struct process *process UNUSED, char *value) {
    const struct policy *policy = policy_find(value);
    if (policy == NULL || policy->needs_future)
        return -EINVAL;
    return scope_set_policy_of_all(policy);
}

static void print_loadcontrol(struct text *text, struct process *process UNUSED) {
    text_print(text, "%u\n", loadcontrol_seconds());
}

static int write_loadcontrol(struct process *process UNUSED, char *value) {
    unsigned seconds = 0, digits = 0;
    for (; value[digits] >= '0' && value[digits] <= '9' && digits < 3; digits++)
        seconds = seconds * 10 + (unsigned)(value[digits] - '0');
    if (digits == 0 || value[digits] != '\0' || seconds > LOADCONTROL_SECONDS_MAX)
        return -EINVAL;
    return loadcontrol_set(seconds);
}

/* What the pages of the process are replaced by; "local" and its quota where it has a set of its own. */
static void print_own_policy(struct text *text, struct process *process) {
    const struct set *set = process->space ? process->space->set : NULL;
    if (!set)
        text_print(text, "-\n");
    else if (set == &set_global)
        text_print(text, "%s global\n", set->policy->name);
    else
        text_print(text, "%s local %u of %u frames\n", set->policy->name, (unsigned)set->count,
                   (unsigned)set->quota);
}

static int write_own_policy(struct process *process, char *value) {
    const struct policy *policy = policy_find(value);
    if (policy == NULL || policy->needs_future)
        return -EINVAL;
    return process->space ? scope_set_policy(process->space, policy) : -ESRCH;
}

static void print_reftrace(struct text *text, struct process *process) {
    struct reftrace_figures figures;
    if (!process->space || !reftrace_figures(process->space, &figures)) {
        text_print(text, "off\n");
        return;
    }
    text_print(text, "start=%u pages=%u frames=%u policy=%s window=%u references=%u faults=%u page_outs=%u\n",
               (unsigned)figures.start, (unsigned)figures.pages, (unsigned)figures.frames, figures.policy,
               figures.window, (unsigned)figures.references, (unsigned)figures.faults,
               (unsigned)figures.page_outs);
}

static int write_reftrace(struct process *process, char *value) {
    if (process != process_current() || !process->space)
        return -EPERM; /* not under somebody's feet */
    return reftrace_command(process->space, process->pid, value);
}

/* A line for each kind of fault of the children there were since "start": how many, how many read, and their times. */
static void print_fault_times(struct text *text, struct process *process) {
    const struct fault_times *times = process->space ? process->space->times_of_children : NULL;
    text_print(text, "%-10s %10s %10s %15s %15s\n", "kind", "count", "major", "nanoseconds", "longest");
    for (unsigned i = 0; times && i < FAULT_TIMES_KINDS; i++)
        text_print(text, "%-10s %10u %10u %15llu %15llu\n", fault_times_names[i], times->kinds[i].count,
                   times->kinds[i].major, times->kinds[i].nanoseconds, times->kinds[i].longest);
}

static int write_fault_times(struct process *process, char *value) {
    if (process != process_current() || !process->space)
        return -EPERM;
    return strcmp(value, "start") == 0 ? fault_times_start(process->space) : -EINVAL;
}

#define LOG_WIDTH 9u /* characters of a reference, so that a reader's position leads straight to it */

static void print_reflog(struct text *text, struct process *process UNUSED) {
    uint32_t lost, count = reftrace_logged(&lost);
    uint32_t at = (uint32_t)MIN(text->skip / LOG_WIDTH, (uint64_t)count);
    text->skip -= (uint64_t)at * LOG_WIDTH;
    for (; at < count && text->used < text->room; at++) {
        uint32_t reference = reftrace_log_at(at);
        text_print(text, "%7u%c%c", (unsigned)reference_page(reference),
                   reference_writes(reference) ? 'w' : ' ', at % 8 == 7 ? '\n' : ' ');
    }
    if (at == count && lost > 0)
        text_print(text, "\n# the log was full: %u more references\n", (unsigned)lost);
}

/* --- the tables of entries --- */

struct entry {
    const char *name;
    uint32_t mode;
    void (*print)(struct text *text, struct process *process);
    int (*write)(struct process *process, char *value); /* @value without its newline; 0 or an errno */
    const struct entry *children;                       /* of a directory of fixed entries */
    size_t child_count;
};

#define TEXT(entry_name, print_function)                                                                     \
    { .name = (entry_name), .mode = S_IFREG | 0444, .print = (print_function) }
#define VALUE(entry_name, print_function, write_function)                                                    \
    { .name = (entry_name), .mode = S_IFREG | 0644, .print = (print_function), .write = (write_function) }
#define LINK(entry_name)                                                                                     \
    { .name = (entry_name), .mode = S_IFLNK | 0777 }
#define DIRECTORY(entry_name, access, table, entries)                                                        \
    { .name = (entry_name), .mode = S_IFDIR | (access), .children = (table), .child_count = (entries) }

static const struct entry vm_entries[] = {
    VALUE("loadcontrol", print_loadcontrol, write_loadcontrol),
    VALUE("policy", print_policy, write_policy),
};

static const struct entry sys_entries[] = {
    DIRECTORY("vm", 0555, vm_entries, ARRAY_SIZE(vm_entries)),
};

static const struct entry sysvipc_entries[] = {
    TEXT("shm", print_sysvipc_shm),
};

static const struct entry root_entries[] = {
    TEXT("bootparams", print_bootparams),
    TEXT("filesystems", print_filesystems),
    TEXT("kpagecount", print_kpagecount),
    TEXT("kstacks", print_kstacks),
    TEXT("loadavg", print_loadavg),
    TEXT("meminfo", print_meminfo),
    TEXT("mounts", print_mounts),
    TEXT("reflog", print_reflog),
    LINK("self"),
    TEXT("stat", print_stat),
    TEXT("swaps", print_swaps),
    DIRECTORY("sys", 0555, sys_entries, ARRAY_SIZE(sys_entries)),
    DIRECTORY("sysvipc", 0555, sysvipc_entries, ARRAY_SIZE(sysvipc_entries)),
    TEXT("uptime", print_uptime),
    TEXT("version", print_version),
    TEXT("vmstat", print_vmstat),
};

static const struct entry process_entries[] = {
    TEXT("cmdline", print_cmdline),
    TEXT("comm", print_comm),
    LINK("cwd"),
    LINK("exe"),
    VALUE("faults", print_fault_times, write_fault_times),
    DIRECTORY("fd", 0500, NULL, 0),
    TEXT("maps", print_maps),
    TEXT("pagemap", print_pagemap),
    VALUE("policy", print_own_policy, write_own_policy),
    VALUE("reflimit", print_reftrace, write_reftrace),
    TEXT("smaps", print_smaps),
    TEXT("smaps_rollup", print_smaps_rollup),
    TEXT("stat", print_process_stat),
    TEXT("statm", print_statm),
    TEXT("status", print_status),
};

/* The directory of fixed entries that holds @child, at or below @directory; or NULL. */
static const struct entry *holder_of(const struct entry *directory, const struct entry *child) {
    const struct entry *found = NULL;
    for (size_t i = 0; i < directory->child_count && !found; i++)
        found = &directory->children[i] == child ? directory : holder_of(&directory->children[i], child);
    return found;
}

static const struct entry root_entry = DIRECTORY("/", 0555, NULL, 0);
static const struct entry process_entry = DIRECTORY("", 0555, NULL, 0);
static const struct entry descriptor_entry = {.name = "", .mode = S_IFLNK | 0700};

/* --- nodes --- */

struct node {
    struct vnode vnode;
    const struct entry *entry;
    int pid;        /* 0: not about a process */
    int descriptor; /* of a descriptor_entry */
};

static struct mount procfs = {.type = "proc"};
static const struct vnode_operations file_operations, directory_operations, link_operations;

static struct node *node_of(struct vnode *vnode) {
    return container_of(vnode, struct node, vnode);
}

static void node_release(struct object *object) {
    kfree(node_of(vnode_of_object(object)));
}

static const struct pager procfs_pager = {.name = "procfs", .release = node_release};

/* A number of its own for each node there can be: pid, entry of the table, descriptor. */
static uint64_t inode_of(const struct entry *entry, int pid, int descriptor) {
    if (entry == &root_entry)
        return ROOT_INODE;
    uint64_t inode = (uint64_t)pid << 16;
    if (entry >= vm_entries && entry < vm_entries + ARRAY_SIZE(vm_entries))
        return 0x2000u + (unsigned)(entry - vm_entries);
    if (entry >= sys_entries && entry < sys_entries + ARRAY_SIZE(sys_entries))
        return 0x1000u + (unsigned)(entry - sys_entries);
    if (entry == &descriptor_entry)
        return inode | 0x8000 | (unsigned)descriptor;
    if (entry == &process_entry)
        return inode | 1;
    return inode | (unsigned)(2 + (pid ? entry - process_entries : entry - root_entries));
}

static int node_make(const struct entry *entry, int pid, int descriptor, struct vnode **made) {
    struct node *node = kmalloc(sizeof *node);
    if (!node)
        return -ENOMEM;
    node->entry = entry;
    node->pid = pid;
    node->descriptor = descriptor;
    struct vnode *vnode = &node->vnode;
    object_init(&vnode->object, &procfs_pager, 0);
    vnode->operations = S_ISDIR(entry->mode)   ? &directory_operations
                        : S_ISLNK(entry->mode) ? &link_operations
                                               : &file_operations;
    vnode->mount = &procfs;
    vnode->mode = entry->mode;
    vnode->inode = inode_of(entry, pid, descriptor);
    vnode->seekable = !S_ISLNK(entry->mode);
    *made = vnode;
    return 0;
}

static int get_attributes(struct vnode *vnode, struct vnode_attributes *attributes) {
    uint32_t now = time_boot_epoch() + (uint32_t)(time_ticks() / TICKS_PER_SECOND);
    *attributes = (struct vnode_attributes){.mode = vnode->mode,
                                            .links = S_ISDIR(vnode->mode) ? 2 : 1,
                                            .block_size = 1024,
                                            .inode = vnode->inode,
                                            .device = procfs.device,
                                            .atime = now,
                                            .mtime = now,
                                            .ctime = now};
    return 0;
}

/* --- files --- */

static long file_read_text(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position,
                           bool nonblock UNUSED) {
    struct node *node = node_of(vnode);
    char *page = kpage_alloc();
    if (!page)
        return -ENOMEM;
    struct process *process = node->pid ? process_find(node->pid) : NULL;
    struct text text = {.skip = position, .buffer = page, .room = MIN(bytes, (size_t)PAGE_SIZE)};
    long result = -ESRCH;
    if (process || !node->pid) {
        node->entry->print(&text, process);
        result = (long)text.used;
        if (user_write(buffer, page, text.used))
            result = -EFAULT;
    }
    kpage_free(page);
    return result;
}

static int node_parent(struct vnode *vnode, struct vnode **parent) {
    struct node *node = node_of(vnode);
    for (size_t i = 0; i < ARRAY_SIZE(root_entries); i++) {
        const struct entry *holder = holder_of(&root_entries[i], node->entry);
        if (holder)
            return node_make(holder, 0, 0, parent);
    }
    if (node->entry == &descriptor_entry)
        for (unsigned i = 0; i < ARRAY_SIZE(process_entries); i++)
            if (S_ISDIR(process_entries[i].mode))
                return node_make(&process_entries[i], node->pid, 0, parent);
    if (node->pid && node->entry != &process_entry)
        return node_make(&process_entry, node->pid, 0, parent);
    vnode_ref(procfs.root);
    *parent = procfs.root;
    return 0;
}

/* One write is one command. */
static long file_write_value(struct vnode *vnode, vaddr_t buffer, size_t bytes, uint64_t position UNUSED,
                             bool nonblock UNUSED) {
    struct node *node = node_of(vnode);
    char value[256];
    if (!node->entry->write)
        return -EACCES;
    if (bytes == 0 || bytes >= sizeof value)
        return -EINVAL;
    if (user_read(value, buffer, bytes))
        return -EFAULT;
    value[value[bytes - 1] == '\n' ? bytes - 1 : bytes] = '\0';
    struct process *process = node->pid ? process_find(node->pid) : NULL;
    if (node->pid && !process)
        return -ESRCH;
    int error = node->entry->write(process, value);
    return error ? error : (long)bytes;
}

static const struct vnode_operations file_operations = {
    .parent = node_parent,
    .get_attributes = get_attributes,
    .read = file_read_text,
    .write = file_write_value,
};

/* --- links --- */

/* What a link of a process leads to, without a new reference; or NULL. */
static struct vnode *link_vnode(const struct node *node) {
    struct process *process = process_find(node->pid);
    if (!process || process->exited)
        return NULL;
    if (node->entry == &descriptor_entry) {
        struct file *file = process->files[node->descriptor];
        return file ? file->vnode : NULL;
    }
    return strcmp(node->entry->name, "cwd") == 0 ? process->cwd : process->executable;
}

static int link_follow(struct vnode *link, struct vnode **target) {
    struct node *node = node_of(link);
    if (!node->pid) { /* self */
        const struct process *process = process_current();
        return process ? node_make(&process_entry, process->pid, 0, target) : -ENOENT;
    }
    struct vnode *vnode = link_vnode(node);
    if (!vnode)
        return -ENOENT;
    vnode_ref(vnode);
    *target = vnode;
    return 0;
}

/* The text that describes @vnode in a link. */
static int describe(struct vnode *vnode, char *buffer, size_t size) {
    int length = -ENOENT;
    if (vnode->mount && vnode->mount->root)
        length = path_of(vnode, buffer, size);
    if (length < 0)
        length = print_to(buffer, size, S_ISFIFO(vnode->mode) ? "pipe:[%u]" : "inode:[%u] (deleted)",
                          (unsigned)vnode->inode);
    return length;
}

static int link_readlink(struct vnode *link, char *buffer, size_t size) {
    struct node *node = node_of(link);
    char *text = kpage_alloc();
    if (!text)
        return -ENOMEM;
    int length = -ENOENT;
    struct vnode *vnode = node->pid ? link_vnode(node) : NULL;
    struct process *process = node->pid ? process_find(node->pid) : process_current();
    if (vnode && vnode == process->executable && process->executable_path) {
        length = (int)str_copy(text, process->executable_path, PAGE_SIZE);
    } else if (vnode) {
        vnode_ref(vnode);
        length = describe(vnode, text, PAGE_SIZE);
        vnode_unref(vnode);
    } else if (!node->pid && process) {
        length = print_to(text, PAGE_SIZE, "%d", process->pid);
    }
    if (length > 0) {
        length = (int)MIN((size_t)length, size);
        memcpy(buffer, text, (size_t)length);
    }
    kpage_free(text);
    return length;
}

static const struct vnode_operations link_operations = {
    .parent = node_parent,
    .readlink = link_readlink,
    .follow = link_follow,
    .get_attributes = get_attributes,
};

/* --- directories --- */

/* A decimal number without leading zeros, below 2^30; or -1. */
static int parse_number(const char *name, size_t length) {
    int number = 0;
    if (length == 0 || length > 9 || (name[0] == '0' && length > 1))
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        number = number * 10 + (name[i] - '0');
    }
    return number;
}

static const struct entry *find_entry(const struct entry *table, size_t entries, const char *name,
                                      size_t length) {
    for (size_t i = 0; i < entries; i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    }
    return NULL;
}

static int lookup_descriptor(const struct node *directory, int number, struct vnode **found) {
    struct process *process = process_find(directory->pid);
    if (!process || number < 0 || number >= FILES_MAX || !process->files[number])
        return -ENOENT;
    return node_make(&descriptor_entry, directory->pid, number, found);
}

static int directory_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found) {
    const struct node *directory = node_of(vnode);
    if (directory->entry->children) {
        const struct entry *entry =
            find_entry(directory->entry->children, directory->entry->child_count, name, length);
        return entry ? node_make(entry, 0, 0, found) : -ENOENT;
    }
    int number = parse_number(name, length);
    if (directory->entry == &process_entry) {
        const struct entry *entry = find_entry(process_entries, ARRAY_SIZE(process_entries), name, length);
        return entry && process_find(directory->pid) ? node_make(entry, directory->pid, 0, found) : -ENOENT;
    }
    if (directory->pid)
        return lookup_descriptor(directory, number, found);
    if (number > 0)
        return process_find(number) ? node_make(&process_entry, number, 0, found) : -ENOENT;
    const struct entry *entry = find_entry(root_entries, ARRAY_SIZE(root_entries), name, length);
    return entry ? node_make(entry, 0, 0, found) : -ENOENT;
}

/* A listing under way. Positions: 0 and 1 are "." and "..", then the table, then numbers. */
struct listing {
    uint64_t position;
    directory_emit *emit;
    void *data;
    bool full;
};

static void list_one(struct listing *listing, uint64_t at, const char *name, uint64_t inode, uint32_t mode) {
    if (!listing->full && at >= listing->position)
        listing->full =
            !listing->emit(listing->data, name, strlen(name), inode, vnode_directory_type(mode), at + 1);
}

static void list_number(struct listing *listing, uint64_t at, const struct entry *entry, int pid,
                        int descriptor, int number) {
    char name[12];
    print_to(name, sizeof name, "%d", number);
    list_one(listing, at, name, inode_of(entry, pid, descriptor), entry->mode);
}

/* The process with the lowest pid that is not below @pid, or 0. */
static int next_pid(int pid) {
    int best = 0;
    list_for_each (process, &processes, struct process, all) {
        if (process->pid >= pid && (best == 0 || process->pid < best))
            best = process->pid;
    }
    return best;
}

static void list_pids(struct listing *listing, uint64_t base) {
    int from = listing->position > base ? (int)(listing->position - base) : 1;
    for (int pid = next_pid(from); pid && !listing->full; pid = next_pid(pid + 1))
        list_number(listing, base + (unsigned)pid, &process_entry, pid, 0, pid);
}

static void list_descriptors(struct listing *listing, int pid) {
    struct process *process;
    for (int i = 0; i < FILES_MAX && !listing->full && (process = process_find(pid)) != NULL; i++) {
        if (process->files[i])
            list_number(listing, 2 + (unsigned)i, &descriptor_entry, pid, i, i);
    }
}

static int directory_list(struct vnode *vnode, uint64_t position, directory_emit *emit, void *data) {
    const struct node *directory = node_of(vnode);
    struct listing listing = {.position = position, .emit = emit, .data = data};
    list_one(&listing, 0, ".", vnode->inode, S_IFDIR);
    list_one(&listing, 1, "..", ROOT_INODE, S_IFDIR);
    bool of_process = directory->entry == &process_entry, fixed = directory->entry->children;
    if (directory->pid && !of_process) {
        list_descriptors(&listing, directory->pid);
        return 0;
    }
    const struct entry *table = fixed        ? directory->entry->children
                                : of_process ? process_entries
                                             : root_entries;
    size_t entries = fixed        ? directory->entry->child_count
                     : of_process ? ARRAY_SIZE(process_entries)
                                  : ARRAY_SIZE(root_entries);
    for (size_t i = 0; i < entries; i++)
        list_one(&listing, 2 + i, table[i].name, inode_of(&table[i], directory->pid, 0), table[i].mode);
    if (!of_process && !fixed)
        list_pids(&listing, 2 + entries);
    return 0;
}

static const struct vnode_operations directory_operations = {
    .lookup = directory_lookup,
    .parent = node_parent,
    .list = directory_list,
    .get_attributes = get_attributes,
};

int procfs_mount(struct mount **mount) {
    procfs.device = mount_anonymous_device();
    list_init(&procfs.link);
    int error = node_make(&root_entry, 0, 0, &procfs.root);
    *mount = &procfs;
    return error;
}
