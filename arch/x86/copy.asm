; Copies whose user side may be absent or forbidden. A fault that cannot be resolved makes the copy end
; early: the fixup retries by bytes from where the words stopped, so that the count is exact even where a
; word straddles the edge of the last good page.
;
; arch/x86/usercopy.c has checked the user range before.

%include "arch/x86/asm.inc"

global user_move, user_move_wide, user_fill_zero

section .text progbits alloc exec nowrite align=16

; size_t user_move(void *to, const void *from, size_t bytes): bytes not copied.
user_move:
        push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        mov     edx, ecx
        shr     ecx, 2
        and     edx, 3
        ALLOW_USER_ACCESS
.words:
        rep movsd
        mov     ecx, edx
.bytes:
        rep movsb
.done:
        FORBID_USER_ACCESS
        mov     eax, ecx
        pop     edi
        pop     esi
        ret

.words_failed:
        lea     ecx, [ecx * 4 + edx]
        jmp     .bytes

        MAY_FAULT user_move.words, user_move.words_failed
        MAY_FAULT user_move.bytes, user_move.done

; Eight bytes at offset %1, through the lower half of xmm0.
%macro MOVE_8 1
    %%load:
        movlps  xmm0, [edx + %1]
    %%store:
        movlps  [eax + %1], xmm0
        MAY_FAULT %%load, user_move_wide.done
        MAY_FAULT %%store, user_move_wide.done
%endmacro

; size_t user_move_wide(void *to, const void *from, size_t blocks): of at least one, blocks of 128 bytes not copied, the
; first of them perhaps in part. xmm0 is the program's, and is put back: so nothing may sleep meanwhile, and any fault
; ends it.
user_move_wide:
        sub     esp, 8
        movlps  [esp], xmm0
        ALLOW_USER_ACCESS
        COPY_WIDE MOVE_8
.done:
        FORBID_USER_ACCESS
        movlps  xmm0, [esp]
        add     esp, 8
        mov     eax, ecx
        ret

; size_t user_fill_zero(void *to, size_t bytes): bytes not cleared.
user_fill_zero:
        push    edi
        mov     edi, eax
        mov     ecx, edx
        xor     eax, eax
        shr     ecx, 2
        and     edx, 3
        ALLOW_USER_ACCESS
.words:
        rep stosd
        mov     ecx, edx
.bytes:
        rep stosb
.done:
        FORBID_USER_ACCESS
        mov     eax, ecx
        pop     edi
        ret

.words_failed:
        lea     ecx, [ecx * 4 + edx]
        jmp     .bytes

        MAY_FAULT user_fill_zero.words, user_fill_zero.words_failed
        MAY_FAULT user_fill_zero.bytes, user_fill_zero.done
