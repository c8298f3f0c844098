/*
 * The life of threads: made, run, buried.
 *
 * A thread cannot free the stack it stands on. It leaves itself on the list of the dead and queues the
 * burial as deferred work, which the next thread does for it.
 */
#include "kernel/thread.h"
#include "arch/x86/irq.h"
#include "arch/x86/memory.h"
#include "kernel/process.h"
#include "lib/deferred.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/trace.h"
#include "mm/vm.h"

struct list threads = LIST_INITIALIZER(threads);

static struct list dead = LIST_INITIALIZER(dead);
static unsigned thread_count;

bool threads_enough(void) {
    return thread_count >= frame_total / FRAMES_PER_THREAD;
}

struct thread *thread_create(void) {
    struct thread *thread = kmalloc(sizeof *thread);
    if (!thread)
        return NULL;
    thread->stack_top = kstack_create();
    if (!thread->stack_top) {
        kfree(thread);
        return NULL;
    }
    thread->state = THREAD_ASLEEP;
    thread->attention = true; /* its process may have something pending */
    list_init(&thread->link);
    list_init(&thread->timed);
    list_init(&thread->siblings);
    list_add_tail(&threads, &thread->all);
    thread_count++;
    return thread;
}

/* --- how deep the stacks get --- */

static struct kstack_mark deepest; /* of threads that are gone, where check= is on */

static struct kstack_mark mark_of(const struct thread *thread) {
    struct kstack_mark mark = {.bytes = (unsigned)kstack_depth(thread->stack_top), .id = thread->id};

    const char *name = thread->process ? thread->process->name : thread->name;

    str_copy(mark.name, name ? name : "(ended)", sizeof(mark.name));
    return mark;
}

void threads_for_each_mark(void (*visit)(const struct kstack_mark *mark, void *data), void *data) {
    list_for_each (thread, &threads, struct thread, all) {
        struct kstack_mark mark = mark_of(thread);

        visit(&mark, data);
    }
}

static void keep_deepest(const struct kstack_mark *mark, void *data) {
    struct kstack_mark *most = data;

    if (mark->bytes > most->bytes)
        *most = *mark;
}

struct kstack_mark threads_deepest(void) {
    struct kstack_mark most = deepest;

    threads_for_each_mark(keep_deepest, &most);
    return most;
}

void thread_destroy(struct thread *thread) {
    if (vm_options.check) { /* to read its stack word by word is a quarter of what a small process costs */
        struct kstack_mark mark = mark_of(thread);

        keep_deepest(&mark, &deepest);
    }
    thread_count--;
    list_remove(&thread->all);
    list_remove(&thread->siblings);
    kstack_destroy(thread->stack_top);
    kfree(thread);
}

/* Where every kernel thread begins. */
static void run_kernel_thread(void *argument) {
    struct thread *self = argument;
    irq_enable();
    self->entry(self->argument);
    thread_exit();
}

struct thread *thread_create_kernel(const char *name, void (*entry)(void *), void *argument) {
    struct thread *thread = thread_create();
    if (!thread)
        return NULL;
    static uint16_t number; /* the boot thread is 0 */
    thread->kernel_number = ++number;
    thread->name = name;
    trace_name(TRACE_NAME, thread_trace_id(thread), name);
    thread->entry = entry;
    thread->argument = argument;
    context_init_kernel(&thread->context, thread->stack_top, run_kernel_thread, thread);
    thread_ready(thread);
    return thread;
}

static void bury_dead(void) {
    while (!list_empty(&dead)) {
        struct thread *thread = list_first(&dead, struct thread, link);
        list_remove(&thread->link);
        thread_destroy(thread);
    }
}

NORETURN void thread_exit(void) {
    static struct deferred burial = {.function = bury_dead};
    may_sleep();
    ASSERT(thread_current->mutexes == 0);
    deferred_run(); /* before the burial is queued: it must not run while we stand on the stack */
    irq_disable();
    struct thread *self = thread_current;
    self->state = THREAD_DEAD;
    self->process = NULL;
    list_add_tail(&dead, &self->link);
    deferred_queue(&burial);
    sched_switch_from_dead();
}

void vm_spawn_daemon(const char *name, void (*entry)(void *)) {
    if (!thread_create_kernel(name, entry, NULL))
        panic("no memory for the thread %s", name);
}
