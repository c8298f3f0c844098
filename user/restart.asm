; restart: instructions that must start over after a fault, on pages that are not there.
;
; A page fault may come in the middle of an instruction: half of a string moved, one of two operands
; fetched, the stack pointer about to change. The i386 promises that registers are then as they were before
; the instruction (a repeated one: as they were before the element that faulted), so a kernel need only
; return to it. This program makes sure that kernel and processor keep the promise, for the instructions
; whose like has hurt on other machines.
;
; Each test is one piece of code whose operands and stack lie in a window of six pages. It is run
;
;     first      with the window's pages present: the reference;
;     mapped     with the window a shared file mapping that has just been mapped again: no entry in the
;                page table, contents in the file (or its cache);
;     evicted    after a sweep over other memory that drives the window out to swap, if the machine is
;                smaller than the sweep (argument: pages, standard 64);
;     forked     after fork, in parent and child: all pages present but not writable, copy-on-write.
;
; Afterwards all general registers, the flags, the FPU and SSE registers and every byte of the window must
; be those of the reference. Prints "ok NAME" or "FAILED NAME: RUN: WHAT". Exit status 0: all were ok.
;
; No C library, so that nothing but the code below touches the window or the processor's state.
;
; Two are left out because QEMU's emulation (7.2) breaks the promise, not the kernel: iret reads its operands
; with the kernel's rights, which SMAP forbids, so that the fault never ends; rcl and rcr of memory have
; changed the carry flag, which is an operand of theirs, by the time their store faults. And 80-bit numbers are
; cut by the page's edge behind their eighth byte at the earliest: where it is before, QEMU 10.0 takes the rest
; from, or stores it to, the physically next page, whosever that is (access_ptr() in its target/i386).
;
; Source: Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 3, 6.5-6.6 (faults are
; restartable); Tanenbaum, "Modern Operating Systems", 3.6.4 (instruction backup).

bits 32

PAGE            equ 4096
W               equ 0x50000000          ; the window
W_PAGES         equ 6
W_BYTES         equ W_PAGES * PAGE

SYS_EXIT        equ 1
SYS_FORK        equ 2
SYS_READ        equ 3
SYS_WRITE       equ 4
SYS_OPEN        equ 5
SYS_WAITPID     equ 7
SYS_UNLINK      equ 10
SYS_PIPE        equ 42
SYS_MUNMAP      equ 91
SYS_FTRUNCATE   equ 93
SYS_UNAME       equ 122
SYS_MMAP2       equ 192
SYS_FTRUNCATE64 equ 194

MAP_SHARED      equ 0x01
MAP_PRIVATE     equ 0x02
MAP_FIXED       equ 0x10
MAP_ANONYMOUS   equ 0x20
PROT_RWX        equ 7
O_RDWR          equ 2
O_CREAT         equ 0x40
O_TRUNC         equ 0x200

section .bss align=4096
reference_window: resb W_BYTES
out_fx:         resb 512                ; FXSAVE wants it aligned to 16 bytes
reference_fx:   resb 512
; What the processor held at the end of a run, in this order.
out:
out_eax:        resd 1
out_ebx:        resd 1
out_ecx:        resd 1
out_edx:        resd 1
out_esi:        resd 1
out_edi:        resd 1
out_ebp:        resd 1
out_esp:        resd 1
out_flags:      resd 1
out_end:
OUT_WORDS       equ (out_end - out) / 4
reference_out:  resd OUT_WORDS
; What it holds at the start: test's setup may change it.
in_eax:         resd 1
in_ebx:         resd 1
in_ecx:         resd 1
in_edx:         resd 1
in_esi:         resd 1
in_edi:         resd 1
in_ebp:         resd 1
in_esp:         resd 1
saved_esp:      resd 1
pressure:       resd 1                  ; first byte of the swept memory
pressure_pages: resd 1
pressure_round: resd 1
pipe_ends:      resd 2
file:           resd 1
failures:       resd 1
child_status:   resd 1

