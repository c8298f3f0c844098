/*
 * The head of an executable file. Input: its bytes, at most a page of them counting.
 *
 * links: kernel/elf.c lib/string.c
 */
#include "kernel/elf.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/fuzz/fuzz.h"

#include <elf.h>

#define TOP ((vaddr_t)0xC0000000u)

/* What kernel/elf.h promises of an image that is accepted. */
static void check_image(const struct elf_image *image, uint64_t file_size) {
    vaddr_t end = 0;
    MUST(image->segment_count > 0 && image->segment_count <= ELF_SEGMENTS_MAX);
    MUST(image->low <= image->high && image->high <= TOP);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        MUST(segment->memory_bytes > 0 && segment->file_bytes <= segment->memory_bytes);
        MUST((segment->address & ~(vaddr_t)PAGE_MASK) >= end);
        MUST(segment->address >= image->low && segment->memory_bytes <= image->high - segment->address);
        MUST(segment->file_bytes == 0 || (uint64_t)segment->offset + segment->file_bytes <= file_size);
        MUST(segment->file_bytes == 0 || (segment->address & PAGE_MASK) == (segment->offset & PAGE_MASK));
        end = PAGE_UP(segment->address + segment->memory_bytes);
    }
}

const unsigned long fuzz_runs = 20000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct elf_image image;
    const char *reason = NULL;
    uint64_t file_size = bytes < 4 ? bytes : bytes + 0x6000;
    int error = elf_parse(data, MIN(bytes, (size_t)PAGE_SIZE), file_size, TOP, &image, &reason);
    if (error == 0)
        check_image(&image, file_size);
    else
        MUST(error == -ENOEXEC && reason != NULL);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    struct {
        Elf32_Ehdr header;
        Elf32_Phdr programs[6];
    } file = {
        .header = {.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                   .e_type = number % 2 ? ET_DYN : ET_EXEC,
                   .e_machine = EM_386,
                   .e_version = EV_CURRENT,
                   .e_entry = 0x08048123,
                   .e_phoff = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 4},
        .programs = {{PT_LOAD, 0, 0x08048000, 0, 0x2100, 0x2100, PF_R | PF_X, 0x1000},
                     {PT_LOAD, 0x3000, 0x0804B000, 0, 0x800, 0x800, PF_R, 0x1000},
                     {PT_LOAD, 0x3F00, 0x0804CF00, 0, 0x300, 0x5000, PF_R | PF_W, 0x1000},
                     {PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16}},
    };
    if (number >= 2 || room < sizeof(file))
        return 0;
    memcpy(data, &file, sizeof(file));
    return sizeof(file);
}
