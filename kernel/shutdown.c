/*
 * The end of the machine: when pid 1 has ended, everything else ends in order.
 *
 * The other processes are killed and waited for, file systems are written and marked clean, memory is
 * recounted, and the counters and pid 1's fate go to the log port as records ("@stat", "@exit"), where the
 * guest runner reads them. The records come last, so that their presence means that all before went well.
 */
#include "arch/x86/machine.h"
#include "arch/x86/time.h"
#include "fs/vnode.h"
#include "kernel/process.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/counters.h"
#include "mm/vm.h"

#include <linux/signal.h>

#define KILL_SECONDS 5u

static struct process *another_process(void) {
    list_for_each (process, &processes, struct process, all) {
        if (process != process_init && !process->exited)
            return process;
    }
    return NULL;
}

/* A process that sits in the disk driver dies when its transfer ends; we do not wait for ever. */
static void kill_others(void) {
    uint64_t deadline = time_ticks() + KILL_SECONDS * TICKS_PER_SECOND;
    list_for_each (process, &processes, struct process, all) {
        if (process != process_init && !process->exited)
            signal_send_process(process, SIGKILL);
    }
    while (another_process()) {
        uint64_t now = time_ticks();
        if (now >= deadline || wait_timeout(&process_init->child_event, deadline - now) == -EINTR) {
            struct process *left = another_process();
            if (left)
                klog("shutdown: %s[%d] does not die", left->name, left->pid);
            return;
        }
    }
}

static void emit_stat(const char *name, uint32_t value, void *data) {
    (void)data;
    klog("@stat %s %u", name, value);
}

static void emit_times(void) {
    static const char *const names[] = {
        [SCHED_USER] = "cpu_user_ms", [SCHED_KERNEL] = "cpu_kernel_ms", [SCHED_IDLE] = "cpu_idle_ms"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        emit_stat(names[i], (uint32_t)(sched_ticks(i) * 1000 / TICKS_PER_SECOND), NULL);
}

static void emit_exit(int wait_status) {
    int signal = wait_status & 0x7F;
    if (signal)
        klog("@exit signal %d", signal);
    else
        klog("@exit status %d", wait_status >> 8 & 0xFF);
}

NORETURN void machine_finish(int wait_status) {
    terminal_drain();
    mounts_unmount_all();
    if (vm_options.check) {
        vm_check();
        vm_check_end();
    }
    counters_for_each(emit_stat, NULL);
    emit_times();
    emit_stat("kstack_deepest", threads_deepest().bytes, NULL);
    const char *broken = counters_check();
    if (broken && vm_options.check)
        panic("counters: %s does not hold", broken);
    if (broken)
        klog("counters: %s does not hold", broken);
    emit_exit(wait_status);
    machine_exit(MACHINE_EXIT_OK);
}

NORETURN void machine_shutdown(int wait_status) {
    kill_others();
    machine_finish(wait_status);
}