section .data
file_name:      db "restart.tmp", 0
text_ok:        db "ok "
text_failed:    db "FAILED "
text_colon:     db ": "
text_newline:   db 10
text_error:     db "restart: a system call failed", 10
TEXT_ERROR      equ $ - text_error
fpu_one:        dq 1.5
fpu_two:        dt 2.718281828459045235
sse_values:     dd 0x11111111, 0x22222222, 0x33333333, 0x44444444
                dd 0x55555555, 0x66666666, 0x77777777, 0x88888888
what_register:  db "registers or flags", 0
what_fpu:       db "FPU or SSE registers", 0
what_memory:    db "memory", 0
text_mapped:    db "mapped", 0
text_evicted:   db "evicted", 0
text_forked:    db "forked", 0

; A test: TEST name, the setup (may change in_* and the window; ends in ret), CODE, the code, END.
; A row of the table at the end of the file is made for each.
%assign tests 0
%macro TEST 1
%xdefine test_name %1
%assign tests tests + 1
%xdefine test_%[tests] %1
setup_%1:
%endmacro
%macro CODE 0
code_%[test_name]:
%endmacro
%macro END 0
        jmp     after
%endmacro

section .text
global _start

; --- the tests -----------------------------------------------------------------------------------------
; Standard registers: esi = W + PAGE - 2 and edi = W + 3 * PAGE - 2 (both operands lie across a page
; edge), esp = W + 5 * PAGE + 8 (a few pushes cross a page edge), ebp = W + 2 * PAGE, the others magic.

TEST movsd_both_absent
        ret
CODE
        movsd
END

TEST movsw_backward
        ret
CODE
        std
        movsw
END

TEST rep_movsb_forward
        mov     dword [in_ecx], 2 * PAGE - 100
        mov     dword [in_esi], W + 3
        mov     dword [in_edi], W + 3 * PAGE + 1
        ret
CODE
        rep     movsb
END

TEST rep_movsb_backward
        mov     dword [in_ecx], 2 * PAGE + 77
        mov     dword [in_esi], W + 2 * PAGE + 500
        mov     dword [in_edi], W + 5 * PAGE + 501
        ret
CODE
        std
        rep     movsb
END

TEST rep_movsw_unaligned
        mov     dword [in_ecx], PAGE - 10
        mov     dword [in_esi], W + 1
        mov     dword [in_edi], W + 3 * PAGE + 3
        ret
CODE
        rep     movsw
END

TEST rep_movsw_backward
        mov     dword [in_ecx], PAGE / 2 + 3
        mov     dword [in_esi], W + 2 * PAGE + 1
        mov     dword [in_edi], W + 5 * PAGE - 1
        ret
CODE
        std
        rep     movsw
END

TEST rep_movsd_unaligned
        mov     dword [in_ecx], PAGE / 2 - 5
        mov     dword [in_esi], W + 2
        mov     dword [in_edi], W + 3 * PAGE + 7
        ret
CODE
        rep     movsd
END

TEST rep_movsd_backward
        mov     dword [in_ecx], PAGE / 4 + 9
        mov     dword [in_esi], W + 2 * PAGE - 2
        mov     dword [in_edi], W + 4 * PAGE + 1
        ret
CODE
        std
        rep     movsd
END

TEST rep_movsb_overlapping      ; each byte comes from the one moved before it
        mov     dword [in_ecx], PAGE + 20
        mov     dword [in_esi], W + PAGE - 10
        mov     dword [in_edi], W + PAGE - 9
        ret
CODE
        rep     movsb
END

TEST rep_stosb
        mov     dword [in_ecx], 2 * PAGE + 1
        mov     dword [in_edi], W + PAGE - 1
        ret
CODE
        rep     stosb
END

TEST rep_stosd_backward
        mov     dword [in_ecx], PAGE / 2
        mov     dword [in_edi], W + 3 * PAGE - 1
        ret
CODE
        std
        rep     stosd
END

TEST lodsd_across
        ret
CODE
        lodsd
END

TEST cmpsd_both_absent
        ret
CODE
        cmpsd
END

TEST repe_cmpsb                 ; two equal strings, but for one byte on the second pages
        mov     dword [in_ecx], 2 * PAGE
        mov     esi, W + 10
        mov     edi, W + 3 * PAGE + 20
        mov     [in_esi], esi
        mov     [in_edi], edi
        mov     ecx, 2 * PAGE
        rep     movsb
        inc     byte [W + 3 * PAGE + 20 + PAGE + 1234]
        ret
