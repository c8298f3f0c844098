; Clearing and copying whole pages, each in two ways; arch/x86/page_fill.c measures at boot which is quicker.
;
; String instructions are best where the processor has them fast in microcode; under an emulator every repetition
; of one is an instruction, and 16-byte stores cost a quarter. Copying goes by 8 bytes: QEMU's
; 16-byte loads take four times as long as two of 8 bytes. The SSE registers hold the running program's values, so
; what is used of them is saved on the stack and put back; nothing switches threads meanwhile.

%include "arch/x86/asm.inc"

global page_clear, page_copy
global page_clear_string, page_clear_wide, page_copy_string, page_copy_wide
extern page_clear_method, page_copy_method

section .text progbits alloc exec nowrite align=16

page_clear:
        jmp     [page_clear_method]
page_copy:
        jmp     [page_copy_method]

; void page_clear_string(void *page)
page_clear_string:
        push    edi
        mov     edi, eax
        xor     eax, eax
        mov     ecx, 1024
        rep stosd
        pop     edi
        ret

; void page_clear_wide(void *page)
page_clear_wide:
        sub     esp, 16
        movups  [esp], xmm0
        xorps   xmm0, xmm0
        mov     ecx, 4096 / 128
.next:
%assign at 0
%rep 8
        movaps  [eax + at], xmm0
    %assign at at + 16
%endrep
        add     eax, 128
        dec     ecx
        jnz     .next
        movups  xmm0, [esp]
        add     esp, 16
        ret

; void page_copy_string(void *to, const void *from)
page_copy_string:
        push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        mov     ecx, 1024
        rep movsd
        pop     edi
        pop     esi
        ret

%macro MOVE_8 1
        movlps  xmm0, [edx + %1]
        movlps  [eax + %1], xmm0
%endmacro

; void page_copy_wide(void *to, const void *from)
page_copy_wide:
        sub     esp, 8
        movlps  [esp], xmm0
        mov     ecx, 4096 / WIDE_BLOCK
        COPY_WIDE MOVE_8
        movlps  xmm0, [esp]
        add     esp, 8
        ret
