; memcpy, memmove and memset, by string instructions: on every x86, and most of all
; under emulation, ten times as fast as a byte loop in C, and without touching the user's FPU registers.
;
; The compiler may call them on its own; they are as in ISO C, with the arguments in eax, edx and ecx.

global memcpy, memmove, memset

section .text progbits alloc exec nowrite align=16

; void *memmove(void *to, const void *from, size_t bytes)
memmove:
        push    eax
        sub     eax, edx                ; unsigned: below `bytes` only if `to` lies inside the source,
        cmp     eax, ecx                ; and then an upward copy would overwrite what it is to read
        pop     eax
        jb      copy_down
        ; fall through

; void *memcpy(void *to, const void *from, size_t bytes)
memcpy:
        push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        mov     edx, ecx
        shr     ecx, 2
        rep movsd
        mov     ecx, edx
        and     ecx, 3
        rep movsb
        pop     edi
        pop     esi
        ret

copy_down:
        push    esi
        push    edi
        lea     edi, [eax + ecx - 1]
        lea     esi, [edx + ecx - 1]
        std
        rep movsb
        cld
        pop     edi
        pop     esi
        ret

; void *memset(void *to, int byte, size_t bytes)
memset:
        push    edi
        push    eax
        mov     edi, eax
        movzx   eax, dl
        imul    eax, eax, 0x01010101    ; the byte in all four places
        mov     edx, ecx
        shr     ecx, 2
        rep stosd
        mov     ecx, edx
        and     ecx, 3
        rep stosb
        pop     eax
        pop     edi
        ret
