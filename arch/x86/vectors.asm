; Where the processor enters the kernel and leaves it: one stub a vector, then one way in and one way out.
;
; Each stub leaves on the stack what struct trap_frame (arch/x86/trap.h) describes, whatever the vector:
; where the processor pushes no error code, the stub pushes 0. trap_dispatch() does the rest in C; system calls, the
; most frequent, go straight to kernel_syscall().
;
; The names are the steps of a page fault as the lecture counts them, and places for breakpoints:
;   step 1   trap_vector_14   the processor has trapped: EIP and error code on the stack, address in CR2
;   step 2   trap_save        the registers are saved and C is called
;   step 12  trap_restore     the registers are restored, and the instruction runs again
;
; Source: Intel SDM vol. 3A, 6.12 (exception and interrupt handling), 6.13 (error code).

%include "arch/x86/asm.inc"

VECTOR_SYSTEM_CALL equ 0x80             ; as in arch/x86/traps.h
FRAME_EIP   equ 14 * 4                  ; offsets in struct trap_frame
FRAME_CS    equ 15 * 4

extern trap_dispatch, kernel_syscall, kernel_return_to_user
global trap_vectors, trap_system_call, trap_save, trap_restore, user_thread_start

section .text progbits alloc exec nowrite align=16

%macro VECTOR 1
global trap_vector_%1
trap_vector_%1:
    %if %1 <> 8 && %1 <> 17 && (%1 < 10 || %1 > 14) && %1 <> 21 && %1 <> 29 && %1 <> 30
        push    byte 0
    %endif
        push    dword %1
    %if %1 = VECTOR_SYSTEM_CALL
        jmp     trap_system_call
    %else
        jmp     trap_save
    %endif
%endmacro

%assign vector 0
%rep 256
        VECTOR  %[vector]
    %assign vector vector + 1
%endrep

; Completes the struct trap_frame, readies the processor for C, and leaves the frame's address in eax.
%macro SAVE_REGISTERS 0
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
%endmacro

        align 16
trap_system_call:
        SAVE_REGISTERS
        call    kernel_syscall
        jmp     trap_save.to_user

        align 16
trap_save:
        SAVE_REGISTERS
        call    trap_dispatch
        test    byte [ebp + 8 + FRAME_CS], 3
        jz      .to_kernel
.to_user:
        lea     eax, [ebp + 8]
        call    kernel_return_to_user   ; and interrupts are disabled
        lea     esp, [ebp + 8]

; A selector that has become invalid since it was saved (set_thread_area, a forged signal frame) faults when it
; is loaded: it is then made null.
trap_restore:
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

; On the way back into the kernel fs and gs are left alone: they may still hold the selectors of a thread
; that ran before, whose TLS descriptors are gone, and loading those would fault without end.
trap_save.to_kernel:
        lea     esp, [ebp + 8 + 8]
        jmp     trap_restore.load_es

        MAY_FAULT trap_restore.load_gs, trap_restore.bad_gs
        MAY_FAULT trap_restore.load_fs, trap_restore.bad_fs
        MAY_FAULT trap_restore.load_es, trap_restore.bad_es
        MAY_FAULT trap_restore.load_ds, trap_restore.bad_ds

; "Returned" to by the first switch to a user thread (arch/x86/context.c), whose trap frame lies at esp: the way
; out for a thread that has never come in.
user_thread_start:
        mov     eax, esp
        xor     ebp, ebp
        call    kernel_return_to_user
        jmp     trap_restore

section .rodata progbits alloc noexec nowrite align=4

trap_vectors:
%assign vector 0
%rep 256
        dd      trap_vector_%[vector]
    %assign vector vector + 1
%endrep
