/* SPDX-License-Identifier: MIT */
/* From the boot loader to C: multiboot headers, check for long mode, early page tables, 64-bit mode, boot stack; and
 * the exception stubs that hold until the kernel proper has loaded its own. */

#include "arch/x86_64/layout.h"
#include "arch/x86_64/selectors.h"

#define MULTIBOOT1_MAGIC 0x1badb002
#define MULTIBOOT1_FLAGS 0x3 /* modules on page boundaries, memory map wanted */
#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_ARCHITECTURE 0 /* i386, protected mode */

#define PTE_PRESENT_WRITABLE 0x3
#define PTE_LARGE 0x80
#define BOOT_STACK_SIZE 16384
#define COM1 0x3f8

/* Multiboot Specification 0.6.96 §3.1. */
	.section .boot.header, "a"
	.balign 8
multiboot1_header:
	.long MULTIBOOT1_MAGIC
	.long MULTIBOOT1_FLAGS
	.long -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)

/* Multiboot2 Specification 2.0 §3.1. Every tag is optional (flag 1): a loader that lacks one still starts us.
 * There is no framebuffer tag: UEFI's GRUB hands over a framebuffer without, if the image loads its video modules, and
 * on a BIOS the text mode serves better (and asking for graphics crashes GRUB on Bochs' BIOS). */
	.balign 8
multiboot2_header:
	.long MULTIBOOT2_MAGIC
	.long MULTIBOOT2_ARCHITECTURE
	.long multiboot2_header_end - multiboot2_header
	.long -(MULTIBOOT2_MAGIC + MULTIBOOT2_ARCHITECTURE + (multiboot2_header_end - multiboot2_header))
	/* Information wanted: command line, modules, memory map, framebuffer, RSDP old and new. */
	.balign 8
	.short 1, 1
	.long 32
	.long 1, 3, 6, 8, 14, 15
	/* Modules on page boundaries. */
	.balign 8
	.short 6, 1
	.long 8
	.balign 8
	.short 0, 0
	.long 8
multiboot2_header_end:

/* Entry: 32-bit protected mode, paging off, EAX = loader's magic, EBX = its information (both protocols). */
	.section .boot.text, "ax"
	.code32
	.globl boot_entry
boot_entry:
	cli
	cld
	movl %eax, %edi
	movl %ebx, %esi
	movl $(boot_stack_top - KERNEL_IMAGE_BASE), %esp

	/* CPUID is there if EFLAGS.ID can be changed (AMD APM vol. 3 appendix E.1). */
	pushfl
	popl %eax
	movl %eax, %ecx
	xorl $(1 << 21), %eax
	pushl %eax
	popfl
	pushfl
	popl %eax
	cmpl %ecx, %eax
	je no_long_mode
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode

	/* Four page directories map the low 4 GiB in 2 MiB pages. The loader has zeroed .bss. */
	movl $(early_directories - KERNEL_IMAGE_BASE), %ebx
	movl $(PTE_PRESENT_WRITABLE | PTE_LARGE), %eax
	xorl %ecx, %ecx
1:	movl %eax, (%ebx, %ecx, 8)
	addl $LARGE_PAGE_SIZE, %eax
	incl %ecx
	cmpl $2048, %ecx
	jne 1b

	/* The same directories serve the identity map, the direct map and, the first one, the kernel image. */
	movl $(early_low_pointers - KERNEL_IMAGE_BASE), %edx
	leal PTE_PRESENT_WRITABLE(%ebx), %eax
	xorl %ecx, %ecx
1:	movl %eax, (%edx, %ecx, 8)
	addl $PAGE_SIZE, %eax
	incl %ecx
	cmpl $4, %ecx
	jne 1b
	leal PTE_PRESENT_WRITABLE(%ebx), %eax
	movl %eax, early_image_pointers - KERNEL_IMAGE_BASE + 510 * 8
	movl $(early_pml4 - KERNEL_IMAGE_BASE), %ebx
	leal PTE_PRESENT_WRITABLE(%edx), %eax
	movl %eax, (%ebx)
	movl %eax, PML4_KERNEL_FIRST * 8(%ebx)
	movl $(early_image_pointers - KERNEL_IMAGE_BASE + PTE_PRESENT_WRITABLE), %eax
	movl %eax, 511 * 8(%ebx)

	/* AMD APM vol. 2 §14.6.1: PAE, root, EFER.LME, then paging. */
	movl %cr4, %eax
	orl $(1 << 5), %eax
	movl %eax, %cr4
	movl %ebx, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $(1 << 8), %eax
	wrmsr
	movl %cr0, %eax
	orl $((1 << 31) | (1 << 16) | 1), %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $SELECTOR_KERNEL_CODE, $long_mode

no_long_mode:
	/* 115200 8N1 on COM1, then the message there and in VGA text; both writes are harmless where there is neither. */
	movl $serial_setup, %esi
