; Changing kernel stacks, which is all that a context switch is to the processor; and the first
; instructions of a new thread. arch/x86/context.c prepares the stacks these expect.

extern trap_enter_user
global switch_stacks, kernel_thread_start, user_thread_start

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

; "Returned" to by the first switch to a user thread: its trap frame lies at esp.
user_thread_start:
        mov     eax, esp
        jmp     trap_enter_user
