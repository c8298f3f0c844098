/*
 * references: a QEMU plugin that counts the memory references of programs: instructions fetched, and data read and
 * written by them, in user mode. At the end a line of JSON goes to the file named by out=:
 *
 *     {"instructions": N, "data": N}
 *
 * User mode is told by the address of the instruction, which is below split= (0xC0000000, where the kernel begins).
 * A fetch counts as one reference, however long the instruction is; so does an operand that crosses a page, and an
 * instruction that reads and writes its operand makes two. What an instruction did before it faulted and began
 * anew counts each time.
 */
#include "tools/plugins/plugin.h"

#include <stdio.h>
#include <stdlib.h>

enum { INSTRUCTIONS, DATA, COUNTS };

static uint64_t own_counts[COUNTS];
static struct plugin_counters counts;
static uint64_t split = 0xC0000000u;
static FILE *out;

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);

        if (qemu_plugin_insn_vaddr(insn) >= split)
            continue;
        plugin_count_insn(insn, &counts, INSTRUCTIONS);
        plugin_count_memory(insn, &counts, DATA);
    }
}

static void finished(uint64_t id, void *data) {
    const uint64_t *numbers = plugin_counters_of(&counts);

    (void)id, (void)data;
    fprintf(out, "{\"instructions\": %" PRIu64 ", \"data\": %" PRIu64 "}\n", numbers[INSTRUCTIONS],
            numbers[DATA]);
    fclose(out);
}

int qemu_plugin_install(uint64_t id, const struct plugin_host *host, int argc, char **argv) {
    (void)host;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
        else if (strncmp(argv[i], "split=", 6) == 0)
            split = strtoull(argv[i] + 6, NULL, 0);
    }
    if (out == NULL) {
        fprintf(stderr, "references: out=FILE is missing or cannot be written\n");
        return -1;
    }
    counts = plugin_counters_new(own_counts, COUNTS);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
