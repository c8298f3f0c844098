/*
 * ELF executables: from the bytes at the head of a file to the list of segments that exec maps.
 *
 * A file comes from anybody, so nothing in it is believed: every offset and length is checked against the
 * size of the file, every address against the user's part of the address space, each sum against
 * wrapping, and the segments against each other. What has passed can be mapped without further thought.
 *
 * Promise to callers: a pure function over a buffer, so that it runs on the host under sanitizers and a
 * fuzzer (tests/unit/test_elf.c). No input makes it read outside the buffer.
 *
 * Source: Tool Interface Standard, "Executable and Linking Format", version 1.2; System V ABI, Intel386
 * Architecture Processor Supplement, chapter 5 (program loading).
 */
#include "kernel/elf.h"
#include "lib/errno.h"
#include "lib/string.h"

#include <elf.h>

static int refuse(const char **reason, const char *why) {
    *reason = why;
    return -ENOEXEC;
}

static int check_header(const Elf32_Ehdr *header, size_t bytes, const char **reason) {
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(reason, "not an ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS32 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_ident[EI_VERSION] != EV_CURRENT)
        return refuse(reason, "not a 32-bit little-endian ELF file");
    /* GNU: what the linker writes into static programs that use indirect functions. */
    if (header->e_ident[EI_OSABI] != ELFOSABI_SYSV && header->e_ident[EI_OSABI] != ELFOSABI_GNU)
        return refuse(reason, "not for Linux");
    if (header->e_machine != EM_386 && header->e_machine != 6 /* EM_486 */)
        return refuse(reason, "not for this processor");
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return refuse(reason, "not an executable");
    if (header->e_phentsize != sizeof(Elf32_Phdr) || header->e_phnum == 0)
        return refuse(reason, "no program headers");
    if (header->e_phoff > bytes || header->e_phnum > (bytes - header->e_phoff) / sizeof(Elf32_Phdr))
        return refuse(reason, "program headers not in the first page of the file");
    return 0;
}

/* Checks one PT_LOAD against the file and the address space, and appends it to @image. */
static int add_segment(const Elf32_Phdr *load, uint64_t file_size, vaddr_t top, struct elf_image *image,
                       const char **reason) {
    if (load->p_memsz == 0)
        return 0;
    if (load->p_filesz > load->p_memsz)
        return refuse(reason, "a segment larger in the file than in memory");
    if ((uint64_t)load->p_offset + load->p_filesz > file_size)
        return refuse(reason, "a segment past the end of the file");
    /* A page of the file is mapped as a page of memory: both must be cut at the same place. */
    if (load->p_filesz > 0 && ((load->p_offset ^ load->p_vaddr) & PAGE_MASK) != 0)
        return refuse(reason, "a segment whose offset and address differ within the page");
    uint64_t end = (uint64_t)load->p_vaddr + load->p_memsz;
    if (end > top)
        return refuse(reason, "a segment outside the user's address space");
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return refuse(reason, "too many segments");
    if (image->segment_count == 0)
        image->low = PAGE_DOWN((vaddr_t)load->p_vaddr);
    else if (PAGE_DOWN((vaddr_t)load->p_vaddr) < image->high)
        return refuse(reason, "segments that overlap or are out of order");
    image->high = PAGE_UP((vaddr_t)end);
    image->segments[image->segment_count++] = (struct elf_segment){
        .address = load->p_vaddr,
        .offset = load->p_offset,
        .file_bytes = load->p_filesz,
        .memory_bytes = load->p_memsz,
        .read = load->p_flags & PF_R,
        .write = load->p_flags & PF_W,
        .execute = load->p_flags & PF_X,
    };
    return 0;
}

/* The segment whose bytes in memory include @address, or NULL. */
static const struct elf_segment *segment_of_address(const struct elf_image *image, vaddr_t address) {
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (address >= segment->address && address - segment->address < segment->memory_bytes)
            return segment;
    }
    return NULL;
}

/* Where the program headers are in memory: the segment whose file bytes hold all of them, if any does. */
static vaddr_t find_headers(const struct elf_image *image, uint32_t offset, uint32_t bytes) {
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (offset >= segment->offset &&
            (uint64_t)offset + bytes <= (uint64_t)segment->offset + segment->file_bytes)
            return segment->address + (offset - segment->offset);
    }
    return 0;
}

int elf_parse(const void *header, size_t bytes, uint64_t file_size, vaddr_t top, struct elf_image *image,
              const char **reason) {
    Elf32_Ehdr elf;
    memset(image, 0, sizeof *image);
    bytes = MIN((uint64_t)bytes, file_size);
    if (bytes < sizeof elf)
        return refuse(reason, "shorter than an ELF header");
    memcpy(&elf, header, sizeof elf); /* copied: the buffer may be aligned in any way */
    int error = check_header(&elf, bytes, reason);
    if (error)
        return error;
    for (unsigned i = 0; i < elf.e_phnum; i++) {
        Elf32_Phdr program;
        memcpy(&program, (const char *)header + elf.e_phoff + i * sizeof program, sizeof program);
        if (program.p_type == PT_INTERP)
            return refuse(reason, "dynamically linked: wants an interpreter");
        error = program.p_type == PT_LOAD ? add_segment(&program, file_size, top, image, reason) : 0;
        if (error)
            return error;
    }
    if (image->segment_count == 0)
        return refuse(reason, "nothing to load");
    const struct elf_segment *code = segment_of_address(image, elf.e_entry);
    if (!code || !code->execute)
        return refuse(reason, "the entry point is not in an executable segment");
    image->entry = elf.e_entry;
    image->position_independent = elf.e_type == ET_DYN;
    image->header_count = elf.e_phnum;
    image->header_bytes = sizeof(Elf32_Phdr);
    image->headers = find_headers(image, elf.e_phoff, elf.e_phnum * (uint32_t)sizeof(Elf32_Phdr));
    return 0;
}