1:	movzwl (%esi), %edx
	movb 2(%esi), %al
	outb %al, %dx
	addl $3, %esi
	cmpl $serial_setup_end, %esi
	jne 1b
	movl $no_long_mode_text, %esi
	movl $0xb8000, %edi
	movb $0x0f, %ah
2:	lodsb
	testb %al, %al
	jz 4f
	stosw
	movl $100000, %ecx
	movw $(COM1 + 5), %dx
	movb %al, %bl
3:	inb %dx, %al
	testb $0x20, %al
	loopz 3b
	movb %bl, %al
	movw $COM1, %dx
	outb %al, %dx
	jmp 2b
4:	hlt
	jmp 4b

serial_setup: /* port (two bytes), value: interrupts off, divisor 1, 8N1, FIFOs cleared and on, DTR and RTS */
	.short COM1 + 1
	.byte 0
	.short COM1 + 3
	.byte 0x80
	.short COM1 + 0
	.byte 1
	.short COM1 + 1
	.byte 0
	.short COM1 + 3
	.byte 3
	.short COM1 + 2
	.byte 7
	.short COM1 + 4
	.byte 3
serial_setup_end:
no_long_mode_text:
	.asciz "Bulkhead needs a 64-bit CPU (long mode), and this one has none. In QEMU use qemu-system-x86_64 -cpu EPYC. KERNEL HALTED\r\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00209b0000000000 /* kernel code, 64-bit */
	.quad 0x0000930000000000 /* kernel data */
boot_gdt_end:
boot_gdt_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	.code64
long_mode:
	movl $SELECTOR_KERNEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $long_mode_high, %rax
	jmp *%rax

	.text
long_mode_high:
	/* The GDT by its direct-map address: the identity map ends with the early tables. */
	movq $boot_gdt_high_pointer, %rax
	lgdt (%rax)
	movq $boot_stack_top, %rsp
	xorl %ebp, %ebp
	/* The upper halves of RDI and RSI are undefined after the change of mode. */
	movl %edi, %edi
	movl %esi, %esi
	call arch_boot
	ud2

	.globl boot_enter_kernel_main
boot_enter_kernel_main:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	call kernel_main
	ud2

/* Exceptions during boot: stub n pushes the vector (and a zero where the CPU pushes no error code), and the common
 * part lays out struct panic_registers (panic.h). Nobody returns. */
#define VECTORS_WITH_ERROR_CODE ((1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17) | \
	(1 << 21) | (1 << 29) | (1 << 30))

	.balign 16
	.globl boot_trap_stubs
boot_trap_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	.if ((VECTORS_WITH_ERROR_CODE >> vector) & 1) == 0
	pushq $0
	.endif
	pushq $vector
	jmp boot_trap_common
	.set vector, vector + 1
	.endr

boot_trap_common:
	/* Stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. The structure's 23 words go below. */
	subq $(23 * 8), %rsp
	movq %rax, 0(%rsp)
	movq %rbx, 8(%rsp)
	movq %rcx, 16(%rsp)
	movq %rdx, 24(%rsp)
	movq %rsi, 32(%rsp)
	movq %rdi, 40(%rsp)
	movq %rbp, 48(%rsp)
	movq (23 + 5) * 8(%rsp), %rax
	movq %rax, 56(%rsp)
	movq %r8, 64(%rsp)
	movq %r9, 72(%rsp)
	movq %r10, 80(%rsp)
	movq %r11, 88(%rsp)
	movq %r12, 96(%rsp)
	movq %r13, 104(%rsp)
	movq %r14, 112(%rsp)
	movq %r15, 120(%rsp)
	movq (23 + 2) * 8(%rsp), %rax
	movq %rax, 128(%rsp)
	movq (23 + 3) * 8(%rsp), %rax
	movq %rax, 136(%rsp)
	movq (23 + 4) * 8(%rsp), %rax
	movq %rax, 144(%rsp)
	movq (23 + 6) * 8(%rsp), %rax
	movq %rax, 152(%rsp)
	movq (23 + 0) * 8(%rsp), %rax
	movq %rax, 160(%rsp)
	movq (23 + 1) * 8(%rsp), %rax
	movq %rax, 168(%rsp)
	movq %cr2, %rax
	movq %rax, 176(%rsp)
	movq $boot_trap_name, %rdi
	movq %rsp, %rsi
	andq $-16, %rsp
	cld
	call panic_with_registers
	ud2

	.section .rodata
boot_trap_name:
	.asciz "exception during boot"
	.balign 8
boot_gdt_high_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.quad boot_gdt + DIRECT_MAP_BASE

	.bss
	.balign PAGE_SIZE
early_pml4:
	.skip PAGE_SIZE
early_low_pointers:
	.skip PAGE_SIZE
early_image_pointers:
	.skip PAGE_SIZE
early_directories:
	.skip 4 * PAGE_SIZE
	.globl boot_stack, boot_stack_top
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
