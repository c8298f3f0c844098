; Copies whose user side may be absent or forbidden. A fault that cannot be resolved makes the copy end
; early: the fixup retries by bytes from where the words stopped, so that the count is exact even where a
; word straddles the edge of the last good page.
;
; arch/x86/usercopy.c has checked the user range before.

%include "arch/x86/asm.inc"

global user_move, user_fill_zero

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
