/* SPDX-License-Identifier: MIT */
/* Entry of the random-call root task (boot_info.h: rdi = boot information, rsp = top of the stack), where its threads begin, and
 * what its guests execute. */
	.text
	.globl _start
_start:
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	call	random_main
1:	jmp	1b

/* rbx = function, rbp = its argument; other registers may hold a message that the thread began with. */
	.globl thread_entry
thread_entry:
	movq	%rbp, %rdi
	xorl	%ebp, %ebp
	call	*%rbx
	ud2

/* Where system calls without bit 63 come in a thread that asks for it: served by doing nothing. */
	.globl upcall_entry
upcall_entry:
	xorl	%eax, %eax
	jmp	*%rcx

/* A guest in real mode, one page at 0 and at the reset vector. Each round does all that can exit; ports and registers are what
 * answers and signals left there. */
	.section .rodata
	.code16
	.globl guest_page, guest_page_end
	.balign	16
guest_page:
	movw	$0xe00, %sp
round:
	cpuid
	movw	$0x100, %dx
	incw	%si
	andw	$0x3f, %si
	addw	%si, %dx
	outb	%al, %dx
	inb	%dx, %al
	outw	%ax, %dx
	inl	%dx, %eax
	testw	$1, %si
	jz	1f
	hlt
1:	testw	$2, %si
	jz	2f
	movl	$0xc0010015, %ecx
	rdmsr
	wrmsr
2:	testw	$4, %si
	jz	3f
	movb	%al, 0x8000
3:	testw	$8, %si
	jz	4f
	.byte	0x0f, 0x01, 0xd9	/* VMMCALL */
	wbinvd
4:	testw	$16, %si
	jz	5f
	outsb
	insw
	rdpmc
5:	cmpw	$0x3e, %si
	jne	6f
	lidt	%cs:(no_table - guest_page)	/* triple fault */
	int	$3
6:	movw	$200, %cx
7:	loop	7b
	jmp	round
no_table:
	.word	0, 0, 0
	.org	guest_page + 0xff0
	ljmp	$0, $0
	.org	guest_page + 0x1000
guest_page_end:
	.code64
	.section .note.GNU-stack, "", @progbits
