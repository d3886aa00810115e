/* SPDX-License-Identifier: MIT */
/* Code of the random-call root task that is not C: where foreign system calls come, and what its guests execute. */
	.text
/* Where system calls without bit 63 come in a thread that asks for it: served by doing nothing. */
	.globl upcall_entry
upcall_entry:
	xorl	%eax, %eax
	jmp	*%rcx

/* A guest in real mode, one page at 0 and at the reset vector. It uses four ranges of eight ports, of which the last is a
 * doorbell: those accesses the kernel completes. Every 64th round it does something that exits to its VMM; since nobody here moves rip
 * on, there it stays until somebody scribbles on its state page or it is made anew. */
	.section .rodata
	.code16
	.globl guest_page, guest_page_end
	.balign	16
guest_page:
	movw	$0xe00, %sp
	xorw	%si, %si
round:
	incw	%si
	movw	%si, %bx
	andw	$3, %bx
	shlw	$4, %bx
	leaw	0x100(%bx), %dx
	outb	%al, %dx
	testw	$4, %si
	jz	1f
	addw	$2, %dx
	outw	%ax, %dx
	outl	%eax, %dx
1:	cmpw	$0x30, %bx
	je	2f
	inb	%dx, %al
	inl	%dx, %eax
2:	movw	$20, %cx
3:	loop	3b
	testw	$0x3f, %si
	jnz	round
	movw	%si, %bx
	shrw	$6, %bx
	andw	$7, %bx
	jz	exit_cpuid
	decw	%bx
	jz	exit_halt
	decw	%bx
	jz	exit_msr
	decw	%bx
	jz	exit_memory
	decw	%bx
	jz	exit_string
	decw	%bx
	jz	exit_call
	decw	%bx
	jz	exit_shutdown
	jmp	round
exit_cpuid:
	cpuid
	jmp	round
exit_halt:
	sti
	hlt
	jmp	round
exit_msr:
	movl	$0xc0010015, %ecx
	rdmsr
	wrmsr
	jmp	round
exit_memory:
	movb	%al, 0x8000
	jmp	round
exit_string:
	outsb
	jmp	round
exit_call:
	.byte	0x0f, 0x01, 0xd9	/* VMMCALL */
	wbinvd
	jmp	round
exit_shutdown:
	lidt	%cs:(no_table - guest_page)
	int	$3
	jmp	round
no_table:
	.word	0, 0, 0
	.org	guest_page + 0xff0
	ljmp	$0, $0
	.org	guest_page + 0x1000
guest_page_end:
	.code64
	.section .note.GNU-stack, "", @progbits
