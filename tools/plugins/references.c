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
 *
 * Debian ships no qemu-plugin.h, so the functions used are declared here. Source: QEMU's documentation, "TCG
 * plugins" (interface version 1, QEMU 4.2 to 8.2).
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { INLINE_ADD_U64 = 0 };
enum { MEMORY_READ_OR_WRITE = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*callback)(uint64_t id, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *counter,
                                                uint64_t add);
void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, int access, int op, void *counter,
                                          uint64_t add);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t id, void *data), void *data);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static uint64_t instructions, data_references;
static uint64_t split = 0xC0000000u;
static FILE *out;

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);

        if (qemu_plugin_insn_vaddr(insn) >= split)
            continue;
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &instructions, 1);
        qemu_plugin_register_vcpu_mem_inline(insn, MEMORY_READ_OR_WRITE, INLINE_ADD_U64, &data_references, 1);
    }
}

static void finished(uint64_t id, void *data) {
    (void)id;
    (void)data;
    fprintf(out, "{\"instructions\": %" PRIu64 ", \"data\": %" PRIu64 "}\n", instructions, data_references);
    fclose(out);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
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
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