CODE
        repe    cmpsb
END

TEST repe_cmpsd_backward
        mov     dword [in_ecx], PAGE / 2
        mov     esi, W + 5
        mov     edi, W + 3 * PAGE + 5
        mov     ecx, 2 * PAGE
        rep     movsb
        mov     dword [in_esi], W + 2 * PAGE - 2
        mov     dword [in_edi], W + 5 * PAGE - 2
        dec     dword [W + 3 * PAGE + 50]
        ret
CODE
        std
        repe    cmpsd
END

TEST repne_scasb                ; the byte is on the third page
        mov     edi, W + 100
        mov     [in_edi], edi
        mov     ecx, 3 * PAGE
        mov     [in_ecx], ecx
        mov     al, 7
        rep     stosb
        mov     byte [W + 2 * PAGE + 333], 8
        mov     byte [in_eax], 8
        ret
CODE
        repne   scasb
END

TEST push_memory                ; operand and stack absent, both across an edge
        mov     dword [in_esp], W + 5 * PAGE + 2
        ret
CODE
        push    dword [W + PAGE - 1]
END

TEST pop_memory
        mov     dword [in_esp], W + 5 * PAGE - 2
        ret
CODE
        pop     dword [W + PAGE - 1]
END

TEST pop_memory_by_esp          ; the address is computed with the new esp
        mov     dword [in_esp], W + 4 * PAGE - 2
        ret
CODE
        pop     dword [esp + PAGE - 4]
END

TEST push_esp_relative
        mov     dword [in_esp], W + 4 * PAGE + 3
        ret
CODE
        push    dword [esp - 2 * PAGE - 1]
END

TEST pusha_at_page_edge
        mov     dword [in_esp], W + 3 * PAGE + 14
        ret
CODE
        pusha
END

TEST popa_at_page_edge
        mov     dword [in_esp], W + 3 * PAGE - 14
        ret
CODE
        popa
END

TEST pushf_popf_at_page_edge
        mov     dword [in_esp], W + 3 * PAGE + 2
        ret
CODE
        stc
        pushf
        xor     eax, eax
        popf
END

TEST call_memory_at_page_edge   ; the target's address lies across an edge, the stack is absent
        mov     dword [W + PAGE - 2], .target
        mov     dword [in_esp], W + 4 * PAGE + 2
        ret
.target:
        pop     eax
        sub     eax, code_call_memory_at_page_edge
        jmp     after
CODE
        call    [W + PAGE - 2]
END

TEST call_and_return            ; every stack access absent or across an edge
        mov     dword [in_esp], W + 4 * PAGE + 2
        ret
.function:
        mov     ebx, 12345
        ret     8
CODE
        push    eax
        push    ecx
        call    setup_call_and_return.function
END

TEST jump_through_memory
        mov     dword [W + 2 * PAGE - 3], .target
        ret
.target:
        mov     ebx, 54321
        jmp     after
CODE
        jmp     [W + 2 * PAGE - 3]
END

TEST enter_plain
        mov     dword [in_esp], W + 4 * PAGE + 2
        ret
CODE
        enter   PAGE, 0
        mov     [esp], eax
END

TEST enter_nested               ; copies frame pointers from one absent page to another
        mov     dword [in_esp], W + 5 * PAGE + 10
        mov     dword [in_ebp], W + 2 * PAGE + 6
        ret
CODE
        enter   64, 5
END

TEST leave_absent
        mov     dword [in_ebp], W + 2 * PAGE - 2
        ret
CODE
        leave
END

TEST add_memory
        ret
CODE
        stc
        adc     [W + PAGE - 3], eax
END

TEST subtract_from_memory
        ret
CODE
        sub     eax, [W + PAGE - 1]
        sbb     [W + 2 * PAGE - 1], eax
END

TEST increment_memory
        ret
CODE
        inc     dword [W + PAGE - 2]
        neg     word [W + 2 * PAGE - 1]
        not     dword [W + 3 * PAGE - 3]
        dec     byte [W + 4 * PAGE]
