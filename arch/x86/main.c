/*
 * The first C code: brings the processor up, step by step, each as early as it can be, so that the next
 * one that fails can say so. Then the kernel proper begins.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/descriptors.h"
#include "arch/x86/log_port.h"
#include "arch/x86/machine.h"
#include "arch/x86/machine_boot.h"
#include "arch/x86/page_fill.h"
#include "arch/x86/paging.h"
#include "arch/x86/time_boot.h"
#include "arch/x86/traps.h"
#include "lib/log.h"

/* kernel/main.c; entered with interrupts disabled, on the boot stack. */
NORETURN void kernel_main(void);

NORETURN void arch_main(uint32_t magic, paddr_t info);

/* Called by boot/boot.asm with what the loader left in eax and ebx. */
void arch_main(uint32_t magic, paddr_t info) {
    log_port_init();
    descriptors_init(); /* from here on a fault is a panic with a reason, not a reset */
    cpu_detect();
    machine_init(magic, info);
    cpu_enable();
    kernel_map_init();
    irq_init();
    time_init();
    page_fill_init();
    klog("arch: RAM up to %u KiB;%s%s%s%s%s", machine_memory_end() / 1024,
         cpu.large_pages ? " 4 MiB pages" : "", cpu.global_pages ? " global pages" : "",
         cpu.sse ? " SSE" : "", cpu.smep ? " SMEP" : "", cpu.smap ? " SMAP" : "");
    kernel_main();
}
