/*
 * Signal frames of Linux i386.
 *
 * To enter a handler, the kernel writes the interrupted registers into a frame on the user's stack and
 * points the user's PC at the handler, with a return address that leads to the sigreturn system call; that
 * call puts the registers back from the frame. Programs read and change these frames, unwinders and
 * debuggers recognise the exact bytes of the trampoline: the layout is ABI.
 *
 *      higher   FPU state: the i387's FSAVE image, then the FXSAVE image
 *               frame: return address, signal number, …, sigcontext, mask, trampoline
 *      lower    <- esp at the handler's entry, where a return address would be after a call
 *
 * What comes back in sigreturn is the program's to choose, so privileged bits and selectors are not taken
 * from it.
 *
 * Source: Linux UAPI <asm/sigcontext.h>, sigreturn(2); Intel SDM vol. 1, tables 8-6 and 10-2 (x87 tag
 * word, FXSAVE area).
 */
#include "arch/x86/sigframe.h"
#include "arch/x86/descriptors.h"
#include "arch/x86/usercopy.h"
#include "lib/errno.h"
#include "lib/string.h"

#include <asm/sigcontext.h>
#include <linux/signal.h>

struct trampoline {
    uint8_t code[8];
};

/* popl %eax; movl $__NR_sigreturn, %eax; int $0x80 */
static const struct trampoline plain_trampoline = {{0x58, 0xB8, 0x77, 0, 0, 0, 0xCD, 0x80}};
/* movl $__NR_rt_sigreturn, %eax; int $0x80 */
static const struct trampoline rt_trampoline = {{0xB8, 0xAD, 0, 0, 0, 0xCD, 0x80, 0}};

struct plain_frame {
    uint32_t return_address;
    int32_t signal;
    struct sigcontext context;
    struct _fpstate_32 unused; /* where it was before FXSAVE; kept so that the rest stays in place */
    uint32_t mask_high;        /* the low word is context.oldmask */
    struct trampoline trampoline;
};

struct rt_frame {
    uint32_t return_address;
    int32_t signal;
    uint32_t info_pointer, context_pointer;
    siginfo_t info;
    struct {
        uint32_t flags, link;
        struct {
            uint32_t base;
            int32_t flags;
            uint32_t size;
        } stack;
        struct sigcontext context;
        uint64_t mask;
    } __attribute__((packed, aligned(4))) user_context;
    struct trampoline trampoline;
};

_Static_assert(sizeof(siginfo_t) == 128, "Linux's siginfo");
_Static_assert(sizeof(struct sigcontext) == 88, "Linux's sigcontext");
_Static_assert(sizeof(struct _fpstate_32) == 624, "Linux's _fpstate with FXSAVE data");

#define FLAGS_TRAP      0x100u
#define FLAGS_DIRECTION 0x400u
#define FLAGS_RESUME    0x10000u
/* What a program may set in its flags: AC RF OF DF TF SF ZF AF PF CF. */
#define FLAGS_USER 0x50DD5u

/* --- FPU state: what FXSAVE stores, and the older FSAVE form in front of it --- */

struct fxsave {
    uint16_t control, status;
    uint8_t tags, reserved;
    uint16_t opcode;
    uint32_t instruction, instruction_segment, data, data_segment;
    uint32_t mxcsr, mxcsr_mask;
    struct _fpxreg registers[8];
    uint8_t rest[352];
};
_Static_assert(sizeof(struct fxsave) == 512, "FXSAVE area");

#define FPSTATE_FXSAVE_OFFSET offsetof(struct _fpstate_32, _fxsr_env)

/* FXSAVE keeps one tag bit a register; FSAVE two, which say what kind of number is in it. */
static unsigned tag_of_register(const struct _fpxreg *value) {
    enum { VALID, ZERO, SPECIAL };
    unsigned exponent = value->exponent & 0x7FFFu;
    if (exponent == 0x7FFF)
        return SPECIAL;
    if (exponent == 0) {
        bool zero = (value->significand[0] | value->significand[1] | value->significand[2] |
                     value->significand[3]) == 0;
        return zero ? ZERO : SPECIAL;
    }
    return (value->significand[3] & 0x8000) ? VALID : SPECIAL;
}

static uint32_t full_tags(const struct fxsave *fx) {
    unsigned top = (fx->status >> 11) & 7;
    uint32_t tags = 0xFFFF0000u;
    for (unsigned i = 0; i < 8; i++) {
        unsigned empty = 3;
        unsigned tag = (fx->tags >> i & 1) ? tag_of_register(&fx->registers[(i - top) & 7]) : empty;
        tags |= tag << (2 * i);
    }
    return tags;
}

static uint8_t abridged_tags(uint32_t tags) {
    unsigned abridged = 0;
    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> (2 * i) & 3) != 3)
            abridged |= 1u << i;
    }
    return (uint8_t)abridged;
}

