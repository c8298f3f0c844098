; Where the processor enters the kernel and leaves it: one stub a vector, then one way in and one way out.
;
; Each stub leaves on the stack what struct trap_frame (arch/x86/trap.h) describes, whatever the vector:
; where the processor pushes no error code, the stub pushes 0. trap_dispatch() does the rest in C.
;
; The names are the steps of a page fault as the lecture counts them, and places for breakpoints:
;   step 1   trap_vector_14   the processor has trapped: EIP and error code on the stack, address in CR2
;   step 2   trap_save        the registers are saved and C is called
;   step 12  trap_restore     the registers are restored, and the instruction runs again
;
; Source: Intel SDM vol. 3A, 6.12 (exception and interrupt handling), 6.13 (error code).

%include "arch/x86/asm.inc"

FRAME_EIP   equ 14 * 4                  ; offsets in struct trap_frame
FRAME_CS    equ 15 * 4

extern trap_dispatch, trap_leave
global trap_vectors, trap_restore, trap_enter_user

section .text progbits alloc exec nowrite align=16

%macro VECTOR 1
global trap_vector_%1
trap_vector_%1:
    %if %1 <> 8 && %1 <> 17 && (%1 < 10 || %1 > 14) && %1 <> 21 && %1 <> 29 && %1 <> 30
        push    byte 0
    %endif
        push    dword %1
        jmp     trap_save
%endmacro

%assign vector 0
%rep 256
        VECTOR  %[vector]
    %assign vector vector + 1
%endrep

        align 16
trap_save:
        pusha
        push    ds
        push    es
        push    fs                      ; not used by the kernel, so they keep the user's selectors
        push    gs
        mov     ecx, KERNEL_DS
        mov     ds, ecx
        mov     es, ecx
        cld                             ; C expects it; the user may have left it set
        FORBID_USER_ACCESS              ; the user's, or an interrupted user copy's, AC flag
        push    dword [esp + FRAME_EIP] ; with the next two lines: makes this look like a call from
        push    ebp                     ; the interrupted instruction, so that backtraces go on
        mov     ebp, esp
        lea     eax, [esp + 8]
        call    trap_dispatch
        lea     esp, [ebp + 8]

; Interrupts are disabled here if user mode is next. A selector that has become invalid since it was
; saved (set_thread_area, a forged signal frame) faults when it is loaded: it is then made null.
; On the way back into the kernel fs and gs are left alone: they may still hold the selectors of a thread
; that ran before, whose TLS descriptors are gone, and loading those would fault without end.
trap_restore:
        test    byte [esp + FRAME_CS], 3
        jnz     .load_gs
        add     esp, 8
        jmp     .load_es
.load_gs:
        pop     gs
.load_fs:
        pop     fs
.load_es:
        pop     es
.load_ds:
        pop     ds
        popa
        add     esp, 8                  ; vector and error code
        iret

.bad_gs:
        mov     dword [esp], 0
        jmp     .load_gs
.bad_fs:
        mov     dword [esp], 0
        jmp     .load_fs
.bad_es:
        mov     dword [esp], 0
        jmp     .load_es
.bad_ds:
        mov     dword [esp], 0
        jmp     .load_ds

        MAY_FAULT trap_restore.load_gs, trap_restore.bad_gs
        MAY_FAULT trap_restore.load_fs, trap_restore.bad_fs
        MAY_FAULT trap_restore.load_es, trap_restore.bad_es
        MAY_FAULT trap_restore.load_ds, trap_restore.bad_ds

; void trap_enter_user(struct trap_frame *frame): the way out for a thread that has never come in.
; @frame lies on the thread's kernel stack; what is below it is given up.
trap_enter_user:
        mov     esp, eax
        xor     ebp, ebp
        call    trap_leave
        jmp     trap_restore

section .rodata progbits alloc noexec nowrite align=4

trap_vectors:
%assign vector 0
%rep 256
        dd      trap_vector_%[vector]
    %assign vector vector + 1
%endrep
