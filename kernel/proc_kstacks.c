/*
 * /proc/kstacks: how deep each kernel stack has ever been, in bytes: a line for every thread, with its id
 * (0: a kernel thread) and its name, and last the deepest of all; of threads that have
 * ended, too, where check= is on.
 *
 * Source of the idea: Linux's CONFIG_DEBUG_STACK_USAGE.
 */
#include "arch/x86/memory.h"
#include "kernel/procfs.h"
#include "kernel/thread.h"

static void print_mark(const struct kstack_mark *mark, void *text) {
    text_print(text, "%6u of %u  %4d %s\n", mark->bytes, (unsigned)(KSTACK_PAGES * PAGE_SIZE), mark->id,
               mark->name);
}

void print_kstacks(struct text *text, struct process *process UNUSED) {
    struct kstack_mark deepest = threads_deepest();

    threads_for_each_mark(print_mark, text);
    text_print(text, "deepest:\n");
    print_mark(&deepest, text);
}
