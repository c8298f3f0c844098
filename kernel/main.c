/*
 * The kernel's own start: from kernel_main(), which arch/x86 calls when the processor is set up, to the
 * first program.
 *
 * What needs no thread is done on the boot stack; the boot thread then becomes the idle thread. All that
 * may sleep (disks, mounts, the first program) is done by a kernel thread, "init", which becomes process 1
 * for the time of its exec and hands it over to a thread that starts in user mode.
 */
#include "arch/x86/machine.h"
#include "arch/x86/trap.h"
#include "drivers/ata/ata.h"
#include "drivers/block.h"
#include "drivers/vga.h"
#include "kernel/bootparam.h"
#include "kernel/debug.h"
#include "kernel/process.h"
#include "kernel/status.h"
#include "kernel/terminal.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/vm.h"

#include <linux/fcntl.h>

#define MBR_LINUX        0x83
#define MBR_SWAP         0x82
#define STATUS_NOT_FOUND (127 << 8) /* wait status: what shells say of a program that cannot be run */

NORETURN void kernel_main(void);

static void complain(const char *text) {
    klog("%s", text);
}

/* --- file systems and swap --- */

static int mount_file_systems(void) {
    struct block_device *device =
        boot_options.root ? block_find(boot_options.root) : block_find_type(MBR_LINUX);
    struct mount *root, *other;
    if (!device) {
        klog("init: no root partition%s%s", boot_options.root ? " " : "",
             boot_options.root ? boot_options.root : "");
        return -ENODEV;
    }
    int error = ext2_mount(device, false, &root);
    if (!error)
        error = mount_root(root);
    if (error) {
        klog("init: cannot mount %s as root: error %d", device->name, -error);
        return error;
    }
    if (devfs_mount(&other) || mount_at("/dev", other))
        klog("init: no /dev");
    if (tmpfs_mount(&other) || mount_at("/dev/shm", other))
        klog("init: no /dev/shm");
    if (procfs_mount(&other) || mount_at("/proc", other))
        klog("init: no /proc");
    return 0;
}

static void start_swap(void) {
    struct block_device *device = block_find_type(MBR_SWAP);
    int error = device ? swap_start(device) : -ENODEV;
    if (error)
        klog("init: no swap: error %d", -error);
}

/* --- process 1 --- */

/* Descriptors 0, 1 and 2. */
static int open_console(struct process *process) {
    struct file *file;
    int error = file_open(NULL, "/dev/console", O_RDWR, 0, &file);
    if (error)
        return error;
    for (int fd = 0; fd < 3; fd++) {
        file_ref(file);
        process->files[fd] = file;
    }
    file_unref(file);
    return 0;
}

static int exec_init(struct trap_frame *frame) {
    static const char *const environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux",
                                              NULL};
    const char *argv[INIT_ARGUMENTS_MAX + 2] = {boot_options.init};
    for (int i = 0; i < boot_options.argument_count; i++)
        argv[i + 1] = boot_options.arguments[i];
    int error = exec_program(boot_options.init, argv, environment, frame);
    if (error)
        klog("init: cannot run %s: error %d", boot_options.init, -error);
    return error;
}

/* A directory, a console and a program for process 1; @frame is where it begins. */
static int prepare_process_1(struct trap_frame *frame) {
    struct thread *self = thread_current;
    int error = path_walk(NULL, "/", 0, &process_init->cwd);
    if (error)
        return error;
    error = open_console(process_init);
    if (error) {
        klog("init: cannot open /dev/console: error %d", -error);
        return error;
    }
    self->process = process_init;
    error = exec_init(frame);
    self->process = NULL;
    return error;
}

/* The machine ends, and its file systems want all references back. */
static void give_up_process_1(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (process_init->files[fd])
            file_unref(process_init->files[fd]);
        process_init->files[fd] = NULL;
    }
    if (process_init->cwd)
        vnode_unref(process_init->cwd);
    process_init->cwd = NULL;
}

/* Becomes process 1, loads its program, and leaves it to a thread that begins in user mode. */
static int start_process_1(void) {
    struct thread *user = thread_create();
    struct trap_frame frame;
    process_init = process_create();
    if (!user || !process_init)
        return -ENOMEM;
    int error = prepare_process_1(&frame);
    if (error) {
        give_up_process_1();
        return error;
    }
    user->trap = context_init_user(&user->context, user->stack_top, &frame);
    process_adopt_thread(process_init, user);
    thread_ready(user);
    return 0;
}

static void init_thread(void *unused) {
    (void)unused;
    breakage_run();
    block_init();
    ata_init(strcmp(boot_options.ata, "dma") == 0);
    int error = mount_file_systems();
    if (!error) {
        start_swap();
        error = start_process_1();
    }
    if (error)
        machine_finish(STATUS_NOT_FOUND);
}

/* On the boot stack, interrupts disabled. */
NORETURN void kernel_main(void) {
    stack_guard_choose();
    vga_init();
    bootparam_parse(machine_command_line(), complain);
    vm_init();
    sched_init();
    if (boot_options.status)
        status_init();
    terminal_init(boot_options.console_raw);
    vm_start();
    if (!thread_create_kernel("init", init_thread, NULL))
        panic("no memory for the first thread");
    sched_idle();
}
