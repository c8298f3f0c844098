/*
 * Who holds references to objects: for the checker (mm/check.c), which knows areas only. Files that are open, working
 * directories and programs of processes, what the file systems hold for themselves, and segments of shared memory.
 *
 * Threads hold references too, while a call or a fault is under way: no list says which. They have none on their way
 * to user mode, where they are preempted, and none where they sleep until something happens outside (a child ends, a
 * byte comes, time passes), which a signal may cut short: only in opening a named pipe do they.
 *
 * Source of the idea: the mark phase of a garbage collector, from the roots that are known (McCarthy, 1960).
 */
#include "fs/file.h"
#include "kernel/process.h"
#include "kernel/shm.h"
#include "mm/object.h"
#include "mm/vm.h"

static void (*counting)(struct object *object);

static void count_recounted(struct object *object) {
    if (object->pager->recounted)
        counting(object);
}

static void count_vnode(struct vnode *vnode) {
    if (vnode)
        count_recounted(&vnode->object);
}

static void count_file(const struct file *file, void *unused) {
    (void)unused;
    count_vnode(file->vnode);
}

/* The paging daemon's sleep is mm's to judge. It is the one thread of the kernel's own beside the one that begins. */
static bool is_at_rest(const struct thread *thread) {
    switch (thread->state) {
    case THREAD_ASLEEP:
        return thread->interruptible || !thread->process;
    case THREAD_DEAD:
        return true;
    default:
        return thread->at_rest;
    }
}

static bool all_at_rest(void) {
    if (!process_init || list_empty(&process_init->threads))
        return false; /* the machine begins or ends */
    list_for_each (thread, &threads, struct thread, all) {
        if (!is_at_rest(thread))
            return false;
    }
    return true;
}

bool vm_count_references(void (*count)(struct object *object)) {
    counting = count;
    file_for_each(count_file, NULL);
    list_for_each (process, &processes, struct process, all) {
        count_vnode(process->cwd);
        count_vnode(process->executable);
    }
    mounts_count_references(count_recounted);
    shm_count_references(count_recounted);
    return fifo_count_references(count_recounted) && all_at_rest();
}
