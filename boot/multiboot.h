/*
 * What a Multiboot 1 loader leaves in memory for the kernel: only the fields that are used.
 *
 * Source: The Multiboot Specification version 0.6.96, section 3.3 (boot information format).
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "lib/types.h"

/* In eax when the kernel is entered. */
#define MULTIBOOT_LOADER_MAGIC 0x2BADB002u

/* Bits of `flags`: which fields the loader has filled. */
enum {
    MULTIBOOT_MEMORY = 1 << 0,
    MULTIBOOT_COMMAND_LINE = 1 << 2,
    MULTIBOOT_MODULES = 1 << 3,
    MULTIBOOT_MEMORY_MAP = 1 << 6,
    MULTIBOOT_LOADER_NAME = 1 << 9,
};

struct multiboot_info {
    uint32_t flags;
    uint32_t memory_lower, memory_upper; /* KiB from 0, KiB from 1 MiB */
    uint32_t boot_device;
    uint32_t command_line; /* physical address of a string, as all addresses here */
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t memory_map_bytes, memory_map;
    uint32_t drives_bytes, drives;
    uint32_t config_table;
    uint32_t loader_name;
};

struct multiboot_module {
    uint32_t start, end; /* end exclusive */
    uint32_t command_line;
    uint32_t reserved;
};

#define MULTIBOOT_RAM 1u /* the one `type` of usable memory */

/* An entry of the memory map; the next begins `size` bytes after the field `size` itself. */
struct multiboot_memory {
    uint32_t size;
    uint64_t address, bytes;
    uint32_t type;
} __attribute__((packed));

#endif
