/* SPDX-License-Identifier: MIT */
/* Entry of a root task (boot_info.h: rdi = boot information, rsp = top of the stack), and where its threads
 * begin. */
	.text
	.globl _start
_start:
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	call	root_task_main
1:	jmp	1b

/* rbx = function, rbp = its argument. When it returns the thread faults on purpose. */
	.globl thread_entry
thread_entry:
	movq	%rbp, %rdi
	xorl	%ebp, %ebp
	call	*%rbx
	ud2

/* A thread that begins in Recv: its first message is in registers. rbx = function(struct bh_message *, argument). */
	.globl passive_entry
passive_entry:
	subq	$48, %rsp
	movq	%rsi, 0(%rsp)
	movq	%rdx, 8(%rsp)
	movq	%r10, 16(%rsp)
	movq	%r8, 24(%rsp)
	movq	%r9, 32(%rsp)
	movq	%rdi, 40(%rsp)
	movq	%rsp, %rdi
	movq	%rbp, %rsi
	xorl	%ebp, %ebp
	call	*%rbx
	ud2
	.section .note.GNU-stack, "", @progbits
