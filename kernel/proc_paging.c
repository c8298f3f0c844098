/*
 * The files of /proc by which paging is steered and measured: replacement policies, load control, reference
 * strings, times of faults. They are ours, not Linux's.
 */
#include "kernel/procfs.h"

#include "kernel/bootparam.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/fault_times.h"
#include "mm/loadcontrol.h"
#include "mm/policy.h"
#include "mm/refstring.h"
#include "mm/reftrace.h"
#include "mm/scope.h"
#include "mm/vm.h"

/* The policies there are, the one of the global set in brackets. */
void print_policy(struct text *text, struct process *process UNUSED) {
    for (unsigned i = 0; policy_number(i) != NULL; i++) {
        const struct policy *policy = policy_number(i);
        if (!policy->needs_future)
            text_print(text, policy == set_global.policy ? "[%s] " : "%s ", policy->name);
    }
    text_print(text, "\n");
}

int write_policy(struct process *process UNUSED, char *value) {
    const struct policy *policy = policy_find(value);
    if (policy == NULL || policy->needs_future)
        return -EINVAL;
    return scope_set_policy_of_all(policy);
}

void print_scope(struct text *text, struct process *process UNUSED) {
    text_print(text, vm_options.scope == SCOPE_LOCAL ? "global [local]\n" : "[global] local\n");
}

int write_scope(struct process *process UNUSED, char *value) {
    if (strcmp(value, "local") == 0)
        return scope_change(SCOPE_LOCAL);
    return strcmp(value, "global") == 0 ? scope_change(SCOPE_GLOBAL) : -EINVAL;
}

void print_quota(struct text *text, struct process *process UNUSED) {
    static const char *const names[] = {
        [QUOTA_EQUAL] = "equal", [QUOTA_PROPORTIONAL] = "proportional", [QUOTA_PFF] = "pff"};
    if (vm_options.quota == QUOTA_FIXED)
        text_print(text, "%u\n", (unsigned)vm_options.quota_fixed);
    else
        text_print(text, "%s\n", names[vm_options.quota]);
}

int write_quota(struct process *process UNUSED, char *value) {
    if (!bootparam_quota(value))
        return -EINVAL;
    scope_divide();
    return 0;
}

void print_loadcontrol(struct text *text, struct process *process UNUSED) {
    text_print(text, "%u\n", loadcontrol_seconds());
}

int write_loadcontrol(struct process *process UNUSED, char *value) {
    unsigned seconds = 0, digits = 0;
    for (; value[digits] >= '0' && value[digits] <= '9' && digits < 3; digits++)
        seconds = seconds * 10 + (unsigned)(value[digits] - '0');
    if (digits == 0 || value[digits] != '\0' || seconds > LOADCONTROL_SECONDS_MAX)
        return -EINVAL;
    return loadcontrol_set(seconds);
}

/* What the pages of the process are replaced by; "local" and its quota where it has a set of its own. */
void print_own_policy(struct text *text, struct process *process) {
    const struct set *set = process->space ? process->space->set : NULL;
    if (!set)
        text_print(text, "-\n");
    else if (set == &set_global)
        text_print(text, "%s global\n", set->policy->name);
    else
        text_print(text, "%s local %u of %u frames\n", set->policy->name, (unsigned)set_frames(set),
                   (unsigned)set->quota);
}

int write_own_policy(struct process *process, char *value) {
    const struct policy *policy = policy_find(value);
    if (policy == NULL || policy->needs_future)
        return -EINVAL;
    return process->space ? scope_set_policy(process->space, policy) : -ESRCH;
}

void print_reftrace(struct text *text, struct process *process) {
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

int write_reftrace(struct process *process, char *value) {
    if (process != process_current() || !process->space)
        return -EPERM; /* not under somebody's feet */
    return reftrace_command(process->space, process->pid, value);
}

/* A line for each kind of fault of the children there were since "start": how many, how many read, and their times. */
void print_fault_times(struct text *text, struct process *process) {
    const struct fault_times *times = process->space ? process->space->times_of_children : NULL;
    text_print(text, "%-10s %10s %10s %15s %15s\n", "kind", "count", "major", "nanoseconds", "longest");
    for (unsigned i = 0; times && i < FAULT_TIMES_KINDS; i++)
        text_print(text, "%-10s %10u %10u %15llu %15llu\n", fault_times_names[i], times->kinds[i].count,
                   times->kinds[i].major, times->kinds[i].nanoseconds, times->kinds[i].longest);
}

int write_fault_times(struct process *process, char *value) {
    if (process != process_current() || !process->space)
        return -EPERM;
    return strcmp(value, "start") == 0 ? fault_times_start(process->space) : -EINVAL;
}

#define LOG_WIDTH 9u /* characters of a reference, so that a reader's position leads straight to it */

void print_reflog(struct text *text, struct process *process UNUSED) {
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