END

TEST exchange_memory
        ret
CODE
        xchg    [W + PAGE - 1], eax
        xchg    [W + 2 * PAGE - 3], ebx
END

TEST exchange_and_add
        ret
CODE
        xadd    [W + PAGE - 1], eax
        lock xadd [W + 3 * PAGE - 2], ebx
END

TEST shift_double
        mov     dword [in_ecx], 13
        ret
CODE
        shld    [W + PAGE - 2], eax, cl
        shrd    [W + 2 * PAGE - 2], ebx, cl
        ror     dword [W + 3 * PAGE - 2], 3
END

TEST multiply_divide_memory
        mov     dword [W + 2 * PAGE - 2], 1000003
        ret
CODE
        mul     dword [W + PAGE - 2]
        xor     edx, edx
        div     dword [W + 2 * PAGE - 2]
END

TEST compare_exchange_equal     ; a locked one, across two absent pages
        mov     eax, [W + PAGE - 2]
        mov     [in_eax], eax
        ret
CODE
        lock cmpxchg [W + PAGE - 2], ebx
END

TEST compare_exchange_unequal
        ret
CODE
        lock cmpxchg [W + PAGE - 2], ebx
END

TEST compare_exchange_8_equal
        mov     eax, [W + PAGE - 5]
        mov     [in_eax], eax
        mov     eax, [W + PAGE - 1]
        mov     [in_edx], eax
        ret
CODE
        lock cmpxchg8b [W + PAGE - 5]
END

TEST compare_exchange_8_unequal
        ret
CODE
        cmpxchg8b [W + 2 * PAGE - 3]
END

TEST bit_far_away               ; the bit's page is not the operand's
        mov     dword [in_eax], 3 * PAGE * 8 + 5
        mov     dword [in_ebx], -(PAGE * 8) + 1
        ret
CODE
        bts     [W + 100], eax
        btr     [W + 5 * PAGE], ebx
        lock btc [W + PAGE], eax
END

TEST translate_byte
        mov     dword [in_ebx], W + PAGE - 100
        mov     byte [in_eax], 200
        ret
CODE
        xlatb
END

TEST pop_segment
        mov     dword [in_esp], W + 2 * PAGE - 2
        mov     dword [W + 2 * PAGE - 2], 0
        ret
CODE
        pop     es
        push    ds
        pop     es
END

TEST mov_imm_to_absent
        ret
CODE
        mov     dword [W + PAGE - 2], 0x12345678
        mov     ax, [W + 2 * PAGE - 1]
END

; An instruction that itself lies on two pages, split behind each of its bytes: ten bytes of
; mov dword [operand], immediate; then add ebx, eax; then back.
straddling:
        mov     dword [W + 5 * PAGE - 2], 0xabcdef01
STRADDLING_FIRST equ $ - straddling
        add     ebx, eax
        jmp     [back]
STRADDLING      equ $ - straddling

copy_straddling:                ; to the address in edi
        mov     esi, straddling
        mov     ecx, STRADDLING
        rep     movsb
        ret

%assign split 1
%rep STRADDLING_FIRST - 1
TEST instruction_on_two_pages_%[split]
        mov     edi, W + PAGE - split
        mov     dword [in_ecx], W + PAGE - split
        jmp     copy_straddling
CODE
        jmp     ecx
END
%assign split split + 1
%endrep

TEST fpu_load_store             ; 80-bit numbers across edges
        fld     tword [fpu_two]
        fstp    tword [W + PAGE - 8]
        ret
CODE
        fld     tword [W + PAGE - 8]
        fld     st0
        fstp    tword [W + 2 * PAGE - 9]
        fst     qword [W + 3 * PAGE - 1]
        fbstp   [W + 4 * PAGE - 7]
END

TEST fpu_environment            ; instruction and operand pointers are not the same on every processor
        fninit
        fnstenv [W + PAGE - 13]
        mov     word [W + PAGE - 13], 0x027f
        ret
