/* Processes: space, files, family, signals. */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "fs/file.h"
#include "kernel/thread.h"
#include "mm/space.h"

#define FILES_MAX 64
#define SIGNALS   64

struct process {
    int pid, group, session;
    struct space *space;
    struct list threads;
    struct process *parent;
    struct list children, sibling; /* sibling: link in the parent's children */
    struct list all;
    struct file *files[FILES_MAX];
    uint64_t close_on_exec; /* bit a descriptor */
    struct vnode *cwd;
    struct vnode *executable;
    unsigned umask;
    char name[16];   /* last component of the program's path */
    bool exited;     /* a zombie: only the entry for wait4 is left */
    int exit_status; /* Linux's wait status */
    int killed_by;   /* fatal signal under way, or 0 */
    bool stopped, continued;
    struct waitq child_event; /* wait4 sleeps here */
    uint64_t signals_pending;
    struct signal_action {
        vaddr_t handler, restorer; /* handler: 0 SIG_DFL, 1 SIG_IGN */
        uint64_t mask;
        uint32_t flags; /* SA_* */
    } actions[SIGNALS + 1];
    uint64_t user_ticks, kernel_ticks, child_user_ticks, child_kernel_ticks;
    uint32_t child_minor, child_major;
};

extern struct list processes;
extern struct process *process_init; /* pid 1 */

static inline struct process *process_current(void) {
    return thread_current->process;
}

struct process *process_find(int pid);

/* Replaces the current process's image. 0, or errno with the old image intact. kernel/exec.c */
int exec_program(const char *path, const char *const *argv, const char *const *envp,
                 struct trap_frame *frame);

/* Ends the current process with a wait status. kernel/exit.c */
NORETURN void process_exit(int wait_status);

/* Signals (Linux numbers). kernel/signal.c */
void signal_send_process(struct process *process, int signal);
void signal_send_group(int group, int signal);
bool signal_pending(void); /* a deliverable one, for the running thread */

#endif
