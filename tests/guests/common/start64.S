/* SPDX-License-Identifier: MIT */
/* Entry of a 64-bit guest by multiboot1 in 32-bit mode: identity page tables of the low 4 GiB, long mode, then guest_start().
 * Entry stubs of all interrupts. AMD APM vol. 2, 14.6: Enabling and Activating Long Mode. */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	movl %eax, multiboot_magic
	movl %ebx, multiboot_info
	movl $stack_end, %esp

	movl $page_directory_pointers + 3, page_map
	movl $page_directories + 3, %eax
	movl $page_directory_pointers, %edi
	movl $6, %ecx                   /* 4 GiB of identity, then the windows of map_window and SMALL_PAGES (at 8 GiB: entry 8) */
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $page_directories + 5 * 4096 + 3, page_directory_pointers + 8 * 8
	movl $0, page_directory_pointers + 5 * 8
	movl $small_page_table + 3, page_directories + 5 * 4096
	movl $page_directories, %edi
	movl $0x83, %eax                /* present, writable, 2 MiB */
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b

	movl %cr4, %eax
	orl $0x20, %eax                 /* PAE */
	movl %eax, %cr4
	movl $page_map, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx          /* EFER */
	rdmsr
	orl $0x100, %eax                /* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax           /* PG */
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $0x08, $3f

	.code64
3:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %fs
	movw %ax, %gs
	movw %ax, %ss
	movl $stack_end, %esp
	call gdt_init
	pushq $0x30
	pushq $4f
	lretq
4:	call guest_start
5:	hlt
	jmp 5b

interrupt_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	call interrupt_entry
	movq %rbp, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

#include "interrupt_stubs.inc"

	.section .rodata
	.balign 8
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
	.word 23
	.long boot_gdt

	.bss
	.balign 4096
page_map:
	.skip 4096
page_directory_pointers:
	.skip 4096
	.globl page_directories
page_directories:
	.skip 6 * 4096
	.globl small_page_table
small_page_table:
	.skip 4096
	.skip 16384
stack_end:
	.globl user_stack_end, trap_stack_end
user_stack_end:
	.skip 4096
trap_stack_end:

	.section .note.GNU-stack, "", @progbits
