/* SPDX-License-Identifier: MIT */
/* The root task's first instruction. The kernel starts it with rdi = boot information and an empty, aligned stack. There is no libc to start:
 * the root task uses only functions of musl that make no system calls and no use of TLS. */
	.text
	.globl _start
	.type _start, @function
_start:
	xorl	%ebp, %ebp
	cld
	call	root_main
	ud2
	.size _start, . - _start

	.section .note.GNU-stack, "", @progbits
