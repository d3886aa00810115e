/* SPDX-License-Identifier: MIT */
/* Entry of the conformance root task (boot_info.h): rdi = boot information, rsp = top of the stack. */
	.text
	.globl _start
_start:
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	call	conformance_main
1:	jmp	1b

/* Where test threads begin: rbx = function, rbp = its argument (a thread that begins in Recv finds the message in the
 * others). When it returns the thread faults on purpose. */
	.globl thread_entry
thread_entry:
	movq	%rbp, %rdi
	xorl	%ebp, %ebp
	call	*%rbx
	ud2
	.section .note.GNU-stack, "", @progbits
