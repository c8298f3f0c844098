/*
 * Threads as the processor knows them: a kernel stack to switch to, the TSS field that says where traps
 * from user mode begin on it, three TLS descriptors, and the FPU and SSE registers.
 *
 * The FPU is switched eagerly: a user thread's registers are saved when it is switched from, so the copy
 * in its context is good whenever it is not running. They are loaded only if another program's have been
 * loaded since, so a trip to a kernel thread and back loads nothing; kernel threads have no FPU state and
 * cost none.
 *
 * Source: Intel SDM vol. 1, 10.5 (FXSAVE and FXRSTOR); vol. 3A, 7.2.1. User descriptors: Linux i386,
 * set_thread_area(2).
 */
#include "arch/x86/context.h"

#include "arch/x86/descriptors.h"
#include "arch/x86/irq.h"
#include "arch/x86/trap.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#include <asm/ldt.h>

/* switch.asm; vectors.asm */
void switch_stacks(uintptr_t *save, uintptr_t load);
void kernel_thread_start(void);
void user_thread_start(void);

/* What switch_stacks() pops for the thread it switches to. */
struct switch_frame {
    uint32_t edi, esi, ebx, ebp;
    uint32_t eip;
};

/* The parts of an FXSAVE image that matter here. */
#define FXSAVE_BYTES     512u
#define FPU_CONTROL      0x037Fu /* all exceptions masked, 64-bit precision: as Linux starts programs */
#define SSE_CONTROL      0x1F80u
#define SSE_CONTROL_MASK 0xFFBFu /* where the processor does not report its own */

struct fxsave {
    uint16_t control, status;
    uint8_t tags, reserved;
    uint16_t opcode;
    uint32_t eip, cs, data, ds;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t registers[FXSAVE_BYTES - 32];
};

static struct context *running;   /* whom the last switch was to */
static struct context *fpu_owner; /* whose state the FPU registers last held; never followed */

/* --- FPU --------------------------------------------------------------------------------------------- */

static struct fxsave *fpu_area(struct context *context) {
    return (struct fxsave *)(((uintptr_t)context->fpu + 15) & ~(uintptr_t)15);
}

static void fpu_save(struct context *context) {
    asm volatile("fxsave %0" : "=m"(*fpu_area(context)));
}

static void fpu_load(struct context *context) {
    asm volatile("fxrstor %0" : : "m"(*fpu_area(context)));
    fpu_owner = context;
}

static void fpu_make_clean(struct context *context) {
    *fpu_area(context) = (struct fxsave){.control = FPU_CONTROL, .mxcsr = SSE_CONTROL};
    context->fpu_used = true;
}

void context_reset_fpu(struct context *context) {
    unsigned state = irq_save();
    fpu_make_clean(context);
    fpu_load(context);
    irq_restore(state);
}

void context_save_fpu(struct context *context, void *image512) {
    fpu_save(context);
    memcpy(image512, fpu_area(context), FXSAVE_BYTES);
}

/* FXRSTOR faults on bits of MXCSR that the processor does not have; a program may ask for any. */
void context_load_fpu(struct context *context, const void *image512) {
    fpu_save(context);
    uint32_t mask = fpu_area(context)->mxcsr_mask;
    memcpy(fpu_area(context), image512, FXSAVE_BYTES);
    fpu_area(context)->mxcsr &= mask ? mask : SSE_CONTROL_MASK;
    fpu_load(context);
}

/* --- TLS --------------------------------------------------------------------------------------------- */

static bool is_empty(const struct user_desc *desc) {
    return desc->base_addr == 0 && desc->limit == 0 && desc->contents == 0 && desc->read_exec_only == 1 &&
           !desc->seg_32bit && !desc->limit_in_pages && desc->seg_not_present == 1 && !desc->useable;
}

/* Linux's rules for TLS entries: present 32-bit data segments, never code. */
static bool is_acceptable(const struct user_desc *desc) {
    return desc->seg_32bit && desc->contents <= 1 && !desc->seg_not_present;
}

