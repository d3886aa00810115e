/* SPDX-License-Identifier: MIT */
/* Instructions that are not a task's to execute, each followed by a return: where one lets the task go on, it comes back. */
#include "attack_code.h"

	.text
	.globl code_interrupts
	.balign 16
code_interrupts:
	.set number, 0
	.rept CODE_INTERRUPTS
	.byte 0xcd, number
	retq
	nop
	.set number, number + 1
	.endr

	.globl code_privileged
	.balign CODE_PRIVILEGED_BYTES
code_privileged:
	.balign CODE_PRIVILEGED_BYTES
	cli
	retq
	.balign CODE_PRIVILEGED_BYTES
	sti
	retq
	.balign CODE_PRIVILEGED_BYTES
	hlt
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; movq %rax, %cr0
	retq
	.balign CODE_PRIVILEGED_BYTES
	movq %cr3, %rax
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; movq %rax, %cr3
	retq
	.balign CODE_PRIVILEGED_BYTES
	movq %cr4, %rax
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; movq %rax, %cr8
	retq
	.balign CODE_PRIVILEGED_BYTES
	movl $0xc0000080, %ecx; rdmsr
	retq
	.balign CODE_PRIVILEGED_BYTES
	movl $0xc0000080, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr
	retq
	.balign CODE_PRIVILEGED_BYTES
	movl $0xc0010117, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr
	retq
	.balign CODE_PRIVILEGED_BYTES
	lgdt -16(%rsp)
	retq
	.balign CODE_PRIVILEGED_BYTES
	lidt -16(%rsp)
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; ltr %ax
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; lldt %ax
	retq
	.balign CODE_PRIVILEGED_BYTES
	invlpg (%rsp)
	retq
	.balign CODE_PRIVILEGED_BYTES
	wbinvd
	retq
	.balign CODE_PRIVILEGED_BYTES
	invd
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; vmrun
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; vmload
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; vmsave
	retq
	.balign CODE_PRIVILEGED_BYTES
	vmmcall
	retq
	.balign CODE_PRIVILEGED_BYTES
	clgi
	retq
	.balign CODE_PRIVILEGED_BYTES
	stgi
	retq
	.balign CODE_PRIVILEGED_BYTES
	swapgs
	retq
	.balign CODE_PRIVILEGED_BYTES
	movq %dr7, %rax
	retq
	.balign CODE_PRIVILEGED_BYTES
	xorl %eax, %eax; movq %rax, %dr7
	retq
	.balign CODE_PRIVILEGED_BYTES
	movl $0x10, %eax; movl %eax, %ss
	retq
	.balign CODE_PRIVILEGED_BYTES
	pushq $0x10; pushq %rsp; pushfq; pushq $0x08; pushq $code_privileged; iretq
	retq
	.balign CODE_PRIVILEGED_BYTES
	movq $0xffffffff80101000, %rax; jmpq *%rax
	retq

	.section .note.GNU-stack, "", @progbits