CODE
        fldenv  [W + PAGE - 13]
        fnstenv [W + 2 * PAGE - 9]
        mov     dword [W + 2 * PAGE - 9 + 12], 0
        mov     dword [W + 2 * PAGE - 9 + 16], 0
        mov     dword [W + 2 * PAGE - 9 + 20], 0
        mov     dword [W + 2 * PAGE - 9 + 24], 0
END

TEST fpu_save_restore           ; 108 bytes
        fninit
        fld1
        fldpi
        fnsave  [W + PAGE - 51]
        fninit
        ret
CODE
        frstor  [W + PAGE - 51]
        fadd    st0, st1
        fnsave  [W + 2 * PAGE - 77]
        mov     dword [W + 2 * PAGE - 77 + 12], 0
        mov     dword [W + 2 * PAGE - 77 + 16], 0
        mov     dword [W + 2 * PAGE - 77 + 20], 0
        mov     dword [W + 2 * PAGE - 77 + 24], 0
END

TEST fxsave_across
        ret
CODE
        fxsave  [W + PAGE - 256]
        mov     dword [W + PAGE - 256 + 4], 0
        mov     dword [W + PAGE - 256 + 8], 0
        mov     dword [W + PAGE - 256 + 12], 0
        mov     dword [W + PAGE - 256 + 16], 0
        mov     dword [W + PAGE - 256 + 20], 0
END

TEST fxrstor_across
        fxsave  [W + PAGE - 256]
        mov     dword [W + PAGE - 256 + 160 + 16], 0xfeedface   ; in xmm1
        ret
CODE
        fxrstor [W + PAGE - 256]
END

TEST sse_across
        ret
CODE
        movups  xmm2, [W + PAGE - 7]
        movups  [W + 2 * PAGE - 9], xmm1
        movaps  xmm3, [W + 3 * PAGE]
        movaps  [W + 4 * PAGE], xmm0
END

TEST system_call_buffers        ; the kernel's own accesses: through a pipe, from and to absent pages
        ret
CODE
        mov     eax, SYS_WRITE
        mov     ebx, [pipe_ends + 4]
        mov     ecx, W + PAGE - 50
        mov     edx, 100
        int     0x80
        mov     esi, eax
        mov     eax, SYS_READ
        mov     ebx, [pipe_ends]
        mov     ecx, W + 3 * PAGE - 30
        mov     edx, 100
        int     0x80
END

TEST system_call_result         ; a structure the kernel writes across an edge
        ret
CODE
        mov     eax, SYS_UNAME
        mov     ebx, W + 2 * PAGE - 195
        int     0x80
END

; --- running one test ----------------------------------------------------------------------------------

; Runs the code at eax with the registers of in_*; comes back with out_* and out_fx filled.
run_code:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [saved_esp], esp
        mov     [target], eax
        fninit
        fld     qword [fpu_one]
        fld     tword [fpu_two]
        movups  xmm0, [sse_values]
        movups  xmm1, [sse_values + 16]
        movups  xmm2, [sse_values + 8]
        movups  xmm3, [sse_values + 4]
        mov     eax, [in_eax]
        mov     ebx, [in_ebx]
        mov     ecx, [in_ecx]
        mov     edx, [in_edx]
        mov     esi, [in_esi]
        mov     edi, [in_edi]
        mov     ebp, [in_ebp]
        mov     esp, [in_esp]
        cmp     esp, 1                  ; known flags
        jmp     [target]

; Where every test's code ends. Only mov until the flags are saved.
after:
        mov     [out_eax], eax
        mov     [out_ebx], ebx
        mov     [out_ecx], ecx
        mov     [out_edx], edx
        mov     [out_esi], esi
        mov     [out_edi], edi
        mov     [out_ebp], ebp
        mov     [out_esp], esp
        mov     esp, [saved_esp]
        pushf
        pop     dword [out_flags]
        cld
        fxsave  [out_fx]
        mov     dword [out_fx + 4], 0   ; opcode and pointers of the last FPU instruction: not the
        mov     dword [out_fx + 8], 0   ; same on every processor, nor kept by all between processes
        mov     dword [out_fx + 12], 0
        mov     dword [out_fx + 16], 0
        mov     dword [out_fx + 20], 0
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

