/*
 * What plugins of ours use of QEMU, old and new.
 *
 * Debian ships no qemu-plugin.h, so the functions are declared here. Up to QEMU 8.2 (interface version 1) an
 * instruction counts by adding to a variable of the plugin's. From 9.0 on (version 2) it adds to a place in a
 * "scoreboard", which QEMU allocates with one copy for each virtual processor; from 9.1 on (version 3)
 * qemu_plugin_insn_data() copies the bytes. Which it is, is found out when the plugin is loaded: functions that this
 * QEMU does not have are null. Our guests have one processor, so a counter is the copy of processor 0.
 *
 * Source: QEMU's documentation, "TCG plugins", and its changes of interface in 9.0 and 9.1.
 */
#ifndef TOOLS_PLUGINS_PLUGIN_H
#define TOOLS_PLUGINS_PLUGIN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))
#define WEAK     __attribute__((weak))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;
typedef void tb_callback(uint64_t id, struct qemu_plugin_tb *block);
typedef void insn_callback(unsigned cpu, void *data);
typedef void exit_callback(uint64_t id, void *data);
typedef void cpu_callback(uint64_t id, unsigned cpu);

enum { INLINE_ADD_U64 = 0, NO_REGISTERS = 0, MEMORY_READ_OR_WRITE = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_callback *callback);
void qemu_plugin_register_atexit_cb(uint64_t id, exit_callback *callback, void *data);
void qemu_plugin_register_vcpu_idle_cb(uint64_t id, cpu_callback *callback);
void qemu_plugin_register_vcpu_resume_cb(uint64_t id, cpu_callback *callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_callback *callback, int flags,
                                            void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

/* Up to 8.2. */
WEAK void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *counter,
                                                     uint64_t add);
WEAK void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, int access, int op,
                                               void *counter, uint64_t add);
WEAK void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int op, void *counter,
                                                   uint64_t add);
/* From 9.0 on. */
WEAK void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
                                                              qemu_plugin_u64 counter, uint64_t add);
WEAK void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct qemu_plugin_insn *insn, int access, int op,
                                                        qemu_plugin_u64 counter, uint64_t add);
WEAK void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *block, int op,
                                                            qemu_plugin_u64 counter, uint64_t add);
WEAK struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t bytes);
WEAK void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned cpu);
/* From 9.1 on it copies the bytes and returns how many; before it takes the first argument only and returns where they are. */
uintptr_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t bytes);

/* What QEMU tells qemu_plugin_install(). */
struct plugin_host {
    const char *target;
    struct {
        int least, current;
    } version;
};

EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(uint64_t id, const struct plugin_host *host, int argc, char **argv);

static bool plugin_has_scoreboards(void) {
    return qemu_plugin_scoreboard_new != NULL;
}

/* QEMU looks at the version when the library has been loaded, which is when this has run. */
static __attribute__((constructor)) void plugin_choose_version(void) {
    if (plugin_has_scoreboards())
        qemu_plugin_version = 2;
}

/* Numbers that translated code adds to, all of them in one allocation. */
struct plugin_counters {
    uint64_t *own; /* up to 8.2 */
    struct qemu_plugin_scoreboard *score;
};

/* @own: room for @total numbers, all 0, which is used where QEMU has no scoreboards. */
static inline struct plugin_counters plugin_counters_new(uint64_t *own, size_t total) {
    struct plugin_counters counters = {.own = own};

    if (plugin_has_scoreboards())
        counters.score = qemu_plugin_scoreboard_new(total * sizeof(*own));
    return counters;
}

/* Where they are now. The place may change when a processor starts. */
static inline uint64_t *plugin_counters_of(struct plugin_counters *counters) {
    return counters->score != NULL ? qemu_plugin_scoreboard_find(counters->score, 0) : counters->own;
}

static inline qemu_plugin_u64 plugin_place(const struct plugin_counters *counters, size_t which) {
    return (qemu_plugin_u64){counters->score, which * sizeof(*counters->own)};
}

static inline void plugin_count_insn(struct qemu_plugin_insn *insn, struct plugin_counters *counters,
                                     size_t which) {
    if (counters->score != NULL)
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD_U64,
                                                            plugin_place(counters, which), 1);
    else
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &counters->own[which], 1);
}

static inline void plugin_count_memory(struct qemu_plugin_insn *insn, struct plugin_counters *counters,
                                       size_t which) {
    if (counters->score != NULL)
        qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, MEMORY_READ_OR_WRITE, INLINE_ADD_U64,
                                                      plugin_place(counters, which), 1);
    else
        qemu_plugin_register_vcpu_mem_inline(insn, MEMORY_READ_OR_WRITE, INLINE_ADD_U64,
                                             &counters->own[which], 1);
}

static inline void plugin_count_block(struct qemu_plugin_tb *block, struct plugin_counters *counters,
                                      size_t which) {
    if (counters->score != NULL)
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, INLINE_ADD_U64,
                                                          plugin_place(counters, which), 1);
    else
        qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &counters->own[which], 1);
}

/* The instruction's bytes, at most @room of them, as the version of @host gives them: the number. */
static inline size_t plugin_code(const struct plugin_host *host, const struct qemu_plugin_insn *insn,
                                 uint8_t *to, size_t room) {
    size_t bytes = qemu_plugin_insn_size(insn);
    uintptr_t result = qemu_plugin_insn_data(insn, to, room);

    bytes = bytes < room ? bytes : room;
    if (host->version.current < 3)
        memcpy(to, (const void *)result, bytes);
    return bytes;
}

#endif
