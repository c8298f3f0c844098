; The first instructions of Faultline: from the loader's flat 32-bit mode to C in the higher half.
;
; A Multiboot 1 loader (GRUB, or QEMU's -kernel) finds the header below, loads the ELF segments at their
; physical addresses from 1 MiB up and jumps to boot_entry: paging off, interrupts off, eax the loader's
; magic, ebx the physical address of its information.
;
; This section is linked at the physical address it runs at; everything else is linked DIRECT_MAP_BASE
; higher. The two page structures made here stay the kernel's for good: kernel_map_init() completes them
; with permissions and takes the identity map away.
;
; Promise to arch_main(): paging on, CR0.WP set, the first 4 MiB mapped at DIRECT_MAP_BASE in 4 KiB pages,
; and, where the processor has 4 MiB pages, all of the direct map.
;
; Source: Multiboot Specification 0.6.96, 3.1 and 3.2; Intel SDM vol. 3A, 4.3 and 9.9.

DIRECT_MAP_BASE  equ 0xC0000000
DIRECT_MAP_PDES  equ 192                ; 768 MiB of 4 MiB each
KERNEL_PDE       equ DIRECT_MAP_BASE >> 22

PTE_PRESENT_WRITABLE equ 0x003
PDE_4MIB         equ 0x080

CPUID_EDX_PSE    equ 1 << 3
CR4_PSE          equ 1 << 4
CR0_WP           equ 1 << 16
CR0_PG           equ 1 << 31

HEADER_MAGIC     equ 0x1BADB002
HEADER_FLAGS     equ 0x3                ; align modules to pages; give a memory map

%define PHYSICAL(symbol) ((symbol) - DIRECT_MAP_BASE)

extern arch_main
global boot_entry, boot_stack_guard, boot_stack_top, kernel_directory, kernel_table

section .boot progbits alloc exec nowrite align=16

        align 4
        dd HEADER_MAGIC
        dd HEADER_FLAGS
        dd -(HEADER_MAGIC + HEADER_FLAGS)

boot_entry:
        cli
        cld
        mov     esp, PHYSICAL(boot_stack_top)
        push    dword 0                 ; no return address, no caller's frame: backtraces end here
        push    ebx                     ; arch_main's arguments
        push    eax
        xor     ebp, ebp

        ; Frames 0 to 1023, the kernel image among them, one by one.
        mov     edi, PHYSICAL(kernel_table)
        mov     eax, PTE_PRESENT_WRITABLE
        mov     ecx, 1024
.next_page:
        stosd
        add     eax, 4096
        loop    .next_page

        ; Seen at 0, where this code runs until it jumps, and in the direct map.
        mov     eax, PHYSICAL(kernel_table) + PTE_PRESENT_WRITABLE
        mov     [PHYSICAL(kernel_directory)], eax
        mov     [PHYSICAL(kernel_directory) + 4 * KERNEL_PDE], eax

        ; The rest of the direct map in 4 MiB pages, so that the loader's data can be read wherever it is.
        mov     eax, 1
        cpuid
        test    edx, CPUID_EDX_PSE
        jz      .enable_paging
        mov     eax, cr4
        or      eax, CR4_PSE
        mov     cr4, eax
        mov     edi, PHYSICAL(kernel_directory) + 4 * (KERNEL_PDE + 1)
        mov     eax, 0x400000 + PDE_4MIB + PTE_PRESENT_WRITABLE
        mov     ecx, DIRECT_MAP_PDES - 1
.next_large_page:
        stosd
        add     eax, 0x400000
        loop    .next_large_page

.enable_paging:
        mov     eax, PHYSICAL(kernel_directory)
        mov     cr3, eax
        mov     eax, cr0
        or      eax, CR0_PG | CR0_WP
        mov     cr0, eax
        add     esp, DIRECT_MAP_BASE
        pop     eax
        pop     edx
        mov     ecx, arch_main          ; an absolute jump: a relative one would stay low
        jmp     ecx

section .bss nobits alloc noexec write align=4096

boot_stack_guard:
        resb    4096                    ; unmapped later; its frame is the price of a clear message
        resb    8192
boot_stack_top:
kernel_directory:
        resb    4096
kernel_table:
        resb    4096