; Standard contents of window and in_*, then the test's own: ebp points to its row of the table.
prepare:
        mov     edi, W
        xor     eax, eax
.fill:
        mov     [edi], eax
        add     eax, 0x9e3779b1
        add     edi, 4
        cmp     edi, W + W_BYTES
        jb      .fill
        mov     dword [in_eax], 0xa1b2c3d4
        mov     dword [in_ebx], 0x0badcafe
        mov     dword [in_ecx], 0x13579bdf
        mov     dword [in_edx], 0x2468ace0
        mov     dword [in_esi], W + PAGE - 2
        mov     dword [in_edi], W + 3 * PAGE - 2
        mov     dword [in_ebp], W + 2 * PAGE
        mov     dword [in_esp], W + 5 * PAGE + 8
        jmp     [ebp + 4]               ; the test's setup

; The window: fresh anonymous pages, or the file's.
map_anonymous:
        mov     esi, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        mov     edi, -1
        jmp     map_window
map_file:
        mov     esi, MAP_SHARED | MAP_FIXED
        mov     edi, [file]
map_window:
        push    ebp
        mov     eax, SYS_MMAP2
        mov     ebx, W
        mov     ecx, W_BYTES
        mov     edx, PROT_RWX
        xor     ebp, ebp
        int     0x80
        pop     ebp
        jmp     check_result

unmap_window:
        mov     eax, SYS_MUNMAP
        mov     ebx, W
        mov     ecx, W_BYTES
        int     0x80
check_result:
        cmp     eax, -4095
        jae     die
        ret

; Writes to every page of other memory, so that a small machine has to part with the window.
press:
        inc     dword [pressure_round]
        mov     edi, [pressure]
        mov     ecx, [pressure_pages]
        mov     eax, [pressure_round]
.page:
        mov     [edi], eax
        add     edi, PAGE
        dec     ecx
        jnz     .page
        ret

; Compares with the reference. eax = 0: equal, else the text of what is not.
compare:
        push    ebp
        cld
        mov     esi, out
        mov     edi, reference_out
        mov     ecx, OUT_WORDS
        mov     eax, what_register
        repe    cmpsd
        jne     .done
        mov     esi, out_fx
        mov     edi, reference_fx
        mov     ecx, 128
        mov     eax, what_fpu
        repe    cmpsd
        jne     .done
        mov     esi, W
        mov     edi, reference_window
        mov     ecx, W_BYTES / 4
        mov     eax, what_memory
        repe    cmpsd
        jne     .done
        xor     eax, eax
.done:
        pop     ebp
        ret

keep_reference:
        mov     esi, out
        mov     edi, reference_out
        mov     ecx, OUT_WORDS
        rep     movsd
        mov     esi, out_fx
        mov     edi, reference_fx
        mov     ecx, 128
        rep     movsd
        mov     esi, W
        mov     edi, reference_window
        mov     ecx, W_BYTES / 4
        rep     movsd
        ret

run_test:                               ; runs the code of row ebp
        mov     eax, [ebp + 8]
        jmp     run_code

; All runs of the test in row ebp.
one_test:
        call    map_anonymous
        call    prepare
        call    run_test
        call    keep_reference

        call    map_file
        call    prepare
        call    unmap_window
        call    map_file
        call    run_test
        call    compare
        mov     ebx, text_mapped
        test    eax, eax
        jnz     report_failure

        call    map_anonymous
        call    prepare
        call    press
        call    run_test
        call    compare
        mov     ebx, text_evicted
        test    eax, eax
        jnz     report_failure

        call    map_anonymous
        call    prepare
        call    run_forked
        mov     ebx, text_forked
        test    eax, eax
        jnz     report_failure

        mov     ecx, text_ok
        mov     edx, 3
        call    print
        call    print_name
        jmp     print_newline

; Parent and child both run the code on their copies; eax as of compare.
run_forked:
        mov     eax, SYS_FORK
        int     0x80
        call    check_result
        test    eax, eax
        jz      .child
        push    eax
        call    run_test
        call    compare
        pop     ebx
        push    eax
        mov     eax, SYS_WAITPID
        mov     ecx, child_status
        xor     edx, edx
        int     0x80
        call    check_result
        pop     eax
        cmp     dword [child_status], 0
        je      .done
        mov     eax, what_memory
