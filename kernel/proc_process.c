/* What /proc tells about one process, in Linux's formats; its memory is in proc_memory.c. Source: proc(5). */
#include "kernel/procfs.h"

#include "kernel/process.h"
#include "lib/string.h"
#include "mm/fault.h"
#include "mm/frame.h"
#include "mm/space.h"

#include <linux/capability.h>

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

static const struct thread *first_thread(const struct process *process) {
    return list_empty(&process->threads) ? NULL : list_first(&process->threads, struct thread, siblings);
}

static const char *state_name(char state) {
    switch (state) {
    case 'R':
        return "R (running)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "S (sleeping)";
    }
}

/* Pages of private memory that may be written to: a stack's, or all but stacks'. */
static pgoff_t data_pages(struct space *space, bool stack) {
    pgoff_t pages = 0;
    list_for_each (area, &space->areas, struct area, link) {
        if ((area->flags & AREA_WRITE) && !(area->flags & AREA_SHARED) &&
            stack == !!(area->flags & AREA_GROWSDOWN))
            pages += area->pages;
    }
    return pages;
}

static void print_sizes(struct text *text, struct space *space) {
    pgoff_t code = (pgoff_t)((PAGE_UP(space->code_end) - PAGE_DOWN(space->code_start)) / PAGE_SIZE);
    text_print(text, "VmData:\t%8u kB\n", (unsigned)data_pages(space, false) * KIB_PER_PAGE);
    text_print(text, "VmStk:\t%8u kB\n", (unsigned)data_pages(space, true) * KIB_PER_PAGE);
    text_print(text, "VmExe:\t%8u kB\n", (unsigned)code * KIB_PER_PAGE);
}

/* Those of its first thread. The bounding set cannot be changed, and nothing is ambient. */
static void print_capabilities(struct text *text, const struct process *process) {
    struct capabilities none = {0};
    const struct capabilities *own = &none;
    const struct thread *first = first_thread(process);
    if (first)
        own = &first->capabilities;
    text_print(text, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\n", own->inheritable,
               own->permitted, own->effective);
    text_print(text, "CapBnd:\t%016llx\nCapAmb:\t%016llx\nNoNewPrivs:\t0\n", CAPABILITIES_ALL, 0ull);
}

void print_status(struct text *text, struct process *process) {
    struct space_usage usage = usage_of(process);
    text_print(text, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
               process->name, process->umask, state_name(state_of(process)), process->pid, process->pid,
               parent_of(process));
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
        print_sizes(text, process->space);
        text_print(text, "VmPTE:\t%8u kB\n", process->space->pmap.tables * KIB_PER_PAGE);
        text_print(text, "VmSwap:\t%8u kB\n", (unsigned)usage.swapped * KIB_PER_PAGE);
    }
    print_capabilities(text, process);
    const struct thread *first = first_thread(process);
    text_print(text, "Threads:\t%u\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
               thread_count(process), first ? first->signals_pending : 0, process->signals_pending,
               first ? first->signals_blocked : 0);
    text_print(text, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", signal_set(process, true),
               signal_set(process, false));
}

void print_statm(struct text *text, struct process *process) {
    struct space_usage usage = usage_of(process);
    struct space *space = process->space;
    unsigned code =
        space ? (unsigned)(PAGE_UP(space->code_end) - PAGE_DOWN(space->code_start)) / PAGE_SIZE : 0;
    text_print(text, "%u %u %u %u 0 %u 0\n", (unsigned)usage.virtual, (unsigned)usage.resident,
               (unsigned)(usage.of_files + usage.shared), code, (unsigned)usage.virtual - code);
}

/* 52 fields; see proc(5) for their numbers. */
void print_process_stat(struct text *text, struct process *process) {
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

void print_comm(struct text *text, struct process *process) {
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
void print_cmdline(struct text *text, struct process *process) {
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
