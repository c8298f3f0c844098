/*
 * What the processor can do, and switching it on. A feature that CPUID does not report is never touched,
 * so that the same kernel runs on anything from a Pentium II to the newest.
 *
 * Source: Intel SDM vol. 2A, CPUID; vol. 3A, 2.5 (control registers), 4.6 (SMEP, SMAP).
 */
#include "arch/x86/cpu.h"

#include "arch/x86/machine.h"
#include "lib/log.h"
#include "lib/string.h"

enum {
    CPUID1_EDX_PSE = 1 << 3,
    CPUID1_EDX_TSC = 1 << 4,
    CPUID1_EDX_PGE = 1 << 13,
    CPUID1_EDX_FXSR = 1 << 24,
    CPUID1_EDX_SSE = 1 << 25,
    CPUID7_EBX_SMEP = 1 << 7,
    CPUID7_EBX_SMAP = 1 << 20,

    CR0_MP = 1 << 1,  /* WAIT obeys TS as well */
    CR0_EM = 1 << 2,  /* emulate the FPU: off */
    CR0_TS = 1 << 3,  /* trap on FPU use: off, we switch eagerly */
    CR0_NE = 1 << 5,  /* FPU errors are exception 16, not IRQ 13 */
    CR0_WP = 1 << 16, /* the kernel, too, obeys read-only pages: its copies do copy-on-write */
    CR0_AM = 1 << 18, /* programs may ask for alignment checks (EFLAGS.AC) */

    CR4_PSE = 1 << 4,
    CR4_PGE = 1 << 7,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10, /* SSE errors are exception 19 */
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
};

/* The second operand byte of an SMAP site (arch/x86/asm.inc) completes 0F 01. */
struct smap_site {
    uint8_t *instruction;
    uint32_t opcode;
};
extern const struct smap_site smap_sites_start[], smap_sites_end[];

struct cpu_features cpu;

#define CPUID1_ECX_HYPERVISOR (1u << 31)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf) {
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

/*
 * SDM vol. 2A, leaf 0x15: the counter's rate as a multiple of a crystal's. Under a hypervisor its own leaf 0x40000010
 * counts, in kHz (VMware's interface, which KVM has, too): the counter may be another machine's.
 */
static uint64_t tsc_hz(bool hypervisor) {
    if (hypervisor)
        return cpuid(0x40000000).eax >= 0x40000010 ? (uint64_t)cpuid(0x40000010).eax * 1000 : 0;
    if (cpuid(0).eax < 0x15)
        return 0;
    struct cpuid ratio = cpuid(0x15);
    return ratio.eax == 0 ? 0 : (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
}

void cpu_detect(void) {
    struct cpuid basic = cpuid(1);
    cpu.tsc_hz = tsc_hz(basic.ecx & CPUID1_ECX_HYPERVISOR);
    cpu.large_pages = basic.edx & CPUID1_EDX_PSE;
    cpu.global_pages = basic.edx & CPUID1_EDX_PGE;
    cpu.tsc = basic.edx & CPUID1_EDX_TSC;
    cpu.fxsr = basic.edx & CPUID1_EDX_FXSR;
    cpu.sse = basic.edx & CPUID1_EDX_SSE;
    if (cpuid(0).eax >= 7) {
        struct cpuid extended = cpuid(7);
        cpu.smep = extended.ebx & CPUID7_EBX_SMEP;
        cpu.smap = extended.ebx & CPUID7_EBX_SMAP;
    }
    if (!cpu.fxsr)
        panic("this processor has no FXSAVE: a Pentium II or later is needed");
}

/* SDM vol. 2A, CPUID: leaf 0 names the vendor, 1 the family, 0x80000002 to 4 the processor. */
void machine_processor(struct machine_processor *processor) {
    struct cpuid vendor = cpuid(0), version = cpuid(1);
    uint32_t family = version.eax >> 8 & 15, model = version.eax >> 4 & 15;

    memset(processor, 0, sizeof(*processor));
    memcpy(processor->vendor, &vendor.ebx, 4);
    memcpy(processor->vendor + 4, &vendor.edx, 4);
    memcpy(processor->vendor + 8, &vendor.ecx, 4);
    if (family == 6 || family == 15)
        model |= version.eax >> 12 & 0xF0;
    processor->family = family == 15 ? family + (version.eax >> 20 & 0xFF) : family;
    processor->model = model;
    processor->stepping = version.eax & 15;
    if (cpuid(0x80000000).eax < 0x80000004)
        return;
    for (uint32_t part = 0; part < 3; part++) {
        struct cpuid name = cpuid(0x80000002 + part);
        memcpy(processor->name + part * sizeof(name), &name, sizeof(name));
    }
}

/* Kernel text can still be written: kernel_map_init() comes later. */
static void patch_smap_sites(void) {
    for (const struct smap_site *site = smap_sites_start; site < smap_sites_end; site++) {
        site->instruction[0] = 0x0F;
        site->instruction[1] = 0x01;
        site->instruction[2] = (uint8_t)site->opcode;
    }
}

void cpu_enable(void) {
    uint32_t cr4 = cpu_cr4() | CR4_OSFXSR;
    if (cpu.large_pages)
        cr4 |= CR4_PSE;
    if (cpu.global_pages)
        cr4 |= CR4_PGE;
    if (cpu.sse)
        cr4 |= CR4_OSXMMEXCPT;
    if (cpu.smep)
        cr4 |= CR4_SMEP;
    if (cpu.smap) {
        patch_smap_sites();
        cr4 |= CR4_SMAP;
    }
    asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");

    uint32_t cr0 = cpu_cr0();
    cr0 &= ~(uint32_t)(CR0_EM | CR0_TS);
    cr0 |= CR0_MP | CR0_NE | CR0_WP | CR0_AM;
    asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
    asm volatile("fninit");
}