.done:
        ret
.child:
        call    run_test
        call    compare
        mov     ebx, eax
        neg     ebx
        sbb     ebx, ebx                ; 0, or -1 for any difference
        mov     eax, SYS_EXIT
        int     0x80

; --- talking -------------------------------------------------------------------------------------------

print:                                  ; edx bytes at ecx
        mov     eax, SYS_WRITE
        mov     ebx, 1
        int     0x80
        ret

print_text:                             ; up to the zero byte, from ecx
        mov     edx, -1
.length:
        inc     edx
        cmp     byte [ecx + edx], 0
        jne     .length
        jmp     print

print_name:
        mov     ecx, [ebp]
        jmp     print_text

print_newline:
        mov     ecx, text_newline
        mov     edx, 1
        jmp     print

report_failure:                         ; eax: what, ebx: in which run
        inc     dword [failures]
        push    eax
        push    ebx
        mov     ecx, text_failed
        mov     edx, 7
        call    print
        call    print_name
        mov     ecx, text_colon
        mov     edx, 2
        call    print
        pop     ecx
        call    print_text
        mov     ecx, text_colon
        mov     edx, 2
        call    print
        pop     ecx
        call    print_text
        jmp     print_newline

die:
        mov     eax, SYS_WRITE
        mov     ebx, 2
        mov     ecx, text_error
        mov     edx, TEXT_ERROR
        int     0x80
        mov     eax, SYS_EXIT
        mov     ebx, 1
        int     0x80

; --- start ---------------------------------------------------------------------------------------------

; The number in the text at esi: eax.
parse_number:
        xor     eax, eax
        xor     edx, edx
.digit:
        mov     dl, [esi]
        sub     dl, '0'
        cmp     dl, 9
        ja      .done
        imul    eax, eax, 10
        add     eax, edx
        inc     esi
        jmp     .digit
.done:
        ret

open_files:
        mov     eax, SYS_PIPE
        mov     ebx, pipe_ends
        int     0x80
        call    check_result
        mov     eax, SYS_OPEN
        mov     ebx, file_name
        mov     ecx, O_RDWR | O_CREAT | O_TRUNC
        mov     edx, 0o600
        int     0x80
        call    check_result
        mov     [file], eax
        mov     ebx, eax
        mov     eax, SYS_FTRUNCATE64
        mov     ecx, W_BYTES
        xor     edx, edx
        int     0x80
        jmp     check_result

map_pressure:
        mov     ecx, [pressure_pages]
        shl     ecx, 12
        mov     eax, SYS_MMAP2
        xor     ebx, ebx
        mov     edx, 3
        mov     esi, MAP_PRIVATE | MAP_ANONYMOUS
        mov     edi, -1
        xor     ebp, ebp
        int     0x80
        mov     [pressure], eax
        jmp     check_result

_start:
        mov     dword [pressure_pages], 64
        cmp     dword [esp], 2
        jb      .standard
        mov     esi, [esp + 8]
        call    parse_number
        test    eax, eax
        jz      die
        mov     [pressure_pages], eax
.standard:
        call    open_files
        call    map_pressure
        mov     ebp, table
.test:
        call    one_test
        add     ebp, 12
        cmp     ebp, table_end
        jb      .test
        mov     eax, SYS_UNLINK
        mov     ebx, file_name
        int     0x80
        mov     ebx, [failures]
        test    ebx, ebx
        setnz   bl
        movzx   ebx, bl
        mov     eax, SYS_EXIT
        int     0x80

section .data
align 4
back:           dd after
target:         dd 0

; The table of tests: name, setup, code.
%macro ROW 1
                dd name_%1, setup_%1, code_%1
%endmacro
%macro NAME 1
%defstr text_of_name %1
name_%1:        db text_of_name, 0
%endmacro
table:
%assign n 1
%rep tests
                ROW test_%[n]
%assign n n + 1
%endrep
table_end:
%assign n 1
%rep tests
                NAME test_%[n]
%assign n n + 1
%endrep
