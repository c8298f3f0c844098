; memcpy, memmove and memset, by string instructions: on every x86, and most of all
; under emulation, ten times as fast as a byte loop in C, and without touching the user's FPU registers.
;
; The compiler may call them on its own; they are as in ISO C.

global memcpy, memmove, memset

section .text progbits alloc exec nowrite align=16

; void *memmove(void *to, const void *from, size_t bytes)
memmove:
        mov     eax, [esp + 4]
        mov     ecx, eax
        sub     ecx, [esp + 8]          ; unsigned: below `bytes` only if `to` lies inside the source,
        cmp     ecx, [esp + 12]         ; and then an upward copy would overwrite what it is to read
        jb      copy_down
        ; fall through

; void *memcpy(void *to, const void *from, size_t bytes)
memcpy:
        push    esi
        push    edi
        mov     edi, [esp + 12]
        mov     esi, [esp + 16]
        mov     edx, [esp + 20]
        mov     eax, edi
        mov     ecx, edx
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
        mov     edi, [esp + 12]
        mov     esi, [esp + 16]
        mov     ecx, [esp + 20]
        mov     eax, edi
        lea     edi, [edi + ecx - 1]
        lea     esi, [esi + ecx - 1]
        std
        rep movsb
        cld
        pop     edi
        pop     esi
        ret

; void *memset(void *to, int byte, size_t bytes)
memset:
        push    edi
        mov     edi, [esp + 8]
        movzx   eax, byte [esp + 12]
        imul    eax, eax, 0x01010101    ; the byte in all four places
        mov     edx, [esp + 16]
        mov     ecx, edx
        shr     ecx, 2
        rep stosd
        mov     ecx, edx
        and     ecx, 3
        rep stosb
        mov     eax, [esp + 8]
        pop     edi
        ret
