/* SPDX-License-Identifier: MIT */
/* Where the kernel resumes a thread that executed SYSCALL with a Linux number: registers untouched, rcx = return address,
 * r11 = flags. Works on a stack in the runtime block (user GS base), so it needs no red-zone step, works before TLS exists
 * and after musl's __unmapself has given the thread's stack back. Changes rax, rcx and r11 alone, as Linux does. */
#include <bulkhead/runtime_block.h>

	.text
	.globl bh_upcall_entry
	.type bh_upcall_entry, @function
bh_upcall_entry:
	movq	%rsp, %gs:RUNTIME_BLOCK_USER_STACK
	movq	%gs:RUNTIME_BLOCK_STACK_TOP, %rsp
	pushq	%rcx
	pushq	%r11
	pushq	%r9			/* from here upwards: the array of six arguments */
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	movq	%rax, %rdi
	movq	%rsp, %rsi
	cld
	call	bh_linux_call		/* result in rax */
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	popfq				/* the flags that came in r11 */
	popq	%rcx
	movq	%gs:RUNTIME_BLOCK_USER_STACK, %rsp
	jmp	*%rcx
	.size bh_upcall_entry, . - bh_upcall_entry

	/* The note by which the root task finds the entry (runtime_block.h). */
	.section .note.bulkhead, "a", @note
	.balign	4
	.long	2f - 1f
	.long	4f - 3f
	.long	RUNTIME_NOTE_UPCALL
1:	.asciz	RUNTIME_NOTE_OWNER
2:	.balign	4
3:	.quad	bh_upcall_entry
4:	.balign	4

	.section .note.GNU-stack, "", @progbits