static void fpstate_from_fxsave(struct _fpstate_32 *state, const struct fxsave *fx) {
    memset(state, 0, sizeof *state);
    state->cw = fx->control | 0xFFFF0000u;
    state->sw = fx->status | 0xFFFF0000u;
    state->tag = full_tags(fx);
    state->ipoff = fx->instruction;
    state->cssel = (fx->instruction_segment & 0xFFFF) | (uint32_t)fx->opcode << 16;
    state->dataoff = fx->data;
    state->datasel = (fx->data_segment & 0xFFFF) | 0xFFFF0000u;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&state->_st[i], &fx->registers[i], sizeof state->_st[i]);
    state->status = fx->status;
    state->magic = X86_FXSR_MAGIC;
    memcpy((char *)state + FPSTATE_FXSAVE_OFFSET, fx, sizeof *fx);
}

/* The x87 part is taken from the FSAVE form, which programs know how to edit; SSE from the other. */
static void fxsave_from_fpstate(struct fxsave *fx, const struct _fpstate_32 *state, uint32_t mxcsr_mask) {
    memcpy(fx, (const char *)state + FPSTATE_FXSAVE_OFFSET, sizeof *fx);
    fx->control = (uint16_t)state->cw;
    fx->status = (uint16_t)state->sw;
    fx->tags = abridged_tags(state->tag);
    fx->opcode = (uint16_t)(state->cssel >> 16);
    fx->instruction = state->ipoff;
    fx->instruction_segment = state->cssel & 0xFFFF;
    fx->data = state->dataoff;
    fx->data_segment = state->datasel & 0xFFFF;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&fx->registers[i], &state->_st[i], sizeof state->_st[i]);
    fx->mxcsr &= mxcsr_mask ? mxcsr_mask : 0xFFBFu; /* reserved bits would fault in the kernel */
}

static int push_fpu(struct context *context, vaddr_t to) {
    struct fxsave fx;
    struct _fpstate_32 state;
    context_save_fpu(context, &fx);
    fpstate_from_fxsave(&state, &fx);
    return user_write(to, &state, sizeof state);
}

static int pop_fpu(struct context *context, vaddr_t from) {
    struct fxsave fx;
    struct _fpstate_32 state;
    int error = user_read(&state, from, sizeof state);
    if (error)
        return error;
    context_save_fpu(context, &fx);
    fxsave_from_fpstate(&fx, &state, fx.mxcsr_mask);
    context_load_fpu(context, &fx);
    return 0;
}

/* --- registers --- */

static struct sigcontext save_registers(const struct trap_frame *frame, vaddr_t fpu,
                                        const struct sigframe_request *request) {
    return (struct sigcontext){
        .gs = (uint16_t)frame->gs,
        .fs = (uint16_t)frame->fs,
        .es = (uint16_t)frame->es,
        .ds = (uint16_t)frame->ds,
        .edi = frame->edi,
        .esi = frame->esi,
        .ebp = frame->ebp,
        .esp = frame->esp,
        .ebx = frame->ebx,
        .edx = frame->edx,
        .ecx = frame->ecx,
        .eax = frame->eax,
        .trapno = request->trap_vector,
        .err = request->trap_error,
        .eip = frame->eip,
        .cs = (uint16_t)frame->cs,
        .eflags = frame->eflags,
        .esp_at_signal = frame->esp,
        .ss = (uint16_t)frame->ss,
        .fpstate = (struct _fpstate_32 *)fpu,
        .oldmask = (uint32_t)request->mask,
        .cr2 = request->trap_address,
    };
}

/* A selector of user privilege, or null; what comes of one that leads nowhere, vectors.asm decides when it loads it. */
static uint32_t user_selector(uint16_t selector) {
    return selector > 3 ? selector | 3u : selector;
}

/* The code segment stays: a program has no other to choose. */
static void load_registers(struct trap_frame *frame, const struct sigcontext *saved) {
    frame->gs = user_selector(saved->gs);
    frame->fs = user_selector(saved->fs);
    frame->es = user_selector(saved->es);
    frame->ds = user_selector(saved->ds);
    frame->ss = user_selector(saved->ss);
    frame->edi = saved->edi;
    frame->esi = saved->esi;
    frame->ebp = saved->ebp;
    frame->esp = saved->esp;
    frame->ebx = saved->ebx;
    frame->edx = saved->edx;
    frame->ecx = saved->ecx;
    frame->eax = saved->eax;
    frame->eip = saved->eip;
    frame->eflags = (frame->eflags & ~FLAGS_USER) | (saved->eflags & FLAGS_USER);
}

static siginfo_t make_info(const struct sigframe_request *request) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = request->signal;
    info.si_code = request->code;
    switch (request->signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
        if (request->code > 0) {
            info.si_addr = (void *)request->address;
            return info;
        }
        break;
    case SIGCHLD:
        info.si_status = request->status;
        break;
    }
    info.si_pid = request->pid;
    if (request->code == SI_QUEUE)
        info.si_int = request->value;
    return info;
}

