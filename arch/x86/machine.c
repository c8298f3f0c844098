/*
 * The machine as the loader describes it: its usable memory and the command line; memory for boot; and the
 * ways to end it.
 *
 * Memory is a short sorted list of disjoint ranges. RAM is added, then everything that is not free to use
 * is cut out: what the map says is no RAM, frame 0 (so that no frame has number 0), the kernel image, the
 * loader's modules, and later what boot allocates. The loader's own data is read before the first
 * allocation and may be overwritten then.
 *
 * Source: Multiboot Specification 0.6.96, 3.3.
 */
#include "arch/x86/machine.h"

#include "arch/x86/cpu.h"
#include "arch/x86/irq.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine_boot.h"
#include "arch/x86/memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/port.h"
#include "boot/multiboot.h"
#include "lib/log.h"
#include "lib/string.h"

#define RANGES_MAX       24u
#define COMMAND_LINE_MAX 4096u
#define MIB              (1024u * 1024u)

static struct memory_range ranges[RANGES_MAX];
static unsigned range_count;
static char command_line[COMMAND_LINE_MAX];

/* --- the list of ranges ------------------------------------------------------------------------------ */

static void insert_range(unsigned at, paddr_t start, paddr_t end) {
    if (range_count == RANGES_MAX) {
        klog("machine: memory map too fragmented, %u KiB not used", (unsigned)(end - start) / 1024);
        return;
    }
    memmove(&ranges[at + 1], &ranges[at], (range_count - at) * sizeof(ranges[0]));
    ranges[at] = (struct memory_range){start, end};
    range_count++;
}

static void remove_range(unsigned at) {
    range_count--;
    memmove(&ranges[at], &ranges[at + 1], (range_count - at) * sizeof(ranges[0]));
}

/* Takes [start, end), page aligned, out of the list. */
static void exclude(paddr_t start, paddr_t end) {
    for (unsigned i = 0; i < range_count;) {
        struct memory_range old = ranges[i];
        if (end <= old.start || old.end <= start) {
            i++;
            continue;
        }
        remove_range(i);
        if (end < old.end)
            insert_range(i, end, old.end);
        if (old.start < start)
            insert_range(i++, old.start, start);
    }
}

/* Adds whole pages of RAM; what the list had there before is part of them. */
static void include(paddr_t start, paddr_t end) {
    start = PAGE_UP(start);
    end = PAGE_DOWN(end);
    if (start >= end)
        return;
    exclude(start, end);
    unsigned at = 0;
    while (at < range_count && ranges[at].start < start)
        at++;
    insert_range(at, start, end);
}

const struct memory_range *machine_memory(unsigned *count) {
    *count = range_count;
    return ranges;
}

paddr_t machine_memory_end(void) {
    return range_count > 0 ? ranges[range_count - 1].end : 0;
}

void *machine_boot_alloc(size_t bytes) {
    bytes = PAGE_UP(bytes);
    for (unsigned i = 0; i < range_count; i++) {
        paddr_t start = ranges[i].start;
        if (ranges[i].end - start < bytes)
            continue;
        ranges[i].start += bytes;
        if (ranges[i].start == ranges[i].end)
            remove_range(i);
        return memset(phys_to_pointer(start), 0, bytes);
    }
    panic("machine: no room for %lu KiB at boot", (unsigned long)bytes / 1024);
}

/* --- the loader's information ------------------------------------------------------------------------ */

/* The loader's data at @address, or NULL if boot/boot.asm has not mapped that much memory. */
static const void *loader_data(paddr_t address, size_t bytes) {
    paddr_t mapped = cpu.large_pages ? DIRECT_MAP_BYTES : TABLE_BYTES;
    if (address == 0 || address >= mapped || bytes > mapped - address)
        return NULL;
    return phys_to_pointer(address);
}

/* The part of [address, address + bytes) below the end of the direct map, added or cut out. */
static void apply_region(uint64_t address, uint64_t bytes, bool ram) {
    uint64_t end = MIN(address + bytes, (uint64_t)DIRECT_MAP_BYTES);
    if (address >= end)
        return;
    if (ram)
        include((paddr_t)address, (paddr_t)end);
    else
        exclude(PAGE_DOWN((paddr_t)address), PAGE_UP((paddr_t)end));
}

/* One pass over the loader's map for the regions that are RAM, or for those that are not. */
static uint64_t apply_memory_map(const uint8_t *map, size_t bytes, bool ram) {
    uint64_t ignored = 0;
    for (size_t offset = 0; offset + sizeof(struct multiboot_memory) <= bytes;) {
        const struct multiboot_memory *region = (const void *)(map + offset);
        if ((region->type == MULTIBOOT_RAM) == ram) {
            apply_region(region->address, region->bytes, ram);
            uint64_t end = region->address + region->bytes;
            if (ram && end > DIRECT_MAP_BYTES)
                ignored += end - MAX(region->address, (uint64_t)DIRECT_MAP_BYTES);
        }
        offset += region->size + sizeof(region->size);
    }
    return ignored;
}

