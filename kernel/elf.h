/* ELF executables: what exec needs to know of one. See kernel/elf.c. */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include "lib/types.h"

#define ELF_SEGMENTS_MAX 16

struct elf_segment {
    vaddr_t address; /* of the first byte, relative to the load bias; not page aligned */
    uint32_t offset; /* of the first byte, in the file; same place in its page as `address` */
    uint32_t file_bytes, memory_bytes; /* what the file does not give is zero */
    bool read, write, execute;
};

struct elf_image {
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* by address, on disjoint pages */
    vaddr_t entry;
    vaddr_t low, high;         /* page aligned bounds of all segments */
    bool position_independent; /* ET_DYN: runs at any bias */
    vaddr_t headers;           /* address of the program headers in memory, 0: in no segment */
    unsigned header_count, header_bytes /* of each */;
};

/*
 * Checks an ELF file from its first @bytes bytes, at @header. @file_size: bytes of the whole file; @top:
 * first address that a program may not use. 0 with @image filled in, or -ENOEXEC with *@reason set to a
 * text for the log. Pure: reads nothing but its arguments.
 */
int elf_parse(const void *header, size_t bytes, uint64_t file_size, vaddr_t top, struct elf_image *image,
              const char **reason);

#endif
