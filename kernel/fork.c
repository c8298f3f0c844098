/*
 * fork, vfork and clone: a new process, or a new thread, that continues where its parent is.
 *
 * The child gets a copy of everything the parent has: its space copy-on-write (mm/space.h, so no page is
 * copied here), its descriptors, signal actions, registers and FPU state. With CLONE_VM it gets the space
 * itself; that is sound because a fault never holds anything while it sleeps, and the space is counted.
 * With CLONE_VFORK the parent sleeps until the child has let go of the space, by exec or by exit.
 *
 * With CLONE_THREAD the new one is a thread of the same process, which then shares all of that; whoever
 * wants to share only a part of it (CLONE_FILES without CLONE_THREAD, say) is refused.
 *
 * Source: Bach, "The Design of the UNIX Operating System", 7.1; clone(2).
 */
#include "arch/x86/abi.h"
#include "arch/x86/usercopy.h"
#include "kernel/process.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/counters.h"
#include "mm/heap.h"
#include "mm/trace.h"

#include <asm/ldt.h>
#include <linux/sched.h>

#define CLONE_EXIT_SIGNAL 0xFFu
#define CLONE_TIDS                                                                                           \
    (CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED)
#define CLONE_FOR_PROCESS (CLONE_EXIT_SIGNAL | CLONE_VM | CLONE_VFORK | CLONE_TIDS)
/* What pthread_create asks for: all of it or nothing. */
#define CLONE_AS_THREAD  (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_FOR_THREAD (CLONE_EXIT_SIGNAL | CLONE_AS_THREAD | CLONE_SYSVSEM | CLONE_TIDS)

static void copy_files(struct process *child, const struct process *parent) {
    for (int fd = 0; fd < FILES_MAX; fd++) {
        child->files[fd] = parent->files[fd];
        if (child->files[fd])
            file_ref(child->files[fd]);
    }
    child->close_on_exec = parent->close_on_exec;
    child->cwd = parent->cwd;
    vnode_ref(child->cwd);
    child->executable = parent->executable;
    if (child->executable) {
        vnode_ref(child->executable);
        vnode_run_share(child->executable);
    }
}

/* What is plain data. Pending signals, times and timers begin anew. */
static void copy_attributes(struct process *child, const struct process *parent) {
    child->group = parent->group;
    child->session = parent->session;
    child->umask = parent->umask;
    memcpy(child->name, parent->name, sizeof child->name);
    memcpy(child->actions, parent->actions, sizeof child->actions);
    memcpy(child->limits, parent->limits, sizeof child->limits);
    if (parent->executable_path) {
        size_t bytes = strlen(parent->executable_path) + 1;
        child->executable_path = kmalloc(bytes);
        if (child->executable_path) /* without memory /proc/PID/exe has no text, nothing worse */
            memcpy(child->executable_path, parent->executable_path, bytes);
    }
}

static void copy_thread(struct thread *child, struct thread *parent, const struct clone_request *request) {
    struct trap_frame *frame = context_init_user(&child->context, child->stack_top, parent->trap);
    context_copy_user_state(&child->context, &parent->context);
    child->trap = frame;
    abi_set_result(frame, 0);
    if (request->stack)
        abi_set_stack_pointer(frame, request->stack);
    child->signals_blocked = parent->signals_blocked;
    child->capabilities = parent->capabilities;
    if (!(request->flags & CLONE_VM) || (request->flags & CLONE_VFORK)) {
        child->alternate_stack = parent->alternate_stack;
        child->alternate_size = parent->alternate_size;
    }
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_tid = request->child_tid;
}

static int copy_tls(struct thread *child, const struct clone_request *request) {
    if (!(request->flags & CLONE_SETTLS))
        return 0;
    struct user_desc descriptor;
    int error = user_read(&descriptor, request->tls, sizeof descriptor);
    return error ? error : context_set_tls(&child->context, &descriptor);
}

/* The child's tid goes into the memory of either; as on Linux, a bad address is nobody's error. */
static void write_tids(struct process *child, const struct clone_request *request) {
    if (request->flags & CLONE_PARENT_SETTID)
        user_write(request->parent_tid, &child->pid, sizeof child->pid);
    if (request->flags & CLONE_CHILD_SETTID) {
        process_borrow_space(child->space);
        user_write(request->child_tid, &child->pid, sizeof child->pid);
        process_borrow_space(NULL);
    }
}

static struct space *space_for_child(struct space *own, uint32_t flags) {
    if (!(flags & CLONE_VM))
        return space_fork(own);
    space_ref(own);
    return own;
}

/* Undoes a clone that failed before the child had anything but a thread and a pid. */
static int abandon(struct process *child, struct thread *thread, int error) {
    if (thread)
        thread_destroy(thread);
    if (child)
        process_destroy(child);
    return error;
}

/* Sleeps until the child has let go of our space, or we are killed; the child may be gone by then. */
static void wait_for_vfork(int child_pid) {
    struct process *self = process_current();
    for (;;) {
        const struct process *child = process_find(child_pid);
        if (!child || child->parent != self || !child->uses_parents_space)
            return;
        if (wait_killable(&self->child_event) == -EINTR)
            return;
    }
}

static long clone_process(const struct clone_request *request) {
    struct process *parent = process_current();
    struct process *child = process_create();
    struct thread *thread = child ? thread_create() : NULL;
    if (!thread)
        return abandon(child, NULL, -ENOMEM);
    copy_thread(thread, thread_current, request);
    int error = copy_tls(thread, request);
    if (error)
        return abandon(child, thread, error);
    child->space = space_for_child(parent->space, request->flags);
    if (!child->space)
        return abandon(child, thread, -ENOMEM);
    if (child->space != parent->space)
        child->space->owner_pid = child->pid;
    copy_attributes(child, parent);
    copy_files(child, parent);
    process_adopt_thread(child, thread);
    process_set_parent(child, parent);
    write_tids(child, request);
    count(COUNT_FORKS);
    trace(TRACE_FORK, 0, 0, 0, (uint32_t)child->pid, (uint32_t)thread->id);
    int pid = child->pid;
    child->uses_parents_space = request->flags & CLONE_VFORK;
    thread_ready(thread);
    if (request->flags & CLONE_VFORK)
        wait_for_vfork(pid);
    return pid;
}

static long clone_thread(const struct clone_request *request) {
    struct process *process = process_current();
    struct thread *thread = thread_create();
    if (!thread)
        return -ENOMEM;
    copy_thread(thread, thread_current, request);
    int error = copy_tls(thread, request);
    if (!error && thread_doomed(thread_current))
        error = -EINTR;
    if (error) {
        thread_destroy(thread);
        return error;
    }
    process_adopt_thread(process, thread);
    int id = thread->id;
    trace(TRACE_FORK, 1, 0, 0, (uint32_t)process->pid, (uint32_t)id);
    if (request->flags & CLONE_PARENT_SETTID)
        user_write(request->parent_tid, &id, sizeof id);
    if (request->flags & CLONE_CHILD_SETTID)
        user_write(request->child_tid, &id, sizeof id);
    thread_ready(thread);
    return id;
}

long process_clone(const struct clone_request *request) {
    uint32_t flags = request->flags;
    if (threads_enough())
        return -EAGAIN;
    if (!(flags & CLONE_THREAD))
        return flags & ~CLONE_FOR_PROCESS ? -ENOSYS : clone_process(request);
    bool whole = (flags & CLONE_AS_THREAD) == CLONE_AS_THREAD;
    return !whole || (flags & ~CLONE_FOR_THREAD) ? -EINVAL : clone_thread(request);
}