/* Overlapping entries: what any of them denies is not RAM, so those are applied last. */
static void find_memory(const struct multiboot_info *info) {
    uint64_t ignored = 0;
    const uint8_t *map = NULL;
    if (info->flags & MULTIBOOT_MEMORY_MAP)
        map = loader_data(info->memory_map, info->memory_map_bytes);
    if (map) {
        ignored = apply_memory_map(map, info->memory_map_bytes, true);
        apply_memory_map(map, info->memory_map_bytes, false);
    } else if (info->flags & MULTIBOOT_MEMORY) {
        include(0, info->memory_lower * 1024);
        apply_region(MIB, (uint64_t)info->memory_upper * 1024, true);
    }
    if (ignored > 0)
        klog("machine: %u MiB of RAM above %u MiB are not used", (unsigned)(ignored / MIB),
             DIRECT_MAP_BYTES / MIB);
}

static void exclude_modules(const struct multiboot_info *info) {
    if (!(info->flags & MULTIBOOT_MODULES))
        return;
    const struct multiboot_module *modules =
        loader_data(info->modules, info->module_count * sizeof(struct multiboot_module));
    for (unsigned i = 0; modules && i < info->module_count; i++) {
        exclude(PAGE_DOWN(modules[i].start), PAGE_UP(modules[i].end));
        klog("machine: ignoring the loader's module at 0x%08x", modules[i].start);
    }
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/*
 * Skips the kernel's file name. QEMU's loader always puts it first, blanks in it and all, so the end of
 * the name is the first ".elf" that ends a word; other loaders may, and then it is one word.
 */
static const char *skip_file_name(const char *line, bool always) {
    while (is_blank(*line))
        line++;
    const char *first_end = NULL;
    const char *p = line;
    for (; *p; p++) {
        if (!is_blank(p[1]) && p[1] != '\0')
            continue;
        if (!first_end)
            first_end = p + 1;
        bool elf = p - line >= 3 && strncmp(p - 3, ".elf", 4) == 0;
        if (elf && (always || first_end == p + 1))
            return p + 1;
    }
    return always && first_end ? first_end : line;
}

static void copy_command_line(const struct multiboot_info *info) {
    const char *line = NULL, *loader = NULL;
    if (info->flags & MULTIBOOT_COMMAND_LINE)
        line = loader_data(info->command_line, COMMAND_LINE_MAX);
    if (info->flags & MULTIBOOT_LOADER_NAME)
        loader = loader_data(info->loader_name, sizeof("qemu"));
    if (!line)
        return;
    bool qemu = loader && strncmp(loader, "qemu", 4) == 0;
    line = skip_file_name(line, qemu);
    while (is_blank(*line))
        line++;
    if (str_copy(command_line, line, COMMAND_LINE_MAX) >= COMMAND_LINE_MAX)
        klog("machine: command line longer than %u bytes, the rest is lost", COMMAND_LINE_MAX - 1);
}

const char *machine_command_line(void) {
    return command_line;
}

void machine_init(uint32_t magic, paddr_t info_address) {
    const struct multiboot_info *info = loader_data(info_address, sizeof(*info));
    if (magic != MULTIBOOT_LOADER_MAGIC || !info)
        panic("machine: not started by a Multiboot loader (eax 0x%08x)", magic);
    copy_command_line(info);
    find_memory(info);
    exclude_modules(info);
    exclude(0, PAGE_SIZE);
    exclude((paddr_t)(uintptr_t)kernel_physical_start, pointer_to_phys(kernel_end));
    if (range_count == 0)
        panic("machine: the loader reports no memory");
}

/* --- the end ----------------------------------------------------------------------------------------- */

enum {
    QEMU_DEBUG_EXIT = 0xF4,   /* -device isa-debug-exit,iobase=0xf4 */
    PIIX4_PM_CONTROL = 0x604, /* ACPI PM1a control where QEMU's and Bochs's firmware put it */
    PM_SOFT_OFF = 1 << 13,
    KEYBOARD_COMMAND = 0x64,
    KEYBOARD_PULSE_RESET = 0xFE,
};

/* After a panic without QEMU's exit device the machine stays on, for somebody to read the screen. */
void machine_exit(enum machine_exit how) {
    irq_disable();
    port_out8(QEMU_DEBUG_EXIT, (uint8_t)how);
    if (how == MACHINE_EXIT_OK)
        port_out16(PIIX4_PM_CONTROL, PM_SOFT_OFF);
    for (;;)
        asm volatile("hlt");
}

void machine_reboot(void) {
    irq_disable();
    port_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    /* Still here: a triple fault resets any PC. */
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) empty = {0, 0};
    asm volatile("lidt %0\n\tint3" : : "m"(empty));
    __builtin_unreachable();
}
