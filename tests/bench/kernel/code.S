/* SPDX-License-Identifier: MIT */
/* Code that the bench copies: the echo thread's, and the guests', which means the same in 32-bit and 64-bit mode. */
	.section .rodata

/* Copied to a page of its own. rbx = endpoint, rbp = BH_SYS_REPLY_RECV, r12 = Reply; what came stands in rsi, rdx, r10, r8, r9. */
	.globl echo_code, echo_code_end
echo_code:
	movq	%rbx, %rdi
	movq	%rbp, %rax
	syscall
	jmp	echo_code
echo_code_end:

	.macro MARKER number
	.byte	0x0f, 0x1f, 0x84, 0x00
	.word	\number, 0x4d4b
	.endm

/* Rounds within markers, then rounds from RDTSC to RDTSC, whose difference goes to the page. A HLT before each, and at the end. */
	.macro GUEST_ROUNDS name, id, instruction:vararg
	.globl guest_\name, guest_\name\()_end
guest_\name:
	movl	$5, %ecx
1:	hlt
	MARKER	\id
	\instruction
	MARKER	\id + 1
	loop	1b
	movl	$500, %ecx
	movl	$0x800, %edi
2:	hlt
	lfence
	rdtsc
	movl	%eax, %esi
	\instruction
	lfence
	rdtsc
	subl	%esi, %eax
	movl	%eax, (%rdi)
	addl	$4, %edi
	loop	2b
	hlt
guest_\name\()_end:
	.endm

	/* ID_DOORBELL, ID_PORT_READ */
	GUEST_ROUNDS doorbell, 24, outb %al, $0x60
	GUEST_ROUNDS port_read, 26, inb $0x61, %al

/* Real mode. */
	.globl guest_busy, guest_busy_end
guest_busy:
	jmp	guest_busy
guest_busy_end:

	.section .note.GNU-stack, "", @progbits
