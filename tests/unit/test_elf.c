/*
 * ELF parsing: a good program, each field made bad by itself, segments that overlap, wrap or lie outside,
 * and thousands of damaged headers, of which no accepted one may break a promise of kernel/elf.h.
 *
 * links: kernel/elf.c lib/string.c
 */
#include "kernel/elf.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <elf.h>
#include <stdlib.h>

#define TOP       ((vaddr_t)0xC0000000u)
#define FILE_SIZE 0x6000u

static struct {
    Elf32_Ehdr header;
    Elf32_Phdr programs[20];
} file;
static struct elf_image image;
static const char *reason;

/* As a linker writes them: headers and text, read-only data, data with bss, and a stack note. */
static void setup(void) {
    memset(&file, 0, sizeof(file));
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_ident[EI_VERSION] = EV_CURRENT;
    file.header.e_type = ET_EXEC;
    file.header.e_machine = EM_386;
    file.header.e_version = EV_CURRENT;
    file.header.e_entry = 0x08048123;
    file.header.e_phoff = sizeof(Elf32_Ehdr);
    file.header.e_phentsize = sizeof(Elf32_Phdr);
    file.header.e_phnum = 4;
    file.programs[0] = (Elf32_Phdr){PT_LOAD, 0, 0x08048000, 0, 0x2100, 0x2100, PF_R | PF_X, 0x1000};
    file.programs[1] = (Elf32_Phdr){PT_LOAD, 0x3000, 0x0804B000, 0, 0x800, 0x800, PF_R, 0x1000};
    file.programs[2] = (Elf32_Phdr){PT_LOAD, 0x3F10, 0x0804CF10, 0, 0x200, 0x5000, PF_R | PF_W, 0x1000};
    file.programs[3] = (Elf32_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static int parse(void) {
    reason = NULL;
    return elf_parse(&file, sizeof(file), FILE_SIZE, TOP, &image, &reason);
}

static void assert_accepted(void) {
    int result = parse();
    ck_assert_msg(result == 0, "refused: %s", reason ? reason : "no reason");
}

static void assert_refused(void) {
    ck_assert_int_eq(parse(), -ENOEXEC);
    ck_assert_ptr_nonnull(reason);
}

START_TEST(a_good_program) {
    assert_accepted();
    ck_assert_uint_eq(image.segment_count, 3);
    ck_assert_uint_eq(image.entry, 0x08048123);
    ck_assert(!image.position_independent);
    ck_assert_uint_eq(image.low, 0x08048000);
    ck_assert_uint_eq(image.high, 0x08052000);
    ck_assert_uint_eq(image.headers, 0x08048000 + sizeof(Elf32_Ehdr));
    ck_assert_uint_eq(image.header_count, 4);
    ck_assert_uint_eq(image.header_bytes, sizeof(Elf32_Phdr));
    const struct elf_segment *data = &image.segments[2];
    ck_assert_uint_eq(data->address, 0x0804CF10);
    ck_assert_uint_eq(data->offset, 0x3F10);
    ck_assert_uint_eq(data->file_bytes, 0x200);
    ck_assert_uint_eq(data->memory_bytes, 0x5000);
    ck_assert(data->read && data->write && !data->execute);
    ck_assert(image.segments[0].execute && !image.segments[0].write);
}
END_TEST

START_TEST(a_position_independent_program) {
    file.header.e_type = ET_DYN;
    for (int i = 0; i < 3; i++)
        file.programs[i].p_vaddr -= 0x08048000;
    file.header.e_entry -= 0x08048000;
    assert_accepted();
    ck_assert(image.position_independent);
    ck_assert_uint_eq(image.low, 0);
}
END_TEST

START_TEST(what_linkers_may_also_write) {
    file.header.e_ident[EI_OSABI] = ELFOSABI_GNU;
    assert_accepted();
    file.programs[3].p_type = PT_NOTE; /* and any other that is not loaded */
    file.programs[3].p_offset = 0xFFFFFFFF;
    assert_accepted();
    setup();
    file.programs[1].p_filesz = 0; /* nothing from the file: the offset is of no matter */
    file.programs[1].p_offset = 0x5001;
    assert_accepted();
    setup();
    file.programs[1].p_memsz = file.programs[1].p_filesz = 0; /* nothing at all */
    assert_accepted();
    ck_assert_uint_eq(image.segment_count, 2);
}
END_TEST

START_TEST(headers_in_no_segment) {
    file.programs[0].p_offset = 0x1000;
    assert_accepted();
    ck_assert_uint_eq(image.headers, 0);
}
END_TEST

START_TEST(not_an_elf_file) {
    file.header.e_ident[0] = '#';
    assert_refused();
    setup();
    ck_assert_int_eq(elf_parse("", 0, 0, TOP, &image, &reason), -ENOEXEC);
    for (size_t bytes = 0; bytes < sizeof(Elf32_Ehdr) + 4 * sizeof(Elf32_Phdr); bytes++) {
        ck_assert_int_eq(elf_parse(&file, bytes, FILE_SIZE, TOP, &image, &reason), -ENOEXEC);
        ck_assert_int_eq(elf_parse(&file, sizeof(file), bytes, TOP, &image, &reason), -ENOEXEC);
    }
}
END_TEST

START_TEST(a_foreign_elf_file) {
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    assert_refused();
    setup();
    file.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_refused();
    setup();
    file.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
    assert_refused();
    setup();
    file.header.e_machine = EM_X86_64;
    assert_refused();
    setup();
    file.header.e_type = ET_REL;
    assert_refused();
    setup();
    file.header.e_type = ET_CORE;
    assert_refused();
}
END_TEST

START_TEST(a_program_for_an_interpreter) {
    file.programs[3].p_type = PT_INTERP;
    assert_refused();
    ck_assert_ptr_nonnull(strstr(reason, "interpreter"));
}
END_TEST

START_TEST(bad_program_headers) {
    file.header.e_phnum = 0;
    assert_refused();
    setup();
    file.header.e_phnum = 0xFFFF;
    assert_refused();
    setup();
    file.header.e_phentsize = 31;
    assert_refused();
    setup();
    file.header.e_phoff = 0xFFFFFFF0;
    assert_refused();
    setup();
    file.header.e_phoff = sizeof(file) - 4 * sizeof(Elf32_Phdr) + 1;
    assert_refused();
    setup();
    for (int i = 0; i < 4; i++)
        file.programs[i].p_type = PT_NOTE;
    assert_refused();
}
END_TEST

START_TEST(too_many_segments) {
    file.header.e_phnum = ELF_SEGMENTS_MAX + 1;
    for (unsigned i = 0; i <= ELF_SEGMENTS_MAX; i++)
        file.programs[i] = (Elf32_Phdr){PT_LOAD, 0, 0x08048000 + i * 0x1000, 0, 0x200, 0x200, PF_X, 0x1000};
    assert_refused();
    file.header.e_phnum = ELF_SEGMENTS_MAX;
    assert_accepted();
}
END_TEST

START_TEST(segments_outside_the_file) {
    file.programs[1].p_offset = FILE_SIZE;
    assert_refused();
    setup();
    file.programs[1].p_filesz = file.programs[1].p_memsz = FILE_SIZE - 0x3000 + 1;
    file.programs[2].p_vaddr += 0x10000;
    assert_refused();
    file.programs[1].p_filesz--;
    assert_accepted();
    setup();
    file.programs[1].p_offset = 0xFFFFF000;
    assert_refused();
    setup();
    file.programs[1].p_filesz = 0x801; /* more than in memory */
    assert_refused();
}
END_TEST

START_TEST(segments_cut_at_different_places) {
    file.programs[2].p_offset++;
    assert_refused();
}
END_TEST

START_TEST(segments_outside_the_address_space) {
    file.programs[2].p_memsz = 0xFFFFFFFF; /* wraps */
    assert_refused();
    setup();
    file.programs[2].p_vaddr = 0xBFFFFF10;
    file.programs[2].p_filesz = file.programs[2].p_memsz = 0xF0;
    assert_accepted();
    ck_assert_uint_eq(image.high, TOP);
    file.programs[2].p_memsz++;
    assert_refused();
    setup();
    file.programs[2].p_vaddr = 0xFFFFFF10;
    assert_refused();
}
END_TEST

START_TEST(segments_that_overlap) {
    file.programs[1].p_vaddr = 0x0804A000; /* the page in which the first one ends */
    assert_refused();
    setup();
    file.programs[1].p_vaddr = 0x08048000;
    assert_refused();
    setup();
    Elf32_Phdr first = file.programs[0]; /* out of order */
    file.programs[0] = file.programs[1];
    file.programs[1] = first;
    assert_refused();
}
END_TEST

START_TEST(entry_points) {
    static const uint32_t bad[] = {0, 0x08047FFF, 0x0804A100, 0x0804B000, 0x0804CF10, 0xC0000000, 0xFFFFFFFF};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        file.header.e_entry = bad[i];
        assert_refused();
    }
    file.header.e_entry = 0x0804A0FF;
    assert_accepted();
}
END_TEST

/* What exec relies on, of any file that was accepted. */
static void assert_promises(uint64_t file_size) {
    vaddr_t free_from = 0;
    ck_assert_uint_ge(image.segment_count, 1);
    ck_assert_uint_le(image.segment_count, ELF_SEGMENTS_MAX);
    for (unsigned i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        ck_assert_uint_ge(PAGE_DOWN(s->address), free_from);
        ck_assert_uint_gt(s->memory_bytes, 0);
        ck_assert_uint_le(s->file_bytes, s->memory_bytes);
        ck_assert_uint_le((uint64_t)s->address + s->memory_bytes, TOP);
        if (s->file_bytes > 0) {
            ck_assert_uint_le((uint64_t)s->offset + s->file_bytes, file_size);
            ck_assert_uint_eq((s->offset ^ s->address) & PAGE_MASK, 0);
        }
        free_from = PAGE_UP(s->address + s->memory_bytes);
    }
    ck_assert_uint_eq(image.high, free_from);
    ck_assert(image.entry >= image.low && image.entry < image.high);
}

/* Damages a good header in a few random places; ASan watches the reads. */
START_TEST(damaged_headers) {
    srand((unsigned)_i);
    unsigned accepted = 0;
    for (int round = 0; round < 20000; round++) {
        setup();
        unsigned places = 1 + (unsigned)rand() % 3;
        for (unsigned i = 0; i < places; i++) {
            size_t used = sizeof(Elf32_Ehdr) + 4 * sizeof(Elf32_Phdr);
            static const unsigned char edges[] = {0, 1, 0x0F, 0x10, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
            ((unsigned char *)&file)[(size_t)rand() % used] =
                rand() % 2 ? (unsigned char)rand() : edges[(size_t)rand() % sizeof(edges)];
        }
        size_t bytes = (size_t)rand() % 4 ? sizeof(file) : (size_t)rand() % sizeof(file);
        unsigned char *exact = malloc(bytes + 1); /* so that a byte too far is seen */
        memcpy(exact, &file, bytes);
        if (elf_parse(exact, bytes, FILE_SIZE, TOP, &image, &reason) == 0) {
            accepted++;
            assert_promises(FILE_SIZE);
        }
        free(exact);
    }
    ck_assert_uint_gt(accepted, 100); /* else the damage was too coarse to test anything */
}
END_TEST

static Suite *elf_suite(void) {
    Suite *suite = suite_create("elf");
    TCase *tests = tcase_create("elf");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_good_program);
    tcase_add_test(tests, a_position_independent_program);
    tcase_add_test(tests, what_linkers_may_also_write);
    tcase_add_test(tests, headers_in_no_segment);
    tcase_add_test(tests, not_an_elf_file);
    tcase_add_test(tests, a_foreign_elf_file);
    tcase_add_test(tests, a_program_for_an_interpreter);
    tcase_add_test(tests, bad_program_headers);
    tcase_add_test(tests, too_many_segments);
    tcase_add_test(tests, segments_outside_the_file);
    tcase_add_test(tests, segments_cut_at_different_places);
    tcase_add_test(tests, segments_outside_the_address_space);
    tcase_add_test(tests, segments_that_overlap);
    tcase_add_test(tests, entry_points);
    tcase_add_loop_test(tests, damaged_headers, 0, 5);
    return suite;
}

int main(void) {
    return run_suite(elf_suite());
}
