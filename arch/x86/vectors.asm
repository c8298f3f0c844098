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

%define VECTOR_PROTECTION  13           ; as in arch/x86/traps.h
%define VECTOR_PAGE_FAULT  14
%define VECTOR_SYSTEM_CALL 128
FRAME_GS    equ 0 * 4                   ; offsets in struct trap_frame
FRAME_FS    equ 1 * 4
FRAME_ES    equ 2 * 4
FRAME_DS    equ 3 * 4
FRAME_EDI   equ 4 * 4
FRAME_EIP   equ 14 * 4
FRAME_CS    equ 15 * 4
IRET_SS     equ 4 * 4                   ; in what iret pops: eip, cs, eflags, esp, ss

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
%endmacro

%assign vector 0
%rep 256
    %if vector <> VECTOR_PAGE_FAULT && vector <> VECTOR_SYSTEM_CALL ; these two stand before what they go on with
        VECTOR  %[vector]
        jmp     trap_save
    %endif
    %assign vector vector + 1
%endrep

; Completes the struct trap_frame, readies the processor for C, and leaves the frame's address in eax. Loading a
; segment register is dear: where ds and es are the flat ones of ordinary programs, the kernel uses them as they are.
; It does not use fs and gs, so that they keep the program's selectors.
%macro SAVE_REGISTERS 0
        pusha
        push    ds
        push    es
        push    fs
        push    gs
        mov     ecx, ds
        mov     edx, es
        cmp     ecx, edx
        jne     .not_flat
        cmp     ecx, USER_DS
        je      .flat
    .not_flat:
        mov     ecx, KERNEL_DS
        mov     ds, ecx
        mov     es, ecx
    .flat:
        cld                             ; C expects it; the user may have left it set
        FORBID_USER_ACCESS              ; the user's, or an interrupted user copy's, AC flag
        push    dword [esp + FRAME_EIP] ; with the next two lines: makes this look like a call from
        push    ebp                     ; the interrupted instruction, so that backtraces go on
        mov     ebp, esp
        lea     eax, [esp + 8]
%endmacro

        align 16
        VECTOR  VECTOR_SYSTEM_CALL
trap_system_call:
        SAVE_REGISTERS
        call    kernel_syscall
        jmp     trap_save.to_user

        align 16
        VECTOR  VECTOR_PAGE_FAULT
trap_save:
        SAVE_REGISTERS
        call    trap_dispatch
        test    byte [ebp + 8 + FRAME_CS], 3
        jz      .to_kernel
.to_user:
        lea     eax, [ebp + 8]
        call    kernel_return_to_user   ; and interrupts are disabled
        lea     esp, [ebp + 8]

; Loads a segment register from the frame at esp, if it does not hold that selector already. One that has become
; invalid since it was saved (set_thread_area, a forged signal frame) faults: it is then made null.
%macro RESTORE_SEGMENT 2                ; register, its place in struct trap_frame
        mov     ecx, %1
        cmp     cx, [esp + %2]
        je      .has_%1
    .load_%1:
        mov     %1, [esp + %2]
    .has_%1:
        MAY_FAULT .load_%1, .bad_%1
%endmacro

%macro NULL_SEGMENT 2
    .bad_%1:
        mov     dword [esp + %2], 0
        jmp     .load_%1
%endmacro

trap_restore:
        RESTORE_SEGMENT gs, FRAME_GS
        RESTORE_SEGMENT fs, FRAME_FS
    .to_kernel:
        RESTORE_SEGMENT es, FRAME_ES
        RESTORE_SEGMENT ds, FRAME_DS
        add     esp, FRAME_EDI
        popa
        add     esp, 8                  ; vector and error code
.iret:
        iret

        NULL_SEGMENT gs, FRAME_GS
        NULL_SEGMENT fs, FRAME_FS
        NULL_SEGMENT es, FRAME_ES
        NULL_SEGMENT ds, FRAME_DS

; The stack segment has become invalid: a program may load ss from a TLS entry of its own and then take the entry
; away. It gets the protection fault as if its next instruction had made it, with a stack segment that is good.
.bad_iret:
        mov     dword [esp + IRET_SS], USER_DS
        push    byte 0
        push    byte VECTOR_PROTECTION
        jmp     trap_save

        MAY_FAULT .iret, .bad_iret

; On the way back into the kernel fs and gs are left alone: they may still hold the selectors of a thread
; that ran before, whose TLS descriptors are gone, and loading those would fault without end.
trap_save.to_kernel:
        lea     esp, [ebp + 8]
        jmp     trap_restore.to_kernel

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