/* The descriptor as the processor reads it: SDM vol. 3A, 3.4.5. */
static uint64_t make_descriptor(const struct user_desc *desc) {
    uint32_t base = desc->base_addr, limit = desc->limit;
    uint32_t type = (desc->contents << 2) | (desc->read_exec_only ? 0u : 2u) | 1u; /* accessed */
    uint32_t low = (limit & 0xFFFF) | base << 16;
    uint32_t high = (base >> 16 & 0xFF) | type << 8 | 1u << 12 /* not a system segment */ |
                    3u << 13 /* DPL */ | 1u << 15 /* present */ | (limit & 0xF0000) |
                    (uint32_t)desc->useable << 20 | 1u << 22 | (uint32_t)desc->limit_in_pages << 23 |
                    (base & 0xFF000000);
    return (uint64_t)high << 32 | low;
}

static int find_free_tls(const struct context *context) {
    for (unsigned i = 0; i < CONTEXT_TLS_ENTRIES; i++)
        if (context->tls[i] == 0)
            return (int)(GDT_TLS + i);
    return -ESRCH;
}

int context_set_tls(struct context *context, void *user_desc) {
    struct user_desc *desc = user_desc;
    bool empty = is_empty(desc);
    if (!empty && !is_acceptable(desc))
        return -EINVAL;
    int entry = (int)desc->entry_number;
    if (entry == -1) {
        entry = find_free_tls(context);
        if (entry < 0)
            return entry;
        desc->entry_number = (unsigned)entry;
    }
    if (entry < GDT_TLS || entry >= GDT_TLS + (int)CONTEXT_TLS_ENTRIES)
        return -EINVAL;
    context->tls[entry - GDT_TLS] = empty ? 0 : make_descriptor(desc);
    if (context == running)
        descriptors_set_tls(context->tls);
    return 0;
}

void context_copy_user_state(struct context *to, struct context *from) {
    if (from->fpu_used) {
        fpu_save(from);
        *fpu_area(to) = *fpu_area(from);
    }
    to->fpu_used = from->fpu_used;
    memcpy(to->tls, from->tls, sizeof(to->tls));
}

void context_reset_user_state(struct context *context) {
    memset(context->tls, 0, sizeof(context->tls));
    if (context == running)
        descriptors_set_tls(context->tls);
    context_reset_fpu(context);
}

/* --- new threads, and the switch --------------------------------------------------------------------- */

/* Puts what the first switch pops below @top. The memory may have been another thread's context before. */
static void prepare_stack(struct context *context, void *stack_top, uintptr_t top,
                          struct switch_frame frame) {
    struct switch_frame *place = (struct switch_frame *)top - 1;
    *place = frame;
    context->stack_pointer = (uintptr_t)place;
    context->stack_top = stack_top;
    if (fpu_owner == context)
        fpu_owner = NULL;
}

void context_init_kernel(struct context *context, void *stack_top, void (*entry)(void *), void *argument) {
    struct switch_frame frame = {
        .esi = (uintptr_t)entry,
        .edi = (uintptr_t)argument,
        .eip = (uintptr_t)kernel_thread_start,
    };
    prepare_stack(context, stack_top, (uintptr_t)stack_top, frame);
    context->fpu_used = false;
}

struct trap_frame *context_init_user(struct context *context, void *stack_top,
                                     const struct trap_frame *frame) {
    struct trap_frame *copy = (struct trap_frame *)stack_top - 1;
    *copy = *frame;
    struct switch_frame start = {.eip = (uintptr_t)user_thread_start};
    prepare_stack(context, stack_top, (uintptr_t)copy, start);
    if (!context->fpu_used)
        fpu_make_clean(context);
    return copy;
}

void context_switch(struct context *from, struct context *to) {
    ASSERT(!irq_enabled());
    if (from->fpu_used)
        fpu_save(from);
    if (to->fpu_used) {
        descriptors_set_tls(to->tls);
        if (fpu_owner != to)
            fpu_load(to);
    }
    task_state.esp0 = (uintptr_t)to->stack_top;
    running = to;
    switch_stacks(&from->stack_pointer, to->stack_pointer);
}
