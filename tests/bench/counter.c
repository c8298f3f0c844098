/*
 * counter: a QEMU plugin that counts the instructions a guest retires between two marks.
 *
 * A program marks a region with two exchanges of a register with itself, which do nothing on any machine:
 * `xchg %bx,%bx` begins one and `xchg %cx,%cx` ends it (user/… never has them by chance: compilers do not emit
 * them). For each region a line of JSON goes to the file named by out=:
 *
 *     wall, vcpu         microseconds of the host: by the clock, and of the virtual processor's thread
 *     idle               of wall, what the guest's processor was halted: with nothing to do but wait
 *     user, kernel       instructions below and from the address split= (0xC0000000)
 *     string             of the kernel's, repetitions of string instructions: each counts as one, as with -icount
 *     bulk               of the kernel's, others inside the ranges bulk=START-END (clearing and copying of pages)
 *     port, cr3, invlpg, halt, iret    of the kernel's, those that an emulator charges for
 *
 * count=off takes only the clocks and costs next to nothing. hot=FILE says where they were retired, for
 * tests/bench/profile: for each region, from 0, a line "REGION ADDRESS RUNS INSTRUCTIONS" for each of the kernel's
 * blocks that ran in it, without repetitions of string instructions.
 *
 * What a kernel does is then known to parts in a million, while times wander with the host's load.
 */
#include "tools/plugins/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum kind { USER, KERNEL, STRING, BULK, PORT, CR3, INVLPG, HALT, IRET, KINDS, NO_KIND = KINDS };
static const char *const names[KINDS] = {"user", "kernel", "string", "bulk", "port",
                                         "cr3",  "invlpg", "halt",   "iret"};
static uint64_t own_counts[KINDS], at_begin[KINDS];
static struct plugin_counters counts;
static struct plugin_host qemu;
static double wall_at_begin, vcpu_at_begin, idle, idle_at_begin, halted_since;
static FILE *out, *hot;
static bool counting = true;
static uint64_t split = 0xC0000000u;

static struct { uint64_t start, end; } bulk[16];
static unsigned bulk_ranges;

/* A translated block of the kernel. The same code may have several. */
struct block {
    struct block *next;
    uint64_t address, length, own_runs, runs_at_begin;
    struct plugin_counters runs;
};
static struct block *blocks;
static unsigned regions;

static double microseconds(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* --- waiting --- */

static void halted(uint64_t id, unsigned cpu) {
    (void)id, (void)cpu;
    halted_since = microseconds(CLOCK_MONOTONIC);
}

static void resumed(uint64_t id, unsigned cpu) {
    (void)id, (void)cpu;
    if (halted_since > 0)
        idle += microseconds(CLOCK_MONOTONIC) - halted_since;
    halted_since = 0;
}

/* --- regions --- */

static void region_begin(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    memcpy(at_begin, plugin_counters_of(&counts), sizeof(at_begin));
    for (struct block *block = blocks; block != NULL; block = block->next)
        block->runs_at_begin = *plugin_counters_of(&block->runs);
    idle_at_begin = idle;
    vcpu_at_begin = microseconds(CLOCK_THREAD_CPUTIME_ID);
    wall_at_begin = microseconds(CLOCK_MONOTONIC);
}

static void region_end(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    fprintf(out, "{\"wall\": %.3f, \"vcpu\": %.3f, \"idle\": %.3f",
            microseconds(CLOCK_MONOTONIC) - wall_at_begin,
            microseconds(CLOCK_THREAD_CPUTIME_ID) - vcpu_at_begin, idle - idle_at_begin);
    for (unsigned kind = 0; counting && kind < KINDS; kind++)
        fprintf(out, ", \"%s\": %" PRIu64, names[kind], plugin_counters_of(&counts)[kind] - at_begin[kind]);
    fprintf(out, "}\n");
    fflush(out);
    for (struct block *block = blocks; block != NULL; block = block->next) {
        uint64_t runs = *plugin_counters_of(&block->runs) - block->runs_at_begin;

        if (runs > 0)
            fprintf(hot, "%u %08" PRIx64 " %" PRIu64 " %" PRIu64 "\n", regions, block->address, runs,
                    block->length);
    }
    if (hot != NULL)
        fflush(hot);
    regions++;
}

/* --- instructions --- */

static bool is_repeat(uint8_t byte) {
    return byte == 0xF2 || byte == 0xF3;
}

/* INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS */
static bool is_string(uint8_t opcode) {
    return (opcode >= 0x6C && opcode <= 0x6F) || (opcode >= 0xA4 && opcode <= 0xA7) ||
           (opcode >= 0xAA && opcode <= 0xAF);
}

/* Source of the encodings: Intel SDM vol. 2. */
static enum kind kind_of(const uint8_t *code, size_t size) {
    size_t at = 0;
    bool repeated = false;

    while (at < size && (is_repeat(code[at]) || code[at] == 0x66 || code[at] == 0x2E))
        repeated |= is_repeat(code[at++]);
    if (at == size)
        return NO_KIND;
    uint8_t opcode = code[at];
    uint8_t second = at + 1 < size ? code[at + 1] : 0, modrm = at + 2 < size ? code[at + 2] : 0;

    if (repeated && is_string(opcode))
        return STRING;
    if ((opcode >= 0xE4 && opcode <= 0xE7) || (opcode >= 0xEC && opcode <= 0xEF))
        return PORT;
    if (opcode == 0xF4)
        return HALT;
    if (opcode == 0xCF)
        return IRET;
    if (opcode == 0x0F && second == 0x22 && (modrm >> 3 & 7) == 3)
        return CR3;
    if (opcode == 0x0F && second == 0x01 && modrm < 0xC0 && (modrm >> 3 & 7) == 7)
        return INVLPG;
    return NO_KIND;
}

static bool in_bulk(uint64_t address) {
    for (unsigned i = 0; i < bulk_ranges; i++)
        if (address >= bulk[i].start && address < bulk[i].end)
            return true;
    return false;
}

static void count_insn(struct qemu_plugin_insn *insn, uint64_t address, const uint8_t *code, size_t size) {
    bool kernel = address >= split;
    enum kind kind = kernel ? kind_of(code, size) : NO_KIND;

    plugin_count_insn(insn, &counts, kernel ? KERNEL : USER);
    if (kernel && kind == NO_KIND && in_bulk(address))
        kind = BULK;
    if (kind != NO_KIND)
        plugin_count_insn(insn, &counts, kind);
}

static void find_mark(struct qemu_plugin_insn *insn, const uint8_t *code, size_t size) {
    static const uint8_t begin[] = {0x66, 0x87, 0xDB}, end[] = {0x66, 0x87, 0xC9};

    if (size != sizeof(begin))
        return;
    if (memcmp(code, begin, size) == 0)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, region_begin, NO_REGISTERS, NULL);
    if (memcmp(code, end, size) == 0)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, region_end, NO_REGISTERS, NULL);
}

