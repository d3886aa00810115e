/* SPDX-License-Identifier: MIT */
/* Entry of a 32-bit guest by multiboot1: flat segments, a stack, then guest_start(). Entry stubs of all interrupts. */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.text
	.globl _start
_start:
	cli
	cld
	movl %eax, multiboot_magic
	movl %ebx, multiboot_info
	movl $stack_end, %esp
	call gdt_init
	ljmp $0x08, $1f
1:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %fs
	movw %ax, %gs
	movw %ax, %ss
	call guest_start
2:	hlt
	jmp 2b

interrupt_common:
	pusha
	pushl %ds
	pushl %es
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	cld
	pushl %esp
	call interrupt_entry
	addl $4, %esp
	popl %es
	popl %ds
	popa
	addl $8, %esp
	iret

#include "interrupt_stubs.inc"

/* run_in_user_mode(code): IRET to ring 3; int $0x80 comes back to user_mode_return (see interrupt_entry). */
	.globl run_in_user_mode
run_in_user_mode:
	movl 4(%esp), %eax
	pushl %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	movl %esp, kernel_stack
	pushl $0x23
	pushl $user_stack_end
	pushl $2
	pushl $0x1b
	pushl %eax
	movw $0x23, %ax
	movw %ax, %ds
	movw %ax, %es
	iret
	.globl user_mode_return
user_mode_return:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movl kernel_stack, %esp
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

	.bss
	.balign 16
	.skip 16384
stack_end:
	.skip 4096
	.globl user_stack_end
user_stack_end:
	.skip 4096
	.globl trap_stack_end
trap_stack_end:
kernel_stack:
	.skip 4

	.section .note.GNU-stack, "", @progbits
