; Changing kernel stacks, which is all that a context switch is to the processor; and the first
; instructions of a new kernel thread. arch/x86/context.c prepares the stacks these expect.

global switch_stacks, kernel_thread_start

section .text progbits alloc exec nowrite align=16

; void switch_stacks(uintptr_t *save, uintptr_t load)
; Pushes what the C calling convention wants kept, stores the stack pointer, takes the other one, and
; returns to whoever called this on that stack.
switch_stacks:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [eax], esp
        mov     esp, edx
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

; "Returned" to by the first switch to a kernel thread: esi is its function, edi the argument.
kernel_thread_start:
        sti
        mov     eax, edi
        call    esi
        ud2                             ; the function never returns