/* --- frames --- */

static bool on_alternate(vaddr_t stack, const struct sigframe_request *request) {
    return request->alternate_size > 0 && stack > request->alternate_stack &&
           stack - request->alternate_stack <= request->alternate_size;
}

/* Where the frame goes: the stack in use or the alternate one, with the FPU state on top of the frame. */
static vaddr_t place_frame(vaddr_t stack, const struct sigframe_request *request, size_t bytes,
                           vaddr_t *fpu) {
    if (request->on_alternate && request->alternate_size > 0 && !on_alternate(stack, request))
        stack = request->alternate_stack + request->alternate_size;
    *fpu = (stack - sizeof(struct _fpstate_32)) & ~(vaddr_t)63;
    return ((*fpu - bytes + 4) & ~(vaddr_t)15) - 4; /* as a call would leave an aligned stack */
}

static int push_plain(const struct trap_frame *frame, const struct sigframe_request *request, vaddr_t at,
                      vaddr_t fpu) {
    struct plain_frame plain = {
        .return_address =
            (uint32_t)(request->restorer ? request->restorer : at + offsetof(struct plain_frame, trampoline)),
        .signal = request->signal,
        .context = save_registers(frame, fpu, request),
        .mask_high = (uint32_t)(request->mask >> 32),
        .trampoline = plain_trampoline,
    };
    return user_write(at, &plain, sizeof plain);
}

static int push_rt(const struct trap_frame *frame, const struct sigframe_request *request, vaddr_t at,
                   vaddr_t fpu) {
    struct rt_frame rt = {
        .return_address =
            (uint32_t)(request->restorer ? request->restorer : at + offsetof(struct rt_frame, trampoline)),
        .signal = request->signal,
        .info_pointer = (uint32_t)(at + offsetof(struct rt_frame, info)),
        .context_pointer = (uint32_t)(at + offsetof(struct rt_frame, user_context)),
        .info = make_info(request),
        .user_context.context = save_registers(frame, fpu, request),
        .user_context.mask = request->mask,
        .trampoline = rt_trampoline,
    };
    rt.user_context.stack.base = (uint32_t)request->alternate_stack;
    rt.user_context.stack.size = request->alternate_size;
    if (request->alternate_size == 0)
        rt.user_context.stack.flags = SS_DISABLE;
    else if (on_alternate(frame->esp, request))
        rt.user_context.stack.flags = SS_ONSTACK;
    return user_write(at, &rt, sizeof rt);
}

int sigframe_push(struct trap_frame *frame, struct context *context, const struct sigframe_request *request) {
    bool rt = request->with_info;
    vaddr_t fpu;
    vaddr_t at =
        place_frame(frame->esp, request, rt ? sizeof(struct rt_frame) : sizeof(struct plain_frame), &fpu);
    int error = push_fpu(context, fpu);
    if (!error)
        error = rt ? push_rt(frame, request, at, fpu) : push_plain(frame, request, at, fpu);
    if (error)
        return error;
    context_reset_fpu(context);
    frame->esp = (uint32_t)at;
    frame->eip = (uint32_t)request->handler;
    frame->eax = (uint32_t)request->signal; /* for handlers that take arguments in registers */
    frame->edx = rt ? (uint32_t)(at + offsetof(struct rt_frame, info)) : 0;
    frame->ecx = rt ? (uint32_t)(at + offsetof(struct rt_frame, user_context)) : 0;
    frame->ds = frame->es = frame->ss = USER_DS; /* C code takes it for granted, whatever was interrupted */
    frame->eflags &= ~(FLAGS_DIRECTION | FLAGS_TRAP | FLAGS_RESUME);
    return 0;
}

/*
 * On the way back esp points behind the return address, and for a plain frame behind the signal number,
 * which the trampoline has popped too.
 */
int sigframe_pop(struct trap_frame *frame, struct context *context, bool rt, uint64_t *mask) {
    struct sigcontext saved;
    vaddr_t at =
        frame->esp - (rt ? offsetof(struct rt_frame, signal) : offsetof(struct plain_frame, context));
    int error;
    if (rt) {
        error = user_read(&saved, at + offsetof(struct rt_frame, user_context.context), sizeof saved);
        if (!error)
            error = user_read(mask, at + offsetof(struct rt_frame, user_context.mask), sizeof *mask);
    } else {
        uint32_t high;
        error = user_read(&saved, at + offsetof(struct plain_frame, context), sizeof saved);
        if (!error)
            error = user_read(&high, at + offsetof(struct plain_frame, mask_high), sizeof high);
        if (!error)
            *mask = (uint64_t)high << 32 | saved.oldmask;
    }
    if (!error && saved.fpstate)
        error = pop_fpu(context, (vaddr_t)saved.fpstate);
    if (!error)
        load_registers(frame, &saved);
    return error;
}
