; entry: what the registers hold when a program starts, before any C library has run.
;
; The i386 psABI promises only edx (a function to call at exit, or 0) and esp; Linux clears them all, and C
; libraries have come to rely on it: static glibc calls edx at exit if it is not 0. Prints one line; exit status 0 if
; all is as Linux has it.

bits 32
global _start

SYS_EXIT    equ 1
SYS_WRITE   equ 4
STDOUT      equ 1

section .text
_start:
        or      eax, ebx
        or      eax, ecx
        or      eax, edx
        or      eax, esi
        or      eax, edi
        or      eax, ebp
        jnz     .wrong
        test    esp, 15                 ; argc lies at a multiple of 16
        jnz     .wrong
        cmp     dword [esp], 1          ; argc, one argument, the 0 behind it
        jb      .wrong
        mov     ecx, [esp]
        cmp     dword [esp + 4 + ecx * 4], 0
        jne     .wrong
        pushf
        test    dword [esp], 400h       ; strings go upwards
        jnz     .wrong
        mov     eax, SYS_WRITE
        mov     ebx, STDOUT
        mov     ecx, right
        mov     edx, right_length
        int     80h
        mov     eax, SYS_EXIT
        xor     ebx, ebx
        int     80h
.wrong:
        mov     eax, SYS_WRITE
        mov     ebx, STDOUT
        mov     ecx, wrong
        mov     edx, wrong_length
        int     80h
        mov     eax, SYS_EXIT
        mov     ebx, 1
        int     80h

right:  db      "entry: all registers 0, the stack aligned and in order", 10
right_length equ $ - right
wrong:  db      "entry: a register, the flags or the stack is not as it should be", 10
wrong_length equ $ - wrong
