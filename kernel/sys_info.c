/*
 * System calls that tell about the machine, or end it.
 */
#include "arch/x86/machine.h"
#include "arch/x86/time.h"
#include "arch/x86/usercopy.h"
#include "fs/vnode.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/swap.h"

#include <linux/capability.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

long sys_uname(vaddr_t result) {
    struct new_utsname name = {
        .sysname = "Linux", /* the ABI that programs ask for */
        .nodename = "faultline",
        .release = "6.1.0-faultline",
        .version = "#1 Faultline",
        .machine = "i686",
        .domainname = "(none)",
    };
    return user_write(result, &name, sizeof name);
}

/* Programs size their buffers by totalram: it is what may be paged, not what is in the machine. */
long sys_sysinfo(vaddr_t result) {
    struct sysinfo info;
    memset(&info, 0, sizeof info);
    info.uptime = (long)(time_ticks() / TICKS_PER_SECOND);
    info.totalram = frames_pageable();
    info.freeram = frames_available() - frame_count(FRAME_CLEAN);
    info.totalswap = swap_total();
    info.freeswap = swap_free_slots();
    info.mem_unit = PAGE_SIZE;
    list_for_each (process, &processes, struct process, all) {
        info.procs++;
    }
    return user_write(result, &info, sizeof info);
}

long sys_getrandom(vaddr_t buffer, size_t bytes, unsigned flags) {
    uint8_t piece[64];
    (void)flags;
    bytes = MIN(bytes, (size_t)0x1FFFFFF);
    for (size_t done = 0; done < bytes;) {
        size_t now = MIN(bytes - done, sizeof piece);
        random_bytes(piece, now);
        if (user_write(buffer + done, piece, now))
            return done > 0 ? (long)done : -EFAULT;
        done += now;
        if (wait_killed())
            break;
    }
    return (long)bytes;
}

/* Data is made safe before the machine goes; processes get no chance to say good-bye. */
long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command) {
    if (!capable(CAP_SYS_BOOT))
        return -EPERM;
    if (magic1 != LINUX_REBOOT_MAGIC1 || magic2 != LINUX_REBOOT_MAGIC2)
        return -EINVAL;
    switch (command) {
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:
        return 0;
    case LINUX_REBOOT_CMD_RESTART:
        klog("reboot: asked for by %s[%d]", process_current()->name, process_current()->pid);
        mounts_sync();
        machine_reboot();
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        klog("power off: asked for by %s[%d]", process_current()->name, process_current()->pid);
        signal_send_process(process_init, 9 /* SIGKILL: the machine ends with init */);
        return 0;
    default:
        return -EINVAL;
    }
}