static void note_block(struct qemu_plugin_tb *translated, uint64_t address, size_t length) {
    struct block *block = calloc(1, sizeof(*block));

    if (block == NULL)
        return;
    *block = (struct block){.next = blocks, .address = address, .length = length};
    block->runs = plugin_counters_new(&block->own_runs, 1);
    blocks = block;
    plugin_count_block(translated, &block->runs, 0);
}

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    size_t length = qemu_plugin_tb_n_insns(block), strings = 0;
    uint64_t start = 0;

    (void)id;
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint8_t code[16];
        size_t size = plugin_code(&qemu, insn, code, sizeof(code));
        uint64_t address = (uint32_t)qemu_plugin_insn_vaddr(insn);

        if (counting)
            count_insn(insn, address, code, size);
        if (address < split)
            find_mark(insn, code, size);
        strings += kind_of(code, size) == STRING;
        if (i == 0)
            start = address;
    }
    if (hot != NULL && start >= split)
        note_block(block, start, length - strings);
}

/* --- options --- */

static bool add_bulk(const char *text) {
    char *dash;

    if (bulk_ranges == sizeof(bulk) / sizeof(*bulk))
        return false;
    bulk[bulk_ranges].start = strtoull(text, &dash, 16);
    if (*dash != '-')
        return false;
    bulk[bulk_ranges++].end = strtoull(dash + 1, NULL, 16);
    return true;
}

static bool take_option(const char *option) {
    if (strncmp(option, "out=", 4) == 0)
        return (out = fopen(option + 4, "w")) != NULL;
    if (strncmp(option, "hot=", 4) == 0)
        return (hot = fopen(option + 4, "w")) != NULL;
    if (strncmp(option, "bulk=", 5) == 0)
        return add_bulk(option + 5);
    if (strncmp(option, "split=", 6) == 0)
        return (split = strtoull(option + 6, NULL, 16)) != 0;
    if (strcmp(option, "count=off") == 0)
        return !(counting = false);
    return strcmp(option, "count=on") == 0;
}

int qemu_plugin_install(uint64_t id, const struct plugin_host *host, int argc, char **argv) {
    qemu = *host;
    for (int i = 0; i < argc; i++) {
        if (!take_option(argv[i])) {
            fprintf(stderr, "counter: bad option: %s\n", argv[i]);
            return -1;
        }
    }
    if (out == NULL)
        out = stderr;
    counts = plugin_counters_new(own_counts, KINDS);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_idle_cb(id, halted);
    qemu_plugin_register_vcpu_resume_cb(id, resumed);
    return 0;
}
