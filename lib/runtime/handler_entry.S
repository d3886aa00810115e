/* SPDX-License-Identifier: MIT */
/* First instructions of a handler thread: turns the message registers (abi.h) into a struct bh_message on the stack and calls
 * the handler. bh_thread_start_passive put the handler in rbx and its argument in rbp. */
	.text
	.globl bh_handler_entry
	.type bh_handler_entry, @function
bh_handler_entry:
	testl	%eax, %eax		/* an ended wait brings no message: label NONE */
	jz	1f
	xorl	%esi, %esi
1:	subq	$64, %rsp
	movq	%rsi, 0(%rsp)		/* struct bh_message: info, word[4], badge */
	movq	%rdx, 8(%rsp)
	movq	%r10, 16(%rsp)
	movq	%r8, 24(%rsp)
	movq	%r9, 32(%rsp)
	movq	%rdi, 40(%rsp)
	movq	%rbp, %rdi
	movq	%rsp, %rsi
	xorl	%ebp, %ebp
	cld
	call	*%rbx
	ud2				/* a handler does not return */
	.size bh_handler_entry, . - bh_handler_entry

	.section .note.GNU-stack, "", @progbits
